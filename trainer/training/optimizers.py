"""Optimisers of training runs: Muon for the tower's convolutions, AdamW, SGD."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from trainer.settings.config import OptimizerConfig

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration that drives singular values towards 1 (Jordan et al., Muon, 2024)."""
NEWTON_SCHULZ_STEPS = 5


def orthogonalised(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The nearest semi-orthogonal matrices to `matrices` `[..., rows, columns]`, roughly: singular values 0.7 to 1.2.

    `dtype`: of the multiplications; bfloat16 is good enough for a direction.
    """
    a, b, c = NEWTON_SCHULZ
    x = (matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-7)).to(dtype)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    turned: Tensor = (x.mT if tall else x).to(matrices.dtype)
    return turned


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for convolutions that a batch normalisation follows; AdamW for other groups.

    Sources: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024); Loshchilov and Hutter,
    "Decoupled Weight Decay Regularization" (2019). torch has a Muon from 2.9 on, which does not keep lengths.

    Such a convolution's length means nothing, only its direction does. So the length stays what it was at
    the start, and a step of learning rate `lr` turns the weights by that share of their length. Groups with
    `"turn": False` are AdamW's.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], momentum: float = 0.95, dtype: torch.dtype = torch.float32
    ) -> None:
        """`dtype` is what directions are computed in."""
        self.dtype = dtype
        defaults = {"lr": 0.0, "turn": True, "weight_decay": 0.0, "betas": (0.9, 0.98), "momentum": momentum}
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not group["turn"]:
                for weight in weights:
                    self._adamw(weight, group)
                continue
            alike: dict[torch.Size, list[Tensor]] = {}
            for weight in weights:
                alike.setdefault(weight.shape, []).append(weight)
            for together in alike.values():
                self._turn(together, group)
        return loss

    def _turn(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        """Weights of one shape: multiplied together they cost less than one by one."""
        wanted = torch.stack([self._momentum(weight, group["momentum"]) for weight in weights])
        directions = orthogonalised(wanted.flatten(2), self.dtype)
        for weight, direction in zip(weights, directions, strict=True):
            length = self.state[weight]["length"]
            share = group["lr"] * length / (direction.norm() + 1e-12)
            weight.sub_(direction.view_as(weight) * share)
            weight.mul_(length / (weight.norm() + 1e-12))

    def _momentum(self, weight: Tensor, share: float) -> Tensor:
        """Momentum of the weight's gradients so far, with Nesterov's look ahead."""
        state, gradient = self.state[weight], weight.grad
        assert gradient is not None
        if not state:
            state["momentum"] = torch.zeros_like(weight)
            state["length"] = weight.norm()
        momentum: Tensor = state["momentum"].mul_(share).add_(gradient)
        return gradient.add(momentum, alpha=share)

    def _adamw(self, weight: Tensor, group: dict[str, Any]) -> None:
        state, gradient = self.state[weight], weight.grad
        assert gradient is not None
        if not state:
            state["steps"] = 0
            state["mean"] = torch.zeros_like(weight)
            state["square"] = torch.zeros_like(weight)
        state["steps"] += 1
        beta1, beta2 = group["betas"]
        mean = state["mean"].lerp_(gradient, 1 - beta1)
        square = state["square"].lerp_(gradient * gradient, 1 - beta2)
        deviation = square.sqrt().div_(math.sqrt(1 - beta2 ** state["steps"])).add_(1e-8)
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.addcdiv_(mean, deviation, value=-group["lr"] / (1 - beta1 ** state["steps"]))


def build_optimizer(
    network: nn.Module, config: OptimizerConfig, dtype: torch.dtype = torch.float32
) -> torch.optim.Optimizer:
    """The optimiser that `config` names, over all parameters; no weight decay on biases and normalisations.

    `dtype`: what Muon computes directions in.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    if config.name == "muon":
        tower = [p for p in parameters if p.ndim == 4 and p.shape[-1] == 3]
        chosen = {id(p) for p in tower}
        rest = [p for p in parameters if id(p) not in chosen]
        groups = [{"params": tower, "lr": config.lr, "turn": True}]
        groups += [
            {**group, "lr": config.adam_lr, "turn": False} for group in _decayed(rest, config.weight_decay)
        ]
        return Muon(groups, dtype=dtype)
    groups = _decayed(parameters, config.weight_decay)
    if config.name == "adamw":
        return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.98))
    return torch.optim.SGD(groups, lr=config.lr, momentum=0.9, nesterov=True)


def _decayed(parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
