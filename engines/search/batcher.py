"""The loop under all searches: leaves of many trees queue for an evaluator, which answers a batch of them at a time.

queue -> planes -> evaluate -> apply. Who uses it decides which trees go on, and what becomes of one that needs no more
answers: games between networks, players of a tournament, positions of an analysis, and the tree of a GTP engine.

Batches have the evaluator's one size, and a row's answer depends on that row alone; so a tree comes out the same
whatever else is in its batches, and in whatever order they are answered.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from engines.evaluator.base import Evaluator, NetworkAnswer, Planes
from engines.search.forest import NONE
from engines.search.searcher import BatchInput, Searcher
from lzeval.compiled.arrays import Ints32

ROOM = 1024
"""Nodes that a tree without a limit grows by."""

Leaf: TypeAlias = tuple[int, int]
"""A tree and its node that waits for an answer."""


@dataclass(eq=False)
class EvaluatorQueue:
    """An evaluator, and the leaves that wait for it, first come first."""

    evaluator: Evaluator
    leaves: list[Leaf] = field(default_factory=list)
    """A tree is here once for each of its leaves."""

    def take(self) -> list[Leaf]:
        """Remove and return the first ones, as many as a batch holds."""
        size = self.evaluator.batch_size
        taken = self.leaves[:size]
        del self.leaves[:size]
        return taken


class Batcher:
    """Queues for several evaluators, over the trees of one searcher.

    `lock` is held while trees, queues and counts are looked at or changed, and free while a network works: another
    thread may then gather leaves, or have a batch of its own answered. A caller with a single thread calls `step`.
    """

    def __init__(self, searcher: Searcher) -> None:
        self.searcher = searcher
        self.lock = threading.Lock()
        self.evaluations = 0
        """Positions answered so far."""
        self.waiting = [0] * len(searcher.forest.size)
        """By tree: leaves that are queued or being answered."""
        self._queues: list[EvaluatorQueue] = []
        self._inputs: dict[int, list[BatchInput]] = {}
        """By batch size: those not in use. Networks share them: a pool has hundreds, and asks one at a time."""

    def add_queue(self, evaluator: Evaluator) -> EvaluatorQueue:
        """A queue of its own for `evaluator`; among equally long ones, that added first is answered first."""
        queue = EvaluatorQueue(evaluator)
        self._queues.append(queue)
        return queue

    def wanted(self, tree: int, limit: int | None, most_nodes: int) -> int | None:
        """Root visits up to which the tree may now be gathered, with room made for them; None if it has enough.

        `limit`: visits of the root that are enough (None: no number is); `most_nodes`: the tree's largest size.
        """
        visits, waiting = self.searcher.visits(tree), self.waiting[tree]
        wanted = limit if limit is not None else visits + waiting + ROOM
        wanted = min(wanted, visits + max(0, most_nodes - self.searcher.nodes(tree)))
        if visits + waiting >= wanted:
            return None
        self.searcher.make_room(tree, min(wanted, visits + waiting + ROOM))
        return wanted - waiting

    def gather(self, trees: Sequence[int], limits: Ints32, queues: Sequence[EvaluatorQueue]) -> list[int]:
        """Run each of `trees` `[K]`, none of which waits, to its next leaf, and queue that in its one of `queues`.

        Returns the trees without a leaf: their roots have `limits[k]` visits, or there is no room for more nodes.
        """
        leaves = self.searcher.gather(np.array(trees, np.int32), limits)
        at_rest = []
        for tree, leaf, queue in zip(trees, leaves.tolist(), queues, strict=True):
            if leaf == NONE:
                at_rest.append(tree)
            else:
                self.waiting[tree] = 1
                queue.leaves.append((tree, leaf))
        return at_rest

    def gather_several(self, tree: int, limit: int, most: int) -> list[Leaf]:
        """Up to `most` leaves of one tree, counted as waiting and in no queue yet."""
        leaves = self.searcher.gather_several(tree, limit, most).tolist()
        self.waiting[tree] += len(leaves)
        return [(tree, leaf) for leaf in leaves]

    def fullest(self) -> EvaluatorQueue | None:
        """The queue in which most leaves wait; None if none waits anywhere."""
        queue = max(self._queues, key=lambda queue: len(queue.leaves), default=None)
        return queue if queue is not None and queue.leaves else None

    def step(self) -> list[int]:
        """Answer a batch of the fullest queue; as `answer`, but `lock` is not to be held."""
        queue = self.fullest()
        if queue is None:
            return []
        with self.lock:
            return self.answer(queue.evaluator, queue.take())

    def answer(self, evaluator: Evaluator, leaves: Sequence[Leaf]) -> list[int]:
        """Let `evaluator` answer up to a batch of leaves. Returns the trees that wait for nothing any more.

        The caller holds `lock`. If the evaluator raises, the leaves go on waiting, and in no queue: see `drop`.
        """
        trees = np.array([tree for tree, _ in leaves], np.int32)
        nodes = np.array([node for _, node in leaves], np.int32)
        spare = self._inputs.setdefault(evaluator.batch_size, [])
        batch = spare.pop() if spare else BatchInput.of_size(evaluator.batch_size, self.searcher.size)
        self.searcher.write_planes(trees, nodes, batch)
        answer = self.evaluate(evaluator, batch.planes)
        self.searcher.apply(trees, nodes, batch, answer.policy, answer.value)
        spare.append(batch)
        self.evaluations += len(leaves)
        answered = []
        for tree, _ in leaves:
            self.waiting[tree] -= 1
            if not self.waiting[tree]:
                answered.append(tree)
        return answered

    def evaluate(self, evaluator: Evaluator, planes: Planes) -> NetworkAnswer:
        """Ask `evaluator` with `lock`, which the caller holds, free meanwhile."""
        self.lock.release()
        try:
            return evaluator.evaluate(planes)
        finally:
            self.lock.acquire()

    def drop(self, tree: int) -> None:
        """Forget that leaves of the tree wait, which is then to be started anew."""
        if self.waiting[tree]:
            self.waiting[tree] = 0
            for queue in self._queues:
                queue.leaves = [leaf for leaf in queue.leaves if leaf[0] != tree]
