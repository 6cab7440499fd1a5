"""The interface of all evaluators. Search and tournaments know this interface and nothing behind it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Planes = npt.NDArray[np.uint8]
IN_FLIGHT = 2
"""Batches that are under way at a time on a device that answers asynchronously: one computed, one on its way."""


class NetworkAnswer(NamedTuple):
    """The network's answers about `B` positions."""

    policy: npt.NDArray[np.float32]
    """`[B, S * S + 1]` probabilities, the pass last. Legality is not its concern."""
    value: npt.NDArray[np.float32]
    """`[B]`, -1 (lost) to 1 (won) for the side to move."""


@dataclass(frozen=True)
class EvaluatorInfo:
    """The network and the way it is run, as written into every result."""

    network: str
    """Name, for instance `big`."""
    sha256: str
    """Hash of a weights file's text, or of a checkpoint's bytes."""
    blocks: int
    filters: int
    board_size: int
    backend: str
    """`openvino 2024.6`, `torch 2.13`, ..."""
    device: str
    precision: str
    """`fp32`, `bf16` or `fp16`."""
    note: str = ""
    """Why the precision is not the one that was asked for, if so."""
    numbers_sha256: str = ""
    """Hash of the network's numbers as a weights file has them, whatever file they came from; empty if unknown."""

    def is_same_network(self, other: EvaluatorInfo) -> bool:
        """Whether both have the same weights: in one file, in two, or in a checkpoint and what was exported of it."""
        return self.sha256 == other.sha256 or "" != self.numbers_sha256 == other.numbers_sha256

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Evaluator(Protocol):
    """Answers about batches of one fixed size, so that a row's answer depends on that row alone."""

    info: EvaluatorInfo
    batch_size: int

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        """Answer for `planes` `[batch_size, 18, S, S]` (0 or 1); rows that matter to nobody may hold anything.

        The arrays returned stay valid until the next call.
        """
        ...


class Ticket(Protocol):
    """A batch whose answers are on their way."""

    def result(self) -> NetworkAnswer:
        """Wait for the answers, which are the caller's to keep. Raises what went wrong."""
        ...


class AsyncEvaluator(Evaluator, Protocol):
    """An evaluator that takes a batch while it answers another. Batches are answered in order."""

    def make_planes(self) -> Planes:
        """An array for a batch, in whatever memory the device takes it from fastest."""
        ...

    def submit(self, planes: Planes) -> Ticket:
        """Begin to answer for `planes`, as `evaluate` does; they are not to be changed before the result is there."""
        ...
