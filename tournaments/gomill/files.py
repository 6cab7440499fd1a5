"""The files that gomill keeps beside a control file: their names, and what it writes into them.

The report is in `tournaments.gomill.report`, records of games are `lzeval.records.record_folder`'.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lzeval.errors import UserError
from lzeval.records.record import GameRecord, describe_result
from lzeval.records.writer import abort_message
from lzeval.system.files import write_text_atomically
from tournaments.gomill.report import report_text
from tournaments.plan.competition import Competition

STOP = "stop"
"""The content of CODE.cmd that ends a run after the games in progress."""

OUTPUT_SUFFIXES = (
    *(".played", ".status", ".cmd", ".log", ".hist", ".report", ".games", ".void", ".stderr", ".gtplogs"),
)
"""Endings of all that gomill and we put beside a control file."""


@dataclass(frozen=True)
class GomillFiles:
    """Paths of the files that gomill keeps beside a control file."""

    control_file: Path

    def path(self, suffix: str) -> Path:
        return self.control_file.with_name(self.control_file.stem + suffix)

    @property
    def games(self) -> Path:
        """The folder of the records of games that count."""
        return self.path(".games")

    @property
    def void(self) -> Path:
        """The folder of the records of games that were broken off after a move."""
        return self.path(".void")

    @property
    def history(self) -> Path:
        """A line a game, in the order in which they ended."""
        return self.path(".hist")

    @property
    def log(self) -> Path:
        """Events with their times, and engines' standard error."""
        return self.path(".log")

    @property
    def report(self) -> Path:
        return self.path(".report")

    @property
    def status(self) -> Path:
        """The ringmaster's state: a pickle of all results."""
        return self.path(".status")

    @property
    def command(self) -> Path:
        return self.path(".cmd")


# History and report


def history_line(record: GameRecord) -> str:
    """A game's line in CODE.hist."""
    return f"{record.game_id:>7} {describe_result(record)}"


def write_history(competition: Competition, records: Iterable[GameRecord]) -> Path:
    """Write CODE.hist anew, whole or not at all; `records` are in the order in which they ended."""
    path = GomillFiles(competition.path).history
    write_text_atomically(path, "".join(f"{history_line(record)}\n" for record in records))
    return path


def write_report(competition: Competition, records: Iterable[GameRecord]) -> Path:
    """Write CODE.report, whole or not at all."""
    path = GomillFiles(competition.path).report
    write_text_atomically(path, report_text(competition, records))
    return path


# Log


class EventLog:
    """CODE.log: what the ringmaster notes of a run, in its words."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def note(self, text: str) -> None:
        """One event, on disk at once."""
        self._file.write(f"{text}\n")
        self._file.flush()

    def run_started(self, max_games: int | None = None, workers: int | None = None) -> None:
        self.note(f"run started at {_now()} with max_games {max_games}")
        if workers is not None:
            self.note(f"using {workers} worker processes")

    def game_started(self, game_id: str, black: str, white: str) -> None:
        self.note(f"starting game {game_id}: {black} (b) vs {white} (w)")

    def game_ended(self, record: GameRecord) -> None:
        self.note(f"response from game {record.game_id}")
        if record.result.detail == "F":
            self.note(record.result.note)

    def game_aborted(self, game_id: str, reason: str) -> None:
        self.note(f"game {game_id} -- {abort_message(reason)}")

    def halting(self, reason: str) -> None:
        """No more games will be started."""
        self.note(f"halting competition: {reason}")

    def run_interrupted(self, games_in_progress: Iterable[str] = ()) -> None:
        self.note(f"run interrupted at {_now()}")
        self.note(f"games in progress were: {' '.join(sorted(games_in_progress))}")

    def run_finished(self) -> None:
        self.note(f"run finished at {_now()}")


@contextmanager
def open_event_log(competition: Competition) -> Iterator[EventLog]:
    """CODE.log, to be added to. Raises UserError where it cannot be written."""
    path = GomillFiles(competition.path).log
    try:
        file = path.open("a", encoding="utf-8")
    except OSError as exc:
        raise UserError(f"cannot write {path}: {exc.strerror}") from exc
    with file:
        yield EventLog(file)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M")
