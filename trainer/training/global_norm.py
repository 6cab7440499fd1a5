"""Batch normalisation over the batches of all devices, as if they were one."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _SumOverDevices(torch.autograd.Function):
    """The sum of a tensor over all devices; its gradient is the sum of theirs."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class GlobalNorm(nn.BatchNorm2d):
    """A BatchNorm2d whose statistics in training are those of the whole step; each device has as many positions.

    torch's own SyncBatchNorm does the same for GPUs alone.
    """

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same."""
        if not self.training or not dist.is_initialized() or dist.get_world_size() == 1:
            return super().forward(x)
        values = x.float()
        local = torch.stack([values.mean((0, 2, 3)), (values * values).mean((0, 2, 3))])
        total: Tensor = _SumOverDevices.apply(local)  # type: ignore[no-untyped-call]
        mean, square = total / dist.get_world_size()
        variance = square - mean * mean
        self._note(
            mean.detach(), variance.detach(), values.numel() // values.shape[1] * dist.get_world_size()
        )
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        out: Tensor = values * scale[:, None, None] + shift[:, None, None]
        return out.to(x.dtype)

    @torch.no_grad()
    def _note(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Let the running statistics follow."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), share)


def make_global(network: nn.Module) -> None:
    """Turn every BatchNorm2d of `network` into a GlobalNorm, its tensors kept."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = GlobalNorm
