"""Arguments of commands: text in, values out, and the failure that a controller expects where they make no sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from engines.gtp.engine import RESIGN, Move, Symmetry
from engines.gtp.server.session import Failure
from lzeval.errors import IllegalMoveError
from lzeval.go.colour import Colour, parse_colour
from lzeval.go.points import LARGEST, SYMMETRIES, format_vertex, parse_location
from lzeval.text.decimals import parse_number

T = TypeVar("T")


def read(parse: Callable[[str], T], text: str) -> T:
    """Read an argument with `parse`. Raises Failure `syntax error` where it raises ValueError."""
    try:
        return parse(text)
    except ValueError as error:
        raise Failure("syntax error") from error


def whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def duration(text: str) -> float:
    """Seconds, whole or not; some servers send a little less than nothing."""
    seconds = parse_number(text)
    if not abs(seconds) < 1e9:
        raise ValueError(f"{text!r} is not a time")
    return max(seconds, 0.0)


def vertex(text: str, size: int) -> int:
    """A move. Raises IllegalMoveError for a vertex of a larger board, Failure for what is no vertex."""
    try:
        return parse_location(text, size)
    except ValueError as error:
        read(lambda name: parse_location(name, LARGEST), text)
        raise IllegalMoveError("off the board") from error


def symmetry(text: str) -> Symmetry:
    if text.lower() == "average":
        return "average"
    number = whole_number(text)
    if number >= SYMMETRIES:
        raise ValueError(f"there is no symmetry {number}")
    return number


def vertices(points: list[int], size: int) -> str:
    return " ".join(format_vertex(point, size) for point in points)


def colour(text: str) -> Colour:
    """Raises Failure `syntax error`."""
    return read(parse_colour, text)


def played(who: Colour, move: int, size: int) -> str:
    """`black Q16`."""
    return f"{who.word} {format_vertex(move, size)}"


def move_text(move: Move, size: int) -> str:
    """A vertex, `pass` or `resign`."""
    return "resign" if move is RESIGN else format_vertex(move, size)
