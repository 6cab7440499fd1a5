"""A node's part in playing games: an actor around a backend of that machine.

This module is imported on the nodes, and does not import Ray.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol

from tournaments.games.thinking import ThinkingOf
from tournaments.runner.backend import Backend, JobT, PlayedT

REPORT_EVERY_S = 0.5
"""Longest time without a report, which is a sign of life as well."""
LOOK_EVERY_S = 0.02
"""Time until a job that has come is begun, at most."""


@dataclass(frozen=True)
class Opened(Generic[JobT, PlayedT]):
    """A backend that is ready to play on a node."""

    backend: Backend[JobT, PlayedT]
    slots: int
    """Games that it plays at a time."""
    unable: Mapping[str, str] = field(default_factory=dict)
    """Players that this machine cannot start, and why."""
    moves: Mapping[str, int] = field(default_factory=dict)
    """Numbers of moves of games in progress, as the backend changes them."""


class Recipe(Protocol[JobT, PlayedT]):
    """Everything that a node needs to open a backend; it travels to the nodes."""

    def open(self, cores: int, gpus: int, stack: ExitStack) -> Opened[JobT, PlayedT]:
        """Open a backend for so many cores; `stack` closes what it needs. Raises LzevalError."""
        ...

    def localised(self, job: JobT) -> JobT:
        """The job as this node plays it."""
        ...

    def finished(self, played: PlayedT, kind: str) -> PlayedT:
        """The game with the kind of machine noted in its record."""
        ...

    def digest(self, played: PlayedT) -> str:
        """Equal for equal games; empty where the same job need not give the same game."""
        ...

    def unable_after(self, played: PlayedT) -> Mapping[str, str]:
        """Players whose engines the node could not start for this game, and why."""
        ...


@dataclass(frozen=True)
class Report(Generic[PlayedT]):
    """A message from a node."""

    played: Sequence[PlayedT] = ()
    evaluations: int = 0
    """Positions evaluated since the node opened."""
    thinking: ThinkingOf = field(default_factory=dict)
    """Thinking of the players since then."""
    moves: Mapping[str, int] = field(default_factory=dict)
    """Numbers of moves of games in progress, where the backend follows them."""


@dataclass(frozen=True)
class Ready:
    """The message of a node that may be given games."""

    slots: int
    """Games that it plays at a time."""
    unable: Mapping[str, str]
    """Players that it cannot start, and why."""


class NodePlayer(Generic[JobT, PlayedT]):
    """The actor: `give` may be called while `report` waits, from another thread."""

    def __init__(self, recipe: Recipe[JobT, PlayedT], kind: str) -> None:
        self._recipe = recipe
        self._kind = kind
        self._stack = ExitStack()
        self._inbox: SimpleQueue[JobT] = SimpleQueue()

    def hello(self) -> None:
        """Answered as soon as the node has the cores for it."""

    def open(self, cores: int, gpus: int) -> Ready:
        """Start whatever plays. Raises LzevalError."""
        self._opened = self._recipe.open(cores, gpus, self._stack)
        return Ready(self._opened.slots, dict(self._opened.unable))

    def give(self, jobs: Sequence[JobT]) -> None:
        """Have these games played, no more than there are slots."""
        for job in jobs:
            self._inbox.put(job)

    def report(self) -> Report[PlayedT]:
        """The games that have ended, as soon as there is one; a report without games after REPORT_EVERY_S."""
        end_s = time.monotonic() + REPORT_EVERY_S
        backend = self._opened.backend
        played: Sequence[PlayedT] = ()
        while not played and (left_s := end_s - time.monotonic()) > 0:
            self._begin_given()
            played = backend.finished(min(LOOK_EVERY_S, left_s))
        done = [self._recipe.finished(game, self._kind) for game in played]
        return Report(done, backend.evaluations, backend.thinking, dict(self._opened.moves))

    def _begin_given(self) -> None:
        try:
            while True:
                self._opened.backend.give([self._recipe.localised(self._inbox.get_nowait())])
        except Empty:
            pass

    def stop(self) -> None:
        """End processes and engines."""
        self._opened.backend.stop()
        self._stack.close()


def digest_of(*parts: Any) -> str:
    """A digest of values whose representation says all of them."""
    import hashlib

    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
