"""One tree, grown on all threads that are given, until something says that it is enough.

Each thread has a lane of its own: the evaluators it asks. The tree has one lock, held while leaves are gathered and
answers are put in, not while the network works. With one lane everything happens on the calling thread, and the same
tree gives the same result.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engines.evaluator.base import Evaluator
from engines.search.searcher import Searcher, Waiting

VISITS_A_PLACE = 32
"""A batch has one place for so many visits of the root: fewer leaves at a time while they would spoil the search."""
LONGEST_WIDE_S = 0.04
"""A batch that takes longer is not asked for where somebody may want to stop."""
ROOM = 1024
"""Nodes that a tree without a limit grows by."""
IDLE_S = 0.0002

Leaves = npt.NDArray[np.int32]


def places_for(root_visits: int, batch_size: int) -> int:
    """How many leaves of one tree to gather for a batch of `batch_size`: 1, or so many that it is half full."""
    places = min(batch_size, 1 + root_visits // VISITS_A_PLACE)
    return places if 2 * places >= batch_size else 1


@dataclass
class Lane:
    """What one thread asks: an evaluator of single positions, and perhaps one of larger batches."""

    single: Evaluator
    wide: Evaluator | None = None
    _waiting: dict[int, Waiting] = field(default_factory=dict)
    _wide_s: float = 0.0
    """How long a large batch took last."""

    def places(self, root_visits: int, *, impatient: bool) -> int:
        """How many leaves to gather for the next batch."""
        if self.wide is None or (impatient and self._wide_s > LONGEST_WIDE_S):
            return 1
        return places_for(root_visits, self.wide.batch_size)

    def evaluator(self, leaves: int) -> tuple[Evaluator, Waiting]:
        evaluator = self.single if leaves == 1 or self.wide is None else self.wide
        size = evaluator.batch_size
        if size not in self._waiting:
            self._waiting[size] = Waiting(size, evaluator.info.board_size)
        return evaluator, self._waiting[size]

    def note(self, leaves: int, seconds: float) -> None:
        if leaves > 1:
            self._wide_s = seconds


class SingleTree:
    """Grows tree `tree` of a searcher."""

    def __init__(self, searcher: Searcher, tree: int, lanes: Sequence[Lane], most_nodes: int) -> None:
        self.searcher = searcher
        self.most_nodes = most_nodes
        self._tree = tree
        self._lanes = lanes
        self._lock = threading.Lock()
        self._under_way = 0
        """Leaves that wait for an answer."""
        self._ended = False
        self._pool = ThreadPoolExecutor(len(lanes) - 1, "search") if len(lanes) > 1 else None

    @property
    def standstill(self) -> AbstractContextManager[object]:
        """While another thread holds it, nothing moves in the tree."""
        return self._lock

    def run(self, limit: int | None, watch: Callable[[], bool], *, impatient: bool = False) -> None:
        """Grow until the root has `limit` visits (None: the tree its largest size), or `watch` says True.

        `watch` is called between batches, while nothing moves in the tree; `impatient`: it wants to be called often.
        """
        self._ended = False
        self._under_way = 0
        self.expand_root()
        others: list[Future[None]] = []
        try:
            if self._pool is not None:
                others += [
                    self._pool.submit(self._grow, lane, limit, None, impatient) for lane in self._lanes[1:]
                ]
            self._grow(self._lanes[0], limit, watch, impatient)
        finally:
            self._ended = True
            wait(others)
        for other in others:
            other.result()

    def expand_root(self) -> None:
        """Ask the network about the root, if that has not been done."""
        if self.searcher.visits(self._tree):
            return
        self.searcher.make_room(self._tree, ROOM)
        leaves = self.searcher.gather(np.array([self._tree], np.int32), np.array([1], np.int32))
        if leaves[0] >= 0:
            self._under_way += 1
            self._answer(self._lanes[0], leaves)

    def _grow(self, lane: Lane, limit: int | None, watch: Callable[[], bool] | None, impatient: bool) -> None:
        try:
            self._grow_until_ended(lane, limit, watch, impatient)
        except BaseException:
            self._ended = True  # others would wait for the leaves of this thread
            raise

    def _grow_until_ended(
        self, lane: Lane, limit: int | None, watch: Callable[[], bool] | None, impatient: bool
    ) -> None:
        while not self._ended:
            with self._lock:
                if watch is not None and watch():
                    self._ended = True
                    break
                leaves = self._gather(lane, limit, impatient)
                if leaves is None:
                    break
            if len(leaves):
                self._answer(lane, leaves)
            else:
                time.sleep(IDLE_S)  # the lines worth looking at wait for other threads' answers

    def _gather(self, lane: Lane, limit: int | None, impatient: bool) -> Leaves | None:
        """Leaves for one batch, counted as under way; None when there are enough visits."""
        visits = self.searcher.visits(self._tree)
        wanted = limit if limit is not None else visits + self._under_way + ROOM
        wanted = min(wanted, visits + max(0, self.most_nodes - self.searcher.nodes(self._tree)))
        if visits + self._under_way >= wanted:
            return None if not self._under_way else np.empty(0, np.int32)
        self.searcher.make_room(self._tree, min(wanted, visits + self._under_way + ROOM))
        places = lane.places(visits, impatient=impatient)
        leaves = self.searcher.gather_several(self._tree, wanted - self._under_way, places)
        if not len(leaves) and not self._under_way and self.searcher.visits(self._tree) == visits:
            return None  # nothing is left to look at
        self._under_way += len(leaves)
        return leaves

    def _answer(self, lane: Lane, leaves: Leaves) -> None:
        evaluator, waiting = lane.evaluator(len(leaves))
        trees = np.full(len(leaves), self._tree, np.int32)
        with self._lock:
            self.searcher.write_planes(trees, leaves, waiting)
        started = time.monotonic()
        answer = evaluator.evaluate(waiting.planes)
        lane.note(len(leaves), time.monotonic() - started)
        with self._lock:
            self.searcher.apply(trees, leaves, waiting, answer.policy, answer.value)
            self._under_way -= len(leaves)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
