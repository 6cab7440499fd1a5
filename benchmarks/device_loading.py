"""Benchmark of training's batches on their way to a device: made by the loader, copied, unpacked there.

    python -m benchmarks.device_loading --device cuda --workers 0 --workers 4

As in `lzeval train`: bits of shuffled positions, page-locked for a GPU, turned and unpacked by the device. *loader*
is the making alone. A training step should take fewer positions a second than *on the device*.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import torch
import typer
from torch.utils.data import DataLoader

from benchmarks.packing import made_up_records
from benchmarks.report import present, run
from benchmarks.training_step import moved
from trainer.data.batches import ShuffledBatches, TensorBatch
from trainer.data.device_planes import PlanesUnpacker
from trainer.data.pack import pack
from trainer.data.packed import PackedData, open_packed

SIZE = 19


def positions_a_second(batches: Iterator[TensorBatch], device: torch.device, seconds: float) -> float:
    """The speed of `batches`, which have been begun, until they are planes on `device`."""
    started, count = time.perf_counter(), 0
    planes = torch.zeros(1, device=device)
    while time.perf_counter() - started < seconds:
        batch = next(batches)
        count += len(batch.moves)
        planes = batch.planes
    planes.sum().item()  # waits for the device
    return count / (time.perf_counter() - started)


def on_device(batches: Iterator[TensorBatch], device: torch.device) -> Iterator[TensorBatch]:
    unpack = PlanesUnpacker(SIZE).to(device)
    for batch in batches:
        yield unpack(moved(batch, device))


def loader(data: PackedData, batch_size: int, workers: int, device: torch.device) -> Iterator[TensorBatch]:
    batches = ShuffledBatches([data], batch_size, 1, as_bits=True)
    return iter(DataLoader(batches, batch_size=None, num_workers=workers, pin_memory=device.type == "cuda"))


def main(
    device: Annotated[str, typer.Option(help="torch's name of it.")] = "cuda",
    batch_size: Annotated[int, typer.Option(min=1)] = 512,
    workers: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Processes that make batches; may be given again. 0 and 4 else."),
    ] = None,
    games: Annotated[int, typer.Option(min=1, help="To make positions of.")] = 300,
    seconds: Annotated[float, typer.Option(min=0.1, help="Of each measurement.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure positions a second from a packed data set to planes on a device."""
    where = torch.device(device)
    rows: list[dict[str, object]] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "games.sgf").write_bytes(made_up_records(games))
        pack([folder / "games.sgf"], folder / "packed", SIZE)
        data = open_packed(folder / "packed")
        for processes in workers if workers is not None else [0, 4]:
            speeds = []
            for way in (lambda batches: batches, lambda batches: on_device(batches, where)):
                batches = way(loader(data, batch_size, processes, where))
                next(batches)
                speeds.append(positions_a_second(batches, where, seconds))
            made, arrived = speeds
            rows.append(
                {"workers": processes, "loader_positions_a_second": made, "on_the_device_a_second": arrived}
            )
    present(rows, {"device": device, "batch_size": batch_size}, as_json=as_json)


if __name__ == "__main__":
    run(main)
