"""One game over GTP, in the terms of Go: what has been played, and the engine that plays it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from engines.gtp.engine import RESIGN, Analysis, Engine, Move, Reports, Restriction, Stop, never
from engines.gtp.server.error_stream import ErrorStream
from engines.gtp.sgf import ColouredMove, GameSoFar, read_sgf
from lzeval.errors import IllegalMoveError, LzevalError, RecordError
from lzeval.go.colour import Colour
from lzeval.go.handicap import FEWEST, fixed_handicap_points, most_fixed_stones
from lzeval.go.points import format_vertex, pass_index
from lzeval.go.rules import Rules

LAX = Rules(superko=False, suicide=True)
"""No game of ours can have been played by laxer ones."""


class Failure(LzevalError):  # noqa: N818  (GTP's own word for an answer that begins with `?`)
    """A command cannot be done; the message is the text of the answer."""


class _IllegalRecordedMoveError(IllegalMoveError):
    """Describe an illegal move of a game that is played again."""

    def __init__(self, reason: str, number: int, colour: Colour, move: int, size: int) -> None:
        super().__init__(reason)
        self._text = (
            f"move {number}, {colour.word.capitalize()} {format_vertex(move, size)}, is illegal ({reason})"
        )

    def __str__(self) -> str:
        return self._text


class GtpSession:
    """The state between commands.

    Every method that needs the engine waits for it to be loaded, and raises what its loading raised.
    """

    def __init__(self, get_engine: Callable[[], Engine], name: str, version: str, log: ErrorStream) -> None:
        self._get_engine = get_engine
        self.name = name
        self.version = version
        self.log = log
        self.setup: list[ColouredMove] = []
        """Stones of the starting position."""
        self.moves: list[ColouredMove] = []
        self.handicap = 0
        """Stones that Black was given, by a command or as the record loaded says."""
        self.first_player: Colour | None = None
        """The player said to move first."""
        self.player: Colour | None = None
        """The player said to move now, until a move is played or taken back."""
        self.interrupted: Stop = never
        """True if the controller wants the command at work to come to its end."""
        self.input_waiting: Stop = never
        """True if the controller has sent anything since."""
        self.may_ponder = False
        """True if the opponent is to answer a move of the engine's."""
        self.tells_searches = False
        """True if what was found goes to the error stream after each move."""

    @property
    def engine(self) -> Engine:
        return self._get_engine()

    @property
    def size(self) -> int:
        return self.engine.board_size

    @property
    def position(self) -> GameSoFar:
        return GameSoFar(
            self.size,
            self.engine.komi,
            list(self.setup),
            list(self.moves),
            self.engine.rules,
            self.handicap,
            self.first_player,
            self.player,
        )

    def set_size(self, size: int) -> None:
        self.engine.set_board_size(size)
        self.engine.restart_clocks()
        self._forget()

    def clear(self) -> None:
        self.engine.clear()
        self.engine.restart_clocks()
        self._forget()

    def _forget(self) -> None:
        self.setup, self.moves, self.handicap = [], [], 0
        self.first_player = self.player = None
        self.may_ponder = False

    @property
    def to_move(self) -> Colour:
        """The player said to move, or who did not move last; at the start Black, after a handicap White."""
        if self.player is not None:
            return self.player
        return self.moves[-1][0].opponent if self.moves else self.position.first_to_move

    def set_player(self, colour: Colour) -> None:
        """Say whose turn it is; of the position before the first move, for good."""
        if self.moves:
            self.player = colour
            return
        self.first_player = colour
        self._set_up_engine(self.position)

    def _set_up_engine(self, position: GameSoFar) -> None:
        self.engine.set_up(position.setup, position.first_to_move, position.stones_given)

    def set_komi(self, komi: float) -> None:
        """Raises ValueError unless it is a number that can be added to a score."""
        if not math.isfinite(komi):
            raise ValueError(f"komi {komi}")
        self.engine.komi = komi + 0.0  # never -0.0

    def play(self, colour: Colour, move: int) -> None:
        self.engine.play(colour, move)
        self.moves.append((colour, move))
        self.player = None
        self.may_ponder = False

    def play_all(self, plays: Sequence[ColouredMove]) -> None:
        """Play all of them, or none. Raises IllegalMoveError."""
        before = len(self.moves)
        try:
            for colour, move in plays:
                self.play(colour, move)
        except LzevalError:
            while len(self.moves) > before:
                self.undo()
            raise

    def genmove(
        self, colour: Colour, reports: Reports | None = None, restrictions: Sequence[Restriction] = ()
    ) -> Move:
        """The engine's move, played."""
        return self.chosen(colour, self.engine.genmove(colour, self.interrupted, reports, restrictions))

    def chosen(self, colour: Colour, move: Move) -> Move:
        """Play what the engine chose."""
        if move is not RESIGN:
            self.play(colour, move)
            self.may_ponder = True
        return move

    def look(self, colour: Colour) -> Analysis:
        """Findings of a search of the usual length."""
        found: list[Analysis] = []
        self.engine.genmove(colour, self.interrupted, Reports(found.append, math.inf))
        if not found:
            raise Failure("this position is played from the opening book")
        return found[-1]

    def set_up(self, stones: Sequence[ColouredMove]) -> None:
        """Start over with these stones; on any failure everything is as it was."""
        points = [point for _, point in stones]
        if len(set(points)) < len(points) or pass_index(self.size) in points:
            raise IllegalMoveError("occupied")
        self._start_from(GameSoFar(self.size, None, list(stones), rules=self.engine.rules))

    def undo(self) -> None:
        if not self.moves:
            raise Failure("cannot undo")
        self.engine.undo()
        self.moves.pop()
        self.player = None
        self.may_ponder = False

    def is_empty(self) -> bool:
        return not any(self.engine.stones()[: pass_index(self.size)])

    def place_handicap(self, points: Sequence[int]) -> None:
        """Start a handicap game. Raises Failure if the board is not empty or the points cannot be."""
        if not self.is_empty():
            raise Failure("board not empty")
        board_points = pass_index(self.size)
        if (
            not FEWEST <= len(points) < board_points
            or len(set(points)) < len(points)
            or board_points in points
        ):
            raise Failure("bad vertex list")
        self.clear()
        self.setup, self.handicap = [(Colour.BLACK, point) for point in points], len(points)
        self._set_up_engine(self.position)

    def place_fixed_handicap(self, stones: int, *, or_fewer: bool = False) -> list[int]:
        """Place `stones` where GTP says, or the most it knows places for; returns the points."""
        if not self.is_empty():
            raise Failure("board not empty")
        most = most_fixed_stones(self.size)
        try:
            if or_fewer and stones >= pass_index(self.size):
                raise ValueError(f"{stones} stones fill the board")
            points = fixed_handicap_points(min(stones, most) if or_fewer else stones, self.size)
        except ValueError as error:
            raise Failure("invalid number of stones") from error
        self.place_handicap(points)
        return points

    def load(self, path: Path, before_move: int | None) -> None:
        """The position of a record, before its move `before_move`; on any failure everything is as it was.

        Suicide is then allowed or not as the record's rules have it, if they are known; where the game brings an
        earlier position back, superko is off. Raises RecordError.
        """
        position = read_sgf(path, before_move, self.engine.rules)
        for remark in position.remarks:
            self.log.say(f"{path}: {remark}")
        try:
            try:
                self._start_from(position)
            except IllegalMoveError as error:
                if error.reason != "superko":
                    raise
                self.log.say(f"{path}: {error}; superko is off")
                self._start_from(replace(position, rules=replace(position.rules, superko=False)))
        except IllegalMoveError as error:
            raise RecordError(path, str(error)) from error

    def _start_from(self, position: GameSoFar) -> None:
        """A new game from there; on any failure everything is as it was."""
        before = self.position
        try:
            self.engine.rules = position.rules
            self._replay(position)
        except LzevalError:
            self.engine.rules = LAX  # the game may have been played by others than those now in force
            self._replay(before)
            self.engine.rules = before.rules
            raise
        self.engine.restart_clocks()

    def _replay(self, position: GameSoFar) -> None:
        self.engine.set_board_size(position.size)
        self._forget()
        if position.komi is not None:
            self.engine.komi = position.komi
        if position.setup or position.first_player is not None:
            self._set_up_engine(position)
        self.setup, self.handicap = list(position.setup), position.handicap
        self.first_player = position.first_player
        for number, (colour, move) in enumerate(position.moves, start=1):
            try:
                self.play(colour, move)
            except IllegalMoveError as error:
                raise _IllegalRecordedMoveError(error.reason, number, colour, move, self.size) from error
        self.player = position.player

    def groups(self) -> list[list[int]]:
        """The chains of stones on the board, each in index order."""
        size, stones = self.size, self.engine.stones()
        seen: set[int] = set()
        chains = []
        for start in range(pass_index(size)):
            if stones[start] and start not in seen:
                chain = _chain(stones, size, start)
                seen |= chain
                chains.append(sorted(chain))
        return chains


def _chain(stones: Sequence[int], size: int, start: int) -> set[int]:
    chain, border = {start}, [start]
    while border:
        row, column = divmod(border.pop(), size)
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            index = r * size + c
            if 0 <= r < size and 0 <= c < size and index not in chain and stones[index] == stones[start]:
                chain.add(index)
                border.append(index)
    return chain
