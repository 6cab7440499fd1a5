"""A backend that decides games of tuning events at once, by the chance that `tunable_engine` would have."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import VOID, win
from tests.support.fakes.tunable_engine import chance
from tournaments.games.faults import Fault, Incident
from tournaments.games.gtp_game import GameTask, PlayedGame
from tournaments.games.thinking import ThinkingOf


class TuningBackend:
    """Plays `slots` games at a time; the last to begin ends first, so that results come out of order."""

    evaluations = 0

    def __init__(self, slots: int, spoils: Callable[[GameTask], str | None] = lambda _: None) -> None:
        """`spoils` names the player whose program cannot be started for a game, if there is one."""
        self._slots = slots
        self._spoils = spoils
        self._jobs: deque[GameTask] = deque()
        self.begun: list[str] = []
        self.thinking: ThinkingOf = {}

    @property
    def free(self) -> int:
        return self._slots - len(self._jobs)

    def give(self, jobs: Sequence[GameTask]) -> None:
        self._jobs.extend(jobs)
        self.begun += [job.game_id for job in jobs]

    def finished(self, timeout_s: float) -> list[PlayedGame]:
        del timeout_s
        return [self._play(self._jobs.pop())] if self._jobs else []

    def stop(self) -> None:
        self._jobs.clear()

    def _play(self, task: GameTask) -> PlayedGame:
        candidate = task.black if task.black.code.startswith(("#", "g")) else task.white
        words = [float(word) for word in candidate.command[4:]]
        spoilt = self._spoils(task)
        result = VOID
        if spoilt is None:
            key = f"{task.game_id} {words}".encode()
            share = int.from_bytes(hashlib.sha256(key).digest()[:6], "big") / 2**48
            colour = Colour.BLACK if candidate is task.black else Colour.WHITE
            result = win(colour if share < chance(words) else colour.opponent, "R")
        record = GameRecord(task.game_id, task.black.code, task.white.code, result, size=9, komi=7.5)
        incidents = () if spoilt is None else (Incident(spoilt, Fault.START, "no such option", "void"),)
        return PlayedGame(task, record, spoilt is not None, incidents)


def install(patch: Any, backend: TuningBackend) -> TuningBackend:
    """Have tournaments play by this backend."""
    patch.setattr("tournaments.runner.tournament.open_gtp_backend", lambda *_, **__: backend)
    return backend
