"""A run folder that is given again: what the run was, whether it may go on, and whether it is over.

A run that goes on is what it would have been, but for settings that may change and then take effect. All others are
its identity: the network, the optimiser, the positions and their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

import torch

from lzeval.errors import UserError
from lzeval.network.checkpoint import load_checkpoint, shape_of
from lzeval.network.weights_file.layout import NetworkShape
from trainer.settings.compose import stored
from trainer.settings.config import TrainConfig
from trainer.settings.overrides import flat
from trainer.training.module import share_done

MAY_CHANGE = (
    "max_positions",
    "max_time",
    "optimizer.lr",
    "optimizer.adam_lr",
    "optimizer.weight_decay",
    "schedule",
    "clip_norm",
    "value_weight",
    "label_smoothing",
    "average",
    "teacher",
    "network.name",
    "data.workers",
    "data.cache",
    "trainer",
    "logger",
    "watch",
    "export",
    "pool",
)
"""Settings, and groups of them, that `--resume` may change."""

SAME_CONTENT = ("data.train", "data.holdout")
"""Paths that `--resume` may change to others with the same games in them."""

OPTIMIZERS = {"turn": "muon", "nesterov": "sgd", "betas": "adamw"}
"""Optimisers by an option that only their parameter groups have; those of muon come first, as they have betas, too."""


@dataclass(frozen=True)
class Saved:
    """Facts of a run, from its checkpoint."""

    shape: NetworkShape
    tensors: Mapping[str, tuple[int, ...]]
    """Shapes of the tensors of the training module, by name."""
    optimizer: str
    positions: int
    elapsed_s: float
    data: tuple[str, ...]
    """`GoData.fingerprints`; empty in checkpoints of older versions."""
    is_over: bool
    """Saved at the end; True where an older version did not say."""


def read_saved(path: Path) -> Saved:
    """The facts of a checkpoint that a run can go on from. Raises UserError if it is none."""
    checkpoint = load_checkpoint(path)
    try:
        progress = checkpoint["lzeval"]
        groups = checkpoint["optimizer_states"][0]["param_groups"]
        checkpoint["loops"], checkpoint["global_step"], progress["plateau"]
        return Saved(
            shape_of(path, checkpoint),
            {name: tuple(value.shape) for name, value in checkpoint["state_dict"].items()},
            _optimizer_of(groups),
            int(progress["positions"]),
            float(progress["elapsed_s"]),
            tuple(progress.get("data", ())),
            bool(progress.get("over", True)),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as exc:
        missing = f"{exc} is missing" if isinstance(exc, KeyError) else str(exc)
        raise UserError(
            f"{path}: no checkpoint of a run of lzeval's, or a damaged one ({missing}); "
            f"give another folder, and init={path} if it holds a network"
        ) from exc


def _optimizer_of(groups: Sequence[Mapping[str, Any]]) -> str:
    return next((name for option, name in OPTIMIZERS.items() if option in groups[0]), "another optimiser")


def require_going_on(config: TrainConfig, folder: Path, *, resuming: bool) -> Saved | None:
    """Facts that the run in `folder` has saved; None if no run is there.

    Raises UserError where `config` is not the run's that is there: with `resuming`, as far as it may not change.
    """
    latest = folder / "latest.ckpt"
    is_run = (folder / "config.yaml").is_file()
    if not latest.exists():
        if resuming:
            raise UserError(
                f"{folder}: no checkpoint to go on from (latest.ckpt is missing); the command that began the run, "
                f"with run={folder}, begins again"
            )
        if is_run:
            _require_same(config, stored(str(folder), []), folder, None)
        return None
    if not is_run:
        raise UserError(
            f"{folder}: holds a checkpoint and no settings (config.yaml is missing); give another run=..."
        )
    saved = read_saved(latest)
    earlier = stored(str(folder), [])
    earlier = replace(  # the checkpoint knows better
        earlier,
        network=replace(earlier.network, blocks=saved.shape.blocks, filters=saved.shape.filters),
        optimizer=replace(earlier.optimizer, name=saved.optimizer),
        data=replace(earlier.data, board_size=saved.shape.board_size),
    )
    if resuming:
        _require_resumable(config, earlier, folder, saved)
    else:
        _require_same(config, earlier, folder, saved)
    return saved


def differences(earlier: TrainConfig, config: TrainConfig) -> dict[str, str]:
    """Settings in which two configurations of one folder differ, each as `seed was 1, is 9`."""
    before, now = flat(earlier), flat(config)
    found = {}
    for key, value in now.items():
        one, other = (
            ([item] if isinstance(item, str) and key in SAME_CONTENT else item)
            for item in (before[key], value)
        )
        decided = key == "symmetric_policy" and value is None  # by the network, when the run began
        if key != "run" and one != other and not decided:
            found[key] = f"{key} was {_shown(before[key])}, is {_shown(value)}"
    return found


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)


def may_change(key: str) -> bool:
    """Tell whether `--resume` takes another value for the setting `key`."""
    return key in MAY_CHANGE or key.partition(".")[0] in MAY_CHANGE


def _require_same(config: TrainConfig, earlier: TrainConfig, folder: Path, saved: Saved | None) -> None:
    found = differences(earlier, config)
    if not found:
        return
    told = f"{folder}: holds a run with other settings: {'; '.join(found.values())}"
    if saved is None:
        raise UserError(f"{told}; it has saved nothing: remove the folder, or give another run=...")
    fixed = [key for key in found if not may_change(key)]
    if fixed:
        raise UserError(
            f"{told}; {' and '.join(fixed)} cannot change in a run: begin another, run=..., "
            f"with the network of this one if you like, init={quote(str(folder / 'latest.ckpt'))}"
        )
    changed = " ".join(quote(f"{key}={_shown(flat(config)[key])}") for key in found)
    raise UserError(f"{told}; to go on so: lzeval train --resume {quote(str(folder))} {changed}")


def _require_resumable(config: TrainConfig, earlier: TrainConfig, folder: Path, saved: Saved) -> None:
    free = SAME_CONTENT if saved.data else ()
    found = [
        told for key, told in differences(earlier, config).items() if not may_change(key) and key not in free
    ]
    if found:
        raise UserError(
            f"{folder}: cannot go on with other settings of these: {'; '.join(found)}; "
            f"begin another run, with its network: init={folder / 'latest.ckpt'}"
        )


def require_same_data(saved: Saved, fingerprints: Sequence[str], folder: Path) -> None:
    """Raise UserError if the run that was saved learnt from other games; older checkpoints do not tell."""
    if saved.data and saved.data != tuple(fingerprints):
        raise UserError(
            f"{folder}: data.train or data.holdout holds other games than when the run began; "
            f"begin another run, with its network: init={folder / 'latest.ckpt'}"
        )


def require_same_tensors(saved: Saved, state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Raise UserError unless the checkpoint `path` has exactly the tensors of `state`, in name and shape."""
    if saved.tensors != {name: tuple(value.shape) for name, value in state.items()}:
        raise UserError(f"{path}: its tensors are not those of the run's network; give another run=...")


def is_finished(config: TrainConfig, saved: Saved) -> bool:
    """Tell whether nothing is left to be done by the run that was saved, if `config` says how long it is."""
    return saved.is_over and share_done(config, saved.positions, saved.elapsed_s) >= 1
