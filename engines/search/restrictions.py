"""Limits on the moves that a search looks at: asked for as lists of moves, kept as depths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lzeval.go.board import BLACK

DEEPEST = 2**30
"""Whatever goes beyond holds everywhere."""


@dataclass(frozen=True)
class Restriction:
    """Moves that one colour is not to make, or that alone it is to make, in the first moves of a search.

    Of several lists of allowed moves for a colour, a move must be in one; it must never be among those to be avoided.
    """

    colour: int
    moves: frozenset[int]
    """Indices, the pass among them; a pass that is not in a list of allowed moves is not allowed."""
    allowed: bool
    """Whether these moves alone are looked at, or all others."""
    until: int = 1
    """It holds for positions that lie fewer moves than this below the root: 1 is the root alone."""


def as_depths(restrictions: Sequence[Restriction], moves: int) -> npt.NDArray[np.int32]:
    """`[2, 2, moves + 1]`: a forest's `depths` for one tree."""
    depths = np.zeros((2, 2, moves + 1), np.int32)
    for restriction in restrictions:
        row = depths[restriction.colour - BLACK, int(restriction.allowed)]
        named = [*restriction.moves, moves]
        row[named] = np.maximum(row[named], min(restriction.until, DEEPEST))
    return depths
