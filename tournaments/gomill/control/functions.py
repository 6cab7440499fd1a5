"""The built-in functions of control files: as Python 2 has them, each measured by a Meter."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tournaments.gomill.control.budget import Meter
from tournaments.gomill.control.operators import binary, checked
from tournaments.gomill.control.text import text_of


@dataclass(frozen=True)
class Builtin:
    """A name of a built-in function, as a value."""

    name: str


def listed(meter: Meter, values: object) -> list[object]:
    if not isinstance(values, str | list | tuple | dict | set):
        raise TypeError("a list, tuple, string, set or dictionary is wanted")
    meter.spend(len(values))
    return list(values)


def _range(meter: Meter, *limits: object) -> list[int]:
    if not all(isinstance(limit, int) for limit in limits):
        raise TypeError("range takes whole numbers")
    numbers = range(*limits)  # type: ignore[call-overload]
    meter.spend(abs(numbers.stop - numbers.start) / max(1, abs(numbers.step)))
    return list(numbers)


def _len(meter: Meter, values: object) -> int:
    if not isinstance(values, str | list | tuple | dict | set):
        raise TypeError("only a list, tuple, string, set or dictionary has a length")
    meter.spend(1)
    return len(values)


def _int(meter: Meter, value: object = 0, base: int | None = None) -> object:
    if not isinstance(value, str | int | float):
        raise TypeError("int takes a number or a string")
    meter.weigh(value)
    if base is None:
        return checked(int(value))
    if not isinstance(value, str):
        raise TypeError("int takes a base for strings only")
    return checked(int(value, base))


def _float(meter: Meter, value: object = 0.0) -> float:
    if not isinstance(value, str | int | float):
        raise TypeError("float takes a number or a string")
    meter.weigh(value)
    return float(value)


def _round(_: Meter, number: object, digits: int = 0) -> float:
    """Halves away from zero, and always a float, as in Python 2."""
    if not isinstance(number, int | float) or not isinstance(digits, int) or abs(digits) > 300:
        raise TypeError("round takes a number, and how many digits")
    scale = 10.0**digits
    return math.copysign(math.floor(abs(number) * scale + 0.5) / scale, number)


def _abs(_: Meter, number: object) -> object:
    if not isinstance(number, int | float):
        raise TypeError("abs takes a number")
    return abs(number)


def _sum(meter: Meter, numbers: object, start: object = 0) -> object:
    total = start
    for number in listed(meter, numbers):
        total = binary(ast.Add, total, number, meter)
    return total


def as_dict(meter: Meter, /, *pairs: object, **named: object) -> dict[object, object]:
    if len(pairs) > 1:
        raise TypeError("dict takes one list or dictionary")
    found: dict[object, object] = {}
    for source in pairs:
        items = list(source.items()) if isinstance(source, dict) else listed(meter, source)
        for pair in items:
            key, value = listed(meter, pair)
            meter.weigh(key)
            found[key] = value
    return found | named


def _set(meter: Meter, values: object = ()) -> set[object]:
    meter.weigh(values)
    return set(listed(meter, values))


def _extreme(choose: Callable[[Iterable[object]], object]) -> Callable[..., object]:
    def chosen(meter: Meter, *values: object) -> object:
        meter.weigh(values)
        return choose(values if len(values) > 1 else listed(meter, values[0] if values else None))

    return chosen


def _sorted(meter: Meter, values: object, reverse: bool = False) -> list[object]:
    meter.weigh(values)
    return sorted(listed(meter, values), reverse=bool(reverse))  # type: ignore[type-var]


def _zip(meter: Meter, *lists: object) -> list[object]:
    return list(zip(*(listed(meter, values) for values in lists), strict=False))


def _enumerate(meter: Meter, values: object, start: int = 0) -> list[object]:
    return list(enumerate(listed(meter, values), start))


def _of_floats(function: Callable[..., float]) -> Callable[..., object]:
    """A function of the module `math`; in Python 2 all of these take numbers and return a float."""

    def computed(meter: Meter, *numbers: object) -> float:
        if not all(isinstance(number, int | float) for number in numbers):
            raise TypeError("functions of math take numbers")
        meter.weigh(*numbers)
        return float(function(*map(float, numbers)))  # type: ignore[arg-type]

    return computed


_MATH = (
    *("exp", "log", "log10", "sqrt", "pow", "fabs", "floor", "ceil", "hypot", "fmod", "degrees", "radians"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh"),
)
MATH_CONSTANTS: Mapping[str, object] = {"pi": math.pi, "e": math.e}

BUILTINS: Mapping[str, Callable[..., object]] = {
    "range": _range,
    "xrange": _range,
    "len": _len,
    "str": lambda meter, value="": text_of(value, meter),
    "int": _int,
    "float": _float,
    "bool": lambda _meter, value=False: bool(value),
    "dict": as_dict,
    "list": lambda meter, values=(): listed(meter, values),
    "tuple": lambda meter, values=(): tuple(listed(meter, values)),
    "set": _set,
    "sorted": _sorted,
    "reversed": lambda meter, values: listed(meter, values)[::-1],
    "min": _extreme(min),  # type: ignore[arg-type]
    "max": _extreme(max),  # type: ignore[arg-type]
    "sum": _sum,
    "abs": _abs,
    "round": _round,
    "any": lambda meter, values: any(listed(meter, values)),
    "all": lambda meter, values: all(listed(meter, values)),
    "enumerate": _enumerate,
    "zip": _zip,
}
"""The functions that a file may call; each takes a Meter first. What is a generator in Python 3 is a list."""
FUNCTIONS: Mapping[str, Callable[..., object]] = {
    **BUILTINS,
    **{f"math.{name}": _of_floats(getattr(math, name)) for name in _MATH},
}
"""The same, and those of `math`, under names that no variable has; `import` binds them."""
