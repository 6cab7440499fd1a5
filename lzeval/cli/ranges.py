"""Options that take a number or a range of numbers."""

from __future__ import annotations

import math

from lzeval.core.errors import UserError


def parse_range(option: str, text: str | None, between: str, example: str) -> tuple[float, float] | None:
    """`7.5` or, with `..` for `between`, `6.5..7.5`: from, to. Raises UserError, which shows `example`."""
    if text is None:
        return None
    low, _, high = text.partition(between)
    try:
        found = float(low), float(high or low)
    except ValueError:
        found = math.nan, math.nan
    if not all(map(math.isfinite, found)):
        raise UserError(f"{option} {text}: write {example}")
    return found
