"""Searches of many players on one thread: their trees side by side, their positions in common batches.

A shared search is a monitor. A player's thread holds `SharedSearch.monitor` while it does anything with its tree, and
lets go of it only while it waits here for a search or an answer; the search's own thread holds it but for the time
that a network works. So nothing is looked at while it changes, and games cost one change of threads a move, not one a
position.

What a player finds depends on its tree, its random numbers and the size of the batches, and not on who else searches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engines.evaluator.base import Evaluator, NetworkAnswer, Planes
from engines.gtp.engine import never
from engines.search.forest import NONE, Forest
from engines.search.searcher import Searcher, Waiting
from engines.search.single_tree import ROOM, Lane, SingleTree, places_for

FIRST_CAPACITY = 256
"""Nodes of each tree to begin with."""


class SearchClosedError(Exception):
    """The desk has been closed, or its thread has ended by a defect."""


@dataclass(eq=False)
class EvaluatorQueue:
    """One network at a desk: an evaluator, and what waits for it, first come first."""

    evaluator: Evaluator
    rows: list[_Search | _Question] = field(default_factory=list)
    """Who waits; a search is here once for each of its leaves, in their order."""

    def __post_init__(self) -> None:
        self.waiting = Waiting(self.evaluator.batch_size, self.evaluator.info.board_size)


@dataclass(eq=False)
class _Job:
    """What a player's thread waits for."""

    seat: SearchSlot
    done: threading.Condition
    is_over: bool = False
    error: BaseException | None = None

    def end(self, error: BaseException | None = None) -> None:
        self.is_over, self.error = True, error
        self.done.notify()


@dataclass(eq=False)
class _Search(_Job):
    limit: int | None = None
    watch: Callable[[], bool] = never
    most_nodes: int = 0
    leaves: list[int] = field(default_factory=list)
    """Those in a line, in its order."""


@dataclass(eq=False)
class _Question(_Job):
    """A position that belongs to no tree."""

    planes: Planes = field(default_factory=lambda: np.zeros(0, np.uint8))
    answer: NetworkAnswer | None = None


class SearchSlot(Searcher):
    """A player's tree at a desk: tree 0 of this searcher, a tree of the desk's own one."""

    def __init__(
        self, desk: SharedSearch, tree: int, single: EvaluatorQueue, wide: EvaluatorQueue | None
    ) -> None:
        super().__init__(1, desk.size, 1)
        self.desk = desk
        self.tree = tree
        self.single = single
        self.wide = wide
        self.seconds = 0.0
        """Its share of the desk's time."""
        self.is_stuck = False
        """Whether an answer may still come for it."""

    def look_at(self, forest: Forest) -> None:
        """Let tree 0 be the desk's tree: every array a view of that one's."""
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
        return 1 if self.wide is None else places_for(root_visits, self.wide.evaluator.batch_size)

    def leave(self) -> None:
        """The tree is free for another player."""
        self.desk.dismiss(self)


