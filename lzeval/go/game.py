"""One game of Go in plain Python: what is legal, what has happened, and the count at the end.

`lzeval.go.board` has the same rules compiled, for searches and training data. They pay where positions come by the
million; to load numba takes longer than a short tournament does. Each is the other's judge in the tests, and sgfmill
is that of both.

A board is bytes, because those are copied, compared and hashed in one go, and numpy reads them without a copy.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import cache
from typing import NamedTuple, TypeAlias

from lzeval.errors import IllegalMoveError
from lzeval.go.colour import EMPTY, WALL, Colour
from lzeval.go.points import format_vertex, zobrist
from lzeval.go.rules import DEFAULT_RULES, Rules

NO_KO = -1
Stones: TypeAlias = bytes
"""`size * size + 1` cells in the order of indices, each EMPTY or a Colour; the last one is the WALL."""


@cache
def neighbours(size: int) -> tuple[tuple[int, ...], ...]:
    """The points beside each point, by index."""
    return tuple(
        tuple(
            point + step
            for step, is_there in (
                (-size, point >= size),
                (size, point < size * (size - 1)),
                (-1, point % size > 0),
                (1, point % size < size - 1),
            )
            if is_there
        )
        for point in range(size * size)
    )


class _After(NamedTuple):
    """The outcome of a legal move."""

    stones: Stones
    captured: int
    ko: int
    """The point that simple ko then forbids to the opponent, NO_KO if none."""


class Game:
    """One game and its whole history.

    Moves are indices, `size * size` the pass. Either colour may play at any time, as GTP allows. Passes are always
    legal.
    """

    def __init__(self, size: int = 19, komi: float = 7.5, rules: Rules = DEFAULT_RULES) -> None:
        self.size = size
        self.komi = komi
        self.rules = rules
        self.pass_move = size * size
        self._neighbours = neighbours(size)
        self.clear()

    def clear(self) -> None:
        """Back to the empty board; size, komi and rules stay."""
        self.moves: list[tuple[Colour, int]] = []
        """Colour and index, in the order played."""
        self.boards: list[Stones] = [bytes([EMPTY] * self.pass_move + [WALL])]
        """The position before each move and after the last."""
        self.kos: list[int] = [NO_KO]
        self.captures: list[tuple[int, int]] = [(0, 0)]
        """Stones that Black and White had taken, before each move and after the last."""
        self.handicap = 0
        """Stones that Black was given."""
        self.first_to_move = Colour.BLACK
        self._hashes: list[int] = []

    def set_up(
        self, stones: Iterable[tuple[int, int]], to_move: int | None = None, handicap: int = 0
    ) -> None:
        """Start anew from stones, given as (colour, index); `to_move` moves first, and the history begins here.

        Where it is not given, several black stones alone are a handicap, after which White moves. The last word on a
        point counts. Raises IllegalMoveError, on an empty board, where a stone has no liberty.
        """
        self.clear()
        board = bytearray(self.stones)
        for colour, point in stones:
            board[point] = colour
        occupied = [point for point in range(self.pass_move) if board[point] != EMPTY]
        if to_move is None:
            is_given = len(occupied) > 1 and all(board[point] == Colour.BLACK for point in occupied)
            handicap = len(occupied) if is_given else 0
            to_move = Colour.WHITE if handicap else Colour.BLACK
        for point in occupied:
            if self._captured(board, point):
                raise IllegalMoveError(f"the stone at {format_vertex(point, self.size)} has no liberty")
        self.boards = [bytes(board)]
        self.first_to_move, self.handicap = Colour(to_move), handicap

    @property
    def stones(self) -> Stones:
        """The position now."""
        return self.boards[-1]

    @property
    def to_move(self) -> Colour:
        """The colour whose turn it is: at the start `first_to_move`, then whoever did not move last."""
        return self.moves[-1][0].opponent if self.moves else self.first_to_move

    @property
    def passes(self) -> int:
        """The number of passes in a row at the end of the game."""
        count = 0
        while count < len(self.moves) and self.moves[-1 - count][1] == self.pass_move:
            count += 1
        return count

    @property
    def ko(self) -> int:
        """The point that simple ko forbids the side to move, NO_KO if none."""
        return self.kos[-1]

    @property
    def hashes(self) -> list[int]:
        """Zobrist hashes of `boards`; only searches ask for them."""
        import numpy as np  # not needed to play

        numbers, places = zobrist(self.size), np.arange(self.pass_move)
        for board in self.boards[len(self._hashes) :]:
            cells = np.frombuffer(board, np.int8, self.pass_move)
            self._hashes.append(int(np.bitwise_xor.reduce(numbers[cells, places])))
        return self._hashes

    def why_illegal(self, colour: int, move: int, rules: Rules | None = None) -> str | None:
        """The objection to a move: `occupied`, `ko`, `suicide` or `superko`; None if it is legal.

        By the game's rules, or by `rules`.
        """
        if move == self.pass_move:
            return None
        after = self._after(colour, move, rules or self.rules)
        return after if isinstance(after, str) else None

    def is_legal(self, colour: int, move: int) -> bool:
        return self.why_illegal(colour, move) is None

    def legal_moves(self, colour: int) -> list[int]:
        """All legal moves of `colour` in index order, the pass last."""
        return [move for move in range(self.pass_move + 1) if self.is_legal(colour, move)]

    def play(self, colour: int, move: int) -> int:
        """Play and return the number of captured stones. Raises IllegalMoveError, and then nothing has changed."""
        if move == self.pass_move:
            after: _After | str = _After(self.stones, 0, NO_KO)
        else:
            after = self._after(colour, move, self.rules)
        if isinstance(after, str):
            raise IllegalMoveError(after)
        colour = Colour(colour)
        self.moves.append((colour, move))
        self.boards.append(after.stones)
        self.kos.append(after.ko)
        black, white = self.captures[-1]
        is_black = colour is Colour.BLACK
        self.captures.append((black + after.captured * is_black, white + after.captured * (not is_black)))
        return after.captured

    def play_recorded(self, colour: int, move: int) -> None:
        """Play a move of somebody's game. If it brings an earlier position back, the game is one without superko.

        Raises IllegalMoveError.
        """
        if self.why_illegal(colour, move) == "superko":
            self.rules = replace(self.rules, superko=False)
        self.play(colour, move)

    def undo(self) -> None:
        """Take the last move back. Raises IllegalMoveError at the start of the game."""
        if not self.moves:
            raise IllegalMoveError("cannot undo")
        for history in (self.moves, self.boards, self.kos, self.captures):
            history.pop()
        del self._hashes[len(self.boards) :]

    def at_turn(self, turn: int) -> Game:
        """The game as it was after `turn` moves."""
        earlier = copy.copy(self)
        earlier.moves = self.moves[:turn]
        for name in ("boards", "kos", "captures", "_hashes"):
            setattr(earlier, name, getattr(self, name)[: turn + 1])
        return earlier

    def area_score(self) -> float:
        """Black's area minus White's minus komi, every stone alive: positive if Black is ahead."""
        return area(self.stones, self.size) - self.komi

    def diagram(self) -> str:
        """The position as text, `#` Black and `o` White, top row first."""
        rows = [self.stones[start : start + self.size] for start in range(0, self.pass_move, self.size)]
        return "\n".join(" ".join(".#o"[cell] for cell in row) for row in reversed(rows))

    def _after(self, colour: int, point: int, rules: Rules) -> _After | str:
        """The position after a stone at `point`, or what forbids it."""
        if not 0 <= point < self.pass_move:
            return "off the board"
        if self.stones[point] != EMPTY:
            return "occupied"
        if point == self.ko and colour == self.to_move:
            return "ko"
        stones = bytearray(self.stones)
        stones[point] = colour
        beside, enemy = self._neighbours[point], Colour(colour).opponent
        captured: list[int] = []
        is_crowded = True
        for cell in beside:
            if stones[cell] == enemy:
                captured += self._take_off(stones, cell)
            elif stones[cell] == EMPTY:
                is_crowded = False
        if is_crowded and not captured:
            own = self._take_off(stones, point)
            if own and not (rules.suicide and (len(own) > 1 or rules.lone_suicide)):
                return "suicide"
        ko = NO_KO
        if len(captured) == 1 and all(stones[cell] == enemy for cell in beside if cell != captured[0]):
            ko = captured[0]
        after = bytes(stones)
        if rules.superko and after in self.boards:
            return "superko"
        return _After(after, len(captured), ko)

    def _take_off(self, stones: bytearray, start: int) -> list[int]:
        """Remove the group at `start` if it has no liberty; returns its points, none where it stays."""
        group = self._captured(stones, start)
        for point in group:
            stones[point] = EMPTY
        return group

    def _captured(self, stones: bytearray, start: int) -> list[int]:
        """The points of the group at `start` if it has no liberty, else none."""
        beside, colour = self._neighbours, stones[start]
        group, seen = [start], {start}
        for point in group:  # which grows as the flood goes on
            for cell in beside[point]:
                stone = stones[cell]
                if stone == EMPTY:
                    return []
                if stone == colour and cell not in seen:
                    seen.add(cell)
                    group.append(cell)
        return group


def without(stones: Stones, dead: Collection[int]) -> Stones:
    """The position with the dead stones taken off."""
    left = bytearray(stones)
    for point in dead:
        left[point] = EMPTY
    return bytes(left)


def area(stones: Stones, size: int) -> int:
    """Tromp-Taylor area, Black's minus White's, every stone alive, komi not counted."""
    beside, score, seen = neighbours(size), 0, set[int]()
    for start in range(size * size):
        if stones[start] != EMPTY:
            score += 1 if stones[start] == Colour.BLACK else -1
        elif start not in seen:
            region, borders = [start], set[int]()
            seen.add(start)
            for point in region:  # which grows as the flood goes on
                for cell in beside[point]:
                    if stones[cell] != EMPTY:
                        borders.add(stones[cell])
                    elif cell not in seen:
                        seen.add(cell)
                        region.append(cell)
            score += len(region) * ((Colour.BLACK in borders) - (Colour.WHITE in borders))
    return score
