"""The end of a calibration: when the location is known well enough, or is known to lie outside of the bounds."""

from __future__ import annotations

import numpy as np

from lzeval.compiled.arrays import Floats, Ints
from tournaments.calibrate.curve import Curves

FEWEST_PAIRS = 8
GOING_ON, REACHED, ABOVE, BELOW = 0, 1, 2, 3
"""Verdicts: none yet; the interval is narrow enough; the location is above the highest level; below the lowest."""


def endings(curves: Curves, intervals: Floats, pairs: Floats, width: float) -> Ints:
    """`[N]`: verdicts on calibrations with these intervals, `[N, 3]` in units, after so many pairs, `[N]`."""
    low, high = intervals[:, 0], intervals[:, 2]
    verdicts = np.select(
        [low > curves.high, high < curves.low, high - low <= width], [ABOVE, BELOW, REACHED], GOING_ON
    )
    return np.where(pairs >= FEWEST_PAIRS, verdicts, GOING_ON)
