"""From a network's name or file to an evaluator, on the hardware there is, at a precision that was checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engines.evaluator import devices
from engines.evaluator.base import Evaluator, EvaluatorInfo, Planes
from engines.evaluator.batch_size import measured_batch_size
from engines.evaluator.cache import facts, file_subject, processor
from lzeval.errors import UserError
from lzeval.go.game import Game
from lzeval.go.planes import planes_of
from lzeval.system.bundled import network_name, resolve_network
from lzeval.system.devices import ON_CORES, kind_of
from lzeval.system.machine import available_cores

PRECISIONS = ("auto", "fp32", "bf16")
BATCH_SIZES = {
    ("cpu", "fp32"): 4,
    ("cpu", "bf16"): 16,
    ("torch", "fp32"): 16,
    ("torch", "bf16"): 16,
}
"""Positions a call on cores, by device and precision. Matrix units want many; without them, empty places cost more than
a full batch saves. Part of a match's definition: an answer may differ in its last bits with another size.
"""
FAST_PRECISIONS = {
    "cpu": "bf16",
    "torch": "fp32",
    "cuda": "fp16",
    "mps": "fp16",
    "xpu": "fp16",
    "openvino-gpu": "fp16",
}
"""What `auto` tries, by kind of device."""
CHECK_BATCH = 16
"""Positions a call while the answers of a GPU are compared with those of the CPU."""
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
    """OpenVINO's graph file, where OpenVINO runs it."""
    weights: str | None
    """The network's file, where torch does."""

    @property
    def kind(self) -> str:
        """The device without its number."""
        return kind_of(self.device)

    @property
    def is_on_cores(self) -> bool:
        """Whether it runs on the processor's cores."""
        return self.device in ON_CORES

    def answers_like(self, other: EvaluatorPlan) -> bool:
        """Whether both give the same answers: one network, perhaps under two names, run in the same way."""
        one, two = ((plan.info.sha256, plan.kind, plan.precision, plan.batch_size) for plan in (self, other))
        return one == two

    def with_batch(self, size: int) -> EvaluatorPlan:
        """The same for batches of another size."""
        return replace(self, batch_size=size)

    def build(self, threads: int = 1, lanes: int = 1) -> Evaluator:
        """Compile it here. `lanes`: batches that may be under way at a time where the device answers asynchronously.

        Raises UserError where the device has too little memory.
        """
        if self.graph is not None:
            from engines.evaluator.openvino_backend import OpenVinoEvaluator
            from engines.evaluator.winograd import WinogradEvaluator, pays

            graph = Path(self.graph)
            if self.device == "cpu" and self.precision == "fp32" and pays(self.info):
                return WinogradEvaluator(graph, self.info, self.batch_size, threads)
            return OpenVinoEvaluator(graph, self.info, self.batch_size, self.precision, threads, self.device)
        from engines.evaluator.torch_backend import TorchEvaluator
        from lzeval.network.checkpoint import load_network

        assert self.weights is not None
        network = load_network(self.weights).network
        if self.kind == "cuda":
            from engines.evaluator.cuda_backend import CudaEvaluator

            return CudaEvaluator(network, self.info, self.batch_size, self.precision, self.device, lanes)
        return TorchEvaluator(network, self.info, self.batch_size, self.precision, self.device, threads)


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
    far from fp32's on some positions; the plan's info says so then. `device`: one of `DEVICES`. `batch_size` None: what
    the device is fastest with. Raises UserError.
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision {precision!r} is not one of {', '.join(PRECISIONS)}")
    where = devices.chosen(device)
    file = resolve_network(network)
    by_openvino = where in devices.BY_OPENVINO
    info, graph = _read(file, convert=by_openvino)
    if board_size is not None and info.board_size != board_size:
        raise UserError(
            f"{network}: a network for {info.board_size}x{info.board_size} boards cannot play on "
            f"{board_size}x{board_size}"
        )
    if where == "torch" != device:
        info = replace(info, note=devices.WITHOUT_OPENVINO)
    size = BATCH_SIZES.get((where, "fp32"), CHECK_BATCH)
    plan = EvaluatorPlan(info, where, "fp32", size, graph, None if by_openvino else str(network))
    plan = _with_precision(plan, precision)
    if batch_size is None:
        batch_size = plan.batch_size if plan.is_on_cores else measured_batch_size(plan)
    devices.give_back_memory(plan.device)  # which the checks have used
    return plan.with_batch(batch_size)


