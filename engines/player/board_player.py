"""The part of an engine that is Go alone: a game, its board, its dead stones and its score."""

from __future__ import annotations

from collections.abc import Sequence

from engines.player.dead_stones import dead_stones
from lzeval.go.colour import Colour
from lzeval.go.drawing import draw_board
from lzeval.go.game import Game, area, without
from lzeval.go.points import format_vertex
from lzeval.go.rules import Rules

MOST_KEPT = 1000
"""Positions whose dead stones are kept."""


class BoardPlayer:
    """Part of an `engines.gtp.engine.Engine` that needs no thinking: its game, board, dead stones and score."""

    def __init__(self, size: int) -> None:
        self._game = Game(size)
        self._dead: dict[tuple[bytes, int, int], list[int]] = {}
        """Dead stones found before, by position."""

    @property
    def komi(self) -> float:
        return self._game.komi

    @komi.setter
    def komi(self, points: float) -> None:
        self._game.komi = points

    @property
    def rules(self) -> Rules:
        return self._game.rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._game.rules = rules

    @property
    def board_size(self) -> int:
        return self._game.size

    def clear(self) -> None:
        self._game.clear()

    def set_up(self, stones: Sequence[tuple[Colour, int]], to_move: Colour, handicap: int = 0) -> None:
        self.clear()
        self._game.set_up(stones, to_move, handicap)

    def play(self, colour: Colour, move: int) -> None:
        self._game.play(colour, move)

    def undo(self) -> None:
        self._game.undo()

    def next_of(self, opening: tuple[int, ...]) -> int | None:
        """The next move of an opening that the game has followed so far; None where it has not, or is through."""
        played = tuple(move for _, move in self._game.moves)
        is_on = len(played) < len(opening) and played == opening[: len(played)]
        return opening[len(played)] if is_on and not any(self._game.boards[0][:-1]) else None

    def stones(self) -> Sequence[int]:
        return self._game.stones[:-1]

    def dead_stones(self) -> Sequence[int]:
        """Points of the dead stones; clients ask for them, and for the score, several times in one position."""
        position = (self._game.stones, self._game.to_move, self._game.ko)
        if position not in self._dead:
            if len(self._dead) >= MOST_KEPT:
                self._dead.clear()
            self._dead[position] = dead_stones(self._game, self._game.to_move)
        return self._dead[position]

    def final_score(self) -> str:
        score = self._score_without(self.dead_stones())
        if score == 0:
            return "0"
        return f"{'B' if score > 0 else 'W'}+{abs(score):g}"

    def _score_without(self, dead: Sequence[int]) -> float:
        """Black's area minus White's and komi once the stones on `dead` are off the board."""
        return area(without(self._game.stones, dead), self.board_size) - self.komi

    def showboard(self) -> str:
        black, white = self._game.captures[-1]
        last = self._game.moves[-1] if self._game.moves else None
        lines = [
            draw_board(self.stones(), self.board_size),
            f"Black has taken {black}, White {white}; komi {self.komi:g}",
        ]
        if last is not None:
            lines.append(f"last move: {last[0].letter.upper()} {format_vertex(last[1], self.board_size)}")
        return "\n".join(lines)
