"""Means of networks whose normalisation is measured anew on positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from lzeval.cli.weights import app
from lzeval.core.errors import UserError
from lzeval.core.weights import LeelaWeights, read_weights, write_weights
from lzeval.net.combine import average
from lzeval.net.leela import network_from_weights, weights_from_network
from lzeval.net.network import NetworkShape
from tests.fakes.weights_files import lived_in_network, random_planes
from tests.numpy_forward import numpy_forward
from tests.tiny_runs import SIZE, write_records
from trainer.means import with_their_signals

SHAPE = NetworkShape(2, 8, SIZE)
BATCHES = torch.split(random_planes(256, SIZE), 128)


def named(*seeds: int) -> list[tuple[str, LeelaWeights]]:
    return [(f"net{seed}", weights_from_network(lived_in_network(seed, SHAPE))) for seed in seeds]


def mean_on(
    networks: list[tuple[str, LeelaWeights]], shares: list[float] | None, batches: tuple[Tensor, ...]
) -> LeelaWeights:
    return with_their_signals(
        average(networks, shares), [weights for _, weights in networks], shares, batches
    )


def signals(weights: LeelaWeights) -> list[Tensor]:
    """Means and standard deviations `[2, C]` of what every normalisation gives on BATCHES."""
    network = network_from_weights(weights)
    given: list[Tensor] = []

    def look(_norm: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        given.append(torch.stack([output.mean((0, 2, 3)), output.std((0, 2, 3))]))

    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(look)
    with torch.no_grad():
        network(torch.cat(BATCHES))
    return given


@pytest.mark.parametrize("shares", [None, [1.0, 3.0]])
def test_signals_are_as_strong_as_in_the_networks(shares: list[float] | None) -> None:
    networks = named(1, 2)
    one, other = (signals(weights) for _, weights in networks)
    found = signals(mean_on(networks, shares, BATCHES))
    stale = signals(average(networks, shares))
    part = 0.5 if shares is None else 0.75
    wrong = 0.0
    for a, b, measured, averaged in zip(one, other, found, stale, strict=True):
        wanted = torch.lerp(a, b, part)
        torch.testing.assert_close(measured, wanted, atol=0.02, rtol=0.02)
        wrong = max(wrong, float((averaged - wanted).abs().max()))
    assert wrong > 0.2


def test_the_mean_of_a_network_and_itself_answers_like_it(tmp_path: Path) -> None:
    networks = named(3, 3, 3)
    write_weights(networks[0][1], tmp_path / "one.txt")
    write_weights(mean_on(networks, [1.0, 2.0, 0.5], BATCHES), tmp_path / "mean.txt")
    planes = random_planes(6, SIZE, 5).numpy()
    exact, found = (numpy_forward(tmp_path / f"{name}.txt", planes) for name in ("one", "mean"))
    assert np.ptp(exact.value) > 1e-3
    np.testing.assert_allclose(found.policy, exact.policy, atol=0.01)
    np.testing.assert_allclose(found.value, exact.value, atol=0.01)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, weights in named(1, 2):
        write_weights(weights, tmp_path / f"{name}.txt")
    records = tmp_path / "records"
    records.mkdir()
    return write_records(records)


def average_command(*arguments: str | Path) -> None:
    result = CliRunner().invoke(app, ["average", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output


def test_the_command_measures_on_records(files: Path) -> None:
    average_command("net1.txt", "net2.txt", "plain.txt")
    average_command("net1.txt", "net2.txt", "measured.txt", "--data", files)
    plain, measured = (read_weights(Path(f"{name}.txt")) for name in ("plain", "measured"))
    assert measured.shape == plain.shape
    np.testing.assert_allclose(
        measured.tensors["policy.fc.weight"], plain.tensors["policy.fc.weight"], rtol=1e-6
    )
    assert not np.allclose(measured.tensors["input.variance"], plain.tensors["input.variance"], rtol=0.01)


def test_without_data_nothing_is_written(files: Path) -> None:
    with pytest.raises(UserError, match="nowhere") as error:
        average_command("net1.txt", "net2.txt", "mean.txt", "--data", "nowhere")
    assert "\n" not in str(error.value)
    assert not Path("mean.txt").exists()