class SharedSearch:
    """A thread, `trees` trees over boards of one size, and the networks that players ask."""

    def __init__(self, size: int, trees: int) -> None:
        self.size = size
        self.monitor = threading.Lock()
        self.batches = 0
        """Answered so far: whoever waits sees that something moves."""
        self._searcher = Searcher(trees, size, FIRST_CAPACITY)
        self._free = list(range(trees))[::-1]
        self._seats: list[SearchSlot] = []
        self._lines: list[EvaluatorQueue] = []
        self._ready: list[_Search] = []
        """Searches none of whose leaves waits."""
        self._changed = threading.Condition(self.monitor)
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="desk", daemon=True)
        self._thread.start()

    @property
    def free_trees(self) -> int:
        return len(self._free)

    def add_line(self, evaluator: Evaluator) -> EvaluatorQueue:
        """A network that players may ask here; the evaluator is asked by the desk's thread alone."""
        line = EvaluatorQueue(evaluator)
        with self.monitor:
            self._lines.append(line)
        return line

    def seat(self, single: EvaluatorQueue, wide: EvaluatorQueue | None) -> SearchSlot:
        """A free tree. Single positions go to `single`; larger searches have batches of `wide`'s size, where given."""
        with self.monitor:
            seat = SearchSlot(self, self._free.pop(), single, wide)
            seat.begin_in(self._searcher.forest)
            self._seats.append(seat)
        return seat

    def dismiss(self, seat: SearchSlot) -> None:
        with self.monitor:
            self._seats.remove(seat)
            if not seat.is_stuck:
                self._free.append(seat.tree)

    def close(self) -> None:
        """End the thread; whoever still waits gets SearchClosedError."""
        with self.monitor:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    # For players' threads, which hold the monitor

    def wait_for(self, job: _Search | _Question, answer_s: float | None) -> None:
        """Until it is over. Raises what went wrong; TimeoutError if no batch at all is answered for `answer_s`."""
        if self._is_closed:
            raise SearchClosedError
        if isinstance(job, _Search):
            self._ready.append(job)
        else:
            job.seat.single.rows.append(job)
        self._changed.notify()
        while not job.is_over:
            batches = self.batches
            if not job.done.wait(answer_s) and self.batches == batches:
                job.seat.is_stuck = True
                raise TimeoutError
        if job.error is not None:
            raise job.error

    # The desk's own thread

    def _work(self) -> None:
        reason: BaseException = SearchClosedError()
        with self.monitor:
            try:
                while not self._is_closed:
                    self._work_once()
            except BaseException as problem:  # told to those who wait for it
                reason = problem
            self._is_closed = True
            for job in {*self._ready, *(job for line in self._lines for job in line.rows)}:
                job.end(reason)

    def _work_once(self) -> None:
        began_s = time.perf_counter()
        self._search_on()
        line = max(self._lines, key=lambda line: len(line.rows), default=None)
        if line is None or not line.rows:
            self._changed.wait()
            return
        batch = line.rows[: line.evaluator.batch_size]
        del line.rows[: len(batch)]
        try:
            self._answer(line, batch)
        except Exception as problem:
            self._give_up(line, batch, problem)
        self.batches += 1
        share_s = (time.perf_counter() - began_s) / len(batch)
        for job in batch:
            job.seat.seconds += share_s

    def _search_on(self) -> None:
        """Bring every search that waits for nothing to its next leaves, or to its end."""
        while self._ready:
            ready, self._ready = self._ready, []
            single = []
            for search in ready:
                try:
                    if (wanted := self._wanted(search)) is None:
                        search.end()
                    elif (places := search.seat.places(self._visits(search))) > 1:
                        self._gather_several(search, wanted, places)
                    else:
                        single.append((search, wanted))
                except Exception as problem:
                    search.end(problem)
            if single:
                self._gather(single)

    def _visits(self, search: _Search) -> int:
        return self._searcher.visits(search.seat.tree)

    def _wanted(self, search: _Search) -> int | None:
        """The root visits that the tree has room for now; None if the search is over."""
        tree, visits = search.seat.tree, self._visits(search)
        if search.watch():
            return None
        wanted = search.limit if search.limit is not None else visits + ROOM
        wanted = min(wanted, visits + max(0, search.most_nodes - self._searcher.nodes(tree)))
        if visits >= wanted:
            return None
        forest = self._searcher.forest
        self._searcher.make_room(tree, min(wanted, visits + ROOM))
        if self._searcher.forest is not forest:
            for seat in self._seats:
                seat.look_at(self._searcher.forest)
        return wanted

    def _gather(self, searches: list[tuple[_Search, int]]) -> None:
        """One leaf of each."""
        trees = np.array([search.seat.tree for search, _ in searches], np.int32)
        before = [self._visits(search) for search, _ in searches]
        leaves = self._searcher.gather(trees, np.array([wanted for _, wanted in searches], np.int32))
        for (search, _), visits, leaf in zip(searches, before, leaves.tolist(), strict=True):
            self._line_up(search, visits, [] if leaf == NONE else [leaf], search.seat.single)

    def _gather_several(self, search: _Search, wanted: int, places: int) -> None:
        visits = self._visits(search)
        leaves = self._searcher.gather_several(search.seat.tree, wanted, places).tolist()
        line = search.seat.single if len(leaves) == 1 else search.seat.wide
        assert line is not None
        self._line_up(search, visits, leaves, line)

    def _line_up(self, search: _Search, visits_before: int, leaves: list[int], line: EvaluatorQueue) -> None:
        search.leaves = leaves
        line.rows += [search] * len(leaves)
        if not leaves and self._visits(search) == visits_before:
            search.end()  # nothing is left to look at
        elif not leaves:
            self._ready.append(search)

    def _answer(self, line: EvaluatorQueue, batch: Sequence[_Search | _Question]) -> None:
        searches = [job for job in batch if isinstance(job, _Search)]
        questions = [job for job in batch if isinstance(job, _Question)]
        trees = np.array([search.seat.tree for search in searches], np.int32)
        leaves = np.array([search.leaves.pop(0) for search in searches], np.int32)
        self._searcher.write_planes(trees, leaves, line.waiting)
        for row, question in enumerate(questions, len(searches)):
            line.waiting.planes[row] = question.planes
        self.monitor.release()
        try:
            answer = line.evaluator.evaluate(line.waiting.planes)
        finally:
            self.monitor.acquire()
        self._searcher.apply(trees, leaves, line.waiting, answer.policy, answer.value)
        for row, question in enumerate(questions, len(searches)):
            question.answer = NetworkAnswer(
                answer.policy[row : row + 1].copy(), answer.value[row : row + 1].copy()
            )
            question.end()
        for search in dict.fromkeys(searches):
            if not search.leaves:
                self._ready.append(search)

    def _give_up(
        self, line: EvaluatorQueue, batch: Sequence[_Search | _Question], problem: Exception
    ) -> None:
        """Those whose positions could not be answered; the others go on."""
        line.rows = [job for job in line.rows if job not in batch]
        for job in dict.fromkeys(batch):
            job.end(problem)


