"""A backend of processes: each has its own evaluators and trees, and ends with the process that started it."""

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
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engines.evaluator.base import IN_FLIGHT
from engines.evaluator.lazy import on_demand
from engines.search.choice import MovePolicy
from engines.search.searcher import Limits
from engines.search.settings import SearchSettings
from lzeval.errors import EngineError, UserError
from lzeval.records.record import GameRecord
from lzeval.system.cache import cache_folder
from lzeval.system.machine import available_cores
from lzeval.version import __version__
from tournaments.games.network_games import GameJob, GameSettings, NetworkGames, PlayerSettings
from tournaments.games.network_player import NODE_BYTES
from tournaments.games.pipelined_games import PipelinedGames
from tournaments.games.thinking import ThinkingOf, total

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from engines.evaluator.load import EvaluatorPlan

GAMES_A_PLACE = 2
"""Games for each place of a batch, with which batches are always full: of two players one waits for an answer."""
TREES_BYTES = 8 << 30
"""Memory that the trees of a worker's games may take on a GPU, whose batches are large: two trees a game."""
REPORT_EVERY_S = 0.5
SILENT_S = 90.0
"""A worker with games reports twice a second; one that has been silent for so long hangs."""
LONGEST_LOOK_S = 1.0
"""Silence that one look adds at most: this process may have been stopped itself since the look before."""
READY_WITHIN_S = 600.0
"""A first start compiles the search; no healthy one takes as long as this."""


def network_player(
    code: str,
    plan: EvaluatorPlan,
    limits: Limits,
    resign_percent: float,
    search: SearchSettings = SearchSettings(),
) -> PlayerSettings:
    """A network as a player; its description says its shape and hash, the limit, the precision and the settings."""
    info = plan.info
    amount = f"{limits.visits} visits" if limits.visits is not None else f"{limits.playouts} playouts"
    about = [f"{info.blocks} blocks x {info.filters} filters", info.sha256[:16], amount, plan.precision]
    return PlayerSettings(
        code=code,
        engine=f"{code}:lzeval {__version__}",
        description=", ".join([*about, *search.words()]),
        limits=limits,
        move_policy=MovePolicy(resign=resign_percent / 100, lcb_share=search.lcb_share),
        search=search,
    )


