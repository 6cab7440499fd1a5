"""GTP's places of fixed handicap stones (version 2 of its specification, Fixed Handicap Placement)."""

from __future__ import annotations

from typing import Literal

_Height = Literal["low", "middle", "high"]
_CORNERS: tuple[tuple[_Height, _Height], ...] = (
    ("low", "low"),
    ("high", "high"),
    ("high", "low"),
    ("low", "high"),
)
_SIDES: tuple[tuple[_Height, _Height], ...] = (
    ("middle", "low"),
    ("middle", "high"),
    ("low", "middle"),
    ("high", "middle"),
)
_CENTRE: tuple[_Height, _Height] = ("middle", "middle")
SMALLEST_SIZE = 7
"""Smaller boards have no fixed places."""
FEWEST = 2


def most_fixed_stones(size: int) -> int:
    """The most stones that have fixed places: 9, or 4 where there is no room or no middle, or 0."""
    if size < SMALLEST_SIZE:
        return 0
    return 4 if size % 2 == 0 or size == SMALLEST_SIZE else 9


def fixed_handicap_points(stones: int, size: int) -> list[int]:
    """Indices of that many fixed stones, in GTP's order. Raises ValueError where GTP defines none."""
    if not FEWEST <= stones <= most_fixed_stones(size):
        raise ValueError(f"no fixed places for {stones} stones on a {size}x{size} board")
    edge = 2 if size < 13 else 3
    line = {"low": edge, "middle": size // 2, "high": size - 1 - edge}
    on_sides = 4 if stones >= 8 else 2 if stones >= 6 else 0
    places = [*_CORNERS[: min(stones, 4)], *_SIDES[:on_sides]]
    if stones >= 5 and stones % 2:
        places.append(_CENTRE)
    return [line[row] * size + line[column] for row, column in places]
