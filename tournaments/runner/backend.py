"""The protocol between the runner and those who play games: processes, engines, or other machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from tournaments.games.thinking import ThinkingOf


class HasGameId(Protocol):
    """A job, or a game that came of one; both carry the same id."""

    @property
    def game_id(self) -> str: ...


JobT = TypeVar("JobT", bound=HasGameId)
PlayedT = TypeVar("PlayedT", bound=HasGameId)
_JobT = TypeVar("_JobT", bound=HasGameId, contravariant=True)
_PlayedT = TypeVar("_PlayedT", bound=HasGameId, covariant=True)


class Backend(Protocol[_JobT, _PlayedT]):
    """Plays the games it is given, several at a time.

    A job belongs to the backend until its game comes back from `finished`. How often it is begun in the meantime is
    the backend's business: one that loses a machine plays its games elsewhere, and may report a game twice; the runner
    takes the first report of each id. A game that an engine has spoilt comes back like others and says so itself.
    An exception means that nothing can be played any more.
    """

    @property
    def evaluations(self) -> int:
        """Positions that networks have evaluated so far, as far as the backend counts them."""
        ...

    @property
    def thinking(self) -> ThinkingOf:
        """Thinking of the players so far, as far as the backend counts it."""
        ...

    @property
    def free(self) -> int:
        """Number of games that could begin now beside each other. Never blocks; may change between any two calls."""
        ...

    def give(self, jobs: Sequence[_JobT]) -> None:
        """Have these games played, `free` at most, side by side where possible. Never waits for a game."""
        ...

    def finished(self, timeout_s: float) -> Sequence[_PlayedT]:
        """The games that have ended since the last call; waits up to `timeout_s` for the first.

        Raises UserError or EngineError where playing cannot go on.
        """
        ...

    def stop(self) -> None:
        """End processes and engines; games under way are dropped and never reported. May be called twice."""
        ...
