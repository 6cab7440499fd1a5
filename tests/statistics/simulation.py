"""Matches whose truth is known: outcomes drawn at random, and how often what is printed of them is right."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tests.statistics.walks import walk
from tournaments.rating.elo import CONFIDENCE, SMALLEST_COUNT, score_from_elo, score_intervals
from tournaments.rating.sequential import _ending, outcome_chances
from tournaments.rating.sprt import Sprt

Floats = npt.NDArray[np.float64]
Kind = Literal["independent", "paired", "repeated", "repeated pairs"]

GAMES = (20, 100, 400, 2000)
ELO = (0, 35, 100, 200)
JIGOS = (0.0, 0.02, 0.1)
KINDS: tuple[Kind, ...] = ("independent", "paired", "repeated", "repeated pairs")
OPENING_SPREAD = 0.7
"""Standard deviation of what openings are worth to Black, in natural log odds."""
REPEATED = 0.2
"""Share of games that repeat an earlier one."""


@dataclass(frozen=True)
class Scenario:
    """Matches of one sort."""

    games: int
    elo: float
    jigos: float
    kind: Kind

    @property
    def is_paired(self) -> bool:
        return self.kind in ("paired", "repeated pairs")

    @property
    def chances(self) -> Floats:
        """Of each outcome of a pair, or of a game."""
        if self.is_paired:
            return pair_chances(self.elo, self.jigos, OPENING_SPREAD)
        return game_chances(score_from_elo(self.elo), self.jigos)

    def draw(self, matches: int, rng: np.random.Generator) -> Floats:
        """`[matches, outcomes]`: counts; repeated games, and pairs with one of them, are gone already."""
        units = self.games // 2 if self.is_paired else self.games
        kept = {"repeated": 1 - REPEATED, "repeated pairs": (1 - REPEATED) ** 2}.get(self.kind, 1.0)
        numbers = np.maximum(rng.binomial(units, kept, matches), 1)
        return rng.multinomial(numbers, self.chances).astype(float)


def scenarios(
    games: tuple[int, ...] = GAMES,
    elo: tuple[float, ...] = ELO,
    jigos: tuple[float, ...] = JIGOS,
    kinds: tuple[Kind, ...] = KINDS,
) -> Iterator[Scenario]:
    return itertools.starmap(Scenario, itertools.product(games, elo, jigos, kinds))


def pair_chances(elo: float, jigos: float, spread: float) -> Floats:
    """`[5]`: outcomes of pairs from openings that favour one colour by a normal amount, in natural log odds."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    edge = elo * math.log(10) / 400
    total = np.zeros(5)
    for node, weight in zip(nodes * spread, weights / weights.sum(), strict=True):
        favoured, hindered = (game_chances(1 / (1 + math.exp(-edge - f)), jigos) for f in (node, -node))
        total += weight * np.convolve(favoured, hindered)
    return total


def game_chances(strength: float, jigos: float) -> Floats:
    """`[3]`: loss, jigo, win, where `strength` is the chance of winning a game that is no jigo."""
    won = strength * (1 - jigos)
    return np.array([1 - jigos - won, jigos, won])


def mean_score(chances: Floats) -> float:
    return float(chances @ np.linspace(0, 1, len(chances)))


def coverage(scenario: Scenario, matches: int, rng: np.random.Generator) -> float:
    """Share of matches whose printed interval holds the true difference."""
    truth = mean_score(scenario.chances)
    found = score_intervals(scenario.draw(matches, rng))
    return float(np.mean((found.low <= truth + 1e-12) & (truth <= found.high + 1e-12)))


def wrongly_sure(scenario: Scenario, matches: int, rng: np.random.Generator) -> float:
    """Share of matches whose printed likelihood of superiority is above 97.5 %."""
    return float(np.mean(score_intervals(scenario.draw(matches, rng)).superiority > 0.975))


# Sequential tests


@dataclass(frozen=True)
class Endings:
    """How tests ended, `[tests]` each."""

    units: Floats
    verdicts: npt.NDArray[np.int64]
    """1 accepted, -1 rejected, 0 undecided at the cap."""
    counts: Floats
    """`[tests, outcomes]`"""
    llrs: Floats

    @property
    def order(self) -> npt.NDArray[np.int64]:
        """By stages: quick rejections are worst, quick acceptances best; endings of one number are alike."""
        keys = np.column_stack([self.verdicts, -self.verdicts * self.units, np.round(self.llrs, 9)])
        order: npt.NDArray[np.int64] = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
        return order


def run_tests(
    test: Sprt, chances: Floats, tests: int, rng: np.random.Generator, *, cap: int = 20_000
) -> Endings:
    """Run tests to their end, or to `cap` units, looking after every unit."""
    counts, units, llrs = walk(test, chances, tests, cap, int(rng.integers(2**31)))
    verdicts = np.where(llrs >= test.upper, 1, np.where(llrs <= test.lower, -1, 0))
    return Endings(units, verdicts, counts, llrs)


def planned_chances(elo: float, jigos: float = 0.0, *, paired: bool = True) -> Floats:
    """Outcomes of independent games, as a plan takes them, of players `elo` apart."""
    return outcome_chances(score_from_elo(elo), jigos, paired)


@dataclass(frozen=True)
class AfterStop:
    """How estimates after a stop did; shares of all tests."""

    covered: float
    """The interval holds the truth."""
    too_high: float
    """The median-unbiased estimate is above the truth."""
    plain_too_high: float
    """The plain estimate is, which does not know of the stop."""
    median_units: float
    exactly: float
    """The interval would hold the truth if the chances of all endings were known."""
    exactly_halved: float
    """The same if half of the endings that are like the one at hand were taken for worse (mid-p)."""


def chances_of_worse(test: Sprt, counts: Floats, elo: float) -> Floats:
    """`[tests]`: of endings worse than those with `counts`, if the difference is `elo`."""
    weights = np.maximum(counts, SMALLEST_COUNT)
    return np.array([_ending(test, row).chance_of_worse(elo) for row in weights])


def estimates_after_stop(test: Sprt, elo: float, tests: int, rng: np.random.Generator, cap: int) -> AfterStop:
    """An interval holds the truth where both a worse and a better ending have chances of 2.5 % and more there."""
    chances = planned_chances(elo)
    endings = run_tests(test, chances, tests, rng, cap=cap)
    worse = chances_of_worse(test, endings.counts, elo)
    plain = endings.counts @ np.linspace(0, 1, len(chances)) / endings.units
    tail = (1 - CONFIDENCE) / 2
    order = endings.order
    alike = np.bincount(order) / tests
    no_better = np.cumsum(alike)
    no_worse, halved = 1 - no_better + alike, no_better - alike / 2
    return AfterStop(
        median_units=float(np.median(endings.units)),
        exactly=float(np.mean((np.minimum(no_better, no_worse) >= tail)[order])),
        exactly_halved=float(np.mean(((tail <= halved) & (halved <= 1 - tail))[order])),
        covered=float(np.mean((tail <= worse) & (worse <= 1 - tail))),
        too_high=float(np.mean(worse > 0.5)),
        plain_too_high=float(np.mean(plain > mean_score(chances))),
    )
