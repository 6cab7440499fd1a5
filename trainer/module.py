"""The training step."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from lzeval.net.network import LeelaNetwork, NetworkShape
from trainer.config import TrainConfig, seconds
from trainer.data import TensorBatch
from trainer.metrics import Sums, measure
from trainer.optimizers import build_optimizer, rate_factor


class GoModule(pl.LightningModule):
    """A network, its losses and its learning rate."""

    def __init__(self, config: TrainConfig, network: LeelaNetwork) -> None:
        super().__init__()
        self.config = config
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        run = self.network.with_territory
        self._run = torch.compile(run) if config.hardware.compile else run
        self.time_limit = seconds(config.max_time) if config.max_time is not None else None
        self.positions = 0
        """Seen so far, over all interruptions."""
        self.elapsed_s = 0.0
        """Spent training so far, over all interruptions."""
        self._full_rates: list[float] = []
        """Learning rates of the optimiser's groups before the schedule, as configured now."""
        self._last_step_at: float | None = None
        self._validation = Sums()

    @property
    def share(self) -> float:
        """How much of the run is over, 0 to 1, by positions or by time, whichever is further."""
        by_positions = self.positions / self.config.max_positions if self.config.max_positions else 0.0
        by_time = self.elapsed_s / self.time_limit if self.time_limit else 0.0
        return min(1.0, max(by_positions, by_time))

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits `[B, S*S + 1]`, values `[B]` and territory logits `[B, S, S]` for planes `[B, 18, S, S]`."""
        output, territory = self._run(planes.float().contiguous(memory_format=torch.channels_last))
        return output.policy_logits.float(), output.value.float(), territory.float()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        directions = torch.bfloat16 if self.trainer.precision == "bf16-mixed" else torch.float32
        optimizer = build_optimizer(self.network, self.config.optimizer, directions)
        self._full_rates = [float(group["lr"]) for group in optimizer.param_groups]
        return optimizer

    def on_train_start(self) -> None:
        self.trainer.should_stop = self.share >= 1.0  # a run that was over already

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        factor = rate_factor(self.config.schedule, self.positions + self.config.batch_size, self.share)
        for group, rate in zip(self.trainer.optimizers[0].param_groups, self._full_rates, strict=True):
            group["lr"] = rate * factor

    def training_step(self, batch: TensorBatch, batch_idx: int) -> Tensor:
        logits, values, territory = self(batch.planes)
        moves, outcomes = batch.moves, batch.outcomes
        policy_loss: Tensor = F.cross_entropy(logits, moves)
        decided = outcomes.abs()
        value_loss = ((values - outcomes) ** 2 * decided).sum() / decided.sum().clamp(min=1)
        territory_loss = F.softplus(-territory * batch.territory)[batch.territory != 0].mean()
        if self.trainer._logger_connector.should_update_logs:
            means = measure(logits.detach(), values.detach(), moves, outcomes).means()
            self.log_dict({f"train/{name}": value for name, value in means.items()}, prog_bar=False)
            self.log("train/territory_loss", territory_loss.detach())
            self.log("positions", float(self.positions))
        loss: Tensor = policy_loss + self.config.value_weight * value_loss
        if self.config.territory_weight and len(moves):
            loss = loss + self.config.territory_weight * territory_loss
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        now = time.monotonic()
        if self._last_step_at is not None:
            self.elapsed_s += now - self._last_step_at
        self._last_step_at = now
        self.positions += len(batch.moves) * self.trainer.world_size
        if self.share >= 1.0:
            self.trainer.should_stop = True

    def on_validation_start(self) -> None:
        self._validation = Sums()

    def validation_step(self, batch: TensorBatch, batch_idx: int) -> None:
        logits, values, _ = self(batch.planes)
        self._validation = self._validation + measure(logits, values, batch.moves, batch.outcomes)

    def on_validation_epoch_end(self) -> None:
        self.log_dict({f"holdout/{name}": value for name, value in self._validation.means().items()})
        self._last_step_at = None  # measuring is not training time

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        shape: NetworkShape = self.network.shape
        checkpoint["shape"] = {
            "blocks": shape.blocks,
            "filters": shape.filters,
            "board_size": shape.board_size,
        }
        checkpoint["lzeval"] = {"positions": self.positions, "elapsed_s": self.elapsed_s}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.positions = int(checkpoint["lzeval"]["positions"])
        self.elapsed_s = float(checkpoint["lzeval"]["elapsed_s"])
