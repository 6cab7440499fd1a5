"""Tournaments too short or too uneven for the likelihood to rate everybody: what the weak prior's intervals hold."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lzeval.compiled.arrays import Floats, Ints
from tournaments.rating.likelihood import PER_ELO
from tournaments.rating.rating_table import RatingTable, table_of_results
from tournaments.rating.results_array import ResultsArray

Plan = Literal["round robin", "knock-out", "newcomers"]
NEWCOMERS = 3
"""Of the players of such a plan, with one pair of games each; the others meet in a round robin."""


@dataclass(frozen=True)
class PlacedScenario:
    """Tournaments of one sort between players whose strengths are drawn anew for each, from a normal distribution."""

    plan: Plan
    players: int
    games: int
    """Of each two who meet, colours in turn."""
    spread: float
    """Standard deviation of strengths, in Elo."""

    def __str__(self) -> str:
        games = "1 game" if self.games == 1 else f"{self.games} games"
        return f"{self.players} players, {self.plan}, {games} a pairing, ±{self.spread:g} Elo"


SCENARIOS = [
    PlacedScenario(plan, players, games, spread)
    for plan, players, games in (
        ("round robin", 2, 4),
        ("round robin", 2, 10),
        ("round robin", 4, 2),
        ("round robin", 11, 2),
        ("newcomers", 9, 2),
        ("knock-out", 8, 1),
    )
    for spread in (150.0, 300.0, 500.0)
]


@dataclass
class PlacedCoverage:
    """Shares, of tournaments that needed the prior alone."""

    needed: float
    """Share of tournaments that did."""
    placed: float
    """Of placed players' intervals, those that hold the truth."""
    kept: float
    """The same of players whom the likelihood rates beside them; NaN where there are none."""
    differences: float
    """Of intervals of differences that a placed player is in."""
    half_width: float
    """Median half width of a placed player's interval, in Elo."""
    order: float
    """Of pairs of players, those printed in their true order."""


def placed_coverage(scenario: PlacedScenario, tournaments: int, rng: np.random.Generator) -> PlacedCoverage:
    placed: list[bool] = []
    kept: list[bool] = []
    differences: list[bool] = []
    widths: list[float] = []
    right: list[float] = []
    needed = 0
    for _ in range(tournaments):
        truth = rng.normal(0, scenario.spread, scenario.players)
        table = table_of_results(draw(scenario, truth, rng))
        if not table.placed:
            continue
        needed += 1
        numbers = [int(row.rating.player) for row in table.rows]
        right.append(_in_true_order(truth[numbers]))
        centre = truth[_centre(table)].mean()
        for row, number in zip(table.rows, numbers, strict=True):
            low, high = row.rating.low, row.rating.high
            assert low is not None
            assert high is not None
            (placed if row.rating.by_prior else kept).append(low <= truth[number] - centre <= high)
            if row.rating.by_prior:
                widths.append((high - low) / 2)
        differences += _differences_held(table, truth)
    return PlacedCoverage(
        needed=needed / tournaments,
        placed=float(np.mean(placed)),
        kept=float(np.mean(kept)) if kept else np.nan,
        differences=float(np.mean(differences)),
        half_width=float(np.median(widths)),
        order=float(np.mean(right)),
    )


def draw(scenario: PlacedScenario, truth: Floats, rng: np.random.Generator) -> ResultsArray:
    black, white, points = (
        _knock_out(truth, rng) if scenario.plan == "knock-out" else _planned(scenario, truth, rng)
    )
    names = tuple(f"{number:02}" for number in range(scenario.players))
    return ResultsArray(names, black, white, points, np.arange(len(points)))


def _won(black: Ints, white: Ints, truth: Floats, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    chance = 1 / (1 + np.exp(-PER_ELO * (truth[black] - truth[white])))
    won: npt.NDArray[np.bool_] = rng.random(len(chance)) < chance
    return won


def _planned(scenario: PlacedScenario, truth: Floats, rng: np.random.Generator) -> tuple[Ints, Ints, Floats]:
    regular = scenario.players - (NEWCOMERS if scenario.plan == "newcomers" else 0)
    sides = list(itertools.combinations(range(regular), 2)) * scenario.games
    sides += [(int(rng.integers(regular)), new) for new in range(regular, scenario.players)] * scenario.games
    one, other = np.array(sides, np.intp).T
    swapped = np.arange(len(one)) % 2 == 1
    black, white = np.where(swapped, other, one), np.where(swapped, one, other)
    return black, white, _won(black, white, truth, rng).astype(float)


def _knock_out(truth: Floats, rng: np.random.Generator) -> tuple[Ints, Ints, Floats]:
    left = rng.permutation(len(truth))
    rounds = []
    while len(left) > 1:
        black, white = left[::2], left[1::2]
        won = _won(black, white, truth, rng)
        rounds.append((black, white, won.astype(float)))
        left = np.where(won, black, white)
    black, white, points = (np.concatenate(part) for part in zip(*rounds, strict=True))
    return black, white, points


def _centre(table: RatingTable) -> list[int]:
    """Players whose mean is Elo 0."""
    core = table.pool.core
    names = table.pool.players if core is None else table.pool.names_of(core)
    return [int(name) for name in names]


def _differences_held(table: RatingTable, truth: Floats) -> list[bool]:
    found, placed = table.comparisons, set(table.placed)
    assert found is not None
    places = [int(name) for name in found.players]
    true = truth[places][:, None] - truth[places]
    held = (found.low <= true) & (true <= found.high)
    return [
        bool(held[one, other])
        for one, other in itertools.combinations(range(len(places)), 2)
        if placed.intersection((found.players[one], found.players[other]))
    ]


def _in_true_order(truth: Floats) -> float:
    """Share of pairs, the one printed first being the stronger one."""
    upper = np.triu_indices(len(truth), 1)
    return float(np.mean(truth[upper[0]] > truth[upper[1]]))
