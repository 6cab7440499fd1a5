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
from trainer.packed import PackedData
from trainer.prepare import prepare, sampled_positions

PHASES = ((0, 50), (50, 100), (100, 150), (150, 200), (200, None))
"""Moves played so far, from and below."""
BATCH = 16
SMALLEST_PROBABILITY = 1e-12
"""Stands for a probability that has been rounded to 0, so that its logarithm exists."""
MEASURED = ("policy_loss", "top1", "top5", "value_mse4")
CALIBRATION_BINS = 10

Floats = npt.NDArray[np.float64]


def measure_network(
    network: str, data: Sequence[str], *, sample: int | None = None, precision: str = "auto"
) -> dict[str, Any]:
    """Figures over all positions of `data` (game records or a packed folder), or over `sample` of them.

    `top1`, `top5`: share of moves that are the network's best, or among its five best, see `among_best`;
    `policy_loss`: mean cross entropy in nats; `value_mse4`: mean squared error of the value / 4 over games with a
    winner, so that 0.25 is knowing nothing. `phases` has the same by moves played. `calibration` compares the
    winrates that the network gives the side to move with how often it won, see `calibration`; `calibration_error`
    is the mean distance of the two, None where nobody won. Raises UserError.
    """
    plan = plan_evaluator(network, precision=precision, batch_size=BATCH)
    cache = Path(platformdirs.user_cache_dir("lzeval", False)) / "packed"
    packed = prepare(list(data), cache, plan.info.board_size)
    chosen = sampled_positions(packed, sample if sample is not None else len(packed))
    evaluator = plan.build(threads=_cores())
    columns, winrates, won = _positions(evaluator, packed, chosen)
    plies = packed.plies(chosen)
    phases = {}
    for first, end in PHASES:
        inside = (plies >= first) & (plies < (end if end is not None else np.inf))
        if inside.any():
            name = f"{first}+" if end is None else f"{first}-{end - 1}"
            phases[name] = _means({key: values[inside] for key, values in columns.items()})
    info = plan.info.as_dict() | {"precision": plan.precision}
    bins = calibration(winrates, won)
    return {
        "network": info,
        "positions": len(chosen),
        **_means(columns),
        "phases": phases,
        "calibration": bins,
        "calibration_error": calibration_error(bins),
    }


def calibration(winrates: Floats, won: Floats) -> list[dict[str, Any]]:
    """How often those won who were given a chance from `low` (and, in the last bin, up to and with 1) to `high`.

    `winrates` `[N]`, 0 to 1, and `won` `[N]`, 0 or 1, NaN where nobody did, are the side to move's. A bin has
    the `count` of decided positions in it, the mean winrate `predicted` and the share `won`; both are None in an
    empty bin. Positions of one game have one winner: a bin knows less than its count suggests.
    """
    decided = ~np.isnan(won)
    winrates, won = winrates[decided], won[decided]
    places = np.minimum((winrates * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    bins: list[dict[str, Any]] = []
    for place in range(CALIBRATION_BINS):
        inside = places == place
        some = bool(inside.any())
        bins.append(
            {
                "low": place / CALIBRATION_BINS,
                "high": (place + 1) / CALIBRATION_BINS,
                "count": int(inside.sum()),
                "predicted": float(winrates[inside].mean()) if some else None,
                "won": float(won[inside].mean()) if some else None,
            }
        )
    return bins


def calibration_error(bins: Sequence[dict[str, Any]]) -> float | None:
    """Expected calibration error: the mean over positions of |predicted - won| of their bin, 0 to 1."""
    filled = [found for found in bins if found["count"]]
    total = sum(found["count"] for found in filled)
    if not total:
        return None
    distances = [found["count"] * abs(found["predicted"] - found["won"]) for found in filled]
    return float(sum(distances) / total)


def _cores() -> int:
    import os

    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _positions(
    evaluator: Evaluator, packed: PackedData, chosen: npt.NDArray[np.int64]
) -> tuple[dict[str, Floats], Floats, Floats]:
    """Each measure for each position, `[N]`; the value's is NaN where nobody won.

    And the mover's predicted winrate `[N]`, 0 to 1, and whether the mover won `[N]`, 0 or 1, NaN where nobody did.
    """
    count = len(chosen)
    columns = {name: np.empty(count) for name in MEASURED}
    winrates, won = np.empty(count), np.empty(count)
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
        alike = (policy == played[:, None]).sum(1)
        rows = slice(start, start + len(part))
        columns["policy_loss"][rows] = -np.log(np.maximum(played, SMALLEST_PROBABILITY))
        columns["top1"][rows] = among_best(1, better, alike)
        columns["top5"][rows] = among_best(5, better, alike)
        error = (value - batch.outcomes) ** 2 / 4
        columns["value_mse4"][rows] = np.where(batch.outcomes == 0, np.nan, error)
        winrates[rows] = np.clip((value.astype(np.float64) + 1) / 2, 0, 1)
        won[rows] = np.where(batch.outcomes == 0, np.nan, batch.outcomes > 0)
    return columns, winrates, won


def among_best(count: int, better: npt.NDArray[np.int64], alike: npt.NDArray[np.int64]) -> Floats:
    """`[N]`: the chance that a move is among the `count` best if those that are alike are put in random order.

    `better` and `alike` `[N]`: moves of higher, and of the same probability, itself counted. In bf16 the best moves
    of some positions are alike; to count each of them as the best would flatter a network by up to two points.
    """
    chance: Floats = np.clip((count - better) / alike, 0.0, 1.0)
    return chance


def _means(columns: dict[str, Floats]) -> dict[str, float | int | None]:
    means: dict[str, float | int | None] = {"count": len(columns["top1"])}
    for name, values in columns.items():
        known = values[~np.isnan(values)]
        means[name] = float(known.mean()) if len(known) else None
    return means


def print_measurements(measurements: dict[str, Any]) -> None:
    """A table by game phase on stdout."""
    from rich.table import Table

    table = Table(
        title=describe(measurements["network"]),
        title_justify="left",
        caption=_calibration_line(measurements),
        caption_justify="left",
    )
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


def describe(network: dict[str, Any]) -> str:
    """A network of `measure_network` in some words."""
    return f"{network['network']} ({network['blocks']}x{network['filters']}, {network['precision']})"


def _calibration_line(measurements: dict[str, Any]) -> str:
    error = measurements["calibration_error"]
    if error is None:
        return "Calibration of the winrate: no decided games to tell it by."
    count = sum(found["count"] for found in measurements["calibration"])
    return f"Calibration error of the winrate: {error:.1%} ({count:,} decided positions)."
