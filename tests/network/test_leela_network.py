from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from typer.testing import CliRunner

from engines.evaluator.load import plan_evaluator
from lzeval.cli.weights import app
from lzeval.errors import UserError, WeightsError
from lzeval.network.checkpoint import load_network, read_checkpoint
from lzeval.network.leela import network_from_weights, read_network, weights_from_network, write_network
from lzeval.network.network import POLICY_NOISE, POLICY_START, SHAPES, ConvBlock, LeelaNetwork, NetOutput
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.network.weights_file.weights import (
    check_weights,
    is_checkpoint,
    read_weights,
    text_sha256,
    write_weights,
)
from lzeval.system import bundled
from tests.support.fakes.weights_files import TINY, lived_in_network, random_planes, tiny_weights, write_lines
from tests.support.numpy_forward import numpy_forward

PLANES = random_planes(4, TINY.board_size)


def evaluate(network: LeelaNetwork, planes: torch.Tensor = PLANES) -> NetOutput:
    with torch.no_grad():
        return NetOutput(*network(planes))


def assert_judge_agrees(path: Path, network: LeelaNetwork, planes: torch.Tensor, tolerance: float) -> None:
    judge = numpy_forward(path, planes.numpy())
    assert np.ptp(judge.value) > 1e-3  # two answers that say nothing agree too easily
    assert judge.policy.max() < 0.999
    answer = evaluate(network, planes)
    assert_allclose(answer.policy_logits.softmax(1).numpy(), judge.policy, atol=tolerance)
    assert_allclose(answer.value.numpy(), judge.value, atol=tolerance)


# The network


@pytest.mark.parametrize("shape", [TINY, NetworkShape(1, 4), NetworkShape(0, 2, 9)])
def test_the_answers_have_their_shapes(shape: NetworkShape) -> None:
    answer = evaluate(LeelaNetwork(shape).eval(), random_planes(3, shape.board_size))
    assert answer.policy_logits.shape == (3, shape.board_size**2 + 1)
    assert answer.value.shape == (3,)
    assert (answer.value.abs() <= 1).all()


def test_the_named_sizes() -> None:
    sizes = {name: (shape.blocks, shape.filters, shape.board_size) for name, shape in SHAPES.items()}
    assert sizes == {"small": (8, 32, 19), "big": (6, 128, 19), "huge": (20, 128, 19)}


def test_an_untrained_policy_head_ties_each_point_to_its_own_channels() -> None:
    weight = LeelaNetwork(TINY).policy.fc.weight.detach().numpy()
    tied = POLICY_START * np.hstack([np.eye(26, 25), -np.eye(26, 25)])
    assert_allclose(weight, tied, atol=8 * POLICY_NOISE)


def test_training_reaches_every_parameter() -> None:
    network = LeelaNetwork(TINY).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):  # the gammas that start at 0 hold back the gradients of the first step
        optimiser.zero_grad()
        answer = network(PLANES)
        (answer.policy_logits.pow(2).sum() + (answer.value - 0.3).pow(2).sum()).backward()
        optimiser.step()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert all(block.conv1.conv.weight.grad.abs().sum() > 0 for block in network.blocks)


# Network to weights file


@pytest.mark.parametrize("seed", [1, 5, 7, 8, 9, 11, 14, 15])
def test_exported_weights_answer_like_the_network(tmp_path: Path, seed: int) -> None:
    network = lived_in_network(seed)
    write_network(network, tmp_path / "net.txt")
    assert_judge_agrees(tmp_path / "net.txt", network, PLANES, 1e-5)


@pytest.mark.parametrize("seed", [0, 1, 3, 4, 5, 6])
def test_imported_weights_are_answered_like_the_judge(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "net.txt.gz"
    write_weights(tiny_weights(seed), path)
    assert_judge_agrees(path, read_network(path), PLANES, 1e-5)


def test_a_network_after_training_steps_is_exported_as_it_plays(tmp_path: Path) -> None:
    torch.manual_seed(7)
    network = LeelaNetwork(TINY).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05)
    for seed in range(5):
        optimiser.zero_grad()
        answer = network(random_planes(16, 5, seed))
        (answer.policy_logits.pow(2).mean() + (answer.value - 0.1).pow(2).mean()).backward()
        optimiser.step()
    write_network(network.eval(), tmp_path / "net.txt")
    assert_judge_agrees(tmp_path / "net.txt", network, PLANES, 1e-5)


def test_a_channel_that_never_varied_is_exported(tmp_path: Path) -> None:
    network = lived_in_network(5)
    layer = network.blocks[0].conv1
    layer.norm.running_var[1] = layer.norm.running_mean[1] = 0
    with torch.no_grad():
        layer.conv.weight[1] *= 0.003  # over sqrt(eps)
    write_network(network, tmp_path / "net.txt")
    assert check_weights(tmp_path / "net.txt", board_size=5) == []
    assert_judge_agrees(tmp_path / "net.txt", network, PLANES, 1e-5)


