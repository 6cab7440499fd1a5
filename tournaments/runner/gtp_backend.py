"""A backend of GTP engines: slots, each of which plays a game at a time and keeps its engines running."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TextIO

from lzeval.errors import EngineError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import VOID, GameResult, win
from tournaments.games.faults import Fault, Incident, fault_of
from tournaments.games.gtp_game import GameConditions, GameTask, PlayedGame, play_game
from tournaments.games.gtp_player import EngineHost, GameContext, GtpPlayer, fits_one_game_only, launch
from tournaments.games.process_guard import Guard
from tournaments.games.thinking import ThinkingOf, total
from tournaments.plan.competition import PlayerSpec, Timeouts

KEPT_ENGINES = 4
"""Engines that one slot keeps running; the one that has not played for longest makes room for another."""
FAREWELL_S = 10.0
"""Time for all engines to end, before their threads are left alone."""


@dataclass(frozen=True)
class EngineConditions:
    """Conditions under which engines are started."""

    timeouts: Timeouts
    guard: Guard
    hosts: tuple[EngineHost, ...] = ()
    """Play for those players that need no program of their own."""
    fresh: bool = False
    """Whether every game gets new engine processes."""
    log_folder: Path | None = None
    """Folder for the conversations of each game; None: they are not written down."""


class GtpBackend:
    """Games between GTP engines, one a slot; each slot is a thread."""

    evaluations = 0

    def __init__(
        self,
        slots: int,
        conditions: GameConditions,
        engines: EngineConditions,
        moved: Callable[[str, int], None],
    ) -> None:
        """`moved` is told, from the slots' threads, the id of a game in progress and its number of moves."""
        self.conditions, self.engines, self.moved = conditions, engines, moved
        self.done: SimpleQueue[tuple[int, PlayedGame | BaseException]] = SimpleQueue()
        """Slots, and what came of the games that they have played."""
        self._slots = [_Slot(slot, self) for slot in range(slots)]
        self._idle = set(range(slots))
        self.thinking: ThinkingOf = {}
        """Thinking of the players in the games that have ended."""
        for slot in self._slots:
            slot.thread.start()

    @property
    def free(self) -> int:
        return len(self._idle)

    def give(self, jobs: Sequence[GameTask]) -> None:
        for job in jobs:
            slot = min(self._idle)
            self._idle.remove(slot)
            self._slots[slot].inbox.put(job)

    def finished(self, timeout_s: float) -> list[PlayedGame]:
        """The games that have ended, spoilt ones included; raises what ended a slot's thread."""
        games: list[PlayedGame] = []
        try:
            while True:
                slot, outcome = self.done.get(timeout=0 if games else timeout_s)
                if isinstance(outcome, BaseException):
                    raise outcome
                self._idle.add(slot)
                self.thinking = total([self.thinking, outcome.thinking])
                games.append(outcome)
        except Empty:
            return games

    def stop(self) -> None:
        """Have the engines quit; where a game is in progress, kill them all."""
        is_busy = len(self._idle) < len(self._slots)
        if is_busy:  # a slot may wait for an engine that a host is about to start
            for host in self.engines.hosts:
                host.close()
        for slot in self._slots:
            slot.inbox.put(None)
            if is_busy:
                slot.kill()
        end_s = time.monotonic() + FAREWELL_S
        for slot in self._slots:
            slot.thread.join(max(0.0, end_s - time.monotonic()))


class _Slot:
    """A thread that plays the games in its inbox, and the engines it keeps running."""

    def __init__(self, number: int, backend: GtpBackend) -> None:
        self.inbox: SimpleQueue[GameTask | None] = SimpleQueue()
        """Games to play; None ends the thread."""
        self.thread = threading.Thread(target=self._work, name=f"slot-{number}", daemon=True)
        self._number = number
        self._backend = backend
        self._settings = backend.engines
        self._is_killed = False
        self._engines: dict[str, GtpPlayer] = {}
        """Running engines by code, the one that played last at the end."""

    def _work(self) -> None:
        try:
            while (task := self.inbox.get()) is not None:
                self._backend.done.put((self._number, self._play(task)))
        except BaseException as problem:  # of whatever kind, it is the main thread's to raise
            self._backend.done.put((self._number, problem))
        finally:
            self._dismiss(list(self._engines))

    def _play(self, task: GameTask) -> PlayedGame:
        players: dict[Colour, GtpPlayer] = {}
        for colour in Colour:
            try:
                players[colour] = self._engine(task.player(colour), task)
            except EngineError as error:
                return self._not_begun(task, colour, error)
        with self._logged(task, players):
            played = play_game(
                task,
                players,
                self._backend.conditions,
                slot=self._number,
                watch=lambda board: self._backend.moved(task.game_id, len(board.moves)),
            )
        if self._settings.fresh:
            self._dismiss(list(self._engines))
        else:
            spent = [
                code for code, engine in self._engines.items() if not engine.is_alive or engine.is_in_process
            ]
            self._dismiss([*spent, *list(self._engines)[:-KEPT_ENGINES]])
        return played

    def _engine(self, player: PlayerSpec, task: GameTask) -> GtpPlayer:
        """The player's engine, running or started now."""
        engine = self._engines.pop(player.code, None)
        if engine is not None and (not engine.is_alive or fits_one_game_only(player)):
            engine.close()
            engine = None
        if engine is None:
            context = GameContext(task.game_id, self._number, task.seed)
            settings = self._settings
            engine = launch(player, context, settings.timeouts, settings.guard, settings.hosts)
        self._engines[player.code] = engine
        if self._is_killed:
            engine.kill()
        return engine

    def _not_begun(self, task: GameTask, colour: Colour, error: EngineError) -> PlayedGame:
        """The game of a program that cannot be started, which is a fault like others."""
        code = task.player(colour).code
        message = str(error)
        consequence = self._backend.conditions.policy.consequence(Fault.START)
        incident = Incident(code, fault_of(error, "", was_ready=False), message, consequence)
        is_void = consequence == "void"
        note = f"{code}: {Fault.START.value}: {message}"
        result = GameResult(VOID.outcome, note=note) if is_void else win(colour.opponent, "F", note)
        record = GameRecord(
            game_id=task.game_id,
            black=task.black.code,
            white=task.white.code,
            result=result,
            size=task.matchup.board_size,
            komi=task.matchup.komi,
            event=task.event,
            date=time.strftime("%Y-%m-%d %H:%M"),
        )
        return PlayedGame(task, record, is_void, (incident,))

    @contextmanager
    def _logged(self, task: GameTask, players: Mapping[Colour, GtpPlayer]) -> Iterator[None]:
        """Write the conversations of the game to a file, where that is wanted."""
        if self._settings.log_folder is None:
            yield
            return
        path = self._settings.log_folder / f"{task.game_id}.log"
        with path.open("w", encoding="utf-8", errors="replace") as file:
            for colour, player in players.items():
                player.log_to(partial(_write_line, file, colour.word))
            try:
                yield
            finally:
                for player in players.values():
                    player.log_to(None)

    def _dismiss(self, codes: list[str]) -> None:
        for code in codes:
            engine = self._engines.pop(code, None)
            if engine is not None:
                engine.close()

    def kill(self) -> None:
        """End the engines, and so the game, now; called from another thread."""
        self._is_killed = True
        for engine in list(self._engines.values()):
            engine.kill()


def _write_line(file: TextIO, colour: str, line: str) -> None:
    file.write(f"{colour} {line}")
