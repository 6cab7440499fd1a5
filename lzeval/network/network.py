"""Leela Zero's network: AlphaGo Zero's residual tower with a policy head and a value head (Silver et al., 2017).

Here it is in the form one trains: convolutions without bias, each followed by a batch normalisation with
its own scale (gamma) and offset (beta). `lzeval.network.leela` folds both away for the weights file.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lzeval.network.weights_file.layout import (
    INPUT_PLANES,
    POLICY_CHANNELS,
    VALUE_CHANNELS,
    VALUE_HIDDEN,
    NetworkShape,
)
from lzeval.network.weights_file.weights import BATCH_NORM_EPSILON

SHAPES = {
    "small": NetworkShape(blocks=8, filters=32),
    "big": NetworkShape(blocks=6, filters=128),
    "huge": NetworkShape(blocks=20, filters=128),
}
"""The sizes that have a name."""

POLICY_START = 3.0
"""Weight by which an untrained policy head ties a point's logit to its own two channels, plus and minus.

Without it the fully connected layer has to find out which of its inputs is which point, which takes longer
than learning to play: after 24,000 positions a 6x32 network predicts 30 % of moves with it and 1 % without.
"""
POLICY_NOISE = 0.002
"""Standard deviation of the layer's other weights."""


class NetOutput(NamedTuple):
    """Answers of the network about `B` positions on an `S`-sided board."""

    policy_logits: Tensor
    """[B, S*S + 1], in the order of point indices, the pass last; softmax makes them probabilities."""
    value: Tensor
    """[B], -1 to 1, for the side to move (for Black where `LeelaNetwork.value_is_blacks`)."""


class ConvBlock(nn.Module):
    """A convolution that keeps the board's size, batch-normalised."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPSILON)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs, S, S]` to `[B, outputs, S, S]`, before any activation."""
        y: Tensor = self.norm(self.conv(x))
        return y

    def activated(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """`relu(self(x) + added)`, in fewer passes where that is known to be faster."""
        return self.activated_twice(x, added)[0]

    def activated_twice(self, x: Tensor, added: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`activated` for two readers, whose gradients are then added in passing."""
        y = self._convolved(x)
        if self._trains_on_cpu(y):
            from lzeval.network.cpu_layers.fused import can_fuse, norm_add_relu  # brings numba along

            if can_fuse(y, self.norm):
                return norm_add_relu(y, self.norm, added)
        y = self.norm(y)
        y = F.relu(y if added is None else y + added)
        return y, y

    def _convolved(self, x: Tensor) -> Tensor:
        if self._trains_on_cpu(x):
            from lzeval.network.cpu_layers.winograd import can_convolve, convolve

            if can_convolve(x, self.conv):
                return convolve(x, self.conv)
        y: Tensor = self.conv(x)
        return y

    def _trains_on_cpu(self, x: Tensor) -> bool:
        """Tell whether functions compiled by numba help, which is brought along only there."""
        return x.device.type == "cpu" and self.norm.training and not torch.compiler.is_compiling()


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to their input: at first, with a last gamma of 0, nothing."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.conv1 = ConvBlock(filters, filters, 3)
        self.conv2 = ConvBlock(filters, filters, 3)
        nn.init.zeros_(self.conv2.norm.weight)

    def forward(self, x: Tensor, skipped: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, filters, S, S]` to the same; both come twice, for the convolution and for what passes it by."""
        return self.conv2.activated_twice(self.conv1.activated(x), skipped)


class PolicyHead(nn.Module):
    """Tower to the logits of every point and the pass."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.conv = ConvBlock(shape.filters, POLICY_CHANNELS, 1)
        self.fc = nn.Linear(POLICY_CHANNELS * shape.points, shape.points + 1)
        nn.init.normal_(self.fc.weight, std=POLICY_NOISE)
        with torch.no_grad():
            for channel, sign in enumerate((1, -1)):
                own = self.fc.weight[: shape.points, channel * shape.points :].diagonal()
                own += sign * POLICY_START
        nn.init.zeros_(self.fc.bias)

    def forward(self, tower: Tensor) -> Tensor:
        """`[B, filters, S, S]` to `[B, S*S + 1]`."""
        logits: Tensor = self.fc(self.conv.activated(tower).flatten(1))
        return logits


class ValueHead(nn.Module):
    """Tower to one number from -1 (lost) to 1 (won)."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.conv = ConvBlock(shape.filters, VALUE_CHANNELS, 1)
        self.fc1 = nn.Linear(VALUE_CHANNELS * shape.points, VALUE_HIDDEN)
        self.fc2 = nn.Linear(VALUE_HIDDEN, 1)
        nn.init.kaiming_normal_(self.fc1.weight, nonlinearity="relu")
        nn.init.xavier_normal_(self.fc2.weight)
        nn.init.zeros_(self.fc1.bias)
        nn.init.zeros_(self.fc2.bias)

    def forward(self, tower: Tensor) -> Tensor:
        """`[B, filters, S, S]` to `[B]`."""
        hidden = F.relu(self.fc1(self.conv.activated(tower).flatten(1)))
        value: Tensor = self.fc2(hidden).squeeze(1).tanh()
        return value


class LeelaNetwork(nn.Module):
    """A network Leela Zero can play with, once `lzeval.network.leela` has written it down."""

    def __init__(self, shape: NetworkShape, *, value_is_blacks: bool = False) -> None:
        """Freshly initialised weights, from torch's global random generator.

        `value_is_blacks`: the value is Black's chance and not the mover's, as in weights files of version 2
        (ELF OpenGo). The network itself computes the same either way; who reads the value must convert.
        """
        super().__init__()
        self.shape = shape
        self.value_is_blacks = value_is_blacks
        self.input = ConvBlock(INPUT_PLANES, shape.filters, 3)
        self.blocks = nn.ModuleList(ResidualBlock(shape.filters) for _ in range(shape.blocks))
        self.policy = PolicyHead(shape)
        self.value = ValueHead(shape)

    def forward(self, planes: Tensor) -> NetOutput:
        """Evaluate `planes`, `[B, 18, S, S]`: row 0 is the bottom line, column 0 is A."""
        x, again = self.input.activated_twice(planes)
        for block in self.blocks:
            x, again = block(x, again)
        return NetOutput(self.policy(x), self.value(again))
