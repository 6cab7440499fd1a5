"""Options that take a number or a range of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lzeval.errors import UserError

Number = TypeVar("Number", int, float)


def parse_range(
    option: str, text: str | None, between: str, example: str, parse: Callable[[str], Number]
) -> tuple[Number, Number] | None:
    """`7.5` or, with `..` for `between`, `6.5..7.5`: from, to. Raises UserError, which shows `example`."""
    if text is None:
        return None
    low, _, high = text.partition(between)
    try:
        first, last = parse(low), parse(high or low)
    except ValueError:
        raise UserError(f"{option} {text}: write {example}") from None
    if last < first:
        raise UserError(f"{option} {text}: the range is backwards; write {high}{between}{low}")
    return first, last
