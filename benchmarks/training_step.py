"""How fast a network is trained: our step, the same without its tricks, and plain PyTorch in float32.

    python -m benchmarks.training_step --networks small big --rounds 5

All train the same network on the same batches of made-up positions on the same threads, in turn. Plain PyTorch is what
a short script does: the module as it is, float32, SGD. Ours is what `lzeval train` does: bfloat16 where the processor
multiplies it, channels last, fused passes, freed memory kept, Muon. `--packed` measures loading as well: the same step
fed by the loader from a packed data set, as a share of the step on one batch that stays.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer

import lzeval.net.fused
from benchmarks.report import available_cores, present, run
from lzeval.net.network import SHAPES, LeelaNetwork
from trainer.config import OptimizerConfig
from trainer.data import ShuffledBatches, TensorBatch
from trainer.memory import keep_freed_memory
from trainer.optimizers import build_optimizer
from trainer.packed import open_packed
from trainer.run import multiplies_bf16

SIZE = 19
WARM_UP_STEPS = 3

Step = Callable[[TensorBatch], None]


def made_up_batch(count: int) -> TensorBatch:
    """Positions of random stones; what a step costs does not depend on what it learns."""
    random = np.random.default_rng(1)
    planes = torch.from_numpy((random.random((count, 18, SIZE, SIZE)) < 0.15).astype(np.uint8))
    moves = torch.from_numpy(random.integers(0, SIZE * SIZE, count))
    outcomes = torch.from_numpy(random.choice([-1.0, 1.0], count).astype(np.float32))
    return TensorBatch(planes, moves, outcomes, torch.zeros(count, dtype=torch.int64), None)


def losses(network: LeelaNetwork, planes: torch.Tensor, batch: TensorBatch) -> torch.Tensor:
    answer = network(planes)
    policy: torch.Tensor = F.cross_entropy(answer.policy_logits.float(), batch.moves)
    value: torch.Tensor = ((answer.value.float() - batch.outcomes) ** 2).mean()
    return policy + value


def plain_step(name: str) -> Step:
    """What a short script does."""
    network = LeelaNetwork(SHAPES[name]).train()
    optimizer = torch.optim.SGD(network.parameters(), 0.001, momentum=0.9, nesterov=True)

    def step(batch: TensorBatch) -> None:
        optimizer.zero_grad()
        losses(network, batch.planes.float(), batch).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def our_step(name: str, *, fused: bool = True) -> Step:
    """What `lzeval train` does, with or without the fused passes."""
    network = LeelaNetwork(SHAPES[name]).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    bf16 = multiplies_bf16()
    optimizer = build_optimizer(network, OptimizerConfig(), torch.bfloat16 if bf16 else torch.float32)
    can_fuse = lzeval.net.fused.can_fuse

    def step(batch: TensorBatch) -> None:
        lzeval.net.fused.can_fuse = can_fuse if fused else lambda *_: False
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            planes = batch.planes.float().contiguous(memory_format=torch.channels_last)
            loss = losses(network, planes, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        lzeval.net.fused.can_fuse = can_fuse

    return step


def positions_a_second(step: Step, batches: Iterator[TensorBatch], seconds: float) -> float:
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        batch = next(batches)
        step(batch)
        count += len(batch.moves)
    return count / (time.perf_counter() - started)


def main(
    networks: Annotated[list[str] | None, typer.Option(help="Of small, big and huge.")] = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 128,
    rounds: Annotated[int, typer.Option(min=1, help="How often the steps take turns.")] = 3,
    seconds: Annotated[float, typer.Option(help="Of each turn.")] = 4.0,
    threads: Annotated[int | None, typer.Option(min=1, help="All cores if not given.")] = None,
    packed: Annotated[
        Path | None, typer.Option(help="A packed data set, to measure loading as well.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the speed of a training step with that of plain PyTorch."""
    torch.set_num_threads(threads or available_cores())
    fixed = made_up_batch(batch_size)
    rows = []
    for name in networks or ["small", "big"]:
        plain, unfused, ours = plain_step(name), our_step(name, fused=False), our_step(name)
        feeds: dict[str, tuple[Step, Iterator[TensorBatch]]] = {
            "plain fp32": (plain, itertools.repeat(fixed)),
            "without fused passes": (unfused, itertools.repeat(fixed)),
            "lzeval": (ours, itertools.repeat(fixed)),
        }
        if packed is not None:
            data = open_packed(packed)
            feeds["lzeval, from the loader"] = (ours, iter(ShuffledBatches([data], batch_size, 1)))
        for step, batches in feeds.values():
            for _ in range(WARM_UP_STEPS):
                step(next(batches))
        speeds: dict[str, list[float]] = {player: [] for player in feeds}
        for _ in range(rounds):
            for player, (step, batches) in feeds.items():
                if player == "lzeval":
                    keep_freed_memory()  # from here on also for the others, to their advantage
                speeds[player].append(positions_a_second(step, batches, seconds))
        rows += [_row(name, player, speeds) for player in feeds]
    facts = {"threads": torch.get_num_threads(), "batch_size": batch_size, "bf16": multiplies_bf16()}
    present(rows, facts, as_json=as_json)


def _row(network: str, player: str, speeds: dict[str, list[float]]) -> dict[str, object]:
    """The median speed, and the median of its ratios to plain PyTorch's and to our own in the same round."""
    ratios = {
        peer: statistics.median(own / other for own, other in zip(speeds[player], speeds[peer], strict=True))
        for peer in ("plain fp32", "lzeval")
    }
    return {
        "network": network,
        "step": player,
        "positions_a_second": statistics.median(speeds[player]),
        "times_plain": ratios["plain fp32"],
        "share_of_lzeval": ratios["lzeval"],
    }


if __name__ == "__main__":
    run(main)
