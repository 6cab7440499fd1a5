"""The training step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from lzeval.errors import UserError
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from trainer.data.batches import TensorBatch
from trainer.data.device_planes import PlanesUnpacker
from trainer.settings.config import TrainConfig, seconds
from trainer.training.global_norm import make_global
from trainer.training.learning_rate import Plateau, rate_factor
from trainer.training.metrics import as_log, measure
from trainer.training.optimizers import build_optimizer
from trainer.training.teacher import Teacher


def share_done(config: TrainConfig, positions: int, elapsed_s: float) -> float:
    """Share of the run that is over, 0 to 1, by positions or by time, whichever is further."""
    by_positions = positions / config.max_positions if config.max_positions else 0.0
    by_time = elapsed_s / seconds(config.max_time) if config.max_time is not None else 0.0
    return min(1.0, max(by_positions, by_time))


LOOK_EVERY = 20
"""Batches after which a GPU's loss is looked at: while one waits for a number of it, it gets nothing to do."""


class DivergedError(UserError):
    """Numbers of a run that are none any more."""


class GoModule(pl.LightningModule):
    """A network, its losses and its learning rate."""

    def __init__(self, config: TrainConfig, network: LeelaNetwork, data: Sequence[str] = ()) -> None:
        """`data`: fingerprints of the data sets, which go into checkpoints."""
        super().__init__()
        self._data = list(data)
        self.config = config
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._runner = (torch.compile(self.network) if config.trainer.compile else self.network,)
        """The network, perhaps compiled; in a tuple, so that it is not a part of this module a second time."""
        self._unpack = PlanesUnpacker(config.data.board_size)
        self.teacher = self._teacher()
        self.positions = 0
        """Positions learnt from so far, over all interruptions."""
        self.elapsed_s = 0.0
        """Seconds of training so far, over all interruptions."""
        self.plateau = Plateau(config.schedule.factor, config.schedule.patience)
        self._options: list[dict[str, Any]] = []
        """Options of the optimiser's groups as configured now: learning rates before the schedule, weight decay, ..."""
        self.is_over = False
        """The run has come to its end, and what is done there has been."""
        self._last_step_at: float | None = None
        self._counted_step = 0
        self._gathered = 0
        """Positions since the last step of the optimiser: an interruption gives them up."""
        self._statistics: dict[str, Tensor] = {}
        """The normalisations' as they were after that step."""
        self._unseen: Tensor | float = 0.0
        """Sum of the losses that nobody has looked at."""
        self._validation = torch.zeros(())
        """Sums over the holdout's batches, see `measure`."""

    @property
    def share(self) -> float:
        """Share of the run that is over, 0 to 1."""
        return share_done(self.config, self.positions, self.elapsed_s)

    def _teacher(self) -> Teacher | None:
        wanted = self.config.teacher
        if wanted.network is None:
            return None
        size, threads = self.config.data.board_size, torch.get_num_threads()
        batch = self.config.batch_size
        return Teacher(wanted.network, batch, size, threads, wanted.symmetries, wanted.value_network)

    def setup(self, stage: str) -> None:
        if self.trainer.world_size > 1:
            make_global(self.network)

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[B, S*S + 1]` and values `[B]` for planes `[B, 18, S, S]` of any type."""
        (run,) = self._runner
        output = run(planes.float().contiguous(memory_format=torch.channels_last))
        return output.policy_logits.float(), output.value.float()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        directions = torch.bfloat16 if self.trainer.precision == "bf16-mixed" else torch.float32
        optimizer = build_optimizer(self.network, self.config.optimizer, directions)
        self._options = [
            {name: value for name, value in group.items() if name != "params"}
            for group in optimizer.param_groups
        ]
        return optimizer

    def on_train_start(self) -> None:
        for group, options in zip(self.trainer.optimizers[0].param_groups, self._options, strict=True):
            group.update(options)  # a checkpoint brings those of its time along
        self.trainer.should_stop = self.share >= 1.0  # a run that was over already

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        ahead = self.config.batch_size * self.trainer.world_size
        factor = rate_factor(self.config.schedule, self.positions + ahead, self.share)
        if self.config.schedule.name == "plateau":
            factor *= self.plateau.factor
        for group, options in zip(self.trainer.optimizers[0].param_groups, self._options, strict=True):
            group["lr"] = options["lr"] * factor

    def on_after_batch_transfer(self, batch: TensorBatch, dataloader_idx: int) -> TensorBatch:
        unpacked: TensorBatch = self._unpack(batch)
        return unpacked

    def training_step(self, batch: TensorBatch, batch_idx: int) -> Tensor:
        logits, values = self(batch.planes)
        if self.trainer._logger_connector.should_update_logs:
            self._log_training(batch, logits.detach(), values.detach())
        policy_loss, value_loss = self.losses(batch, logits, values)
        loss = policy_loss + self.config.value_weight * value_loss
        self._require_number(loss.detach(), batch_idx)
        return loss

    def _require_number(self, loss: Tensor, batch_idx: int) -> None:
        """Raise DivergedError where the loss is no number: at once, or on a GPU LOOK_EVERY batches later at most."""
        self._unseen = self._unseen + loss
        if (batch_idx + 1) % (1 if loss.device.type == "cpu" else LOOK_EVERY):
            return
        if not torch.isfinite(self._unseen):
            raise self.diverged(f"the loss is {self._unseen.item()}")
        self._unseen = torch.zeros_like(loss)

    def diverged(self, what: str) -> DivergedError:
        """The error that says so: `what` is wrong, when, and what to do."""
        return DivergedError(
            f"{what} at step {self.trainer.global_step}, after {self.positions:,} positions; "
            "the last checkpoint is kept: try a lower optimizer.lr, or trainer.precision=fp32"
        )

    def losses(self, batch: TensorBatch, logits: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """The policy's cross entropy and the value's squared error, towards the records and the teacher.

        AlphaGo Zero's (Silver et al., 2017), whose weight decay is the optimiser's here; values are learnt from decided
        games only, a jigo among them. The policy's labels may be smoothed (Szegedy et al., 2016).
        """
        wanted = batch.moves if batch.shares is None else batch.shares
        policy_loss: Tensor = F.cross_entropy(logits, wanted, label_smoothing=self.config.label_smoothing)
        outcomes, known = batch.outcomes.nan_to_num(0.0), (~batch.outcomes.isnan()).float()
        if self.teacher is not None:
            shares = self.config.teacher
            policy, value = self.teacher.answer(batch.planes)
            policy_loss = torch.lerp(policy_loss, F.cross_entropy(logits, policy), shares.policy)
            share = torch.where(known == 0, 1.0, shares.value)
            outcomes, known = torch.lerp(outcomes, value, share), torch.ones_like(known)
        return policy_loss, ((values - outcomes) ** 2 * known).sum() / known.sum().clamp(min=1)

    def _log_training(self, batch: TensorBatch, logits: Tensor, values: Tensor) -> None:
        sums = measure(logits, values, batch.moves, batch.outcomes, batch.plies)
        self.log_dict(as_log("train", sums))
        self.log("positions", float(self.positions))
        if self.elapsed_s:
            self.log("positions_a_second", self.positions / self.elapsed_s)

    def count(self, batch: TensorBatch) -> None:
        """Take note that a batch has been learnt from; stop the run if it was the last."""
        now = time.monotonic()
        if self._last_step_at is not None:
            self.elapsed_s += now - self._last_step_at
        self._last_step_at = now
        seen = len(batch.moves) * self.trainer.world_size
        self.positions += seen
        whole = self.trainer.global_step != self._counted_step
        self._counted_step, self._gathered = self.trainer.global_step, 0 if whole else self._gathered + seen
        if whole and self.config.accumulate > 1:
            buffers = self.network.named_buffers(prefix="network")
            self._statistics = {name: buffer.clone() for name, buffer in buffers}
        if self.share >= 1.0:
            self.trainer.should_stop = True

    def on_validation_start(self) -> None:
        self._validation = torch.zeros(())

    def validation_step(self, batch: TensorBatch, batch_idx: int) -> None:
        logits, values = self(batch.planes)
        sums = measure(logits, values, batch.moves, batch.outcomes, batch.plies)
        self._validation = self._validation + sums

    def on_validation_epoch_end(self) -> None:
        found = as_log("holdout", self._validation)
        loss = found["holdout/policy_loss"] + 4 * self.config.value_weight * found["holdout/value_mse4"]
        self.log_dict({**found, "holdout/loss": loss})
        if self.config.schedule.name == "plateau":
            self.plateau.note(loss)
        self._last_step_at = None  # measuring is not training time

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        shape: NetworkShape = self.network.shape
        checkpoint["shape"] = {
            "blocks": shape.blocks,
            "filters": shape.filters,
            "board_size": shape.board_size,
        }
        checkpoint["lzeval"] = {
            "positions": self.positions - self._gathered,
            "elapsed_s": self.elapsed_s,
            "plateau": self.plateau.state(),
            "data": self._data,
            "over": self.is_over,
        }
        if self._gathered:  # Lightning would go on within the step, whose gradients are gone by then
            checkpoint["state_dict"].update(self._statistics)
        if self.config.accumulate > 1:
            batches = int(checkpoint["global_step"]) * self.config.accumulate
            for progress in checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"].values():
                if isinstance(progress, dict):
                    progress.update(dict.fromkeys(progress, batches))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.positions = int(checkpoint["lzeval"]["positions"])
        self._counted_step = int(checkpoint["global_step"])
        self.elapsed_s = float(checkpoint["lzeval"]["elapsed_s"])
        self.plateau.restore(checkpoint["lzeval"]["plateau"])
