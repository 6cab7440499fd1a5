"""Numbers as people and other programs write them: decimal digits of ASCII, and nothing that only Python would take.

`int` and `float` also take `7_5`, `nan`, `inf` and the digits of every script, and with them a mistyped number for
another one without a word.
"""

from __future__ import annotations

import math
import re

_INTEGER = re.compile(r" *[-+]?[0-9]+ *")
_NUMBER = re.compile(r" *[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)? *")
LONGEST = 400
"""Characters of a number; the largest `float` has 309 digits."""
SHOWN = 40
"""Characters of what is no number that a message repeats."""


def parse_integer(text: str) -> int:
    """A whole number with or without a sign, spaces around it allowed. Raises ValueError for anything else."""
    if len(text) > LONGEST or not _INTEGER.fullmatch(text):
        raise ValueError(f"{text[:SHOWN]!r} is not a whole number")
    return int(text)


def parse_number(text: str) -> float:
    """A finite number such as `7`, `-.5` or `1e-3`, spaces around it allowed. Raises ValueError for anything else.

    The exponent is allowed because other programs print small and large numbers with one, and read it.
    """
    number = float(text) if len(text) <= LONGEST and _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise ValueError(f"{text[:SHOWN]!r} is not a decimal number")
    return number
