"""Training runs, told from what they left on disk.

Nothing in a run's folder is trusted: runs are killed, disks fill up, and people keep other things there. Neither torch
nor any code in a checkpoint is needed to look at one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from lzeval.errors import UserError
from trainer.runs.logs import LOWER_IS_BETTER, NOTHING, Series, join, logs, read_log, read_progress
from trainer.settings.config import seconds

RECENT_S = 600.0
"""Seconds after its last writing in which a run may be at it still: longer than it takes to log again or to save."""
LAST_BATCHES = 10
"""Logged batches at the end that tell where training stands; one alone tells little."""


class RunState(str, Enum):
    """The state of a run, as far as its folder tells."""

    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    RECENT = "running?"
    """Not finished, and its folder was written to a moment ago."""
    UNKNOWN = "?"
    BROKEN = "broken"
    """Its configuration cannot be read."""


@dataclass(frozen=True)
class TrainingRun:
    """A run as its folder shows it; None is what it does not tell."""

    folder: Path
    state: RunState
    changed: float
    """Time when a file of it was last written, in seconds since 1970."""
    config: Mapping[str, Any]
    """Content of config.yaml; empty if that cannot be read."""
    positions: int | None
    """Trained on, by the log or the checkpoint, whichever knows of more."""
    saved_positions: int | None
    """Positions of `latest.ckpt`, where training would go on."""
    elapsed_s: float | None
    """Seconds of training, by the checkpoint."""
    sessions: int
    train: Mapping[str, Series]
    """Series of single batches, by measure."""
    holdout: Mapping[str, Series]
    problems: tuple[str, ...]
    """Files that could not be read, one line each."""

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def network(self) -> str:
        """Blocks and filters, as `8x32`."""
        network = _mapping(self.config.get("network"))
        blocks, filters = _whole(network.get("blocks")), _whole(network.get("filters"))
        return "?" if blocks is None or filters is None else f"{blocks}x{filters}"

    @property
    def max_positions(self) -> int | None:
        return _whole(self.config.get("max_positions"))

    def train_mean(self, measure: str) -> float | None:
        """Over the last `LAST_BATCHES` batches logged."""
        values = self.train.get(measure, NOTHING).values[-LAST_BATCHES:]
        return float(values.mean()) if len(values) else None

    def as_dict(self) -> dict[str, Any]:
        """Dictionary for JSON: what is not finite becomes None."""
        found: dict[str, Any] = {
            "name": self.name,
            "folder": str(self.folder),
            "network": self.network,
            "state": self.state.value,
            "changed": datetime.fromtimestamp(self.changed).astimezone().isoformat(timespec="seconds"),
            "positions": self.positions,
            "max_positions": self.max_positions,
            "saved_positions": self.saved_positions,
            "elapsed_s": self.elapsed_s,
            "sittings": self.sessions,
            "train": {},
            "holdout": {},
            "problems": list(self.problems),
        }
        for measure, lower in LOWER_IS_BETTER.items():
            series = self.train.get(measure, NOTHING)
            found["train"][measure] = {
                "last": _finite(series.last),
                f"mean_of_{LAST_BATCHES}": _finite(self.train_mean(measure)),
            }
            series = self.holdout.get(measure, NOTHING)
            best, best_at = series.best(lower) or (None, None)
            found["holdout"][measure] = {"last": _finite(series.last), "best": best, "best_at": best_at}
        return found


@dataclass(frozen=True)
class Listing:
    """The runs in a folder."""

    runs: tuple[TrainingRun, ...]
    """The one that changed last comes first."""
    foreign: tuple[str, ...]
    """Folders that are no runs, by name."""


def find_runs(folder: Path, now: float | None = None) -> Listing:
    """The runs in `folder`, or `folder` itself if it is one. Raises UserError where there is no such folder."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; say where the runs are: lzeval runs FOLDER")
    if _is_run(folder):
        return Listing((read_run(folder, now),), ())
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as exc:
        raise UserError(f"{folder}: cannot be read ({exc.strerror})") from exc
    runs = [read_run(path, now) for path in inside if _is_run(path)]
    runs.sort(key=lambda run: (-run.changed, run.name))
    return Listing(tuple(runs), tuple(path.name for path in inside if not _is_run(path)))


def open_run(name: str | Path, now: float | None = None) -> TrainingRun:
    """The run in the folder `name`, or in `runs/name`. Raises UserError where neither is one."""
    for folder in (Path(name), Path("runs") / name):
        if _is_run(folder):
            return read_run(folder, now)
    raise UserError(f"{name}: no run of lzeval's in this folder (config.yaml is missing)")


def _is_run(folder: Path) -> bool:
    try:
        return (folder / "config.yaml").is_file()
    except OSError:  # a folder of somebody else
        return False


def read_run(folder: Path, now: float | None = None) -> TrainingRun:
    """Read what can be told of the run in `folder`, whatever state its files are in.

    `now`, in seconds since 1970, is the clock's if not given.
    """
    problems: list[str] = []
    config = _read_config(folder / "config.yaml", problems)
    paths = logs(folder)
    log = join([read_log(path, problems) for path in paths], _whole(config.get("batch_size")) or 0)
    saved_positions, elapsed_s = read_progress(folder / "latest.ckpt", problems)
    seen = max((count for count in (log.positions, saved_positions) if count is not None), default=None)
    changed = _changed([folder / "config.yaml", folder / "latest.ckpt", *paths])
    since = (time.time() if now is None else now) - changed
    return TrainingRun(
        folder=folder,
        state=_state(config, folder, seen, elapsed_s, since),
        changed=changed,
        config=config,
        positions=seen,
        saved_positions=saved_positions,
        elapsed_s=elapsed_s,
        sessions=len(paths),
        train=log.series["train"],
        holdout=log.series["holdout"],
        problems=tuple(problems),
    )


def _state(
    config: Mapping[str, Any], folder: Path, seen: int | None, elapsed_s: float | None, since_s: float
) -> RunState:
    if not config:
        return RunState.BROKEN
    positions, limit_s = _whole(config.get("max_positions")), _limit_s(config)
    over = [seen >= positions if seen is not None else None] if positions is not None else []
    over += [elapsed_s >= limit_s if elapsed_s is not None else None] if limit_s is not None else []
    if True in over:
        return RunState.FINISHED
    if since_s < RECENT_S:
        return RunState.RECENT
    saved = (folder / "latest.ckpt").is_file()  # whoever finishes saves
    return RunState.INTERRUPTED if not saved or (over and None not in over) else RunState.UNKNOWN


def _limit_s(config: Mapping[str, Any]) -> float | None:
    try:
        return seconds(str(config["max_time"])) if config.get("max_time") is not None else None
    except UserError:
        return None


# The configuration, and plain values in general


def _read_config(path: Path, problems: list[str]) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError, OSError):
        content = None
    if isinstance(content, dict) and isinstance(content.get("network"), dict):
        return content
    problems.append("config.yaml is damaged, or not of lzeval")
    return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _changed(paths: Sequence[Path]) -> float:
    times = [0.0]
    for path in paths:
        try:
            times.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(times)