@dataclass(frozen=True)
class WorkerTask:
    """Everything that a worker needs before its first job."""

    players: Sequence[PlayerSettings]
    plans: Sequence[EvaluatorPlan]
    """One plan per player, same order as `players`."""
    settings: GameSettings
    cores: int | None = None
    """Cores for all workers together, where those are fewer than the cores, as on GPUs; None: all."""

    @property
    def games(self) -> int:
        """Number of games that one worker plays at a time."""
        games = GAMES_A_PLACE * max(plan.batch_size for plan in self.plans)
        if self.is_on_cores:
            return games
        nodes = max(player.limits.visits or player.limits.playouts or 1 for player in self.players)
        return max(1, min(IN_FLIGHT * games, TREES_BYTES // (2 * NODE_BYTES * nodes)))

    @property
    def is_on_cores(self) -> bool:
        """Whether a worker computes its answers itself, and has nothing to do meanwhile."""
        return all(plan.is_on_cores for plan in self.plans)


@dataclass(frozen=True)
class WorkerReport:
    """A message from a worker."""

    kind: Literal["ready", "game", "progress", "stopped"]
    evaluations: int = 0
    """Positions evaluated since the worker started."""
    thinking: ThinkingOf = field(default_factory=dict)
    """Thinking of the players since the worker started."""
    record: GameRecord | None = None
    reason: str = ""


class NetworkBackend:
    """Games between networks, in processes that each evaluate the positions of their games in common batches."""

    def __init__(self, task: WorkerTask, count: int, called: str = "playing") -> None:
        """`count` processes; `called` is what an error message says has stopped."""
        self._task = task
        self._count = count
        self._called = called
        self._context = multiprocessing.get_context("spawn")
        self._links: list[Connection] = []
        self._processes: list[SpawnProcess] = []
        self._busy = [0] * count
        """Games in progress, by worker."""
        self._evaluations = [0] * count
        self._thinking: list[ThinkingOf] = [{}] * count
        self._silent_s = [0.0] * count
        """By worker: time without a report, as far as this process was looking."""
        self._looked_s = time.monotonic()

    def start(self) -> None:
        """Start the processes; the first time ever, the others wait until one has compiled what they share.

        Raises UserError or EngineError where they do not come up, and leaves none behind.
        """
        one_first = not _marker().exists()
        try:
            self._start_one()
            if one_first:
                self._await_ready(0)
            for _ in range(1, self._count):
                self._start_one()
            for number in range(1 if one_first else 0, self._count):
                self._await_ready(number)
        except BaseException:
            self.stop()
            raise
        _note_compiled()

    def _start_one(self) -> None:
        ours, theirs = self._context.Pipe()
        place = len(self._processes), self._count
        process = self._context.Process(target=_work, args=(self._task, theirs, *place), daemon=True)
        with _interrupts_ignored():
            process.start()
        theirs.close()
        self._links.append(ours)
        self._processes.append(process)

    def _await_ready(self, number: int) -> None:
        if not self._links[number].poll(READY_WITHIN_S):
            raise EngineError(f"worker {number}", f"was not ready after {READY_WITHIN_S:.0f} s")
        report = self._receive(number)
        if report.kind == "stopped":
            raise UserError(report.reason)

    def _receive(self, number: int) -> WorkerReport:
        try:
            report = self._links[number].recv()
        except (EOFError, OSError) as exc:
            raise self._death(number) from exc
        assert isinstance(report, WorkerReport)
        return report

    def _death(self, number: int) -> EngineError:
        self._processes[number].join(5)
        code = self._processes[number].exitcode
        return EngineError(f"worker {number}", f"died (exit status {code}); the same command goes on")

    @property
    def evaluations(self) -> int:
        return sum(self._evaluations)

    @property
    def thinking(self) -> ThinkingOf:
        return total(self._thinking)

    @property
    def free(self) -> int:
        return self._task.games - min(self._busy)

    def give(self, jobs: Sequence[GameJob]) -> None:
        """Send the jobs to the worker with the fewest games.

        Raises EngineError if it has died; if it has told why, `finished` will tell.
        """
        worker = self._busy.index(min(self._busy))
        for job in jobs:
            self._busy[worker] += 1
            try:
                self._links[worker].send(job)
            except OSError as exc:
                if not self._links[worker].poll():
                    raise self._death(worker) from exc

    def finished(self, timeout_s: float) -> list[GameRecord]:
        ready = wait(self._links, timeout_s)
        hanging = self._hanging([number for number, link in enumerate(self._links) if link not in ready])
        games = []
        # one report of each worker at a time: what a pool plays next depends on how many results it knows
        for worker in [number for number, link in enumerate(self._links) if link in ready]:
            report = self._receive(worker)
            if report.kind == "stopped":
                what_next = "mend that, and the same command goes on"
                raise UserError(f"{self._called} has stopped: {report.reason}; {what_next}")
            self._evaluations[worker], self._thinking[worker] = report.evaluations, report.thinking
            if report.record is not None:
                games.append(report.record)
                self._busy[worker] -= 1
        if hanging is not None and not games:
            raise EngineError(
                f"worker {hanging}", f"has not answered for {SILENT_S:.0f} s; the same command goes on"
            )
        return games

    def _hanging(self, silent: Sequence[int]) -> int | None:
        """A worker that hangs; `silent` are those without a report at this look."""
        now_s = time.monotonic()
        passed_s, self._looked_s = min(now_s - self._looked_s, LONGEST_LOOK_S), now_s
        for worker in range(self._count):
            counts = worker in silent and self._busy[worker] > 0
            self._silent_s[worker] = self._silent_s[worker] + passed_s if counts else 0.0
        return next((worker for worker in range(self._count) if self._silent_s[worker] > SILENT_S), None)

    def stop(self) -> None:
        for link in self._links:
            link.close()
        for process in self._processes:
            process.join(3)
            if process.is_alive():
                process.kill()
                process.join()


def _work(task: WorkerTask, link: Connection, number: int, count: int) -> None:
    """Run worker `number` of `count` until its parent closes the link."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    if sys.platform.startswith("linux"):
        _die_with_parent()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        games = _open_games(task) if task.is_on_cores else _open_pipeline(task, number, count)
        link.send(WorkerReport("ready"))
        _serve(link, games)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone
    except (UserError, OSError, MemoryError) as exc:
        reason = "out of memory" if isinstance(exc, MemoryError) else str(exc)
        with suppress(OSError):
            link.send(WorkerReport("stopped", reason=reason))


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let a process that is started in here ignore Ctrl-C from its first moment."""
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


def _open_games(task: WorkerTask) -> NetworkGames:
    evaluators = on_demand(task.plans, lambda: games.playing)
    games = NetworkGames(task.players, evaluators, task.settings, task.games)
    games.warm_up()
    return games


def _open_pipeline(task: WorkerTask, number: int, count: int) -> PipelinedGames:
    """Games on the GPU of worker `number` of `count`, and its share of the cores to search on."""
    from engines.evaluator.devices import numbered

    plans = [replace(plan, device=numbered(plan.device, number)) for plan in task.plans]
    evaluators = on_demand(plans, lambda: games.playing, IN_FLIGHT)
    threads = max(1, (task.cores or available_cores()) // count)
    games = PipelinedGames(task.players, evaluators, task.settings, task.games, threads)
    games.warm_up()
    return games


def _serve(link: Connection, games: NetworkGames | PipelinedGames) -> None:
    reported_at = time.monotonic()
    while True:
        while link.poll(0 if games.is_busy else None):
            games.start(link.recv())
        for record in games.step():
            link.send(WorkerReport("game", games.evaluations, games.thinking, record))
        if time.monotonic() - reported_at > REPORT_EVERY_S:
            link.send(WorkerReport("progress", games.evaluations, games.thinking))
            reported_at = time.monotonic()


def _marker() -> Path:
    """The file that is there once this version of the search has been compiled on this machine."""
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
