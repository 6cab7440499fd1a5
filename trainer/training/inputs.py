"""Inputs of a run, looked for before anything is made."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from lzeval.errors import UserError
from lzeval.system.bundled import resolve_network
from trainer.settings.config import TrainConfig

PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}
"""The module that a logger needs."""
INSTALLED_AS = {"mlflow": "mlflow-skinny"}
NAMED_OPENINGS = ("default", "none")


def check_inputs(config: TrainConfig) -> None:
    """Raise UserError if a file, a folder, a network or a package that `config` names is not there."""
    for part in ("train", "holdout"):
        for source in config.data.sources(part):
            _require(Path(source).exists(), f"data.{part}={source}: no such file or folder")
    for network in (config.init, config.teacher.network, config.teacher.value_network):
        if network is not None:
            resolve_network(network)
    openings, pool = config.pool.openings, config.pool.file
    if openings is not None and openings not in NAMED_OPENINGS:
        _require(Path(openings).is_file(), f"pool.openings={openings}: no such file")
    if pool is not None:
        _require(Path(pool).absolute().parent.is_dir(), f"pool.file={pool}: there is no such folder")
        _require(not Path(pool).is_dir(), f"pool.file={pool}: is a folder; name a file")
    for name in config.logger.names:
        if name in PACKAGES and find_spec(PACKAGES[name]) is None:
            raise UserError(
                f"logger={name}: {name} is not installed; pip install {INSTALLED_AS.get(name, name)}"
            )


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise UserError(problem)
