"""Several runs of one command: every combination of the values that settings were given."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lzeval.errors import UserError
from trainer.settings.compose import compose
from trainer.settings.config import PATHS, NetworkConfig, TrainConfig
from trainer.settings.overrides import Override, kinds, parse_override, split_values
from trainer.training.inputs import check_inputs

LONGEST_NAME = 120
"""Bytes."""


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
    settings = dict(map(parse_override, overrides))  # the last one counts
    given = settings.pop("run", None)
    if given is not None:
        given = kinds()["run"].of_text("run", given)
    options = [_values(Override(key, value)) for key, value in settings.items()]
    if all(len(values) == 1 for values in options):
        raise UserError("--multirun needs a setting with several values, as in optimizer.lr=0.01,0.02")
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    root = folder or Path(given or Path("runs") / f"sweep-{stamp}")
    runs = []
    for number, chosen in enumerate(itertools.product(*options)):
        differing = [value for value, values in zip(chosen, options, strict=True) if len(values) > 1]
        name = (
            f"{number}-{','.join(differing)}".replace("/", "_")
            .encode()[:LONGEST_NAME]
            .decode(errors="ignore")
        )
        config = compose(chosen)
        config.run = str(root / name)
        runs.append(SweepRun(name, config))
    return runs


def check_sweep(runs: Sequence[SweepRun]) -> None:
    """Raise UserError if one of the runs could not begin: before the first of them has."""
    from trainer.training.resume import require_going_on

    for run in runs:
        config = run.config
        try:
            if require_going_on(config, Path(str(config.run)), resuming=False) is not None:
                continue  # it needs no more than it has, or is over
            check_inputs(config)
            if config.init is not None:
                _require_growth(
                    config.network.blocks, config.network.filters, config.data.board_size, config.init
                )
        except UserError as exc:
            raise UserError(f"{run.name}: {exc}") from exc


@cache
def _require_growth(blocks: int, filters: int, board_size: int, init: str) -> None:
    from trainer.training.run import new_network

    new_network(NetworkConfig(blocks=blocks, filters=filters), board_size, init)


def _values(override: Override) -> list[str]:
    """`key=a,b` as `key=a` and `key=b`; what is enclosed in brackets is one value, and so is a path."""
    key, value = override
    return [f"{key}={each}" for each in ([value] if key in PATHS else split_values(value))]
