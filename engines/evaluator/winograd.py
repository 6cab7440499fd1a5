"""A network's tower on processors with AVX2 alone: each 3x3 convolution as 36 matrix products, after Winograd.

OpenVINO's own convolutions do four times the multiplications on x86; here it multiplies the matrices and computes the
heads. `lzeval.compiled.winograd_basis` has the basis.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openvino as ov
from llvmlite.binding import get_host_cpu_features
from openvino import opset13 as ops

from engines.evaluator.base import EvaluatorInfo, NetworkAnswer, Planes
from engines.evaluator.openvino_backend import core, settings, version
from lzeval.compiled.arrays import Floats32
from lzeval.compiled.jit import jit
from lzeval.compiled.winograd_basis import (
    FILTER_BASIS,
    PATCH,
    PRODUCTS,
    TILE,
    lines_into_basis,
    lines_out_of_basis,
    row_of,
    six,
    tiles_across,
)

FEWEST_FILTERS = 64
"""With fewer, changing the basis costs what the products save."""
MOST_BYTES = 128 << 20
"""Size of the transformed filters of a network, four times as large as they were."""
ZERO = np.float32(0)


def pays(info: EvaluatorInfo) -> bool:
    """Whether a network of that shape is faster so, in fp32 on this kind of processor."""
    stored = 4 * PRODUCTS * info.filters**2 * 2 * info.blocks
    on_x86 = platform.machine().lower() in (
        "x86_64",
        "amd64",
    )  # elsewhere OpenVINO's convolutions do the same
    return on_x86 and not has_avx512() and info.filters >= FEWEST_FILTERS and stored <= MOST_BYTES


@lru_cache(maxsize=1)
def has_avx512() -> bool:
    """Whether OpenVINO's own convolutions have vectors twice as long, with which they are faster after all."""
    return bool(get_host_cpu_features().get("avx512f", False))


class Convolution(NamedTuple):
    matrices: Floats32
    """`[36, I, O]`: its filters, as `transformed`."""
    bias: Floats32
    """`[O]`."""


def transformed(filters: Floats32) -> Floats32:
    """`[O, I, 3, 3]` filters as `[36, I, O]` matrices."""
    outputs, inputs = filters.shape[:2]
    changed = FILTER_BASIS @ filters.reshape(outputs * inputs, 9).T.astype(np.float64)
    matrices = changed.reshape(PRODUCTS, outputs, inputs).transpose(0, 2, 1)
    return np.ascontiguousarray(matrices, np.float32)


@jit
def spread_planes(planes: Planes, x: Floats32, first: int, end: int) -> None:
    """Positions `first` to `end` of `planes` `[B, I, S, S]` into `x` `[B, W, W, I]`, one point from its edges."""
    for row in range(first, end):
        for plane in range(planes.shape[1]):
            for y in range(planes.shape[2]):
                for column in range(planes.shape[3]):
                    x[row, y + 1, column + 1, plane] = planes[row, plane, y, column]


@jit
def patches_into_basis(x: Floats32, patches: Floats32, first: int, end: int) -> None:
    """The 6x6 patches of `x` `[B, W, W, C]` into `patches` `[36, B * T, C]` in Winograd's basis."""
    channels, across = x.shape[3], (x.shape[1] - 2) // TILE
    half = np.empty((PATCH, PATCH, channels), np.float32)
    for number in range(first * across * across, end * across * across):
        row, place = divmod(number, across * across)
        top, left = place // across * TILE, place % across * TILE
        for i in range(PATCH):
            points = six(x[row, top : top + PATCH], 0, 1, left + i)
            lines_into_basis(points, six(half, 0, 1, i))
        for i in range(PATCH):
            lines_into_basis(row_of(half, i), six(patches, PATCH * i, 1, number))


@jit
def products_out_of_basis(
    products: Floats32, bias: Floats32, y: Floats32, size: int, first: int, end: int, add: bool
) -> None:
    """Bring `products` `[36, B * T, C]` back to boards, plus `bias` `[C]`, rectified, into `y` `[B, W, W, C]`.

    `add`: what is in `y` is a residual block's input and is added before rectifying.
    """
    channels, across = y.shape[3], (y.shape[1] - 2) // TILE
    half = np.empty((TILE, PATCH, channels), np.float32)
    lines = np.empty((TILE, channels), np.float32)
    for number in range(first * across * across, end * across * across):
        row, place = divmod(number, across * across)
        top, left = place // across * TILE, place % across * TILE
        for i in range(PATCH):
            lines_out_of_basis(
                six(products, i, PATCH, number), (half[0, i], half[1, i], half[2, i], half[3, i])
            )
        for i in range(min(TILE, size - top)):
            lines_out_of_basis(row_of(half, i), (lines[0], lines[1], lines[2], lines[3]))
            for j in range(min(TILE, size - left)):
                point = y[row, top + i + 1, left + j + 1]
                for c in range(channels):
                    before = point[c] if add else ZERO
                    point[c] = max(lines[j, c] + bias[c] + before, ZERO)


class Multiplier:
    """The products of patches and filters, for all convolutions with as many channels."""

    def __init__(self, patches: Floats32, products: Floats32, threads: int) -> None:
        """It reads `patches` `[36, B * T, I]` and writes `products` `[36, B * T, O]`."""
        self.patches, self.products = patches, products
        given = ops.parameter(list(patches.shape), np.float32)
        filters = ops.parameter([PRODUCTS, patches.shape[2], products.shape[2]], np.float32)
        model = ov.Model([ops.matmul(given, filters, False, False)], [given, filters])
        self._request = core().compile_model(model, "CPU", settings("fp32", threads)).create_infer_request()
        self._request.set_input_tensor(0, ov.Tensor(patches, shared_memory=True))
        self._request.set_output_tensor(ov.Tensor(products, shared_memory=True))

    def multiply(self, matrices: Floats32) -> None:
        """Multiply by `matrices` `[36, I, O]`."""
        self._request.set_input_tensor(1, ov.Tensor(matrices, shared_memory=True))
        self._request.infer()


