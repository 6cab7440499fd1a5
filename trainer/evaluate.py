"""How well a network predicts game records: the figures by which networks are compared without playing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
from rich.console import Console
from rich.progress import track

from engines.evaluator.base import Evaluator
from engines.evaluator.load import plan_evaluator
from trainer.data import prepare, sampled_positions
from trainer.pack import PackedData

PHASES = ((0, 50), (50, 100), (100, 150), (150, 200), (200, None))
"""Moves played so far, from and below."""
BATCH = 16
SMALLEST_PROBABILITY = 1e-12
"""Stands for a probability that has been rounded to 0, so that its logarithm exists."""
MEASURED = ("policy_loss", "top1", "top5", "value_mse4")

Floats = npt.NDArray[np.float64]


def measure_network(
    network: str, data: Sequence[str], *, sample: int | None = None, precision: str = "auto"
) -> dict[str, Any]:
    """Figures over all positions of `data` (game records or a packed folder), or over `sample` of them.

    `top1`, `top5`: share of moves that are the network's best, or among its five best; `policy_loss`: mean
    cross entropy in nats; `value_mse4`: mean squared error of the value / 4 over games with a winner, so that
    0.25 is knowing nothing. `phases` has the same by moves played. Raises UserError.
    """
    plan = plan_evaluator(network, precision=precision, batch_size=BATCH)
    cache = Path(platformdirs.user_cache_dir("lzeval", False)) / "packed"
    packed = prepare(list(data), cache, plan.info.board_size)
    chosen = sampled_positions(packed, sample if sample is not None else len(packed))
    evaluator = plan.build(threads=_cores())
    columns = _positions(evaluator, packed, chosen)
    plies = packed.plies()[chosen]
    phases = {}
    for first, end in PHASES:
        inside = (plies >= first) & (plies < (end if end is not None else np.inf))
        if inside.any():
            name = f"{first}+" if end is None else f"{first}-{end - 1}"
            phases[name] = _means({key: values[inside] for key, values in columns.items()})
    info = plan.info.as_dict() | {"precision": plan.precision}
    return {"network": info, "positions": len(chosen), **_means(columns), "phases": phases}


def _cores() -> int:
    import os

    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _positions(evaluator: Evaluator, packed: PackedData, chosen: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """Each measure for each position, `[N]`; the value's is NaN where nobody won."""
    count = len(chosen)
    columns = {name: np.empty(count) for name in MEASURED}
    planes = np.zeros((BATCH, 18, packed.size, packed.size), np.uint8)
    starts = range(0, count, BATCH)
    for start in track(starts, "measuring", console=Console(stderr=True), transient=True):
        part = chosen[start : start + BATCH]
        batch = packed.batch(part, np.zeros(len(part), np.int64))
        planes[: len(part)] = batch.planes
        answer = evaluator.evaluate(planes)
        policy, value = answer.policy[: len(part)], answer.value[: len(part)]
        played = policy[np.arange(len(part)), batch.moves]
        better = (policy > played[:, None]).sum(1)
        rows = slice(start, start + len(part))
        columns["policy_loss"][rows] = -np.log(np.maximum(played, SMALLEST_PROBABILITY))
        columns["top1"][rows] = better == 0
        columns["top5"][rows] = better < 5
        error = (value - batch.outcomes) ** 2 / 4
        columns["value_mse4"][rows] = np.where(batch.outcomes == 0, np.nan, error)
    return columns


def _means(columns: dict[str, Floats]) -> dict[str, float | int | None]:
    means: dict[str, float | int | None] = {"count": len(columns["top1"])}
    for name, values in columns.items():
        known = values[~np.isnan(values)]
        means[name] = float(known.mean()) if len(known) else None
    return means


def print_measurements(measurements: dict[str, Any]) -> None:
    """A table by game phase on stdout."""
    from rich.table import Table

    network = measurements["network"]
    title = f"{network['network']} ({network['blocks']}x{network['filters']}, {network['precision']})"
    table = Table(title=title, title_justify="left")
    table.add_column("Moves played")
    for heading in ("Positions", "Top 1", "Top 5", "Policy loss", "Value MSE / 4"):
        table.add_column(heading, justify="right")
    for name, row in [*measurements["phases"].items(), ("all", measurements)]:
        value = row["value_mse4"]
        table.add_row(
            name,
            f"{row['count']:,}",
            f"{row['top1']:.1%}",
            f"{row['top5']:.1%}",
            f"{row['policy_loss']:.3f}",
            "" if value is None else f"{value:.3f}",
        )
    Console().print(table)
