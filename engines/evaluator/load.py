"""From a network's name or file to an evaluator, on the hardware there is, at a precision that was checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.evaluator.base import Evaluator, EvaluatorInfo, Planes
from lzeval.core.board import BLACK, WHITE, Game
from lzeval.core.errors import UserError

if TYPE_CHECKING:
    from lzeval.net.checkpoint import LoadedNetwork

PRECISIONS = ("auto", "fp32", "bf16")
DEVICES = ("auto", "cpu", "cuda")
BATCH_SIZES = {
    ("cpu", "fp32"): 4,
    ("cpu", "bf16"): 16,
    ("cuda", "fp32"): 64,
    ("cuda", "bf16"): 64,
    ("cuda", "fp16"): 64,
}
"""Positions a call, by device and precision. Matrix units want many; without them, empty places cost more than a
full batch saves. Part of a match's definition: an answer may differ in its last bits with another size.
"""
CHECKED_POSITIONS = 64
LARGEST_VALUE_SHIFT = 0.03
"""Mean distance of bf16 values from fp32 ones, -1 to 1, beyond which bf16 is not used."""
LOWEST_AGREEMENT = 0.9
"""Share of positions whose best move must stay the best in bf16."""


@dataclass(frozen=True)
class EvaluatorPlan:
    """All that a process needs to build the evaluator that another process has chosen."""

    info: EvaluatorInfo
    device: str
    precision: str
    batch_size: int
    graph: str | None
    """OpenVINO's graph file, on the CPU."""
    weights: str | None
    """The network's file, on a GPU."""

    def answers_like(self, other: EvaluatorPlan) -> bool:
        """Whether both give the same answers: one network, perhaps under two names, run in the same way."""
        one, two = (
            (plan.info.sha256, plan.device, plan.precision, plan.batch_size) for plan in (self, other)
        )
        return one == two

    def build(self, threads: int = 1) -> Evaluator:
        """Compile it here."""
        if self.graph is not None:
            from engines.evaluator.openvino_backend import OpenVinoEvaluator

            return OpenVinoEvaluator(Path(self.graph), self.info, self.batch_size, self.precision, threads)
        from engines.evaluator.torch_backend import TorchEvaluator
        from lzeval.net.checkpoint import load_network

        assert self.weights is not None
        network = load_network(self.weights).network
        return TorchEvaluator(network, self.info, self.batch_size, self.precision, self.device)


def plan_evaluator(
    network: str | Path,
    *,
    precision: str = "auto",
    device: str = "auto",
    batch_size: int | None = None,
    board_size: int | None = None,
) -> EvaluatorPlan:
    """Decide how to run a network (a file or a bundled name), and check that its answers can be trusted.

    `precision` auto means bf16 where the processor multiplies it, fp16 on a GPU, unless the answers stray too
    far from fp32's on some positions; the plan's info says so then. Raises UserError.
    """
    from lzeval.net.checkpoint import load_network

    for name, value, allowed in (("precision", precision, PRECISIONS), ("device", device, DEVICES)):
        if value not in allowed:
            raise UserError(f"{name} {value!r} is not one of {', '.join(allowed)}")
    loaded = load_network(network)
    shape = loaded.network.shape
    if board_size is not None and shape.board_size != board_size:
        raise UserError(
            f"{network}: a network for {shape.board_size}x{shape.board_size} boards cannot play on "
            f"{board_size}x{board_size}"
        )
    info = EvaluatorInfo(
        loaded.name, loaded.sha256, shape.blocks, shape.filters, shape.board_size, "", "", "fp32"
    )
    plan = _on_gpu(network, info) if _use_gpu(device) else _on_cpu(loaded, info)
    plan = _with_precision(plan, precision)
    return plan if batch_size is None else replace(plan, batch_size=batch_size)


def _use_gpu(device: str) -> bool:
    if device == "cpu":
        return False
    import torch

    if torch.cuda.is_available():
        return True
    if device == "cuda":
        raise UserError("device cuda was asked for, and torch finds no CUDA device here")
    return False


def _on_cpu(loaded: LoadedNetwork, info: EvaluatorInfo) -> EvaluatorPlan:
    from engines.evaluator.openvino_backend import convert

    return EvaluatorPlan(info, "cpu", "fp32", BATCH_SIZES["cpu", "fp32"], str(convert(loaded)), None)


def _on_gpu(network: str | Path, info: EvaluatorInfo) -> EvaluatorPlan:
    return EvaluatorPlan(info, "cuda", "fp32", BATCH_SIZES["cuda", "fp32"], None, str(network))


def _with_precision(plan: EvaluatorPlan, wanted: str) -> EvaluatorPlan:
    if wanted == "fp32":
        return plan
    precision = "fp16" if plan.device == "cuda" and wanted == "auto" else "bf16"
    fast = replace(plan, precision=precision, batch_size=BATCH_SIZES[plan.device, precision])
    if plan.device == "cpu":
        from engines.evaluator.openvino_backend import multiplies_bf16

        if not multiplies_bf16():
            note = "this processor has no bf16 arithmetic" if wanted == "bf16" else ""
            return replace(plan, info=replace(plan.info, note=note))
    agreement, shift = compare(replace(plan, batch_size=fast.batch_size), fast)
    if agreement < LOWEST_AGREEMENT or shift > LARGEST_VALUE_SHIFT:
        note = f"{fast.precision} refused: best move kept in {agreement:.0%}, values {shift:.3f} apart on average"
        return replace(plan, info=replace(plan.info, note=note))
    return fast


def compare(one: EvaluatorPlan, other: EvaluatorPlan) -> tuple[float, float]:
    """Share of positions with the same best move, and the mean distance of values (-1 to 1).

    Both plans are for batches of one size.
    """
    planes = sample_planes(one.info.board_size, CHECKED_POSITIONS)
    first, second = one.build(), other.build()
    agreement, shift = [], []
    for start in range(0, CHECKED_POSITIONS, one.batch_size):
        batch = np.zeros((one.batch_size, *planes.shape[1:]), np.uint8)
        part = planes[start : start + one.batch_size]
        batch[: len(part)] = part
        a = first.evaluate(batch)
        a_best, a_value = a.policy[: len(part)].argmax(1), a.value[: len(part)].copy()
        b = second.evaluate(batch)
        agreement += list(a_best == b.policy[: len(part)].argmax(1))
        shift += list(abs(a_value - b.value[: len(part)]))
    return float(np.mean(agreement)), float(np.mean(shift))


def sample_planes(size: int, count: int, seed: int = 0) -> Planes:
    """`[count, 18, size, size]`: positions of a few games of random moves, spread over their length."""
    random = np.random.default_rng(seed)
    planes = np.zeros((count, 18, size, size), np.uint8)
    game = Game(size)
    for number in range(count):
        for _ in range(1 + size // 4):
            legal = game.legal_moves(game.to_move)[:-1]
            if not legal or len(game.moves) > size * size // 2:
                game.clear()
                continue
            game.play(game.to_move, int(random.choice(legal)))
        for back, stones in enumerate(game.boards[::-1][:8]):
            board = stones[:-1].reshape(size, size)
            planes[number, back] = board == game.to_move
            planes[number, 8 + back] = board == BLACK + WHITE - game.to_move
        planes[number, 16 if game.to_move == BLACK else 17] = 1
    return planes
