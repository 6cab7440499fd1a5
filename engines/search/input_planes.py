"""The network's input: the 18 planes of nodes that wait, each under a symmetry of its own.

The planes are Leela Zero's: eight positions of the side to move, latest first, eight of the opponent, then one full of
ones if Black is to move and one if White is.
"""

from __future__ import annotations

import numpy as np

from engines.search.forest import HISTORY, Forest, random_number
from lzeval.compiled.arrays import Ints8, Ints16, Ints32, Ints64, Unsigned8
from lzeval.compiled.jit import int64, jit
from lzeval.go.board import BLACK, WHITE


@jit
def write_planes(
    forest: Forest,
    trees: Ints32,
    leaves: Ints32,
    tables: Ints16,
    symmetries: Ints64,
    planes: Unsigned8,
) -> None:
    """The network's input for the waiting `leaves` `[K]` into the first K rows of `planes` `[B, 18, P]`.

    Each gets a symmetry from its tree's own random numbers, noted in `symmetries` for `apply`: the input at a
    point is the board at the point that the symmetry sends it to.
    """
    for number in range(trees.shape[0]):
        tree, index = int64(trees[number]), int64(leaves[number])
        symmetries[number] = np.int64(random_number(forest, tree) >> np.uint64(61))
        fill_planes(forest, tree, index, tables[symmetries[number]], planes[number])


@jit
def fill_planes(forest: Forest, tree: int, leaf: int, table: Ints16, planes: Unsigned8) -> None:
    """The 18 planes `[18, P]` of one node: its position and the seven before, then whose turn it is."""
    to_move = forest.nodes[tree, leaf].to_move
    index = int(leaf)
    shown = forest.stones[tree, index]
    _write_stones(shown, to_move, table, planes[0], planes[HISTORY])
    for back in range(1, HISTORY):
        # from node to parent, and from the root on through the game's past positions: index -1 is the latest
        index = forest.nodes[tree, index].parent if index > 0 else min(index - 1, -1)
        if index < 0 and -1 - index >= forest.past_count[tree]:
            planes[back:HISTORY] = 0
            planes[HISTORY + back : 2 * HISTORY] = 0
            break
        stones = forest.stones[tree, index] if index >= 0 else forest.past_stones[tree, -1 - index]
        planes[back] = planes[back - 1]
        planes[HISTORY + back] = planes[HISTORY + back - 1]
        _write_changes(stones, shown, to_move, table, planes[back], planes[HISTORY + back])
        shown = stones
    planes[2 * HISTORY :] = 0
    planes[2 * HISTORY + (1 if to_move == WHITE else 0)] = 1


@jit
def _write_stones(
    stones: Ints8,
    to_move: int,
    table: Ints16,
    own: Unsigned8,
    other: Unsigned8,
) -> None:
    opponent = BLACK + WHITE - to_move
    for point in range(own.shape[0]):  # without branches: stones lie too irregularly to be guessed
        cell = stones[table[point]]
        own[point] = cell == to_move
        other[point] = cell == opponent


@jit
def _write_changes(
    stones: Ints8,
    shown: Ints8,
    to_move: int,
    table: Ints16,
    own: Unsigned8,
    other: Unsigned8,
) -> None:
    """Turn the planes of the board `shown` into those of `stones`, which hardly differs.

    A position and the one before differ in a stone and what it took: copying planes and mending those points is faster
    than writing all of them.
    """
    for place in range(own.shape[0]):
        if stones[place] != shown[place]:
            point = _sent_from(table, place)
            own[point] = stones[place] == to_move
            other[point] = stones[place] == BLACK + WHITE - to_move


@jit
def _sent_from(table: Ints16, place: int) -> int:
    """The point that the symmetry `table` sends to `place`: its third power is its inverse."""
    return int(table[table[table[place]]])
