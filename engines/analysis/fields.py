"""Checks of a query's fields: values out, or which field is wrong, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from lzeval.go.colour import Colour, parse_colour
from lzeval.go.points import parse_location
from lzeval.text.decimals import parse_integer, parse_number

Fields: TypeAlias = Mapping[str, Any]
"""A JSON object."""
LONGEST = 40
"""Characters of a value that a message repeats."""


class QueryError(Exception):
    """A query that cannot be answered: which field, and why."""

    def __init__(self, name: str, message: str) -> None:
        self.field = name
        self.message = message
        super().__init__(f"{name}: {message}")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def integer(fields: Fields, name: str, low: int, high: int, within: str | None = None) -> int | None:
    """A whole number, None where it is not given."""
    if name not in fields:
        return None
    value = fields[name]
    if not (_is_integer(value) and low <= value <= high):
        raise QueryError(within or name, f"{name} must be an integer from {low} to {high}")
    return int(value)


def either(fields: Fields, settings: Fields, name: str, low: int, high: int, default: int) -> int:
    """A whole number that may stand in the query or among its settings."""
    found = integer(fields, name, low, high)
    if found is None:
        found = integer(settings, name, low, high, within="overrideSettings")
    return default if found is None else found


def real_number(
    fields: Fields, name: str, low: float, high: float, within: str | None = None
) -> float | None:
    """A number, None where it is not given."""
    if name not in fields:
        return None
    value = fields[name]
    if not (_is_integer(value) or isinstance(value, float)) or not low <= value <= high:
        raise QueryError(within or name, f"{name} must be a number from {low:g} to {high:g}")
    return float(value)


def settings_of(fields: Fields) -> Fields:
    """`overrideSettings`, whose numbers may be written as text: KataGo reads all of them as such."""
    settings = fields.get("overrideSettings", {})
    if not isinstance(settings, dict):
        raise QueryError("overrideSettings", "Must be an object")
    return {name: _number(value) if isinstance(value, str) else value for name, value in settings.items()}


def _number(text: str) -> int | float | str:
    """The number that `text` is, or the text."""
    for parse in (parse_integer, parse_number):
        with suppress(ValueError):
            return parse(text)
    return text


def switch(fields: Fields, name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise QueryError(name, "Must be a boolean")
    return value


def plays(fields: Fields, name: str, size: int) -> list[tuple[Colour, int]]:
    """Colours and points."""
    pairs = fields.get(name)
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise QueryError(name, 'Must be an array of pairs of the form: ["b" or "w", GTP vertex]')
    return [(player(name, who), vertex(name, where, size)) for who, where in pairs]


def player(name: str, value: object) -> Colour:
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        return parse_colour(text)
    except ValueError as error:
        problem = f'Could not parse player: {text[:LONGEST]} (must be "b" or "w")'
        raise QueryError(name, problem) from error


def vertex(name: str, value: object, size: int) -> int:
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        return parse_location(text, size)
    except ValueError as error:
        raise QueryError(name, f"Could not parse board location: {text[:LONGEST]}") from error


def integers(fields: Fields, name: str, low: int, high: int) -> list[int]:
    values = fields[name]
    if not isinstance(values, list) or not all(
        _is_integer(value) and low <= value <= high for value in values
    ):
        raise QueryError(name, f"Must be an array of integers from {low} to {high}")
    return values
