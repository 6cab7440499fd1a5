"""A second opinion on Leela Zero's network: from the text of a weights file to its answers, in numpy.

It shares no line with lzeval: it reads the text itself, tells the layers by their order, and computes in
double precision what leelaz computes, `(conv(x) + bias - mean) / sqrt(variance + 1e-5)`.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    policy: Array
    """[B, S*S + 1] probabilities, the pass last."""
    value: Array
    """[B], -1 to 1."""


def numpy_forward(path: Path, planes: npt.NDArray[np.float32]) -> Judgement:
    """Evaluate `planes`, `[B, 18, S, S]`, with the network in the file."""
    rows = _read_rows(path)
    following = iter(rows)
    batch, _, size, _ = planes.shape
    x = np.maximum(_normalised(planes.astype(np.float64), following, kernel=3), 0)
    for _ in range((len(rows) - 18) // 8):
        y = np.maximum(_normalised(x, following, kernel=3), 0)
        x = np.maximum(_normalised(y, following, kernel=3) + x, 0)
    head = np.maximum(_normalised(x, following, kernel=1), 0).reshape(batch, -1)
    policy = _softmax(_connected(head, following))
    assert policy.shape == (batch, size * size + 1)
    head = np.maximum(_normalised(x, following, kernel=1), 0).reshape(batch, -1)
    hidden = np.maximum(_connected(head, following), 0)
    return Judgement(policy, np.tanh(_connected(hidden, following))[:, 0])


def _read_rows(path: Path) -> list[Array]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("ascii")
    return [np.array([float(token) for token in line.split()]) for line in text.splitlines()[1:]]


def _normalised(x: Array, rows: Iterator[Array], kernel: int) -> Array:
    weight, bias, mean, variance = (next(rows) for _ in range(4))
    filters = weight.reshape(bias.size, x.shape[1], kernel, kernel)
    y = _convolution(x, filters) + (bias - mean)[:, None, None]
    return y / np.sqrt(variance + 1e-5)[:, None, None]


def _convolution(x: Array, filters: Array) -> Array:
    kernel, size = filters.shape[-1], x.shape[-1]
    margin = kernel // 2
    padded = np.pad(x, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
    total = np.zeros((x.shape[0], filters.shape[0], size, size))
    for row in range(kernel):
        for column in range(kernel):
            shifted = padded[:, :, row : row + size, column : column + size]
            total += np.einsum("oi,bihw->bohw", filters[:, :, row, column], shifted)
    return total


def _connected(x: Array, rows: Iterator[Array]) -> Array:
    weight, bias = next(rows), next(rows)
    return x @ weight.reshape(bias.size, x.shape[1]).T + bias


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
