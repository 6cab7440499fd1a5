"""The rules of Go in numba: stones in, stones out, no Python objects.

A board is an int8 array of `size * size + 1` cells in Leela Zero's order (see `lzeval.go.points`), each EMPTY,
BLACK or WHITE; the last cell is the WALL, to which every neighbour outside the board points, so that no function
needs to know where the edge is. Groups are not kept but flooded when a rule asks for them: a flood stops at
the first liberty, which nearly always is at hand, and a copied board is one small array.

`lzeval.go.game` is one game with its history, in plain Python.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lzeval.compiled.jit import int64, jit
from lzeval.errors import UserError
from lzeval.go.colour import EMPTY as EMPTY
from lzeval.go.colour import WALL as WALL
from lzeval.go.colour import Colour
from lzeval.go.points import LARGEST, SMALLEST, zobrist

BLACK, WHITE = int(Colour.BLACK), int(Colour.WHITE)
NO_KO = -1
ILLEGAL = -1

Stones = npt.NDArray[np.int8]


class Geometry(NamedTuple):
    """Tables of one board size for the compiled rules, shared by all boards of that size."""

    neighbours: npt.NDArray[np.int16]
    """`[points + 1, 4]`: the adjacent cells; the wall's index where there is none."""
    diagonals: npt.NDArray[np.int16]
    """`[points + 1, 4]`: likewise, diagonally."""
    zobrist: npt.NDArray[np.uint64]
    """`[3, points + 1]`: as `points.zobrist` has it."""


class Scratch(NamedTuple):
    """Working memory of one thread."""

    queue: npt.NDArray[np.int16]
    seen: npt.NDArray[np.int64]
    """The flood that last visited a cell."""
    floods: npt.NDArray[np.int64]
    """`[1]`: how many floods there have been."""


@cache
def geometry(size: int) -> Geometry:
    """The tables for a board of `size` lines, 2 to 25. Raises UserError for any other size."""
    if not SMALLEST <= size <= LARGEST:
        raise UserError(f"board size {size} is not between {SMALLEST} and {LARGEST}")
    points = size * size
    grid = np.full((size + 2, size + 2), points, np.int16)
    grid[1:-1, 1:-1] = np.arange(points, dtype=np.int16).reshape(size, size)
    straight = [grid[:-2, 1:-1], grid[1:-1, :-2], grid[1:-1, 2:], grid[2:, 1:-1]]
    oblique = [grid[:-2, :-2], grid[:-2, 2:], grid[2:, :-2], grid[2:, 2:]]
    wall = np.full((1, 4), points, np.int16)
    return Geometry(
        np.ascontiguousarray(np.concatenate([np.stack([t.ravel() for t in straight], 1), wall])),
        np.ascontiguousarray(np.concatenate([np.stack([t.ravel() for t in oblique], 1), wall])),
        zobrist(size),
    )


def new_scratch(size: int) -> Scratch:
    cells = size * size + 1
    return Scratch(np.zeros(cells, np.int16), np.zeros(cells, np.int64), np.zeros(1, np.int64))


def as_array(stones: bytes) -> Stones:
    """A board of `lzeval.go.game` as compiled functions take it: a copy."""
    return np.frombuffer(stones, np.int8).copy()


def empty_board(size: int) -> Stones:
    stones = np.zeros(size * size + 1, np.int8)
    stones[-1] = WALL
    return stones


@jit
def has_liberty(geo: Geometry, scratch: Scratch, stones: Stones, start: int) -> bool:
    """Tell whether the group that holds the stone at `start` touches an empty point."""
    for direction in range(4):
        if stones[geo.neighbours[start, direction]] == EMPTY:
            return True
    scratch.floods[0] += 1
    flood = scratch.floods[0]
    colour = stones[start]
    scratch.seen[start] = flood
    scratch.queue[0] = start
    head, tail = 0, 1
    while head < tail:
        point = scratch.queue[head]
        head += 1
        for direction in range(4):
            neighbour = geo.neighbours[point, direction]
            cell = stones[neighbour]
            if cell == EMPTY:
                return True
            if cell == colour and scratch.seen[neighbour] != flood:
                scratch.seen[neighbour] = flood
                scratch.queue[tail] = neighbour
                tail += 1
    return False


@jit
def group_liberties(geo: Geometry, scratch: Scratch, stones: Stones, start: int) -> tuple[int, int]:
    """The numbers of stones and liberties of the group at `start`."""
    colour = stones[start]
    scratch.floods[0] += 1
    flood = scratch.floods[0]
    scratch.seen[start] = flood
    scratch.queue[0] = start
    head, tail, liberties = 0, 1, 0
    while head < tail:
        point = scratch.queue[head]
        head += 1
        for direction in range(4):
            neighbour = geo.neighbours[point, direction]
            if scratch.seen[neighbour] == flood:
                continue
            if stones[neighbour] == EMPTY:
                scratch.seen[neighbour] = flood
                liberties += 1
            elif stones[neighbour] == colour:
                scratch.seen[neighbour] = flood
                scratch.queue[tail] = neighbour
                tail += 1
    return tail, liberties


