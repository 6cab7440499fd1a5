"""Many games between networks in one process, on a device that answers while several threads search.

Each thread has a `NetworkGames` of its own. The threads fill common batches, see `engines.search.pipeline`; so a game
is the same as in a `NetworkGames` that has all of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial
from queue import Empty, SimpleQueue

from engines.evaluator.base import Evaluator
from engines.evaluator.in_thread import asynchronous
from engines.search.pipeline import Pipeline, PipelineClosedError, PipelinedBatcher
from lzeval.records.record import GameRecord
from tournaments.games.network_games import GameJob, GameSettings, NetworkGames, PlayerSettings
from tournaments.games.thinking import Thinking, total

STEP_S = 0.05
"""How long a step waits for a game to end."""


class PipelinedGames:
    """Games as in a `NetworkGames`, on `threads` threads that each have their share of the slots."""

    def __init__(
        self,
        players: Sequence[PlayerSettings],
        evaluators: Sequence[Evaluator],
        settings: GameSettings,
        slots: int,
        threads: int,
    ) -> None:
        """`slots` are rounded up to a multiple of `threads`. For the rest, see `NetworkGames`."""
        self._pipeline = Pipeline()
        self._told: SimpleQueue[_Told] = SimpleQueue()
        different = {id(evaluator): asynchronous(evaluator) for evaluator in evaluators}
        shared = [different[id(evaluator)] for evaluator in evaluators]
        batcher = partial(PipelinedBatcher, pipeline=self._pipeline)
        self._threads = [
            _SearchThread(
                NetworkGames(players, shared, settings, -(-slots // threads), batcher, time.perf_counter),
                self._pipeline,
                self._told,
            )
            for _ in range(threads)
        ]

    def warm_up(self) -> None:
        """Warm up one thread's games, see `NetworkGames.warm_up`; once, before the first game.

        Raises what goes wrong.
        """
        self._threads[0].start()
        _, told = self._told.get()
        if isinstance(told, BaseException):
            raise told
        for thread in self._threads[1:]:
            thread.warms_up = False
            thread.start()

    @property
    def evaluations(self) -> int:
        """Positions answered so far."""
        return sum(thread.games.evaluations for thread in self._threads)

    @property
    def thinking(self) -> dict[str, Thinking]:
        """Thinking of the players so far; a thread that waits for an answer thinks, for the player that it is of."""
        return total(thread.games.thinking for thread in self._threads)

    @property
    def playing(self) -> set[int]:
        """Players who have a game."""
        return {player for thread in self._threads for player in thread.games.playing}

    @property
    def is_busy(self) -> bool:
        return any(thread.under_way for thread in self._threads)

    def start(self, job: GameJob) -> None:
        """Begin a game on the thread that has fewest."""
        thread = min(self._threads, key=lambda thread: thread.under_way)
        thread.under_way += 1
        thread.jobs.put(job)

    def step(self) -> list[GameRecord]:
        """The games that ended since the last call; waits a moment for the first. Raises what a thread has met with."""
        ended: list[GameRecord] = []
        try:
            while True:
                thread, told = self._told.get(timeout=0 if ended else STEP_S)
                if isinstance(told, BaseException):
                    raise told
                if told is not None:
                    thread.under_way -= 1
                    ended.append(told)
        except Empty:
            return ended

    def close(self) -> None:
        """Drop the games that go on, and end the threads that have been started."""
        self._pipeline.close()
        for thread in self._threads:
            thread.jobs.put(None)
            if thread.ident is not None:
                thread.join()


class _SearchThread(threading.Thread):
    """A thread that plays the games it is given, beside each other."""

    def __init__(self, games: NetworkGames, pipeline: Pipeline, told: SimpleQueue[_Told]) -> None:
        super().__init__(name="search", daemon=True)
        self.games = games
        self.warms_up = True
        self.under_way = 0
        """Games that it has been given and that have not come back; counted by who gives them."""
        self.jobs: SimpleQueue[GameJob | None] = SimpleQueue()
        """None: there are no more."""
        self._pipeline = pipeline
        self._told = told

    def run(self) -> None:
        try:
            with self._pipeline.taking_part():
                if self.warms_up:
                    self.games.warm_up()
                    self._told.put((self, None))
                while self._begin_games():
                    for record in self.games.step():
                        self._told.put((self, record))
        except PipelineClosedError as closed:
            self._told.put((self, closed.__cause__ or closed))
        except BaseException as problem:
            self._told.put((self, problem))
            self._pipeline.close(problem)

    def _begin_games(self) -> bool:
        """Begin the games that have come; waits for one where none goes on. False: there are no more."""
        if self.games.is_busy:
            jobs = []
            while not self.jobs.empty():
                jobs.append(self.jobs.get())
        else:
            with self._pipeline.waiting():
                jobs = [self.jobs.get()]
        for job in jobs:
            if job is None:
                return False
            self.games.start(job)
        return True


_Told = tuple[_SearchThread, "GameRecord | BaseException | None"]
"""A thread, and its game that has ended, its problem, or None: it is warm."""
