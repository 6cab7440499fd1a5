"""Batch normalisation, addition and ReLU in one go, for training on a CPU that multiplies bfloat16.

There the convolutions of a small network are so fast that what lies between them costs more than they do: torch
passes over a batch's activations three times forwards and four times backwards, and each pass waits for memory.
Here the statistics take one pass and everything else another one, both ways. Tensors are bfloat16, channels last;
sums are kept in float32 for some rows and in float64 beyond.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt
import torch
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic
from torch import Tensor, nn

from lzeval.core.jit import jit_parallel

PARTS = 64
"""Into how many parts the rows are divided: sums do not depend on the number of threads."""
ROWS_A_SUM = 64
"""Rows that are added up in float32."""
CHANNELS_A_VECTOR = 16
"""Fewer channels than a vector has places are left to torch."""

Halves = npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def _emit_float(_typing_context: Any, _half: Any) -> Any:
    def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(32)
        bits = builder.shl(builder.zext(arguments[0], word), ir.Constant(word, 16))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.uint16), build


def _emit_half(_typing_context: Any, _value: Any) -> Any:
    def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(32)
        bits = builder.bitcast(arguments[0], word)
        odd = builder.and_(builder.lshr(bits, ir.Constant(word, 16)), ir.Constant(word, 1))
        rounded = builder.add(bits, builder.add(odd, ir.Constant(word, 0x7FFF)))
        return builder.trunc(builder.lshr(rounded, ir.Constant(word, 16)), ir.IntType(16))

    return types.uint16(types.float32), build


_float = cast("Callable[[np.uint16], np.float32]", intrinsic(_emit_float))
"""A bfloat16, given as its 16 bits, as a float32."""
_half = cast("Callable[[np.float32], np.uint16]", intrinsic(_emit_half))
"""A finite float32 as the bits of the nearest bfloat16, ties to even."""


@jit_parallel
def _sums(x: Halves, sums: Doubles, squares: Doubles) -> None:
    """Per part and channel, `[PARTS, C]`: the sum of `x` `[N, C]` and of its squares."""
    rows, channels = x.shape
    part = (rows + PARTS - 1) // PARTS
    for number in prange(PARTS):
        total, square = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
        end = min(rows, (number + 1) * part)
        for first in range(number * part, end, ROWS_A_SUM):
            total[:] = 0
            square[:] = 0
            for row in range(first, min(first + ROWS_A_SUM, end)):
                for c in range(channels):
                    value = _float(x[row, c])
                    total[c] += value
                    square[c] += value * value
            for c in range(channels):
                sums[number, c] += total[c]
                squares[number, c] += square[c]


@jit_parallel
def _apply(x: Halves, added: Halves, scale: Floats, shift: Floats, out: Halves) -> None:
    """`out = relu(x * scale + shift + added)`, all `[N, C]`; an `added` without rows counts as 0."""
    rows, channels = x.shape
    part = (rows + PARTS - 1) // PARTS
    nothing = added.shape[0] == 0
    for number in prange(PARTS):
        for row in range(number * part, min(rows, (number + 1) * part)):
            if nothing:
                for c in range(channels):
                    out[row, c] = _half(max(_float(x[row, c]) * scale[c] + shift[c], np.float32(0)))
            else:
                for c in range(channels):
                    value = _float(x[row, c]) * scale[c] + shift[c] + _float(added[row, c])
                    out[row, c] = _half(max(value, np.float32(0)))


@jit_parallel
def _mask_and_sum(
    incoming: Halves, out: Halves, x: Halves, masked: Halves, sums: Doubles, products: Doubles
) -> None:
    """`masked = incoming` where `out` is not 0; per part and channel its sum, and the sum of its product with `x`."""
    rows, channels = x.shape
    part = (rows + PARTS - 1) // PARTS
    for number in prange(PARTS):
        total, product = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
        end = min(rows, (number + 1) * part)
        for first in range(number * part, end, ROWS_A_SUM):
            total[:] = 0
            product[:] = 0
            for row in range(first, min(first + ROWS_A_SUM, end)):
                for c in range(channels):
                    bits = incoming[row, c] if out[row, c] != 0 else np.uint16(0)
                    masked[row, c] = bits
                    value = _float(bits)
                    total[c] += value
                    product[c] += value * _float(x[row, c])
            for c in range(channels):
                sums[number, c] += total[c]
                products[number, c] += product[c]


@jit_parallel
def _combine(first: Halves, x: Halves, a: Floats, b: Floats, constant: Floats, out: Halves) -> None:
    """`out = first * a + x * b + constant`, rows `[N, C]` and factors `[C]`."""
    rows, channels = x.shape
    part = (rows + PARTS - 1) // PARTS
    for number in prange(PARTS):
        for row in range(number * part, min(rows, (number + 1) * part)):
            for c in range(channels):
                out[row, c] = _half(_float(first[row, c]) * a[c] + _float(x[row, c]) * b[c] + constant[c])


def _rows(tensor: Tensor) -> Halves:
    """The bits of a channels-last `[B, C, H, W]` as `[B * H * W, C]`, without a copy."""
    flat = tensor.detach().permute(0, 2, 3, 1).reshape(-1, tensor.shape[1])
    rows: Halves = flat.view(torch.uint16).numpy()
    return rows


def _singles(values: Doubles) -> Floats:
    return np.ascontiguousarray(values, np.float32)


def _use_torchs_threads() -> None:
    most: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    numba.set_num_threads(min(torch.get_num_threads(), most))


class _NormAddRelu(torch.autograd.Function):
    """`relu((x - mean) / sqrt(variance + eps) * gamma + beta + added)` with the batch's own statistics."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, added: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the result, and the batch's mean and biased variance, `[C]`."""
        _use_torchs_threads()
        rows = _rows(x)
        sums, squares = np.zeros((PARTS, rows.shape[1])), np.zeros((PARTS, rows.shape[1]))
        _sums(rows, sums, squares)
        mean = sums.sum(0) / len(rows)
        variance = np.maximum(squares.sum(0) / len(rows) - mean**2, 0.0)
        inverse = 1 / np.sqrt(variance + eps)
        scale = gamma.detach().double().numpy() * inverse
        shift = beta.detach().double().numpy() - mean * scale
        out = torch.empty_like(x)
        other = _rows(added) if added is not None else np.empty((0, rows.shape[1]), np.uint16)
        _apply(rows, other, _singles(scale), _singles(shift), _rows(out))
        ctx.save_for_backward(x, out)
        ctx.statistics = mean, inverse, scale
        ctx.has_added = added is not None
        found = torch.from_numpy(_singles(mean)), torch.from_numpy(_singles(variance))
        ctx.mark_non_differentiable(*found)
        return out, *found

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> tuple[Tensor | None, ...]:
        _use_torchs_threads()
        x, out = ctx.saved_tensors
        mean, inverse, scale = ctx.statistics
        gradient = incoming[0].contiguous(memory_format=torch.channels_last)
        rows, masked = _rows(x), torch.empty_like(x)
        sums, products = np.zeros((PARTS, rows.shape[1])), np.zeros((PARTS, rows.shape[1]))
        _mask_and_sum(_rows(gradient), _rows(out), rows, _rows(masked), sums, products)
        to_beta = sums.sum(0)
        to_gamma = (products.sum(0) - mean * to_beta) * inverse
        # dx = scale * (g - mean(g) - x_hat * mean(g * x_hat)), with x_hat = (x - mean) * inverse
        b = -scale * inverse * to_gamma / len(rows)
        constant = -scale * to_beta / len(rows) - b * mean
        to_x = torch.empty_like(x)
        _combine(_rows(masked), rows, _singles(scale), _singles(b), _singles(constant), _rows(to_x))
        return (
            to_x,
            torch.from_numpy(_singles(to_gamma)),
            torch.from_numpy(_singles(to_beta)),
            masked if ctx.has_added else None,
            None,
        )


def can_fuse(x: Tensor, norm: nn.BatchNorm2d) -> bool:
    """Whether `norm_add_relu` takes `x` `[B, C, H, W]`: bfloat16 on a CPU, channels last, in training."""
    return (
        x.dtype == torch.bfloat16
        and type(norm) is nn.BatchNorm2d
        and norm.training
        and x.device.type == "cpu"
        and x.shape[1] % CHANNELS_A_VECTOR == 0
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def norm_add_relu(x: Tensor, norm: nn.BatchNorm2d, added: Tensor | None) -> Tensor:
    """`relu(norm(x) + added)` for what `can_fuse`, running statistics updated; shapes `[B, C, H, W]`."""
    if added is not None:
        added = added.to(x.dtype).contiguous(memory_format=torch.channels_last)
    out, mean, variance = _NormAddRelu.apply(x, norm.weight, norm.bias, added, norm.eps)  # type: ignore[no-untyped-call]
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    count = x.numel() // x.shape[1]
    with torch.no_grad():
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (count / max(count - 1, 1)), norm.momentum)
    result: Tensor = out
    return result
