"""Averages of a network's weights over the steps of a run.

Exponential averages (EMA), and even ones from some point of the run on (SWA: Izmailov et al., "Averaging Weights Leads
to Wider Optima and Better Generalization", 2018).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from lzeval.network.network import LeelaNetwork


class Average(AveragedModel):
    """A network, `module`, whose parameters and normalisation statistics are the averages of another one's."""

    module: LeelaNetwork

    def __init__(self, network: LeelaNetwork, kept: float | None) -> None:
        """`kept`: share of the average that stays at each step (EMA); None: all steps count alike (SWA)."""
        super().__init__(network, use_buffers=True)
        self.multi_avg_fn = self._mix
        self._kept = kept

    def _mix(self, averages: tuple[Tensor, ...] | list[Tensor], values: Any, _: Any) -> None:
        share = 1 / (int(self.n_averaged) + 1)
        if self._kept is not None:
            share = max(
                1 - self._kept, share
            )  # the first steps are averaged evenly: the start is soon forgotten
        if averages[0].is_floating_point():  # all are of one type
            torch._foreach_lerp_(averages, values, share)
        else:
            torch._foreach_copy_(averages, values)

    def restore(self, state: dict[str, Tensor], steps: int) -> None:
        """Go on from the averages `state` of so many steps."""
        self.module.load_state_dict(state)
        self.n_averaged.fill_(steps)
