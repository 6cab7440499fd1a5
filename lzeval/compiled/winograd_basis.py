"""Winograd's basis for 3x3 convolutions: a tile of 4x4 points from a patch of 6x6, number by number.

That takes 36 multiplications a tile and pair of channels in place of 144. Source: A. Lavin, S. Gray, "Fast Algorithms
for Convolutional Neural Networks" (2015), F(4x4, 3x3). What follows are its matrices, of which each is applied to the
columns of a patch or tile and then to the rows; and their transposes, by which gradients go back.
"""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np

from lzeval.compiled.arrays import Floats, Floats32
from lzeval.compiled.jit import int64, jit
from lzeval.compiled.vectors import WIDTH, Vector, on_vectors

TILE, PATCH = 4, 6
"""Points that one tile answers for, and that it looks at, each way."""
PRODUCTS = PATCH * PATCH
_FILTER_BASIS = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
FILTER_BASIS: Floats = np.kron(_FILTER_BASIS, _FILTER_BASIS)
"""`[36, 9]`: from the nine numbers of a filter to its 36 factors."""

Number = TypeVar("Number", float, Vector)
Six: TypeAlias = tuple[Number, Number, Number, Number, Number, Number]


def tiles_across(size: int) -> int:
    """Number of tiles along a side of `size` points; the last one may jut out."""
    return -(-size // TILE)


def into_basis(a: Number, b: Number, c: Number, d: Number, e: Number, f: Number) -> Six[Number]:
    """Six points in a row, in Winograd's basis."""
    return (
        4 * a - 5 * c + e,
        e + d - 4 * (b + c),
        e - d + 4 * (b - c),
        e - c + 2 * (d - b),
        e - c - 2 * (d - b),
        4 * b - 5 * d + f,
    )


def out_of_basis(
    a: Number, b: Number, c: Number, d: Number, e: Number, f: Number
) -> tuple[Number, Number, Number, Number]:
    """Four points of six products in a row."""
    return a + b + c + d + e, b - c + 2 * (d - e), b + c + 4 * (d + e), b - c + 8 * (d - e) + f


def points_gradient(a: Number, b: Number, c: Number, d: Number, e: Number, f: Number) -> Six[Number]:
    """Gradients of the six points that `into_basis` takes, given those of its results."""
    return (
        4 * a,
        4 * (c - b + f) + 2 * (e - d),
        -5 * a - 4 * (b + c) - d - e,
        b - c + 2 * (d - e) - 5 * f,
        a + b + c + d + e,
        f,
    )


def products_gradient(a: Number, b: Number, c: Number, d: Number) -> Six[Number]:
    """Gradients of the six products that `out_of_basis` takes, given those of the four points."""
    even, odd = a + c, b + d
    quarters, eighths = a + 4 * c, 2 * b + 8 * d
    return a, even + odd, even - odd, quarters + eighths, quarters - eighths, d


_into_basis, _one_into_basis = on_vectors(into_basis), on_vectors(into_basis, 1)
_out_of_basis, _one_out_of_basis = on_vectors(out_of_basis), on_vectors(out_of_basis, 1)
_points_gradient, _one_points_gradient = on_vectors(points_gradient), on_vectors(points_gradient, 1)
_products_gradient, _one_products_gradient = on_vectors(products_gradient), on_vectors(products_gradient, 1)
_add_points_gradient = on_vectors(points_gradient, add=True)
_add_one_points_gradient = on_vectors(points_gradient, 1, add=True)

# Each map has a function of its own below, as numba does not keep on disk what a function makes.

Line: TypeAlias = Floats32
"""`[C]`: a number of each channel."""
Lines: TypeAlias = tuple[Line, ...]


@jit
def six(lines: Floats32, first: int, step: int, n: int) -> Lines:
    """The `n`-th line of six rows of `lines` `[K, N, C]`: of `first` and of each `step` farther."""
    return (
        lines[first, n],
        lines[first + step, n],
        lines[first + 2 * step, n],
        lines[first + 3 * step, n],
        lines[first + 4 * step, n],
        lines[first + 5 * step, n],
    )


@jit
def row_of(lines: Floats32, row: int) -> Lines:
    """The six of a row of `lines` `[K, 6, C]`."""
    return lines[row, 0], lines[row, 1], lines[row, 2], lines[row, 3], lines[row, 4], lines[row, 5]


@jit
def _whole(line: Line) -> int:
    """Count of its numbers that make up whole vectors."""
    return int64(line.shape[0] - line.shape[0] % WIDTH)


@jit
def lines_into_basis(points: Lines, changed: Lines) -> None:
    """`into_basis` of six lines, channel by channel, into six others."""
    for first in range(0, _whole(changed[0]), WIDTH):
        _into_basis(points, changed, first)
    for first in range(_whole(changed[0]), changed[0].shape[0]):
        _one_into_basis(points, changed, first)


@jit
def lines_out_of_basis(products: Lines, points: Lines) -> None:
    """`out_of_basis` of six lines into four."""
    for first in range(0, _whole(points[0]), WIDTH):
        _out_of_basis(products, points, first)
    for first in range(_whole(points[0]), points[0].shape[0]):
        _one_out_of_basis(products, points, first)


@jit
def lines_products_gradient(points: Lines, products: Lines) -> None:
    """`products_gradient` of four lines into six."""
    for first in range(0, _whole(products[0]), WIDTH):
        _products_gradient(points, products, first)
    for first in range(_whole(products[0]), products[0].shape[0]):
        _one_products_gradient(points, products, first)


@jit
def lines_points_gradient(changed: Lines, points: Lines) -> None:
    """`points_gradient` of six lines into six others."""
    for first in range(0, _whole(points[0]), WIDTH):
        _points_gradient(changed, points, first)
    for first in range(_whole(points[0]), points[0].shape[0]):
        _one_points_gradient(changed, points, first)


@jit
def add_points_gradient(changed: Lines, points: Lines) -> None:
    """`points_gradient` of six lines, added to six others."""
    for first in range(0, _whole(points[0]), WIDTH):
        _add_points_gradient(changed, points, first)
    for first in range(_whole(points[0]), points[0].shape[0]):
        _add_one_points_gradient(changed, points, first)
