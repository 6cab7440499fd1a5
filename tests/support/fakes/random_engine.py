"""An engine that plays at random: sgfmill's board knows what is legal, a seed what is chosen.

Run as a program it is a GTP engine: `python -m tests.support.fakes.random_engine [seed]`.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence

from sgfmill.boards import Board

from engines.gtp.engine import (
    AnalysedMove,
    Analysis,
    Heatmap,
    Move,
    Reports,
    Restriction,
    Stop,
    Symmetry,
    TimeLeft,
    TimeSettings,
    never,
)
from engines.gtp.server.server import serve_stdio
from lzeval.errors import IllegalMoveError, UserError
from lzeval.go.colour import Colour
from lzeval.go.drawing import draw_board
from lzeval.go.points import LARGEST, SMALLEST, format_vertex, pass_index
from lzeval.go.rules import Rules

Placement = tuple[tuple[str | None, ...], ...]


class RandomEngine:
    """Positional superko, suicide if allowed; never fills a point all of whose neighbours are its own stones."""

    def __init__(self, seed: int = 0, size: int = 9, komi: float = 7.5) -> None:
        self.komi = komi
        self.rules = Rules()
        self.closed = False
        self.pondered = 0
        self.time_settings: TimeSettings | None = None
        self.time_left: dict[Colour, TimeLeft] = {}
        self.caches_cleared = 0
        self._random = random.Random(seed)
        self._explanation = ""
        self._size = size
        self.clear()

    @property
    def board_size(self) -> int:
        return self._size

    def set_board_size(self, size: int) -> None:
        if not SMALLEST <= size <= LARGEST:
            raise UserError(f"no board of size {size}")
        self._size = size
        self.clear()

    def clear(self) -> None:
        self._boards = [Board(self._size)]
        self._explanation = ""

    def set_up(
        self,
        stones: Sequence[tuple[Colour, int]],
        to_move: Colour,  # noqa: ARG002
        handicap: int = 0,  # noqa: ARG002
    ) -> None:
        self.clear()
        black, white = (
            [divmod(point, self._size) for stone, point in stones if stone is colour] for colour in Colour
        )
        if not self._boards[-1].apply_setup(black, white, []):
            self.clear()
            raise IllegalMoveError("no liberty")

    def play(self, colour: Colour, move: int) -> None:
        self._boards.append(self._after(colour, move))

    def _after(self, colour: Colour, move: int) -> Board:
        board = self._boards[-1].copy()
        if move == pass_index(self._size):
            return board
        row, column = divmod(move, self._size)
        try:
            board.play(row, column, colour.letter)
        except ValueError:
            raise IllegalMoveError("occupied") from None
        if board.get(row, column) is None and not (
            self.rules.suicide and _placement(board) != _placement(self._boards[-1])
        ):
            raise IllegalMoveError("suicide")
        if self.rules.superko and _placement(board) in map(_placement, self._boards):
            raise IllegalMoveError("superko")
        return board

    def genmove(
        self,
        colour: Colour,
        stop: Stop = never,  # noqa: ARG002
        reports: Reports | None = None,
        restrictions: Sequence[Restriction] = (),  # noqa: ARG002
    ) -> Move:
        if reports is not None:
            reports.send(self._analysis(colour))
        return self._draw(colour)

    def last_analysis(self) -> Analysis | None:
        return None

    def genmove_cleanup(self, colour: Colour, stop: Stop = never) -> Move:  # noqa: ARG002
        return self._draw(colour)

    def analyse(
        self, colour: Colour, stop: Stop, reports: Reports, restrictions: Sequence[Restriction] = ()
    ) -> None:
        """Reports until stopped, once at least; of restrictions it knows `allow` alone."""
        only = [point for restriction in restrictions if restriction.allowed for point in restriction.moves]
        while True:
            reports.send(self._analysis(colour, only))
            if stop():
                return
            time.sleep(reports.interval_s)

    def _analysis(self, colour: Colour, only: Sequence[int] = ()) -> Analysis:
        """Every legal point with its index as visits."""
        chosen = set(only) or range(pass_index(self._size))
        points = [p for p in range(pass_index(self._size)) if p in chosen and self._is_sensible(colour, p)]
        moves = tuple(AnalysedMove(p, p, 0.5, 0.25, 0.125, (p, pass_index(self._size))) for p in points)
        return Analysis(colour, sum(points), 0.5, moves)

    def ponder(self, stop: Stop) -> None:
        while not stop():
            self.pondered += 1
            time.sleep(0.001)

    def dead_stones(self) -> Sequence[int]:
        return []

    def _draw(self, colour: Colour) -> Move:
        points = list(range(pass_index(self._size)))
        self._random.shuffle(points)
        choice = next((p for p in points if self._is_sensible(colour, p)), pass_index(self._size))
        self._explanation = f"drew {format_vertex(choice, self._size)}"
        return choice

    def _is_sensible(self, colour: Colour, point: int) -> bool:
        row, column = divmod(point, self._size)
        around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        board = self._boards[-1]
        on_board = [(r, c) for r, c in around if 0 <= r < self._size and 0 <= c < self._size]
        if board.get(row, column) is not None or all(board.get(r, c) == colour.letter for r, c in on_board):
            return False
        try:
            self._after(colour, point)
        except IllegalMoveError:
            return False
        return True

    def undo(self) -> None:
        if len(self._boards) == 1:
            raise IllegalMoveError("nothing to undo")
        self._boards.pop()

    def stones(self) -> list[int]:
        numbers = {None: 0, "b": int(Colour.BLACK), "w": int(Colour.WHITE)}
        return [numbers[self._boards[-1].get(row, column)] for row, column in self._boards[-1].board_points]

    def final_score(self) -> str:
        lead = self._boards[-1].area_score() - self.komi
        return "0" if lead == 0 else f"{'B' if lead > 0 else 'W'}+{abs(lead):g}"

    def showboard(self) -> str:
        return draw_board(self.stones(), self._size)

    def heatmap(self, symmetry: Symmetry) -> Heatmap:
        """The point with index `n` gets `n`, so that the order of the table can be seen."""
        return Heatmap(list(range(pass_index(self._size))), 7, 0.5 if symmetry == "average" else 0.25)

    def describe(self) -> str:
        return "Plays legal moves at random."

    def explain_last_move(self) -> str:
        return self._explanation

    def set_time_settings(self, settings: TimeSettings) -> None:
        self.time_settings = settings

    def restart_clocks(self) -> None:
        self.time_left.clear()

    def set_time_left(self, colour: Colour, left: TimeLeft) -> None:
        self.time_left[colour] = left

    def clear_cache(self) -> None:
        self.caches_cleared += 1

    def close(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True


def _placement(board: Board) -> Placement:
    return tuple(tuple(row) for row in board.board)


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]]
    serve_stdio(lambda: RandomEngine(*arguments), name="Random", version="1.0")
