"""The rules of Go in numba: stones in, stones out, no Python objects.

A board is an int8 array of `size * size + 1` cells in Leela Zero's order (see `lzeval.go.points`), each EMPTY,
BLACK or WHITE; the last cell is the WALL, to which every neighbour outside the board points, so that no function
needs to know where the edge is. Groups are not kept but flooded when a rule asks for them: a flood stops at
the first liberty, which nearly always is at hand, and a copied board is one small array.

`Game`, at the end, is the same rules with a history, for callers that hold one game and not thousands.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lzeval.compiled.jit import int64, jit
from lzeval.errors import IllegalMoveError, UserError
from lzeval.go.points import LARGEST, SMALLEST, format_vertex

EMPTY, BLACK, WHITE, WALL = 0, 1, 2, 3
NO_KO = -1
ILLEGAL = -1

Stones = npt.NDArray[np.int8]


class Geometry(NamedTuple):
    """What the compiled rules need to know of a board size; shared by all boards of that size."""

    neighbours: npt.NDArray[np.int16]
    """`[points + 1, 4]`: the adjacent cells; the wall's index where there is none."""
    diagonals: npt.NDArray[np.int16]
    """`[points + 1, 4]`: likewise, diagonally."""
    zobrist: npt.NDArray[np.uint64]
    """`[3, points + 1]`: a random number per colour and point; 0 for EMPTY and for the wall."""


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
    zobrist = np.random.default_rng(0x6C7A).integers(1, 2**63, (3, points + 1), np.uint64)
    zobrist[EMPTY] = 0
    zobrist[:, points] = 0
    return Geometry(
        np.ascontiguousarray(np.concatenate([np.stack([t.ravel() for t in straight], 1), wall])),
        np.ascontiguousarray(np.concatenate([np.stack([t.ravel() for t in oblique], 1), wall])),
        zobrist,
    )


def new_scratch(size: int) -> Scratch:
    cells = size * size + 1
    return Scratch(np.zeros(cells, np.int16), np.zeros(cells, np.int64), np.zeros(1, np.int64))


def empty_board(size: int) -> Stones:
    stones = np.zeros(size * size + 1, np.int8)
    stones[-1] = WALL
    return stones


@jit
def has_liberty(geo: Geometry, scratch: Scratch, stones: Stones, start: int) -> bool:
    """Whether the group that holds the stone at `start` touches an empty point."""
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
    """How many stones the group at `start` has, and how many liberties."""
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
    """Whether `colour` may play at `point` (not a pass): it is empty, no simple ko, no suicide.

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
    """Whether a stone of `colour` at `point`, which `is_legal` finds to be a suicide, takes others off with itself.

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
    """Whether `point` is an eye of `colour`: own stones all round, and too few enemy diagonals to break it."""
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


