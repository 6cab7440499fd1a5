"""A finished network whose answers a training network learns besides what the records say (distillation).

What a game's winner tells of a position is mostly noise, and a record shows one move where several were good. A
teacher's answers carry less of that noise, so that a small network learns more from each position.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engines.evaluator.load import plan_evaluator
from lzeval.core.points import symmetry_tables


class Teacher:
    """Answers about batches of one size, each the mean over so many of the eight images of a position."""

    def __init__(
        self, network: str, batch_size: int, board_size: int, threads: int, symmetries: int = 1
    ) -> None:
        """`network`: a weights file, a checkpoint or a bundled name. Raises UserError if it cannot be used."""
        plan = plan_evaluator(network, batch_size=batch_size, board_size=board_size)
        self._evaluator = plan.build(threads)
        self._tables = symmetry_tables(board_size)[:symmetries]

    def answer(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities `[B, S*S + 1]` and the mover's values `[B]`, -1 to 1, for planes `[B, 18, S, S]` uint8."""
        given = planes.cpu().numpy()
        points = given.reshape(*given.shape[:2], -1)
        policy = np.zeros((len(given), points.shape[2] + 1), np.float32)
        value = np.zeros(len(given), np.float32)
        for table in self._tables:
            image = np.ascontiguousarray(points[:, :, table[:-1]])
            found = self._evaluator.evaluate(image.reshape(given.shape))
            policy[:, table] += found.policy / len(self._tables)
            value += found.value / len(self._tables)
        return torch.from_numpy(policy).to(planes.device), torch.from_numpy(value).to(planes.device)
