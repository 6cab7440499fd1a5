"""The state of a tournament: a log of what has been played, in one file that only ever grows.

A line is a checksum and a record in JSON; a game is on disk before anybody is told of it. A kill or a full disk can
spoil the end at most, and what is torn there is cut off when the file is next opened for writing. A line that is
damaged in another way costs that record alone, and is reported.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from tournaments.games.faults import Fault, Incident

FORMAT = {"kind": "log", "format": "lzeval tournament", "version": 1}
Entry = Mapping[str, Any]


@dataclass(frozen=True)
class LogContent:
    """Content of a log."""

    entries: list[dict[str, Any]]
    damaged: list[int]
    """Numbers of lines, from 1, that cannot be read; a torn last line is not among them."""
    length: int
    """Bytes up to the end of the last whole line."""


def _line(entry: Entry) -> bytes:
    content = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    text = content.encode("utf-8", "backslashreplace")  # JSON's own way to write the surrogates in file names
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _entry(line: bytes) -> dict[str, Any] | None:
    """The record in a line; None if the line is not as it was written."""
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    entry = json.loads(text)
    return entry if isinstance(entry, dict) else None


def read_log(path: Path) -> LogContent:
    """Read a log, also while another process writes it. A log that is not there is empty.

    Raises UserError where the file is something else.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return LogContent([], [], 0)
    except OSError as exc:
        raise UserError(f"{path}: cannot be read ({exc.strerror})") from exc
    lines = data.split(b"\n")[:-1]
    read = [_entry(line) for line in lines]
    if lines and not any(read):
        raise UserError(f"{path}: is no log of a tournament; move it away")
    while read and read[-1] is None:
        lines, read = lines[:-1], read[:-1]
    entries = [entry for entry in read if entry is not None]
    if entries and entries[0].get("kind") == "log" and entries[0] != FORMAT:
        raise UserError(
            f"{path}: was written by another version of lzeval; finish the tournament with that one"
        )
    damaged = [number for number, entry in enumerate(read, 1) if entry is None]
    return LogContent(entries, damaged, sum(len(line) + 1 for line in lines))


class GameLog:
    """The log, open for writing; the caller holds the tournament's lock."""

    def __init__(self, path: Path) -> None:
        """Open or begin the log, and cut off what a killed writer left. Raises UserError."""
        self.path = path
        self.content = read_log(path)
        self._length = self.content.length
        self._file: int | None = None
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            os.ftruncate(self._file, self._length)
        except OSError as exc:
            raise self._refusal(exc) from exc
        if not self._length:
            self.append(FORMAT)
            _sync_folder(path.parent)

    def append(self, entry: Entry, *, durable: bool = True) -> None:
        """Add a record; when this returns it is on disk, or if not `durable` on its way there.

        Raises UserError, and then the log is as before.
        """
        assert self._file is not None, "the log is closed"
        line = _line(entry)
        try:
            os.lseek(self._file, self._length, os.SEEK_SET)
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
            if durable:
                os.fsync(self._file)
        except OSError as exc:
            self._take_back()
            raise self._refusal(exc) from exc
        self._length += len(line)

    def flush(self) -> None:
        """Put everything added before on disk; others may go on adding. Raises UserError."""
        assert self._file is not None, "the log is closed"
        try:
            os.fsync(self._file)
        except OSError as exc:
            raise self._refusal(exc) from exc

    def _take_back(self) -> None:
        assert self._file is not None
        try:
            os.ftruncate(self._file, self._length)
        except OSError:
            return  # then the checksum tells, and the next one who opens the log cuts it

    def _refusal(self, exc: OSError) -> UserError:
        return UserError(
            f"{self.path}: cannot be written ({exc.strerror}); every game reported so far is kept, "
            "the same command goes on when this is mended"
        )

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


@contextmanager
def open_log(path: Path) -> Iterator[GameLog]:
    log = GameLog(path)
    try:
        yield log
    finally:
        log.close()


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file durable; not every system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


