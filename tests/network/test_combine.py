"""Means of networks, networks of fewer digits, and the choice among a checkpoint's networks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from typer.testing import CliRunner

from engines.evaluator.load import CHECKED_POSITIONS, sample_planes
from lzeval.cli.export import export
from lzeval.cli.weights import app
from lzeval.errors import UserError
from lzeval.network.checkpoint import load_network, read_checkpoint
from lzeval.network.combine import average, fewest_digits
from lzeval.network.leela import weights_from_network
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.network.weights_file.weights import LeelaWeights, read_weights, rounded, write_weights
from tests.support.fakes.weights_files import TINY, lived_in_network, random_planes, tiny_weights
from tests.support.numpy_forward import Judgement, numpy_forward

PLANES = random_planes(6, TINY.board_size)
EPSILON = 1e-5
CONVOLUTIONS = ["input", *(f"block{n}.conv{c}" for n in (1, 2) for c in (1, 2)), "policy.conv", "value.conv"]


def judged(weights: LeelaWeights, folder: Path) -> Judgement:
    write_weights(weights, folder / "judged.txt")
    judgement = numpy_forward(folder / "judged.txt", PLANES.numpy())
    assert np.ptp(judgement.value) > 1e-3  # answers that say nothing agree too easily
    return judgement


def assert_same_answers(one: LeelaWeights, other: LeelaWeights, folder: Path) -> None:
    first, second = judged(one, folder), judged(other, folder)
    assert_allclose(second.policy, first.policy, atol=1e-5)
    assert_allclose(second.value, first.value, atol=1e-5)


def mean(*networks: LeelaWeights, shares: list[float] | None = None) -> LeelaWeights:
    return average([(f"net{number}", network) for number, network in enumerate(networks)], shares)


def rescaled(weights: LeelaWeights, factor: float) -> LeelaWeights:
    """The same network, in other numbers: every convolution `factor` times as large, and its deviation too."""
    tensors = {name: tensor.copy() for name, tensor in weights.tensors.items()}
    for layer in CONVOLUTIONS:
        for part in ("weight", "bias", "mean"):
            tensors[f"{layer}.{part}"] *= np.float32(factor)
        variance = tensors[f"{layer}.variance"]
        variance[:] = (variance + EPSILON) * factor**2 - EPSILON
    return LeelaWeights(weights.version, weights.shape, tensors)


# The mean


@pytest.mark.parametrize("seed", [5, 7, 9])
def test_the_mean_of_a_network_and_itself_answers_like_it(tmp_path: Path, seed: int) -> None:
    weights = weights_from_network(lived_in_network(seed))
    assert_same_answers(weights, mean(weights, weights, weights), tmp_path)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_what_a_file_makes_of_its_scales_does_not_matter(tmp_path: Path, factor: float) -> None:
    weights = weights_from_network(lived_in_network(7))
    other = rescaled(weights, factor)
    assert_same_answers(weights, other, tmp_path)
    assert_same_answers(weights, mean(weights, other), tmp_path)
    naive = {name: (tensor + other.tensors[name]) / 2 for name, tensor in weights.tensors.items()}
    wrong = judged(LeelaWeights(1, TINY, naive), tmp_path)
    assert abs(wrong.policy - judged(weights, tmp_path).policy).max() > 1e-3


def test_a_mean_by_hand() -> None:
    one, other = (tiny_weights(seed, NetworkShape(0, 1, 2)) for seed in (1, 2))
    for weights, weight, bias, average_, deviation in ((one, 6, 1, 3, 2), (other, 3, 5, 2, 3)):
        weights.tensors["input.weight"][:] = weight
        weights.tensors["input.bias"][:] = bias
        weights.tensors["input.mean"][:] = average_
        weights.tensors["input.variance"][:] = deviation**2 - EPSILON
    found = mean(one, other).tensors
    # One computes 3 x - 1, the other x + 1: the mean is 2 x. The variance is 6.5.
    assert_allclose(found["input.variance"], 6.5 - EPSILON, rtol=1e-6)
    assert_allclose(found["input.weight"], 2 * 6.5**0.5, rtol=1e-6)
    assert_allclose(found["input.bias"] - found["input.mean"], 0, atol=1e-6)
    assert_allclose(
        found["value.fc2.bias"], (one.tensors["value.fc2.bias"] + other.tensors["value.fc2.bias"]) / 2
    )


def layer_output(weights: LeelaWeights, layer: str, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What a convolution makes of one patch of its input."""
    filters, bias, average_, variance = (
        weights.tensors[f"{layer}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "mean", "variance")
    )
    outputs: npt.NDArray[np.float64] = filters.reshape(len(bias), -1) @ x
    return (outputs + bias - average_) / np.sqrt(variance + EPSILON)


@pytest.mark.parametrize("shares", [[1.0, 1.0], [3.0, 1.0]])
@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_every_layer_does_the_mean_of_what_the_layers_do(layer: str, shares: list[float]) -> None:
    one, other = (weights_from_network(lived_in_network(seed)) for seed in (1, 2))
    x = np.random.default_rng(3).normal(size=one.tensors[f"{layer}.weight"][0].size)
    expected = (shares[0] * layer_output(one, layer, x) + shares[1] * layer_output(other, layer, x)) / sum(
        shares
    )
    assert_allclose(layer_output(mean(one, other, shares=shares), layer, x), expected, rtol=1e-4, atol=1e-5)


def test_shares_are_relative_and_the_order_does_not_matter() -> None:
    nets = [weights_from_network(lived_in_network(seed)) for seed in (1, 2, 3)]
    first = mean(*nets, shares=[1, 2, 1])
    for again in (mean(nets[1], nets[2], nets[0], shares=[0.5, 0.25, 0.25]), mean(*nets, nets[1])):
        for name, tensor in first.tensors.items():
            assert_allclose(again.tensors[name], tensor, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("shares", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_shares_that_make_no_mean_are_refused(shares: list[float]) -> None:
    with pytest.raises(UserError, match=r"cannot be a network's weight|and 1 weights for them"):
        mean(tiny_weights(1), tiny_weights(2), shares=shares)


# Fewer digits


@given(digits=st.integers(1, 9), seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_rounding_is_what_a_file_of_so_many_digits_does(
    tmp_path_factory: pytest.TempPathFactory, digits: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("rounding") / "net.txt"
    weights = tiny_weights(seed)
    write_weights(weights, path, digits)
    again = read_weights(path)
    for name, tensor in rounded(weights, digits).tensors.items():
        assert tensor.dtype == np.float32
        assert tensor.tobytes() == again.tensors[name].tobytes(), name


@pytest.mark.parametrize("largest", [0.1, 0.01, 0.001, 1e-4])
def test_a_network_of_fewer_digits_answers_within_the_bound(tmp_path: Path, largest: float) -> None:
    weights = weights_from_network(lived_in_network(7))
    planes = sample_planes(TINY.board_size, CHECKED_POSITIONS)
    digits, change = fewest_digits(weights, planes, largest)

    def judge(kept: int | None) -> Judgement:
        write_weights(weights, tmp_path / "net.txt", kept)
        return numpy_forward(tmp_path / "net.txt", planes.astype(np.float32))

    exact, found = judge(None), judge(digits)
    moved = abs(found.policy - exact.policy).max()
    assert moved < largest
    assert change.policy == pytest.approx(moved, abs=1e-5)
    assert change.winrate == pytest.approx(abs(found.value - exact.value).max() / 2, abs=1e-5)
    same = (found.policy.argmax(1) == exact.policy.argmax(1)).sum()
    assert (change.same_best, change.positions) == (same, CHECKED_POSITIONS)
    if digits > 1:
        assert abs(judge(digits - 1).policy - exact.policy).max() >= largest


# The commands


def run(command: typer.Typer, *arguments: str | Path) -> str:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


EXPORT = typer.Typer()
EXPORT.command()(export)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(["a", "b"], start=1):
        write_weights(weights_from_network(lived_in_network(seed)), tmp_path / f"{name}.txt")
    return tmp_path


def test_average_writes_the_mean(files: Path) -> None:
    output = run(app, "average", "a.txt", "b.txt", "mean.txt", "--weights", "1,3")
    assert output == f"mean.txt: {TINY}, version 1\n"
    expected = mean(read_weights("a.txt"), read_weights("b.txt"), shares=[1, 3])
    found = read_weights("mean.txt")
    for name, tensor in expected.tensors.items():
        assert_allclose(found.tensors[name], tensor, rtol=1e-6)


def test_average_refuses_what_does_not_fit(files: Path) -> None:
    write_weights(tiny_weights(shape=NetworkShape(1, 3, 5)), files / "other.txt")
    write_weights(tiny_weights(version=2), files / "black.txt")
    cases: list[tuple[list[str], str]] = [
        (["a.txt", "other.txt", "out.txt"], "one shape .*a.txt is 2 blocks .*other.txt is 1 blocks"),
        (["a.txt", "black.txt", "out.txt"], "the mover's in a.txt, and Black's in black.txt"),
        (["a.txt", "out.txt"], "give at least two networks"),
        (["a.txt", "b.txt", "out.txt", "--weights", "1,2,1"], "2 networks were given, and 3 weights"),
        (["a.txt", "b.txt", "out.txt", "--weights", "1;2"], "numbers with commas"),
        (["a.txt", "nothing.txt", "out.txt"], "no network 'nothing.txt'"),
        (["a.txt", "b.txt", "out.onnx"], "to end in .txt"),
        (["a.txt", "b.txt", "a.txt", "--force"], "a.txt is also to be read"),
    ]
    for arguments, message in cases:
        with pytest.raises(UserError, match=message) as error:
            run(app, "average", *arguments)
        assert "\n" not in str(error.value)
    assert not (files / "out.txt").exists()


@pytest.mark.parametrize("command", [["average", "a.txt", "b.txt"], ["quantize", "a.txt", "--digits", "3"]])
def test_what_exists_is_overwritten_only_by_force(files: Path, command: list[str]) -> None:
    Path("out.txt").write_text("precious")
    with pytest.raises(UserError, match=r"out\.txt exists; use --force"):
        run(app, *command, "out.txt")
    assert Path("out.txt").read_text() == "precious"
    run(app, *command, "out.txt", "--force")
    assert read_weights("out.txt").shape == TINY


def test_quantize_says_what_was_lost(files: Path) -> None:
    output = run(app, "quantize", "a.txt", "out.txt", "--digits", "2")
    sizes = [Path(name).stat().st_size for name in ("out.txt", "a.txt")]
    assert sizes[0] < sizes[1]
    assert f"2 significant digits: {sizes[0]:,} bytes; a.txt: {sizes[1]:,} bytes\n" in output
    planes = sample_planes(TINY.board_size, CHECKED_POSITIONS).astype(np.float32)
    exact, found = (numpy_forward(files / name, planes) for name in ("a.txt", "out.txt"))
    said = re.search(
        r"in 64 positions .* changed by (\S+) at most, a winrate by (\S+), and .* the best in (\d+)", output
    )
    assert said is not None
    assert float(said[1]) == pytest.approx(abs(found.policy - exact.policy).max(), rel=0.06)
    assert float(said[2]) == pytest.approx(abs(found.value - exact.value).max() / 2, rel=0.06)
    assert int(said[3]) == (found.policy.argmax(1) == exact.policy.argmax(1)).sum()


def test_quantize_keeps_as_few_digits_as_it_may(files: Path) -> None:
    coarse = run(app, "quantize", "a.txt", "coarse.txt", "--loss", "0.05")
    fine = run(app, "quantize", "a.txt", "fine.txt")
    assert int(coarse.splitlines()[1].split()[0]) < int(fine.splitlines()[1].split()[0])
    planes = sample_planes(TINY.board_size, CHECKED_POSITIONS).astype(np.float32)
    exact = numpy_forward(files / "a.txt", planes)
    for name, largest in (("coarse.txt", 0.05), ("fine.txt", 0.001)):
        assert abs(numpy_forward(files / name, planes).policy - exact.policy).max() < largest


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--digits", "3", "--loss", "0.1"], "cannot both be given"),
        (["--loss", "0"], "above 0 and below 1"),
        (["--loss", "nan"], "above 0 and below 1"),
    ],
)
def test_quantize_refuses_what_makes_no_sense(files: Path, more: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(app, "quantize", "a.txt", "out.txt", *more)
    assert not Path("out.txt").exists()


# A checkpoint's networks


def save_checkpoint(path: Path, latest: LeelaNetwork, **averaged: LeelaNetwork) -> Path:
    """With `ema` and `swa` under their keys, as training writes them."""
    content: dict[str, Any] = {
        "state_dict": {f"network.{key}": value for key, value in latest.state_dict().items()},
        "shape": {"blocks": TINY.blocks, "filters": TINY.filters, "board_size": TINY.board_size},
    }
    for kind, network in averaged.items():
        content[f"{kind}_state_dict"] = dict(network.state_dict())
    torch.save(content, path)
    return path


def same(one: LeelaNetwork, other: LeelaNetwork) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


LATEST, EMA, SWA = (lived_in_network(seed) for seed in (21, 22, 23))


@pytest.mark.parametrize(
    ("averaged", "expected"),
    [({"ema": EMA, "swa": SWA}, EMA), ({"swa": SWA}, SWA), ({"ema": EMA}, EMA), ({}, LATEST)],
)
def test_averaged_networks_are_preferred(
    tmp_path: Path, averaged: dict[str, LeelaNetwork], expected: LeelaNetwork
) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt", LATEST, **averaged)
    assert same(read_checkpoint(path), expected)
    assert same(load_network(path).network, expected)


def test_each_network_of_a_checkpoint_can_be_had(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt", LATEST, ema=EMA, swa=SWA)
    for kind, network in (("latest", LATEST), ("ema", EMA), ("swa", SWA)):
        assert same(read_checkpoint(path, kind), network)
        run(EXPORT, path, tmp_path / f"{kind}.txt", "--weights", kind)
        expected = weights_from_network(network)
        assert_allclose(
            read_weights(tmp_path / f"{kind}.txt").tensors["policy.fc.weight"],
            expected.tensors["policy.fc.weight"],
        )


def test_a_network_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt", LATEST, ema=EMA)
    write_weights(tiny_weights(), tmp_path / "net.txt")
    cases = [
        (path, "swa", "a.ckpt: no network 'swa' in this checkpoint; it has ema, latest"),
        (path, "best", "no kind 'best' .* choose one of ema, latest, swa"),
        (tmp_path / "net.txt", "latest", "a weights file holds one network"),
    ]
    for source, kind, message in cases:
        with pytest.raises(UserError, match=message) as error:
            run(EXPORT, source, tmp_path / "out.txt", "--weights", kind)
        assert "\n" not in str(error.value)
    assert not (tmp_path / "out.txt").exists()


def test_export_takes_the_mean_of_several_checkpoints(tmp_path: Path) -> None:
    first = save_checkpoint(tmp_path / "a.ckpt", LATEST)
    second = save_checkpoint(tmp_path / "b.ckpt", EMA, ema=SWA)
    for kind, other in ((None, SWA), ("latest", EMA)):
        choice = [] if kind is None else ["--weights", kind]
        run(EXPORT, first, second, tmp_path / "out.txt", "--force", *choice)
        expected = mean(weights_from_network(LATEST), weights_from_network(other))
        found = read_weights(tmp_path / "out.txt")
        for name, tensor in expected.tensors.items():
            assert_allclose(found.tensors[name], tensor, rtol=1e-6, err_msg=name)


def test_export_keeps_as_many_digits_as_it_is_told(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt", LATEST)
    run(EXPORT, path, tmp_path / "out.txt", "--digits", "3")
    expected = rounded(weights_from_network(LATEST), 3)
    for name, tensor in read_weights(tmp_path / "out.txt").tensors.items():
        assert tensor.tobytes() == expected.tensors[name].tobytes(), name
