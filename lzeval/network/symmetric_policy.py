"""A policy head that treats the eight images of a board alike.

A position may be turned and mirrored, and its best move goes along. A convolution need not know that, but the
policy's fully connected layer has a weight for each pair of one of its inputs and a move, a quarter of a million of
them, and each of the eight images of such a pair learns by itself what all might share. Tied together they learn from
eight times as many positions, and what a weight picked up by chance is averaged away: the bundled networks came to
predict better by this mean alone. A network whose layer is far from symmetric is another one afterwards, and a bad one:
so it is with Leela Zero's 5x64 networks.

The value's layers are left alone: what they weigh is mixed in hidden units, which have no images of their own.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from lzeval.go.points import symmetry_tables
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import POLICY_CHANNELS
from lzeval.network.weights_file.weights import LeelaWeights

SYMMETRIC = 1e-4
"""Largest `asymmetry` of a layer that counts as symmetric: what rounding leaves."""


def symmetrized(weights: LeelaWeights) -> LeelaWeights:
    """`weights` with each weight of the policy's fully connected layer replaced by the mean of its eight images."""
    tensors = dict(weights.tensors)
    for name in ("policy.fc.weight", "policy.fc.bias"):
        values = torch.tensor(tensors[name]).double()
        tensors[name] = _mean_of_images(values, weights.shape.board_size).float().numpy()
    return LeelaWeights(weights.version, weights.shape, tensors)


def asymmetry(network: LeelaNetwork) -> float:
    """Distance of the policy's layer from its symmetric mean, as a share of its length: 0 to 1."""
    weight = network.policy.fc.weight.detach().double()
    mean = _mean_of_images(weight, network.shape.board_size)
    return float((weight - mean).norm() / weight.norm().clamp(min=1e-30))


def keep_symmetric(network: LeelaNetwork) -> None:
    """Make the policy's layer symmetric, and its gradients from now on: any optimiser then keeps it so, to the bit."""
    mean = partial(_mean_of_images, size=network.shape.board_size)
    for parameter in network.policy.fc.parameters():
        with torch.no_grad():
            parameter.copy_(mean(parameter))
        parameter.register_hook(mean)  # type: ignore[no-untyped-call]


def _mean_of_images(values: Tensor, size: int) -> Tensor:
    """The layer's weights or biases `values`, each replaced by its images' mean, and so equal to them to the bit."""
    members, orbits = _orbits(size, values.ndim, values.device)
    return values.flatten()[members].mean(0)[orbits]


@cache
def _orbits(size: int, axes: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Orbits: numbers that turning and mirroring the board take to each other.

    Where the members of each are in the flattened layer, `[8, O]`, repeated where there are fewer; and the orbit of
    each bias `[S*S + 1]` (where `axes` is 1) or weight `[S*S + 1, 2*S*S]`, 0 to O - 1.
    """
    points = size * size
    images = symmetry_tables(size).astype(np.int64)
    if axes == 2:
        inputs = [channel * points + images[:, None, :-1] for channel in range(POLICY_CHANNELS)]
        images = images[:, :, None] * (POLICY_CHANNELS * points) + np.concatenate(inputs, 2)
    _, first, orbits = np.unique(images.min(0), return_index=True, return_inverse=True)
    members = images.reshape(len(images), -1)[:, first]
    return torch.from_numpy(members).to(device), torch.from_numpy(orbits.reshape(images.shape[1:])).to(device)
