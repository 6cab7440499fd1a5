"""A policy head whose weights are the same for all images of a board."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from numpy.testing import assert_allclose
from typer.testing import CliRunner

from lzeval.cli.weights import app
from lzeval.network.checkpoint import load_network
from lzeval.network.leela import weights_from_network
from lzeval.network.network import LeelaNetwork
from lzeval.network.symmetric_policy import SYMMETRIC, asymmetry, keep_symmetric, symmetrized
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.network.weights_file.weights import LeelaWeights, read_weights, write_weights
from tests.support.fakes.weights_files import TINY, lived_in_network
from tests.support.tiny_runs import SIZE, resume, settings, state
from trainer.settings.compose import compose, stored
from trainer.settings.config import OptimizerConfig
from trainer.training.run import train

Floats = npt.NDArray[np.float64]
FC = "policy.fc.weight"


def images(board: Floats, axes: tuple[int, int]) -> list[Floats]:
    """The eight of `board`, turned and mirrored in two of its axes."""
    mirrored = np.flip(board, axes[0])
    return [np.rot90(one, turns, axes) for one in (board, mirrored) for turns in range(4)]


def mean_of_images(weight: Floats, size: int) -> Floats:
    """The judge: `[S*S + 1, 2*S*S]` as boards of boards, which numpy turns."""
    boards = weight[:-1].reshape(size, size, 2, size, size)
    turned = [outer for inputs in images(boards, (3, 4)) for outer in images(inputs, (0, 1))]
    both = [turned[8 * number + number] for number in range(8)]
    passes = images(weight[-1].reshape(2, size, size), (1, 2))
    return np.concatenate([np.mean(both, 0).reshape(size * size, -1), np.mean(passes, 0).reshape(1, -1)])


@pytest.mark.parametrize("size", [2, 5, 6])
def test_each_weight_is_the_mean_of_its_images(size: int) -> None:
    weights = weights_from_network(lived_in_network(1, NetworkShape(1, 3, size)))
    before = {name: tensor.copy() for name, tensor in weights.tensors.items()}
    found = symmetrized(weights)
    assert_allclose(found.tensors[FC], mean_of_images(before[FC].astype(np.float64), size), atol=1e-6)
    bias = before["policy.fc.bias"].astype(np.float64)
    expected = np.mean(images(bias[:-1].reshape(size, size), (0, 1)), 0).flatten()
    assert_allclose(found.tensors["policy.fc.bias"], [*expected, bias[-1]], atol=1e-6)
    for name, tensor in before.items():
        np.testing.assert_array_equal(weights.tensors[name], tensor, name)  # what was given stays
        if not name.startswith("policy.fc"):
            np.testing.assert_array_equal(found.tensors[name], tensor, name)


def test_the_mean_of_a_symmetric_layer_is_itself(tmp_path: Path) -> None:
    network = lived_in_network(2)
    assert asymmetry(network) > 0.5
    once = symmetrized(weights_from_network(network))
    write_weights(once, tmp_path / "once.txt")
    assert asymmetry(load_network(tmp_path / "once.txt").network) < 1e-7
    twice = symmetrized(once)
    for name, tensor in once.tensors.items():
        assert_allclose(twice.tensors[name], tensor, rtol=1e-6, atol=1e-9, err_msg=name)


def policy_turns_along(network: LeelaNetwork) -> bool:
    """Whether a turned and mirrored tower gives the turned and mirrored policy."""
    tower = torch.randn(4, TINY.filters, TINY.board_size, TINY.board_size)
    with torch.no_grad():
        plain, turned = network.policy(tower), network.policy(tower.transpose(2, 3).flip(2))
    board = plain[:, :-1].reshape(-1, TINY.board_size, TINY.board_size).transpose(1, 2).flip(1)
    expected = torch.cat([board.flatten(1), plain[:, -1:]], 1)
    return torch.allclose(turned, expected, atol=1e-4)


def test_the_policy_turns_with_the_board() -> None:
    network = lived_in_network(3)
    assert not policy_turns_along(network)
    keep_symmetric(network)
    assert policy_turns_along(network)


def test_a_gradient_is_the_mean_of_its_images() -> None:
    free, tied = lived_in_network(4), lived_in_network(4)
    keep_symmetric(tied)
    free.load_state_dict(tied.state_dict())
    tower, wanted = torch.randn(8, TINY.filters, 5, 5), torch.randint(0, 26, (8,))
    for network in (free, tied):
        torch.nn.functional.cross_entropy(network.policy(tower), wanted).backward()
    alone, together = (network.policy.fc.weight.grad for network in (free, tied))
    assert alone is not None
    assert together is not None
    assert not torch.allclose(alone, together, atol=1e-4)
    assert_allclose(together.numpy(), mean_of_images(alone.double().numpy(), 5), atol=1e-6)


def trained(run: Path) -> LeelaNetwork:
    return load_network(run / "latest.ckpt").network


@pytest.mark.parametrize("name", ["muon", "adamw", "sgd"])
def test_training_keeps_it_symmetric_to_the_bit(name: str, records: Path, tmp_path: Path) -> None:
    optimizer = OptimizerConfig(name, lr=0.01)
    train(settings(records, tmp_path / "tied", optimizer=optimizer, symmetric_policy=None))
    weight = trained(tmp_path / "tied").policy.fc.weight.detach()
    boards = weight[:-1].reshape(SIZE, SIZE, 2, SIZE, SIZE)
    assert torch.equal(boards, boards.flip(0, 3))
    assert torch.equal(boards, boards.transpose(0, 1).transpose(3, 4))
    train(settings(records, tmp_path / "free", optimizer=optimizer, symmetric_policy=False))
    assert asymmetry(trained(tmp_path / "free")) > SYMMETRIC


def test_a_resumed_run_stays_symmetric(records: Path, tmp_path: Path) -> None:
    train(settings(records, tmp_path / "whole", symmetric_policy=None))
    train(settings(records, tmp_path / "halved", 10, symmetric_policy=None))
    resume(tmp_path / "halved", f"max_positions={20 * 16}")
    first, second = (state(tmp_path / name / "latest.ckpt")["state_dict"] for name in ("whole", "halved"))
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@pytest.mark.parametrize(
    ("start_symmetric", "wanted", "ends_symmetric"),
    [(False, None, False), (True, None, True), (False, True, True), (True, False, False)],
)
def test_a_start_from_another_network_keeps_its_policy_unless_told_otherwise(
    start_symmetric: bool, wanted: bool | None, ends_symmetric: bool, records: Path, tmp_path: Path
) -> None:
    weights = weights_from_network(lived_in_network(5, NetworkShape(1, 8, SIZE)))
    write_weights(symmetrized(weights) if start_symmetric else weights, tmp_path / "start.txt", 4)
    start = str(tmp_path / "start.txt")
    train(settings(records, tmp_path / "run", 2, init=start, symmetric_policy=wanted))
    assert (asymmetry(trained(tmp_path / "run")) == 0) == ends_symmetric
    assert (
        stored(str(tmp_path / "run"), []).symmetric_policy is ends_symmetric
    )  # whatever becomes of the file


def test_a_run_of_an_older_version_goes_on_as_it_began(tmp_path: Path) -> None:
    config = settings(tmp_path, tmp_path)
    (tmp_path / "config.yaml").write_text(f"max_positions: {config.max_positions}\n", encoding="utf-8")
    assert stored(str(tmp_path), ["data.train=x"]).symmetric_policy is False
    assert compose(["data.train=x", "max_time=1h"]).symmetric_policy is None
    assert compose(["data.train=x", "max_time=1h", "+experiment=article"]).symmetric_policy is False


def test_the_command_writes_it_and_says_what_changed(tmp_path: Path) -> None:
    weights = weights_from_network(lived_in_network(6))
    write_weights(weights, tmp_path / "one.txt")
    arguments = ["symmetrize", str(tmp_path / "one.txt"), str(tmp_path / "two.txt"), "--digits", "4"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "in 64 positions of random games, a move's probability changed by 0." in result.output
    written: LeelaWeights = read_weights(tmp_path / "two.txt", None)
    assert_allclose(written.tensors[FC], symmetrized(weights).tensors[FC], rtol=1e-3)
    assert asymmetry(load_network(tmp_path / "two.txt").network) == 0
