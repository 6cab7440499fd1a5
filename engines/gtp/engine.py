"""What the GTP server asks of an engine: Go, and no text protocol.

A move is an index of `lzeval.core.points`: `row * size + column`, the pass `size * size`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Literal, Protocol, TypeAlias


class Colour(IntEnum):
    """A player, with the number that `lzeval.core.board` gives its stones."""

    BLACK = 1
    WHITE = 2

    @property
    def opponent(self) -> Colour:
        return Colour.WHITE if self is Colour.BLACK else Colour.BLACK

    @property
    def letter(self) -> Literal["b", "w"]:
        """How GTP and SGF abbreviate it."""
        return "b" if self is Colour.BLACK else "w"

    @property
    def word(self) -> Literal["black", "white"]:
        return "black" if self is Colour.BLACK else "white"


class Resignation(Enum):
    """Instead of a move: the game is given up."""

    RESIGN = "resign"


RESIGN = Resignation.RESIGN
Move: TypeAlias = int | Resignation
"""An index, or RESIGN."""
Symmetry: TypeAlias = int | Literal["average"]
"""One of Leela Zero's eight symmetries, 0 the identity, or the average of them all."""


@dataclass(frozen=True)
class Heatmap:
    """What the network thinks of the position before any search."""

    policy: Sequence[int]
    """`[size * size]`: probability of each point in thousandths, rounded down."""
    pass_policy: int
    """That of the pass, in thousandths."""
    winrate: float
    """Of the side to move, 0 to 1."""


@dataclass(frozen=True)
class TimeSettings:
    """A clock with Canadian byo-yomi, the same for both players."""

    main_s: float
    """Seconds before byo-yomi starts."""
    byo_yomi_s: float
    """Seconds of a byo-yomi period."""
    byo_yomi_stones: int
    """Moves to be made in each period; 0 while `byo_yomi_s` is not means that nobody counts time."""

    @property
    def unlimited(self) -> bool:
        return self.byo_yomi_s > 0 and self.byo_yomi_stones == 0


@dataclass(frozen=True)
class TimeLeft:
    """What one player's clock shows."""

    seconds: float
    """Seconds left, of the main time or of the byo-yomi period."""
    stones: int
    """Moves still to be made in the period; 0 during main time."""


class Engine(Protocol):
    """A player with a board. Calls come from one thread, one after the other."""

    komi: float
    """Points for White; kept when the board is cleared."""

    @property
    def board_size(self) -> int:
        """Side of the board, 2 to 25."""

    def set_board_size(self, size: int) -> None:
        """Start over on an empty board of that size. Raises UserError, changing nothing, if it cannot."""

    def clear(self) -> None:
        """Start over on an empty board; size, komi and time settings stay."""

    def place_handicap(self, points: Sequence[int]) -> None:
        """Black stones on the empty board, distinct and not leaving White out of it: White is to move.

        `undo` does not take them back.
        """

    def play(self, colour: Colour, move: int) -> None:
        """Either colour at any time. Raises IllegalMoveError, and then nothing has changed."""

    def genmove(self, colour: Colour) -> Move:
        """Choose, but do not play; who asks plays it if it is wanted."""

    def undo(self) -> None:
        """Take back the last `play`. Raises IllegalMoveError if there is none."""

    def stones(self) -> Sequence[int]:
        """`[size * size]`: 0, or the Colour of the stone; further items are ignored."""

    def final_score(self) -> str:
        """`B+3.5`, `W+3.5` or `0`."""

    def showboard(self) -> str:
        """The position as a drawing of several lines, for a human."""

    def heatmap(self, symmetry: Symmetry) -> Heatmap:
        """Raises UserError where the position cannot be asked about."""

    def describe(self) -> str:
        """What plays and how, for the record of a game: one or more lines."""

    def explain_last_move(self) -> str:
        """What was behind the last answer of `genmove`; empty if there was none."""

    def set_time_settings(self, settings: TimeSettings) -> None:
        """The clock of the games to come and of this one."""

    def set_time_left(self, colour: Colour, left: TimeLeft) -> None:
        """What the controller's clock says, which is right."""

    def clear_cache(self) -> None:
        """Forget evaluations, not the game."""

    def close(self) -> None:
        """Release threads and memory; nothing is called after it."""
