"""What the field measures of a Go network, as sums that can be added up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

PHASES = ((0, 50), (50, 100), (100, 150), (150, 200), (200, None))
"""Moves played so far, from and below."""


def phase_name(first: int, end: int | None) -> str:
    """`0-49`, `200+`."""
    return f"{first}+" if end is None else f"{first}-{end - 1}"


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
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices == moves.unsqueeze(1)
    decided = outcomes != 0
    return Sums(
        float(len(moves)),
        float(F.cross_entropy(logits.float(), moves, reduction="sum")),
        float(best[:, 0].sum()),
        float(best.sum()),
        float(decided.sum()),
        float((((values.float() - outcomes) ** 2)[decided]).sum()) / 4,
    )


def measure_by_phase(
    logits: Tensor, values: Tensor, moves: Tensor, outcomes: Tensor, plies: Tensor
) -> dict[str, Sums]:
    """`measure` of the batch under the empty name, and of its positions in each of PHASES under theirs."""
    found = {"": measure(logits, values, moves, outcomes)}
    for first, end in PHASES:
        inside = (plies >= first) & (plies < end) if end is not None else plies >= first
        if inside.any():
            found[phase_name(first, end)] = measure(
                logits[inside], values[inside], moves[inside], outcomes[inside]
            )
    return found


def as_log(prefix: str, sums: dict[str, Sums]) -> dict[str, float]:
    """What `measure_by_phase` found as a flat log: `holdout/top1`, `holdout/0-49/top1` and so on."""
    return {
        "/".join(part for part in (prefix, phase, name) if part): value
        for phase, counted in sums.items()
        for name, value in counted.means().items()
    }
