"""Games between networks that answer by hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engines.search.choice import MovePolicy
from engines.search.searcher import Limits
from lzeval.go.openings import Opening
from lzeval.go.points import parse_vertex
from lzeval.records.record import GameRecord
from tournaments.games.network_games import (
    GameJob,
    GameSettings,
    NetworkGames,
    PlayerSettings,
)

SIZE = 5


SETTINGS = GameSettings(SIZE, 7.5, 50)


def player(code: str, visits: int = 8, resign: float = 0.0) -> PlayerSettings:
    return PlayerSettings(code, f"{code}:1", f"plays as {code}", Limits(visits), MovePolicy(resign))


def job(number: int, *opening: str, size: int = SIZE) -> GameJob:
    moves = tuple(parse_vertex(vertex, size) for vertex in opening)
    return GameJob(
        number,
        f"0_{number:02}",
        number // 2,
        Opening(" ".join(opening), moves),
        1000 + number,
        number % 2,
        1 - number % 2,
    )


def play_all(games: NetworkGames, jobs: Sequence[GameJob]) -> dict[int, GameRecord]:
    """Play `jobs` in order, in slots as they become free; returns the records by number."""
    waiting, records = list(jobs), {}
    for _ in range(100_000):
        while waiting and games.free_slots:
            games.start(waiting.pop(0))
        for record in games.step():
            records[int(record.game_id.rpartition("_")[2])] = replace(record, date="")
        if not waiting and not games.is_busy:
            for record in games.step():
                records[int(record.game_id.rpartition("_")[2])] = replace(record, date="")
            return records
    raise AssertionError("the games do not end")
