"""Fields of v1 chunks, read without Python: hex rows and decimal numbers.

A hex row has four points a digit, and the point that is left of an odd board as 0 or 1.
"""

from __future__ import annotations

import numpy as np

from lzeval.compiled.arrays import Unsigned8
from lzeval.compiled.jit import int64, jit
from lzeval.go.points import LARGEST, SMALLEST

NEWLINE, RETURN, SPACE, PLUS, MINUS, POINT, ZERO, ONE, NINE = map(int, b"\n\r +-.019")
_NO_DIGIT = 0x80


def hex_row_length(size: int) -> int:
    """Characters of a hex row: a digit for each four points, and one for the point that is left if `size` is odd."""
    return size * size // 4 + size * size % 4


def _reversed_nibbles() -> Unsigned8:
    """`[256]`: of each character, its hex digit with the four bits reversed, or `_NO_DIGIT`."""
    table = np.full(256, _NO_DIGIT, np.uint8)
    for digit in range(16):
        for letter in (f"{digit:x}", f"{digit:X}"):
            table[ord(letter)] = int(f"{digit:04b}"[::-1], 2)
    return table


def _sizes_by_length() -> Unsigned8:
    """Board size by the length of a hex row; 0 if there is none."""
    table = np.zeros(hex_row_length(LARGEST) + 1, np.uint8)
    for size in range(SMALLEST, LARGEST + 1):
        table[hex_row_length(size)] = size
    return table


_NIBBLES = _reversed_nibbles()
_HEX_DIGITS = np.array([ord(f"{int(f'{n:04b}'[::-1], 2):x}") for n in range(16)], np.uint8)
_SIZES = _sizes_by_length()


@jit
def size_of_hex_row(length: int) -> int:
    """The board size whose hex rows have that many characters; 0 if there is none."""
    return int64(_SIZES[length]) if 0 <= length < _SIZES.shape[0] else int64(0)


@jit
def is_hex(text: Unsigned8, start: int, end: int) -> bool:
    """Tell whether `text[start:end]` is hex digits, and at least one."""
    for at in range(start, end):
        if _NIBBLES[text[at]] == _NO_DIGIT:
            return False
    return end > start


@jit
def read_hex_row(text: Unsigned8, start: int, end: int, points: int, plane: Unsigned8) -> bool:
    """Fill `plane` `[W]` from the hex row `text[start:end]`. Returns whether it is one for this board."""
    digits = points // 4
    if end - start != digits + points % 4:
        return False
    seen = 0
    for index in range(digits // 2):
        low, high = _NIBBLES[text[start + 2 * index]], _NIBBLES[text[start + 2 * index + 1]]
        seen |= low | high
        plane[index] = low | high << 4
    if digits % 2:
        plane[digits // 2] = _NIBBLES[text[start + digits - 1]]
        seen |= plane[digits // 2]
    if points % 4:
        seen |= 0 if ZERO <= text[end - 1] <= ONE else _NO_DIGIT
        plane[digits // 2] = text[end - 1] & 1
    return seen & _NO_DIGIT == 0


@jit
def write_hex_row(plane: Unsigned8, points: int, out: Unsigned8, at: int) -> int:
    """Write a plane `[W]` as a line to `out` from `at`. Returns where the next one begins."""
    digits = points // 4
    for index in range(digits):
        out[at + index] = _HEX_DIGITS[plane[index // 2] >> (4 * (index % 2)) & 15]
    at += digits
    if points % 4:
        out[at] = ZERO + (plane[digits // 2] & 1)
        at += 1
    out[at] = NEWLINE
    return at + 1


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
