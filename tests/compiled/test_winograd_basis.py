"""Functions compiled for vectors say what they say of single numbers, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from lzeval.compiled import winograd_basis

MAPS = [
    (winograd_basis.into_basis, winograd_basis.lines_into_basis, 6, 6),
    (winograd_basis.out_of_basis, winograd_basis.lines_out_of_basis, 6, 4),
    (winograd_basis.points_gradient, winograd_basis.lines_points_gradient, 6, 6),
    (winograd_basis.products_gradient, winograd_basis.lines_products_gradient, 4, 6),
]
CHANNELS = [1, 15, 16, 18, 64, 77]


def random_lines(count: int, channels: int, seed: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, channels)).astype(np.float32)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("function", "on_lines", "takes", "gives"), MAPS)
def test_vectors_and_what_is_left_beside_them(
    function: Callable[..., Any], on_lines: Callable[..., None], takes: int, gives: int, channels: int
) -> None:
    sources, targets = random_lines(takes, channels, 1), np.full((gives, channels), np.nan, np.float32)
    on_lines(tuple(sources), tuple(targets))
    np.testing.assert_array_equal(targets, np.stack(function(*sources)))


@pytest.mark.parametrize("channels", CHANNELS)
def test_results_are_added(channels: int) -> None:
    sources, targets = random_lines(6, channels, 1), random_lines(6, channels, 2)
    expected = targets + np.stack(winograd_basis.points_gradient(*sources))  # type: ignore[type-var]
    winograd_basis.add_points_gradient(tuple(sources), tuple(targets))
    np.testing.assert_array_equal(targets, expected)


def matrix_of(function: Callable[..., Any], takes: int) -> npt.NDArray[np.float64]:
    """Of a linear function, `[gives, takes]`."""
    return np.stack([function(*unit) for unit in np.eye(takes)], 1)


def test_gradients_go_back_by_the_transposes() -> None:
    np.testing.assert_array_equal(
        matrix_of(winograd_basis.points_gradient, 6), matrix_of(winograd_basis.into_basis, 6).T
    )
    np.testing.assert_array_equal(
        matrix_of(winograd_basis.products_gradient, 4), matrix_of(winograd_basis.out_of_basis, 6).T
    )


def test_a_convolution_of_a_row_becomes_six_products() -> None:
    points, weights = np.arange(1.0, 7.0), np.array([2.0, -3.0, 5.0])
    basis = winograd_basis.FILTER_BASIS.reshape(6, 6, 3, 3)[
        :, 5, :, 2
    ]  # the last row is the last number itself
    found = winograd_basis.out_of_basis(*(basis @ weights * winograd_basis.into_basis(*points)))
    np.testing.assert_allclose(found, np.correlate(points, weights, "valid"))
