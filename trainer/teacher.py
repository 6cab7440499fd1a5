"""A finished network whose answers a training network learns besides what the records say (distillation).

What a game's winner tells of a position is mostly noise, and a record shows one move where several were good. A
teacher's answers carry less of that noise, so that a small network learns more from each position.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.evaluator.load import plan_evaluator


class Teacher:
    """Answers about batches of one size."""

    def __init__(self, network: str, batch_size: int, board_size: int, threads: int) -> None:
        """`network`: a weights file, a checkpoint or a bundled name. Raises UserError if it cannot be used."""
        plan = plan_evaluator(network, batch_size=batch_size, board_size=board_size)
        self._evaluator = plan.build(threads)

    def answer(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities `[B, S*S + 1]` and the mover's values `[B]`, -1 to 1, for planes `[B, 18, S, S]` uint8."""
        found = self._evaluator.evaluate(planes.cpu().numpy())
        policy, value = (torch.from_numpy(array.copy()).to(planes.device) for array in found)
        return policy.float(), value.float()
