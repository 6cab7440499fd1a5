"""Bookkeeping of games that nodes play: who has which, what waits, and what has been reported before.

A lost node's games wait again, and may then be reported twice. A game is counted when it is first reported, whoever
reports it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Generic

from tournaments.runner.backend import JobT


@dataclass(frozen=True)
class FirstReport:
    """The report of a game that counted."""

    holder: str
    digest: str
    """Equal for equal games; empty where games cannot be compared."""


@dataclass
class Leases(Generic[JobT]):
    """Jobs by the node that has them, and the queue of those that none has."""

    waiting: deque[JobT] = field(default_factory=deque)
    lent: dict[str, dict[str, JobT]] = field(default_factory=dict)
    """Jobs by holder and game id. A job may be with two holders, when the first was thought to be lost."""
    _reported: dict[str, FirstReport] = field(default_factory=dict)

    def add(self, jobs: Collection[JobT]) -> None:
        """Queue new jobs. One with an id that was reported before is to be played again."""
        for job in jobs:
            self._reported.pop(job.game_id, None)
            self.waiting.append(job)

    def lend(self, holder: str, most: int, fits: Callable[[JobT], bool] = lambda _: True) -> list[JobT]:
        """Give `holder` up to `most` waiting jobs that fit it, first come first."""
        chosen: list[JobT] = []
        for job in list(self.waiting):
            if len(chosen) < most and fits(job):
                chosen.append(job)
                self.waiting.remove(job)
        self.lent.setdefault(holder, {}).update({job.game_id: job for job in chosen})
        return chosen

    def count(self, holder: str) -> int:
        """Number of jobs that `holder` has."""
        return len(self.lent.get(holder, ()))

    def take_back(self, holder: str, game_id: str) -> None:
        """Queue a job of `holder` again, before all others."""
        job = self.lent.get(holder, {}).pop(game_id, None)
        if job is not None and game_id not in self._reported and not self._is_lent(game_id):
            self.waiting.appendleft(job)

    def take_all_back(self, holder: str) -> int:
        """Queue all jobs of a holder that is lost; returns their number."""
        ids = list(self.lent.get(holder, ()))
        for game_id in reversed(ids):
            self.take_back(holder, game_id)
        return len(ids)

    def _is_lent(self, game_id: str) -> bool:
        return any(game_id in jobs for jobs in self.lent.values())

    def report(self, holder: str, game_id: str, digest: str) -> FirstReport | None:
        """Note that `holder` has played a game. Returns None if that counts, else the report that came before."""
        self.lent.get(holder, {}).pop(game_id, None)
        earlier = self._reported.setdefault(game_id, report := FirstReport(holder, digest))
        if earlier is not report:
            return earlier
        for job in [job for job in self.waiting if job.game_id == game_id]:
            self.waiting.remove(job)  # it was about to be played again
        return None
