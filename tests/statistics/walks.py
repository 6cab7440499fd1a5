"""Sequential tests by the hundred thousand: the log likelihood ratio after every pair or game, compiled.

A second way to the same numbers as `tournaments.rating.sprt`, for logistic Elo only; a test compares the two.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from tournaments.rating.elo import SMALLEST_COUNT, score_from_elo
from tournaments.rating.sprt import Sprt

Floats = npt.NDArray[np.float64]


@njit(nogil=True)
def _root(weights: Floats, gaps: Floats, start: float) -> float:
    """The x at which the sum of w g / (1 + x g) is 0, searched from `start`, which lies between the poles."""
    low, high, x = -1 / gaps[-1], -1 / gaps[0], start
    for _ in range(200):
        value, slope = 0.0, 0.0
        for k in range(len(gaps)):
            term = gaps[k] / (1 + x * gaps[k])
            value += weights[k] * term
            slope += weights[k] * term * term
        if value > 0:
            low = x
        else:
            high = x
        after = x + value / slope
        if not low < after < high:
            after = (low + high) / 2
        if abs(after - x) <= 1e-13 * (1 + abs(x)):
            return after
        x = after
    return x


@njit(nogil=True)
def _walks(
    chances: Floats, gaps0: Floats, gaps1: Floats, lower: float, upper: float, tests: int, cap: int, seed: int
) -> tuple[Floats, Floats, Floats]:
    np.random.seed(seed)
    outcomes = len(chances)
    until = np.cumsum(chances)
    counts, units, llrs = np.zeros((tests, outcomes)), np.zeros(tests), np.zeros(tests)
    weights = np.empty(outcomes)
    for test in range(tests):
        x0, x1 = 0.0, 0.0
        for unit in range(1, cap + 1):
            drawn, chance = 0, np.random.random()
            while drawn < outcomes - 1 and chance >= until[drawn]:
                drawn += 1
            counts[test, drawn] += 1
            for k in range(outcomes):
                weights[k] = max(counts[test, k], SMALLEST_COUNT)
            x0, x1 = _root(weights, gaps0, x0), _root(weights, gaps1, x1)
            llr = 0.0
            for k in range(outcomes):
                llr += weights[k] * (math.log1p(x0 * gaps0[k]) - math.log1p(x1 * gaps1[k]))
            units[test], llrs[test] = unit, llr
            if llr >= upper or llr <= lower:
                break
    return counts, units, llrs


def walk(test: Sprt, chances: Floats, tests: int, cap: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """`[tests, outcomes]`, `[tests]`, `[tests]`: counts, units and LLR at the end of each test, or at the cap."""
    assert test.model == "logistic"
    scores = np.linspace(0, 1, len(chances))
    gaps0, gaps1 = (scores - score_from_elo(elo) for elo in (test.elo0, test.elo1))
    counts, units, llrs = _walks(chances, gaps0, gaps1, test.lower, test.upper, tests, cap, seed)
    return counts, units, llrs
