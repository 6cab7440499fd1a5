"""Benchmark of a device's answers: how far they are from those of torch in fp32 on the CPU, at each precision.

    python -m benchmarks.device_answers --device cuda

The positions are those of games that the network plays with itself on the device. *repeats*: a position has the same
answer to the last bit in any place of a batch, in any company, and while another batch is under way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
import typer

from benchmarks.device import Device, Networks, device_facts, network_files
from benchmarks.report import present, run
from engines.evaluator.base import IN_FLIGHT
from engines.evaluator.in_thread import asynchronous
from engines.evaluator.load import EvaluatorPlan, own_positions, plan_evaluator
from lzeval.system.machine import available_cores

TIMES = 8
"""Times that the batch is asked about, each in another order."""


def distances(judge: EvaluatorPlan, plan: EvaluatorPlan, count: int) -> dict[str, object]:
    """Agreement with the judge about positions of games that `plan` plays."""
    first, second = judge.build(available_cores()), plan.build(available_cores())
    policy_shift, value_shift, same = [], [], []
    for planes in own_positions(second, plan.info.board_size, count):
        expected, found = first.evaluate(planes), second.evaluate(planes)
        policy_shift.append(abs(expected.policy - found.policy).max(1))
        value_shift.append(abs(expected.value - found.value))
        same.append(expected.policy.argmax(1) == found.policy.argmax(1))
    return {
        "positions": sum(map(len, same)),
        "best_moves_kept": float(np.concatenate(same).mean()),
        "largest_policy_distance": f"{np.concatenate(policy_shift).max():.1e}",
        "mean_value_distance": f"{np.concatenate(value_shift).mean():.1e}",
    }


def repeats(plan: EvaluatorPlan) -> bool:
    """Tell if answers stay the same in other places, in other company, and while more is under way."""
    evaluator = asynchronous(plan.build(lanes=IN_FLIGHT))
    shown = own_positions(evaluator, plan.info.board_size, plan.batch_size)[-1]
    random = np.random.default_rng(1)
    orders = [random.permutation(len(shown)) for _ in range(TIMES)]
    batches = [evaluator.make_planes() for _ in range(IN_FLIGHT)]
    answers = []
    for start in range(0, TIMES, IN_FLIGHT):
        group = list(zip(orders[start : start + IN_FLIGHT], batches, strict=True))
        for order, batch in group:
            batch[:] = shown[order]
        tickets = [evaluator.submit(batch) for _, batch in group]
        for (order, _), ticket in zip(group, tickets, strict=True):
            answer, back = ticket.result(), np.argsort(order)
            answers.append(answer.policy[back].tobytes() + answer.value[back].tobytes())
    return len(set(answers)) == 1


def precisions_of(plan: EvaluatorPlan) -> tuple[str, ...]:
    if plan.device == "openvino-gpu":
        return "fp32", "fp16"
    return ("fp32", "bf16") if plan.is_on_cores else ("fp32", "fp16", "bf16")


def main(
    networks: Networks = None,
    device: Device = "auto",
    positions: Annotated[int, typer.Option(min=1, help="To compare, at least.")] = 256,
    batch: Annotated[int, typer.Option(min=1, help="Positions an evaluation.")] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a device's answers with those of the CPU in fp32."""
    rows: list[dict[str, object]] = []
    with network_files(networks) as files:
        for name, file in files.items():
            judge = plan_evaluator(file, device="torch", precision="fp32", batch_size=batch)
            plan = plan_evaluator(file, device=device, precision="fp32", batch_size=batch)
            for precision in precisions_of(plan):
                at = replace(plan, precision=precision)
                found = distances(judge, at, positions)
                rows.append(
                    {
                        "network": name,
                        "precision": precision,
                        **found,
                        "repeats": "yes" if repeats(at) else "NO",
                    }
                )
    present(rows, {**device_facts(plan), "batch": batch}, as_json=as_json)


if __name__ == "__main__":
    run(main)
