"""Convolutions in Winograd's basis for training in float32 on a CPU: two thirds of the time of torch's own.

`lzeval.compiled.winograd_basis` has the basis. A few boards go through at a time, so that their patches and products
stay in the processor's caches; gradients take the same way back. Boards lie as `[B, S, S, C]`, patches and products as
`[36, N * T, C]` for the T tiles of N boards. What would lie off the board counts as 0, and is dropped.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numba import prange
from torch import Tensor, nn

from lzeval.compiled.arrays import Floats32
from lzeval.compiled.jit import jit, jit_parallel
from lzeval.compiled.winograd_basis import (
    FILTER_BASIS,
    PATCH,
    PRODUCTS,
    TILE,
    add_points_gradient,
    lines_into_basis,
    lines_out_of_basis,
    lines_points_gradient,
    lines_products_gradient,
    row_of,
    six,
    tiles_across,
)
from lzeval.network.cpu_layers.fused import use_torchs_threads

FEWEST_CHANNELS = 64
"""Fewest channels: with fewer, changing the basis costs what the products save."""
BOARDS_A_THREAD = 4
"""That go through at a time."""


@jit
def _at(x: Floats32, board: int, row: int, column: int, off_board: Floats32) -> Floats32:
    """The channels `[C]` at a point of `x` `[B, S, S, C]`."""
    if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
        return x[board, row, column]  # type: ignore[no-any-return]
    return off_board


@jit_parallel
def _take_patches(x: Floats32, start: int, patches: Floats32) -> None:
    """Change the boards of `x` from `start` on into the basis, as many as fit into `patches`."""
    channels, across = x.shape[3], (x.shape[1] + TILE - 1) // TILE
    tiles = across * across
    for board in prange(patches.shape[1] // tiles):
        half, off = np.empty((PATCH, PATCH, channels), np.float32), np.zeros(channels, np.float32)
        for tile in range(tiles):
            n, b = board * tiles + tile, start + board
            top, left = tile // across * TILE - 1, tile % across * TILE - 1
            for i in range(PATCH):
                column = left + i
                lines_into_basis(
                    (
                        _at(x, b, top, column, off),
                        _at(x, b, top + 1, column, off),
                        _at(x, b, top + 2, column, off),
                        _at(x, b, top + 3, column, off),
                        _at(x, b, top + 4, column, off),
                        _at(x, b, top + 5, column, off),
                    ),
                    six(half, 0, 1, i),
                )
            for i in range(PATCH):
                lines_into_basis(row_of(half, i), six(patches, PATCH * i, 1, n))


@jit_parallel
def _give_points(products: Floats32, y: Floats32, start: int) -> None:
    """Change `products` back, into the boards of `y` from `start` on."""
    size, channels = y.shape[1], y.shape[3]
    across = (size + TILE - 1) // TILE
    tiles = across * across
    for board in prange(products.shape[1] // tiles):
        half, off = np.empty((TILE, PATCH, channels), np.float32), np.empty((TILE, channels), np.float32)
        for tile in range(tiles):
            n, b = board * tiles + tile, start + board
            top, left = tile // across * TILE, tile % across * TILE
            for i in range(PATCH):
                lines_out_of_basis(
                    six(products, i, PATCH, n), (half[0, i], half[1, i], half[2, i], half[3, i])
                )
            for i in range(min(TILE, size - top)):
                row = top + i
                lines_out_of_basis(
                    row_of(half, i),
                    (
                        _at(y, b, row, left, off[0]),
                        _at(y, b, row, left + 1, off[1]),
                        _at(y, b, row, left + 2, off[2]),
                        _at(y, b, row, left + 3, off[3]),
                    ),
                )


@jit_parallel
def _take_points_gradients(incoming: Floats32, start: int, products: Floats32) -> None:
    """Gradients of `products` from those of the points, `incoming`: the way back of `_give_points`."""
    channels, across = incoming.shape[3], (incoming.shape[1] + TILE - 1) // TILE
    tiles = across * across
    for board in prange(products.shape[1] // tiles):
        half, off = np.empty((PATCH, TILE, channels), np.float32), np.zeros(channels, np.float32)
        for tile in range(tiles):
            n, b = board * tiles + tile, start + board
            top, left = tile // across * TILE, tile % across * TILE
            for i in range(TILE):
                column = left + i
                lines_products_gradient(
                    (
                        _at(incoming, b, top, column, off),
                        _at(incoming, b, top + 1, column, off),
                        _at(incoming, b, top + 2, column, off),
                        _at(incoming, b, top + 3, column, off),
                    ),
                    six(half, 0, 1, i),
                )
            for i in range(PATCH):
                lines_products_gradient(
                    (half[i, 0], half[i, 1], half[i, 2], half[i, 3]), six(products, PATCH * i, 1, n)
                )


@jit_parallel
def _give_patches_gradients(patches: Floats32, to_x: Floats32, start: int) -> None:
    """Gradients of points from those of the `patches` that they are in: the way back of `_take_patches`."""
    size, channels = to_x.shape[1], to_x.shape[3]
    across = (size + TILE - 1) // TILE
    tiles = across * across
    for board in prange(patches.shape[1] // tiles):
        half, off = np.empty((PATCH, PATCH, channels), np.float32), np.zeros((PATCH, channels), np.float32)
        to_x[start + board] = 0
        for tile in range(tiles):
            n, b = board * tiles + tile, start + board
            top, left = tile // across * TILE - 1, tile % across * TILE - 1
            for i in range(PATCH):
                lines_points_gradient(six(patches, i, PATCH, n), six(half, 0, 1, i))
            for i in range(max(0, -top), min(PATCH, size - top)):
                row = top + i
                add_points_gradient(
                    row_of(half, i),
                    (
                        _at(to_x, b, row, left, off[0]),
                        _at(to_x, b, row, left + 1, off[1]),
                        _at(to_x, b, row, left + 2, off[2]),
                        _at(to_x, b, row, left + 3, off[3]),
                        _at(to_x, b, row, left + 4, off[4]),
                        _at(to_x, b, row, left + 5, off[5]),
                    ),
                )


def _boards(tensor: Tensor) -> Floats32:
    """A channels-last `[B, C, S, S]` as `[B, S, S, C]`, not copied."""
    boards: Floats32 = tensor.detach().permute(0, 2, 3, 1).numpy()
    return boards


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        use_torchs_threads()
        basis = torch.from_numpy(FILTER_BASIS).to(weight.dtype)
        outputs, inputs = weight.shape[:2]
        factors = (basis @ weight.detach().reshape(-1, 9).t()).reshape(PRODUCTS, outputs, inputs)
        y = torch.empty(x.shape[0], outputs, *x.shape[2:], memory_format=torch.channels_last)
        across = factors.transpose(1, 2).contiguous()
        for start, patches, products in _portions(x, outputs):
            _take_patches(_boards(x), start, patches.numpy())
            torch.bmm(patches, across, out=products)
            _give_points(products.numpy(), _boards(y), start)
        ctx.save_for_backward(x, factors)
        return y

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> tuple[Tensor, Tensor]:
        use_torchs_threads()
        x, factors = ctx.saved_tensors
        to_y = incoming[0].contiguous(memory_format=torch.channels_last)
        outputs, inputs = factors.shape[1:]
        to_x, to_factors = torch.empty_like(x), x.new_zeros(PRODUCTS, inputs, outputs)
        for start, patches, products in _portions(x, outputs):
            _take_patches(_boards(x), start, patches.numpy())
            _take_points_gradients(_boards(to_y), start, products.numpy())
            to_factors.baddbmm_(patches.transpose(1, 2), products)
            torch.bmm(products, factors, out=patches)
            _give_patches_gradients(patches.numpy(), _boards(to_x), start)
        basis = torch.from_numpy(FILTER_BASIS).to(x.dtype)
        to_weight = basis.t() @ to_factors.transpose(1, 2).reshape(PRODUCTS, -1)
        return to_x, to_weight.t().reshape(outputs, inputs, 3, 3)


def _portions(x: Tensor, outputs: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Of some boards at a time: the first one's number, and memory for patches and products, the same each time."""
    boards, inputs, size, _ = x.shape
    tiles, most = tiles_across(size) ** 2, BOARDS_A_THREAD * torch.get_num_threads()
    patches, products = (x.new_empty(PRODUCTS, most * tiles, channels) for channels in (inputs, outputs))
    for start in range(0, boards, most):
        if start + most > boards:
            patches, products = (
                x.new_empty(PRODUCTS, (boards - start) * tiles, channels) for channels in (inputs, outputs)
            )
        yield start, patches, products


def can_convolve(x: Tensor, conv: nn.Conv2d) -> bool:
    """Tell whether `convolve` takes `x` `[B, C, S, S]` and is faster.

    That is float32 on an x86 CPU, channels last, with filters of 3x3 and many channels.
    """
    return (
        x.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and platform.machine().lower() in ("x86_64", "amd64")
        and min(conv.in_channels, conv.out_channels) >= FEWEST_CHANNELS
        and conv.kernel_size == (3, 3)
        and conv.padding == (1, 1)
        and conv.bias is None
        and x.shape[2] == x.shape[3]
        and x.is_contiguous(memory_format=torch.channels_last)
    )


def convolve(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """`conv(x)` for what `can_convolve`; `[B, I, S, S]` to `[B, O, S, S]`, nearer than 1e-5 of the largest values."""
    y: Tensor = _Convolution.apply(x, conv.weight)  # type: ignore[no-untyped-call]
    return y
