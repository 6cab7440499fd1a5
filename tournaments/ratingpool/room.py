"""A room in which any members of a pool meet: common batches for a network, whoever it plays against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from engines.evaluator.base import Answer, Evaluator, EvaluatorInfo, Planes
from engines.evaluator.load import EvaluatorPlan
from engines.search.searcher import Waiting
from tournaments.playing import GameJob, GameSettings, PlayerSettings, Room, _Table
from tournaments.results import GameRecord, GameResult

MOST_NETWORKS = 16
"""That a process keeps ready to answer, if not more of them are playing."""


@dataclass(frozen=True)
class Entrant:
    """A network as it sits down to play."""

    settings: PlayerSettings
    plan: EvaluatorPlan


@dataclass(frozen=True)
class PoolJob(GameJob):
    """A game between two of many; `black` says which of them has Black."""

    entrants: tuple[Entrant, Entrant]


class _Nobody:
    """Stands where `Room` expects the one evaluator of all its players, and is never asked but to warm up."""

    batch_size = 1

    def __init__(self, size: int) -> None:
        self.info = EvaluatorInfo("nobody", "", 0, 0, size, "", "", "fp32")

    def evaluate(self, planes: Planes) -> Answer:
        """All moves alike, and nobody ahead."""
        moves = self.info.board_size**2 + 1
        policy = np.full((len(planes), moves), 1 / moves, np.float32)
        return Answer(policy, np.zeros(len(planes), np.float32))


class PoolRoom(Room):
    """Tables at which any two networks may meet; all players search alike.

    A position waits for its network, and the network that most positions wait for answers next. As everywhere, a
    game depends on its job alone.
    """

    def __init__(
        self,
        settings: GameSettings,
        habits: PlayerSettings,
        tables: int,
        build: Callable[[EvaluatorPlan], Evaluator],
    ) -> None:
        """`habits`: how everybody searches; `build` makes the evaluator of a network that sits down first."""
        nobody = _Nobody(settings.size)
        super().__init__((habits, habits), (nobody, nobody), settings, tables)
        self._build = build
        self._of_networks: dict[str, tuple[Evaluator, Waiting]] = {}

    def warm_up(self) -> None:
        """Compile or load what every game will call."""
        nobody = _Nobody(self.settings.size)
        Room(self.players, (nobody, nobody), self.settings, 2).warm_up()

    def seat(self, job: GameJob) -> None:
        assert isinstance(job, PoolJob)
        for entrant in job.entrants:
            self._admit(entrant.plan)
        super().seat(job)

    def _admit(self, plan: EvaluatorPlan) -> None:
        """Have the network's evaluator ready; those that nobody plays with go when there are many."""
        if plan.info.sha256 in self._of_networks:
            return
        if len(self._of_networks) >= MOST_NETWORKS:
            jobs = [table.job for table in self._tables if table is not None]
            playing = {e.plan.info.sha256 for job in jobs if isinstance(job, PoolJob) for e in job.entrants}
            self._of_networks = {name: kept for name, kept in self._of_networks.items() if name in playing}
        evaluator = self._build(plan)
        waiting = Waiting(evaluator.batch_size, self.settings.size)
        evaluator.evaluate(waiting.planes)
        self._of_networks[plan.info.sha256] = evaluator, waiting

    def step(self) -> list[GameRecord]:
        queue = self._queues[0]
        if queue:
            networks = [self._network_of(tree) for tree, _ in queue]
            network = Counter(networks).most_common(1)[0][0]
            size = self._of_networks[network][0].batch_size
            places = [place for place, name in enumerate(networks) if name == network][:size]
            batch = [queue[place] for place in places]
            for place in reversed(places):
                del queue[place]
            self._answer_of(network, batch)
        finished, self._finished = self._finished, []
        return finished

    def _network_of(self, tree: int) -> str:
        table = self._tables[tree // 2]
        assert table is not None
        assert isinstance(table.job, PoolJob)
        return table.job.entrants[tree % 2].plan.info.sha256

    def _answer_of(self, network: str, batch: list[tuple[int, int]]) -> None:
        evaluator, waiting = self._of_networks[network]
        trees = np.array([tree for tree, _ in batch], np.int32)
        leaves = np.array([leaf for _, leaf in batch], np.int32)
        self._searcher.write_planes(trees, leaves, waiting)
        answer = evaluator.evaluate(waiting.planes)
        self._searcher.apply(trees, leaves, waiting, answer.policy, answer.value)
        self.evaluations += len(batch)
        self._run([int(tree) // 2 for tree in trees])

    def _record(self, table: _Table, result: GameResult) -> GameRecord:
        job = table.job
        assert isinstance(job, PoolJob)
        black, white = job.entrants[job.black].settings, job.entrants[1 - job.black].settings
        return replace(
            super()._record(table, result),
            black=black.code,
            white=white.code,
            black_engine=black.engine,
            white_engine=white.engine,
            black_description=black.description,
            white_description=white.description,
        )
