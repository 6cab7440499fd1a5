"""Dead stones, found by playing a position out at random many times over.

Networks of Leela Zero know nothing of dead stones: in their world a game is played until nothing is left to take. What
is decided shows without them: both sides play any move that fills no eye of theirs and puts no group of theirs into
atari, until neither has one, and who holds a chain's points in most of the ends, owns it. Such games are those of the
first Monte-Carlo programs (B. Bouzy and B. Helmstetter, Monte-Carlo Go developments, 2003).
"""

from __future__ import annotations

import numpy as np

from lzeval.compiled.arrays import Floats, Unsigned64
from lzeval.compiled.jit import int64, jit
from lzeval.go.board import (
    BLACK,
    EMPTY,
    ILLEGAL,
    WALL,
    WHITE,
    Geometry,
    Scratch,
    Stones,
    as_array,
    fills_own_eye,
    geometry,
    group_liberties,
    new_scratch,
    play_stone,
)
from lzeval.go.game import NO_KO, Game

PLAYOUTS = 256
"""An owner's share of so many ends has a standard error of 0.03 at most."""
MOVES_A_POINT = 3
"""A playout ends after so many moves for each point of the board, whatever is left."""
LARGEST_THROW_IN = 1
"""Stones of its own that a move may put into atari: one, thrown in to take an eye, and no more."""
CLEAR_SHARE = 0.5
"""A chain is dead if its own side holds its points in less than this share of the ends, on the mean."""
SEED = 1
"""Fixed: equal positions have equal dead stones, whatever was asked before."""


def dead_stones(game: Game, to_move: int) -> list[int]:
    """Points of the dead stones, whole chains of them, where `to_move` plays first; no two calls differ.

    Without stones of both colours nothing is dead.
    """
    if not {BLACK, WHITE} <= set(game.stones):
        return []
    stones = as_array(game.stones)
    black = owners(game, to_move)
    geo, scratch = geometry(game.size), new_scratch(game.size)
    dead: set[int] = set()
    seen: set[int] = set()
    for start in np.flatnonzero((stones == BLACK) | (stones == WHITE)).tolist():
        if start in seen:
            continue
        count, _ = group_liberties(geo, scratch, stones, start)
        chain = scratch.queue[:count].tolist()  # where the flood fill has left its stones
        seen.update(chain)
        held = float(black[chain].mean())
        if (held if stones[start] == BLACK else 1 - held) < CLEAR_SHARE:
            dead.update(chain)
    return sorted(dead)


def owners(game: Game, to_move: int) -> Floats:
    """`[P]`: of each point the share of ends in which Black holds it, from 0 (White's) to 1."""
    black = np.zeros(game.pass_move)
    ko = game.ko if to_move == game.to_move else NO_KO
    most_moves = MOVES_A_POINT * game.pass_move
    random = np.array([SEED], np.uint64)
    geo, scratch, stones = geometry(game.size), new_scratch(game.size), as_array(game.stones)
    _play_out_often(geo, scratch, stones, int(to_move), ko, most_moves, random, black)
    return black / PLAYOUTS


@jit
def _play_out_often(
    geo: Geometry,
    scratch: Scratch,
    stones: Stones,
    to_move: int,
    ko: int,
    most_moves: int,
    random: Unsigned64,
    black: Floats,
) -> None:
    """Add to `black` `[P]` what Black holds in the ends of PLAYOUTS playouts."""
    for _ in range(PLAYOUTS):
        end = stones.copy()
        _play_out(geo, scratch, end, to_move, ko, most_moves, random)
        for point in range(len(black)):
            black[point] += _black_share(geo, end, point)


@jit
def _play_out(
    geo: Geometry,
    scratch: Scratch,
    stones: Stones,
    to_move: int,
    ko: int,
    most_moves: int,
    random: Unsigned64,
) -> None:
    """Play random sensible moves on `stones` until neither side has one, or `most_moves` have been made."""
    empty = np.zeros(len(stones), np.int64)
    after = stones.copy()
    passes, colour = 0, to_move
    for _ in range(most_moves):
        left = 0
        for point in range(len(stones) - 1):
            if stones[point] == EMPTY:
                empty[left] = point
                left += 1
        passes += 1  # until a move is found
        while left > 0:  # the empty points in random order, as far as they are needed
            drawn = _below(random, left)
            point, left = int64(empty[drawn]), left - 1
            empty[drawn] = empty[left]
            if point == ko or fills_own_eye(geo, stones, point, colour):
                continue
            # tried on a copy, as a move that puts its own group into atari is not made
            after[:] = stones
            captured, _, next_ko = play_stone(geo, scratch, after, point, colour)
            if captured > 0 or (captured != ILLEGAL and _is_safe(geo, scratch, after, point)):
                stones[:] = after
                ko, passes = next_ko, 0
                break
        if passes == 2:
            return
        if passes == 1:
            ko = NO_KO  # a ko may be retaken after a pass
        colour = BLACK + WHITE - colour


@jit
def _is_safe(geo: Geometry, scratch: Scratch, stones: Stones, point: int) -> bool:
    """Tell whether the stone at `point`, just played, is no group in atari, or one small enough to throw in."""
    free = 0
    for direction in range(4):
        if stones[geo.neighbours[point, direction]] == EMPTY:
            free += 1
    if free > 1:
        return True
    count, liberties = group_liberties(geo, scratch, stones, point)
    return bool(liberties > 1 or count <= LARGEST_THROW_IN)


@jit
def _black_share(geo: Geometry, stones: Stones, point: int) -> float:
    """1 for a point of Black's, 0 for one of White's; an empty one is theirs who alone are beside it, else 0.5."""
    if stones[point] != EMPTY:
        return 1.0 if stones[point] == BLACK else 0.0
    blacks, whites = 0, 0
    for direction in range(4):
        cell = stones[geo.neighbours[point, direction]]
        if cell == BLACK:
            blacks += 1
        elif cell not in (EMPTY, WALL):
            whites += 1
    if (blacks > 0) == (whites > 0):
        return 0.5
    return 1.0 if blacks > 0 else 0.0


@jit
def _below(random: Unsigned64, bound: int) -> int:
    """A number from 0 to below `bound`, the next of SplitMix64's (G. Steele, D. Lea and C. Flood, 2014)."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int64((z ^ (z >> np.uint64(31))) % np.uint64(bound))
