"""Batches without end, in an order that depends on the seed and the step alone.

So a run that is taken up again at step n sees what the uninterrupted run would have seen from step n on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from lzeval.core.errors import DataError
from lzeval.core.points import SYMMETRIES
from trainer.config import DataConfig
from trainer.pack import PackedData, open_packed, pack, packed_version_of, sgf_files
from trainer.positions import Batch


class TensorBatch(NamedTuple):
    """A `trainer.positions.Batch` in torch: shapes and types are the same."""

    planes: Tensor
    moves: Tensor
    outcomes: Tensor
    territory: Tensor


def tensors(batch: Batch) -> TensorBatch:
    return TensorBatch(*map(torch.from_numpy, batch))


class ShuffledBatches(IterableDataset[TensorBatch]):
    """Every position once an epoch, in random order, each under a random symmetry.

    Batches are full: what is left over, fewer positions than a batch, waits for another epoch's order.
    """

    def __init__(
        self, data: PackedData, batch_size: int, seed: int, first_step: int = 0, rank: int = 0, ranks: int = 1
    ) -> None:
        """Start with the batch of `first_step`. The order of an epoch is the same whatever the step.

        Each of `ranks` devices takes its own `batch_size` positions of every step.
        """
        self.data = data
        self.batch_size = batch_size
        self.seed = seed
        self.first_step = first_step
        self.rank = rank
        self.ranks = ranks

    def __iter__(self) -> Iterator[TensorBatch]:
        steps_an_epoch = max(1, len(self.data) // (self.batch_size * self.ranks))
        step, epoch, order = self.first_step, -1, np.empty(0, np.int64)
        while True:
            if step // steps_an_epoch != epoch:
                epoch = step // steps_an_epoch
                order = np.random.default_rng((self.seed, epoch)).permutation(len(self.data))
            start = (step % steps_an_epoch * self.ranks + self.rank) * self.batch_size
            chosen = order[start : start + self.batch_size]
            symmetries = np.random.default_rng((self.seed, step, 1 + self.rank)).integers(
                0, SYMMETRIES, len(chosen)
            )
            yield tensors(self.data.batch(chosen, symmetries))
            step += 1


def sampled_positions(data: PackedData, count: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """`count` positions of `data`, or all if it has fewer; the same for the same seed."""
    if count >= len(data):
        return np.arange(len(data), dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(len(data), count, replace=False)).astype(np.int64)


class FixedBatches(IterableDataset[TensorBatch]):
    """The given positions, as they stand, in order."""

    def __init__(self, data: PackedData, chosen: npt.NDArray[np.int64], batch_size: int) -> None:
        self.data = data
        self.chosen = chosen
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[TensorBatch]:
        for start in range(0, len(self.chosen), self.batch_size):
            chosen = self.chosen[start : start + self.batch_size]
            yield tensors(self.data.batch(chosen, np.zeros(len(chosen), np.int64)))


def prepare(sources: list[str], cache: Path, size: int) -> PackedData:
    """The packed form of `sources`: a packed folder as it is, game records packed once into `cache`.

    Raises UserError, or its DataError for a folder that is damaged or packed for another board `size`.
    """
    if len(sources) == 1 and (Path(sources[0]) / "meta.json").is_file():
        data = open_packed(Path(sources[0]))
        if data.size != size:
            raise DataError(f"{sources[0]}: packed for board size {data.size}, and {size} is wanted")
        return data
    folder = packed_version_of(sources, cache, size)
    if not (folder / "meta.json").is_file():
        pack_with_progress(sources, folder, size)
    return open_packed(folder)


def pack_with_progress(sources: list[str], folder: Path, size: int) -> None:
    """`pack`, with a bar on stderr."""
    names = ", ".join(file.name for file in sgf_files(sources)[:3])
    console = Console(stderr=True)
    columns = TextColumn("[bold]packing[/] {task.fields[names]}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, TextColumn("{task.fields[count]:,} positions"), console=console) as bar:
        task = bar.add_task("", total=None, names=names, count=0)
        report = pack(sources, folder, size, lambda _, count: bar.update(task, count=count))
    skipped = "".join(f"; skipped {count} for {reason}" for reason, count in report.skipped.most_common())
    console.print(f"packed {report.positions:,} positions of {report.games:,} games{skipped}")


class GoData(pl.LightningDataModule):
    """Training and holdout positions for Lightning."""

    def __init__(self, config: DataConfig, batch_size: int, seed: int, evaluate_on: int, cache: Path) -> None:
        super().__init__()
        self.config = config
        self.batch_size = batch_size
        self.seed = seed
        self.evaluate_on = evaluate_on
        self.cache = cache
        self.train_data = prepare(config.sources("train"), cache, config.board_size)
        holdout = config.sources("holdout")
        self.holdout_data = prepare(holdout, cache, config.board_size) if holdout else None

    def train_dataloader(self) -> DataLoader[TensorBatch]:
        step, rank, ranks = 0, 0, 1
        if self.trainer is not None:
            step, rank, ranks = self.trainer.global_step, self.trainer.global_rank, self.trainer.world_size
        batches = ShuffledBatches(self.train_data, self.batch_size, self.seed, step, rank, ranks)
        return DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> DataLoader[TensorBatch] | list[DataLoader[TensorBatch]]:
        if self.holdout_data is None:
            return []
        chosen = sampled_positions(self.holdout_data, self.evaluate_on)
        return DataLoader(FixedBatches(self.holdout_data, chosen, 256), batch_size=None)
