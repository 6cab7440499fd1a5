"""The rules that a tournament is refereed by, for one game at a time.

They are plain Python: compiled ones pay where positions come by the million, and here they would take longer to load
than a short tournament takes to play. `lzeval.go.board` and sgfmill are their judges in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

from lzeval.errors import IllegalMoveError

EMPTY, BLACK, WHITE, WALL = 0, 1, 2, 3
"""As in `lzeval.go.board`."""
_NO_KO = -1
Ko: TypeAlias = Literal["simple", "superko"]
Stones: TypeAlias = list[int]
"""`size * size + 1` cells in the order of indices; the last one is the wall round the board."""


@dataclass(frozen=True)
class Rules:
    """What makes a move illegal; the defaults are gomill's."""

    ko: Ko = "simple"
    """`simple`: no immediate retake. `superko`: besides, no earlier position may come about again."""
    suicide: bool = True
    """Whether a player may take off its own stones."""


GOMILL = Rules()
STRICT = Rules("superko", suicide=False)
"""The rules of most of today's engines: what these forbid, an opponent may reject."""


@cache
def neighbours(size: int) -> tuple[tuple[int, ...], ...]:
    """The cells beside each point, by index; the wall is none."""
    found = []
    for point in range(size * size):
        row, column = divmod(point, size)
        beside = [
            point - size if row else -1,
            point + size if row < size - 1 else -1,
            point - 1 if column else -1,
            point + 1 if column < size - 1 else -1,
        ]
        found.append(tuple(cell for cell in beside if cell >= 0))
    return tuple(found)


class _After(NamedTuple):
    """What a legal stone leads to."""

    stones: Stones
    captured: int
    ko: int
    """The point that simple ko then forbids to the opponent."""


class RefereedGame:
    """One game under a tournament's rules, with its whole history.

    Colours are BLACK and WHITE, moves are indices with `size * size` for the pass. Either colour may play at any
    time. Passes are always legal.
    """

    def __init__(self, size: int, komi: float, rules: Rules) -> None:
        self.size = size
        self.komi = komi
        self.pass_move = size * size
        self.moves: list[tuple[int, int]] = []
        """(colour, index), in the order played."""
        self.boards: list[Stones] = [[EMPTY] * self.pass_move + [WALL]]
        """The position before each move and after the last."""
        self.handicap = 0
        """Black stones that `place_handicap` put on the board."""
        self._kos = [_NO_KO]
        self._rules = rules
        self._neighbours = neighbours(size)

    def place_handicap(self, points: Sequence[int]) -> None:
        """Put Black stones on the empty board; White moves first."""
        for point in points:
            self.stones[point] = BLACK
        self.handicap = len(points)

    @property
    def stones(self) -> Stones:
        """The position now."""
        return self.boards[-1]

    @property
    def to_move(self) -> int:
        """The colour whose turn it is, at the start Black, in a handicap game White."""
        if self.moves:
            return BLACK + WHITE - self.moves[-1][0]
        return WHITE if self.handicap else BLACK

    @property
    def passes(self) -> int:
        """How many passes the game ends in."""
        count = 0
        while count < len(self.moves) and self.moves[-1 - count][1] == self.pass_move:
            count += 1
        return count

    def why_illegal(self, colour: int, move: int) -> str | None:
        """What forbids the move: `occupied`, `ko`, `suicide` or `superko`; None if nothing does."""
        if move == self.pass_move:
            return None
        after = self._after(colour, move, self._rules)
        return after if isinstance(after, str) else None

    def strict_objection(self, colour: int, move: int) -> str | None:
        """What STRICT has against the move, whatever the rules in force."""
        if move == self.pass_move:
            return None
        after = self._after(colour, move, STRICT)
        return after if isinstance(after, str) else None

    def play(self, colour: int, move: int) -> int:
        """Play and return the number of captured stones. Raises IllegalMoveError, and then nothing has changed."""
        if move == self.pass_move:
            after: _After | str = _After(self.stones, 0, _NO_KO)
        else:
            after = self._after(colour, move, self._rules)
        if isinstance(after, str):
            raise IllegalMoveError(after)
        self.moves.append((colour, move))
        self.boards.append(after.stones)
        self._kos.append(after.ko)
        return after.captured

    def undo(self) -> None:
        """Take the last move back."""
        for history in (self.moves, self.boards, self._kos):
            history.pop()

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
        if point == self._kos[-1] and colour == self.to_move:
            return "ko"
        stones = self.stones.copy()
        stones[point] = colour
        beside, enemy = self._neighbours[point], BLACK + WHITE - colour
        captured: list[int] = []
        is_crowded = True
        for cell in beside:
            if stones[cell] == enemy:
                captured += self._take_off(stones, cell)
            elif stones[cell] == EMPTY:
                is_crowded = False
        ko = _NO_KO
        if is_crowded and not captured and self._take_off(stones, point) and not rules.suicide:
            return "suicide"
        if len(captured) == 1 and all(stones[cell] == enemy for cell in beside if cell != captured[0]):
            ko = captured[0]
        if rules.ko == "superko" and stones in self.boards:
            return "superko"
        return _After(stones, len(captured), ko)

    def _take_off(self, stones: Stones, start: int) -> list[int]:
        """Remove the group at `start` if it has no liberty; returns its points, none where it stays."""
        beside, colour = self._neighbours, stones[start]
        group, seen = [start], {start}
        for point in group:
            for cell in beside[point]:
                stone = stones[cell]
                if stone == EMPTY:
                    return []
                if stone == colour and cell not in seen:
                    seen.add(cell)
                    group.append(cell)
        for point in group:
            stones[point] = EMPTY
        return group


def area(stones: Sequence[int], size: int) -> int:
    """Black's stones and surrounded points minus White's, every stone alive, komi not counted."""
    beside, score, seen = neighbours(size), 0, set[int]()
    for start in range(size * size):
        if stones[start] != EMPTY:
            score += 1 if stones[start] == BLACK else -1
        elif start not in seen:
            region, borders = [start], set[int]()
            seen.add(start)
            for point in region:
                for cell in beside[point]:
                    if stones[cell] != EMPTY:
                        borders.add(stones[cell])
                    elif cell not in seen:
                        seen.add(cell)
                        region.append(cell)
            score += len(region) * ((BLACK in borders) - (WHITE in borders))
    return score
