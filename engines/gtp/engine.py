"""The engine as the GTP server knows it: Go, and no text protocol.

A move is an index of `lzeval.go.points`: `row * size + column`, the pass `size * size`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol, TypeAlias

from lzeval.go.colour import Colour
from lzeval.go.rules import Rules


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
    """The network's opinion of a position before any search."""

    policy: Sequence[int]
    """`[size * size]`: probability of each point in thousandths, rounded down."""
    pass_policy: int
    """Probability of the pass, in thousandths."""
    winrate: float
    """Of the side to move, 0 to 1."""


@dataclass(frozen=True)
class TimeSettings:
    """A clock, the same for both players: main time, then byo-yomi; or main time that grows with each move."""

    main_s: float
    """Seconds before byo-yomi starts; with an increment, those to begin with."""
    byo_yomi_s: float = 0.0
    """Seconds of a byo-yomi period."""
    byo_yomi_stones: int = 0
    """Canadian byo-yomi: moves to be made in each period. 0 with `byo_yomi_s` and no periods: nobody counts time."""
    periods: int = 0
    """Japanese byo-yomi: how many periods of one move each may be used up."""
    increment_s: float = 0.0
    """Fischer: seconds added after each move."""
    most_main_s: float = math.inf
    """The most main time that an increment may bring about."""
    most_a_move_s: float = math.inf
    """The most main time for one move."""

    @property
    def unlimited(self) -> bool:
        return self.byo_yomi_s > 0 and self.byo_yomi_stones == 0 and self.periods == 0


UNLIMITED = TimeSettings(0.0, 1.0, 0)


@dataclass(frozen=True)
class TimeLeft:
    """The time that one player's clock shows."""

    seconds: float
    """Seconds left, of the main time or of the byo-yomi period."""
    stones: int
    """Moves still to be made in the period, or Japanese periods left; 0 during main time."""


@dataclass(frozen=True)
class AnalysedMove:
    """A move of a position under analysis; chances are those of the side to move."""

    move: int
    visits: int
    winrate: float
    """0 to 1."""
    lcb: float
    """Lower confidence bound of the winrate, 0 to 1."""
    prior: float
    """Probability the network gives it, 0 to 1."""
    line: tuple[int, ...]
    """The move and what is expected to follow."""


@dataclass(frozen=True)
class Analysis:
    """The findings of a search so far."""

    colour: Colour
    """The side to move."""
    visits: int
    winrate: float
    """Of the side to move, 0 to 1."""
    moves: tuple[AnalysedMove, ...]
    """Best first: those with visits, then the likeliest others where more were asked for."""


Stop: TypeAlias = Callable[[], bool]
"""Asked again and again during a search, on the thread that started it: whether to end it now."""


def never() -> bool:
    """A `Stop` that lets the search come to its own end."""
    return False


@dataclass(frozen=True)
class Reports:
    """The reports that a search sends while it goes on."""

    send: Callable[[Analysis], None]
    interval_s: float
    fewest_moves: int = 0
    """The number of moves that are reported at least, with or without visits, if the position has them."""


@dataclass(frozen=True)
class Restriction:
    """Moves that one colour is not to make, or that alone it is to make, in the first moves of a search.

    Of several lists of allowed moves for a colour, a move must be in one; it must never be among those to be avoided.
    """

    colour: int
    """A Colour, or its number."""
    moves: frozenset[int]
    """Indices, the pass among them; a pass that is not in a list of allowed moves is not allowed."""
    allowed: bool
    """True if these moves alone are looked at, False if all others are."""
    until: int = 1
    """The end of its depth: it holds for positions fewer moves than this below the root; 1 is the root alone."""


class Engine(Protocol):
    """A player with a board. Calls come from one thread, one after the other."""

    komi: float
    """Points for White; kept when the board is cleared."""
    rules: Rules
    """Kept likewise."""

    @property
    def board_size(self) -> int:
        """Side of the board, 2 to 25."""

    def set_board_size(self, size: int) -> None:
        """Start over on an empty board of that size. Raises UserError, changing nothing, if it cannot."""

    def clear(self) -> None:
        """Start over on an empty board; size, komi and time settings stay."""

    def set_up(self, stones: Sequence[tuple[Colour, int]], to_move: Colour, handicap: int = 0) -> None:
        """Start over from stones, given with their colours; `handicap` of them were given to Black.

        `undo` does not take them back. Raises IllegalMoveError, on an empty board, where a stone has no liberty.
        """

    def play(self, colour: Colour, move: int) -> None:
        """Either colour at any time. Raises IllegalMoveError, and then nothing has changed."""

    def genmove(
        self,
        colour: Colour,
        stop: Stop = never,
        reports: Reports | None = None,
        restrictions: Sequence[Restriction] = (),
    ) -> Move:
        """Choose, but do not play; who asks plays it if it is wanted. Stopped, it answers with the best so far.

        Where restrictions leave no move, that is a pass.
        """

    def last_analysis(self) -> Analysis | None:
        """Findings of the search behind the last `genmove`; None where there was none."""

    def genmove_cleanup(self, colour: Colour, stop: Stop = never) -> Move:
        """Choose as `genmove` does, but neither resign nor pass while the opponent has dead stones on the board."""

    def analyse(
        self, colour: Colour, stop: Stop, reports: Reports, restrictions: Sequence[Restriction] = ()
    ) -> None:
        """Search and report until stopped. Raises UserError where restrictions leave no move."""

    def ponder(self, stop: Stop) -> None:
        """Think ahead on the opponent's time."""

    def undo(self) -> None:
        """Take back the last `play`. Raises IllegalMoveError if there is none."""

    def stones(self) -> Sequence[int]:
        """`[size * size]`: 0, or the Colour of the stone; further items are ignored."""

    def dead_stones(self) -> Sequence[int]:
        """The points of stones that would be captured if both sides played the position out."""

    def final_score(self) -> str:
        """`B+3.5`, `W+3.5` or `0`, dead stones taken off."""

    def showboard(self) -> str:
        """The position as a drawing of several lines, for a human."""

    def heatmap(self, symmetry: Symmetry) -> Heatmap:
        """Raises UserError where the position cannot be asked about."""

    def describe(self) -> str:
        """Describe the player, for the record of a game: one or more lines."""

    def explain_last_move(self) -> str:
        """Explain the last answer of `genmove`; empty if there was none."""

    def set_time_settings(self, settings: TimeSettings) -> None:
        """The clock of the games to come and of this one."""

    def restart_clocks(self) -> None:
        """Set both clocks to the start of a game."""

    def set_time_left(self, colour: Colour, left: TimeLeft) -> None:
        """Take over what the controller's clock says, which is right."""

    def clear_cache(self) -> None:
        """Forget evaluations, not the game."""

    def close(self) -> None:
        """Release threads and memory; nothing is called after it."""