# Games


@dataclass(frozen=True)
class FinishedGame:
    """A game that counts, as the log has it."""

    matchup: str
    """Id of its matchup."""
    number: int
    record: GameRecord
    seconds: float = 0.0
    incidents: tuple[Incident, ...] = ()
    clocks: tuple[Mapping[str, str], ...] = ()
    """SGF's properties of the mover's clock, by move; empty without a clock."""
    note: str = ""
    """A line for the record's root comment."""


@dataclass
class History:
    """Sum of a log."""

    games: dict[tuple[str, int], FinishedGame] = field(default_factory=dict)
    """Games by matchup and number, in the order in which they ended."""
    voids: int = 0
    incidents: list[Incident] = field(default_factory=list)
    suspended: dict[str, str] = field(default_factory=dict)
    """Players that the latest run suspended, and why."""
    settings: dict[str, Any] | None = None
    """Settings of the latest run, as `tournaments.plan.settings_check` made them."""
    started: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Games in progress in the latest run, by id: what was said when each began."""


def history_of(entries: Iterable[Entry]) -> History:
    """Add up a log. A game that was logged twice counts once, as it was first."""
    history = History()
    for entry in entries:
        kind = entry.get("kind")
        if kind == "run":
            history.settings = dict(entry["settings"])
            history.suspended.clear()
            history.started.clear()
        elif kind == "start":
            history.started[entry["game"]] = dict(entry)
        elif kind == "game":
            game = decode_game(entry)
            history.started.pop(game.record.game_id, None)
            history.games.setdefault((game.matchup, game.number), game)
            history.incidents += game.incidents
        elif kind == "void":
            history.started.pop(entry["game"], None)
            history.voids += 1
            history.incidents += map(_decode_incident, entry["incidents"])
        elif kind == "suspended":
            history.suspended[entry["player"]] = entry["why"]
    return history


_LOGGED = (
    *(
        "result",
        "game_id",
        "black",
        "white",
        "size",
        "komi",
        "handicap",
        "date",
        "event",
        "opening",
        "pair",
        "seed",
    ),
    *("black_engine", "white_engine", "black_description", "white_description"),
    *("black_cpu_s", "white_cpu_s", "end_comment", "moves", "setup_black", "move_notes", "properties"),
)
"""Fields of a record, in the order of a line of the log. GTP players set up no white stones and tell no winrates."""
_LOG_NAMES = {"move_notes": "notes"}
"""Fields that the log calls otherwise."""


def encode_game(game: FinishedGame) -> dict[str, Any]:
    content = game.record.to_dict(_LOGGED)
    return {
        "kind": "game",
        "matchup": game.matchup,
        "number": game.number,
        **{_LOG_NAMES.get(name, name): value for name, value in content.items()},
        "seconds": round(game.seconds, 3),
        "incidents": [encode_incident(incident) for incident in game.incidents],
        "clocks": [dict(clock) for clock in game.clocks],
        **({"note": game.note} if game.note else {}),
    }


def decode_game(entry: Entry) -> FinishedGame:
    record = GameRecord.from_dict({name: entry[_LOG_NAMES.get(name, name)] for name in _LOGGED})
    incidents = tuple(_decode_incident(incident) for incident in entry["incidents"])
    return FinishedGame(
        matchup=entry["matchup"],
        number=entry["number"],
        record=record,
        seconds=entry["seconds"],
        incidents=incidents,
        clocks=tuple(entry["clocks"]),
        note=entry.get("note", ""),
    )


def encode_incident(incident: Incident) -> dict[str, Any]:
    return {
        "player": incident.player,
        "fault": incident.fault.name,
        "message": incident.message,
        "consequence": incident.consequence,
    }


def _decode_incident(entry: Entry) -> Incident:
    return Incident(entry["player"], Fault[entry["fault"]], entry["message"], entry["consequence"])
