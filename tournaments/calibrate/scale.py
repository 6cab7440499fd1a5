"""Scales of settings: the unit in which strength grows evenly, and the levels that are played."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lzeval.compiled.arrays import Floats
from lzeval.errors import UserError

LEVELS_A_UNIT = 2


@dataclass(frozen=True)
class Scale:
    """How a setting is measured: in doublings, or in steps of one size."""

    one: str
    """One unit, as the subject of a sentence."""
    units: str
    """Several, behind a number."""
    step: float | None = None
    """The setting's growth in one unit; None: it doubles."""

    def position(self, value: float) -> float:
        """Place of a setting on the scale, in units."""
        return math.log2(value) if self.step is None else value / self.step

    def value(self, position: float) -> float:
        """The setting at a place of the scale; the reverse of `position`."""
        return float(2.0**position) if self.step is None else position * self.step

    def ladder(self, lowest: int, highest: int) -> tuple[int, ...]:
        """Whole settings from `lowest` to `highest`, both included, some two a unit."""
        low, high = self.position(lowest), self.position(highest)
        count = math.ceil((high - low) * LEVELS_A_UNIT)
        inner = (round(self.value(low + number / LEVELS_A_UNIT)) for number in range(count))
        return tuple(sorted({lowest, highest, *inner}))

    def positions(self, levels: tuple[int, ...]) -> Floats:
        """`[L]`: places of the levels, in units."""
        return np.array([self.position(level) for level in levels])


DOUBLINGS = Scale("a doubling", "doublings")


def parse_width(text: str, scale: Scale) -> float:
    """A width in units of the scale: a number of them, or a percentage of the setting where it doubles.

    In percent it is how much larger the upper end of an interval is than the lower one. Raises UserError.
    """
    is_percent = text.endswith("%")
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise UserError(
            f"--width {text}: must be a number of {scale.units} above 0, or a percentage, as in 1 or 50%"
        )
    if not is_percent:
        return number
    if scale.step is not None:
        raise UserError(
            f"--width {text}: a percentage is for settings that double; give a number of {scale.units}"
        )
    return math.log2(1 + number / 100)
