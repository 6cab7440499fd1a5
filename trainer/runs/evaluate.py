"""Figures of how well a network predicts game records, by which networks are compared without playing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rich.progress import TaskProgressColumn, TimeRemainingColumn

from engines.evaluator.base import EvaluatorInfo
from engines.evaluator.load import plan_evaluator
from lzeval.cluster.connection import Cluster
from lzeval.compiled.arrays import Floats, Ints64, Records
from lzeval.system.cache import cache_folder
from lzeval.system.machine import available_cores
from lzeval.text.terminal import Column, name_column, print_table, progress_bar, say, say_prose
from lzeval.text.wording import counted
from trainer.data.packed import PackedData, phases, read_meta
from trainer.data.prepare import prepare, sampled_positions
from trainer.runs.answers import ANSWER, Measuring, Parts, answers_of, on_nodes
from trainer.runs.unfinished import Unfinished

BATCH = 16
SMALLEST_PROBABILITY = 1e-12
"""Stands for a probability that has been rounded to 0, so that its logarithm exists."""
CALIBRATION_BINS = 10


def measure_network(
    network: str,
    data: Sequence[str],
    *,
    sample: int | None = None,
    precision: str = "auto",
    cluster: Cluster | None = None,
) -> dict[str, Any]:
    """Figures over all positions of `data` (game records or a packed folder), or over `sample` of them.

    `top1`, `top5`: share of moves that are the network's best, or among its five best, see `among_best`;
    `policy_loss`: mean cross entropy in nats; `value_mse4`: mean squared error of the value / 4 over decided
    games, so that 0.25 is knowing nothing where all have a winner. `phases` has the same by moves played. `calibration`
    compares the winrates that the network gives the side to move with how often it won, see `calibration`;
    `calibration_error` is the mean distance of the two, None where no game was decided. A measurement that was
    interrupted goes on, on a cluster or without one. Raises UserError.
    """
    measuring = _here(network, precision) if cluster is None else on_nodes(cluster, network, precision, BATCH)
    cache = cache_folder()
    packed = prepare(list(data), cache / "packed", measuring.info.board_size)
    chosen = sampled_positions(packed, sample if sample is not None else len(packed))
    kept = Unfinished(cache / "measuring" / f"{_measurement_key(measuring.info, packed, chosen)}.npy")
    answers = _answers(measuring.parts, packed, chosen, kept)
    kept.forget()
    columns, winrates, won = _measures(answers)
    by_phase = {
        name: _means({key: values[inside] for key, values in columns.items()})
        for name, inside in phases(packed.plies(chosen)).items()
        if inside.any()
    }
    info = measuring.network.as_dict() | {"precision": measuring.precision}
    bins = calibration(winrates, won)
    return {
        "network": info,
        "positions": len(chosen),
        **_means(columns),
        "phases": by_phase,
        "calibration": bins,
        "calibration_error": calibration_error(bins),
    }


def calibration(winrates: Floats, won: Floats) -> list[dict[str, Any]]:
    """Share of wins among those who were given a chance from `low` to `high` (in the last bin, 1 included), bin by bin.

    `winrates` `[N]`, 0 to 1, and `won` `[N]`, 0, 1, 1/2 for a jigo, NaN where nobody knows, are the side to move's. A
    bin has the `count` of decided positions in it, the mean winrate `predicted` and the share `won`; both are None in
    an empty bin. Positions of one game have one winner: a bin knows less than its count suggests.
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
    """Expected calibration error, 0 to 1 (Guo et al., 2017): mean over positions of |predicted - won| of their bin."""
    filled = [found for found in bins if found["count"]]
    total = sum(found["count"] for found in filled)
    if not total:
        return None
    distances = [found["count"] * abs(found["predicted"] - found["won"]) for found in filled]
    return float(sum(distances) / total)


