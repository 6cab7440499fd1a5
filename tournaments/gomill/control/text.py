"""Values of control files as text, the way Python 2 writes them."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence

from tournaments.gomill.control.budget import Meter

WIDEST_FIELD = 1000
"""Characters of a field in a format."""


def text_of(value: object, meter: Meter | None = None) -> str:
    """The text that `str` makes of a value in Python 2. Raises TypeError for what has no text, such as a Player."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _float_text(value)
    if meter is not None:
        meter.weigh(value)
    _check_plain(value)
    return repr(value)


def _float_text(value: float) -> str:
    """Twelve digits, and never without a sign that it is no whole number."""
    text = f"{value:.12g}"
    return text if any(mark in text for mark in ".en") else f"{text}.0"


def _check_plain(value: object) -> None:
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list | tuple | set):
            waiting += found
        elif isinstance(found, dict):
            waiting += [*found, *found.values()]
        elif found is not None and not isinstance(found, str | int | float):
            raise TypeError("only numbers, strings and what is made of them can be written as text")


_CONVERSION = re.compile(r"%(\([^)]*\))?[-#0 +]*(\d*)(?:\.(\d*))?[hlL]?(.)", re.DOTALL)


def percent(form: str, values: object, meter: Meter) -> str:
    """`form % values`. Raises TypeError or ValueError as Python does, and for fields of absurd width."""
    meter.weigh(form, values)
    _check_plain(values)
    kinds = [(match[2], match[3], match[4]) for match in _CONVERSION.finditer(form)]
    for width, precision, kind in kinds:
        if kind == "*":
            raise ValueError("a width of * is not evaluated")
        _check_width(width, precision)
    meter.spend(WIDEST_FIELD / 16 * len(kinds))
    return form % _texts(values, kinds)


def _texts(values: object, kinds: Sequence[tuple[str, str, str]]) -> object:
    """The values, with floats that `%s` writes as Python 2 writes them."""
    wanted = [kind for _, _, kind in kinds if kind != "%"]
    if isinstance(values, dict):
        return values if "s" not in wanted else {key: _for_text(value) for key, value in values.items()}
    if isinstance(values, tuple):
        if len(values) != len(wanted):
            return values
        return tuple(
            _for_text(value) if kind == "s" else value for value, kind in zip(values, wanted, strict=True)
        )
    return _for_text(values) if wanted == ["s"] else values


class _Py2Float(float):
    """A number that is written as Python 2 writes it where a format asks for text."""

    __slots__ = ()

    def __str__(self) -> str:
        return _float_text(self)


def _for_text(value: object) -> object:
    return _Py2Float(value) if isinstance(value, float) else value


def _check_width(*numbers: str | None) -> None:
    if any(number and (len(number) > 4 or int(number) > WIDEST_FIELD) for number in numbers):
        raise ValueError(f"a field of a format may be {WIDEST_FIELD} characters wide, not more")


class _PlainFormatter(string.Formatter):
    """`str.format` with names and numbers for fields: no attributes, no subscripts, nothing nested."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter

    def get_field(self, field_name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
        if not field_name.replace("_", "a").isalnum():
            raise ValueError(f"a field {{{field_name}}} is not evaluated")
        key: int | str = int(field_name) if field_name.isdecimal() else field_name
        return self.get_value(key, args, kwargs), key

    def format_field(self, value: object, format_spec: str) -> str:
        _check_width(*re.findall(r"\d+", format_spec))
        self.meter.weigh(value)
        _check_plain(value)
        return text_of(value) if not format_spec else format(value, format_spec)

    def convert_field(self, value: object, conversion: str | None) -> object:
        if conversion is not None:
            raise ValueError(f"a conversion !{conversion} is not evaluated")
        return value


def formatted(meter: Meter, form: str, /, *args: object, **kwargs: object) -> str:
    if re.search(r"\{[^{}]*\{", form.replace("{{", "")):
        raise ValueError("nested fields are not evaluated")
    written = _PlainFormatter(meter).vformat(form, args, kwargs)
    meter.spend(len(written))
    return written
