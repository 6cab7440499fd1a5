"""A game as input planes of a Leela Zero network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lzeval.go.colour import Colour
from lzeval.go.game import Game

HISTORY = 8
"""Positions that are shown, the one now among them."""


def planes_of(game: Game) -> npt.NDArray[np.uint8]:
    """`[18, S, S]`: the mover's stones in each of the last eight positions, the opponent's, and whose turn it is."""
    size, mover = game.size, game.to_move
    planes = np.zeros((2 * HISTORY + 2, size, size), np.uint8)
    for back, stones in enumerate(game.boards[::-1][:HISTORY]):
        board = np.frombuffer(stones, np.uint8, size * size).reshape(size, size)
        planes[back] = board == mover
        planes[HISTORY + back] = board == mover.opponent
    planes[2 * HISTORY + (mover is Colour.WHITE)] = 1
    return planes
