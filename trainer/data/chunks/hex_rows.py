"""The hex rows of v1 chunks: four points a digit, and the point that is left of an odd board as 0 or 1."""

from __future__ import annotations

import numpy as np

from lzeval.compiled.arrays import Unsigned8
from lzeval.compiled.jit import int64, jit
from lzeval.go.points import LARGEST, SMALLEST
from trainer.data.chunks.characters import NEWLINE, ONE, ZERO

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
    """Of each length of a hex row, its board size; 0 if there is none."""
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
    """Whether `text[start:end]` is hex digits, and at least one."""
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
