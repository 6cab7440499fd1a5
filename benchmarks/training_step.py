"""Benchmark of a training step: ours, the same without its tricks, and plain PyTorch in float32.

    python -m benchmarks.training_step --networks small big --rounds 5

All train the same network on the same batches of made-up positions on as many threads, in turn, each in a process of
its own. Plain PyTorch is what a short script does: the module as it is, float32, SGD. Ours is what `lzeval train`
does: bfloat16 where the processor multiplies it, channels last, fused passes, convolutions of many channels in
Winograd's basis where it does not, freed memory kept, Muon. `--packed` measures loading as well: the same step fed by
the loader from a packed data set, as a share of the step on one batch that stays. `--device cuda` compares on a GPU,
where plain PyTorch has bfloat16 as well; `--compiled` adds ours with `trainer.compile=true`.
"""

from __future__ import annotations

import itertools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer
from torch.utils.data import DataLoader

import lzeval.network.cpu_layers.fused
import lzeval.network.cpu_layers.winograd
from benchmarks.report import available_cores, present, run
from lzeval.network.network import SHAPES, LeelaNetwork, NetOutput
from lzeval.system.memory import keep_freed_memory
from trainer.data.batches import ShuffledBatches, TensorBatch
from trainer.data.device_planes import PlanesUnpacker
from trainer.data.packed import open_packed
from trainer.settings.config import OptimizerConfig
from trainer.training.optimizers import build_optimizer
from trainer.training.run import multiplies_bf16

SIZE = 19
WARM_UP_STEPS = 3
STEPS_A_LOOK = 20
"""Steps that a GPU may be behind."""
PLAIN, TORCHS, OURS, LOADED = "plain fp32", "with torch's layers", "lzeval", "lzeval, from the loader"
PLAIN_BF16, COMPILED = "plain bf16", "lzeval, compiled"
SPAWN = multiprocessing.get_context("spawn")

Step = Callable[[TensorBatch], None]


def made_up_batch(count: int) -> TensorBatch:
    """Positions of random stones; what a step costs does not depend on what it learns."""
    random = np.random.default_rng(1)
    planes = torch.from_numpy((random.random((count, 18, SIZE, SIZE)) < 0.15).astype(np.uint8))
    moves = torch.from_numpy(random.integers(0, SIZE * SIZE, count))
    outcomes = torch.from_numpy(random.choice([-1.0, 1.0], count).astype(np.float32))
    return TensorBatch(planes, moves, outcomes, torch.zeros(count, dtype=torch.int64), None)


def losses(
    network: Callable[[torch.Tensor], NetOutput], planes: torch.Tensor, batch: TensorBatch
) -> torch.Tensor:
    answer = network(planes)
    policy: torch.Tensor = F.cross_entropy(answer.policy_logits.float(), batch.moves)
    value: torch.Tensor = ((answer.value.float() - batch.outcomes) ** 2).mean()
    return policy + value


