"""Who makes games last while the next ones are already being played.

Putting a game on disk takes as long as many moves of a fast engine. So a thread does it, and one flush serves all games
that have ended since the flush before. Nobody hears of a game earlier.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from tournaments.store.game_log import Entry, GameLog

OnWritten = Callable[[], None]
"""What is to be done once an entry is on disk."""


class LogWriter:
    """Writes entries of the log in the order in which they come, and reports each when it is on disk."""

    def __init__(self, log: GameLog, fail: Callable[[BaseException], None]) -> None:
        """`fail` is told, from the scribe's thread, what made it give up: a full disk, or an error in a report."""
        self._log = log
        self._fail = fail
        self._changed = threading.Condition()
        self._waiting: list[OnWritten] = []
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name="scribe", daemon=True)
        self._thread.start()

    def write(self, entry: Entry, report: OnWritten) -> None:
        """Add `entry` to the log and call `report` when it is on disk. Raises UserError where it cannot be written."""
        with self._changed:
            self._log.append(entry, durable=False)
            self._waiting.append(report)
            self._changed.notify()

    def note(self, entry: Entry) -> None:
        """Add what nobody waits for."""
        with self._changed:
            self._log.append(entry, durable=False)

    def close(self) -> None:
        """Wait until everything is on disk and reported."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            try:
                self._log.flush()
                for report in batch:
                    report()
            except BaseException as problem:  # the main thread's to raise
                self._fail(problem)
                return

    def _next_batch(self) -> list[OnWritten]:
        with self._changed:
            while not self._waiting and not self._is_closing:
                self._changed.wait()
            batch, self._waiting = self._waiting, []
            return batch
