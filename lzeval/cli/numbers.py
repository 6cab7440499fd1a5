"""Numbers on the command line: every option of every command reads them with `lzeval.text.decimals`."""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import Any

from typer.core import TyperGroup

from lzeval.text.decimals import parse_integer, parse_number

_PARSERS = {
    "IntParamType": parse_integer,
    "IntRange": parse_integer,
    "FloatParamType": parse_number,
    "FloatRange": parse_number,
}
"""Parsers by the names of click's types, which typer brings along in a place that depends on its version."""


class DecimalGroup(TyperGroup):
    """Commands whose options take decimal numbers alone; click would take all that Python does, as `7_5` and `nan`."""

    def get_command(self, *args: Any, **kwargs: Any) -> Any:
        command = super().get_command(*args, **kwargs)
        for parameter in _parameters(command):
            parse = _PARSERS.get(type(parameter.type).__name__)
            if parse is not None and "convert" not in vars(parameter.type):
                kind = copy(parameter.type)
                kind.convert = partial(_convert, parameter.type, parse)
                parameter.type = kind
        return command


def _parameters(command: Any) -> list[Any]:
    """The options and arguments of `command`, and of those below it where it is a group; of None, none."""
    below = getattr(command, "commands", {}).values()
    return [*getattr(command, "params", ()), *(one for sub in below for one in _parameters(sub))]


def _convert(kind: Any, parse: Any, value: Any, parameter: Any, context: Any) -> Any:
    """`value` as click's type `kind` has it, once `parse` has read it if it is text."""
    if isinstance(value, str):
        try:
            value = parse(value)
        except ValueError as error:
            kind.fail(f"{error}.", parameter, context)
    return kind.convert(value, parameter, context)
