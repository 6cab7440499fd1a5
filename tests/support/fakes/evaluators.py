"""Evaluators that need no network, and complain when they are misused."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from engines.evaluator.base import EvaluatorInfo, NetworkAnswer, Planes


def fake_info(size: int, name: str = "fake") -> EvaluatorInfo:
    return EvaluatorInfo(name, "0" * 64, 1, 1, size, "none", "cpu", "fp32")


class HashEvaluator:
    """Opinions drawn from a hash of the planes: the same for equal planes, unrelated for all others.

    So a wrong history plane, colour or symmetry changes everything that a search finds. What it returned is
    spoilt by its next call, as `Evaluator.evaluate` allows.
    """

    def __init__(self, size: int, batch_size: int = 1, salt: int = 0, spread: float = 2.0) -> None:
        """`spread`: standard deviation of the policy's logits. Of two salts nothing is the same."""
        self.info = fake_info(size, f"hash{salt}")
        self.batch_size = batch_size
        self.calls = 0
        self.seen: list[bytes] = []
        """Planes of every row that held a position, in the order they came."""
        self._salt = salt.to_bytes(4, "big")
        self._spread = spread
        self._points = size * size
        self._last: NetworkAnswer | None = None

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        size = self.info.board_size
        assert planes.shape == (self.batch_size, 18, size, size)
        assert planes.dtype == np.uint8
        self.calls += 1
        self._spoil()
        policy = np.zeros((self.batch_size, self._points + 1), np.float32)
        value = np.zeros(self.batch_size, np.float32)
        for row in range(self.batch_size):
            if planes[row].any():
                policy[row], value[row] = self.opinion(planes[row])
                self.seen.append(planes[row].tobytes())
        self._last = NetworkAnswer(policy, value)
        return self._last

    def opinion(self, planes: Planes) -> tuple[npt.NDArray[np.float32], float]:
        """Probabilities `[S * S + 1]` and the mover's value for one position's planes `[18, S, S]`."""
        self._check(planes)
        digest = hashlib.blake2b(planes.tobytes(), digest_size=8, key=self._salt).digest()
        random = np.random.default_rng(int.from_bytes(digest, "big"))
        weights = np.exp(self._spread * random.standard_normal(self._points + 1))
        return (weights / weights.sum()).astype(np.float32), float(np.float32(random.uniform(-1, 1)))

    @staticmethod
    def _check(planes: Planes) -> None:
        black, white = planes[16], planes[17]
        assert black.all() != white.all()
        assert not (black.any() and white.any())
        assert planes.max() == 1
        assert not (planes[:8] & planes[8:16]).any(), "two stones on one point"

    def _spoil(self) -> None:
        if self._last is not None:
            self._last.policy.fill(np.nan)
            self._last.value.fill(np.nan)


class SteadyEvaluator:
    """The same opinion of every position, whichever way it is turned."""

    def __init__(
        self, size: int, *, value: float = 0.0, pass_share: float = 0.0, black_value: float | None = None
    ) -> None:
        """`value` is the mover's, -1 to 1; or `black_value` is Black's. All points share what the pass leaves."""
        self.info = fake_info(size, "steady")
        self.batch_size = 1
        self._value = value
        self._black_value = black_value
        points = size * size
        self._policy = np.full(points + 1, (1 - pass_share) / points, np.float32)
        self._policy[points] = pass_share

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        value = self._value
        if self._black_value is not None:
            value = self._black_value if planes[0, 16].all() else -self._black_value
        return NetworkAnswer(self._policy[None].copy(), np.array([value], np.float32))
