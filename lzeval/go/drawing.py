"""A position drawn for a human, as `showboard` shows it."""

from __future__ import annotations

from collections.abc import Sequence

from lzeval.go.handicap import fixed_handicap_points, most_fixed_stones
from lzeval.go.points import COLUMNS

_CELLS = ".XO"
"""Empty, Black, White."""


def draw_board(stones: Sequence[int], size: int) -> str:
    """`stones` (`[size * size]`: 0, or a Colour) with coordinates around; `+` marks the handicap points."""
    most = most_fixed_stones(size)
    marks = set(fixed_handicap_points(most, size)) if most else set()
    header = "   " + " ".join(COLUMNS[:size])

    def cell(index: int) -> str:
        return "+" if stones[index] == 0 and index in marks else _CELLS[stones[index]]

    rows = [
        f"{row + 1:2d} " + " ".join(cell(row * size + column) for column in range(size)) + f" {row + 1:2d}"
        for row in reversed(range(size))
    ]
    return "\n".join([header, *rows, header])
