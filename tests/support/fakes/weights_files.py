"""Small networks for tests, and weights files with something wrong."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape, tensor_layout
from lzeval.network.weights_file.weights import LeelaWeights

TINY = NetworkShape(blocks=2, filters=3, board_size=5)


def tiny_weights(seed: int = 0, shape: NetworkShape = TINY, version: int = 1) -> LeelaWeights:
    """Random numbers in every tensor, of a size that neither dies out nor explodes; variances above 0."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for spec in tensor_layout(shape):
        inputs = int(np.prod(spec.shape[1:]))
        numbers = rng.normal(0, 1 / np.sqrt(inputs) if inputs > 1 else 0.3, spec.shape).astype(np.float32)
        tensors[spec.name] = np.abs(numbers) + np.float32(0.3) if spec.is_variance else numbers
    return LeelaWeights(version, shape, tensors)


def lived_in_network(seed: int, shape: NetworkShape = TINY) -> LeelaNetwork:
    """A network in evaluation mode whose normalisations look trained: gammas of both signs, and one of 0."""
    network = LeelaNetwork(shape)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            inputs = parameter[0].numel()
            parameter.normal_(0, inputs**-0.5 if inputs > 1 else 0.3, generator=generator)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                _age(module, generator)
    return network.eval()


def _age(norm: nn.BatchNorm2d, generator: torch.Generator) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.weight.normal_(0, 1, generator=generator)
    norm.bias.normal_(0, 0.5, generator=generator)
    norm.running_mean.normal_(0, 0.5, generator=generator)
    norm.running_var.uniform_(0.3, 2, generator=generator)
    if norm.num_features > 2:
        norm.weight[0] = 0


def random_planes(batch: int, size: int, seed: int = 0) -> torch.Tensor:
    """`[batch, 18, size, size]` of zeros and ones, Black to move in every other position."""
    rng = np.random.default_rng(seed)
    planes = (rng.random((batch, 18, size, size)) < 0.2).astype(np.float32)
    planes[:, 16:] = 0
    planes[::2, 16] = 1
    planes[1::2, 17] = 1
    return torch.from_numpy(planes)


def as_lines(weights: LeelaWeights) -> list[str]:
    """The file's lines, by a writer that knows nothing of lzeval's."""
    rows = [" ".join(repr(float(number)) for number in tensor.ravel()) for tensor in weights.tensors.values()]
    return [str(weights.version), *rows]


def write_lines(path: Path, lines: list[str], end: str = "\n") -> Path:
    path.write_bytes((end.join(lines) + end).encode())
    return path


Damage = Callable[[list[str]], list[str]]
"""What happens to a sound file's lines."""


def with_line(number: int, change: Callable[[str], str]) -> Damage:
    """Change one line, counted from 1."""

    def damage(lines: list[str]) -> list[str]:
        return [*lines[: number - 1], change(lines[number - 1]), *lines[number:]]

    return damage


def with_number(line: int, number: int, text: str) -> Damage:
    """Put `text` in the place of one number, both counted from 1."""

    def change(row: str) -> str:
        numbers = row.split()
        numbers[number - 1] = text
        return " ".join(numbers)

    return with_line(line, change)


def without_line(number: int) -> Damage:
    return lambda lines: lines[: number - 1] + lines[number:]


def with_extra_line(number: int, text: str) -> Damage:
    """Make `text` the line of this number, and move the others down."""
    return lambda lines: [*lines[: number - 1], text, *lines[number - 1 :]]


def write_foreign_files(folder: Path) -> dict[str, Path]:
    """Files that people mistake for Leela Zero weights, by kind."""
    contents = {
        "empty": b"",
        "game record": b"(;GM[1]FF[4]SZ[19];B[pd];W[dd])\n",
        "KataGo": gzip.compress(b"g170-b6c96\n8\n22\n2\nconv1\n3 3 22 96 1 1\n@BIN@\x00\x01\x02"),
        "binary": b"\x0d\xc0\xde\x01\x00\x00\x02\x00",
        "zip": b"PK\x03\x04\x14\x00\x00\x00\x00\x00",
        "prose": b"# My network\n\nIt is strong.\n",
        "web page": b"<!DOCTYPE html>\n<html><body>Not found</body></html>\n",
    }
    paths = {}
    for number, (kind, content) in enumerate(contents.items()):
        paths[kind] = folder / f"foreign{number}.txt"
        paths[kind].write_bytes(content)
    return paths
