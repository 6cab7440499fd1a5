"""Batches without end, in an order that depends on the seed and the step alone.

So a run that is taken up again at step n sees what the uninterrupted run would have seen from step n on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from lzeval.compiled.arrays import Floats32, Ints64
from lzeval.go.points import SYMMETRIES
from trainer.data.packed import PackedData
from trainer.data.rows import Batch
from trainer.data.selection import SPREAD
from trainer.data.shuffle import shuffled

SLOTS_A_COUNT = 1 << 20


class TensorBatch(NamedTuple):
    """A `trainer.data.rows.Batch` in torch: shapes and types are the same."""

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
        it to the device to unpack the planes, see `trainer.data.device_planes`.
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

    def _owners(self, slots: Ints64) -> Ints64:
        """The data set that each slot belongs to: steps of the golden ratio, which spread evenly over any stretch."""
        where = (slots.astype(np.uint64) * np.uint64(SPREAD)).astype(np.float64) / 2.0**64
        return np.searchsorted(self._bounds, where, side="right").astype(np.int64)

    def _owned(self, start: int, end: int) -> Ints64:
        """Number of slots from `start` and below `end` of each data set."""
        if len(self.data) == 1:
            return np.array([end - start])
        counts = np.zeros(len(self.data), np.int64)
        for first in range(start, end, SLOTS_A_COUNT):
            owners = self._owners(np.arange(first, min(end, first + SLOTS_A_COUNT)))
            counts += np.bincount(owners, minlength=len(self.data))
        return counts

    def _batch(self, slots: Ints64, counts: Ints64, symmetries: Ints64) -> Batch:
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

    def _positions(self, number: int, places: Ints64, count: int) -> Ints64:
        """The positions at `places` of the endless order of data set `number`, which has `count` positions."""
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


def _one_hot(batch: Batch, points: int) -> Floats32:
    shares = np.zeros((len(batch.moves), points + 1), np.float32)
    shares[np.arange(len(batch.moves)), batch.moves] = 1
    return shares


class FixedBatches(IterableDataset[TensorBatch]):
    """The given positions, as they stand, in order."""

    def __init__(self, data: PackedData, chosen: Ints64, batch_size: int) -> None:
        self.data = data
        self.chosen = chosen
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[TensorBatch]:
        for start in range(0, len(self.chosen), self.batch_size):
            chosen = self.chosen[start : start + self.batch_size]
            yield tensors(self.data.batch(chosen, np.zeros(len(chosen), np.int64)))
