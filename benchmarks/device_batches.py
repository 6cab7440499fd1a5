"""Benchmark of a device's evaluations by the size of batches, with two batches under way and nothing else to do.

    python -m benchmarks.device_batches --device cuda --precision auto

*chosen* is the size that a match takes.
"""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.device import Device, Networks, device_facts, network_files
from benchmarks.report import present, run
from engines.evaluator.base import IN_FLIGHT
from engines.evaluator.batch_size import positions_a_second
from engines.evaluator.in_thread import asynchronous
from engines.evaluator.load import plan_evaluator
from lzeval.errors import UserError

SIZES = [1, 16, 64, 128, 256, 512, 1024]


def main(
    networks: Networks = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    batches: Annotated[list[int] | None, typer.Option(min=1, help="Sizes; 1 to 1024 if not given.")] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="Of each measurement.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure evaluations a second by the size of batches."""
    rows: list[dict[str, object]] = []
    with network_files(networks) as files:
        for name, file in files.items():
            plan = plan_evaluator(file, device=device, precision=precision)
            for size in batches or SIZES:
                row: dict[str, object] = {"network": name, "precision": plan.precision, "batch": size}
                try:
                    evaluator = asynchronous(plan.with_batch(size).build(lanes=IN_FLIGHT))
                    row["evals_a_second"] = positions_a_second(evaluator, seconds)
                except UserError:  # too little memory
                    row["evals_a_second"] = None
                rows.append({**row, "chosen": "*" if size == plan.batch_size else ""})
    present(rows, device_facts(plan), as_json=as_json)


if __name__ == "__main__":
    run(main)
