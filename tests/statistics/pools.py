"""Tournaments of many players whose strength is known, on even and on lopsided schedules."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lzeval.compiled.arrays import Floats
from tournaments.rating.bradley_terry import fit_pool
from tournaments.rating.likelihood import PER_ELO
from tournaments.rating.rating_table import RatingTable, table_of_results
from tournaments.rating.results_array import ResultsArray

Schedule = Literal["all alike", "lopsided", "one against all"]
EVEN: tuple[Schedule, ...] = ("all alike",)
UNEVEN: tuple[Schedule, ...] = ("lopsided", "one against all")
BLACK_WORTH = 25.0
STRENGTH_SPREAD = 150.0
"""Standard deviation of the players' Elo."""
MANY_GAMES = 100
"""From so many games of a player on, its interval must not be too wide either."""
LEAST_ACTIVE = 0.1
"""Of a lopsided schedule: the last player plays this part of what the first one plays."""


@dataclass(frozen=True)
class PoolScenario:
    """Tournaments of one sort; games are played in pairs with colours swapped, openings favouring a colour."""

    players: int
    games: int
    """Of a player, on average."""
    schedule: Schedule = "all alike"
    jigos: float = 0.0
    spread: float = 0.0
    """Standard deviation of what openings are worth to Black, in natural log odds."""

    def __str__(self) -> str:
        return (
            f"{self.players} players, {self.schedule}, {self.games} games each, "
            f"{100 * self.jigos:g} % jigos, openings ±{self.spread:g}"
        )

    @property
    def strengths(self) -> Floats:
        """Quantiles of a normal distribution, in an order that has nothing to do with activity."""
        from scipy.special import ndtri

        levels = (np.arange(self.players) + 0.5) / self.players
        return np.random.default_rng(self.players).permutation(STRENGTH_SPREAD * ndtri(levels))

    @property
    def pairings(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """First and second player of each pair of games."""
        sides = np.array(list(itertools.combinations(range(self.players), 2)), np.intp)
        if self.schedule == "one against all":
            sides = sides[sides[:, 0] == 0]
        activity = np.ones(self.players)
        if self.schedule == "lopsided":
            activity = np.geomspace(1, LEAST_ACTIVE, self.players)
        weight = activity[sides[:, 0]] * activity[sides[:, 1]]
        wanted = self.players * self.games / 4
        times = np.rint(weight * wanted / weight.sum()).astype(np.intp)
        neighbours = np.abs(sides[:, 0] - sides[:, 1]) == 1
        times[neighbours] = np.maximum(times[neighbours], 2)
        return np.repeat(sides[:, 0], times), np.repeat(sides[:, 1], times)


POOLS = [
    *(PoolScenario(4, g, "all alike", j, s) for g in (60, 300) for j in (0.0, 0.1) for s in (0.0, 1.0)),
    *(
        PoolScenario(n, g, schedule, j, s)
        for n, g, j, s in (
            (2, 40, 0.02, 0.7),
            (3, 30, 0.0, 0.0),
            (3, 200, 0.02, 0.7),
            (6, 100, 0.02, 0.7),
            (12, 40, 0.0, 0.0),
            (12, 200, 0.1, 0.7),
            (30, 60, 0.02, 0.7),
            (30, 400, 0.0, 0.0),
        )
        for schedule in (EVEN if n == 2 else UNEVEN)
    ),
]


@dataclass(frozen=True)
class PoolCoverage:
    """Shares of intervals that hold the truth; NaN where there are none of that sort."""

    ratings: float
    busy: float
    """Ratings of players with MANY_GAMES and more."""
    differences: float
    advantage: float
    false_alarms: float
    """Share of tournaments in which results of any two players are called more than chance."""
    unrated: float
    """Share of players without a finite rating."""


def draw(pool: PoolScenario, rng: np.random.Generator) -> ResultsArray:
    first, second = pool.pairings
    pairs = len(first)
    favour = np.tile(rng.normal(0, pool.spread, pairs), 2)
    black, white = np.concatenate([first, second]), np.concatenate([second, first])
    strengths = pool.strengths
    edge = (strengths[black] - strengths[white] + BLACK_WORTH) * PER_ELO + favour
    points = (rng.random(2 * pairs) < 1 / (1 + np.exp(-edge))).astype(float)
    points[rng.random(2 * pairs) < pool.jigos] = 0.5
    return ResultsArray(names_of(pool), black, white, points, np.tile(np.arange(pairs), 2))


def names_of(pool: PoolScenario) -> tuple[str, ...]:
    return tuple(f"player {number:02}" for number in range(pool.players))


def limit(pool: PoolScenario) -> tuple[Floats, float]:
    """What ratings and advantage come to with endless games: jigos and openings draw all ratings together."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    strengths, names = pool.strengths, names_of(pool)
    first, second = pool.pairings
    cells = []
    for a, b in sorted(set(zip(first.tolist(), second.tolist(), strict=True))):
        games = 1e5 * np.count_nonzero((first == a) & (second == b))
        for black, white in ((a, b), (b, a)):
            edge = (strengths[black] - strengths[white] + BLACK_WORTH) * PER_ELO
            score = float(weights @ (1 / (1 + np.exp(-edge - pool.spread * nodes))))
            points = games * (pool.jigos / 2 + (1 - pool.jigos) * score)
            cells.append((names[black], names[white], points, games))
    found = fit_pool(cells)
    assert found.advantage is not None
    return np.array([found.ratings[name].elo for name in names], float), found.advantage


def pool_coverage(pool: PoolScenario, tournaments: int, rng: np.random.Generator) -> PoolCoverage:
    truth, advantage = limit(pool)
    games = np.bincount(np.concatenate(pool.pairings), minlength=pool.players) * 2
    inside = np.zeros(pool.players)
    compared = held = alarms = unrated = 0
    advantages: list[bool] = []
    for _ in range(tournaments):
        table = table_of_results(draw(pool, rng))
        inside += _held(table, truth)
        unrated += sum(row.rating.elo is None for row in table.rows)
        found = table.comparisons
        if found is not None:
            places = [int(name.split()[1]) for name in found.players]
            true = truth[places][:, None] - truth[places]
            upper = np.triu_indices(len(places), 1)
            held += int(np.count_nonzero(((found.low <= true) & (true <= found.high))[upper]))
            compared += len(upper[0])
        if table.pool.advantage is not None and table.pool.advantage_95 is not None:
            advantages.append(abs(table.pool.advantage - advantage) <= table.pool.advantage_95)
        alarms += table.residuals is not None and table.residuals.surprising > 0
    busy = games >= MANY_GAMES
    return PoolCoverage(
        ratings=float(inside.mean() / tournaments),
        busy=float(inside[busy].mean() / tournaments) if busy.any() else np.nan,
        differences=held / compared,
        advantage=float(np.mean(advantages)),
        false_alarms=alarms / tournaments,
        unrated=unrated / tournaments / pool.players,
    )


def _held(table: RatingTable, truth: Floats) -> Floats:
    """`[players]`: 1 where interval or bound holds the truth, which is about the mean of the player's group.

    A player without a rating is measured from group 1; where there is nothing to measure from, nothing is said.
    """
    ratings = {int(row.rating.player.split()[1]): row.rating for row in table.rows}
    inside = np.ones(len(truth))
    means = {}
    for group in {r.group for r in ratings.values() if r.elo is not None}:
        members = [p for p, r in ratings.items() if r.group == group and r.elo is not None]
        by_games = [p for p in members if not ratings[p].by_prior]
        means[group] = np.mean([truth[p] for p in by_games or members])
    for place, rating in ratings.items():
        mean = means.get(rating.group if rating.elo is not None else 1)
        if mean is None:
            mean = truth.mean()
        low = -np.inf if rating.low is None else rating.low
        high = np.inf if rating.high is None else rating.high
        inside[place] = low <= truth[place] - mean <= high
    return inside
