"""The loop that plays the games of matches, tournaments and pools.

It takes games from a `Games`, has a `Backend` play them, and hands them back to be kept. It knows neither what
the games are of nor who plays them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from lzeval.errors import LzevalError
from tournaments.runner.backend import Backend, HasGameId, JobT, PlayedT
from tournaments.runner.progress import Progress, Watcher

POLL_S = 0.2
"""Longest time between two looks at anything but finished games."""
_JobT = TypeVar("_JobT", bound=HasGameId, covariant=True)
_PlayedT = TypeVar("_PlayedT", bound=HasGameId, contravariant=True)


class Games(Protocol[_JobT, _PlayedT]):
    """The games of a match, a tournament or a pool: which comes next, and where finished ones are kept."""

    def next(self, free: int) -> Sequence[_JobT]:
        """Games to begin now beside each other, `free` at most.

        Empty where none can begin now; the runner asks again when another game has ended, and ends when none is in
        progress.
        """
        ...

    def keep(self, played: _PlayedT) -> None:
        """Make a game last that has ended, or prepare to have it played again. Raises UserError where it cannot."""
        ...

    def tick(self) -> None:
        """Do what is due every now and then; called after each turn of the loop."""
        ...


def play(
    backend: Backend[JobT, PlayedT],
    games: Games[JobT, PlayedT],
    progress: Progress,
    watch: Watcher | None = None,
    *,
    drops_begun: bool = False,
) -> None:
    """Play until `games` has no more, or `progress` is stopping; then stop the backend.

    Games that have begun when `progress` stops are played to their end, unless `drops_begun`. On Ctrl-C, games that
    have ended by then are kept. Raises what the backend and `games` raise.
    """
    began_s, watched_s = time.monotonic(), -POLL_S
    in_flight: set[str] = set()
    ended: deque[PlayedT] = deque()

    def take(timeout_s: float) -> None:
        ended.extend(backend.finished(timeout_s))
        while ended:
            played = ended.popleft()
            if played.game_id in in_flight:  # a backend may report a game twice
                in_flight.remove(played.game_id)
                games.keep(played)

    try:
        while True:
            while not progress.is_stopping and (jobs := games.next(backend.free)):
                in_flight.update(job.game_id for job in jobs)
                backend.give(jobs)
            progress.seconds = time.monotonic() - began_s
            progress.evaluations, progress.thinking = backend.evaluations, backend.thinking
            games.tick()
            is_last = not in_flight or (drops_begun and progress.is_stopping)
            if watch is not None and (is_last or time.monotonic() - watched_s > POLL_S):
                watched_s = time.monotonic()
                watch(progress)
            if is_last:
                return
            take(POLL_S)
    except KeyboardInterrupt:
        with suppress(LzevalError):  # the interruption is what the user wants to hear of
            take(0)
        raise
    finally:
        backend.stop()
