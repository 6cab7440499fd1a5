"""Searches of many players on one thread: their trees side by side, their positions in common batches.

A shared search is a monitor (C. A. R. Hoare, 1974). A player's thread holds `SharedSearch.lock` while it does anything
with its tree, and lets go of it only while it waits here for a search or an answer; the search's own thread holds it
but for the time that a network works. So nothing is looked at while it changes, and games cost one change of threads a
move, not one a position.

What a player finds depends on its tree, its random numbers and the size of the batches, and not on who else searches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.evaluator.base import Evaluator, NetworkAnswer, Planes
from engines.gtp.engine import never
from engines.search.batcher import Batcher, EvaluatorQueue
from engines.search.forest import Forest
from engines.search.searcher import Searcher
from engines.search.single_tree import TREE, places_for

FIRST_CAPACITY = 256
"""Nodes of each tree to begin with."""


class SearchClosedError(Exception):
    """The shared search has been closed, or its thread has ended by a defect."""


@dataclass(eq=False)
class _Job:
    """A request of a player's thread, which waits for it: a search, or an answer about a position of no tree."""

    slot: SearchSlot
    done: threading.Condition
    limit: int | None = None
    watch: Callable[[], bool] = never
    most_nodes: int = 0
    planes: Planes | None = None
    """`[18, S, S]`; None for a search."""
    answer: NetworkAnswer | None = None
    is_over: bool = False
    error: BaseException | None = None

    def end(self, error: BaseException | None = None) -> None:
        self.is_over, self.error = True, error
        self.done.notify()


class SearchSlot(Searcher):
    """A player's tree in a shared search: tree 0 of this searcher, a tree of the search's own one."""

    def __init__(
        self, shared: SharedSearch, tree: int, single: EvaluatorQueue, wide: EvaluatorQueue | None
    ) -> None:
        super().__init__(1, shared.size, 1)
        self.shared = shared
        self.tree = tree
        self.single = single
        self.wide = wide
        self.seconds = 0.0
        """Its share of the search's time."""
        self.is_stuck = False
        """True if an answer may still come for it that nobody waits for."""

    def look_at(self, forest: Forest) -> None:
        """Let tree 0 be the shared forest's tree: every array a view of that one's."""
        views: list[Any] = [array[self.tree : self.tree + 1] for array in forest]
        self.forest = Forest(*views)

    def begin_in(self, forest: Forest) -> None:
        """Take over the tree, with nothing left in it of whoever had it before."""
        fresh: list[Any] = list(self.forest)
        self.look_at(forest)
        taken: list[Any] = list(self.forest)
        for mine, new in zip(taken, fresh, strict=True):
            if mine.shape == new.shape:  # all but the nodes, which a root makes anew
                mine[:] = new

    def places(self, root_visits: int) -> int:
        """The number of leaves to gather for the next batch."""
        return 1 if self.wide is None else places_for(root_visits, self.wide.evaluator.batch_size)

    def queue(self, leaves: int) -> EvaluatorQueue:
        """The queue in which so many leaves wait together."""
        return self.single if leaves == 1 or self.wide is None else self.wide

    def release(self) -> None:
        """Leave the tree to another player."""
        self.shared.take_back(self)


