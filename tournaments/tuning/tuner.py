"""The protocol between a tuning event's games and the method that chooses candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import Outcome
from tournaments.plan.tuning import CandidateColour, Point

RandomFor = Callable[[str], Random]
"""Random numbers for a purpose, such as a game's id: the same in every run."""


@dataclass(frozen=True)
class Trial:
    """A candidate's game."""

    game_id: str
    code: str
    """The candidate's, as records and reports call it."""
    point: Point
    colour: Colour
    """The candidate's colour."""
    group: str
    """The series of games that `number` counts in."""
    number: int
    opening: int
    """Place in the order of openings."""
    pair: int | None = None
    """Number of the pair of games with the same candidate and opening and swapped colours."""
    place: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """The method's own notes on where the game belongs, in JSON's values."""

    def to_dict(self) -> dict[str, Any]:
        """The trial in JSON's values."""
        return {
            "game_id": self.game_id,
            "code": self.code,
            "point": list(self.point),
            "colour": self.colour.letter,
            "group": self.group,
            "number": self.number,
            "opening": self.opening,
            "pair": self.pair,
            "place": dict(self.place),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Trial:
        colour = Colour.BLACK if content["colour"] == "b" else Colour.WHITE
        return cls(**{**content, "point": tuple(content["point"]), "colour": colour})

    def score(self, record: GameRecord) -> float:
        """The candidate's points of the finished game: 1, 1/2 for a game without a winner, or 0."""
        if record.result.winner is None:
            return 0.5
        return float(record.result.winner is self.colour)

    def has_result(self, record: GameRecord) -> bool:
        """Tell whether the game says something of strength: it was won, or a jigo."""
        return record.result.winner is not None or record.result.outcome is Outcome.JIGO


class Tuner(Protocol):
    """A method of tuning: chooses candidates, learns of results.

    It is told in one order what has happened - begun, recorded, given up, noted - and depends on nothing else, so that
    a log of that order brings it back to where it was.
    """

    notes: list[dict[str, Any]]
    """Entries that the log is to hold, oldest first; whoever logs them empties the list."""
    history: list[str]
    """Lines of CODE.hist so far."""

    @property
    def wanted(self) -> int | None:
        """Number of games in all; None: no end."""
        ...

    def next(self) -> Trial | None:
        """A game to begin now; None if none can begin before others have ended. Raises UserError."""
        ...

    def begin(self, trial: Trial) -> None:
        """A game has begun in an earlier run."""
        ...

    def record(self, trial: Trial, record: GameRecord) -> None:
        """A game has ended."""
        ...

    def give_up(self, trial: Trial) -> None:
        """The trial's candidate cannot be played with, and is to be avoided."""
        ...

    def note(self, entry: Mapping[str, Any]) -> None:
        """An entry of `notes` of an earlier run."""
        ...

    def resume(self) -> None:
        """Earlier runs have been told of; games that began and did not end are to be played."""
        ...

    def best(self) -> Point:
        """The best point so far."""
        ...

    def standing(self) -> str:
        """The best so far in one line."""
        ...

    def report(self, opponent: str) -> str:
        """Text of CODE.report; `opponent` is what its engine says of itself, or empty."""
        ...


def colour_of(candidate: CandidateColour, random: Random) -> Colour:
    """The candidate's colour in a game."""
    letter = "bw"[int(random.random() * 2)] if candidate == "random" else candidate
    return Colour.BLACK if letter == "b" else Colour.WHITE


class GameNumbers:
    """Numbers of games from 0: smallest first, and those again that began and never ended."""

    def __init__(self) -> None:
        self._ended: set[int] = set()
        self._begun: set[int] = set()
        self._next = 0

    @property
    def issued(self) -> int:
        return len(self._ended) + len(self._begun)

    @property
    def ended(self) -> int:
        return len(self._ended)

    def issue(self) -> int:
        """The next number, whose game begins now."""
        while self._next in self._ended or self._next in self._begun:
            self._next += 1
        self._begun.add(self._next)
        return self._next

    def begin(self, number: int) -> None:
        self._begun.add(number)

    def end(self, number: int) -> None:
        self._begun.discard(number)
        self._ended.add(number)

    def roll_back(self) -> None:
        """Forget what has begun and not ended."""
        self._begun.clear()
        self._next = 0