def _read(file: Path, *, convert: bool) -> tuple[EvaluatorInfo, str | None]:
    """A network's description, and its graph for OpenVINO if wanted: as kept from the last time, else made."""
    cache, subject = facts(), file_subject(file)
    kept = cache.recall(subject)
    if kept is not None and "numbers_sha256" in kept:  # which older versions did not keep
        info = EvaluatorInfo(**kept | {"network": network_name(file)})
        graph = _graph(info) if convert else None
        if not convert or graph is not None:
            return info, graph
    from lzeval.network.checkpoint import load_network

    loaded = load_network(file)
    shape = loaded.network.shape
    info = EvaluatorInfo(
        loaded.name, loaded.sha256, shape.blocks, shape.filters, shape.board_size, "", "", "fp32",
        numbers_sha256=loaded.numbers_sha256,
    )  # fmt: skip
    made = None
    if convert:
        from engines.evaluator import openvino_backend as openvino

        made = str(openvino.convert(loaded))
    cache.keep(subject, info.as_dict())
    return info, made


def _graph(info: EvaluatorInfo) -> str | None:
    """A network's graph for OpenVINO, if it is kept."""
    from engines.evaluator import openvino_backend as openvino

    graph = openvino.graph_file(info.sha256)
    return str(graph) if openvino.is_whole(graph) else None


def _with_precision(plan: EvaluatorPlan, wanted: str) -> EvaluatorPlan:
    """The plan at the precision that is wanted, where its answers are near enough to fp32's on the CPU.

    Raises UserError for a device whose own fp32 is not.
    """
    precision = FAST_PRECISIONS[plan.kind] if wanted == "auto" else wanted
    problem = _no_arithmetic(plan, precision)
    if problem is not None:
        plan = _noted(plan, problem if wanted == precision else "")
    elif precision != "fp32":
        size = BATCH_SIZES.get((plan.device, precision), plan.batch_size)
        fast = replace(plan, precision=precision, batch_size=size)
        refusal = _refusal(fast)
        if refusal is None:
            return fast
        plan = _noted(plan, f"{precision} refused: {refusal}")
    if not plan.is_on_cores and (refusal := _refusal(plan)) is not None:
        raise UserError(
            f"{plan.info.network}: {plan.device} answers otherwise than the CPU, in fp32 as well ({refusal}); "
            "take another --device"
        )
    return plan


def _noted(plan: EvaluatorPlan, note: str) -> EvaluatorPlan:
    notes = [text for text in (plan.info.note, note) if text]
    return replace(plan, info=replace(plan.info, note="; ".join(notes)))


def _no_arithmetic(plan: EvaluatorPlan, precision: str) -> str | None:
    """Why the device cannot multiply numbers of that precision; None if it can."""
    if precision == "bf16" and plan.device == "openvino-gpu":
        return "OpenVINO has no bf16 on a GPU"
    if precision == "bf16" and plan.device == "cpu":
        from engines.evaluator.openvino_backend import multiplies_bf16

        return None if multiplies_bf16() else "this processor has no bf16 arithmetic"
    return None


def _refusal(plan: EvaluatorPlan) -> str | None:
    """How far the plan's answers are from those of fp32 on the CPU, where that is too far; None where it is not."""
    agreement, shift = _compared(plan)
    if agreement >= LOWEST_AGREEMENT and shift <= LARGEST_VALUE_SHIFT:
        return None
    return f"best move kept in {agreement:.0%}, values {shift:.3f} apart on average"


def _compared(plan: EvaluatorPlan) -> tuple[float, float]:
    """Findings of `compare` with fp32 on the CPU, as kept for this network, hardware and version of its library."""
    where = "" if plan.device == "cpu" else f"{plan.info.sha256} {devices.identity(plan.device)} "
    cache = facts()
    subject = f"{plan.precision} {plan.batch_size} {where}{plan.graph} {processor()}"
    kept = cache.recall(subject)
    if kept is None:
        judge = replace(plan, precision="fp32", device="torch" if plan.graph is None else "cpu")
        agreement, shift = compare(judge, plan, 1 if plan.is_on_cores else available_cores())
        kept = {"agreement": agreement, "shift": shift}
        cache.keep(subject, kept)
    return kept["agreement"], kept["shift"]


def compare(one: EvaluatorPlan, other: EvaluatorPlan, threads: int = 1) -> tuple[float, float]:
    """Share of positions in which the best moves of `other` are good to `one`, and the mean distance of values.

    Good is what has at least NEARLY the probability of the best; values are -1 to 1. The positions are of games that
    `other` plays with itself, as those of a match are. Both plans are for batches of one size; `threads` are for `one`.
    """
    first, second = one.build(threads), other.build()
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
