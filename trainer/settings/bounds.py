"""Values that make sense: the bounds of every number, the choices of every word, and what goes together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from lzeval.errors import UserError
from lzeval.go.points import LARGEST, SMALLEST, SYMMETRIES
from lzeval.system.devices import DEVICES, is_device
from trainer.settings.config import TrainConfig, seconds
from trainer.settings.overrides import flat

LARGEST_SEED = 2**32 - 1
"""NumPy's, and so Lightning's."""
LARGEST_COUNT = 10**15
"""Positions, or seconds: no run gets that far."""
LARGEST_FACTOR = 1e30
"""Largest loss, gradient or weight; beyond, products leave float32."""
MANY = 10**6
CORES = 4096
MOST_DIGITS = 9
"""Significant digits from which the same float32 is read back."""


@dataclass(frozen=True)
class Bounds:
    """The smallest and the largest value, which are allowed themselves unless `above` or `below` says otherwise."""

    low: float
    high: float
    above: bool = False
    """Has to be above `low`."""
    below: bool = False
    """Has to be below `high`."""

    def problem(self, value: float) -> str | None:
        """The reason why `value` is not within them, or None."""
        if math.isnan(value):
            return "must be a number"
        if value < self.low or (self.above and value == self.low):
            return f"must be {'above' if self.above else 'at least'} {self.low:.15g}"
        if value > self.high or (self.below and value == self.high):
            return f"must be {'below' if self.below else 'at most'} {self.high:.15g}"
        return None


COUNT, SOME, SHARE = Bounds(1, LARGEST_COUNT), Bounds(0, LARGEST_COUNT), Bounds(0, 1)
RATE = Bounds(0, LARGEST_FACTOR)

BOUNDS = {
    "network.blocks": Bounds(1, 1000),
    "network.filters": Bounds(1, 10_000),
    "optimizer.lr": RATE,
    "optimizer.adam_lr": RATE,
    "optimizer.weight_decay": RATE,
    "schedule.warmup": SOME,
    "schedule.hold": SHARE,
    "schedule.factor": Bounds(1, LARGEST_FACTOR),
    "schedule.patience": SOME,
    "trainer.devices": Bounds(1, CORES),
    "trainer.nodes": Bounds(1, CORES),
    "trainer.threads": Bounds(1, CORES),
    "average.ema": Bounds(0, 1, below=True),
    "average.swa_from": SHARE,
    "average.norm_batches": Bounds(1, MANY),
    "export.every": COUNT,
    "export.digits": Bounds(1, MOST_DIGITS),
    "data.weights": Bounds(0, LARGEST_FACTOR, above=True),
    "data.workers": Bounds(0, CORES),
    "data.board_size": Bounds(SMALLEST, LARGEST),
    "pool.every": COUNT,
    "pool.games": Bounds(2, MANY),
    "pool.visits": Bounds(1, MANY),
    "pool.threads": Bounds(1, CORES),
    "teacher.policy": SHARE,
    "teacher.value": SHARE,
    "teacher.symmetries": Bounds(1, SYMMETRIES),
    "watch.log_every": SOME,
    "watch.evaluate_every": SOME,
    "watch.evaluate_on": COUNT,
    "seed": Bounds(0, LARGEST_SEED),
    "batch_size": Bounds(1, MANY),
    "accumulate": Bounds(1, MANY),
    "max_positions": COUNT,
    "value_weight": RATE,
    "label_smoothing": SHARE,
    "clip_norm": Bounds(0, LARGEST_FACTOR, above=True),
}
"""Bounds of every numeric setting; of a list, those of each item."""

DURATIONS = {"max_time": Bounds(0, LARGEST_COUNT, above=True), "watch.save_every": SOME}
"""Bounds of durations, in seconds."""

CHOICES = {
    "optimizer.name": ("muon", "adamw", "sgd"),
    "schedule.name": ("linear", "cosine", "onecycle", "plateau", "constant"),
    "trainer.precision": ("auto", "fp32", "bf16"),
    "trainer.accelerator": ("auto", "cpu", "gpu"),
    "trainer.strategy": ("auto", "ddp", "ray"),
    "logger.names": ("csv", "tensorboard", "wandb", "mlflow"),
}


def check(config: TrainConfig) -> None:
    """Raise UserError for values that fit their type and still make no sense."""
    settings = flat(config)
    for key, allowed in CHOICES.items():
        for word in _each(settings[key]):
            if word not in allowed:
                raise UserError(f"{key}={word}: choose one of {', '.join(allowed)}")
    if not is_device(config.pool.device):
        raise UserError(f"pool.device={config.pool.device}: choose one of {', '.join(DEVICES)}")
    _check_devices(settings.pop("trainer.devices"))
    for key, bounds in {**BOUNDS, **DURATIONS}.items():
        for value in _each(settings.get(key)):
            problem = bounds.problem(seconds(value) if key in DURATIONS else value)
            if problem is not None:
                raise UserError(f"{key}={f'{value:g}' if isinstance(value, float) else value}: {problem}")
    _check_together(config)


def _each(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _check_devices(devices: int | str | list[int]) -> None:
    if isinstance(devices, int):
        problem = BOUNDS["trainer.devices"].problem(devices)
    else:
        known = devices == "auto" or (isinstance(devices, list) and min(devices, default=-1) >= 0)
        problem = None if known else "say how many, which ones, as [0,2], or auto"
    if problem is not None:
        raise UserError(f"trainer.devices={devices}: {problem}")


def _check_together(config: TrainConfig) -> None:
    """Raise UserError for settings that make no sense beside each other."""
    sources = config.data.sources("train")
    if not sources:
        raise UserError("data.train is not set; add data.train=... (a file or folder of game records)")
    if config.data.weights is not None and len(config.data.weights) != len(sources):
        raise UserError(
            f"data.weights={config.data.weights}: give a number above 0 for each of data.train's {len(sources)}"
        )
    if config.teacher.value_network is not None and config.teacher.network is None:
        raise UserError(
            "teacher.value_network is for a second teacher: name the first one with teacher.network "
            "(one network that teaches both needs teacher.network only)"
        )
    if config.pool.games % 2:
        raise UserError(f"pool.games={config.pool.games}: must be an even number, 2 or more")
    if config.schedule.name == "plateau" and config.schedule.factor == 1:
        raise UserError("schedule.factor=1: the rate is divided by it; write 10")
    if config.schedule.name == "plateau" and not config.watch.evaluate_every:
        raise UserError(
            "schedule=plateau follows the holdout's loss, and watch.evaluate_every=0 never measures it"
        )
    if config.max_positions is None and config.max_time is None:
        raise UserError("say how long to train: max_time=45m or max_positions=1000000")
