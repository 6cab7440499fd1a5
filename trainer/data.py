"""Batches without end, in an order that depends on the seed and the step alone.

So a run that is taken up again at step n sees what the uninterrupted run would have seen from step n on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from lzeval.core.errors import DataError, UserError
from lzeval.core.locks import locked
from lzeval.core.points import SYMMETRIES
from trainer.config import DataConfig
from trainer.pack import PackReport, pack, packed_version_of
from trainer.packed import HOLDOUT, TRAIN, PackedData, is_packed, open_packed, part_of, shared_games
from trainer.positions import Batch
from trainer.selection import SPREAD, Selection
from trainer.shuffle import shuffled
from trainer.sources import record_files

Numbers = npt.NDArray[np.int64]
SLOTS_A_COUNT = 1 << 20


class TensorBatch(NamedTuple):
    """A `trainer.positions.Batch` in torch: shapes and types are the same."""

    planes: Tensor
    moves: Tensor
    outcomes: Tensor
    plies: Tensor
    shares: Tensor | None
    turns: Tensor | None = None


def tensors(batch: Batch) -> TensorBatch:
    planes, moves, outcomes, plies = map(torch.from_numpy, batch[:4])
    shares = None if batch.shares is None else torch.from_numpy(batch.shares)
    turns = None if batch.turns is None else torch.from_numpy(batch.turns)
    return TensorBatch(planes, moves, outcomes, plies, shares, turns)


class ShuffledBatches(IterableDataset[TensorBatch]):
    """Positions in random order, each under a random symmetry, and none a second time before all others were seen.

    The stream is one long row of slots. A slot belongs to one of the data sets, as often to each as its weight says;
    the n-th slot of a data set holds its n-th position in an order that is computed anew for each of its epochs.
    """

    def __init__(
        self,
        data: Sequence[PackedData],
        batch_size: int,
        seed: int,
        *,
        weights: Sequence[float] | None = None,
        first_step: int = 0,
        rank: int = 0,
        ranks: int = 1,
        as_bits: bool = False,
    ) -> None:
        """Start with the batch of `first_step`. Each of `ranks` devices takes its own `batch_size` slots of a step.

        Without `weights` the data sets count as one, in which each position is as likely as another. `as_bits` leaves
        it to the device to unpack the planes, see `trainer.device_planes`.
        """
        self.data = list(data)
        self.batch_size = batch_size
        self.seed = seed
        self.first_step = first_step
        self.rank = rank
        self.ranks = ranks
        self.as_bits = as_bits
        shares = np.array([len(part) for part in data] if weights is None else weights, np.float64)
        self._bounds = np.cumsum(shares / shares.sum())[:-1]

    def __iter__(self) -> Iterator[TensorBatch]:
        worker = get_worker_info()
        number, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        step, counted_to = self.first_step + number, 0
        counts = np.zeros(len(self.data), np.int64)
        while True:
            slots = (step * self.ranks + self.rank) * self.batch_size + np.arange(self.batch_size)
            counts += self._owned(counted_to, int(slots[0]))
            counted_to = int(slots[0])
            random = np.random.default_rng((self.seed, step, 1 + self.rank))
            yield tensors(self._batch(slots, counts, random.integers(0, SYMMETRIES, self.batch_size)))
            step += stride

    def _owners(self, slots: Numbers) -> Numbers:
        """Which data set each slot belongs to: steps of the golden ratio, which spread evenly over any stretch."""
        where = (slots.astype(np.uint64) * np.uint64(SPREAD)).astype(np.float64) / 2.0**64
        return np.searchsorted(self._bounds, where, side="right").astype(np.int64)

    def _owned(self, start: int, end: int) -> Numbers:
        """How many slots from `start` and below `end` belong to each data set."""
        if len(self.data) == 1:
            return np.array([end - start])
        counts = np.zeros(len(self.data), np.int64)
        for first in range(start, end, SLOTS_A_COUNT):
            owners = self._owners(np.arange(first, min(end, first + SLOTS_A_COUNT)))
            counts += np.bincount(owners, minlength=len(self.data))
        return counts

    def _batch(self, slots: Numbers, counts: Numbers, symmetries: Numbers) -> Batch:
        """The positions of `slots`, of which each data set owns `counts` before the first."""
        owners = self._owners(slots)
        parts = []
        for number, data in enumerate(self.data):
            mine = symmetries[owners == number]
            if len(mine):
                places = counts[number] + np.arange(len(mine))
                parts.append(
                    data.batch(self._positions(number, places, len(data)), mine, as_bits=self.as_bits)
                )
        return parts[0] if len(parts) == 1 else _joined(parts, self.data[0].size ** 2)

    def _positions(self, number: int, places: Numbers, count: int) -> Numbers:
        """What stands at `places` of the endless order of data set `number`, which has `count` positions."""
        epochs, inside = np.divmod(places, count)
        chosen = np.empty_like(inside)
        for epoch in np.unique(epochs):
            these = epochs == epoch
            chosen[these] = shuffled(inside[these], count, (self.seed, number, int(epoch)))
        return chosen


def _joined(parts: Sequence[Batch], points: int) -> Batch:
    """One batch of several on a board of `points`; where any has shares, the moves of the others become shares."""
    planes, moves, outcomes, plies = (np.concatenate(column) for column in list(zip(*parts, strict=True))[:4])
    turns = [part.turns for part in parts if part.turns is not None]
    shares = None
    if any(part.shares is not None for part in parts):
        shares = np.concatenate(
            [part.shares if part.shares is not None else _one_hot(part, points) for part in parts]
        )
    return Batch(planes, moves, outcomes, plies, shares, np.concatenate(turns) if turns else None)


def _one_hot(batch: Batch, points: int) -> npt.NDArray[np.float32]:
    shares = np.zeros((len(batch.moves), points + 1), np.float32)
    shares[np.arange(len(batch.moves)), batch.moves] = 1
    return shares


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


def prepare(sources: Sequence[str], cache: Path, size: int, part: str = TRAIN) -> PackedData:
    """The packed form of `sources`: a packed folder as it is, game records packed once into `cache`.

    Of a packed folder that was split, `part` is opened. Raises UserError, or its DataError for a folder that is damaged
    or packed for another board `size`.
    """
    if len(sources) == 1 and is_packed(Path(sources[0])):
        data = open_packed(part_of(Path(sources[0]), part))
        if data.size != size:
            raise DataError(f"{sources[0]}: packed for board size {data.size}, and {size} is wanted")
        if not len(data):
            raise DataError(f"{sources[0]}: holds no positions")
        return data
    packed = [source for source in sources if is_packed(Path(source))]
    if packed:
        raise UserError(
            f"{packed[0]}: is packed, and cannot be packed again together with others; give weights"
        )
    folder = packed_version_of(sources, cache, size)
    with locked(folder.with_name(folder.name + ".lock"), wait=True):  # other processes may want the same
        if not is_packed(folder):
            pack_with_progress(sources, folder, size)
    return open_packed(folder)


def pack_with_progress(
    sources: Sequence[str], folder: Path, size: int, selection: Selection | None = None
) -> PackReport:
    """`pack`, with a bar on stderr."""
    files = record_files(sources)
    names = ", ".join(file.name for file in files[:3])
    console = Console(stderr=True)
    columns = TextColumn("[bold]packing[/] {task.fields[names]}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, TextColumn("{task.fields[count]:,} positions"), console=console) as bar:
        task = bar.add_task("", total=1.0, names=names, count=0)
        report = pack(
            sources,
            folder,
            size,
            lambda share, count: bar.update(task, completed=share, count=count),
            selection,
        )
    skipped = "".join(f"; skipped {count} for {reason}" for reason, count in report.skipped.most_common())
    held = f", {report.holdout_positions:,} of them held out" if report.holdout_games else ""
    console.print(f"packed {report.positions:,} positions of {report.games:,} games{held}{skipped}")
    return report


class GoData(pl.LightningDataModule):
    """Training and holdout positions for Lightning."""

    def __init__(self, config: DataConfig, batch_size: int, seed: int, evaluate_on: int, cache: Path) -> None:
        """Raises UserError if there is no data, or if the holdout has games of the training set."""
        super().__init__()
        self.config = config
        self.batch_size = batch_size
        self.seed = seed
        self.evaluate_on = evaluate_on
        sources = config.sources("train")
        groups = [sources] if config.weights is None else [[source] for source in sources]
        self.train_data = [prepare(group, cache, config.board_size) for group in groups]
        holdout = config.sources("holdout") or self._own_holdout(sources)
        self.holdout_data = prepare(holdout, cache, config.board_size, HOLDOUT) if holdout else None
        if self.holdout_data is not None:
            for data in self.train_data:
                self._require_apart(data, self.holdout_data)

    @staticmethod
    def _own_holdout(sources: Sequence[str]) -> list[str]:
        """The only source, if it was packed with a holdout of its own."""
        own = len(sources) == 1 and part_of(Path(sources[0]), HOLDOUT) != Path(sources[0])
        return list(sources) if own else []

    @staticmethod
    def _require_apart(data: PackedData, holdout: PackedData) -> None:
        shared = shared_games(holdout, data)
        if shared:
            raise UserError(
                f"{holdout.path}: {shared:,} of its {len(holdout.games):,} games are in the training set, too "
                f"({data.path}); split with lzeval data pack --holdout 2%"
            )

    def batches(
        self, first_step: int = 0, rank: int = 0, ranks: int = 1, *, as_bits: bool = False
    ) -> ShuffledBatches:
        """The stream of training batches from `first_step` on."""
        return ShuffledBatches(
            self.train_data,
            self.batch_size,
            self.seed,
            weights=self.config.weights,
            first_step=first_step,
            rank=rank,
            ranks=ranks,
            as_bits=as_bits,
        )

    def train_dataloader(self) -> DataLoader[TensorBatch]:
        assert self.trainer is not None
        step = self.trainer.global_step * self.trainer.accumulate_grad_batches
        on_device = self.trainer.strategy.root_device.type != "cpu"
        batches = self.batches(step, self.trainer.global_rank, self.trainer.world_size, as_bits=on_device)
        return DataLoader(batches, batch_size=None, num_workers=self.config.workers)

    def val_dataloader(self) -> DataLoader[TensorBatch] | list[DataLoader[TensorBatch]]:
        if self.holdout_data is None:
            return []
        chosen = sampled_positions(self.holdout_data, self.evaluate_on)
        return DataLoader(FixedBatches(self.holdout_data, chosen, 256), batch_size=None)
