"""A function mapped over a cluster: results in the order of the items, whatever happens to the machines.

Ray starts each task where a core is free, and tries it once. The rest is decided here, by the process that wants the
results: how many tasks are out, which are given again, and when to give up.
"""

from __future__ import annotations

import socket
import statistics
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from lzeval.cluster.connection import Cluster, first_line
from lzeval.cluster.watch import NodeWatch
from lzeval.errors import UserError
from lzeval.text.wording import counted
from lzeval.version import __version__

Item = TypeVar("Item")
Result = TypeVar("Result")
GivenItem = TypeVar("GivenItem", contravariant=True)
GotResult = TypeVar("GotResult", covariant=True)

TASKS_A_CORE = 2
"""Tasks that are out for each core: one runs, and the next one's input is on its way."""
WAITING_A_TASK = 2
"""Items that are out, or back before their turn, for each task that may be out: bounds the driver's memory."""
MOST_LOSSES = 3
"""Processes that an item may cost before it is taken for the cause."""
LOOK_AGAIN_S = 2.0
"""Time between looks at the nodes, of which some come and some go."""
SILENT_S, SILENT_TIMES = 60.0, 10
"""A task that has been out for longer, and for so many times the usual time, is given a second time elsewhere."""
FREED_S = 10.0
"""Time that Ray may need to take note that the last command gave its cores back."""
NO_CORES_S = 60.0
"""Longest time without any node that has a core."""


class TaskLostError(Exception):
    """The end of a task with its process, its node or the way to it: no fault of its own is known."""


class Tasks(Protocol[GivenItem, GotResult]):
    """Tasks on some machines, as `in_order` needs them."""

    def cores(self) -> int:
        """Cores that there are now."""

    def start(self, item: GivenItem) -> Hashable:
        """Begin a task; returns a handle."""

    def finished(self, handles: Sequence[Any], within_s: float) -> Sequence[Any]:
        """The handles of `handles` whose tasks have ended; waits for the first, but not longer than that."""

    def result(self, handle: Any) -> GotResult:
        """The result of a task that has ended. Raises TaskLostError, or what the task has raised."""

    def cancel(self, handle: Any) -> None:
        """End a task, if it has not ended."""


def ordered(
    cluster: Cluster,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    copies: bool = True,
    gpus: float = 0,
) -> Iterator[Result]:
    """`map(function, items)` on the cluster's nodes, one core a task (and `gpus` GPUs).

    `function` and the items are pickled, so that functions of modules and `functools.partial` of them serve. It may be
    called more than once for an item: where a node was lost, and with `copies` where a task takes much longer than
    others. What it raises is raised here, at the item's turn or before. Raises UserError where no core is free, where
    an item ends its process three times, and where no machine is left, or the cluster's head is not.
    """
    tasks: RayTasks[Item, Result] = RayTasks(cluster, function, gpus)
    tasks.require_room()
    try:
        yield from in_order(tasks, items, copies=copies)
    finally:
        tasks.close()


def in_order(
    tasks: Tasks[Item, Result],
    items: Iterable[Item],
    *,
    copies: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Result]:
    """`ordered`, on any `tasks`."""
    ledger = Ledger[Item, Result](iter(items), copies=copies)
    cores, looked_at, seen_at = tasks.cores(), clock(), clock()
    try:
        while True:
            while (given := ledger.take(TASKS_A_CORE * cores, clock())) is not None:
                ledger.out(tasks.start(given[1]), given[0], clock())
            yield from ledger.ready()
            if ledger.is_over:
                return
            for handle in tasks.finished(ledger.handles, LOOK_AGAIN_S):
                if not ledger.is_out(handle):
                    continue  # the item's other task was quicker by a moment
                try:
                    result = tasks.result(handle)
                except TaskLostError as exc:
                    ledger.lost(handle, str(exc))
                else:
                    for other in ledger.back(handle, result, clock()):
                        tasks.cancel(other)
            if clock() - looked_at >= LOOK_AGAIN_S:
                cores, looked_at = tasks.cores(), clock()
                seen_at = clock() if cores else seen_at
            if clock() - seen_at > NO_CORES_S:
                raise UserError(
                    "no machine with a core is left in the cluster; add one, and the same command goes on"
                )
    finally:
        for handle in ledger.handles:
            tasks.cancel(handle)


