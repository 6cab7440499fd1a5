"""Arguments of the API, checked where they come in."""

from __future__ import annotations

from numbers import Integral, Real

from lzeval.errors import UserError


def whole(name: str, value: object, least: int, most: int | None = None) -> int:
    """A whole number from `least` to `most`. Raises UserError for anything else."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        number = int(value)
        if number >= least and (most is None or number <= most):
            return number
    limits = f"{least} or more" if most is None else f"from {least} to {most}"
    raise UserError(f"{name} {value!r}: must be a whole number, {limits}")


def finite(name: str, value: object) -> float:
    """A finite number. Raises UserError for anything else."""
    if isinstance(value, Real) and not isinstance(value, bool) and -1e9 <= (number := float(value)) <= 1e9:
        return number
    raise UserError(f"{name} {value!r}: must be a finite number")
