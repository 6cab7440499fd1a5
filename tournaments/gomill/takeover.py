"""The games of a competition that gomill has begun, out of whatever it has left: records, history, state."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lzeval.errors import UserError
from lzeval.go.colour import COLOURS, Colour
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from lzeval.records.result import GameResult, parse_result
from tournaments.gomill.files import GomillFiles
from tournaments.gomill.report import matchup_of
from tournaments.gomill.status_file import Instance, Status, read_status
from tournaments.plan.competition import Competition

_ENTRY = re.compile(r"\s*\S+_\d+ \S+ (?:beat|vs) ")
"""The beginning of a game's entry in a history; an engine's words may fill further lines."""
_GAME = re.compile(
    r"\s*(?P<game_id>\S+_\d+) (?P<one>\S+) (?P<verb>beat|vs) (?P<other>\S+) (?P<re>\S+)(?: \((?P<note>.*)\))?",
    re.DOTALL,
)


def games_of_gomill(competition: Competition) -> list[GameRecord]:
    """Every game that gomill has played of the competition, in the order in which they ended.

    A game's record tells most of it; the state and the history tell of those without one. A matchup of the playoff
    that is not in the control file any more keeps its games. Raises UserError where the files cannot be read, and
    where games were played by other players than the control file's.
    """
    files = GomillFiles(competition.path)
    status = read_status(files.status) if files.status.exists() else None
    games = {record.game_id: record for record in games_of_history(files.history)}
    for record in _of_status(status):
        games[record.game_id] = record  # in its place in the history
    for record in _of_records(files.games):
        games[record.game_id] = _joined(record, games.get(record.game_id))
    found = [_with_conditions(record, competition) for record in games.values()]
    _check_players(competition, found)
    return found


def _of_status(status: Status | None) -> Iterator[GameRecord]:
    if status is None:
        return
    for results in status.results.values():
        for game in results:
            yield _record(game, status.engine_descriptions)


def _record(game: Instance, descriptions: Mapping[str, str]) -> GameRecord:
    try:
        black, white, winner, sgf_result, detail, _, game_id, cpu_times = _as_tuple(game.state)
        result = _result(str(sgf_result), detail)
        if result.winner != COLOURS.get(str(winner)):
            raise ValueError("two winners")
        return GameRecord(
            game_id=str(game_id),
            black=str(black),
            white=str(white),
            result=result,
            black_description=descriptions.get(black, ""),
            white_description=descriptions.get(white, ""),
            black_cpu_s=_seconds(cpu_times.get(black)),
            white_cpu_s=_seconds(cpu_times.get(white)),
        )
    except (AttributeError, TypeError, ValueError) as exc:
        raise UserError(
            "gomill's .status file holds a result that is none; run: ringmaster X.ctl report"
        ) from exc


def _as_tuple(state: object) -> tuple[Any, ...]:
    if not isinstance(state, tuple):
        raise TypeError("no state of a result")
    return state


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _result(text: str, note: object) -> GameResult:
    return replace(parse_result(text), note=note if isinstance(note, str) else "")


def games_of_history(path: Path) -> Iterator[GameRecord]:
    """The games that CODE.hist tells of; entries that are not gomill's are none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError as exc:
        raise UserError(f"{path} cannot be read: {exc.strerror}") from exc
    for entry in _entries(text.split("\n")):
        match = _GAME.fullmatch(entry)
        if match is not None:
            yield _of_entry(match)


def _entries(lines: Iterable[str]) -> Iterator[str]:
    entry: list[str] = []
    for line in lines:
        if _ENTRY.match(line):
            yield "\n".join(entry)
            entry = []
        entry.append(line)
    yield "\n".join(entry).rstrip("\n")


def _of_entry(match: re.Match[str]) -> GameRecord:
    result = _result("0" if match["re"] == "jigo" else match["re"], match["note"])
    winner: Colour | None = result.winner if match["verb"] == "beat" else None
    black, white = (
        (match["other"], match["one"]) if winner is Colour.WHITE else (match["one"], match["other"])
    )
    return GameRecord(match["game_id"], black, white, result)


def _of_records(folder: Path) -> Iterator[GameRecord]:
    if not folder.is_dir():
        return
    for found in read_games([folder]):
        if isinstance(found, GameRecord):
            yield found


def _joined(record: GameRecord, known: GameRecord | None) -> GameRecord:
    """A game's record with what only gomill's state has: processor time to the last digit, and descriptions."""
    if known is None:
        return record
    return replace(
        record,
        result=known.result,
        black_description=record.black_description or known.black_description,
        white_description=record.white_description or known.white_description,
        black_cpu_s=record.black_cpu_s if known.black_cpu_s is None else known.black_cpu_s,
        white_cpu_s=record.white_cpu_s if known.white_cpu_s is None else known.white_cpu_s,
    )


def _with_conditions(record: GameRecord, competition: Competition) -> GameRecord:
    """Board size and komi for a game that has no record."""
    if record.path is not None:
        return record
    for matchup in competition.matchups:
        if matchup.id == matchup_of(record):
            return replace(record, size=matchup.board_size, komi=matchup.komi, handicap=matchup.handicap or 0)
    return record


def _check_players(competition: Competition, records: Iterable[GameRecord]) -> None:
    players = {matchup.id: set(matchup.players) for matchup in competition.matchups}
    for record in records:
        wanted = players.get(matchup_of(record))
        if wanted is not None and wanted != {record.black, record.white}:
            raise UserError(
                f"{competition.path}: game {record.game_id} was played by {record.black} and {record.white}, but "
                f"the players of matchup {matchup_of(record)} are {' and '.join(sorted(wanted))}; give the matchup "
                "another id, or put its players back"
            )
