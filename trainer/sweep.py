"""Several runs of one command: every combination of the values that settings were given."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lzeval.core.errors import UserError
from trainer.config import TrainConfig, compose

ONE_VALUE = (
    "data.train",
    "data.holdout",
    "data.cache",
    "init",
    "run",
    "teacher.network",
    "teacher.value_network",
)
"""Settings that are paths, in which a comma may stand for itself."""
LONGEST_NAME = 120


@dataclass(frozen=True)
class SweepRun:
    """One of the runs."""

    name: str
    """Its folder's: a number, and the settings in which the runs differ."""
    config: TrainConfig


def plan_sweep(overrides: Sequence[str], folder: Path | None = None) -> list[SweepRun]:
    """The runs that `overrides` ask for, in which values separated by commas are taken in turn; all are checked.

    They lie in `run=FOLDER` (or `folder`), by default in runs/sweep-<date and time>. Raises UserError.
    """
    given = [override.partition("=")[2] for override in overrides if override.startswith("run=")]
    kept = [override for override in overrides if not override.startswith("run=")]
    options = [_values(override) for override in kept]
    if all(len(values) == 1 for values in options):
        raise UserError("--multirun needs a setting with several values, as in optimizer.lr=0.01,0.02")
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    root = folder or Path(given[-1] if given else Path("runs") / f"sweep-{stamp}")
    runs = []
    for number, chosen in enumerate(itertools.product(*options)):
        differing = [value for value, values in zip(chosen, options, strict=True) if len(values) > 1]
        name = f"{number}-{','.join(differing)}".replace("/", "_").replace("+", "")[:LONGEST_NAME]
        config = compose(chosen)
        config.run = str(root / name)
        runs.append(SweepRun(name, config))
    return runs


def _values(override: str) -> list[str]:
    """`key=a,b` as `key=a` and `key=b`; what is enclosed in brackets or quotes is one value."""
    key, _, value = override.partition("=")
    if key in ONE_VALUE or value[:1] in ("[", "{", "'", '"'):
        return [override]
    return [f"{key}={each}" for each in value.split(",")]
