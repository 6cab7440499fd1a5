"""What watches a run: checkpoints that are whole or absent, and a line of progress."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities.exceptions import SIGTERMException
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from trainer.module import GoModule


class Checkpoints(pl.Callback):
    """`latest.ckpt` every so often, at the end, and when the run is interrupted."""

    def __init__(self, folder: Path, every_s: float) -> None:
        self.path = folder / "latest.ckpt"
        self.every_s = every_s
        self._saved_at = time.monotonic()

    def save(self, trainer: pl.Trainer) -> None:
        """Write beside the old checkpoint, then put it in its place."""
        partial = self.path.with_suffix(".partial")
        trainer.save_checkpoint(partial)
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        partial.replace(self.path)
        self._saved_at = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if time.monotonic() - self._saved_at >= self.every_s:
            self.save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.save(trainer)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        if isinstance(exception, (KeyboardInterrupt, SIGTERMException)) and trainer.global_step:
            self.save(trainer)


class ProgressLine(pl.Callback):
    """Positions, speed, accuracy and what is left, on stderr."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._started = (0.0, 0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, GoModule)
        self._started = (time.monotonic(), pl_module.positions)
        self._bar = Progress(
            TextColumn("[bold]training[/]"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[text]}"),
            console=self._console,
        )
        self._task = self._bar.add_task("", total=1.0, text="")
        self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is None or trainer.global_step % 10:
            return
        assert isinstance(pl_module, GoModule)
        seconds = time.monotonic() - self._started[0]
        speed = (pl_module.positions - self._started[1]) / max(seconds, 1e-9)
        left_s = pl_module.elapsed_s * (1 / max(pl_module.share, 1e-9) - 1)
        shown = trainer.callback_metrics
        accuracy = f"  top-1 {float(shown['train/top1']):.1%}" if "train/top1" in shown else ""
        holdout = f"  holdout {float(shown['holdout/top1']):.1%}" if "holdout/top1" in shown else ""
        text = f"{pl_module.positions:,} positions  {speed:,.0f}/s{accuracy}{holdout}  {left_s / 60:.0f} min left"
        self._bar.update(self._task, completed=pl_module.share, text=text)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
