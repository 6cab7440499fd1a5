"""The same game from several sources counts once; where they contradict each other, it does not count."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from lzeval.records.find_files import FileKind, Found
from lzeval.records.record import GameRecord
from lzeval.records.result import GameResult, Outcome, format_result

SourcedGame = tuple[Found, GameRecord]
"""A game, and the file that told of it."""
_FOLDERS = (".games", ".void")


def merged(told: Iterable[SourcedGame]) -> tuple[list[GameRecord], int]:
    """Every game once, in order, and how many were dropped because another source had told of them.

    Sources of one competition know a game by its id; void attempts have ids of their own. Elsewhere two games are
    one if everything that the records tell of them is the same. What is identical in the moves alone is kept:
    those are repetitions, which ratings count once.
    """
    ordered = list(told)
    kept: list[GameRecord | None] = [game for _, game in ordered]
    groups: dict[object, list[int]] = defaultdict(list)
    homes: dict[Found, str] = {}
    last, home = None, ""
    for place, (found, game) in enumerate(ordered):
        if found is not last:
            last, home = found, homes.get(found, "")
            if found not in homes:
                home = homes[found] = home_of(found)
        if home and game.game_id:
            groups[home, game.game_id, game.result.outcome is Outcome.VOID].append(place)
    for places in groups.values():
        _merge_group(places, ordered, kept)
    _drop_copies(kept, ordered)
    left = [game for game in kept if game is not None]
    return left, len(ordered) - len(left)


def home_of(found: Found) -> str:
    """The competition that a file belongs to: its control file's path without the suffix; empty if to none."""
    if found.kind in (FileKind.LOG, FileKind.STATE, FileKind.HISTORY):
        return _absolute(str(found.path.with_suffix("")))
    folder = found.path.parent
    if found.kind is FileKind.RECORD and folder.suffix in _FOLDERS:
        return _absolute(str(folder.with_suffix("")))
    return _home_of_table(folder) if found.kind is FileKind.TABLE else ""


@cache
def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - without asking the disk


def _home_of_table(folder: Path) -> str:
    """The competition of a match's table: `match.games` lies beside `results.csv`."""
    beside = [path for path in folder.glob("*.games") if path.is_dir()]
    return _absolute(str(beside[0].with_suffix(""))) if len(beside) == 1 else ""


def _merge_group(places: list[int], ordered: list[SourcedGame], kept: list[GameRecord | None]) -> None:
    """Keep what the best kind of source tells; within one kind every game is a game. Who is dropped becomes None."""
    kinds = {ordered[place][0].kind for place in places}
    if len(kinds) == 1:
        return
    best = min(kinds, key=lambda kind: kind.rank)
    first = next(place for place in places if ordered[place][0].kind is best)
    believed = ordered[first][1]
    for place in places:
        found, game = ordered[place]
        if found.kind is best:
            continue
        kept[place] = None
        if _contradict(believed, game):
            note = (
                f"contradictory: {ordered[first][0].path.name} says {_told(believed)}, "
                f"{found.path.name} says {_told(game)}"
            )
            believed = replace(believed, result=GameResult(Outcome.UNKNOWN, note=note))
    kept[first] = believed


def _contradict(one: GameRecord, other: GameRecord) -> bool:
    if not (one.result.is_decided and other.result.is_decided):
        return False
    return (one.black, one.white, one.result.outcome) != (other.black, other.white, other.result.outcome)


def _told(game: GameRecord) -> str:
    return f"{game.black} - {game.white} {format_result(game.result)}"


def _drop_copies(kept: list[GameRecord | None], ordered: list[SourcedGame]) -> None:
    """Records that say the same in every particular, wherever they lie; entries of histories of copied records."""
    seen: dict[object, list[GameRecord]] = defaultdict(list)
    known: set[object] = set()
    for place, game in enumerate(kept):
        if game is None or not game.moves:
            continue
        entry = _entry(game)
        known.add((game.event.partition(" (")[0], *entry))
        said = (*entry, game.date, game.event, game.size, game.komi, len(game.moves))
        alike = seen[said]
        if any(other.moves == game.moves for other in alike):
            kept[place] = None
        else:
            alike.append(game)
    if not known:
        return
    for place, game in enumerate(kept):
        found = ordered[place][0]
        if game and found.kind is FileKind.HISTORY and (found.path.stem, *_entry(game)) in known:
            kept[place] = None


def _entry(game: GameRecord) -> tuple[str, str, str, str]:
    return game.game_id, game.black, game.white, format_result(game.result)
