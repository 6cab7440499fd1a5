"""Callbacks of a run: checkpoints that are whole or absent, averages, exports, and a line of progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import yaml
from pytorch_lightning.utilities.exceptions import SIGTERMException
from rich.progress import Progress, TaskID, TextColumn
from torch import Tensor
from torch.optim.swa_utils import update_bn

from lzeval.errors import UserError
from lzeval.network.leela import write_network
from lzeval.network.network import LeelaNetwork
from lzeval.system.files import replacement, write_text_atomically
from lzeval.text.terminal import progress_bar, say, say_prose
from trainer.data.datamodule import GoData
from trainer.settings.config import AverageConfig, ExportConfig, TrainConfig
from trainer.training.averages import Average
from trainer.training.module import DivergedError, GoModule


def require_sound(module: GoModule) -> None:
    """Raise DivergedError unless all weights and normalisation statistics are numbers."""
    if not all(bool(torch.isfinite(value).all()) for value in module.state_dict().values()):
        raise module.diverged("weights are no numbers any more")


@torch.no_grad()
def require_answers(module: GoModule, batches: Iterable[Tensor]) -> None:
    """Raise DivergedError unless the answers to `batches` `[B, 18, S, S]` are numbers: weights may be too large."""
    was_training = module.training
    module.eval()
    try:
        for planes in batches:
            for answer in module(planes.to(module.device)):
                if not torch.isfinite(answer).all():
                    raise module.diverged("the network's answers are no numbers any more")
    finally:
        module.train(was_training)


class GoCallback(pl.Callback):
    """A callback of the training of a GoModule."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, GoModule)
        self.after_batch(trainer, pl_module, batch)

    def after_batch(self, trainer: pl.Trainer, module: GoModule, batch: Any) -> None:
        """Do what is due after `batch`, a TensorBatch: nothing, if a subclass does not say."""


class SettingsFile(GoCallback):
    """The run's config.yaml, written after the first batch: until then nothing was learnt with these settings."""

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        self._file = folder / "config.yaml"
        self._text = yaml.safe_dump(asdict(config), sort_keys=False)
        self._written = False

    def after_batch(self, trainer: pl.Trainer, module: GoModule, batch: Any) -> None:
        if not self._written and trainer.is_global_zero:
            write_text_atomically(self._file, self._text)
            self._written = True


class Counting(GoCallback):
    """Lets the module count a batch before any other callback looks, checkpoints above all; so it has to come first."""

    def after_batch(self, trainer: pl.Trainer, module: GoModule, batch: Any) -> None:
        module.count(batch)


STEPS_A_QUESTION = 20
"""Steps after which several devices ask each other whether a checkpoint is due."""


class Checkpoints(GoCallback):
    """`latest.ckpt` every so often, at the end, and when the run is interrupted; `best.ckpt` by the holdout's loss.

    Neither ever holds a network whose weights, or whose answers about the first positions of `data`, are no numbers.
    """

    def __init__(
        self, folder: Path, every_s: float, data: GoData, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        """Once `is_stopping` of the first process says so, all of them save and raise KeyboardInterrupt together."""
        self._data = data
        self._is_stopping = is_stopping
        self.latest = folder / "latest.ckpt"
        self.best = folder / "best.ckpt"
        self.every_s = every_s
        self.best_loss = math.inf
        self._saved_at = time.monotonic()

    def state_dict(self) -> dict[str, float]:
        return {"best_loss": self.best_loss}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        self.best_loss = state_dict["best_loss"]

    def save(self, trainer: pl.Trainer, path: Path) -> None:
        """Write beside the old checkpoint, then put it in its place.

        Raises UserError if there is no room, or if the weights are unsound.
        """
        assert isinstance(trainer.lightning_module, GoModule)
        require_sound(trainer.lightning_module)
        require_answers(trainer.lightning_module, self._data.first_planes(1))
        try:
            with replacement(path) if trainer.is_global_zero else nullcontext(path) as file:
                trainer.save_checkpoint(file)  # the other devices only take part in gathering it
        except (OSError, RuntimeError) as exc:  # torch's writer turns a full disk into a RuntimeError
            reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc).split("\n")[0]
            raise UserError(f"{path}: cannot be written ({reason}); the checkpoint before is kept") from exc

    def after_batch(self, trainer: pl.Trainer, module: GoModule, batch: Any) -> None:
        if trainer.world_size > 1 and trainer.global_step % STEPS_A_QUESTION:
            return
        due = time.monotonic() - self._saved_at >= self.every_s
        due, stopping = trainer.strategy.broadcast((due, self._is_stopping()))
        if stopping:
            raise KeyboardInterrupt  # which `on_exception` saves at
        if due:
            self.save(trainer, self.latest)
            self._saved_at = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        loss = float(trainer.callback_metrics["holdout/loss"])
        if loss < self.best_loss:
            self.best_loss = loss
            self.save(trainer, self.best)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, GoModule)
        pl_module.is_over = True
        self.save(trainer, self.latest)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        stopped = isinstance(exception, (KeyboardInterrupt, SIGTERMException))
        if stopped and trainer.global_step:
            with suppress(DivergedError):
                self.save(trainer, self.latest)


