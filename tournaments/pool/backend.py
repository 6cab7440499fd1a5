"""Who plays a pool's games: processes of this machine, each with a room where any networks may meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from tournaments.games.network_games import GameJob
from tournaments.runner.processes import Workers, WorkerTask


class Backend(Protocol):
    """Whoever plays games."""

    evaluations: int
    """Positions answered so far."""

    @property
    def free(self) -> int:
        """Games that could begin now beside each other."""
        ...

    def give(self, jobs: Sequence[GameJob]) -> None:
        """Have these games played, beside each other if possible."""
        ...

    def finished(self, timeout_s: float) -> list[GameRecord]:
        """Games that ended, waiting up to `timeout_s` for the first; their ids are those of the jobs."""
        ...

    def stop(self) -> None:
        """Drop what is under way."""
        ...


class ProcessBackend:
    """A crew of this machine's processes."""

    def __init__(self, task: WorkerTask, count: int) -> None:
        self.evaluations = 0
        self._tables = task.tables
        self._workers = Workers(task, count)
        self._busy = [0] * count
        self._answered = [0] * count

    def start(self) -> None:
        """Raises UserError or EngineError where the processes do not come up."""
        try:
            self._workers.start()
        except BaseException:
            self._workers.stop()
            raise

    @property
    def free(self) -> int:
        return self._tables - min(self._busy)

    def give(self, jobs: Sequence[GameJob]) -> None:
        worker = self._busy.index(min(self._busy))
        for job in jobs:
            self._workers.give(worker, job)
            self._busy[worker] += 1

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
                self._busy[report.worker] -= 1
        self.evaluations = sum(self._answered)
        return games

    def stop(self) -> None:
        self._workers.stop()
