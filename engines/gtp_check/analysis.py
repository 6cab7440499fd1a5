"""Lines of analysis as clients read them, `info move D4 visits 9 winrate 4656 ... pv D4 Q16 info move ...`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

from lzeval.go.points import parse_vertex
from lzeval.text.decimals import parse_integer, parse_number

LineCheck: TypeAlias = Callable[[str, int], str]
"""A check of a line on a board of some size: what a client cannot read, in words; empty where it reads everything."""


def _candidates(line: str) -> list[dict[str, str]]:
    """One dictionary a move; `pv` holds the rest of its words. Raises ValueError for a key without a value."""
    return [_fields(part.split()) for part in f" {line}".split(" info ")[1:]]


def _fields(words: list[str]) -> dict[str, str]:
    until = words.index("pv") if "pv" in words else len(words)
    if until % 2:
        raise ValueError(f"`{words[until - 1]}` has no value")
    fields = dict(list(pairwise(words[:until]))[::2])
    if until < len(words):
        fields["pv"] = " ".join(words[until + 1 :])
    return fields


def _problem(line: str, size: int, read_winrate: Callable[[str], float]) -> str:
    try:
        for fields in _candidates(line):
            for key in ("move", "visits", "winrate", "pv"):
                if not fields.get(key):
                    return f"`{key}` is missing"
            for vertex in [fields["move"], *fields["pv"].split()]:
                parse_vertex(vertex, size)
            parse_integer(fields["visits"])
            read_winrate(fields["winrate"])
    except ValueError as error:
        return str(error)
    return ""


def leela_line(line: str, size: int) -> str:
    """Read a line as clients of `lz-analyze` do: the winrate is a whole number, times 10000."""
    return _problem(line, size, parse_integer)


def kata_line(line: str, size: int) -> str:
    """Read a line as clients of `kata-analyze` do: the winrate is a fraction, with its point."""
    return _problem(line, size, _fraction)


def _fraction(text: str) -> float:
    value = parse_number(text)
    if not 0 <= value <= 1 or ("." not in text and "e" not in text.lower()):
        raise ValueError(f"the winrate {text} is not a fraction like 0.5")
    return value
