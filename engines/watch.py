"""Looks after a search while it goes on: when to stop it, and when to tell what it has found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from engines.gtp.engine import Stop
from engines.search.searcher import Searcher

LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Patience:
    """How long a search may take."""

    visits: int | None
    """Of the root, at most."""
    seconds: float | None
    stop_when_decided: bool
    """On a clock, whether to stop once no other move can get ahead."""


@dataclass(frozen=True)
class Report:
    """What to call again and again during a search."""

    send: Callable[[], None]
    interval_s: float


class Watch:
    """Called between the batches of a search; True ends it."""

    def __init__(
        self, searcher: Searcher, tree: int, stop: Stop, patience: Patience, report: Report | None
    ) -> None:
        self.has_reported = False
        self._searcher = searcher
        self._tree = tree
        self._stop = stop
        self._patience = patience
        self._report = report
        self._started = self._last_call = time.monotonic()
        self._visits_before = searcher.visits(tree)
        self._next_report = self._started + (report.interval_s if report is not None else 0.0)
        self._next_look = self._started + LOOK_EVERY_S

    def __call__(self) -> bool:
        now = time.monotonic()
        batch_s, self._last_call = now - self._last_call, now
        if (
            self._report is not None and now + batch_s / 2 >= self._next_report
        ):  # nearer than after the next batch
            self._report.send()
            self.has_reported = True
            while self._next_report <= now + batch_s / 2:
                self._next_report += self._report.interval_s
        if self._stop():
            return True
        seconds = self._patience.seconds
        if seconds is None:
            return False
        return now - self._started >= seconds or self._is_decided(now, seconds)

    def _is_decided(self, now: float, seconds: float) -> bool:
        """Whether the visits still to come cannot bring another move to the top; looked at now and then."""
        if not self._patience.stop_when_decided or now < self._next_look:
            return False
        self._next_look = now + LOOK_EVERY_S
        visits, passed_s = self._searcher.visits(self._tree), now - self._started
        to_come = (visits - self._visits_before) / passed_s * (seconds - passed_s)
        if self._patience.visits is not None:
            to_come = min(to_come, self._patience.visits - visits)
        first, second = self._searcher.leaders(self._tree)
        return first - second > to_come
