"""What the field measures of a Go network, as sums that can be added up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass
class Sums:
    """Totals over positions; divide by `count` (value: by `decided`) to read them."""

    count: float = 0.0
    policy_loss: float = 0.0
    top1: float = 0.0
    top5: float = 0.0
    decided: float = 0.0
    """Positions of games with a winner."""
    value_mse4: float = 0.0

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def means(self) -> dict[str, float]:
        """`policy_loss` in nats, `top1` and `top5` as shares, `value_mse4`: squared error / 4, 0.25 for a coin."""
        count, decided = max(self.count, 1.0), max(self.decided, 1.0)
        return {
            "policy_loss": self.policy_loss / count,
            "top1": self.top1 / count,
            "top5": self.top5 / count,
            "value_mse4": self.value_mse4 / decided,
        }


@torch.no_grad()
def measure(logits: Tensor, values: Tensor, moves: Tensor, outcomes: Tensor) -> Sums:
    """Sums over one batch: `logits` `[B, P]`, `values` `[B]` (-1 to 1), `moves` `[B]`, `outcomes` `[B]`."""
    best = logits.topk(5, dim=1).indices == moves.unsqueeze(1)
    decided = outcomes != 0
    return Sums(
        float(len(moves)),
        float(F.cross_entropy(logits.float(), moves, reduction="sum")),
        float(best[:, 0].sum()),
        float(best.sum()),
        float(decided.sum()),
        float((((values.float() - outcomes) ** 2)[decided]).sum()) / 4,
    )
