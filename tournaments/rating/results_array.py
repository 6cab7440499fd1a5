"""Results in columns: all that ratings need of a million games, in a few megabytes.

A `ResultsArray` is made of records (`results_of_games`), of columns (`results_of_columns`) or of counts
(`results_of_counts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lzeval.compiled.arrays import Floats, Ints
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import GameResult, Outcome

PairTally = tuple[str, str, int, int, int]
"""Black, White, games that Black won, that it lost, jigos."""


def summed(places: Ints, values: Floats, length: int = 0) -> Floats:
    """`[length]` or longer: the sum of the `values` of each of `places`."""
    return np.bincount(places, values, length).astype(np.float64)


@dataclass(frozen=True)
class ResultsArray:
    """Decided games between different players, `N` of them."""

    players: tuple[str, ...]
    """Sorted, each once."""
    black: Ints
    """`[N]`: place in `players`."""
    white: Ints
    points: Floats
    """`[N]`: Black's, 0, 1/2 or 1."""
    unit: Ints
    """`[N]`: games of the same number are a pair; every other game has a number of its own. From 0, without gaps."""

    def __len__(self) -> int:
        return len(self.points)

    def tallies(self) -> Ints:
        """`[players, 2, 3]`: games each player won, lost and drew as Black, and as White."""
        halves = np.rint(2 * self.points).astype(np.intp)
        as_black = 6 * self.black + np.array([1, 2, 0])[halves]
        as_white = 6 * self.white + np.array([3, 5, 4])[halves]
        counts = np.bincount(np.concatenate([as_black, as_white]), minlength=6 * len(self.players))
        return counts.reshape(-1, 2, 3)

    def unit_scores(self, player: str) -> tuple[Floats, Floats]:
        """`[U]`, `[U]`: points of `player`, one of two, in each unit, and games of each unit."""
        mine = np.where(self.black == self.players.index(player), self.points, 1 - self.points)
        return summed(self.unit, mine), summed(self.unit, np.ones(len(self)))


def results_of_columns(
    black: Sequence[str],
    white: Sequence[str],
    points: npt.ArrayLike,
    pair: Sequence[int] | None = None,
) -> ResultsArray:
    """Results from columns of decided games: names, Black's points (0, 1/2, 1), number of the pair, -1 for none.

    Raises ValueError where the columns are no such games.
    """
    players = tuple(sorted({*black, *white}))
    place = {name: index for index, name in enumerate(players)}
    sides = [np.fromiter(map(place.__getitem__, names), np.intp, len(names)) for names in (black, white)]
    numbers = np.full(len(black), -1, np.intp) if pair is None else np.asarray(pair, np.intp)
    made = np.asarray(points, float)
    if not len(sides[0]) == len(sides[1]) == len(made) == len(numbers):
        raise ValueError("columns are of different lengths")
    if not np.isin(made, (0, 0.5, 1)).all():
        raise ValueError("a game brings Black 0, 1/2 or 1 point")
    if (sides[0] == sides[1]).any():
        raise ValueError("a player cannot be rated by games against itself")
    return ResultsArray(players, sides[0], sides[1], made, _units(numbers))


def _units(pair: Ints) -> Ints:
    """`pair`, with a number of its own for each -1, numbered anew from 0."""
    alone = pair < 0
    numbers = pair.copy()
    numbers[alone] = pair.max(initial=-1) + 1 + np.arange(alone.sum())
    units: Ints = np.unique(numbers, return_inverse=True)[1].reshape(-1)
    return units


def results_of_counts(tallies: Iterable[PairTally]) -> ResultsArray:
    """Results from counts by players and colours, of games that belong to no pairs."""
    rows = list(tallies)
    counts = np.array([row[2:] for row in rows], np.intp).reshape(-1, 3)
    times = counts.sum(axis=1)
    black, white = (
        np.repeat(np.array([row[side] for row in rows], object), times).tolist() for side in (0, 1)
    )
    points = np.repeat(np.tile([1.0, 0.0, 0.5], len(rows)), counts.ravel())
    return results_of_columns(black, white, points)


def results_of_games(
    games: Sequence[GameRecord], pairs: Iterable[tuple[GameRecord, GameRecord]] = ()
) -> ResultsArray:
    """Results from decided records; both games of one of `pairs`, where they are among `games`, are one unit."""
    number_of = {id(game): number for number, pair in enumerate(pairs) for game in pair}
    return results_of_columns(
        [game.black for game in games],
        [game.white for game in games],
        [_points(game.result) for game in games],
        [number_of.get(id(game), -1) for game in games] if number_of else None,
    )


def _points(result: GameResult) -> float:
    """Black's, as `result.score(Colour.BLACK)` has them, sooner."""
    outcome = result.outcome
    if outcome is Outcome.BLACK:
        return 1.0
    return 0.0 if outcome is Outcome.WHITE else result.score(Colour.BLACK)