class Averages(GoCallback):
    """Averages of the weights, kept in every checkpoint as `ema_state_dict` and `swa_state_dict`."""

    def __init__(self, config: AverageConfig, data: GoData) -> None:
        self.config = config
        self._kept: dict[str, float | None] = {"ema": config.ema} if config.ema else {}
        if config.swa_from < 1:
            self._kept["swa"] = None
        self._averages: dict[str, Average] = {}
        """Averages that have begun, by name."""
        self._data = data
        self._step = 0

    def after_batch(self, trainer: pl.Trainer, module: GoModule, batch: Any) -> None:
        if trainer.global_step == self._step:
            return  # gradients are still being gathered
        self._step = trainer.global_step
        for name in self._kept:
            if name == "ema" or module.share >= self.config.swa_from:
                self._average(name, module.network).update_parameters(module.network)

    def _average(self, name: str, network: LeelaNetwork) -> Average:
        if name not in self._averages:
            self._averages[name] = Average(network, self._kept[name])
        return self._averages[name]

    def exported(self, network: LeelaNetwork) -> LeelaNetwork:
        """`network`'s exponential average where there is one, else itself."""
        average = self._averages.get("ema")
        return network if average is None else average.module

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for (
            average
        ) in self._averages.values():  # a checkpoint is loaded before the network goes to its device
            average.module.to(pl_module.device)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure the averages' own statistics, on positions that the seed alone chooses."""
        assert isinstance(pl_module, GoModule)
        for average in self._averages.values():
            update_bn(self._batches(pl_module), average.module)

    def _batches(self, module: GoModule) -> Iterator[Tensor]:
        for planes in self._data.first_planes(self.config.norm_batches):
            yield planes.to(module.device).contiguous(memory_format=torch.channels_last)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        for name, average in self._averages.items():
            checkpoint[f"{name}_state_dict"] = average.module.state_dict()
            checkpoint[f"{name}_steps"] = int(average.n_averaged)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        assert isinstance(pl_module, GoModule)
        for name in self._kept:
            if f"{name}_state_dict" in checkpoint:
                average = self._average(name, pl_module.network)
                average.restore(checkpoint[f"{name}_state_dict"], int(checkpoint[f"{name}_steps"]))


class Exports(GoCallback):
    """Leela weights files of the network on its way: the exponential average where there is one."""

    def __init__(self, folder: Path, name: str, config: ExportConfig, averages: Averages) -> None:
        self.folder = folder / "weights"
        self.name = name
        self.every = config.every
        self.digits = config.digits
        self._averages = averages

    def after_batch(self, trainer: pl.Trainer, module: GoModule, batch: Any) -> None:
        if self.every is None or not trainer.is_global_zero:
            return
        positions = module.positions
        before = positions - len(batch.moves) * trainer.world_size
        if positions // self.every > before // self.every:
            require_sound(module)
            self.folder.mkdir(exist_ok=True)
            network = self._averages.exported(module.network)
            write_network(network, self.folder / f"{self.name}-{positions}.txt.gz", self.digits)


class ProgressLine(GoCallback):
    """Positions, speed, accuracy and what is left, on stderr."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._started: tuple[float, int] | None = None
        """When training began here, and positions then."""

    def begin(self) -> None:
        """Show the line."""
        self._bar = progress_bar(TextColumn("{task.percentage:>3.0f} %  {task.fields[text]}"))
        self._task = self._bar.add_task("training", total=1.0, text="")
        self._bar.start()

    def show(self, share: float, text: str) -> None:
        """Show the share of the run that is over, 0 to 1, and `text`."""
        if self._bar is not None:
            self._bar.update(self._task, completed=share, text=text)

    def say(self, text: str) -> None:
        """A line of its own, above the progress."""
        if self._bar is None:
            say(text, err=True)
        else:
            say_prose(text, self._bar.console)

    def stop(self) -> None:
        """Leave the line as it is."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, GoModule)
        if trainer.is_global_zero:
            self._started = (time.monotonic(), pl_module.positions)
            self.begin()

    def after_batch(self, trainer: pl.Trainer, module: GoModule, batch: Any) -> None:
        if self._started is None or trainer.global_step % 10:
            return
        seconds = time.monotonic() - self._started[0]
        speed = (module.positions - self._started[1]) / max(seconds, 1e-9)
        left_s = module.elapsed_s * (1 / max(module.share, 1e-9) - 1)
        shown = trainer.callback_metrics
        accuracy = f"  top-1 {float(shown['train/top1']):.1%}" if "train/top1" in shown else ""
        holdout = f"  holdout {float(shown['holdout/top1']):.1%}" if "holdout/top1" in shown else ""
        text = (
            f"{module.positions:,} positions  {speed:,.0f}/s{accuracy}{holdout}  {left_s / 60:.0f} min left"
        )
        self.show(module.share, text)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self.stop()
