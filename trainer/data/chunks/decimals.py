"""Decimal numbers as programs print them, read without Python."""

from __future__ import annotations

import numpy as np

from lzeval.compiled.arrays import Unsigned8
from lzeval.compiled.jit import jit
from trainer.data.chunks.characters import MINUS, NINE, PLUS, POINT, ZERO

_TENS = np.array([float(f"1e{power}") for power in range(23)])
"""The powers of ten that float64 holds exactly."""


@jit
def _read_exponent(text: Unsigned8, start: int, end: int) -> tuple[int, bool]:
    """The number in `text[start:end]`, as in `-05`, within 999; and whether there is one."""
    negative = start < end and text[start] == MINUS
    digits = start + 1 if negative or (start < end and text[start] == PLUS) else start
    at, value = digits, 0
    while at < end and ZERO <= text[at] <= NINE:
        value = min(value * 10 + (text[at] - ZERO), 999)
        at += 1
    return (-value if negative else value), at == end > digits


@jit
def _scaled(mantissa: int, exponent: int) -> float:
    """`mantissa * 10 ** exponent`; exact before one rounding as long as the exponent is -22 to 22."""
    value = float(mantissa)
    while exponent < -22 and value != 0.0:
        value /= 1e22
        exponent += 22
    while exponent > 22 and 0.0 < value < 1e300:
        value *= 1e22
        exponent -= 22
    if exponent < 0:
        return value / float(_TENS[min(-exponent, 22)])
    return value * float(_TENS[min(exponent, 22)])


@jit
def read_decimal(text: Unsigned8, start: int, end: int) -> float:
    """The decimal number in `text[start:end]`, as in 0.0217 or 1.2e-05; NaN if there is none, or less than 0."""
    at = start + 1 if text[start] == MINUS else start
    mantissa, exponent, digits, behind_point = 0, 0, 0, False
    while at < end and (ZERO <= text[at] <= NINE or (text[at] == POINT and not behind_point)):
        if text[at] == POINT:
            behind_point = True
        else:
            digits += 1
            room = mantissa < 10**16
            if room:
                mantissa = mantissa * 10 + (text[at] - ZERO)
            exponent += (0 if room else 1) - (1 if behind_point else 0)
        at += 1
    if at < end:
        power, good = _read_exponent(text, at + 1, end)
        if not good or text[at] | 32 != 101:
            return np.nan
        exponent += power
    if digits == 0 or (mantissa > 0 and text[start] == MINUS):
        return np.nan
    return _scaled(mantissa, exponent)
