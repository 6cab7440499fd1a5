"""The operators of control files: as Python 2 has them with true division, and none of endless work."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from tournaments.gomill.control.budget import Meter
from tournaments.gomill.control.text import percent

LARGEST_BITS = 4096
"""Bits of the largest whole number."""


def binary(kind: type[ast.operator], left: object, right: object, meter: Meter) -> object:
    """`left` and `right` joined by an operator. Raises TypeError where they do not go together."""
    if isinstance(left, str) and kind is ast.Mod:
        return percent(left, right, meter)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _calculate(kind, left, right)
    if kind is ast.Add and type(left) is type(right) and isinstance(left, str | list | tuple):
        meter.spend(len(left) + len(right))  # type: ignore[arg-type]  # of the same type
        return left + right  # type: ignore[operator]
    if kind is ast.Mult:
        return _repeat(left, right, meter)
    if isinstance(left, set) and isinstance(right, set) and kind in _OF_SETS:
        meter.weigh(left, right)
        return _OF_SETS[kind](left, right)
    raise TypeError(f"{_NAMES.get(kind, 'this operator')} does not go with these values")


def _repeat(left: object, right: object, meter: Meter) -> object:
    sequence, times = (right, left) if isinstance(left, int) else (left, right)
    if not isinstance(times, int) or not isinstance(sequence, str | list | tuple):
        raise TypeError("* does not go with these values")
    meter.spend(len(sequence) * max(0, times))
    return sequence * times


def _calculate(kind: type[ast.operator], left: float, right: float) -> object:
    if kind is ast.Pow:
        return _power(left, right)
    if kind is ast.LShift and isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() + right)
    if kind not in _OF_NUMBERS:
        raise TypeError(f"{_NAMES.get(kind, 'this operator')} does not go with numbers")
    return checked(_OF_NUMBERS[kind](left, right))


def _power(base: float, exponent: float) -> object:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        _check_bits(base.bit_length() * exponent)
    found = base**exponent
    if isinstance(found, complex):
        raise ValueError(f"{base} ** {exponent} is no real number")
    return checked(found)


def checked(value: object) -> object:
    """The value; raises OverflowError for a whole number that is too large."""
    if isinstance(value, int):
        _check_bits(value.bit_length())
    return value


def _check_bits(bits: int) -> None:
    if bits > LARGEST_BITS:
        raise OverflowError("this number is too large for a control file")


_OF_NUMBERS: Mapping[type[ast.operator], Callable[..., object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_OF_SETS: Mapping[type[ast.operator], Callable[..., object]] = {
    ast.Sub: operator.sub,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_NAMES = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
