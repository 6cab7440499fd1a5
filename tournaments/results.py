"""How a game ended, and everything a finished game is remembered by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Literal

Colour = Literal["b", "w"]
"""Black or White, by GTP's letters."""


def opponent_of(colour: Colour) -> Colour:
    return "w" if colour == "b" else "b"


class Outcome(Enum):
    """Who won, where somebody did. `VOID`: the game does not count. `UNKNOWN`: nobody could say who won."""

    BLACK = "b"
    WHITE = "w"
    JIGO = "jigo"
    VOID = "void"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class GameResult:
    """The end of one game."""

    outcome: Outcome
    detail: str = ""
    """Of a win: `R` by resignation, `T` on time, `F` by forfeit, the margin in points; empty if unknown."""
    note: str = ""
    """A remark for people, such as `hit move limit`; no part of SGF's RE."""

    @property
    def winner(self) -> Colour | None:
        if self.outcome is Outcome.BLACK:
            return "b"
        return "w" if self.outcome is Outcome.WHITE else None

    @property
    def is_decided(self) -> bool:
        """Whether the game says something about strength: a win or a jigo."""
        return self.winner is not None or self.outcome is Outcome.JIGO

    @property
    def margin(self) -> float | None:
        """Points by which the winner won; 0 for a jigo; None where there was no count."""
        if self.outcome is Outcome.JIGO:
            return 0.0
        try:
            return float(self.detail) if self.winner else None
        except ValueError:
            return None

    def score(self, colour: Colour) -> float:
        """1 if `colour` won, 0 if it lost, 1/2 for a jigo. Raises ValueError if the game does not count."""
        if not self.is_decided:
            raise ValueError(f"a game that ended {format_result(self)!r} has no score")
        if self.winner is None:
            return 0.5
        return 1.0 if self.winner == colour else 0.0


JIGO = GameResult(Outcome.JIGO)
VOID = GameResult(Outcome.VOID)
UNKNOWN = GameResult(Outcome.UNKNOWN)


def win(colour: Colour, detail: str | float = "", note: str = "") -> GameResult:
    """A win of `colour`, with the points of its margin or one of the letters of `GameResult.detail`."""
    text = detail if isinstance(detail, str) else _format_margin(detail)
    return GameResult(Outcome.BLACK if colour == "b" else Outcome.WHITE, text, note)


_WIN = re.compile(r"(b|w|black|white)\s*\+\s*(.*)", re.IGNORECASE | re.DOTALL)
_WORDS = {"r": "R", "resign": "R", "t": "T", "time": "T", "f": "F", "forfeit": "F"}
_JIGO_WORDS = ("0", "draw", "jigo")


@lru_cache(maxsize=4096)
def parse_result(text: str) -> GameResult:
    """The meaning of SGF's RE property. A text that no program agreed on the meaning of is UNKNOWN."""
    plain = text.strip()
    if plain.lower() in _JIGO_WORDS:
        return JIGO
    if plain.lower() == "void":
        return VOID
    match = _WIN.fullmatch(plain)
    if match is None:
        return UNKNOWN
    colour: Colour = "b" if match[1][0] in "bB" else "w"
    word = match[2].strip()
    if word.lower() in _WORDS:
        return win(colour, _WORDS[word.lower()])
    return _win_by_points(colour, word.replace(",", "."))


_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)


def _win_by_points(colour: Colour, number: str) -> GameResult:
    if not _NUMBER.fullmatch(number):
        return win(colour)
    points = float(number)
    return JIGO if points == 0 else win(colour, points)


def format_result(result: GameResult) -> str:
    """SGF's RE property: `B+3.5`, `W+R`, `B+`, `0`, `?` or `Void`."""
    if result.winner is not None:
        return f"{result.winner.upper()}+{result.detail}"
    return {Outcome.JIGO: "0", Outcome.VOID: "Void"}.get(result.outcome, "?")


def _format_margin(points: float) -> str:
    return str(int(points)) if points == int(points) else repr(float(points))


@dataclass(frozen=True, slots=True)
class GameRecord:
    """A game that was played, with what is needed to replay, pair and rate it."""

    game_id: str
    black: str
    """The code of the player: what tables and ratings know it by."""
    white: str
    result: GameResult
    moves: tuple[tuple[Colour, int], ...] = ()
    """Colour and index (`lzeval.core.points`) of each move; passes are `size * size`."""
    size: int = 19
    komi: float | None = None
    handicap: int = 0
    setup_black: tuple[int, ...] = ()
    """Indices of Black's stones before the first move, handicap stones among them."""
    setup_white: tuple[int, ...] = ()
    date: str = ""
    """`2024-05-31` or `2024-05-31 23:59`; of other programs' records whatever DT says."""
    event: str = ""
    """The name of the match: gomill's competition code."""
    opening: str = ""
    """The name of the opening that the game began from, where the match chose one."""
    pair: int | None = None
    """Games with equal players, opening and `pair` and with swapped colours are one pair."""
    seed: int | None = None
    black_engine: str = ""
    """Name and version by which the engine introduced itself: SGF's PB."""
    white_engine: str = ""
    black_description: str = ""
    """What else is known of the engine, in one or more lines."""
    white_description: str = ""
    black_cpu_s: float | None = None
    """Processor time that the engine spent on this game, in seconds."""
    white_cpu_s: float | None = None
    end_comment: str = ""
    """Remarks on the end of the game, such as differing final scores."""
    black_winrates: tuple[float | None, ...] = ()
    """Black's chance of winning, 0 to 1, after each move as its mover saw it; empty, or one a move."""
    move_notes: Mapping[int, str] = field(default_factory=dict, hash=False)
    """What an engine said of a move, by the move's place in `moves`."""
    properties: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Further one-valued properties of the SGF root, such as RU."""
    path: Path | None = field(default=None, compare=False)
    """Where the record was read from."""

    def player(self, colour: Colour) -> str:
        return self.black if colour == "b" else self.white


def describe_result(record: GameRecord) -> str:
    """One line in gomill's words: `a beat b W+0.5`, `a vs b jigo`, `a vs b Void (hit move limit)`."""
    result = record.result
    if result.winner is not None:
        players = f"{record.player(result.winner)} beat {record.player(opponent_of(result.winner))}"
    else:
        players = f"{record.black} vs {record.white}"
    ending = "jigo" if result.outcome is Outcome.JIGO else format_result(result)
    return f"{players} {ending}" + (f" ({result.note})" if result.note else "")
