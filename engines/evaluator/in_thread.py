"""Any evaluator as one that takes a batch while it answers another."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeGuard

import numpy as np

from engines.evaluator.base import AsyncEvaluator, Evaluator, NetworkAnswer, Planes


class InThread:
    """An evaluator on a thread of its own, which answers one batch after the other."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.info = evaluator.info
        self.batch_size = evaluator.batch_size
        self._evaluator = evaluator
        self._thread = ThreadPoolExecutor(1, "evaluator")

    def make_planes(self) -> Planes:
        """Make room for a batch, see `AsyncEvaluator.make_planes`."""
        return np.zeros((self.batch_size, 18, self.info.board_size, self.info.board_size), np.uint8)

    def submit(self, planes: Planes) -> Future[NetworkAnswer]:
        """Begin to answer a batch, see `AsyncEvaluator.submit`."""
        return self._thread.submit(self._answer, planes)

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        """Answer a batch of planes, see `Evaluator.evaluate`."""
        return self.submit(planes).result()

    def _answer(self, planes: Planes) -> NetworkAnswer:
        policy, value = self._evaluator.evaluate(planes)
        return NetworkAnswer(policy.copy(), value.copy())


def asynchronous(evaluator: Evaluator) -> AsyncEvaluator:
    """The evaluator itself, if it takes a batch while it answers another, else on a thread of its own."""
    return evaluator if is_asynchronous(evaluator) else InThread(evaluator)


def is_asynchronous(evaluator: Evaluator) -> TypeGuard[AsyncEvaluator]:
    return hasattr(evaluator, "submit")
