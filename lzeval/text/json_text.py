"""JSON as its standard has it, and plain words for what is wrong with other text."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from lzeval.text.decimals import parse_integer, parse_number

DEEPEST = 100
"""Levels of arrays and objects within each other."""
TOO_DEEP = f"more than {DEEPEST} arrays and objects within each other"


def parse_json(text: str) -> Any:
    """The value of `text`. Numbers that JSON does not have, or nobody can mean (`NaN`, `1e999`), are left as text.

    Raises ValueError, and nothing else, whose message says in plain words what is wrong.
    """
    try:
        value = json.loads(
            text,
            parse_constant=str,
            parse_int=partial(_number, parse_integer),
            parse_float=partial(_number, parse_number),
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg}, at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    _check_depth(value)
    return value


def _number(parse: Callable[[str], float], text: str) -> float | str:
    try:
        return parse(text)
    except ValueError:
        return text


def _check_depth(value: Any) -> None:
    """Raise ValueError where writing `value` again could exhaust Python's stack."""
    level: list[Any] = [value]
    for _ in range(DEEPEST + 1):
        level = [node for node in level if isinstance(node, dict | list)]
        if not level:
            return
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]
    raise ValueError(TOO_DEEP)
