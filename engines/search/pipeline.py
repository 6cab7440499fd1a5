"""Batches that several threads fill together, for a device that answers one batch while they search on.

    thread:   gather -> rows of an open batch -> answered rows -> apply -> gather ...
    device:   full batches, of which IN_FLIGHT are under way; answered in order

Each thread has trees of its own, reads them into its rows and applies its rows' answers, all without Python's lock. A
row's answer depends on that row alone, so that trees come out as those of a `Batcher` that works alone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from engines.evaluator.base import IN_FLIGHT, AsyncEvaluator, NetworkAnswer, Ticket
from engines.evaluator.in_thread import is_asynchronous
from engines.search.batcher import Batcher, Leaf
from engines.search.searcher import BatchInput, Searcher
from lzeval.compiled.arrays import Ints32


class PipelineClosedError(Exception):
    """No more answers come, as another thread has met with an error or everything ends."""


@dataclass(eq=False)
class _Batch:
    evaluator: AsyncEvaluator
    input: BatchInput
    shares: list[Share] = field(default_factory=list)
    rows: int = 0
    """Rows that belong to somebody, from the first."""
    unwritten: int = 0
    """Rows of them whose planes are not there yet."""
    unread: int = 0
    """Shares whose answers have not been used yet."""
    answer: NetworkAnswer | None = None

    @property
    def size(self) -> int:
        return len(self.input.planes)


@dataclass(eq=False)
class Share:
    """Rows of a batch that one thread has filled."""

    batch: _Batch
    asker: PipelinedBatcher
    first: int
    trees: Ints32
    nodes: Ints32

    @property
    def input(self) -> BatchInput:
        return self.batch.input.rows(self.first, self.first + len(self.trees))

    @property
    def answer(self) -> NetworkAnswer:
        assert self.batch.answer is not None
        policy, value = self.batch.answer
        end = self.first + len(self.trees)
        return NetworkAnswer(policy[self.first : end], value[self.first : end])


class Pipeline:
    """The batches of a process: some being filled, some full, some on the device.

    A full batch goes to the device as soon as fewer than IN_FLIGHT are there. One that is not full waits for more
    rows, unless the device has nothing to do and either half of the batch is there or no thread is going to add to it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._submitted = threading.Condition(self.lock)
        self._askers: list[PipelinedBatcher] = []
        self._open: dict[int, _Batch] = {}
        """Being filled, by evaluator."""
        self._full: list[_Batch] = []
        self._under_way: deque[tuple[_Batch, Ticket]] = deque()
        self._spare: dict[int, list[BatchInput]] = {}
        """Not in use, by batch size."""
        self._searching = 0
        """Threads that do not wait."""
        self._problem: BaseException | None = None
        self._collector = threading.Thread(target=self._collect, name="answers", daemon=True)
        self._collector.start()

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """A thread that searches is to be in here, and in `waiting` while it waits for anything."""
        with self.lock:
            self._searching += 1
        try:
            yield
        finally:
            with self.lock:
                self._searching -= 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The thread fills no rows while it is in here."""
        with self.lock:
            self._searching -= 1
            self._launch()
        try:
            yield
        finally:
            with self.lock:
                self._searching += 1

    def join(self, asker: PipelinedBatcher) -> None:
        """Give `asker` its answers."""
        with self.lock:
            self._askers.append(asker)

    def ask(self, asker: PipelinedBatcher, evaluator: AsyncEvaluator, leaves: Sequence[Leaf]) -> None:
        """Fill rows with `leaves`; their answers come to the asker in shares. Raises what `next_share` raises."""
        trees = np.array([tree for tree, _ in leaves], np.int32)
        nodes = np.array([node for _, node in leaves], np.int32)
        done = 0
        while done < len(trees):
            with self.lock:
                self._require_open()
                share = self._reserve(asker, evaluator, trees[done:], nodes[done:])
            asker.searcher.write_planes(share.trees, share.nodes, share.input)
            done += len(share.trees)
            with self.lock:
                share.batch.unwritten -= len(share.trees)
                self._launch()

    def _reserve(
        self, asker: PipelinedBatcher, evaluator: AsyncEvaluator, trees: Ints32, nodes: Ints32
    ) -> Share:
        """Rows for as many of the leaves as the open batch has room for."""
        batch = self._open.get(id(evaluator))
        if batch is None:
            spare = self._spare.setdefault(evaluator.batch_size, [])
            given = spare.pop() if spare else BatchInput.on(evaluator.make_planes())
            batch = self._open[id(evaluator)] = _Batch(evaluator, given)
        count = min(len(trees), batch.size - batch.rows)
        share = Share(batch, asker, batch.rows, trees[:count], nodes[:count])
        batch.shares.append(share)
        batch.rows += count
        batch.unwritten += count
        if batch.rows == batch.size:
            self._full.append(self._open.pop(id(evaluator)))
        return share

    def next_share(self, asker: PipelinedBatcher) -> Share:
        """Wait for an answered share. Raises PipelineClosedError where none comes any more."""
        with self.lock:
            if not asker.answered:
                asker.is_waiting = True
                self._searching -= 1
                self._launch()
            while not asker.answered:
                self._require_open()
                asker.has_answers.wait()
            return asker.answered.popleft()

    def done_with(self, share: Share) -> None:
        """Take back the rows of a share that has been applied."""
        with self.lock:
            share.batch.unread -= 1
            if not share.batch.unread:
                self._spare[share.batch.size].append(share.batch.input)

    def close(self, problem: BaseException | None = None) -> None:
        """End everything: whoever waits, or asks again, gets PipelineClosedError, with `problem` as its cause."""
        with self.lock:
            self._fail(problem or PipelineClosedError())
        self._collector.join()

    def _require_open(self) -> None:
        if self._problem is not None:
            raise PipelineClosedError from self._problem

    # With the lock held

    def _launch(self) -> None:
        """Send to the device what is to go there now."""
        while self._problem is None and len(self._under_way) < IN_FLIGHT:
            batch = self._next_batch()
            if batch is None:
                return
            try:
                ticket = batch.evaluator.submit(batch.input.planes)
            except BaseException as problem:
                self._fail(problem)
                return
            self._under_way.append((batch, ticket))
            self._submitted.notify()

    def _next_batch(self) -> _Batch | None:
        full = next((batch for batch in self._full if not batch.unwritten), None)
        if full is not None:
            self._full.remove(full)
            return full
        written = [batch for batch in self._open.values() if not batch.unwritten]
        if self._under_way or not written:
            return None
        fullest = max(written, key=lambda batch: batch.rows)
        if self._searching and 2 * fullest.rows < fullest.size:
            return None
        return self._open.pop(id(fullest.evaluator))

    def _fail(self, problem: BaseException) -> None:
        if self._problem is None:
            self._problem = problem
        self._submitted.notify()
        for asker in self._askers:
            asker.has_answers.notify()

    # The collector's thread

    def _collect(self) -> None:
        while True:
            with self.lock:
                while not self._under_way and self._problem is None:
                    self._submitted.wait()
                if not self._under_way:
                    return
                batch, ticket = self._under_way[0]
            try:
                batch.answer = ticket.result()
            except BaseException as problem:
                with self.lock:
                    self._under_way.popleft()
                    self._fail(problem)
                continue
            with self.lock:
                self._under_way.popleft()
                batch.unread = len(batch.shares)
                for share in batch.shares:
                    self._deliver(share)
                self._launch()

    def _deliver(self, share: Share) -> None:
        """Give a share to its asker, who counts as searching from now on, and not only when its thread runs again."""
        asker = share.asker
        asker.answered.append(share)
        if asker.is_waiting:
            asker.is_waiting = False
            self._searching += 1
            asker.has_answers.notify()


class PipelinedBatcher(Batcher):
    """The `Batcher` of one thread among several that share a pipeline."""

    def __init__(self, searcher: Searcher, pipeline: Pipeline) -> None:
        super().__init__(searcher)
        self.answered: deque[Share] = deque()
        self.has_answers = threading.Condition(pipeline.lock)
        self.is_waiting = False
        self._pipeline = pipeline
        pipeline.join(self)

    def step(self) -> list[int]:
        """Hand over all leaves that wait, and apply the next answers that come; returns the trees that they were for.

        Raises PipelineClosedError.
        """
        for queue in self._queues:
            if queue.leaves:
                leaves, queue.leaves = queue.leaves, []
                assert is_asynchronous(queue.evaluator)
                self._pipeline.ask(self, queue.evaluator, leaves)
        if not any(self.waiting):
            return []
        share = self._pipeline.next_share(self)
        self.searcher.apply(share.trees, share.nodes, share.input, *share.answer)
        self._pipeline.done_with(share)
        self.evaluations += len(share.trees)
        trees: list[int] = share.trees.tolist()
        for tree in trees:
            self.waiting[tree] = 0
        return trees
