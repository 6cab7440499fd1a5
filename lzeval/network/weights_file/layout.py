"""The tensors of a Leela Zero network, in the order in which a weights file has them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from lzeval.errors import UserError
from lzeval.go.points import LARGEST, SMALLEST

INPUT_PLANES = 18
POLICY_CHANNELS = 2
VALUE_CHANNELS = 1
VALUE_HIDDEN = 256
INPUT_ROWS, BLOCK_ROWS, HEAD_ROWS = 4, 8, 14
"""Lines of the file: of the input convolution, of each block, of both heads together."""


@dataclass(frozen=True)
class NetworkShape:
    """Size of a network: all that distinguishes its layers from another's."""

    blocks: int
    """Residual blocks, two convolutions each."""
    filters: int
    """Channels of every convolution of the tower."""
    board_size: int = 19
    """Points along a side of the board, 2 to 25."""

    def __post_init__(self) -> None:
        if self.blocks < 0 or self.filters < 1:
            raise UserError(f"a network of {self.blocks} blocks and {self.filters} filters cannot be")
        if not SMALLEST <= self.board_size <= LARGEST:
            raise UserError(f"board size {self.board_size} is not from {SMALLEST} to {LARGEST}")

    @property
    def points(self) -> int:
        return self.board_size**2

    def __str__(self) -> str:
        return f"{self.blocks} blocks x {self.filters} filters for {self.board_size}x{self.board_size}"


@dataclass(frozen=True)
class TensorSpec:
    """One line of the file."""

    name: str
    """Layer and part, as in `block3.conv2.mean` or `policy.fc.weight`; the last word says what the numbers are."""
    shape: tuple[int, ...]
    """C order; convolutions are [out, in, k, k], fully connected layers [out, in]."""

    @property
    def length(self) -> int:
        return math.prod(self.shape)

    @property
    def is_variance(self) -> bool:
        return self.name.endswith(".variance")


def tensor_layout(shape: NetworkShape) -> list[TensorSpec]:
    """Every line after the version, in the order of the file."""
    filters, points = shape.filters, shape.points
    specs = list(_convolution("input", INPUT_PLANES, filters, 3))
    for block in range(1, shape.blocks + 1):
        for conv in ("conv1", "conv2"):
            specs += _convolution(f"block{block}.{conv}", filters, filters, 3)
    specs += _convolution("policy.conv", filters, POLICY_CHANNELS, 1)
    specs += _fully_connected("policy.fc", POLICY_CHANNELS * points, points + 1)
    specs += _convolution("value.conv", filters, VALUE_CHANNELS, 1)
    specs += _fully_connected("value.fc1", VALUE_CHANNELS * points, VALUE_HIDDEN)
    specs += _fully_connected("value.fc2", VALUE_HIDDEN, 1)
    return specs


def _convolution(name: str, inputs: int, outputs: int, kernel: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{name}.weight", (outputs, inputs, kernel, kernel))
    for part in ("bias", "mean", "variance"):
        yield TensorSpec(f"{name}.{part}", (outputs,))


def _fully_connected(name: str, inputs: int, outputs: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{name}.weight", (outputs, inputs))
    yield TensorSpec(f"{name}.bias", (outputs,))
