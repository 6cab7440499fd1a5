"""The two players, and what a point holds that is no player's."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Literal

EMPTY, WALL = 0, 3
"""Values of a board's cells besides the numbers of Colour."""


class Colour(IntEnum):
    """A player, with the number of its stones on a board.

    Compiled functions take plain ints: numba would compile them anew for an enum.
    """

    BLACK = 1
    WHITE = 2

    @property
    def opponent(self) -> Colour:
        return Colour.WHITE if self is Colour.BLACK else Colour.BLACK

    @property
    def letter(self) -> Literal["b", "w"]:
        """GTP's and SGF's abbreviation."""
        return "b" if self is Colour.BLACK else "w"

    @property
    def word(self) -> Literal["black", "white"]:
        return "black" if self is Colour.BLACK else "white"


COLOURS: Mapping[str, Colour] = {
    **{colour.letter: colour for colour in Colour},
    **{colour.word: colour for colour in Colour},
}
"""Colours by letter and by word."""


def parse_colour(text: str) -> Colour:
    """`b`, `black`, `w` or `white` in any letter case. Raises ValueError otherwise."""
    try:
        return COLOURS[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is no colour") from None
