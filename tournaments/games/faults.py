"""Faults of an engine in a game, by name, and their consequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

from engines.gtp.errors import LOST_TOGETHER, EngineGone, EngineRefused, EngineTimeout, NotGtp
from lzeval.errors import EngineError

Consequence: TypeAlias = Literal["void", "forfeit"]
"""`void`: the game does not count and is played again under the same id. `forfeit`: the engine has lost it."""


class Fault(Enum):
    """Faults, with the names that reports use."""

    START = "start failure"
    """The program is missing, or ended or was silent before its first answer."""
    HANG = "hang"
    """No answer within the deadline."""
    CRASH = "crash"
    """The program ended in mid-game."""
    GARBAGE = "protocol garbage"
    """Output that cannot be GTP."""
    TOGETHER = "lost with another game"
    """The program that several games ask has ended; another game has the incident that blames it."""
    MEMORY = "out of memory"
    """An end for which it gave that reason, or the kill by which the system ends what takes too much."""
    SETUP = "refused set-up"
    """A `?` to a start-up command, boardsize, komi, handicap or an opening's move."""
    REFUSED = "refused command"
    """A `?` to genmove, or to the opponent's legal move."""
    ILLEGAL = "illegal move"
    """A move that the rules forbid, or an answer that is no move."""
    TIME = "time loss"
    """The clock ran out."""
    DISPUTE = "scoring dispute"
    """The players name different winners. The game counts as the scoring policy has it."""

    @property
    def is_technical(self) -> bool:
        """True if the engine does not work, rather than plays badly."""
        return self not in (Fault.REFUSED, Fault.ILLEGAL, Fault.TIME, Fault.DISPUTE)


FIXED = (Fault.TIME, Fault.DISPUTE, Fault.TOGETHER)
CHOOSABLE = tuple(fault for fault in Fault if fault not in FIXED)
"""Faults whose consequence is the user's choice.

A time loss is always a loss, a dispute never ends a game, and one that is lost with another is void.
"""


@dataclass(frozen=True)
class Policy:
    """The consequences of faults."""

    technical: Consequence = "void"
    chosen: Mapping[Fault, Consequence] = field(default_factory=dict, hash=False)
    """Consequences of single faults, in place of the rule."""
    attempts: int = 3
    """A game that was void so many times is left out of this run."""
    patience: int = 3
    """A player with so many technical faults, without a game to its end between them, is suspended."""

    def consequence(self, fault: Fault) -> Consequence:
        if fault is Fault.TOGETHER:
            return "void"
        return self.chosen.get(fault, self.technical if fault.is_technical else "forfeit")


GENTLE = Policy()
"""gomill's policy, but for the limits."""


@dataclass(frozen=True)
class Incident:
    """A fault that happened."""

    player: str
    fault: Fault
    message: str
    consequence: Consequence | None = None
    """None where the game went on or was over."""

    def sentence(self) -> str:
        after = {"void": "; the game is void", "forfeit": "; the game is lost", None: ""}[self.consequence]
        return f"{self.fault.value}: {self.message}{after}"


_MEMORY_WORDS = ("out of memory", "bad_alloc", "memoryerror", "cannot allocate memory", "out_of_memory")
_KILLED = -9


def fault_of(error: EngineError, stderr: str, *, was_ready: bool) -> Fault:
    """The name of what went wrong, by the error and the engine's last words."""
    if isinstance(error, EngineGone):
        if error.exit_status == LOST_TOGETHER:
            return Fault.TOGETHER
        words = f"{stderr[-4000:]} {error.last_words}".lower()
        if error.exit_status == _KILLED or any(word in words for word in _MEMORY_WORDS):
            return Fault.MEMORY
        return Fault.CRASH if was_ready else Fault.START
    if isinstance(error, NotGtp):
        return Fault.GARBAGE
    if isinstance(error, EngineTimeout):
        return Fault.HANG if was_ready else Fault.START
    return Fault.SETUP if isinstance(error, EngineRefused) else Fault.START
