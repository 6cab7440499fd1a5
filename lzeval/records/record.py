"""The record of a finished game."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from lzeval.go.colour import COLOURS, Colour
from lzeval.records.result import GameResult, Outcome, format_result


@dataclass(frozen=True, slots=True)
class GameRecord:
    """A game that was played, with what is needed to replay, pair and rate it."""

    game_id: str
    black: str
    """The code of the player: what tables and ratings know it by."""
    white: str
    result: GameResult
    moves: tuple[tuple[Colour, int], ...] = ()
    """Colour and index (`lzeval.go.points`) of each move; passes are `size * size`."""
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
    """Further facts about the engine, in one or more lines."""
    white_description: str = ""
    black_cpu_s: float | None = None
    """Processor time that the engine spent on this game, in seconds."""
    white_cpu_s: float | None = None
    end_comment: str = ""
    """Remarks on the end of the game, such as differing final scores."""
    black_winrates: tuple[float | None, ...] = ()
    """Black's chance of winning, 0 to 1, after each move as its mover saw it; empty, or one a move."""
    move_notes: Mapping[int, str] = field(default_factory=dict, hash=False)
    """Comments of engines on moves, by the move's place in `moves`."""
    properties: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Further one-valued properties of the SGF root, such as RU."""
    path: Path | None = field(default=None, compare=False)
    """The file that the record was read from."""
    remarks: tuple[str, ...] = field(default=(), compare=False)
    """Departures from what is written: properties that could not be read and count as not given, each in words."""

    def to_dict(self, names: Iterable[str] = ()) -> dict[str, Any]:
        """The fields `names`, or all that are of the game itself, in values that JSON has.

        Colours are `b` and `w`, a result is its outcome, detail and note, and numbers of moves are text, as JSON's
        keys are.
        """
        fields = {name: getattr(self, name) for name in names or FIELDS}
        return {name: _AS_JSON[name](value) if name in _AS_JSON else value for name, value in fields.items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> GameRecord:
        """The record of which `to_dict` made `content`; fields that it lacks are as in an empty record."""
        return cls(**read_fields(content))

    def player(self, colour: Colour) -> str:
        return self.black if colour is Colour.BLACK else self.white

    def score(self, player: str) -> float:
        """Points of `player`, one of the two: 1, 1/2 or 0. Raises ValueError if the game does not count."""
        return self.result.score(Colour.BLACK if self.black == player else Colour.WHITE)


FIELDS = tuple(field.name for field in fields(GameRecord) if field.name not in ("path", "remarks"))
"""Fields that are of the game, not of where it was read."""
_AS_JSON: Mapping[str, Callable[[Any], Any]] = {
    "result": lambda result: [result.outcome.value, result.detail, result.note],
    "moves": lambda moves: [[colour.letter, index] for colour, index in moves],
    "setup_black": list,
    "setup_white": list,
    "black_winrates": list,
    "move_notes": lambda notes: {str(number): note for number, note in notes.items()},
    "properties": dict,
}
"""Writers of the fields that JSON has no value for."""
_FROM_JSON: Mapping[str, Callable[[Any], Any]] = {
    "result": lambda parts: GameResult(Outcome(parts[0]), *parts[1:]),
    "moves": lambda moves: tuple((COLOURS[letter], index) for letter, index in moves),
    "setup_black": tuple,
    "setup_white": tuple,
    "black_winrates": tuple,
    "move_notes": lambda notes: {int(number): note for number, note in notes.items()},
    "properties": dict,
}


def read_fields(content: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a GameRecord that `content`, a dictionary of `to_dict` or a part of one, has."""
    return {
        name: _FROM_JSON[name](content[name]) if name in _FROM_JSON else content[name]
        for name in FIELDS
        if name in content
    }


def describe_result(record: GameRecord) -> str:
    """One line in gomill's words: `a beat b W+0.5`, `a vs b jigo`, `a vs b Void (hit move limit)`."""
    result = record.result
    if result.winner is not None:
        players = f"{record.player(result.winner)} beat {record.player(result.winner.opponent)}"
    else:
        players = f"{record.black} vs {record.white}"
    ending = "jigo" if result.outcome is Outcome.JIGO else format_result(result)
    return f"{players} {ending}" + (f" ({result.note})" if result.note else "")