def _here(network: str, precision: str) -> Measuring:
    """On all cores, or the GPU, of this machine. Raises UserError."""
    plan = plan_evaluator(network, precision=precision, batch_size=BATCH)
    evaluator = plan.build(threads=available_cores())

    def parts(packed: PackedData, chosen: Ints64) -> Iterator[Records]:
        for start in range(0, len(chosen), BATCH):
            yield answers_of(evaluator, packed, chosen[start : start + BATCH])

    return Measuring(evaluator.info, plan.info, plan.precision, parts)


def _measurement_key(info: EvaluatorInfo, packed: PackedData, chosen: Ints64) -> str:
    """A name for what is measured here: other answers, or of other positions, have another."""
    parts = [ANSWER.descr, BATCH, info.as_dict() | {"network": ""}, read_meta(packed.path)]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    digest.update(chosen.tobytes())
    return digest.hexdigest()[:32]


def _answers(parts: Parts, packed: PackedData, chosen: Ints64, kept: Unfinished) -> Records:
    """`[N]` of ANSWER; begins with what an earlier call that was interrupted had `kept`."""
    answers = np.zeros(len(chosen), ANSWER)
    done = kept.recall_into(answers)
    if done:
        say(f"going on: {done:,} of {counted(len(answers), 'position')} measured before", err=True)
    try:
        with progress_bar(TaskProgressColumn(), TimeRemainingColumn(), transient=True) as bar:
            task = bar.add_task("measuring", total=len(answers), completed=done)
            for part in parts(packed, chosen[done:]):
                answers[done : done + len(part)] = part
                done += len(part)
                bar.update(task, completed=done)
                kept.save_if_due(answers[:done])
    except KeyboardInterrupt:
        kept.save(answers[:done])
        raise
    return answers


def _measures(answers: Records) -> tuple[dict[str, Floats], Floats, Floats]:
    """Each measure for each position, `[N]`; the value's is NaN where nobody knows the outcome.

    And the mover's predicted winrate `[N]`, 0 to 1, and its points `[N]`, 0, 1/2 or 1, NaN where nobody knows.
    """
    better, alike = (answers[name].astype(np.int64) for name in ("better", "alike"))
    played, value, outcomes = (answers[name].astype(np.float64) for name in ("played", "value", "outcome"))
    columns = {
        "policy_loss": -np.log(np.maximum(played, SMALLEST_PROBABILITY)),
        "top1": among_best(1, better, alike),
        "top5": among_best(5, better, alike),
        "value_mse4": (value - outcomes) ** 2 / 4,
    }
    winrates = np.clip((value + 1) / 2, 0, 1)
    return columns, winrates, (outcomes + 1) / 2


def among_best(count: int, better: Ints64, alike: Ints64) -> Floats:
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
    say(describe(measurements["network"]))
    headings = ("Top 1", "Top 5", "Policy loss", "Value MSE / 4", "Positions")
    rows = [*measurements["phases"].items(), ("all", measurements)]
    print_table([name_column("Moves played"), *map(Column, headings)], (_cells(*row) for row in rows))
    say_prose(_calibration_line(measurements))


def _cells(name: str, row: dict[str, Any]) -> list[str]:
    value = row["value_mse4"]
    return [
        name,
        f"{row['top1']:.1%}",
        f"{row['top5']:.1%}",
        f"{row['policy_loss']:.3f}",
        "" if value is None else f"{value:.3f}",
        f"{row['count']:,}",
    ]


def describe(network: dict[str, Any]) -> str:
    """A network of `measure_network` in some words."""
    return f"{network['network']} ({network['blocks']}x{network['filters']}, {network['precision']})"


def _calibration_line(measurements: dict[str, Any]) -> str:
    error = measurements["calibration_error"]
    if error is None:
        return "Calibration of the winrate: no decided games to tell it by."
    count = sum(found["count"] for found in measurements["calibration"])
    return f"Calibration error of the winrate: {error:.1%} ({counted(count, 'decided position')})."
