"""From a network's name or file to an evaluator, on the hardware there is, at a precision that was checked."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engines.evaluator.base import Evaluator, EvaluatorInfo, Planes
from engines.evaluator.cache import EvaluatorCache, file_subject, processor
from lzeval.errors import UserError
from lzeval.go.game import Game
from lzeval.go.planes import planes_of
from lzeval.system.bundled import network_name, resolve_network

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
"""Share of positions whose best move in bf16 must be the best, or nearly, in fp32."""
NEARLY = 0.9
"""Share of the best move's probability: two moves so close may change places, which is the position's
doing and not bf16's."""


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

    def with_batch(self, size: int) -> EvaluatorPlan:
        """The same for batches of another size."""
        return replace(self, batch_size=size)

    def build(self, threads: int = 1) -> Evaluator:
        """Compile it here."""
        if self.graph is not None:
            from engines.evaluator.openvino_backend import OpenVinoEvaluator
            from engines.evaluator.winograd import WinogradEvaluator, pays

            if self.precision == "fp32" and pays(self.info):
                return WinogradEvaluator(Path(self.graph), self.info, self.batch_size, threads)
            return OpenVinoEvaluator(Path(self.graph), self.info, self.batch_size, self.precision, threads)
        from engines.evaluator.torch_backend import TorchEvaluator
        from lzeval.network.checkpoint import load_network

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
    for name, value, allowed in (("precision", precision, PRECISIONS), ("device", device, DEVICES)):
        if value not in allowed:
            raise UserError(f"{name} {value!r} is not one of {', '.join(allowed)}")
    file = resolve_network(network)
    info, graph = _read(file, convert=not (on_gpu := _use_gpu(device)))
    if board_size is not None and info.board_size != board_size:
        raise UserError(
            f"{network}: a network for {info.board_size}x{info.board_size} boards cannot play on "
            f"{board_size}x{board_size}"
        )
    where = "cuda" if on_gpu else "cpu"
    weights = str(network) if on_gpu else None
    plan = EvaluatorPlan(info, where, "fp32", BATCH_SIZES[where, "fp32"], graph, weights)
    plan = _with_precision(plan, precision)
    return plan if batch_size is None else plan.with_batch(batch_size)


def _use_gpu(device: str) -> bool:
    if device == "cpu" or (device == "auto" and not _has_cuda_driver()):
        return False
    import torch

    if torch.cuda.is_available():
        return True
    if device == "cuda":
        raise UserError("device cuda was asked for, and torch finds no CUDA device here")
    return False


def _has_cuda_driver() -> bool:
    """Whether it is worth importing torch to ask it for a GPU."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _read(file: Path, *, convert: bool) -> tuple[EvaluatorInfo, str | None]:
    """A network's description, and its graph for OpenVINO if wanted: as kept from the last time, else made."""
    from engines.evaluator import openvino_backend as openvino

    cache, subject = EvaluatorCache(openvino.graph_folder()), file_subject(file)
    kept = cache.recall(subject)
    if kept is not None and "numbers_sha256" in kept:  # which older versions did not keep
        info = EvaluatorInfo(**kept | {"network": network_name(file)})
        graph = openvino.graph_file(info.sha256)
        if not convert or openvino.is_whole(graph):
            return info, str(graph) if convert else None
    from lzeval.network.checkpoint import load_network

    loaded = load_network(file)
    shape = loaded.network.shape
    info = EvaluatorInfo(
        loaded.name, loaded.sha256, shape.blocks, shape.filters, shape.board_size, "", "", "fp32",
        numbers_sha256=loaded.numbers_sha256,
    )  # fmt: skip
    made = str(openvino.convert(loaded)) if convert else None
    cache.keep(subject, info.as_dict())
    return info, made


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
    agreement, shift = _compared(plan, fast)
    if agreement < LOWEST_AGREEMENT or shift > LARGEST_VALUE_SHIFT:
        note = f"{fast.precision} refused: best move kept in {agreement:.0%}, values {shift:.3f} apart on average"
        return replace(plan, info=replace(plan.info, note=note))
    return fast


def _compared(plan: EvaluatorPlan, fast: EvaluatorPlan) -> tuple[float, float]:
    """Findings of `compare`; on a CPU, as kept for this network, processor and version of OpenVINO."""
    if plan.device != "cpu":
        return compare(replace(plan, batch_size=fast.batch_size), fast)
    from engines.evaluator import openvino_backend as openvino

    cache = EvaluatorCache(openvino.graph_folder())
    subject = f"{fast.precision} {fast.batch_size} {plan.graph} {processor()}"
    kept = cache.recall(subject)
    if kept is None:
        agreement, shift = compare(replace(plan, batch_size=fast.batch_size), fast)
        kept = {"agreement": agreement, "shift": shift}
        cache.keep(subject, kept)
    return kept["agreement"], kept["shift"]


def compare(one: EvaluatorPlan, other: EvaluatorPlan) -> tuple[float, float]:
    """Share of positions in which the best moves of `other` are good to `one`, and the mean distance of values.

    Good is what has at least NEARLY the probability of the best; values are -1 to 1. The positions are of games that
    `other` plays with itself, as those of a match are. Both plans are for batches of one size.
    """
    first, second = one.build(), other.build()
    agreement: list[bool] = []
    shift: list[float] = []
    for batch in own_positions(second, one.info.board_size, CHECKED_POSITIONS):
        a = first.evaluate(batch)
        policy, value = a.policy.copy(), a.value.copy()
        b = second.evaluate(batch)
        chosen = policy[np.arange(len(policy)), b.policy.argmax(1)]
        agreement += list(chosen >= NEARLY * policy.max(1))
        shift += list(abs(value - b.value))
    return float(np.mean(agreement)), float(np.mean(shift))


def own_positions(evaluator: Evaluator, size: int, count: int, seed: int = 0) -> list[Planes]:
    """Batches of at least `count` positions of games that a network plays with itself, without search.

    Moves are drawn from its policy. The positions are from the opening to the middle game.
    """
    random = np.random.default_rng(seed)
    games = [Game(size) for _ in range(evaluator.batch_size)]
    kept = max(1, -(-count // len(games)))
    every = max(1, 3 * size // kept)
    batches = []
    for ply in range(1, kept * every + 1):
        planes = np.stack([planes_of(game) for game in games])
        policy = evaluator.evaluate(planes).policy
        for game, chances in zip(games, policy, strict=True):
            game.play(game.to_move, _drawn(game, chances, random))
        if ply % every == 0:
            batches.append(np.stack([planes_of(game) for game in games]))
    return batches


def _drawn(game: Game, chances: npt.NDArray[np.float32], random: np.random.Generator) -> int:
    """A legal move, by its chance."""
    weights = chances[:-1].astype(np.float64)
    while weights.sum() > 0:
        move = int(random.choice(len(weights), p=weights / weights.sum()))
        if game.is_legal(game.to_move, move):
            return move
        weights[move] = 0
    return game.pass_move


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
        planes[number] = planes_of(game)
    return planes