class SharedSearch:
    """A thread, `trees` trees over boards of one size, and the networks that players ask."""

    def __init__(self, size: int, trees: int) -> None:
        self.size = size
        self.batches = 0
        """Answered so far: whoever waits sees that something moves."""
        self._searcher = Searcher(trees, size, FIRST_CAPACITY)
        self._batcher = Batcher(self._searcher)
        self.lock = self._batcher.lock
        self._free = list(range(trees))[::-1]
        self._slots: list[SearchSlot] = []
        self._searches: dict[int, _Job] = {}
        """Searches under way, by tree."""
        self._ready: list[int] = []
        """Trees with a search none of whose leaves waits."""
        self._questions: list[_Job] = []
        self._changed = threading.Condition(self.lock)
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="shared search", daemon=True)
        self._thread.start()

    @property
    def free_trees(self) -> int:
        return len(self._free)

    def add_queue(self, evaluator: Evaluator) -> EvaluatorQueue:
        """A queue for a network that players may ask; the evaluator is called on the search's thread alone."""
        with self.lock:
            return self._batcher.add_queue(evaluator)

    def take_slot(self, single: EvaluatorQueue, wide: EvaluatorQueue | None) -> SearchSlot:
        """A free tree. Single positions go to `single`; larger searches have batches of `wide`'s size, where given."""
        with self.lock:
            slot = SearchSlot(self, self._free.pop(), single, wide)
            slot.begin_in(self._searcher.forest)
            self._slots.append(slot)
        return slot

    def take_back(self, slot: SearchSlot) -> None:
        """Give the slot's tree to whoever comes next, unless an answer may still come for it."""
        with self.lock:
            self._slots.remove(slot)
            if not slot.is_stuck:
                self._free.append(slot.tree)

    def close(self) -> None:
        """End the thread; whoever still waits gets SearchClosedError."""
        with self.lock:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    # For players' threads, which hold the lock

    def wait_for(self, job: _Job, answer_s: float | None) -> None:
        """Wait for the job. Raises what went wrong; TimeoutError if no batch at all is answered for `answer_s`."""
        if self._is_closed:
            raise SearchClosedError
        if job.slot.is_stuck:
            raise TimeoutError
        if job.planes is None:
            self._searches[job.slot.tree] = job
            self._ready.append(job.slot.tree)
        else:
            self._questions.append(job)
        self._changed.notify()
        while not job.is_over:
            batches = self.batches
            if not job.done.wait(answer_s) and self.batches == batches:
                job.slot.is_stuck = True
                raise TimeoutError
        if job.error is not None:
            raise job.error

    # The search's own thread

    def _work(self) -> None:
        reason: BaseException = SearchClosedError()
        with self.lock:
            try:
                while not self._is_closed:
                    self._work_once()
            except BaseException as problem:  # told to those who wait for it
                reason = problem
            self._is_closed = True
            for job in (*self._searches.values(), *self._questions):
                job.end(reason)

    def _work_once(self) -> None:
        began_s = time.perf_counter()
        self._search_on()
        if self._questions:
            slots = [self._answer_question(self._questions.pop(0))]
        elif (queue := self._batcher.fullest()) is not None:
            slots = self._answer(queue)
        else:
            self._changed.wait()
            return
        self.batches += 1
        share_s = (time.perf_counter() - began_s) / len(slots)
        for slot in slots:
            slot.seconds += share_s

    def _search_on(self) -> None:
        """Bring every search that waits for nothing to its next leaves, or to its end."""
        while self._ready:
            ready, self._ready = self._ready, []
            single = []
            for tree in ready:
                search = self._searches[tree]
                try:
                    if (wanted := self._wanted(search)) is None:
                        self._end(tree)
                    elif (places := search.slot.places(self._searcher.visits(tree))) > 1:
                        self._gather_several(search, wanted, places)
                    else:
                        single.append((tree, wanted))
                except Exception as problem:
                    self._end(tree, problem)
            if single:
                self._gather(single)

    def _end(self, tree: int, error: BaseException | None = None) -> None:
        self._batcher.drop(tree)
        self._searches.pop(tree).end(error)

    def _wanted(self, search: _Job) -> int | None:
        """The root visits that the tree has room for now; None if the search is over."""
        if search.watch():
            return None
        forest = self._searcher.forest
        wanted = self._batcher.wanted(search.slot.tree, search.limit, search.most_nodes)
        if self._searcher.forest is not forest:
            for slot in self._slots:
                slot.look_at(self._searcher.forest)
        return wanted

    def _gather(self, searches: list[tuple[int, int]]) -> None:
        """One leaf of each tree, up to so many root visits."""
        trees = [tree for tree, _ in searches]
        before = {tree: self._searcher.visits(tree) for tree in trees}
        limits = np.array([wanted for _, wanted in searches], np.int32)
        queues = [self._searches[tree].slot.single for tree in trees]
        for tree in self._batcher.gather(trees, limits, queues):
            self._go_on_or_end(tree, before[tree])

    def _gather_several(self, search: _Job, wanted: int, places: int) -> None:
        tree = search.slot.tree
        before = self._searcher.visits(tree)
        leaves = self._batcher.gather_several(tree, wanted, places)
        if leaves:
            search.slot.queue(len(leaves)).leaves += leaves
        else:
            self._go_on_or_end(tree, before)

    def _go_on_or_end(self, tree: int, visits_before: int) -> None:
        """Go on with a tree that has got no leaf, unless it got no visit either: nothing is left to look at."""
        if self._searcher.visits(tree) == visits_before:
            self._end(tree)
        else:
            self._ready.append(tree)

    def _answer(self, queue: EvaluatorQueue) -> list[SearchSlot]:
        """Have a batch answered. Returns whose it was, once for each position.

        If the network fails, those whose positions these are, are told; the others go on.
        """
        leaves = queue.take()
        slots = [self._searches[tree].slot for tree, _ in leaves]
        try:
            self._ready += self._batcher.answer(queue.evaluator, leaves)
        except Exception as problem:
            for slot in dict.fromkeys(slots):
                self._end(slot.tree, problem)
        return slots

    def _answer_question(self, question: _Job) -> SearchSlot:
        """Have a position of no tree answered, in a batch of its own."""
        assert question.planes is not None
        evaluator = question.slot.single.evaluator
        planes = np.zeros((evaluator.batch_size, 18, self.size, self.size), np.uint8)
        planes[0] = question.planes
        try:
            answer = self._batcher.evaluate(evaluator, planes)
        except Exception as problem:
            question.end(problem)
        else:
            question.answer = NetworkAnswer(answer.policy[:1].copy(), answer.value[:1].copy())
            question.end()
        return question.slot


