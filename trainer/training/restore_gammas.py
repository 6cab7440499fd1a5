"""A finished network made ready to learn: its normalisations' statistics measured, what it computes left alone.

A weights file has no gamma. It is multiplied into the convolution, and the variance beside it stays what it was before
(`lzeval.network.leela`): right for playing, and for no batch, whose own statistics would take the gamma away again.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

ENOUGH_POSITIONS = 512


class _Observed:
    """Means over batches of what one normalisation is given."""

    def __init__(self) -> None:
        self.batches = 0
        self.mean: Tensor | float = 0.0
        self.variance: Tensor | float = 0.0
        """Mean and variance `[C]`, in float64; the variance is that within a batch."""

    def look(self, _norm: nn.Module, given: tuple[Any, ...]) -> None:
        """A forward pre-hook."""
        x = given[0].double()
        self.batches += 1
        self.mean += (x.mean((0, 2, 3)) - self.mean) / self.batches
        self.variance += (x.var((0, 2, 3), correction=0) - self.variance) / self.batches


@torch.no_grad()
def restore_gammas(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Give every BatchNorm2d the statistics of `batches` `[B, 18, S, S]`, and the gamma and beta that make up for it.

    In evaluation `network` answers as before, up to rounding; in training it begins to answer so.
    """
    observed = {norm: _Observed() for norm in network.modules() if isinstance(norm, nn.BatchNorm2d)}
    was_training = network.training
    network.eval()
    with ExitStack() as hooks:
        for norm, found in observed.items():
            hooks.callback(norm.register_forward_pre_hook(found.look).remove)
        for planes in batches:
            network(planes)
    network.train(was_training)
    for norm, found in observed.items():
        if found.batches:
            _restate(norm, torch.as_tensor(found.mean), torch.as_tensor(found.variance))


def _restate(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    """Let `norm` have these statistics and map every number as it did."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    old_scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.double() + old_scale * (mean - norm.running_mean.double())
    norm.weight.copy_(old_scale * (variance + norm.eps).sqrt())
    norm.bias.copy_(shift)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