@lru_cache(maxsize=4)
def tower_of(graph: Path) -> tuple[Convolution, ...]:
    """The convolutions of a graph that `convert` made, once for all evaluators of this process."""
    model = core().read_model(graph)
    found = []
    for op in model.get_ordered_ops():
        if op.get_type_name() == "Convolution" and _constant(op, 1).shape[2:] == (3, 3):
            [following] = op.output(0).get_target_inputs()
            bias = _constant(following.get_node(), 1).reshape(-1)
            found.append(Convolution(transformed(_constant(op, 1)), bias))
    return tuple(found)


def tower_end(model: ov.Model) -> ov.Output:
    """The tower's output, which the heads begin a 1x1 convolution each with."""
    convolutions = (op for op in model.get_ordered_ops() if op.get_type_name() == "Convolution")
    first: ov.Output = next(op.input_value(0) for op in convolutions if _constant(op, 1).shape[2:] == (1, 1))
    return first


def _constant(op: ov.Node, place: int) -> Floats32:
    return np.array(op.input_value(place).get_node().get_data(), np.float32)


class Heads:
    """Policy and value of what the tower has made of a batch."""

    def __init__(self, model: ov.Model, trunk: Floats32, planes: Planes, threads: int) -> None:
        """Cut `model` behind its tower; `trunk` `[B, W, W, C]` and `planes` `[B, 18, S, S]` are what it reads."""
        size = planes.shape[-1]
        given = ops.parameter(list(trunk.shape), np.float32)
        inner = ops.slice(given, [1, 1], [1 + size, 1 + size], [1, 1], [1, 2])
        tower_end(model).replace(ops.transpose(inner, [0, 3, 1, 2]).output(0))
        steps = ov.preprocess.PrePostProcessor(
            ov.Model(model.get_results(), [given, *model.get_parameters()])
        )
        steps.input(1).tensor().set_element_type(ov.Type.u8)
        compiled = core().compile_model(steps.build(), "CPU", settings("fp32", threads))
        self._request = compiled.create_infer_request()
        for number, array in enumerate((trunk, planes)):
            self._request.set_input_tensor(number, ov.Tensor(array, shared_memory=True))
        policy, value = (ov.Tensor(ov.Type.f32, output.shape) for output in compiled.outputs)
        for number, output in enumerate((policy, value)):
            self._request.set_output_tensor(number, output)
        self.answer = NetworkAnswer(policy.data, value.data.reshape(-1))

    def judge(self) -> None:
        """Bring `answer` up to date."""
        self._request.infer()


class WinogradEvaluator:
    """One network on `threads` CPU threads, in fp32."""

    def __init__(self, graph: Path, info: EvaluatorInfo, batch_size: int, threads: int = 1) -> None:
        """Take the weights out of OpenVINO's `graph`, which `openvino_backend.convert` made."""
        self.info = replace(info, backend=f"openvino {version()}, winograd", device="cpu", precision="fp32")
        self.batch_size = batch_size
        size, across = info.board_size, tiles_across(info.board_size)
        self._planes = np.zeros((batch_size, 18, size, size), np.uint8)
        padded = (batch_size, TILE * across + 2, TILE * across + 2)
        self._input = np.zeros((*padded, 18), np.float32)
        self._trunk, self._branch = (np.zeros((*padded, info.filters), np.float32) for _ in range(2))
        model = core().read_model(graph)
        model.reshape(list(self._planes.shape))
        tiles = batch_size * across**2
        first, others, products = (
            np.empty((PRODUCTS, tiles, channels), np.float32) for channels in (18, info.filters, info.filters)
        )
        self._tower = tower_of(graph)
        self._first, self._others = (Multiplier(patches, products, threads) for patches in (first, others))
        self._heads = Heads(model, self._trunk, self._planes, threads)
        self._pool = ThreadPoolExecutor(threads, "winograd") if threads > 1 else None
        self._parts = [
            (batch_size * part // threads, batch_size * (part + 1) // threads) for part in range(threads)
        ]

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        """Answer a batch of planes, see `Evaluator.evaluate`."""
        self._planes[:] = planes
        self._share(lambda first, end: spread_planes(self._planes, self._input, first, end))
        self._convolve(self._first, self._tower[0], self._input, self._trunk)
        for one, two in zip(self._tower[1::2], self._tower[2::2], strict=True):
            self._convolve(self._others, one, self._trunk, self._branch)
            self._convolve(self._others, two, self._branch, self._trunk, add=True)
        self._heads.judge()
        return self._heads.answer

    def _convolve(
        self, multiplier: Multiplier, convolution: Convolution, x: Floats32, y: Floats32, *, add: bool = False
    ) -> None:
        size, bias = self.info.board_size, convolution.bias
        self._share(lambda first, end: patches_into_basis(x, multiplier.patches, first, end))
        multiplier.multiply(convolution.matrices)
        self._share(
            lambda first, end: products_out_of_basis(multiplier.products, bias, y, size, first, end, add)
        )

    def _share(self, work: Callable[[int, int], None]) -> None:
        """Have `work` done on rows first to end of the batch, by all threads."""
        if self._pool is None:
            work(0, self.batch_size)
        else:
            list(self._pool.map(lambda part: work(*part), self._parts))
