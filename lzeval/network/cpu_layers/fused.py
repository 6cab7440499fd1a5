"""Batch normalisation, addition and ReLU in one go, for training on a CPU.

Where bfloat16 is multiplied, the convolutions of a small network are so fast that what lies between them costs more
than they do: torch passes over a batch's activations three times forwards and four times backwards, and each pass waits
for memory. Here the statistics take one pass and everything else another one, both ways. Tensors are bfloat16 or
float32, channels last; sums are kept in float32 for some rows and in float64 beyond.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import torch
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic
from torch import Tensor, nn

from lzeval.compiled.arrays import Floats, Floats32, Unsigned16
from lzeval.compiled.jit import jit_parallel

PARTS = 64
"""Into how many parts the rows are divided: sums do not depend on the number of threads."""
ROWS_A_SUM = 64
"""Rows that are added up in float32."""
CHANNELS_A_VECTOR = 16
"""Fewer channels than a vector has places are left to torch."""
LONG_ROW = 128
"""Values in a row from which on a loop's start no longer counts; shorter rows are taken several at a time."""

Values = Unsigned16 | Floats32
"""Activations: bfloat16 as their bits, or float32."""


def _emit_float(_typing_context: Any, stored: Any) -> Any:
    def build(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if signature.args[0] == types.float32:
            return arguments[0]
        word = ir.IntType(32)
        bits = builder.shl(builder.zext(arguments[0], word), ir.Constant(word, 16))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(stored), build


def _emit_stored(_typing_context: Any, like: Any, _value: Any) -> Any:
    def build(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if signature.return_type == types.float32:
            return arguments[1]
        word = ir.IntType(32)
        bits = builder.bitcast(arguments[1], word)
        odd = builder.and_(builder.lshr(bits, ir.Constant(word, 16)), ir.Constant(word, 1))
        rounded = builder.add(bits, builder.add(odd, ir.Constant(word, 0x7FFF)))
        return builder.trunc(builder.lshr(rounded, ir.Constant(word, 16)), ir.IntType(16))

    return like(like, types.float32), build


_Value = np.uint16 | np.float32
_float = cast("Callable[[_Value], np.float32]", intrinsic(_emit_float))
"""A stored value as a float32."""
_stored = cast("Callable[[_Value, np.float32], _Value]", intrinsic(_emit_stored))
"""A finite float32 as values like the first one are stored: as it is, or as the bits of the nearest bfloat16, ties to
even."""


@jit_parallel
def _sums(x: Values, sums: Floats, squares: Floats) -> None:
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
def _apply(x: Values, added: Values, scale: Floats32, shift: Floats32, out: Values) -> None:
    """`out = relu(x * scale + shift + added)`, all `[N, C]`; an `added` without rows counts as 0."""
    rows, channels = x.shape
    part = (rows + PARTS - 1) // PARTS
    nothing = added.shape[0] == 0
    for number in prange(PARTS):
        for row in range(number * part, min(rows, (number + 1) * part)):
            if nothing:
                for c in range(channels):
                    out[row, c] = _stored(
                        out[row, c], max(_float(x[row, c]) * scale[c] + shift[c], np.float32(0))
                    )
            else:
                for c in range(channels):
                    value = _float(x[row, c]) * scale[c] + shift[c] + _float(added[row, c])
                    out[row, c] = _stored(out[row, c], max(value, np.float32(0)))


@jit_parallel
def _sum_gradients(
    incoming: Values,
    again: Values,
    x: Values,
    scale: Floats32,
    shift: Floats32,
    sums: Floats,
    products: Floats,
) -> None:
    """Per part and channel: the sum of what comes through the ReLU of `x * scale + shift`, and of its product with `x`.

    What comes is `incoming`, and `again` as well if that has rows, `[N, C]`.
    """
    rows, channels = x.shape
    part = (rows + PARTS - 1) // PARTS
    twice = again.shape[0] != 0
    for number in prange(PARTS):
        total, product = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
        end = min(rows, (number + 1) * part)
        for first in range(number * part, end, ROWS_A_SUM):
            total[:] = 0
            product[:] = 0
            for row in range(first, min(first + ROWS_A_SUM, end)):
                for c in range(channels):
                    value = _float(x[row, c])
                    gradient = _float(incoming[row, c])
                    if twice:
                        gradient += _float(again[row, c])
                    gradient = gradient if value * scale[c] + shift[c] > 0 else np.float32(0)
                    total[c] += gradient
                    product[c] += gradient * value
            for c in range(channels):
                sums[number, c] += total[c]
                products[number, c] += product[c]


@jit_parallel
def _pass_gradients(
    incoming: Values,
    again: Values,
    x: Values,
    scale: Floats32,
    shift: Floats32,
    slope: Floats32,
    constant: Floats32,
    out: Values,
) -> None:
    """`out = gradient * scale + x * slope + constant`, with the gradient as in `_sum_gradients`."""
    rows, channels = x.shape
    part = (rows + PARTS - 1) // PARTS
    twice = again.shape[0] != 0
    for number in prange(PARTS):
        for row in range(number * part, min(rows, (number + 1) * part)):
            for c in range(channels):
                value = _float(x[row, c])
                gradient = _float(incoming[row, c])
                if twice:
                    gradient += _float(again[row, c])
                gradient = gradient if value * scale[c] + shift[c] > 0 else np.float32(0)
                out[row, c] = _stored(out[row, c], gradient * scale[c] + value * slope[c] + constant[c])


@jit_parallel
def _mask_and_sum(
    incoming: Values,
    again: Values,
    out: Values,
    x: Values,
    masked: Values,
    sums: Floats,
    products: Floats,
) -> None:
    """As `_sum_gradients`, where something was added to `x`: the ReLU's result `out` says what it let through.

    That is written to `masked`, as it is the gradient of what was added as well.
    """
    rows, channels = x.shape
    part = (rows + PARTS - 1) // PARTS
    twice = again.shape[0] != 0
    for number in prange(PARTS):
        total, product = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
        end = min(rows, (number + 1) * part)
        for first in range(number * part, end, ROWS_A_SUM):
            total[:] = 0
            product[:] = 0
            for row in range(first, min(first + ROWS_A_SUM, end)):
                for c in range(channels):
                    gradient = _float(incoming[row, c])
                    if twice:
                        gradient += _float(again[row, c])
                    gradient = gradient if out[row, c] != 0 else np.float32(0)
                    masked[row, c] = _stored(masked[row, c], gradient)
                    total[c] += gradient
                    product[c] += gradient * _float(x[row, c])
            for c in range(channels):
                sums[number, c] += total[c]
                products[number, c] += product[c]


@jit_parallel
def _combine(first: Values, x: Values, a: Floats32, b: Floats32, constant: Floats32, out: Values) -> None:
    """`out = first * a + x * b + constant`, rows `[N, C]` and factors `[C]`."""
    rows, channels = x.shape
    part = (rows + PARTS - 1) // PARTS
    for number in prange(PARTS):
        for row in range(number * part, min(rows, (number + 1) * part)):
            for c in range(channels):
                out[row, c] = _stored(
                    out[row, c], _float(first[row, c]) * a[c] + _float(x[row, c]) * b[c] + constant[c]
                )


def _fold(x: Tensor) -> int:
    """Number of pixels of a channels-last `[B, C, H, W]` that make a row."""
    pixels, fold = x.numel() // x.shape[1], 1
    while fold * x.shape[1] < LONG_ROW and pixels % (2 * fold) == 0:
        fold *= 2
    return fold


def _rows(tensor: Tensor, fold: int) -> Values:
    """A channels-last `[B, C, H, W]` as `[B * H * W / fold, fold * C]`, not copied."""
    flat = tensor.detach().permute(0, 2, 3, 1).reshape(-1, fold * tensor.shape[1])
    rows: Values = (flat.view(torch.uint16) if flat.dtype == torch.bfloat16 else flat).numpy()
    return rows


def _rows_if_any(tensor: Tensor | None, fold: int, like: Values) -> Values:
    """As `_rows`, without rows for None."""
    return _rows(tensor, fold) if tensor is not None else like[:0]


def _factors(values: Floats, fold: int) -> Floats32:
    """Of each channel, `[C]`, for folded rows."""
    return np.tile(values.astype(np.float32), fold)


def _empty_sums(rows: Values) -> tuple[Floats, Floats]:
    return np.zeros((PARTS, rows.shape[1])), np.zeros((PARTS, rows.shape[1]))


def _by_channel(sums: Floats, fold: int) -> Floats:
    """`[PARTS, fold * C]` summed to `[C]`."""
    return np.asarray(sums.sum(0).reshape(fold, -1).sum(0))


def _parameter(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def use_torchs_threads() -> None:
    """Let compiled loops run on as many threads as torch does."""
    most: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    wanted = torch.get_num_threads()
    numba.set_num_threads(min(wanted, most))
    if torch.get_num_threads() != wanted:  # both may share one OpenMP, and numba's start sets it to all cores
        torch.set_num_threads(wanted)


class _NormAddRelu(torch.autograd.Function):
    """`relu((x - mean) / sqrt(variance + eps) * gamma + beta + added)` with the batch's own statistics."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor, added: Tensor | None, eps: float
    ) -> tuple[Tensor, ...]:
        """Returns the result twice, and the batch's mean and biased variance, `[C]`."""
        use_torchs_threads()
        fold, count = _fold(x), x.numel() // x.shape[1]
        rows = _rows(x, fold)
        sums, squares = _empty_sums(rows)
        _sums(rows, sums, squares)
        mean = _by_channel(sums, fold) / count
        variance = np.maximum(_by_channel(squares, fold) / count - mean**2, 0.0)
        inverse = 1 / np.sqrt(variance + eps)
        scale = gamma.detach().double().numpy() * inverse
        shift = beta.detach().double().numpy() - mean * scale
        out = torch.empty_like(x)
        _apply(
            rows,
            _rows_if_any(added, fold, rows),
            _factors(scale, fold),
            _factors(shift, fold),
            _rows(out, fold),
        )
        ctx.save_for_backward(x, out)
        ctx.statistics = mean, inverse, scale, shift
        ctx.has_added = added is not None
        ctx.set_materialize_grads(False)
        found = _parameter(mean), _parameter(variance)
        ctx.mark_non_differentiable(*found)
        return out, out.detach(), *found

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor | None) -> tuple[Tensor | None, ...]:
        x, out = ctx.saved_tensors
        gradients = [
            gradient.contiguous(memory_format=torch.channels_last)
            for gradient in incoming[:2]
            if gradient is not None
        ]
        if not gradients:
            return None, None, None, None, None
        use_torchs_threads()
        mean, inverse, scale, shift = ctx.statistics
        fold, count = _fold(x), x.numel() // x.shape[1]
        rows, arriving = _rows(x, fold), _rows(gradients[0], fold)
        again = _rows_if_any(gradients[1] if len(gradients) == 2 else None, fold, rows)
        masked = torch.empty_like(x) if ctx.has_added else None
        sums, products = _empty_sums(rows)
        relu = _factors(scale, fold), _factors(shift, fold)
        if masked is None:
            _sum_gradients(arriving, again, rows, *relu, sums, products)
        else:
            _mask_and_sum(arriving, again, _rows(out, fold), rows, _rows(masked, fold), sums, products)
        to_beta = _by_channel(sums, fold)
        to_gamma = (_by_channel(products, fold) - mean * to_beta) * inverse
        # dx = scale * (g - mean(g) - x_hat * mean(g * x_hat)), with x_hat = (x - mean) * inverse
        slope = -scale * inverse * to_gamma / count
        line = _factors(slope, fold), _factors(-scale * to_beta / count - slope * mean, fold)
        to_x = torch.empty_like(x)
        if masked is None:
            _pass_gradients(arriving, again, rows, *relu, *line, _rows(to_x, fold))
        else:
            _combine(_rows(masked, fold), rows, relu[0], *line, _rows(to_x, fold))
        to_norm = _parameter(to_gamma), _parameter(to_beta)
        return to_x, *to_norm, masked, None


def can_fuse(x: Tensor, norm: nn.BatchNorm2d) -> bool:
    """Tell whether `norm_add_relu` takes `x` `[B, C, H, W]`: bfloat16 or float32, on a CPU, channels last, training."""
    return (
        x.dtype in (torch.bfloat16, torch.float32)
        and type(norm) is nn.BatchNorm2d
        and norm.training
        and x.device.type == "cpu"
        and x.shape[1] % CHANNELS_A_VECTOR == 0
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def norm_add_relu(x: Tensor, norm: nn.BatchNorm2d, added: Tensor | None) -> tuple[Tensor, Tensor]:
    """`relu(norm(x) + added)` for what `can_fuse`, running statistics updated; shapes `[B, C, H, W]`.

    It is returned twice, for two readers: gradients that come back both ways are added in the same pass.
    """
    if added is not None:
        added = added.to(x.dtype).contiguous(memory_format=torch.channels_last)
    found = _NormAddRelu.apply(x, norm.weight, norm.bias, added, norm.eps)  # type: ignore[no-untyped-call]
    out, again, mean, variance = found
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    count = x.numel() // x.shape[1]
    with torch.no_grad():
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (count / max(count - 1, 1)), norm.momentum)
    return out, again
