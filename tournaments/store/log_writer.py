"""A thread that puts games on disk while the next ones are already being played.

Putting a game on disk takes as long as many moves of a fast engine. One flush serves all games that have ended since
the flush before; a game is reported when it is on disk, and not earlier.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from tournaments.store.game_log import Entry, GameLog

OnWritten = Callable[[], None]
"""Is to be called once an entry is on disk."""
WriteFiles = Callable[[], None]
"""Writes files that belong to an entry."""


class LogWriter:
    """Writes entries of the log in the order in which they come."""

    def __init__(self, log: GameLog) -> None:
        self._log = log
        self._changed = threading.Condition()
        self._waiting: list[tuple[WriteFiles, OnWritten]] = []
        self._written: list[OnWritten] = []
        self._underway = 0
        """Entries that are not on disk yet."""
        self._problem: BaseException | None = None
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, entry: Entry, report: OnWritten, files: WriteFiles = lambda: None) -> None:
        """Add `entry` to the log, then call `files` on the thread; `written` returns `report` once it is all on disk.

        Raises UserError as `written`.
        """
        with self._changed:
            self._raise_problem()
            self._log.append(entry, durable=False)
            self._waiting.append((files, report))
            self._underway += 1
            self._changed.notify_all()

    def note(self, entry: Entry) -> None:
        """Add an entry that nobody waits for."""
        with self._changed:
            self._log.append(entry, durable=False)

    def written(self) -> list[OnWritten]:
        """The reports of what has come to disk since the last call. Raises UserError where no more can be written."""
        with self._changed:
            written, self._written = self._written, []
            if not written:
                self._raise_problem()
            return written

    def _raise_problem(self) -> None:
        if self._problem is not None:
            raise self._problem

    def wait(self) -> None:
        """Wait until everything that was written so far is on disk, or cannot be."""
        with self._changed:
            while self._underway and self._problem is None:
                self._changed.wait()

    def close(self) -> None:
        """Wait until everything is on disk."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            try:
                self._log.flush()
                for files, _ in batch:
                    files()
            except BaseException as problem:  # the main thread's to raise
                with self._changed:
                    self._problem = problem
                    self._changed.notify_all()
                return
            with self._changed:
                self._written += [report for _, report in batch]
                self._underway -= len(batch)
                self._changed.notify_all()

    def _next_batch(self) -> list[tuple[WriteFiles, OnWritten]]:
        with self._changed:
            while not self._waiting and not self._is_closing:
                self._changed.wait()
            batch, self._waiting = self._waiting, []
            return batch