class Ledger(Generic[Item, Result]):
    """Items that are out, results that wait for their turn, and what is to be given next."""

    def __init__(self, items: Iterator[Item], *, copies: bool) -> None:
        self._items = enumerate(items)
        self._copies = copies
        self._kept: dict[int, Item] = {}
        """Items whose results are not here, by number."""
        self._again: deque[int] = deque()
        """Items that were lost."""
        self._out: dict[Any, tuple[int, float]] = {}
        """Item, and when it was given, by the task's handle."""
        self._losses: dict[int, int] = {}
        self._results: dict[int, Result] = {}
        self._next = 0
        """Number of the item whose turn it is."""
        self._exhausted = False
        self._lasted: deque[float] = deque(maxlen=100)
        """Seconds that the last tasks were out."""

    @property
    def handles(self) -> list[Any]:
        """Handles of the tasks that are out."""
        return list(self._out)

    def is_out(self, handle: Any) -> bool:
        return handle in self._out

    @property
    def is_over(self) -> bool:
        return self._exhausted and not self._kept and not self._results

    def take(self, most: int, now: float) -> tuple[int, Item] | None:
        """The item to be given now, and its number; None while `most` tasks are out, or there is none."""
        if self._again and len(self._out) < max(1, most):
            number = self._again.popleft()
            return number, self._kept[number]
        if len(self._out) >= most:
            return None
        if not self._exhausted and len(self._kept) + len(self._results) < WAITING_A_TASK * most:
            found = next(self._items, None)
            if found is not None:
                self._kept[found[0]] = found[1]
                return found
            self._exhausted = True
        return self._silent(now) if self._copies else None

    def _silent(self, now: float) -> tuple[int, Item] | None:
        """The item whose turn it is, if its only task has been out for suspiciously long."""
        since = [given for number, given in self._out.values() if number == self._next]
        if len(since) != 1 or not self._lasted:
            return None
        usual = statistics.median(self._lasted)
        if now - since[0] < max(SILENT_S, SILENT_TIMES * usual):
            return None
        return self._next, self._kept[self._next]

    def out(self, handle: Hashable, number: int, now: float) -> None:
        """Note that an item's task has begun."""
        self._out[handle] = number, now

    def back(self, handle: Any, result: Result, now: float) -> list[Any]:
        """Note a result; returns the handles of the item's other tasks, which nobody needs any more."""
        number, given = self._out.pop(handle)
        self._lasted.append(now - given)
        others = [other for other, (item, _) in self._out.items() if item == number]
        for other in others:
            del self._out[other]
        del self._kept[number]
        self._losses.pop(number, None)
        self._results[number] = result
        return others

    def lost(self, handle: Any, reason: str) -> None:
        """Note that a task is lost: its item is to be given again. Raises UserError where it was so too often."""
        number, _ = self._out.pop(handle)
        self._losses[number] = self._losses.get(number, 0) + 1
        if self._losses[number] >= MOST_LOSSES:
            raise UserError(
                f"task {number + 1} was lost {counted(MOST_LOSSES, 'time')}, the last time because of: {reason};"
                " the same command goes on"
            )
        if number not in (item for item, _ in self._out.values()):
            self._again.append(number)

    def ready(self) -> Iterator[Result]:
        """The results whose turn it is."""
        while self._next in self._results:
            yield self._results.pop(self._next)
            self._next += 1


class RayTasks(Generic[Item, Result]):
    """Tasks of Ray's: a core each, tried once."""

    def __init__(self, cluster: Cluster, function: Callable[[Item], Result], gpus: float = 0) -> None:
        import ray

        self._cluster = cluster
        self._watch = NodeWatch(cluster)
        self._gpus = gpus
        self._function = ray.put(function)
        self._remote = ray.remote(_called).options(
            num_cpus=1, num_gpus=gpus, max_retries=0, scheduling_strategy="SPREAD"
        )

    def require_room(self) -> None:
        """Raise UserError unless a task could begin now."""
        import ray

        wanted = {"CPU": 1.0} | ({"GPU": self._gpus} if self._gpus else {})
        deadline = time.monotonic() + FREED_S
        while True:
            free = ray.available_resources()
            missing = [what for what, count in wanted.items() if free.get(what, 0) < count]
            if not missing:
                return
            if time.monotonic() > deadline:
                raise UserError(
                    f"no {missing[0]} of the cluster is free: ray status says what there is; wait, or add a machine"
                )
            time.sleep(0.5)

    def cores(self) -> int:
        nodes = self._watch.nodes()
        if self._gpus:
            return sum(min(node.cores, int(node.gpus / self._gpus)) for node in nodes)
        return sum(node.cores for node in nodes)

    def start(self, item: Item) -> Hashable:
        reference: Hashable = self._remote.remote(self._function, item, __version__)
        return reference

    def finished(self, handles: Sequence[Any], within_s: float) -> Sequence[Any]:
        import ray

        if not handles:
            time.sleep(within_s)
            return ()
        found, _ = ray.wait(list(handles), num_returns=1, timeout=within_s)
        more, _ = ray.wait([each for each in handles if each not in found] or found, num_returns=1, timeout=0)
        return list(dict.fromkeys([*found, *more]))

    def result(self, handle: Any) -> Result:
        import ray

        try:
            result: Result = ray.get(handle)
        except ray.exceptions.RayTaskError as exc:
            raise _raised(exc) from exc
        except ray.exceptions.RayError as exc:
            raise TaskLostError(first_line(exc)) from exc
        return result

    def cancel(self, handle: Any) -> None:
        import ray

        if self._cluster.is_gone:
            return
        with suppress(Exception):  # it has ended
            ray.cancel(handle, force=True)

    def close(self) -> None:
        """Watch the nodes no longer."""
        self._watch.close()


def _called(function: Callable[[Item], Result], item: Item, version: str) -> Result:
    """In a process of a node: `function(item)`, if the node has this `version` of lzeval."""
    if version != __version__:
        raise UserError(
            f"{socket.gethostname()} has lzeval {__version__}, this machine {version}: install the same version on both"
        )
    return function(item)


def _raised(problem: Any) -> BaseException:
    """The exception that a task has raised; a UserError where its node lacks lzeval or a library."""
    cause = problem.cause
    if isinstance(cause, ImportError):
        return UserError(
            f"a node of the cluster lacks a part of lzeval {__version__} ({cause}); lzeval cluster check"
        )
    return cause if isinstance(cause, BaseException) else problem
