"""The same game from several sources counts once; where they contradict each other, it does not count."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from tournaments.intake.finding import Found, Kind
from tournaments.results import GameRecord, GameResult, Outcome, format_result

Told = tuple[Found, GameRecord]
"""A game, and the file that told of it."""
_FOLDERS = (".games", ".void")


def merged(told: Iterable[Told]) -> tuple[list[GameRecord], int]:
    """Every game once, in order, and how many were dropped because another source had told of them.

    Sources of one competition know a game by its id; void attempts have ids of their own. Elsewhere two games are
    one if everything that the records tell of them is the same. What is identical in the moves alone is kept:
    those are repetitions, which ratings count once.
    """
    ordered = list(told)
    homes: dict[Found, str] = {}
    groups: dict[object, list[int]] = defaultdict(list)
    for place, (found, game) in enumerate(ordered):
        if found not in homes:
            homes[found] = home_of(found)
        key = _key(homes[found], game)
        if key is not None:
            groups[key].append(place)
    kept: dict[int, GameRecord] = {place: game for place, (_, game) in enumerate(ordered)}
    for places in groups.values():
        _merge_group(places, ordered, kept)
    _drop_copies(kept, ordered)
    return list(kept.values()), len(ordered) - len(kept)


def _key(home: str, game: GameRecord) -> object | None:
    if not home or not game.game_id:
        return None
    return home, game.game_id, game.result.outcome is Outcome.VOID


def home_of(found: Found) -> str:
    """The competition that a file belongs to: its control file's path without the suffix; empty if to none."""
    if found.kind in (Kind.LOG, Kind.STATE, Kind.HISTORY):
        return _absolute(str(found.path.with_suffix("")))
    folder = found.path.parent
    if found.kind is Kind.RECORD and folder.suffix in _FOLDERS:
        return _absolute(str(folder.with_suffix("")))
    return _home_of_table(folder) if found.kind is Kind.TABLE else ""


@cache
def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - without asking the disk


def _home_of_table(folder: Path) -> str:
    """Of a match: `match.games` lies beside `results.csv`."""
    beside = [path for path in folder.glob("*.games") if path.is_dir()]
    return _absolute(str(beside[0].with_suffix(""))) if len(beside) == 1 else ""


def _merge_group(places: list[int], ordered: list[Told], kept: dict[int, GameRecord]) -> None:
    """Keep what the best kind of source tells; within one kind every game is a game."""
    kinds = {ordered[place][0].kind for place in places}
    if len(kinds) == 1:
        return
    best = min(kinds, key=lambda kind: kind.rank)
    first = next(place for place in places if ordered[place][0].kind is best)
    for place in places:
        found, game = ordered[place]
        if found.kind is best:
            continue
        del kept[place]
        if _contradict(kept[first], game):
            note = (
                f"contradictory: {ordered[first][0].path.name} says {_told(kept[first])}, "
                f"{found.path.name} says {_told(game)}"
            )
            kept[first] = replace(kept[first], result=GameResult(Outcome.UNKNOWN, note=note))


def _contradict(one: GameRecord, other: GameRecord) -> bool:
    if not (one.result.is_decided and other.result.is_decided):
        return False
    return (one.black, one.white, one.result.outcome) != (other.black, other.white, other.result.outcome)


def _told(game: GameRecord) -> str:
    return f"{game.black} - {game.white} {format_result(game.result)}"


def _drop_copies(kept: dict[int, GameRecord], ordered: list[Told]) -> None:
    """Records that say the same in every particular, wherever they lie; entries of histories of copied records."""
    seen: dict[object, list[GameRecord]] = defaultdict(list)
    known: set[object] = set()
    for place, game in list(kept.items()):
        if not game.moves:
            continue
        entry = _entry(game)
        known.add((game.event.partition(" (")[0], *entry))
        said = (*entry, game.date, game.event, game.size, game.komi, len(game.moves))
        alike = seen[said]
        if any(other.moves == game.moves for other in alike):
            del kept[place]
        else:
            alike.append(game)
    for place, game in list(kept.items()):
        found = ordered[place][0]
        if found.kind is Kind.HISTORY and (found.path.stem, *_entry(game)) in known:
            del kept[place]


def _entry(game: GameRecord) -> tuple[str, str, str, str]:
    return game.game_id, game.black, game.white, format_result(game.result)