class Game:
    """One game under positional superko or simple ko, with or without suicide, and its whole history.

    Colours are BLACK and WHITE, moves are indices with `size * size` for the pass. Either colour may play at any
    time, as GTP allows. Passes are always legal.
    """

    def __init__(self, size: int = 19, komi: float = 7.5) -> None:
        self.size = size
        self.komi = komi
        self.superko = True
        """Whether a move may not bring about an earlier position again; simple ko holds in any case."""
        self.suicide = False
        """Whether a move may take its own stones off, if those are several."""
        self._geometry = geometry(size)
        self._scratch = new_scratch(size)
        self.clear()

    def clear(self) -> None:
        """Back to the empty board; size, komi and rules stay."""
        self.moves: list[tuple[int, int]] = []
        """(colour, index), in the order played."""
        self.boards: list[Stones] = [empty_board(self.size)]
        """The position before each move and after the last."""
        self.hashes: list[int] = [0]
        self.kos: list[int] = [NO_KO]
        self.captures: list[tuple[int, int]] = [(0, 0)]
        """Stones that Black and White had taken, before each move and after the last."""
        self.handicap = 0
        """Stones that Black was given."""
        self.first_to_move = BLACK

    def set_up(
        self, stones: Iterable[tuple[int, int]], to_move: int | None = None, handicap: int = 0
    ) -> None:
        """Start anew from stones, given as (colour, index); `to_move` moves first, and the history begins here.

        Where it is not given, several black stones alone are a handicap, after which White moves. The last word on a
        point counts. Raises IllegalMoveError, on an empty board, where a stone has no liberty.
        """
        self.clear()
        for colour, point in stones:
            self.stones[point] = colour
        occupied = np.flatnonzero(self.stones[:-1] != EMPTY)
        if to_move is None:
            handicap = len(occupied) if len(occupied) > 1 and (self.stones[occupied] == BLACK).all() else 0
            to_move = WHITE if handicap else BLACK
        for point in occupied.tolist():
            if not has_liberty(self._geometry, self._scratch, self.stones, point):
                self.clear()
                raise IllegalMoveError(f"the stone at {format_vertex(point, self.size)} has no liberty")
            self.hashes[0] ^= int(self._geometry.zobrist[self.stones[point], point])
        self.first_to_move, self.handicap = to_move, handicap

    @property
    def stones(self) -> Stones:
        """The position now: `[size * size + 1]`, the wall last."""
        return self.boards[-1]

    @property
    def pass_move(self) -> int:
        return self.size * self.size

    @property
    def to_move(self) -> int:
        """The colour whose turn it is: at the start `first_to_move`, then whoever did not move last."""
        if self.moves:
            return BLACK + WHITE - self.moves[-1][0]
        return self.first_to_move

    @property
    def passes(self) -> int:
        """How many passes the game ends in."""
        count = 0
        while count < len(self.moves) and self.moves[-1 - count][1] == self.pass_move:
            count += 1
        return count

    @property
    def ko(self) -> int:
        """The point that simple ko forbids the side to move, NO_KO if none."""
        return self.kos[-1]

    def _ko_against(self, colour: int) -> int:
        return self.ko if colour == self.to_move else NO_KO

    def why_illegal(self, colour: int, move: int) -> str | None:
        """What forbids the move: `occupied`, `ko`, `suicide` or `superko`; None if nothing does."""
        if move == self.pass_move:
            return None
        if not 0 <= move < self.pass_move:
            return "off the board"
        if self.stones[move] != EMPTY:
            return "occupied"
        if move == self._ko_against(colour):
            return "ko"
        after, played = self._after(colour, move)
        if played[0] == ILLEGAL:
            return "suicide"
        if self.superko and self.hashes[-1] ^ int(played[1]) in self.hashes:
            return "superko"
        del after
        return None

    def is_legal(self, colour: int, move: int) -> bool:
        return self.why_illegal(colour, move) is None

    def legal_moves(self, colour: int) -> list[int]:
        """All legal moves of `colour` in index order, the pass last."""
        return [move for move in range(self.pass_move + 1) if self.is_legal(colour, move)]

    def _after(self, colour: int, move: int) -> tuple[Stones, tuple[int, int, int]]:
        """The position after a stone, and what `play_stone` says of it; a suicide that is allowed captures nothing."""
        stones = self.stones.copy()
        played = play_stone(self._geometry, self._scratch, stones, move, colour)
        if played[0] == ILLEGAL and self.suicide and may_take_own(self._geometry, stones, move, colour):
            _, change = play_suicide(self._geometry, self._scratch, stones, move, colour)
            played = 0, int(change), NO_KO
        return stones, played

    def play(self, colour: int, move: int) -> int:
        """Play and return the number of captured stones. Raises IllegalMoveError, and then nothing has changed."""
        reason = self.why_illegal(colour, move)
        if reason is not None:
            raise IllegalMoveError(reason)
        captured, change, ko = 0, 0, NO_KO
        stones = self.stones
        if move != self.pass_move:
            stones, (captured, change, ko) = self._after(colour, move)
        self.moves.append((colour, move))
        self.boards.append(stones)
        self.hashes.append(self.hashes[-1] ^ int(change))
        self.kos.append(ko)
        black, white = self.captures[-1]
        self.captures.append((black + captured, white) if colour == BLACK else (black, white + captured))
        return captured

    def undo(self) -> None:
        """Take the last move back. Raises IllegalMoveError at the start of the game."""
        if not self.moves:
            raise IllegalMoveError("cannot undo")
        for history in (self.moves, self.boards, self.hashes, self.kos, self.captures):
            history.pop()

    def area_score(self) -> float:
        """Black's area minus White's minus komi, every stone alive: positive if Black is ahead."""
        return float(area_score(self._geometry, self._scratch, self.stones)) - self.komi

    def diagram(self) -> str:
        """The position as text, `#` Black and `o` White, top row first."""
        rows = self.stones[:-1].reshape(self.size, self.size)[::-1]
        return "\n".join(" ".join(".#o"[cell] for cell in row) for row in rows)
