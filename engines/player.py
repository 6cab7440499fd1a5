"""Our own engine: a network, a search and one game, as GTP knows an engine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.evaluator.base import Answer, Evaluator
from engines.gtp.drawing import draw_board
from engines.gtp.engine import RESIGN, Colour, Heatmap, Move, Symmetry, TimeLeft, TimeSettings
from engines.search import choice
from engines.search.forest import fill_planes
from engines.search.searcher import Limits, Searcher, Waiting
from lzeval.core.board import BLACK, EMPTY, WALL, WHITE, Game
from lzeval.core.errors import UserError
from lzeval.core.points import SYMMETRIES, format_vertex, symmetry_tables

TREE = 0


@dataclass(frozen=True)
class PlayerOptions:
    """How an engine of ours plays."""

    limits: Limits = Limits(visits=1600)
    habits: choice.Habits = choice.Habits()
    seed: int = 1
    opening: tuple[int, ...] = ()
    """Moves from the empty board that both players make without thinking, as long as they do."""


class NetworkPlayer:
    """An `engines.gtp.engine.Engine` that asks an evaluator."""

    def __init__(self, evaluator: Evaluator, options: PlayerOptions) -> None:
        self._evaluator = evaluator
        self._options = options
        self._size = evaluator.info.board_size
        self._searcher = Searcher(1, self._size, 2048)
        self._waiting = Waiting(evaluator.batch_size, self._size)
        self._game = Game(self._size)
        self._explanation = ""
        self.clear()

    @property
    def komi(self) -> float:
        return self._game.komi

    @komi.setter
    def komi(self, points: float) -> None:
        self._game.komi = points

    @property
    def board_size(self) -> int:
        return self._size

    def set_board_size(self, size: int) -> None:
        if size != self._size:
            raise UserError(f"this network plays on {self._size}x{self._size} alone")
        self.clear()

    def clear(self) -> None:
        self._game.clear()
        self._explanation = ""
        self._searcher.forget(TREE)
        self._searcher.seed(TREE, self._options.seed)

    def place_handicap(self, points: Sequence[int]) -> None:
        self.clear()
        self._game.place_handicap(points)

    def play(self, colour: Colour, move: int) -> None:
        self._game.play(int(colour), move)

    def undo(self) -> None:
        self._game.undo()

    def genmove(self, colour: Colour) -> Move:
        in_book = self._opening_move()
        if in_book is not None:
            self._explanation = "opening"
            return in_book
        started = time.monotonic()
        self._search(int(colour))
        moves, visits = self._searcher.root_moves(TREE), self._searcher.visits(TREE)
        chosen = choice.choose(moves, visits, self._game, int(colour), self._options.habits)
        self._explanation = self._explain(moves, chosen, time.monotonic() - started)
        return RESIGN if chosen.move == choice.RESIGN else chosen.move

    def _opening_move(self) -> int | None:
        """The opening's next move, if the game has followed it so far."""
        played = tuple(move for _, move in self._game.moves)
        opening = self._options.opening
        if len(played) < len(opening) and played == opening[: len(played)] and not self._game.handicap:
            return opening[len(played)]
        return None

    def _search(self, colour: int) -> None:
        dumb_pass = self._options.habits.dumb_pass
        self._searcher.follow(TREE, self._game, colour, dumb_pass=dumb_pass)
        limit = self._options.limits.root_visits(self._searcher.visits(TREE))
        self._searcher.make_room(TREE, limit)
        trees, limits = np.array([TREE], np.int32), np.array([limit], np.int32)
        try:
            self._run(trees, limits)
        except BaseException:
            self._searcher.forget(TREE)  # a node in it waits for an answer that will not come
            raise

    def _run(self, trees: npt.NDArray[np.int32], limits: npt.NDArray[np.int32]) -> None:
        while True:
            leaves = self._searcher.gather(trees, limits)
            if leaves[0] < 0:
                return
            self._searcher.write_planes(trees, leaves, self._waiting)
            answer = self._evaluator.evaluate(self._waiting.planes)
            self._searcher.apply(trees, leaves, self._waiting, answer.policy, answer.value)

    def _explain(self, moves: Sequence[choice.RootMove], chosen: choice.Choice, seconds: float) -> str:
        best = next((move.move for move in choice.ranked(moves)), self._game.pass_move)
        line = self._searcher.principal_variation(TREE, best)
        words = " ".join(format_vertex(move, self._size) for move in line)
        return f"winrate {chosen.winrate:.2%}, {chosen.visits} visits, {seconds:.1f} s, {words}"

    def stones(self) -> Sequence[int]:
        return [int(cell) for cell in self._game.stones[:-1]]

    def final_score(self) -> str:
        score = self._game.area_score()
        if score == 0:
            return "0"
        return f"{'B' if score > 0 else 'W'}+{abs(score):g}"

    def showboard(self) -> str:
        black, white = self._game.captures[-1]
        last = self._game.moves[-1] if self._game.moves else None
        lines = [
            draw_board(self.stones(), self._size),
            f"Black has taken {black}, White {white}; komi {self.komi:g}",
        ]
        if last is not None:
            lines.append(f"last move: {'BW'[last[0] - 1]} {format_vertex(last[1], self._size)}")
        return "\n".join(lines)

    def heatmap(self, symmetry: Symmetry) -> Heatmap:
        symmetries = list(range(SYMMETRIES)) if symmetry == "average" else [int(symmetry)]
        policy, value = self._raw(symmetries)
        empty = [cell in (EMPTY, WALL) for cell in self._game.stones]
        thousandths = [int(share * 1000) * is_empty for share, is_empty in zip(policy, empty, strict=True)]
        return Heatmap(thousandths[:-1], thousandths[-1], (1 + value) / 2)

    def _raw(self, symmetries: Sequence[int]) -> tuple[Sequence[float], float]:
        """Policy and the mover's value of the position, averaged over symmetries; the search tree is forgotten."""
        self._searcher.forget(TREE)
        self._searcher.follow(TREE, self._game, self._game.to_move)
        self._searcher.forget(TREE)
        tables = symmetry_tables(self._size)
        total, value = np.zeros(self._size**2 + 1), 0.0
        for symmetry in symmetries:
            planes = self._waiting.planes.reshape(len(self._waiting.planes), 18, -1)
            fill_planes(self._searcher.forest, TREE, 0, tables[symmetry], planes[0])
            answer: Answer = self._evaluator.evaluate(self._waiting.planes)
            total[tables[symmetry]] += answer.policy[0]
            value += float(answer.value[0])
        return list(total / len(symmetries)), value / len(symmetries)

    def describe(self) -> str:
        info, limits = self._evaluator.info, self._options.limits
        amounts = []
        if limits.visits is not None:
            amounts.append(f"{limits.visits} visits")
        if limits.playouts is not None:
            amounts.append(f"{limits.playouts} playouts")
        return (
            f"lzeval, network {info.network} ({info.blocks} blocks x {info.filters} filters, {info.sha256[:16]}), "
            f"{', '.join(amounts)}, {info.backend} on {info.device}, {info.precision}"
        )

    def explain_last_move(self) -> str:
        return self._explanation

    def set_time_settings(self, settings: TimeSettings) -> None:
        """Accepted; visits and playouts decide how long this engine thinks."""

    def set_time_left(self, colour: Colour, left: TimeLeft) -> None:
        """Accepted, like time settings."""

    def clear_cache(self) -> None:
        self._searcher.forget(TREE)

    def close(self) -> None:
        """Nothing to release."""


assert (BLACK, WHITE) == (Colour.BLACK, Colour.WHITE)