def plain_step(name: str, device: str = "cpu", *, bf16: bool = False) -> Step:
    """A step as in a short script."""
    network = LeelaNetwork(SHAPES[name]).train().to(device)
    optimizer = torch.optim.SGD(network.parameters(), 0.001, momentum=0.9, nesterov=True)

    def step(batch: TensorBatch) -> None:
        optimizer.zero_grad()
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bf16):
            loss = losses(network, batch.planes.float(), batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def our_step(name: str, device: str = "cpu", *, own_layers: bool = True, compiled: bool = False) -> Step:
    """A step of `lzeval train`, with its own layers or with torch's, which are all that there is on a GPU."""
    if not own_layers:
        lzeval.network.cpu_layers.fused.can_fuse = lambda *_: False
        lzeval.network.cpu_layers.winograd.can_convolve = lambda *_: False
    network = LeelaNetwork(SHAPES[name]).train().to(device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    run = torch.compile(network) if compiled else network
    bf16 = bf16_pays(device)
    optimizer = build_optimizer(network, OptimizerConfig(), torch.bfloat16 if bf16 else torch.float32)

    def step(batch: TensorBatch) -> None:
        optimizer.zero_grad()
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bf16):
            planes = batch.planes.float().contiguous(memory_format=torch.channels_last)
            loss = losses(run, planes, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def bf16_pays(device: str) -> bool:
    return multiplies_bf16("cpu" if device == "cpu" else "auto")


def wait_for(device: str) -> None:
    """Let a GPU do what it has been told."""
    if device != "cpu":
        torch.ones(1, device=device).item()


def positions_a_second(step: Step, batches: Iterator[TensorBatch], device: str, seconds: float) -> float:
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        batch = next(batches)
        step(batch)
        count += len(batch.moves)
        if count % (STEPS_A_LOOK * len(batch.moves)) == 0:
            wait_for(device)
    wait_for(device)
    return count / (time.perf_counter() - started)


def moved(batch: TensorBatch, device: str | torch.device) -> TensorBatch:
    """The batch on its way to `device`."""
    parts = {name: part for name, part in batch._asdict().items() if part is not None}
    return batch._replace(**{name: part.to(device, non_blocking=True) for name, part in parts.items()})


def loaded(packed: Path, batch_size: int, device: str) -> Iterator[TensorBatch]:
    """Batches as `lzeval train` loads them, without processes of their own."""
    on_gpu = device != "cpu"
    unpack = PlanesUnpacker(SIZE).to(device)
    batches = ShuffledBatches([open_packed(packed)], batch_size, 1, as_bits=on_gpu)
    for batch in DataLoader(batches, batch_size=None, pin_memory=device.startswith("cuda")):
        yield unpack(moved(batch, device))


def play(
    calls: Connection,
    player: str,
    network: str,
    device: str,
    batch_size: int,
    threads: int,
    packed: Path | None,
) -> None:
    """A process of its own: answer each number of seconds that comes by the speed over so many."""
    torch.set_num_threads(threads)
    if player in (PLAIN, PLAIN_BF16):
        step = plain_step(network, device, bf16=player == PLAIN_BF16)
    else:
        keep_freed_memory()
        step = our_step(network, device, own_layers=player != TORCHS, compiled=player == COMPILED)
    batches: Iterator[TensorBatch] = itertools.repeat(moved(made_up_batch(batch_size), device))
    if player == LOADED:
        assert packed is not None
        batches = loaded(packed, batch_size, device)
    for _ in range(WARM_UP_STEPS):
        step(next(batches))
    wait_for(device)
    calls.send(float(torch.get_num_threads()))
    while seconds := calls.recv():
        calls.send(positions_a_second(step, batches, device, seconds))


def main(
    networks: Annotated[list[str] | None, typer.Option(help="Of small, big and huge.")] = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 128,
    rounds: Annotated[int, typer.Option(min=1, help="How often the steps take turns.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each turn.")] = 4.0,
    threads: Annotated[int | None, typer.Option(min=1, help="All cores if not given.")] = None,
    device: Annotated[str, typer.Option(help="torch's name of it.")] = "cpu",
    compiled: Annotated[bool, typer.Option("--compiled", help="Measure a compiled step as well.")] = False,
    packed: Annotated[
        Path | None, typer.Option(help="A packed data set, to measure loading as well.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the speed of a training step with that of plain PyTorch."""
    threads = threads or available_cores()
    players = [PLAIN, TORCHS, OURS] if device == "cpu" else [PLAIN, PLAIN_BF16, OURS]
    players += [COMPILED] * compiled + [LOADED] * (packed is not None)
    rows = []
    for network in networks or ["small", "big"]:
        processes = {
            player: _start(player, network, device, batch_size, threads, packed) for player in players
        }  # each for itself: what one does to its memory and threads does not help or hurt another
        speeds: dict[str, list[float]] = {player: [] for player in players}
        for _ in range(rounds):
            for player, calls in processes.items():
                calls.send(seconds)
                speeds[player].append(calls.recv())
        for calls in processes.values():
            calls.send(0.0)
        rows += [_row(network, player, speeds) for player in players]
    facts = {"device": device, "threads": threads, "batch_size": batch_size, "bf16": bf16_pays(device)}
    present(rows, facts, as_json=as_json)


def _start(
    player: str, network: str, device: str, batch_size: int, threads: int, packed: Path | None
) -> Connection:
    """A process that plays `player`, warmed up."""
    ours, theirs = SPAWN.Pipe()
    SPAWN.Process(
        target=play, args=(theirs, player, network, device, batch_size, threads, packed), daemon=True
    ).start()
    if (found := ours.recv()) != threads:
        raise RuntimeError(f"{player} runs on {found:g} threads and not on {threads}")
    return ours


def _row(network: str, player: str, speeds: dict[str, list[float]]) -> dict[str, object]:
    """The median speed, and the median of its ratios to plain PyTorch's and to our own in the same round."""
    ratios = {
        peer: statistics.median(own / other for own, other in zip(speeds[player], speeds[peer], strict=True))
        for peer in (PLAIN, OURS)
    }
    return {
        "network": network,
        "step": player,
        "positions_a_second": statistics.median(speeds[player]),
        "times_plain": ratios[PLAIN],
        "share_of_lzeval": ratios[OURS],
    }


if __name__ == "__main__":
    run(main)
