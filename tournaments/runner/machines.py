"""Where networks play: how each is evaluated there, and the backend for their games."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engines.evaluator.devices import process_count
from engines.evaluator.load import EvaluatorPlan, plan_evaluator
from lzeval.records.record import GameRecord
from lzeval.system.machine import hardware
from tournaments.games.network_games import GameJob, GameSettings, PlayerSettings
from tournaments.runner.backend import Backend
from tournaments.runner.network_backend import NetworkBackend, WorkerTask
from tournaments.runner.progress import Progress
from tournaments.runner.tournament import OpenBackend

Tell = Callable[[str], None]
"""Hears of what happens to machines."""


@dataclass(frozen=True)
class NetworkPlay:
    """Games between networks that are to be played."""

    players: Sequence[PlayerSettings]
    plans: Sequence[EvaluatorPlan]
    """One per player, same order as `players`; so are `files`."""
    files: Sequence[str | Path]
    """The networks' files or bundled names."""
    settings: GameSettings
    most: int
    """Games, or groups of games that go on together, that there are at most."""
    threads: int | None = None
    """Cores to use of each machine; None: all."""
    called: str = "playing"
    """Subject of a message that says what has stopped."""


class Machines(Protocol):
    """Machines that play networks and programs."""

    def plan(
        self,
        network: str | Path,
        *,
        precision: str = "auto",
        device: str = "auto",
        batch_size: int | None = None,
        board_size: int | None = None,
    ) -> EvaluatorPlan:
        """How the network is evaluated wherever it plays. Raises UserError."""
        ...

    def open_networks(
        self, play: NetworkPlay, progress: Progress, tell: Tell
    ) -> Backend[GameJob, GameRecord]:
        """A backend that is ready. Raises UserError or EngineError."""
        ...

    @property
    def open_programs(self) -> OpenBackend | None:
        """Opener of a backend for programs; None: the tournament's own process starts them."""
        ...

    def describe(self) -> dict[str, Any]:
        """Facts to keep with results."""
        ...


class ThisMachine:
    """Processes of this machine."""

    open_programs = None
    plan = staticmethod(plan_evaluator)

    def open_networks(
        self, play: NetworkPlay, progress: Progress, tell: Tell
    ) -> Backend[GameJob, GameRecord]:
        del progress, tell
        count = min(process_count(play.threads, play.plans[0].device), max(1, play.most))
        task = WorkerTask(play.players, play.plans, play.settings, play.threads)
        backend = NetworkBackend(task, count, play.called)
        backend.start()
        return backend

    def describe(self) -> dict[str, Any]:
        return {"machine": hardware()}


THIS_MACHINE = ThisMachine()
