"""A device that answers while its user does something else, and complains when it is misused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from engines.evaluator.base import IN_FLIGHT, Evaluator, NetworkAnswer, Planes
from engines.evaluator.in_thread import InThread


@dataclass(eq=False)
class SlowTicket:
    device: SlowDevice
    number: int
    planes: Planes
    given: bytes
    """Content of `planes` when they came."""

    def result(self) -> NetworkAnswer:
        return self.device._result(self)


class SlowDevice:
    """Answers batches of `evaluator`, one after the other, each as soon as `before` returns, which has its number.

    What `before` raises is what the batch's result raises.
    """

    def __init__(self, evaluator: Evaluator, before: Callable[[int], None] = lambda _: None) -> None:
        self.info = evaluator.info
        self.batch_size = evaluator.batch_size
        self.most_under_way = 0
        self.submitted: list[SlowTicket] = []
        self.changed = threading.Condition()
        """Notified when a batch comes."""
        self.under_way: list[SlowTicket] = []
        self._evaluator = evaluator
        self._before = before
        self._at_work = ThreadPoolExecutor(1, "slow device")

    def make_planes(self) -> Planes:
        return InThread(self._evaluator).make_planes()

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        return self._evaluator.evaluate(planes)

    def submit(self, planes: Planes) -> SlowTicket:
        with self.changed:
            ticket = SlowTicket(self, len(self.submitted), planes, planes.tobytes())
            self.submitted.append(ticket)
            assert all(ticket.planes is not other.planes for other in self.under_way), "these are still read"
            self.under_way.append(ticket)
            assert len(self.under_way) <= IN_FLIGHT
            self.most_under_way = max(self.most_under_way, len(self.under_way))
            self.changed.notify_all()
        return ticket

    def wait_for(self, batches: int) -> None:
        """Wait until so many batches have been submitted."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.submitted) >= batches, 60), (
                "the device has nothing to do"
            )

    def _result(self, ticket: SlowTicket) -> NetworkAnswer:
        assert ticket is self.under_way[0], "answers are taken in order"
        try:
            return self._at_work.submit(self._answer, ticket).result()
        finally:
            with self.changed:
                self.under_way.remove(ticket)

    def _answer(self, ticket: SlowTicket) -> NetworkAnswer:
        self._before(ticket.number)
        assert ticket.planes.tobytes() == ticket.given, "planes have changed while they were read"
        policy, value = self._evaluator.evaluate(ticket.planes)
        return NetworkAnswer(policy.copy(), value.copy())