class SharedTree:
    """The tree of a slot: what `NetworkPlayer` has instead of searching by itself. A TreeSearch."""

    def __init__(self, slot: SearchSlot, most_nodes: int, answer_s: float | None = None) -> None:
        """`answer_s`: how long a single answer of the network may take, in seconds; None: for ever."""
        self.searcher: Searcher = slot
        self.lock = slot.shared.lock
        self._slot = slot
        self._most_nodes = most_nodes
        self._answer_s = answer_s
        self._done = threading.Condition(self.lock)

    def run(self, limit: int | None, watch: Callable[[], bool], *, impatient: bool = False) -> None:  # noqa: ARG002
        """See TreeSearch; `watch` is called on the shared search's thread."""
        self.expand_root()
        self._search(limit, watch)

    def expand_root(self) -> None:
        if not self.searcher.visits(TREE):
            self._search(1, never)

    def _search(self, limit: int | None, watch: Callable[[], bool]) -> None:
        search = _Job(self._slot, self._done, limit, watch, self._most_nodes)
        self._slot.shared.wait_for(search, self._answer_s)

    def close(self) -> None:
        """Do nothing: the thread is everybody's."""


class SharedEvaluator:
    """Answers about single positions, from a slot's network."""

    def __init__(self, slot: SearchSlot, answer_s: float | None = None) -> None:
        self.info = slot.single.evaluator.info
        self.batch_size = 1
        self._slot = slot
        self._answer_s = answer_s
        self._done = threading.Condition(slot.shared.lock)

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        """Answers for one batch, as `Evaluator.evaluate` gives them; the caller holds the shared search's lock."""
        question = _Job(self._slot, self._done, planes=planes[0].copy())
        self._slot.shared.wait_for(question, self._answer_s)
        assert question.answer is not None
        return question.answer
