"""A finished network whose answers a training network learns besides what the records say.

That is distillation (Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015), at temperature 1.

What a game's winner tells of a position is mostly noise, and a record shows one move where several were good. A
teacher's answers carry less of that noise, so that a small network learns more from each position.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from engines.evaluator.base import Evaluator
from engines.evaluator.devices import numbered
from engines.evaluator.load import plan_evaluator
from lzeval.go.points import symmetry_tables


class Teacher:
    """Answers about batches of one size, each the mean over so many of the eight images of a position.

    The position as it was given is the last image to be asked about, as a pupil that is its own teacher, or was a
    moment ago, has nothing to learn from the very answer that it gives.
    """

    def __init__(
        self,
        network: str,
        batch_size: int,
        board_size: int,
        threads: int,
        symmetries: int = 1,
        value_network: str | None = None,
    ) -> None:
        """`network`: a weights file, a checkpoint or a bundled name, as is `value_network`, which says the values.

        Without a `value_network`, `network` says them. Raises UserError if one cannot be used.
        """

        def built(name: str) -> Evaluator:
            plan = plan_evaluator(name, batch_size=batch_size, board_size=board_size)
            process = int(os.environ.get("LOCAL_RANK", "0"))  # of this machine: each has a GPU of its own
            return replace(plan, device=numbered(plan.device, process)).build(threads)

        self._policy = built(network)
        self._value = self._policy if value_network in (None, network) else built(value_network)
        self._tables = np.roll(symmetry_tables(board_size), -1, axis=0)[:symmetries]

    def answer(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities `[B, S*S + 1]` and the mover's values `[B]`, -1 to 1, for planes `[B, 18, S, S]` uint8."""
        given = planes.cpu().numpy()
        points = given.reshape(*given.shape[:2], -1)
        policy = np.zeros((len(given), points.shape[2] + 1), np.float32)
        value = np.zeros(len(given), np.float32)
        for table in self._tables:
            image = np.ascontiguousarray(points[:, :, table[:-1]]).reshape(given.shape)
            found = self._policy.evaluate(image)
            policy[:, table] += found.policy / len(self._tables)
            judged = found if self._value is self._policy else self._value.evaluate(image)
            value += judged.value / len(self._tables)
        return torch.from_numpy(policy).to(planes.device), torch.from_numpy(value).to(planes.device)
