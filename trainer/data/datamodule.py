"""Training and holdout positions for Lightning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytorch_lightning as pl
from torch import Tensor
from torch.utils.data import DataLoader

from lzeval.errors import UserError
from trainer.data.batches import FixedBatches, ShuffledBatches, TensorBatch
from trainer.data.packed import HOLDOUT, PackedData, fingerprint, part_of, shared_games
from trainer.data.prepare import prepare, sampled_positions
from trainer.settings.config import DataConfig


class GoData(pl.LightningDataModule):
    """The data sets of one configuration."""

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

    def fingerprints(self) -> list[str]:
        """Hashes of the training sets, and of the holdout after them, which do not depend on where they lie."""
        held = [] if self.holdout_data is None else [HOLDOUT + " " + fingerprint(self.holdout_data)]
        return [fingerprint(data) for data in self.train_data] + held

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

    def first_planes(self, batches: int) -> Iterator[Tensor]:
        """Planes `[batch_size, 18, S, S]`, float32, of the stream's first batches: the same ones on every device."""
        for batch in islice(self.batches(), batches):
            yield batch.planes.float()

    def train_dataloader(self) -> DataLoader[TensorBatch]:
        assert self.trainer is not None
        step = self.trainer.global_step * self.trainer.accumulate_grad_batches
        device = self.trainer.strategy.root_device.type
        batches = self.batches(
            step, self.trainer.global_rank, self.trainer.world_size, as_bits=device != "cpu"
        )
        return DataLoader(
            batches, batch_size=None, num_workers=self.config.workers, pin_memory=device == "cuda"
        )

    def val_dataloader(self) -> DataLoader[TensorBatch] | list[DataLoader[TensorBatch]]:
        if self.holdout_data is None:
            return []
        chosen = sampled_positions(self.holdout_data, self.evaluate_on)
        return DataLoader(FixedBatches(self.holdout_data, chosen, 256), batch_size=None)
