"""One tree, grown on all threads that are given, until something says that it is enough.

Each thread has a lane: evaluators of its own. The batcher's lock is held while leaves are gathered and
answers are put in, not while a network works. With one lane everything happens on the calling thread, and the same
tree gives the same result.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Protocol

from engines.evaluator.base import Evaluator
from engines.search.batcher import ROOM, Batcher, Leaf
from engines.search.searcher import Searcher

TREE = 0
VISITS_A_PLACE = 32
"""A batch has one place for so many visits of the root: fewer leaves at a time while they would spoil the search."""
LONGEST_WIDE_S = 0.04
"""A batch that takes longer is not asked for where somebody may want to stop."""
IDLE_S = 0.0002


def places_for(root_visits: int, batch_size: int) -> int:
    """The number of leaves of one tree to gather for a batch of `batch_size`: 1, or so many that it is half full."""
    places = min(batch_size, 1 + root_visits // VISITS_A_PLACE)
    return places if 2 * places >= batch_size else 1


class TreeSearch(Protocol):
    """A tree that grows when it is told to: tree 0 of `searcher`."""

    searcher: Searcher
    lock: threading.Lock
    """While another thread holds it, nothing moves in the tree."""

    def run(self, limit: int | None, watch: Callable[[], bool], *, impatient: bool = False) -> None:
        """Grow until the root has `limit` visits (None: the tree its largest size), or `watch` says True.

        `watch` is called between batches, while nothing moves in the tree; `impatient`: it wants to be called often.
        """

    def expand_root(self) -> None:
        """Ask the network about the root, if that has not been done."""

    def close(self) -> None:
        """End its threads."""


@dataclass
class Lane:
    """A thread's evaluators: one of single positions, and perhaps another of larger batches."""

    single: Evaluator
    wide: Evaluator | None = None
    _wide_s: float = field(default=0.0, init=False)
    """Seconds that a large batch took last."""

    def places(self, root_visits: int, *, impatient: bool) -> int:
        """The number of leaves to gather for the next batch."""
        if self.wide is None or (impatient and self._wide_s > LONGEST_WIDE_S):
            return 1
        return places_for(root_visits, self.wide.batch_size)

    def answer(self, batcher: Batcher, leaves: Sequence[Leaf]) -> None:
        """Have the evaluator of the batch's size answer; the batcher's lock is held."""
        if len(leaves) == 1 or self.wide is None:
            batcher.answer(self.single, leaves)
            return
        started = time.monotonic()
        batcher.answer(self.wide, leaves)
        self._wide_s = time.monotonic() - started


class SingleTree:
    """A TreeSearch on threads of its own."""

    def __init__(self, searcher: Searcher, lanes: Sequence[Lane], most_nodes: int) -> None:
        self.searcher = searcher
        self._batcher = Batcher(searcher)
        self.lock = self._batcher.lock
        self._most_nodes = most_nodes
        self._lanes = lanes
        self._ended = False
        self._pool = ThreadPoolExecutor(len(lanes) - 1, "search") if len(lanes) > 1 else None

    def run(self, limit: int | None, watch: Callable[[], bool], *, impatient: bool = False) -> None:
        self._ended = False
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
        self._batcher.drop(TREE)  # what a search that failed has left
        if self.searcher.visits(TREE):
            return
        self.searcher.make_room(TREE, ROOM)
        with self.lock:
            self._batcher.answer(self._lanes[0].single, self._batcher.gather_several(TREE, 1, 1))

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
            with self.lock:
                if watch is not None and watch():
                    self._ended = True
                    break
                leaves = self._gather(lane, limit, impatient)
                if leaves is None:
                    break
                if leaves:
                    lane.answer(self._batcher, leaves)
            if not leaves:
                time.sleep(IDLE_S)  # the lines worth looking at wait for other threads' answers

    def _gather(self, lane: Lane, limit: int | None, impatient: bool) -> list[Leaf] | None:
        """Leaves for one batch; None when there are enough visits."""
        wanted = self._batcher.wanted(TREE, limit, self._most_nodes)
        is_alone, visits = not self._batcher.waiting[TREE], self.searcher.visits(TREE)
        leaves = []
        if wanted is not None:
            places = lane.places(visits, impatient=impatient)
            leaves = self._batcher.gather_several(TREE, wanted, places)
        if not leaves and is_alone and self.searcher.visits(TREE) == visits:
            return None  # enough, or nothing is left to look at
        return leaves

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
