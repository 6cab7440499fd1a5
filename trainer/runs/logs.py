"""A run's logs, and the outline of its checkpoint, read without torch.

Nothing of it is trusted. A run may have been killed in the middle of a line.
"""

from __future__ import annotations

import csv
import io
import math
import pickle
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lzeval.compiled.arrays import Floats

LOWER_IS_BETTER = {"policy_loss": True, "top1": False, "top5": False, "value_mse4": True}
"""The measures that are looked at, in the order of tables."""
LARGEST_OUTLINE = 1 << 26
"""Bytes of a checkpoint without its tensors, beyond which it is not looked at."""
LARGEST_COUNT = 1e15
"""No run sees so many positions; what says so is damaged."""


@dataclass(frozen=True)
class Series:
    """One measure over a run."""

    positions: Floats
    """`[N]`: trained on when it was measured, from first to last."""
    values: Floats
    """`[N]`; those of a run that diverged may be NaN."""

    @property
    def last(self) -> float | None:
        return float(self.values[-1]) if len(self.values) else None

    def best(self, lower: bool) -> tuple[float, int] | None:
        """The best finite value, and the positions it was reached at first."""
        known = np.flatnonzero(np.isfinite(self.values))
        if not len(known):
            return None
        values = self.values[known]
        place = known[values.argmin() if lower else values.argmax()]
        return float(self.values[place]), int(self.positions[place])


NOTHING = Series(np.empty(0), np.empty(0))


class Row(NamedTuple):
    """One row of the log."""

    step: int
    """The number of the batch, from 0."""
    positions: float | None
    """Positions before that batch; None in a row of the holdout."""
    values: dict[str, float]
    """Values by column, such as `train/top1`."""


def logs(folder: Path) -> list[Path]:
    """Paths of `metrics.csv` of each session, the first one first."""

    def number(path: Path) -> int:
        digits = path.parent.name.rpartition("-")[2]
        return int(digits) if digits.isdecimal() else 1

    return sorted(folder.glob("csv*/metrics.csv"), key=lambda path: (number(path), path.parent.name))


def read_log(path: Path, problems: list[str]) -> list[Row]:
    """The rows that are whole; the last one of a run that was killed may not be."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace").replace("\0", "")
        text = text[: text.rfind("\n") + 1]  # a number may have been cut as well
        rows = [row for row in map(_row, csv.DictReader(io.StringIO(text))) if row is not None]
    except (OSError, csv.Error):
        rows = []
    if not rows:
        problems.append(f"{path.parent.name}/{path.name} holds nothing that can be read")
    return rows


def _row(cells: Mapping[Any, Any]) -> Row | None:
    values: dict[str, float] = {}
    for name, text in cells.items():
        number = _number(text)
        if isinstance(name, str) and number is not None:
            values[name] = number
    step, positions = values.pop("step", math.nan), values.pop("positions", None)
    if None in cells.values() or None in cells:  # a row cut short, or too long
        return None
    if not all(0 <= count < LARGEST_COUNT for count in (step, positions or 0)):
        return None
    return Row(int(step), positions, values)


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


class Log(NamedTuple):
    positions: int | None
    series: dict[str, dict[str, Series]]


def join(sessions: Sequence[list[Row]], batch_size: int) -> Log:
    """Join the logs of all sessions.

    A run that was killed goes on from its last checkpoint: what was logged after that is logged again, and
    the first account is dropped.
    """
    sessions = [rows for rows in sessions if rows]
    found: dict[str, dict[str, tuple[list[float], list[float]]]] = {"train": {}, "holdout": {}}
    seen: float | None = None
    for number, rows in enumerate(sessions):
        taken_up = min((later[0].step for later in sessions[number + 1 :]), default=math.inf)
        for row, before, after in _placed(rows, batch_size):
            if row.step >= taken_up:
                break
            seen = after
            for column, value in row.values.items():
                part, _, measure = column.partition("/")
                at = after if part == "holdout" else before
                if measure in LOWER_IS_BETTER and part in found and at is not None:
                    positions, values = found[part].setdefault(measure, ([], []))
                    positions.append(at)
                    values.append(value)
    series = {
        part: {measure: Series(np.array(at), np.array(values)) for measure, (at, values) in measures.items()}
        for part, measures in found.items()
    }
    return Log(None if seen is None else round(seen), series)


def _placed(rows: Sequence[Row], batch_size: int) -> Iterator[tuple[Row, float | None, float]]:
    """Each row with the positions before its batch, None if it brings no news of training, and after it."""
    step_size, logged = float(batch_size), (0, 0.0)
    for row in rows:
        before = row.positions
        if before is not None and before <= logged[1] and row.step > logged[0]:
            before = None  # Lightning repeats the last values when it ends
        if before is not None:
            if row.step > logged[0] and before > logged[1]:
                step_size = (before - logged[1]) / (row.step - logged[0])
            logged = (row.step, before)
        yield row, before, logged[1] + (row.step + 1 - logged[0]) * step_size


# Checkpoints


class _Stub:
    """Stands for anything that a checkpoint holds beside plain values."""

    def __new__(cls, *_: Any, **__: Any) -> _Stub:
        return super().__new__(cls)

    def __call__(self, *_: Any, **__: Any) -> _Stub:
        return self

    def __setstate__(self, _: Any) -> None: ...

    def __setitem__(self, _: Any, __: Any) -> None: ...

    def append(self, _: Any) -> None: ...

    def extend(self, _: Any) -> None: ...


class _Dict(dict[Any, Any]):
    """Stands for an OrderedDict."""

    def __setstate__(self, _: Any) -> None: ...


class _Outline(pickle.Unpickler):  # it imports nothing, and calls nothing but these two
    def find_class(self, module: str, name: str) -> Any:
        return _Dict if (module, name) == ("collections", "OrderedDict") else _Stub

    def persistent_load(self, _: Any) -> None:
        """A tensor's numbers, which stay where they are."""


def read_progress(path: Path, problems: list[str]) -> tuple[int | None, float | None]:
    """Positions seen and seconds spent, as the checkpoint has them."""
    if not path.is_file():
        return None, None
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            if archive.getinfo(name).file_size > LARGEST_OUTLINE:
                return None, None
            content = _Outline(io.BytesIO(archive.read(name))).load()
        progress = content["lzeval"]
        return int(progress["positions"]), float(progress["elapsed_s"])
    except Exception:  # a damaged pickle may fail in any way
        problems.append("latest.ckpt is damaged, or not of lzeval")
        return None, None