@jit
def remove_group(geo: Geometry, scratch: Scratch, stones: Stones, start: int) -> tuple[int, int]:
    """Take the group at `start` off the board. Returns the number of stones and their joint Zobrist number."""
    colour = stones[start]
    stones[start] = EMPTY
    change = geo.zobrist[colour, start]
    scratch.queue[0] = start
    head, tail = 0, 1
    while head < tail:
        point = scratch.queue[head]
        head += 1
        for direction in range(4):
            neighbour = geo.neighbours[point, direction]
            if stones[neighbour] == colour:
                stones[neighbour] = EMPTY
                change ^= geo.zobrist[colour, neighbour]
                scratch.queue[tail] = neighbour
                tail += 1
    return tail, change


@jit
def is_legal(geo: Geometry, scratch: Scratch, stones: Stones, ko: int, point: int, colour: int) -> bool:
    """Tell whether `colour` may play at `point` (not a pass): it is empty, no simple ko, no suicide.

    `ko` is the point forbidden by the last capture, NO_KO if none. Superko is the caller's to check, who alone
    knows the history.
    """
    if stones[point] != EMPTY or point == ko:
        return False
    for direction in range(4):
        if stones[geo.neighbours[point, direction]] == EMPTY:
            return True
    legal = False
    stones[point] = colour  # so that the point itself no longer counts as a liberty
    for direction in range(4):
        neighbour = int64(geo.neighbours[point, direction])
        cell = stones[neighbour]
        if cell == WALL:
            continue
        if has_liberty(geo, scratch, stones, neighbour) == (cell == colour):
            legal = True  # a friend with another liberty, or an enemy without one
            break
    stones[point] = EMPTY
    return legal


@jit
def play_stone(
    geo: Geometry, scratch: Scratch, stones: Stones, point: int, colour: int
) -> tuple[int, int, int]:
    """Put a stone of `colour` on the empty `point` and take what it captures.

    Returns the number of captured stones, the change of the Zobrist hash, and the point that simple ko now
    forbids to the opponent (NO_KO if none). A suicide returns ILLEGAL captures and leaves the board as it was.
    """
    opponent = BLACK + WHITE - colour
    stones[point] = colour
    change = geo.zobrist[colour, point]
    captured, last_capture = 0, NO_KO
    for direction in range(4):
        neighbour = int64(geo.neighbours[point, direction])
        if stones[neighbour] == opponent and not has_liberty(geo, scratch, stones, neighbour):
            count, removed = remove_group(geo, scratch, stones, neighbour)
            captured += count
            change ^= removed
            last_capture = neighbour
    if captured == 0 and not has_liberty(geo, scratch, stones, point):
        stones[point] = EMPTY
        return ILLEGAL, geo.zobrist[EMPTY, point], NO_KO
    if captured == 1:
        for direction in range(4):
            neighbour = geo.neighbours[point, direction]
            if stones[neighbour] == colour or (stones[neighbour] == EMPTY and neighbour != last_capture):
                return captured, change, NO_KO
        return captured, change, last_capture
    return captured, change, NO_KO


@jit
def may_take_own(geo: Geometry, stones: Stones, point: int, colour: int) -> bool:
    """Tell whether a stone of `colour` at `point`, a suicide by `is_legal`, takes others off with itself.

    That alone is what rules with suicide allow: a single stone that vanishes at once would be a pass.
    """
    around = geo.neighbours[point]
    return bool(
        stones[around[0]] == colour
        or stones[around[1]] == colour
        or stones[around[2]] == colour
        or stones[around[3]] == colour
    )


@jit
def play_suicide(geo: Geometry, scratch: Scratch, stones: Stones, point: int, colour: int) -> tuple[int, int]:
    """Put a stone of `colour` on `point`, where `play_stone` says ILLEGAL, and take it off with its group.

    Returns the number of stones that came off and the change of the Zobrist hash.
    """
    stones[point] = colour
    count, removed = remove_group(geo, scratch, stones, point)
    return count, geo.zobrist[colour, point] ^ removed


@jit
def area_score(geo: Geometry, scratch: Scratch, stones: Stones) -> int:
    """Tromp-Taylor area, Black's minus White's, every stone alive, komi not counted."""
    scratch.floods[0] += 1
    flood = scratch.floods[0]
    score = 0
    for start in range(stones.shape[0] - 1):
        if stones[start] == BLACK:
            score += 1
        elif stones[start] == WHITE:
            score -= 1
        elif scratch.seen[start] != flood:
            reached = np.zeros(4, np.int8)
            scratch.seen[start] = flood
            scratch.queue[0] = start
            head, tail = 0, 1
            while head < tail:
                point = scratch.queue[head]
                head += 1
                for direction in range(4):
                    neighbour = geo.neighbours[point, direction]
                    reached[stones[neighbour]] = 1
                    if stones[neighbour] == EMPTY and scratch.seen[neighbour] != flood:
                        scratch.seen[neighbour] = flood
                        scratch.queue[tail] = neighbour
                        tail += 1
            score += tail * (int(reached[BLACK]) - int(reached[WHITE]))
    return score


@jit
def fills_own_eye(geo: Geometry, stones: Stones, point: int, colour: int) -> bool:
    """Tell whether `point` is an eye of `colour`: own stones all round, and too few enemy diagonals to break it."""
    wall = stones.shape[0] - 1
    for direction in range(4):
        cell = stones[geo.neighbours[point, direction]]
        if cell != colour and cell != WALL:
            return False
    enemies, edge = 0, 0
    for direction in range(4):
        diagonal = geo.diagonals[point, direction]
        if diagonal == wall:
            edge = 1
        elif stones[diagonal] == BLACK + WHITE - colour:
            enemies += 1
    return enemies + edge < 2
