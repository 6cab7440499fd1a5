"""Numbers, counts and command lines as people read them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence


def counted(number: int, one: str, many: str = "") -> str:
    """`1 game`, `1,200 games`; `many` is the plural where it is not `one` and an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def signed(value: float, digits: int = 0) -> str:
    """`+12`, `-3.4`; what rounds to nothing is `+0`, whichever side it comes from."""
    return f"{unsigned_zero(value, digits):+.{digits}f}"


def unsigned_zero(value: float, digits: int = 0) -> float:
    """`value` rounded to `digits`, never -0.0, whose sign would be printed."""
    return round(value, digits) + 0.0


def command_line(*words: object) -> str:
    """A command in one line that a shell takes apart into exactly these words.

    Quoted for POSIX shells (as `shlex.join`), on Windows as its programs split their command line.
    """
    return _joined([str(word) for word in words])


def _joined(words: Sequence[str]) -> str:
    if sys.platform == "win32":
        import subprocess

        return subprocess.list2cmdline(words)
    return shlex.join(words)
