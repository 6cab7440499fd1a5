"""Measures of a Go network's answers, as sums that can be added up."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.data.packed import phases

MEASURES = ("policy_loss", "top1", "top5", "value_mse4")
"""Mean cross entropy in nats, shares of positions, and the value's mean squared error / 4: 0.25 for a coin."""


@torch.no_grad()
def measure(logits: Tensor, values: Tensor, moves: Tensor, outcomes: Tensor, plies: Tensor) -> Tensor:
    """Sums over one batch, float64 `[1 + phases, 6]` on the CPU: over all positions, then over those of each phase.

    Columns: positions, positions of decided games, and the totals of MEASURES. `logits` `[B, P]`, all others `[B]`;
    `values` and `outcomes` are -1 to 1, for the side to move, outcomes NaN where nobody knows.
    """
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices == moves.unsqueeze(1)
    decided = ~outcomes.isnan()
    columns = (
        torch.ones_like(outcomes),
        decided,
        F.cross_entropy(logits.float(), moves, reduction="none"),
        best[:, 0],
        best.any(1),
        (values.float() - outcomes.nan_to_num(0.0)) ** 2 / 4 * decided,
    )
    rows = torch.stack([torch.ones_like(decided), *phases(plies).values()])
    return rows.cpu().double() @ torch.stack([column.float() for column in columns], 1).cpu().double()


def as_log(prefix: str, sums: Tensor) -> dict[str, float]:
    """Means of what `measure` found as a flat log: `holdout/top1`, `holdout/0-49/top1`; no phases without positions."""
    found = {}
    for phase, (count, decided, *totals) in zip(("", *phases(torch.zeros(1))), sums.tolist(), strict=True):
        for name, total in zip(MEASURES, totals, strict=True):
            if count or not phase:
                over = decided if name == "value_mse4" else count
                found["/".join(filter(None, (prefix, phase, name)))] = total / max(over, 1)
    return found
