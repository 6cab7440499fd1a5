"""Convolutions in Winograd's basis answer as PyTorch's do, row by row, whatever the board, batch and threads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from engines.evaluator.base import EvaluatorInfo
from engines.evaluator.graph import InferenceGraph
from engines.evaluator.load import plan_evaluator
from engines.evaluator.openvino_backend import convert
from engines.evaluator.winograd import (
    FEWEST_FILTERS,
    WinogradEvaluator,
    patches_into_basis,
    pays,
    products_out_of_basis,
    transformed,
)
from lzeval.compiled.winograd_basis import PRODUCTS
from lzeval.network.checkpoint import LoadedNetwork
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from tests.support.fakes.weights_files import lived_in_network, random_planes

INFO = EvaluatorInfo("net", "0" * 64, 6, 128, 19, "", "", "fp32")


def evaluator_of(network: LeelaNetwork, folder: Path, batch: int, threads: int = 1) -> WinogradEvaluator:
    shape = network.shape
    loaded = LoadedNetwork(network, "ab" * 32, "cd" * 32, "net", network.value_is_blacks)
    info = replace(INFO, blocks=shape.blocks, filters=shape.filters, board_size=shape.board_size)
    return WinogradEvaluator(convert(loaded, folder), info, batch, threads)


@pytest.mark.parametrize("size", [2, 4, 5, 9, 13, 19])
@pytest.mark.parametrize("add", [False, True])
def test_one_convolution(size: int, add: bool) -> None:
    generator = torch.Generator().manual_seed(size)
    x = torch.randn(3, 5, size, size, generator=generator)
    filters = torch.randn(7, 5, 3, 3, generator=generator)
    bias, before = torch.randn(7, generator=generator), torch.randn(3, 7, size, size, generator=generator)
    wanted = functional.conv2d(x, filters, bias, padding=1) + (before if add else 0)
    across = -(-size // 4)
    given, found = (
        np.zeros((3, 4 * across + 2, 4 * across + 2, channels), np.float32) for channels in (5, 7)
    )
    inside = np.s_[:, 1 : size + 1, 1 : size + 1]
    given[inside], found[inside] = x.permute(0, 2, 3, 1), before.permute(0, 2, 3, 1)
    patches = np.empty((PRODUCTS, 3 * across**2, 5), np.float32)
    patches_into_basis(given, patches, 0, 3)
    products = np.matmul(patches, transformed(filters.numpy()))
    products_out_of_basis(products, bias.numpy(), found, size, 0, 3, add)
    np.testing.assert_allclose(found[inside], wanted.relu().permute(0, 2, 3, 1), atol=2e-4)
    found[inside] = 0
    assert not found.any()  # the border is the next convolution's padding


@pytest.mark.parametrize(
    ("shape", "batch", "threads", "value_is_blacks"),
    [
        (NetworkShape(blocks=2, filters=8, board_size=19), 1, 1, False),
        (NetworkShape(blocks=3, filters=16, board_size=9), 5, 2, True),
        (NetworkShape(blocks=0, filters=4, board_size=5), 3, 4, False),
    ],
)
def test_a_network(
    tmp_path: Path, shape: NetworkShape, batch: int, threads: int, value_is_blacks: bool
) -> None:
    network = lived_in_network(1, shape)
    network.value_is_blacks = value_is_blacks
    planes = random_planes(batch, shape.board_size)
    with torch.no_grad():
        policy, value = InferenceGraph(network).eval()(planes)
    evaluator = evaluator_of(network, tmp_path, batch, threads)
    for _ in range(2):  # nothing of the first call is left
        answer = evaluator.evaluate(planes.numpy().astype(np.uint8))
        np.testing.assert_allclose(answer.policy, policy, atol=2e-5)
        np.testing.assert_allclose(answer.value, value, atol=2e-5)


def test_a_row_depends_on_itself_alone(tmp_path: Path) -> None:
    network = lived_in_network(2, NetworkShape(blocks=2, filters=8, board_size=9))
    planes = random_planes(4, 9).numpy().astype(np.uint8)
    evaluator = evaluator_of(network, tmp_path, 4)
    policy = evaluator.evaluate(planes).policy.copy()
    turned = evaluator.evaluate(planes[[2, 3, 0, 1]]).policy.copy()
    np.testing.assert_array_equal(policy, turned[[2, 3, 0, 1]])
    planes[1:] = 0
    np.testing.assert_array_equal(evaluator.evaluate(planes).policy[0], policy[0])


def test_which_networks_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("engines.evaluator.winograd.has_avx512", lambda: True)
    assert not pays(INFO)
    monkeypatch.setattr("engines.evaluator.winograd.has_avx512", lambda: False)
    assert pays(INFO)
    assert pays(replace(INFO, blocks=20))
    assert not pays(replace(INFO, filters=FEWEST_FILTERS - 1))
    assert not pays(replace(INFO, blocks=40, filters=256))  # half a gigabyte of filters
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert not pays(INFO)


def test_plans_choose_it() -> None:
    plan = plan_evaluator("big", precision="fp32", batch_size=1)
    assert isinstance(plan.build(), WinogradEvaluator) == pays(plan.info)
    assert not isinstance(plan_evaluator("small", precision="fp32", batch_size=1).build(), WinogradEvaluator)
