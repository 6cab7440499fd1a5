"""Averages of a network's weights over the steps of a run: exponential (EMA) and even, from some point on (SWA)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


class Average:
    """A running average of a network's parameters and of its normalisation statistics."""

    def __init__(self, kept: float | None) -> None:
        """`kept`: how much of the average stays at each step; None: all steps count alike."""
        self._kept = kept
        self.steps = 0
        self.state: State = {}
        """As `network.state_dict()`; empty before the first step."""

    @torch.no_grad()
    def add(self, network: nn.Module) -> None:
        """Take in the weights as they are now."""
        self.steps += 1
        kept = 1 - 1 / self.steps
        if self._kept is not None:
            kept = min(self._kept, kept)  # the first steps are averaged evenly: the start is soon forgotten
        for name, value in network.state_dict().items():
            if name not in self.state or not value.is_floating_point():
                self.state[name] = value.detach().clone()
            else:
                self.state[name].lerp_(value, 1 - kept)

    @contextmanager
    def put_into(self, network: nn.Module) -> Iterator[None]:
        """`network` with the averaged weights, for as long as the block lasts."""
        own = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(self.state)
        try:
            yield
        finally:
            network.load_state_dict(own)


@torch.no_grad()
def renew_statistics(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set every batch normalisation's statistics to what `batches` `[B, 18, S, S]` give with the weights as they are.

    Averaged weights have activations of their own, which the average of other weights' statistics does not describe.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta, was_training = [norm.momentum for norm in norms], network.training
    for norm in norms:
        norm.reset_running_stats()
    network.train()
    for number, planes in enumerate(batches, start=1):
        for norm in norms:
            norm.momentum = 1 / number  # an even average over the batches
        network(planes)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.train(was_training)
