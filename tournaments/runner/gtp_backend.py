"""One slot of a tournament: a thread that plays a game at a time, and the engines it keeps running."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TextIO

from lzeval.errors import EngineError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import VOID, GameResult, win
from tournaments.games.faults import Fault, Incident, fault_of
from tournaments.games.gtp_game import GameConditions, GameTask, PlayedGame, play_game
from tournaments.games.gtp_player import GameContext, GtpPlayer, fits_one_game_only, launch
from tournaments.games.process_guard import Guard
from tournaments.plan.competition import PlayerSpec

if TYPE_CHECKING:
    from tournaments.runner.tournament import TournamentRun

KEPT_ENGINES = 4
"""Engines that one slot keeps running; the one that waited longest makes room for another."""


class GameSlot:
    """One slot: a thread that plays a game at a time, and the engines it keeps running."""

    def __init__(self, run_: TournamentRun, slot: int, guard: Guard, conditions: GameConditions) -> None:
        self.slot = slot
        self.is_killed = False
        self._run = run_
        self._guard = guard
        self._conditions = conditions
        self._engines: dict[str, GtpPlayer] = {}
        """By code, the one that played last at the end."""

    def work(self) -> None:
        try:
            while (task := self._run.next_task()) is not None:
                self._run.began(self.slot, task)
                self._run.ended(self.slot, self._play(task))
        except BaseException as problem:  # of whatever kind, it is the main thread's to raise
            self._run.fail(problem)
        finally:
            self._dismiss(list(self._engines))

    def _play(self, task: GameTask) -> PlayedGame:
        seats: dict[Colour, GtpPlayer] = {}
        for colour in Colour:
            try:
                seats[colour] = self._seat(task.player(colour), task)
            except EngineError as error:
                return self._not_begun(task, colour, error)
        with self._logged(task, seats):
            played = play_game(
                task,
                seats,
                self._conditions,
                slot=self.slot,
                watch=lambda board: self._run.moved(self.slot, board),
            )
        if self._run.options.fresh:
            self._dismiss(list(self._engines))
        else:
            spent = [
                code for code, engine in self._engines.items() if not engine.is_alive or engine.is_in_process
            ]
            self._dismiss([*spent, *list(self._engines)[:-KEPT_ENGINES]])
        return played

    def _seat(self, player: PlayerSpec, task: GameTask) -> GtpPlayer:
        """The player's engine, running or started now."""
        engine = self._engines.pop(player.code, None)
        if engine is not None and (not engine.is_alive or fits_one_game_only(player)):
            engine.close()
            engine = None
        if engine is None:
            context = GameContext(task.game_id, self.slot, task.seed)
            timeouts = self._run.competition.lzeval.timeouts
            engine = launch(player, context, timeouts, self._guard, self._run.networks)
        self._engines[player.code] = engine
        if self.is_killed:
            engine.kill()
        return engine

    def _not_begun(self, task: GameTask, colour: Colour, error: EngineError) -> PlayedGame:
        """A program that is not there is a fault like others."""
        code = task.player(colour).code
        message = str(error)
        consequence = self._conditions.policy.consequence(Fault.START)
        incident = Incident(code, fault_of(error, "", was_ready=False), message, consequence)
        is_void = consequence == "void"
        note = f"{code}: {Fault.START.value}: {message}"
        result = GameResult(VOID.outcome, note=note) if is_void else win(colour.opponent, "F", note)
        matchup = task.matchup
        record = GameRecord(
            game_id=task.game_id,
            black=task.black.code,
            white=task.white.code,
            result=result,
            size=matchup.board_size,
            komi=matchup.komi,
            event=task.event,
            date=time.strftime("%Y-%m-%d %H:%M"),
        )
        return PlayedGame(task, record, is_void, (incident,))

    @contextmanager
    def _logged(self, task: GameTask, seats: Mapping[Colour, GtpPlayer]) -> Iterator[None]:
        """The conversations of the game go to a file, where that is wanted."""
        if not self._run.options.log_gtp:
            yield
            return
        path = self._run.gtp_logs / f"{task.game_id}.log"
        with path.open("w", encoding="utf-8", errors="replace") as file:
            for colour, seat in seats.items():
                seat.log_to(partial(_write_line, file, colour.word))
            try:
                yield
            finally:
                for seat in seats.values():
                    seat.log_to(None)

    def _dismiss(self, codes: list[str]) -> None:
        for code in codes:
            engine = self._engines.pop(code, None)
            if engine is not None:
                engine.close()

    def kill(self) -> None:
        """From another thread: end the engines, and so the game, now."""
        self.is_killed = True
        for engine in list(self._engines.values()):
            engine.kill()


def _write_line(file: TextIO, colour: str, line: str) -> None:
    file.write(f"{colour} {line}")
