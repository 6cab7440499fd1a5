"""A larger network that plays exactly as a smaller one did (Net2Net, Chen et al. 2016).

Widening copies channels and shares each copy's weights out among the layers that read them; deepening adds blocks
that begin as identities. So cheap positions can be spent on a small network, and dear ones on the large one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lzeval.errors import UserError
from lzeval.network.network import ConvBlock, LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape

NOISE = 0.1
"""Noise that sets copies of a channel apart, as a share of the weights' standard deviation."""


def grow(network: LeelaNetwork, shape: NetworkShape, seed: int = 0) -> LeelaNetwork:
    """A network of `shape` that computes what `network` does. Raises UserError if `shape` is smaller somewhere."""
    old = network.shape
    if shape.blocks < old.blocks or shape.filters < old.filters or shape.board_size != old.board_size:
        raise UserError(f"a network of {old} cannot grow into one of {shape}")
    generator = torch.Generator().manual_seed(seed)
    wide = LeelaNetwork(shape, value_is_blacks=network.value_is_blacks)
    source = torch.arange(shape.filters) % old.filters
    with torch.no_grad():
        _copy_conv(network.input, wide.input, None, source, generator)
        for block in range(old.blocks):
            for name in ("conv1", "conv2"):
                pair = getattr(network.blocks[block], name), getattr(wide.blocks[block], name)
                _copy_conv(*pair, source, source, generator)
        _copy_conv(network.policy.conv, wide.policy.conv, source, None, generator)
        _copy_conv(network.value.conv, wide.value.conv, source, None, generator)
        wide.policy.fc.load_state_dict(network.policy.fc.state_dict())
        wide.value.fc1.load_state_dict(network.value.fc1.state_dict())
        wide.value.fc2.load_state_dict(network.value.fc2.state_dict())
    return wide


def _copy_conv(
    old: ConvBlock, new: ConvBlock, inputs: Tensor | None, outputs: Tensor | None, generator: torch.Generator
) -> None:
    """Fill `new` from `old`: its channels are copies of the old channels numbered in `inputs` and `outputs`."""
    weight = old.conv.weight
    if outputs is not None:
        weight = weight[outputs]
        for name, value in old.norm.state_dict().items():
            if value.ndim:
                new.norm.state_dict()[name].copy_(value[outputs])
    else:
        new.norm.load_state_dict(old.norm.state_dict())
    if inputs is not None:
        weight = _share_out(weight, inputs, generator)
    new.conv.weight.copy_(weight)


def _share_out(weight: Tensor, inputs: Tensor, generator: torch.Generator) -> Tensor:
    """`[out, in, k, k]` to `[out, len(inputs), k, k]`: the copies of one input add up to its old weight."""
    copies = torch.bincount(inputs, minlength=weight.shape[1])
    shared = weight[:, inputs] / copies[inputs].view(1, -1, 1, 1)
    noise = torch.randn(shared.shape, generator=generator) * shared.std(correction=0) * NOISE
    sums = torch.zeros_like(weight).index_add_(1, inputs, noise)
    return shared + noise - (sums / copies.view(1, -1, 1, 1))[:, inputs]
