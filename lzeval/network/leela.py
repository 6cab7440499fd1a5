"""The walk between a network in the form one trains and Leela Zero's weights file.

Training computes `gamma * (conv(x) - mean) / sqrt(variance + eps) + beta`; leelaz computes
`(conv(x) + bias - mean) / sqrt(variance + eps)`. They agree when the file's convolution and mean are
`gamma` times the network's, its bias is `beta * sqrt(variance + eps)`, and the variance stays. That holds
for negative and zero gamma as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lzeval.compiled.arrays import Floats, Floats32
from lzeval.network.network import ConvBlock, LeelaNetwork, ResidualBlock
from lzeval.network.weights_file.layout import tensor_layout
from lzeval.network.weights_file.weights import (
    BATCH_NORM_EPSILON,
    BLACKS_VALUE,
    MOVERS_VALUE,
    LeelaWeights,
    read_weights,
    write_weights,
)

SMALLEST_VARIANCE = 1e-12
"""A channel that never varied is written with this variance: beside `eps` it changes no float32 result."""


def weights_from_network(network: LeelaNetwork) -> LeelaWeights:
    """Weights with which leelaz answers as `network` does in evaluation mode; computed in double precision."""
    folded: dict[str, Floats] = {}
    for name, layer in _layers(network):
        folded |= _fold(name, layer) if isinstance(layer, ConvBlock) else _linear(name, layer)
    tensors = {spec.name: folded[spec.name].astype(np.float32) for spec in tensor_layout(network.shape)}
    return LeelaWeights(BLACKS_VALUE if network.value_is_blacks else MOVERS_VALUE, network.shape, tensors)


def network_from_weights(weights: LeelaWeights) -> LeelaNetwork:
    """A network in evaluation mode that answers as leelaz does with `weights`, and that can be trained on.

    Its gammas are 1, and its betas carry the file's biases.
    """
    network = LeelaNetwork(weights.shape, value_is_blacks=weights.version == BLACKS_VALUE)
    with torch.no_grad():
        for name, layer in _layers(network):
            if isinstance(layer, ConvBlock):
                _unfold(name, layer, weights.tensors)
            else:
                layer.weight.copy_(torch.tensor(weights.tensors[f"{name}.weight"]))
                layer.bias.copy_(torch.tensor(weights.tensors[f"{name}.bias"]))
    return network.eval()


def read_network(path: str | Path, board_size: int | None = None) -> LeelaNetwork:
    """Read a weights file as `read_weights` does, with its errors, into a network in evaluation mode."""
    return network_from_weights(read_weights(path, board_size))


def write_network(network: LeelaNetwork, path: str | Path, digits: int | None = None) -> None:
    """Write `network` as a weights file, with the options and errors of `write_weights`."""
    write_weights(weights_from_network(network), path, digits)


def _layers(network: LeelaNetwork) -> Iterator[tuple[str, ConvBlock | nn.Linear]]:
    """Every layer that has weights, under its name in `tensor_layout`."""
    yield "input", network.input
    for number, block in enumerate(network.blocks, start=1):
        assert isinstance(block, ResidualBlock)
        yield f"block{number}.conv1", block.conv1
        yield f"block{number}.conv2", block.conv2
    yield "policy.conv", network.policy.conv
    yield "policy.fc", network.policy.fc
    yield "value.conv", network.value.conv
    yield "value.fc1", network.value.fc1
    yield "value.fc2", network.value.fc2


def _fold(name: str, layer: ConvBlock) -> dict[str, Floats]:
    """A convolution and its normalisation as the file's four tensors."""
    mean, variance = _statistics(layer)
    gamma, beta = _doubles(layer.norm.weight), _doubles(layer.norm.bias)
    written_variance = np.maximum(_doubles(variance), SMALLEST_VARIANCE)
    return {
        f"{name}.weight": _doubles(layer.conv.weight) * gamma[:, None, None, None],
        f"{name}.bias": beta * np.sqrt(written_variance + BATCH_NORM_EPSILON),
        f"{name}.mean": _doubles(mean) * gamma,
        f"{name}.variance": written_variance,
    }


def _linear(name: str, layer: nn.Linear) -> dict[str, Floats]:
    return {f"{name}.weight": _doubles(layer.weight), f"{name}.bias": _doubles(layer.bias)}


def _unfold(name: str, layer: ConvBlock, tensors: dict[str, Floats32]) -> None:
    bias, variance = (tensors[f"{name}.{part}"].astype(np.float64) for part in ("bias", "variance"))
    running_mean, running_variance = _statistics(layer)
    layer.conv.weight.copy_(torch.tensor(tensors[f"{name}.weight"]))
    layer.norm.weight.fill_(1.0)
    layer.norm.bias.copy_(torch.from_numpy(bias / np.sqrt(variance + BATCH_NORM_EPSILON)))
    running_mean.copy_(torch.tensor(tensors[f"{name}.mean"]))
    running_variance.copy_(torch.tensor(tensors[f"{name}.variance"]))


def _statistics(layer: ConvBlock) -> tuple[Tensor, Tensor]:
    """Running mean and variance, `[out]` each."""
    mean, variance = layer.norm.running_mean, layer.norm.running_var
    assert mean is not None
    assert variance is not None
    return mean, variance


def _doubles(tensor: Tensor) -> Floats:
    return tensor.detach().to("cpu", torch.float64).numpy()