def test_five_digits_change_little(tmp_path: Path) -> None:
    network = lived_in_network(7)
    write_network(network, tmp_path / "net.txt", digits=5)
    assert_judge_agrees(tmp_path / "net.txt", network, PLANES, 2e-3)


def test_a_network_with_nan_is_not_exported(tmp_path: Path) -> None:
    network = lived_in_network(5)
    with torch.no_grad():
        network.value.fc2.weight[0, 9] = float("nan")
    with pytest.raises(WeightsError, match=r"value.fc2.weight: number 10 is nan"):
        write_network(network, tmp_path / "net.txt")
    assert not list(tmp_path.iterdir())


# Weights file to network


def test_reading_and_writing_again_gives_the_same_numbers() -> None:
    weights = tiny_weights(6)
    again = weights_from_network(network_from_weights(weights))
    assert again.shape == weights.shape
    for name, tensor in weights.tensors.items():
        one_rounding = 2e-7 if name.endswith(".bias") else 0
        assert_allclose(again.tensors[name], tensor, rtol=one_rounding, atol=0, err_msg=name)


@pytest.mark.parametrize("version", [1, 2])
def test_the_version_says_whose_value_it_is(tmp_path: Path, version: int) -> None:
    write_weights(tiny_weights(version=version), tmp_path / "in.txt")
    network = read_network(tmp_path / "in.txt")
    assert network.value_is_blacks is (version == 2)
    write_network(network, tmp_path / "out.txt")
    assert read_weights(tmp_path / "out.txt").version == version


def test_a_network_that_was_read_can_be_trained_on() -> None:
    network = network_from_weights(tiny_weights(8))
    assert not network.training
    before = evaluate(network).policy_logits
    network.train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    network(PLANES).policy_logits[:, 0].sum().backward()
    optimiser.step()
    assert not torch.equal(evaluate(network.eval()).policy_logits, before)


