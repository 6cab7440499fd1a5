"""Processes that play: each has its own evaluators and trees, and dies with whoever started it."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engines.evaluator.lazy import on_demand
from lzeval.errors import EngineError, UserError
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import write_game
from lzeval.system.cache import cache_folder
from tournaments.games.network_games import GameJob, GameSettings, NetworkGames, PlayerSettings

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from engines.evaluator.load import EvaluatorPlan

FEWEST_FREE_TABLES = 2
"""Tables for each place of a batch, with which batches are always full."""
REPORT_EVERY_S = 0.5
READY_WITHIN_S = 600.0
"""A first start compiles the search; no healthy one takes as long as this."""


@dataclass(frozen=True)
class WorkerTask:
    """What every worker is told."""

    players: Sequence[PlayerSettings]
    plans: Sequence[EvaluatorPlan]
    """Of the players, in their order."""
    settings: GameSettings
    games_folder: str | None = None
    """Where finished games are written before they are reported; None: nowhere."""

    @property
    def tables(self) -> int:
        """Of each worker's room."""
        return FEWEST_FREE_TABLES * max(plan.batch_size for plan in self.plans)


@dataclass(frozen=True)
class WorkerReport:
    """What a worker says."""

    kind: Literal["ready", "game", "progress", "stopped"]
    worker: int
    evaluations: int = 0
    """Since it started."""
    record: GameRecord | None = None
    reason: str = ""


class Workers:
    """Some processes that play the jobs they are given."""

    def __init__(self, task: WorkerTask, count: int) -> None:
        self._task = task
        self._context = multiprocessing.get_context("spawn")
        self._links: list[Connection] = []
        self._processes: list[SpawnProcess] = []
        self.count = count

    def start(self) -> None:
        """Start them all; the first time ever, the others wait until one has compiled what they share."""
        one_first = not _marker().exists()
        self._start_one()
        if one_first:
            self._await_ready(0)
        for _ in range(1, self.count):
            self._start_one()
        for number in range(1 if one_first else 0, self.count):
            self._await_ready(number)
        _note_compiled()

    def _start_one(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(len(self._processes), self._task, theirs), daemon=True
        )
        with _interrupts_ignored():
            process.start()
        theirs.close()
        self._links.append(ours)
        self._processes.append(process)

    def _await_ready(self, number: int) -> None:
        if not self._links[number].poll(READY_WITHIN_S):
            raise EngineError(f"worker {number}", f"was not ready after {READY_WITHIN_S:.0f} s")
        report = self._receive(self._links[number])
        if report.kind == "stopped":
            raise UserError(report.reason)

    def _receive(self, link: Connection) -> WorkerReport:
        try:
            report = link.recv()
        except (EOFError, OSError) as exc:
            raise self._death(self._links.index(link)) from exc
        assert isinstance(report, WorkerReport)
        return report

    def _death(self, number: int) -> EngineError:
        self._processes[number].join(5)
        code = self._processes[number].exitcode
        return EngineError(f"worker {number}", f"died (exit status {code}); the same command goes on")

    def give(self, worker: int, job: GameJob) -> None:
        """Send a job. Raises EngineError if the worker has died; if it has told why, `reports` will tell."""
        try:
            self._links[worker].send(job)
        except OSError as exc:
            if not self._links[worker].poll():
                raise self._death(worker) from exc

    def reports(self, timeout_s: float) -> list[WorkerReport]:
        """What they have said since, waiting up to `timeout_s` for something. Raises EngineError if one has died."""
        ready = wait(self._links, timeout_s)
        return [self._receive(link) for link in self._links if link in ready]

    def stop(self) -> None:
        """End them all; games in progress are dropped, finished ones are on disk already."""
        for link in self._links:
            link.close()
        for process in self._processes:
            process.join(3)
            if process.is_alive():
                process.kill()
                process.join()


def _work(number: int, task: WorkerTask, link: Connection) -> None:
    """A worker's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    if sys.platform.startswith("linux"):
        _die_with_parent()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        room = _open_room(task)
        link.send(WorkerReport("ready", number))
        _serve(number, task, link, room)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone
    except (UserError, OSError, MemoryError) as exc:
        reason = "out of memory" if isinstance(exc, MemoryError) else str(exc)
        with suppress(OSError):
            link.send(WorkerReport("stopped", number, reason=reason))


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """A process started in here is deaf to Ctrl-C from its first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)


def _die_with_parent() -> None:
    """Ask Linux to end this process when its parent ends, however that comes about."""
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _open_room(task: WorkerTask) -> NetworkGames:
    evaluators = on_demand(task.plans, lambda: room.playing)
    room = NetworkGames(task.players, evaluators, task.settings, task.tables)
    room.warm_up()
    return room


def _serve(number: int, task: WorkerTask, link: Connection, room: NetworkGames) -> None:
    reported_at = time.monotonic()
    while True:
        while link.poll(None if not room.is_busy else 0):
            room.start(link.recv())
        for record in room.step():
            if task.games_folder is not None:
                record = replace(record, path=write_game(record, Path(task.games_folder)))
            link.send(WorkerReport("game", number, room.evaluations, record))
        if time.monotonic() - reported_at > REPORT_EVERY_S:
            link.send(WorkerReport("progress", number, room.evaluations))
            reported_at = time.monotonic()


def share_jobs(jobs: Sequence[GameJob], workers: int, tables: int) -> list[list[GameJob]]:
    """The jobs that each worker begins with: as many for each, no more than it has tables."""
    each = min(tables, -(-len(jobs) // workers))
    return [list(jobs[number::workers][:each]) for number in range(workers)]


def _marker() -> Path:
    """A file that is there once this version of the search has been compiled on this machine."""
    from engines.search import searcher
    from lzeval.compiled.jit import sources_digest

    stamp = f"{sources_digest(Path(searcher.__file__))} {sys.version_info[0]}.{sys.version_info[1]}"
    key = hashlib.sha256(f"{searcher.__file__} {stamp}".encode()).hexdigest()[:16]
    return cache_folder() / f"compiled-{key}"


def _note_compiled() -> None:
    marker = _marker()
    with suppress(OSError):  # then the next match waits for its first worker once more
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
