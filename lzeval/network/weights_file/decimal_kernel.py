"""Decimals to float32 in compiled code: tens of millions of them within some seconds.

A number is read as its digits, an integer, times a power of ten. Up to 2^53 and 10^22 both are exact in float64, so
that their product or quotient is rounded once, as Python's `float` rounds (Clinger, "How to Read Floating Point Numbers
Accurately", 1990). Beyond, the product is less than 2 ulp off:
where everything within 4 ulp of it becomes the same float32, that is the number's. What is left, one number in 2^26 or
so, is the caller's to read.
"""

from __future__ import annotations

import numpy as np

from lzeval.compiled.arrays import Floats32, Ints64, Unsigned8, Unsigned64
from lzeval.compiled.jit import jit

_EXACT_DIGITS = np.uint64(2**53)
_EXACT_POWER = 22
_LOWEST_POWER, _HIGHEST_POWER = -100, 60
_POWERS = np.array([float(f"1e{power}") for power in range(_LOWEST_POWER, _HIGHEST_POWER + 1)])
_MOST_DIGITS = 19
"""Digits that always fit 64 bits."""
_NEARLY = 2.0**-50
_MOST_EXPONENT = 99999
_LF, _PLUS, _MINUS, _POINT, _ZERO, _SMALL_E, _LARGE_E = map(int, b"\n+-.0eE")

# Eight characters at a time, as one integer whose lowest byte is the first of them.
PADDING = 8
"""Bytes to follow a text, so that eight may be looked at from its last one."""
_ZEROS = np.uint64(0x3030303030303030)
_ABOVE_NINE = np.uint64(0x4646464646464646)
"""Summand that sets the highest bit of a byte above the digit 9."""
_HIGHEST_BITS = np.uint64(0x8080808080808080)
_BYTE_OF_BIT = np.uint64(sum(byte << (60 - 8 * byte) for byte in range(8)))
"""Times 2^(8 k), it has k in its highest four bits."""
_TENS = np.array([10**power for power in range(9)], np.uint64)


@jit
def _is_space(char: int) -> bool:
    return char == 32 or 9 <= char <= 13


@jit
def _digits_ahead(word: np.uint64) -> int:
    """Number of digits, 0 to 8, with which the eight characters begin."""
    others = ((word + _ABOVE_NINE) | (word - _ZEROS)) & _HIGHEST_BITS
    if others == 0:
        return 8
    first = others & (~others + np.uint64(1))
    return int(np.int64(((first >> np.uint64(7)) * _BYTE_OF_BIT) >> np.uint64(60)))


@jit
def _value_of_digits(word: np.uint64, count: int) -> np.uint64:
    """The number that the first `count` characters, 1 to 8 digits, stand for: pairs, then fours, then all at once."""
    digits = (word - _ZEROS) << np.uint64(64 - 8 * count)
    pairs = (digits * np.uint64(10) + (digits >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    fours = (pairs * np.uint64(100) + (pairs >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return (fours * np.uint64(10000) + (fours >> np.uint64(32))) & np.uint64(0xFFFFFFFF)


@jit
def _leading_digits(text: Unsigned8, start: int, end: int) -> tuple[np.uint64, int]:
    """The first 19 significant digits of `text[start:end]`, digits and perhaps a point, and the power of ten they need.

    What is cut off is less than 1e-18 of the number.
    """
    digits, kept, power, is_fraction = np.uint64(0), 0, 0, False
    for place in range(start, end):
        if text[place] == _POINT:
            is_fraction = True
        elif kept < _MOST_DIGITS:
            digits = digits * np.uint64(10) + np.uint64(text[place] - _ZERO)
            kept += int(digits > 0)
            power -= int(is_fraction)
        else:
            power += int(not is_fraction)
    return digits, power


@jit
def _rounded(digits: np.uint64, power: int, is_whole: bool) -> tuple[np.float32, bool]:
    """`digits` times 10^`power` as float32, and whether that is certain; `is_whole`: no digit was cut off."""
    if is_whole and digits <= _EXACT_DIGITS and -_EXACT_POWER <= power <= _EXACT_POWER:
        if power < 0:
            return np.float32(np.float64(digits) / _POWERS[-power - _LOWEST_POWER]), True
        return np.float32(np.float64(digits) * _POWERS[power - _LOWEST_POWER]), True
    if not _LOWEST_POWER <= power <= _HIGHEST_POWER:
        return np.float32(0), False
    near = np.float64(digits) * _POWERS[power - _LOWEST_POWER]
    low, high = np.float32(near * (1 - _NEARLY)), np.float32(near * (1 + _NEARLY))
    return low, low == high


@jit
def parse_block(
    text: Unsigned8, words: Unsigned64, numbers: Floats32, ends: Ints64, odd: Ints64
) -> tuple[int, int, int]:
    """Read `text`, which ends in white space and padding; returns how many numbers, line ends and odd parts there are.

    `words[k]` are the eight bytes of `text` from k on. `ends[k]`: how many numbers precede line end k. `odd[k]`: which
    number part k would be, and where in the text it begins and ends. Odd are parts that are no decimals, are not finite
    as float32 or could not be rounded for certain; `numbers` has 1 for them. The arrays have places for as many as fit
    the text: half its length and one more, and its whole length for `ends`.
    """
    count, rows, odds = 0, 0, 0
    place, length = 0, len(text) - PADDING
    while place < length:
        char = text[place]
        if _is_space(char):
            if char == _LF:
                ends[rows] = count
                rows += 1
            place += 1
            continue
        start = place
        is_negative = char == _MINUS
        place += int(is_negative) | int(char == _PLUS)  # signs are random: no branch could be foretold
        first = place
        digits = np.uint64(0)
        digit = np.uint8(text[place] - _ZERO)
        while digit <= 9:
            digits = digits * np.uint64(10) + np.uint64(digit)
            place += 1
            digit = np.uint8(text[place] - _ZERO)
        seen, power = place - first, 0
        if text[place] == _POINT:
            place += 1
            point = place
            ahead = 8
            while ahead == 8:
                ahead = _digits_ahead(words[place])
                if ahead:
                    digits = digits * _TENS[ahead] + _value_of_digits(words[place], ahead)
                    place += ahead
            power = point - place
            seen -= power
        is_number, is_whole = seen > 0, seen <= _MOST_DIGITS
        if not is_whole:
            digits, power = _leading_digits(text, first, place)
        if text[place] == _SMALL_E or text[place] == _LARGE_E:
            place += 1
            is_small = text[place] == _MINUS
            if is_small or text[place] == _PLUS:
                place += 1
            exponent, begin = 0, place
            digit = np.uint8(text[place] - _ZERO)
            while digit <= 9:
                exponent = min(10 * exponent + int(digit), _MOST_EXPONENT)
                place += 1
                digit = np.uint8(text[place] - _ZERO)
            is_number = is_number and place > begin
            power += -exponent if is_small else exponent
        value = np.float32(1)
        is_number = is_number and _is_space(text[place])
        if is_number:
            value, is_number = _rounded(digits, power, is_whole)
        if not is_number or value == np.inf:
            while not _is_space(text[place]):
                place += 1
            odd[odds, 0], odd[odds, 1], odd[odds, 2] = count, start, place
            odds += 1
            value, is_negative = np.float32(1), False
        numbers[count] = -value if is_negative else value
        count += 1
    return count, rows, odds
