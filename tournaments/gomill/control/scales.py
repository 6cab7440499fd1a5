"""gomill's predefined scales: from an optimiser parameter, 0 to 1, to an engine parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from tournaments.gomill.control import settings
from tournaments.gomill.control.language import Configured

Scale = Callable[[float], object]


def predefined_scale(call: Configured) -> Scale:
    """The function that a call of LINEAR, LOG or EXPLICIT stands for. Raises ValueError."""
    return _MAKERS[call.kind](call)


def _bounds(call: Configured) -> tuple[float, float, bool]:
    found = settings.arguments(call, ("lower_bound", "upper_bound", "integer"), ())
    for name in ("lower_bound", "upper_bound"):
        if name not in found:
            raise ValueError(f"{call.kind} takes a lower_bound and an upper_bound")
    try:
        low, high = settings.number(found["lower_bound"]), settings.number(found["upper_bound"])
    except ValueError:
        raise ValueError(f"{call.kind} takes two numbers") from None
    return low, high, bool(found.get("integer", False))


def _rounded(value: float, is_integer: bool) -> object:
    """The value, or its nearest whole number; towards zero what is below it, as with gomill."""
    return int(value + 0.5) if is_integer else value


def _linear(call: Configured) -> Scale:
    low, high, is_integer = _bounds(call)
    return lambda share: _rounded(share * (high - low) + low, is_integer)


def _log(call: Configured) -> Scale:
    low, high, is_integer = _bounds(call)
    if low == 0 or high / low <= 0:
        raise ValueError("LOG takes two bounds above zero, such as LOG(0.01, 100)")
    rate = math.log(high / low)
    return lambda share: _rounded(math.exp(rate * share) * low, is_integer)


def _explicit(call: Configured) -> Scale:
    found = settings.arguments(call, ("values",), ())
    values = settings.items(found.get("values", ()))
    if not values:
        raise ValueError("EXPLICIT takes a list of values, and not an empty one")
    return lambda share: values[min(int(len(values) * share), len(values) - 1)]


_MAKERS: Mapping[str, Callable[[Configured], Scale]] = {
    "LINEAR": _linear,
    "LOG": _log,
    "EXPLICIT": _explicit,
}
SCALES = tuple(_MAKERS)
