"""Benchmark of Winograd's basis where a processor has no bf16: the same network both ways in fp32.

    python -m benchmarks.winograd --networks big small --batches 1 4

One thread; the two take turns at every batch, and the fastest of many counts, in seconds of processor time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.report import present, run
from engines.evaluator.base import Evaluator
from engines.evaluator.load import plan_evaluator, sample_planes
from engines.evaluator.openvino_backend import OpenVinoEvaluator
from engines.evaluator.winograd import WinogradEvaluator, pays


def measure(
    networks: Annotated[tuple[str, str], typer.Option(help="Weights files or bundled names.")] = (
        "big",
        "small",
    ),
    batches: Annotated[tuple[int, int], typer.Option(help="Positions a call.")] = (1, 4),
    calls: Annotated[int, typer.Option(min=1, help="Of each, of which the fastest counts.")] = 40,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Print positions a second of both, and their ratio."""
    rows = [row(network, batch, calls) for network in networks for batch in batches]
    present(rows, {}, as_json=json)


def row(network: str, batch: int, calls: int) -> dict[str, object]:
    plan = plan_evaluator(network, device="cpu", precision="fp32", batch_size=batch)
    assert plan.graph is not None
    evaluators: tuple[Evaluator, Evaluator] = (
        OpenVinoEvaluator(Path(plan.graph), plan.info, batch, "fp32"),
        WinogradEvaluator(Path(plan.graph), plan.info, batch),
    )
    planes = sample_planes(plan.info.board_size, batch)
    seconds = [float("inf"), float("inf")]
    for _ in range(calls):
        for number, evaluator in enumerate(evaluators):
            started = time.process_time()
            evaluator.evaluate(planes)
            seconds[number] = min(seconds[number], time.process_time() - started)
    direct, winograd = (batch / best for best in seconds)
    return {
        "network": plan.info.network,
        "batch": batch,
        "direct_a_second": direct,
        "winograd_a_second": winograd,
        "ratio": winograd / direct,
        "used": "yes" if pays(plan.info) else "no",
    }


if __name__ == "__main__":
    run(measure)