class SharedTree(SingleTree):
    """Grows a tree at a desk: what `NetworkPlayer` has instead of searching by itself."""

    def __init__(self, seat: SearchSlot, most_nodes: int, answer_s: float | None = None) -> None:
        """`answer_s`: how long a single answer of the network may take, in seconds; None: for ever."""
        super().__init__(seat, 0, [Lane(SharedEvaluator(seat, answer_s))], most_nodes)
        self._seat = seat
        self._answer_s = answer_s
        self._done = threading.Condition(seat.desk.monitor)

    @property
    def standstill(self) -> AbstractContextManager[object]:
        return self._seat.desk.monitor

    def run(self, limit: int | None, watch: Callable[[], bool], *, impatient: bool = False) -> None:  # noqa: ARG002
        """As SingleTree's. `watch` is called on the desk's thread."""
        self.expand_root()
        self._search(limit, watch)

    def expand_root(self) -> None:
        if not self.searcher.visits(0):
            self._search(1, never)

    def _search(self, limit: int | None, watch: Callable[[], bool]) -> None:
        search = _Search(self._seat, self._done, limit=limit, watch=watch, most_nodes=self.most_nodes)
        self._seat.desk.wait_for(search, self._answer_s)


class SharedEvaluator:
    """Answers about single positions, at a desk."""

    def __init__(self, seat: SearchSlot, answer_s: float | None = None) -> None:
        self.info = seat.single.evaluator.info
        self.batch_size = 1
        self._seat = seat
        self._answer_s = answer_s
        self._done = threading.Condition(seat.desk.monitor)

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        """As `Evaluator.evaluate`; the thread holds the desk's monitor."""
        question = _Question(self._seat, self._done, planes=planes[0].copy())
        self._seat.desk.wait_for(question, self._answer_s)
        assert question.answer is not None
        return question.answer
