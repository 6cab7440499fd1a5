"""Processes that play a pool's games: one a core, each with a room where any networks may meet."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

from engines.evaluator.load import EvaluatorPlan
from lzeval.core.errors import UserError
from tournaments.match import FEWEST_FREE_TABLES, _compiled_before, _note_compiled
from tournaments.playing import GameSettings, PlayerSettings
from tournaments.ratingpool.room import PoolJob, PoolRoom
from tournaments.results import GameRecord
from tournaments.workers import (
    REPORT_EVERY_S,
    Report,
    Workers,
    _die_with_parent,
    _interrupts_ignored,
)


class Crew(Protocol):
    """Whoever plays games."""

    evaluations: int
    """Positions answered so far."""

    @property
    def free(self) -> int:
        """Games that could begin now beside each other."""
        ...

    def give(self, jobs: Sequence[PoolJob]) -> None:
        """Have these games played, beside each other if possible."""
        ...

    def finished(self, timeout_s: float) -> list[GameRecord]:
        """Games that ended, waiting up to `timeout_s` for the first; their ids are those of the jobs."""
        ...

    def stop(self) -> None:
        """Drop what is under way."""
        ...


@dataclass(frozen=True)
class RoomTask:
    """What every process of a crew is told."""

    habits: PlayerSettings
    settings: GameSettings
    tables: int

    def open(self) -> PoolRoom:
        """A room that is ready to play."""
        room = PoolRoom(self.settings, self.habits, self.tables, EvaluatorPlan.build)
        room.warm_up()
        return room


class _RoomWorkers(Workers):
    """Workers with a room for all comers."""

    def __init__(self, task: RoomTask, count: int) -> None:
        self._room_task = task
        super().__init__(None, count)  # type: ignore[arg-type]  # our workers' task is another

    def _start_one(self) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(len(self._processes), self._room_task, theirs), daemon=True
        )
        with _interrupts_ignored():
            process.start()
        theirs.close()
        self._links.append(ours)
        self._processes.append(process)


class ProcessCrew:
    """A crew of this machine's processes."""

    def __init__(self, task: RoomTask, count: int) -> None:
        self.evaluations = 0
        self._tables = task.tables
        self._workers = _RoomWorkers(task, count)
        self._busy = [0] * count
        self._answered = [0] * count
        self._player_of: dict[str, int] = {}

    def start(self) -> None:
        """Raises UserError or EngineError where the processes do not come up."""
        try:
            self._workers.start(one_first=not _compiled_before())
        except BaseException:
            self._workers.stop()
            raise
        _note_compiled()

    @property
    def free(self) -> int:
        return self._tables - min(self._busy)

    def give(self, jobs: Sequence[PoolJob]) -> None:
        worker = self._busy.index(min(self._busy))
        for job in jobs:
            self._workers.give(worker, job)
            self._busy[worker] += 1
            self._player_of[job.game_id] = worker

    def finished(self, timeout_s: float) -> list[GameRecord]:
        games = []
        for report in self._workers.reports(timeout_s):
            if report.kind == "stopped":
                raise UserError(
                    f"playing has stopped: {report.reason}; mend that, and the same command goes on"
                )
            self._answered[report.worker] = report.evaluations
            if report.record is not None:
                games.append(report.record)
                self._busy[self._player_of.pop(report.record.game_id)] -= 1
        self.evaluations = sum(self._answered)
        return games

    def stop(self) -> None:
        self._workers.stop()


def tables_for(plans: Sequence[EvaluatorPlan]) -> int:
    """Tables of a room, by its largest batch."""
    return FEWEST_FREE_TABLES * max(plan.batch_size for plan in plans)


def _work(number: int, task: RoomTask, link: Connection) -> None:
    """A process's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform.startswith("linux"):
        _die_with_parent()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        room = task.open()
        link.send(Report("ready", number))
        _serve(number, link, room)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone
    except (UserError, OSError, MemoryError) as exc:
        reason = "out of memory" if isinstance(exc, MemoryError) else str(exc)
        with suppress(OSError):
            link.send(Report("stopped", number, reason=reason))


def _serve(number: int, link: Connection, room: PoolRoom) -> None:
    reported_at = time.monotonic()
    while True:
        while link.poll(None if not room.is_busy else 0):
            room.seat(link.recv())
        for record in room.step():
            link.send(Report("game", number, room.evaluations, record))
        if time.monotonic() - reported_at > REPORT_EVERY_S:
            link.send(Report("progress", number, room.evaluations))
            reported_at = time.monotonic()
