"""The size of batches that a GPU wants, measured once."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from engines.evaluator import devices
from engines.evaluator.base import IN_FLIGHT, AsyncEvaluator, Ticket
from engines.evaluator.cache import facts
from engines.evaluator.in_thread import asynchronous
from lzeval.errors import UserError

if TYPE_CHECKING:
    from engines.evaluator.load import EvaluatorPlan

SIZES = (64, 128, 256, 512)
"""A match wants four games for each place of a batch."""
ENOUGH = 0.9
"""The smallest size is taken that is at least so near to the fastest: larger ones stay empty in short matches."""
SECONDS = 0.5
"""Seconds of each measurement, its first batches apart."""


def measured_batch_size(plan: EvaluatorPlan) -> int:
    """The one of `SIZES` for networks of this shape on this device at this precision, as kept or measured now.

    Raises UserError where the device has too little memory for the smallest.
    """
    info, cache = plan.info, facts()
    subject = (
        f"batch size {SIZES} {ENOUGH} {info.blocks}x{info.filters} {info.board_size} {plan.precision} "
        f"{devices.identity(plan.device)}"
    )
    kept = cache.recall(subject)
    if kept is None:
        speeds = _speeds(plan)
        wanted = ENOUGH * max(speeds.values())
        kept = {
            "batch_size": next(size for size, speed in speeds.items() if speed >= wanted),
            "positions_a_second": speeds,
        }
        if len(speeds) == len(SIZES):  # else another program may have had the memory
            cache.keep(subject, kept)
    return int(kept["batch_size"])


def _speeds(plan: EvaluatorPlan) -> dict[int, float]:
    """Positions a second by size of batches, as far as the device has memory."""
    speeds: dict[int, float] = {}
    for size in SIZES:
        try:
            evaluator = asynchronous(plan.with_batch(size).build(lanes=IN_FLIGHT))
            speeds[size] = positions_a_second(evaluator, SECONDS)
        except UserError:
            if not speeds:
                raise
            break
    return speeds


def positions_a_second(evaluator: AsyncEvaluator, seconds: float) -> float:
    """The speed of an evaluator that always has another batch to go on with."""
    spare = [evaluator.make_planes() for _ in range(IN_FLIGHT)]
    under_way: deque[Ticket] = deque()
    answered, began_s = -2 * IN_FLIGHT, time.perf_counter()
    while answered < 1 or time.perf_counter() - began_s < seconds:
        if len(under_way) == IN_FLIGHT:
            under_way.popleft().result()
            answered += 1
            if answered == 0:
                began_s = time.perf_counter()
        planes = spare[0]
        spare.reverse()
        under_way.append(evaluator.submit(planes))
    elapsed_s = time.perf_counter() - began_s
    for ticket in under_way:
        ticket.result()
    return answered * evaluator.batch_size / elapsed_s
