"""Games out of what tournaments keep: our log, gomill's history, and the state of a control file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import Skipped, read_games
from lzeval.records.result import GameResult, Outcome
from tournaments.gomill.control_file import read_control_file
from tournaments.gomill.takeover import games_of_history
from tournaments.store.folder import TournamentFiles, counted_games, history
from tournaments.store.game_log import decode_game, read_log

UNKNOWN_SIZE = 0
"""The board size of a game without a record that nothing else tells of either."""


def read_played(path: Path) -> Iterator[GameRecord | Skipped]:
    """The games of a log of `lzeval tournament`, each void attempt as a game of its own."""
    try:
        content = read_log(path)
    except UserError as exc:
        yield Skipped(path, str(exc).removeprefix(f"{path}: "))
        return
    if not content.entries:
        yield Skipped(path, "no entry of a log in it")
    for line in content.damaged:
        yield Skipped(path, "a damaged line", line)
    players: dict[str, tuple[str, str]] = {}
    seen: set[str] = set()
    for number, entry in enumerate(content.entries, start=1):
        kind = entry.get("kind")
        try:
            if kind == "start":
                players[entry["game"]] = entry["black"], entry["white"]
            elif kind == "game":
                record = decode_game(entry).record
                if record.game_id not in seen:
                    yield replace(record, path=path)
                seen.add(record.game_id)
            elif kind == "void":
                black, white = players.get(entry["game"], ("", ""))
                yield GameRecord(entry["game"], black, white, _void(entry["incidents"]), path=path)
        except (KeyError, TypeError, ValueError):
            yield Skipped(path, "an entry that is none of lzeval's", number)


def _void(incidents: list[dict[str, str]]) -> GameResult:
    why = "; ".join(f"{incident['player']}: {incident['fault'].lower()}" for incident in incidents)
    return GameResult(Outcome.VOID, note=why)


def read_history(path: Path) -> Iterator[GameRecord | Skipped]:
    """The games of gomill's CODE.hist; of a game that stands there twice, the last entry."""
    try:
        games = {record.game_id: record for record in games_of_history(path)}
    except UserError as exc:
        yield Skipped(path, str(exc).removeprefix(f"{path} "))
        return
    if not games and path.stat().st_size:
        yield Skipped(path, "no history of gomill's")
    for record in games.values():
        yield replace(record, size=UNKNOWN_SIZE, path=path)


def read_competition(control_file: Path) -> Iterator[GameRecord | Skipped]:
    """Games of the matchups of a control file, played by us or by gomill, void ones included."""
    competition = read_control_file(control_file)
    files = TournamentFiles.of(competition)
    if files.played.exists():
        ids = {matchup.id for matchup in competition.matchups}
        for found in read_played(files.played):
            if isinstance(found, Skipped) or found.game_id.rpartition("_")[0] in ids:
                yield found
        return
    for game in counted_games(competition, history(competition)):
        yield game.record if game.record.path else replace(game.record, path=files.history)
    if files.void.is_dir():
        yield from read_games([files.void])
