"""Control of a search while it goes on: when to stop it, and when to report what it has found."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType

from engines.gtp.engine import Stop
from engines.search.searcher import Searcher

LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class SearchLimits:
    """Limits of one search."""

    visits: int | None
    """Visits of the root, at most."""
    seconds: float | None
    stop_when_decided: bool
    """True if a search on a clock is to stop once no other move can get ahead."""


class Reporter:
    """Calls `send` at an even pace, on a thread of its own: a batch of the network may take as long as an interval.

    A context manager; once it is left, nothing is sent any more, and what went wrong with `send` is raised.
    """

    def __init__(
        self, send: Callable[[], None], interval_s: float, lock: AbstractContextManager[object]
    ) -> None:
        """`lock`: held while `send` looks at the tree."""
        self.has_reported = False
        self.problem: Exception | None = None
        """The error that `send` raised; it is not called again then."""
        self._send = send
        self._interval_s = interval_s
        self._lock = lock
        self._sending = threading.Lock()
        self._is_over = threading.Event()

    def __enter__(self) -> Reporter:
        threading.Thread(target=self._work, name="reporter", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        with self._sending:  # what is being sent gets sent
            pass
        if problem is None and self.problem is not None:
            raise self.problem

    def _work(self) -> None:
        due = time.monotonic() + self._interval_s
        while self.problem is None and not self._is_over.wait(due - time.monotonic()):
            with self._lock, self._sending:
                if self._is_over.is_set():
                    return
                try:
                    self._send()
                except Exception as problem:  # raised where the search was begun
                    self.problem = problem
                self.has_reported = True
            now = time.monotonic()
            while due <= now:
                due += self._interval_s


class SearchControl:
    """A callable for between the batches of a search; True ends it."""

    def __init__(self, searcher: Searcher, tree: int, stop: Stop, limits: SearchLimits) -> None:
        self._searcher = searcher
        self._tree = tree
        self._stop = stop
        self._limits = limits
        self._started = time.monotonic()
        self._visits_before = searcher.visits(tree)
        self._next_look = self._started + LOOK_EVERY_S

    def __call__(self) -> bool:
        if self._stop():
            return True
        seconds = self._limits.seconds
        if seconds is None:
            return False
        now = time.monotonic()
        return now - self._started >= seconds or self._is_decided(now, seconds)

    def _is_decided(self, now: float, seconds: float) -> bool:
        """Tell whether the visits still to come cannot bring another move to the top; looked at now and then."""
        if not self._limits.stop_when_decided or now < self._next_look:
            return False
        self._next_look = now + LOOK_EVERY_S
        visits, passed_s = self._searcher.visits(self._tree), now - self._started
        to_come = (visits - self._visits_before) / passed_s * (seconds - passed_s)
        if self._limits.visits is not None:
            to_come = min(to_come, self._limits.visits - visits)
        first, second = self._searcher.leaders(self._tree)
        return first - second > to_come
