"""The end of a calibration: when the location is known well enough, or is known to lie outside of the bounds."""

from __future__ import annotations

import numpy as np

from lzeval.compiled.arrays import Floats, Ints
from tournaments.calibrate.curve import Curves, Posterior

FEWEST_PAIRS = 8
GOING_ON, REACHED, ABOVE, BELOW = 0, 1, 2, 3
"""Verdicts: none yet; the interval is narrow enough; the location is above the highest level; below the lowest."""


def endings(curves: Curves, intervals: Floats, pairs: Floats, width: float) -> Ints:
    """`[N]`: verdicts on calibrations with these intervals, `[N, 3]` in units, after so many pairs, `[N]`."""
    low, median, high = intervals.T
    is_found = (high - low <= width) & (curves.low <= median) & (median <= curves.high)
    verdicts = np.select([low > curves.high, high < curves.low, is_found], [ABOVE, BELOW, REACHED], GOING_ON)
    return np.where(pairs >= FEWEST_PAIRS, verdicts, GOING_ON)


def expected_games(slope: float, width: float) -> int:
    """Number of games until the interval is `width` units wide, where strength grows by `slope` Elo a unit.

    Games between equals at the location alone would take 185 for 100 Elo and a width of 1; to find it, and to learn the
    slope and its bends, takes the rest. Fitted to the simulations of docs/statistics.md.
    """
    share = 100 / (slope * width)
    return max(2 * FEWEST_PAIRS, 2 * round((185 * share**2 + 220 * share + 15) / 2))


def expected_pairs_left(posterior: Posterior, width: float) -> float:
    """Number of pairs until the interval is as narrow as wanted: its width falls with the root of their number."""
    low, _, high = posterior.interval()[0]
    pairs = max(float(posterior.counts.sum()), 1.0)
    return float(pairs * max(((high - low) / width) ** 2 - 1, 0))
