"""Records read on as many cores as it is worth, in the order of their files."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

from lzeval.errors import UserError
from lzeval.records.input.split_games import split_games
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import Skipped, read_chunks, read_record_file, record_sources
from tournaments.collect.without_gc import no_collection

Listener = Callable[[float], None]
"""Is told what share of the bytes has been read, 0 to 1."""
TASK_BYTES = 1 << 20
"""Bytes, about, that one task reads."""
TASK_FILES = 500
WORTH_PROCESSES_BYTES = 24 << 20
"""Less is read sooner than processes start; a file counts for FILE_BYTES at least."""
FILE_BYTES = 2000
PACKED_TIMES = 6
"""The length of a compressed record, unpacked, in parts of its size on disk; about."""
WAITING_TASKS = 3
"""Tasks that wait for each process, so that memory does not fill with games that wait to be read."""


@dataclass(frozen=True)
class Task:
    """Some whole files, or some games of a large one."""

    files: tuple[Path, ...] = ()
    source: Path | None = None
    first: int = 1
    """Number in `source` of the first of `chunks`."""
    chunks: tuple[tuple[bytes, str], ...] = ()
    share: float = 0.0
    """Share of all bytes that are to be read."""


def read_records(
    files: Sequence[Path], listener: Listener | None = None, processes: int | None = None
) -> Iterator[GameRecord | Skipped]:
    """The games of `files`, in order. `processes` as many, 1 for none; None: as many as it is worth."""
    sizes = [_bytes_of(file) for file in files]
    total = sum(sizes)
    if processes is None:
        processes = _cores() if total >= WORTH_PROCESSES_BYTES else 1
    done = 0.0
    tasks = _tasks(files, sizes)
    for share, games in _alone(tasks) if processes <= 1 else _together(tasks, processes):
        yield from games
        done += share
        if listener is not None:
            listener(done)


def _bytes_of(file: Path) -> int:
    """Bytes, about, that there are to read in it."""
    try:
        size = file.stat().st_size
    except OSError:
        return FILE_BYTES
    return max(FILE_BYTES, size * (1 if file.suffix.lower() == ".sgf" else PACKED_TIMES))


def _cores() -> int:
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _tasks(files: Sequence[Path], sizes: Sequence[int]) -> Iterator[Task | Skipped]:
    """Tasks, in order, and files that are named but cannot be read."""
    total = max(1, sum(sizes))
    together: list[Path] = []
    size = 0
    for file, its_size in zip(files, sizes, strict=True):
        if its_size > TASK_BYTES or size + its_size > TASK_BYTES or len(together) == TASK_FILES:
            if together:
                yield Task(tuple(together), share=size / total)
            together, size = [], 0
        if its_size > TASK_BYTES:
            yield from _tasks_of_large(file, its_size / total)
        else:
            together.append(file)
            size += its_size
    if together:
        yield Task(tuple(together), share=size / total)


def _tasks_of_large(file: Path, share: float) -> Iterator[Task | Skipped]:
    for source in record_sources(file):
        if isinstance(source, Skipped):
            yield source
            continue
        content = source.content
        share_of_byte = share / len(content)
        chunks: list[tuple[bytes, str]] = []
        first, size = 1, 0
        for chunk, problem in split_games(content):
            chunks.append((chunk, problem))
            size += len(chunk)
            if size >= TASK_BYTES:
                yield _part(source.name, first, chunks, size * share_of_byte)
                share -= size * share_of_byte
                first, size, chunks = first + len(chunks), 0, []
        if chunks or first == 1:
            yield _part(source.name, first, chunks, 0.0)
    yield Task(share=share)  # an archive's first members take most of it: who knows how many there are


def _part(name: str, first: int, chunks: list[tuple[bytes, str]], share: float) -> Task:
    return Task(source=Path(name), first=first, chunks=tuple(chunks), share=share)


def _read(task: Task) -> list[GameRecord | Skipped]:
    with no_collection():
        if task.source is not None:
            return list(read_chunks(task.source, task.chunks, task.first))
        return [game for file in task.files for game in read_record_file(file)]


Read = tuple[float, Iterable[GameRecord | Skipped]]


def _alone(tasks: Iterable[Task | Skipped]) -> Iterator[Read]:
    for task in tasks:
        yield (0.0, [task]) if isinstance(task, Skipped) else (task.share, _read(task))


def _together(tasks: Iterable[Task | Skipped], processes: int) -> Iterator[Read]:
    """Games read by several processes, which end with this one."""
    waiting: deque[tuple[float, Future[list[GameRecord | Skipped]] | list[GameRecord | Skipped]]] = deque()
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin)
    try:
        for task in tasks:
            if isinstance(task, Skipped):
                waiting.append((0.0, [task]))
            else:
                waiting.append((task.share, pool.submit(_read, task)))
            while len(waiting) > WAITING_TASKS * processes:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _result(
    share: float, read: Future[list[GameRecord | Skipped]] | list[GameRecord | Skipped]
) -> tuple[float, list[GameRecord | Skipped]]:
    if not isinstance(read, Future):
        return share, read
    try:
        return share, read.result()
    except BrokenProcessPool as exc:
        raise UserError("a process that read records was killed; is there enough memory?") from exc


def _begin() -> None:
    """A process's first act: to leave Ctrl-C to its parent, and to end when that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "it was started by another process"

    def end_with_parent() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
