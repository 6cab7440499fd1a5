"""Numbers as readers see them."""

from __future__ import annotations

import math

from lzeval.text.wording import signed
from tournaments.rating.bradley_terry import Rating
from tournaments.rating.rating_table import Tally

NONE = "–"
"""The sign that stands where there is no number."""
LOPSIDED = 1.5
"""The ratio of an interval's sides from which on both are printed."""


def elo(value: float | None) -> str:
    """`+12`, `−40`, `0`; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NONE
    rounded = round(value)
    return f"{rounded:+d}".replace("-", "−") if rounded else "0"


def interval(low: float | None, high: float | None) -> str:
    """`+12 to +40`; a bound on one side is put in words."""
    has_low = low is not None and math.isfinite(low)
    has_high = high is not None and math.isfinite(high)
    if has_low and has_high:
        return f"{elo(low)} to {elo(high)}"
    if has_low:
        return f"over {elo(low)}"
    return f"under {elo(high)}" if has_high else NONE


def interval_of(rating: Rating) -> str:
    """The interval of a rating; the player from whom intervals are measured has none."""
    if rating.low is not None and rating.low == rating.high:
        return "reference"
    return interval(rating.low, rating.high)


def percent(share: float | None, digits: int = 1) -> str:
    return NONE if share is None else f"{100 * share:.{digits}f} %"


def record_of(tally: Tally) -> str:
    """`12–8`, with jigos where there are any: `12–8–1`."""
    return f"{tally.wins}–{tally.losses}" + (f"–{tally.jigos}" if tally.jigos else "")


def reach_of(elo: float, low: float, high: float) -> str:
    """Distances that an interval reaches from `elo`: `±40`, or `-90 +300` where that differs by half and more."""
    below, above = elo - low, high - elo
    if max(below, above) < LOPSIDED * min(below, above) or math.isinf(high - low):
        return f"±{(high - low) / 2:.0f}"
    return f"{signed(-below)} {signed(above)}"
