"""A policy head that treats the eight images of a board alike.

A position may be turned and mirrored, and its best move goes along. A convolution need not know that, but the
policy's fully connected layer has a weight for each pair of one of its inputs and a move, a quarter of a million of
them, and each of the eight images of such a pair learns by itself what all might share. Tied together they learn from
eight times as many positions, and what a weight picked up by chance is averaged away: a trained network often
predicts better with no more training than this mean. Where its two channels mean something that turns with the board,
as in Leela Zero's first networks, that mean is another policy, and a bad one.

The value's layers are left alone: what they weigh is mixed in hidden units, which have no images of their own.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lzeval.core.points import symmetry_tables
from lzeval.core.weights import POLICY_CHANNELS, LeelaWeights
from lzeval.net.network import LeelaNetwork

SYMMETRIC = 1e-4
"""Largest `asymmetry` of a layer that counts as symmetric: what rounding leaves."""

_WEIGHT, _BIAS = "policy.fc.weight", "policy.fc.bias"


def symmetrized(weights: LeelaWeights) -> LeelaWeights:
    """`weights` with each weight of the policy's fully connected layer replaced by the mean of its eight images."""
    size = weights.shape.board_size
    tensors = dict(weights.tensors)
    for name, orbits in zip((_WEIGHT, _BIAS), _orbits(size), strict=True):
        tensors[name] = orbits.mean(torch.tensor(tensors[name]).double()).float().numpy()
    return LeelaWeights(weights.version, weights.shape, tensors)


def asymmetry(network: LeelaNetwork) -> float:
    """How far the policy's layer is from its symmetric mean, as a share of its length: 0 to 1."""
    weight = network.policy.fc.weight.detach().double().cpu()
    mean = _orbits(network.shape.board_size)[0].mean(weight)
    return float((weight - mean).norm() / weight.norm().clamp(min=1e-30))


def keep_symmetric(network: LeelaNetwork) -> None:
    """Make the policy's layer symmetric, and its gradients from now on: any optimiser then keeps it so, to the bit."""
    layer = network.policy.fc
    for parameter, orbits in zip((layer.weight, layer.bias), _orbits(network.shape.board_size), strict=True):
        with torch.no_grad():
            parameter.copy_(orbits.mean(parameter))
        parameter.register_hook(orbits.mean)  # type: ignore[no-untyped-call]


class _Orbits:
    """Which numbers of a layer turning and mirroring the board take to each other."""

    def __init__(self, images: npt.NDArray[np.int64]) -> None:
        """`images` `[8, ...]`: where each index of the layer, `[...]`, goes under each symmetry."""
        _, numbers, counts = np.unique(images.min(0), return_inverse=True, return_counts=True)
        self._numbers = torch.from_numpy(numbers.reshape(images.shape[1:]))
        self._counts = torch.from_numpy(counts)

    def mean(self, values: Tensor) -> Tensor:
        """`values` `[...]` with each replaced by the mean of its orbit, and so equal to the others of it to the bit."""
        numbers, counts = self._numbers.to(values.device), self._counts.to(values)
        sums = torch.zeros_like(counts).index_add_(0, numbers.flatten(), values.flatten())
        return (sums / counts)[numbers]


@cache
def _orbits(size: int) -> tuple[_Orbits, _Orbits]:
    """Of the layer's weights `[S*S + 1, 2*S*S]`, and of its biases `[S*S + 1]`."""
    points = size * size
    moves = symmetry_tables(size).astype(np.int64)
    inputs = np.concatenate([channel * points + moves[:, :-1] for channel in range(POLICY_CHANNELS)], 1)
    return _Orbits(moves[:, :, None] * (POLICY_CHANNELS * points) + inputs[:, None, :]), _Orbits(moves)
