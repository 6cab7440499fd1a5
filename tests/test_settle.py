from __future__ import annotations

import numpy as np
import pytest

from engines.settle import dead_stones, owners
from lzeval.core.board import BLACK, EMPTY, Game
from tests.fakes.evaluators import HashEvaluator

INVADED = """
. . . # o . . . .
. . . # o . . . .
. . . # o . # . .
. o . # o . . . .
. . . # o . . . .
. . . # o . . . .
. . . # o . o . .
. . . # o . . . .
. . . # o . . . .
"""
"""One stone of each colour in the other's area."""


def position(picture: str) -> Game:
    rows = [line.split() for line in picture.split("\n") if line.strip()][::-1]
    game = Game(len(rows), 0.5)
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            game.stones[row * game.size + column] = ".#o".index(cell)
    game.hashes = [12345]
    return game


@pytest.mark.parametrize("to_move", [1, 2])
@pytest.mark.parametrize("salt", range(3))
def test_stones_that_cannot_live_are_dead(to_move: int, salt: int) -> None:
    """Whatever the network thinks: it is asked in vain where no sensible move is left."""
    game = position(INVADED)
    shares = owners(HashEvaluator(9, 16, salt=salt, spread=0.5), game, to_move)
    stones = [int(cell) for cell in game.stones[:-1]]
    walls = [point for point, cell in enumerate(stones) if cell and point % 9 in (3, 4)]
    assert not set(dead_stones(shares, stones)) & set(walls)
    assert shares.min() >= 0
    assert shares.max() <= 1


def test_the_share_decides() -> None:
    stones = [BLACK, 2, EMPTY, BLACK]
    assert dead_stones(np.array([0.2, 0.8, 0.0, 0.3]), stones) == [0, 1]


def test_the_position_itself_is_left_alone() -> None:
    game = position(INVADED)
    before = game.stones.copy()
    owners(HashEvaluator(9, 4), game, BLACK)
    assert (game.stones == before).all()
    assert not game.moves


def test_the_same_seed_gives_the_same_ends() -> None:
    one, other = (owners(HashEvaluator(9, 4), position(INVADED), BLACK, seed=3) for _ in range(2))
    assert (one == other).all()