def test_the_weights_are_copied_not_shared() -> None:
    weights = tiny_weights(9)
    network = network_from_weights(weights)
    kept = {name: tensor.copy() for name, tensor in weights.tensors.items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    for name, tensor in weights.tensors.items():
        np.testing.assert_array_equal(tensor, kept[name])


def test_an_official_network_answers_like_the_judge(shared: Path) -> None:
    path = next((shared / "networks").glob("lz-5x64-46-*.gz"))
    assert_judge_agrees(path, read_network(path), random_planes(2, 19), 1e-4)


# Checkpoints and names


def save_checkpoint(path: Path, network: LeelaNetwork, **more: Any) -> Path:
    """What Lightning would save of a module that holds `network`."""
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    shape = {"blocks": TINY.blocks, "filters": TINY.filters, "board_size": TINY.board_size}
    torch.save({"state_dict": state, "shape": shape, "optimizer_states": [], "epoch": 3, **more}, path)
    return path


def test_a_checkpoint_gives_its_network(tmp_path: Path) -> None:
    network = lived_in_network(10)
    path = save_checkpoint(tmp_path / "last.ckpt", network)
    assert is_checkpoint(path)
    loaded = load_network(path)
    assert torch.equal(evaluate(loaded.network).policy_logits, evaluate(network).policy_logits)
    assert not loaded.network.training
    assert (loaded.name, loaded.value_is_blacks) == ("last", False)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_else_a_module_keeps_is_left_out(tmp_path: Path) -> None:
    network = lived_in_network(10)
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    path = save_checkpoint(tmp_path / "a", network, state_dict=state | {"loss.weight": torch.ones(3)})
    assert torch.equal(evaluate(load_network(path).network).value, evaluate(network).value)


def test_the_shape_may_be_among_the_hyper_parameters(tmp_path: Path) -> None:
    shape = {"blocks": TINY.blocks, "filters": TINY.filters, "board_size": TINY.board_size}
    path = save_checkpoint(
        tmp_path / "a", lived_in_network(10), shape=None, hyper_parameters={"shape": shape}
    )
    assert load_network(path).network.shape == TINY


@pytest.mark.parametrize("prefix", ["network.", ""])
def test_the_averaged_network_is_preferred(tmp_path: Path, prefix: str) -> None:
    raw, averaged = lived_in_network(11), lived_in_network(12)
    state = {prefix + key: value for key, value in averaged.state_dict().items()}
    path = save_checkpoint(tmp_path / "a.ckpt", raw, ema_state_dict=state)
    assert torch.equal(evaluate(load_network(path).network).value, evaluate(averaged).value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"shape": None}, "does not say how large"),
        ({"shape": {"blocks": 1, "width": 3}}, "does not say how large"),
        ({"shape": {"blocks": 1, "filters": 3, "board_size": 5}}, "tensors are not those of 1 blocks"),
        ({"shape": {"blocks": 2, "filters": 4, "board_size": 5}}, "tensors are not those of 2 blocks"),
        ({"state_dict": {}}, "tensors are not those of"),
        ({"state_dict": [1, 2]}, "tensors are not those of"),
        ({"state_dict": {1: torch.ones(2)}}, "tensors are not those of"),
        ({"state_dict": torch.ones(2)}, "tensors are not those of"),
        ({"shape": "5x64"}, "does not say how large"),
        ({"shape": {"blocks": 1.5, "filters": 3, "board_size": 5}}, "does not say how large"),
        ({"shape": None, "hyper_parameters": [1]}, "does not say how large"),
    ],
)
def test_checkpoints_that_do_not_fit(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt", lived_in_network(13), **more)
    with pytest.raises(UserError, match=message):
        load_network(path)


@pytest.mark.parametrize("content", [[1, 2], torch.ones(3), nn.Linear(2, 2), "text"], ids=type)
def test_archives_of_other_things(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match="no checkpoint of lzeval's"):
        load_network(tmp_path / "a.ckpt")


def test_a_file_and_the_checkpoint_that_it_was_exported_from_are_one_network(tmp_path: Path) -> None:
    network = lived_in_network(10)
    checkpoint = load_network(save_checkpoint(tmp_path / "last.ckpt", network))
    write_network(network, tmp_path / "net.txt.gz")
    write_network(network, tmp_path / "few.txt", digits=4)
    write_network(lived_in_network(11), tmp_path / "other.txt")
    exported, few, other = (load_network(tmp_path / name) for name in ("net.txt.gz", "few.txt", "other.txt"))
    assert exported.numbers_sha256 == checkpoint.numbers_sha256
    assert exported.sha256 != checkpoint.sha256
    assert len({network.numbers_sha256 for network in (exported, few, other)}) == 3
    one, two = (plan_evaluator(tmp_path / name, precision="fp32") for name in ("last.ckpt", "net.txt.gz"))
    assert one.info.is_same_network(two.info)
    assert not one.answers_like(two)  # whose last bits differ


@pytest.mark.parametrize("pattern", ["%r", "%.17g", "%.9e", "%+.60f"])
def test_a_network_is_the_same_in_other_writing(tmp_path: Path, pattern: str) -> None:
    weights = tiny_weights()
    rows = [" ".join(pattern % float(n) for n in tensor.ravel()) for tensor in weights.tensors.values()]
    path = write_lines(tmp_path / "net.txt", ["1", *rows], "\r\n")
    assert read_weights(path).numbers_sha256 == weights.numbers_sha256
    assert tiny_weights(version=2).numbers_sha256 != weights.numbers_sha256
    weights.tensors["input.bias"][0] = np.nextafter(weights.tensors["input.bias"][0], np.float32(9))
    assert read_weights(path).numbers_sha256 != weights.numbers_sha256


def test_the_sign_of_a_zero_makes_no_other_network() -> None:
    one, other = tiny_weights(), tiny_weights()
    one.tensors["input.bias"][0], other.tensors["input.bias"][0] = 0.0, -0.0
    assert one.numbers_sha256 == other.numbers_sha256


class Intruder:
    """Runs code of its own when it is unpickled without care."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt", lived_in_network(14), callbacks=Intruder(tmp_path / "trace"))
    with pytest.raises(UserError, match="no checkpoint of lzeval's"):
        load_network(path)
    assert not (tmp_path / "trace").exists()
    pickle.loads(pickle.dumps(Intruder(tmp_path / "trace")))
    assert (tmp_path / "trace").exists()  # it would have


def test_a_cut_checkpoint_is_the_users_mistake(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt", lived_in_network(14))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError):
        load_network(path)
    with pytest.raises(UserError, match="no checkpoint of lzeval's"):
        read_checkpoint(path)


def test_a_weights_file_is_loaded_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "odd.ckpt"
    write_weights(tiny_weights(version=2), path)
    loaded = load_network(path)
    assert loaded.value_is_blacks
    assert loaded.name == "odd"
    assert loaded.sha256 == text_sha256(path)


def test_a_bundled_network_is_loaded_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "BUNDLED_FOLDER", tmp_path)
    write_weights(tiny_weights(15), tmp_path / "big.txt.gz")
    loaded = load_network("big")
    expected = network_from_weights(tiny_weights(15))
    assert torch.equal(evaluate(loaded.network).value, evaluate(expected).value)
    assert loaded.name == "big"
    with pytest.raises(UserError, match="did you mean the bundled big"):
        load_network("bigg")


def test_convert_takes_a_checkpoint(tmp_path: Path) -> None:
    network = lived_in_network(16)
    checkpoint = save_checkpoint(tmp_path / "a.ckpt", network)
    result = CliRunner().invoke(app, ["convert", str(checkpoint), str(tmp_path / "net.txt")])
    assert result.exit_code == 0, result.output
    assert_judge_agrees(tmp_path / "net.txt", network, PLANES, 1e-5)


def test_no_convolution_has_a_bias() -> None:
    convolutions = [block for block in LeelaNetwork(TINY).modules() if isinstance(block, ConvBlock)]
    assert len(convolutions) == 1 + 2 * TINY.blocks + 2
    assert all(block.conv.bias is None for block in convolutions)
    assert all(isinstance(block.norm, nn.BatchNorm2d) and block.norm.eps == 1e-5 for block in convolutions)
