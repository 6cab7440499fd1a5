"""Matches whose truth is known: outcomes drawn at random, and how often what is printed of them is right."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tournaments.ratings import score_from_elo, score_intervals
from tournaments.sequential import after_stop, outcome_chances
from tournaments.sprt import Sprt

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


def run_tests(
    test: Sprt, chances: Floats, tests: int, rng: np.random.Generator, *, cap: int = 20_000, block: int = 50
) -> Endings:
    """Run tests to their end, or to `cap` units, looking after every unit."""
    outcomes = len(chances)
    counts = np.zeros((tests, outcomes))
    units, verdicts = np.full(tests, cap, float), np.zeros(tests, np.int64)
    alive = np.arange(tests)
    for start in range(0, cap, block):
        drawn = rng.choice(outcomes, size=(len(alive), min(block, cap - start)), p=chances)
        courses = counts[alive][:, None] + np.cumsum(np.eye(outcomes)[drawn], axis=1)
        llrs = test.llrs(courses.reshape(-1, outcomes)).reshape(drawn.shape)
        over = (llrs >= test.upper) | (llrs <= test.lower)
        ended = over.any(axis=1)
        last = np.where(ended, over.argmax(axis=1), drawn.shape[1] - 1)
        rows = np.arange(len(alive))
        counts[alive] = courses[rows, last]
        units[alive[ended]] = start + last[ended] + 1
        verdicts[alive[ended]] = np.sign(llrs[rows, last][ended]).astype(np.int64)
        alive = alive[~ended]
        if not len(alive):
            break
    return Endings(units, verdicts, counts)


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


def estimates_after_stop(test: Sprt, elo: float, tests: int, rng: np.random.Generator, cap: int) -> AfterStop:
    chances = planned_chances(elo)
    endings = run_tests(test, chances, tests, rng, cap=cap)
    found = [after_stop(test, counts.tolist()) for counts in endings.counts]
    plain = endings.counts @ np.linspace(0, 1, len(chances)) / endings.units
    return AfterStop(
        covered=float(np.mean([f.low <= elo <= f.high for f in found])),
        too_high=float(np.mean([f.elo > elo for f in found])),
        plain_too_high=float(np.mean(plain > mean_score(chances))),
    )
