"""Threads that put records on disk, each in a file of its own, while games go on.

A file is on disk when the disk says so, which takes longer than to take a game from a node: side by side, many wait
for it at once.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from lzeval.records.record import GameRecord
from lzeval.records.record_folder import write_game

THREADS = 8


class RecordWriter:
    """Writes records into a folder, and hands each back once it is on disk, in the order in which they came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="record")
        self._waiting: deque[Future[GameRecord]] = deque()

    def write(self, record: GameRecord) -> None:
        """Have a record written; `written` returns it once it is on disk."""
        self._waiting.append(self._pool.submit(self._write, record))

    def _write(self, record: GameRecord) -> GameRecord:
        return replace(record, path=write_game(record, self._folder))

    def written(self) -> list[GameRecord]:
        """The records that have come to disk since the last call. Raises UserError where one cannot be written."""
        found = []
        while self._waiting and self._waiting[0].done():
            found.append(self._waiting.popleft().result())
        return found

    def close(self) -> None:
        """Wait until everything is on disk. May be called twice."""
        self._pool.shutdown()
