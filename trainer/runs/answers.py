"""A network's answers about the positions of packed data: those of one batch, or of many on a cluster's nodes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from engines.evaluator.base import Evaluator, EvaluatorInfo
from engines.evaluator.load import plan_evaluator
from lzeval.cluster.connection import Cluster
from lzeval.cluster.shipping import Shipped
from lzeval.cluster.tasks import ordered
from lzeval.compiled.arrays import Ints64, Records
from lzeval.errors import UserError
from lzeval.system.bundled import network_name, resolve_network
from trainer.data.packed import PackedData
from trainer.data.rows import HISTORY

ANSWER = np.dtype([("played", "f4"), ("better", "u2"), ("alike", "u2"), ("value", "f4"), ("outcome", "f4")])
"""One position's answer: probability of the move that was played, how many moves have a higher one and the same one,
itself counted; value and outcome, -1 to 1, for the side to move: 0 for a jigo, NaN where nobody knows."""
BATCHES_A_TASK = 64
"""So many batches are worth a journey to a node and back."""

Parts = Callable[[PackedData, Ints64], Iterator[Records]]
"""Answers about positions of a data set, `[N]` of ANSWER altogether, part by part, in order."""


@dataclass(frozen=True)
class Measuring:
    """A network that is ready to be measured."""

    info: EvaluatorInfo
    """The evaluator's own: equal where answers are."""
    network: EvaluatorInfo
    """The network's, and why its precision is not the one that was wanted."""
    precision: str
    parts: Parts


def answers_of(evaluator: Evaluator, packed: PackedData, chosen: Ints64) -> Records:
    """`[B]` of ANSWER for the positions `chosen` `[B]`, at most a batch of the evaluator's."""
    batch = packed.batch(chosen, np.zeros(len(chosen), np.int64))
    planes = np.zeros((evaluator.batch_size, *batch.planes.shape[1:]), np.uint8)
    planes[: len(chosen)] = batch.planes
    answer = evaluator.evaluate(planes)
    policy = answer.policy[: len(chosen)]
    played = policy[np.arange(len(chosen)), batch.moves]
    rows = np.zeros(len(chosen), ANSWER)
    rows["played"] = played
    rows["better"] = (policy > played[:, None]).sum(1)
    rows["alike"] = (policy == played[:, None]).sum(1)
    rows["value"] = answer.value[: len(chosen)]
    rows["outcome"] = batch.outcomes
    return rows


# On a cluster


@dataclass(frozen=True)
class _Way:
    """A network on its way to nodes, and how all of them evaluate it."""

    file: Shipped
    wanted: str
    """The precision that was asked for, or auto."""
    device: str
    batch_size: int

    def opened(self) -> tuple[Evaluator, EvaluatorInfo, str]:
        """On a node: the evaluator, facts of the network, and the precision that this machine uses."""
        return _opened(str(self.file.place()), self.wanted, self.device, self.batch_size)


def on_nodes(cluster: Cluster, network: str, precision: str, batch_size: int) -> Measuring:
    """On the nodes' GPUs, or else on their cores: in bf16 where all of them multiply it. Raises UserError."""
    plan_evaluator(network, precision="fp32", device="cpu")  # whatever is wrong with the file is said here
    nodes = cluster.nodes()
    gpus = int(any(node.gpus for node in nodes))
    if precision == "auto" and not gpus:
        facts = cluster.facts([node for node in nodes if node.cores]).values()
        precision = (
            "fp32" if any(not isinstance(of, str) and of.precision == "fp32" for of in facts) else "auto"
        )
    file = resolve_network(network)
    way = _Way(cluster.ship(str(file)), precision, "cuda" if gpus else "cpu", batch_size)
    ((of_evaluator, of_network, used),) = ordered(cluster, _described, [way], gpus=gpus)
    name = network_name(file)

    def parts(packed: PackedData, chosen: Ints64) -> Iterator[Records]:
        step = BATCHES_A_TASK * batch_size
        slices = (excerpt(packed, chosen[start : start + step]) for start in range(0, len(chosen), step))
        return ordered(cluster, partial(_answers_there, way, used), slices, gpus=gpus)

    return Measuring(replace(of_evaluator, network=name), replace(of_network, network=name), used, parts)


def excerpt(packed: PackedData, chosen: Ints64) -> PackedData:
    """A data set in memory of the positions `chosen`, in their order, with the rows that are their history only."""
    numbers, plies = packed.row_numbers(chosen), packed.plies(chosen)
    back = np.arange(HISTORY)
    needed = np.unique((numbers[:, None] - back)[back <= plies[:, None]])
    rows = np.ascontiguousarray(packed.rows[needed])
    return PackedData(packed.path, packed.size, rows, packed.games[:0], np.searchsorted(needed, numbers))


def _described(way: _Way) -> tuple[EvaluatorInfo, EvaluatorInfo, str]:
    """On a node: facts of the evaluator, of the network, and the precision that this machine uses."""
    evaluator, network, precision = way.opened()
    return evaluator.info, network, precision


def _answers_there(way: _Way, precision: str, packed: PackedData) -> Records:
    """On a node: `[N]` of ANSWER for all positions of `packed`. Raises UserError where it uses another precision."""
    evaluator, _, used = way.opened()
    if used != precision:
        raise UserError(
            f"{socket.gethostname()} evaluates in {used}, others in {precision}; give --precision fp32"
        )
    numbers = np.arange(len(packed), dtype=np.int64)
    starts = range(0, len(numbers), way.batch_size)
    return np.concatenate([answers_of(evaluator, packed, numbers[at : at + way.batch_size]) for at in starts])


@cache
def _opened(file: str, precision: str, device: str, batch_size: int) -> tuple[Evaluator, EvaluatorInfo, str]:
    """An evaluator on one core of this machine, kept for the next task of this process."""
    plan = plan_evaluator(file, precision=precision, device=device, batch_size=batch_size)
    return plan.build(threads=1), plan.info, plan.precision
