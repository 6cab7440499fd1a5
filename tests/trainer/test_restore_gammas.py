"""A network from a weights file goes on learning from what it plays like, gammas and all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lzeval.network.checkpoint import load_network
from lzeval.network.leela import write_network
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from tests.support.fakes.weights_files import lived_in_network, random_planes
from tests.support.tiny_runs import BATCH, SIZE, assert_same_training, resume, settings, state
from trainer.data.batches import TensorBatch
from trainer.training.module import GoModule
from trainer.training.restore_gammas import restore_gammas
from trainer.training.run import train

SHAPE = NetworkShape(1, 8, SIZE)


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """A weights file whose gammas were not 1, and whose statistics are not those of any data."""
    network = lived_in_network(3, SHAPE)
    write_network(network, tmp_path / "start.txt")
    return tmp_path / "start.txt"


def answers(network: LeelaNetwork, planes: Tensor, *, training: bool) -> Tensor:
    """Logits and values `[B, S*S + 2]`."""
    network.train(training)
    with torch.no_grad():
        output = network(planes)
    return torch.cat([output.policy_logits, output.value[:, None]], 1)


def test_it_plays_as_before_and_learns_from_there(start: Path) -> None:
    planes = random_planes(256, SIZE)
    network = load_network(start).network
    before = answers(network, planes, training=False)
    lost = (answers(load_network(start).network, planes, training=True) - before).abs().max()
    restore_gammas(network, torch.split(planes, 64))
    assert not network.training
    torch.testing.assert_close(answers(network, planes, training=False), before, atol=1e-4, rtol=1e-4)
    for name, value in network.state_dict().items():
        assert torch.isfinite(value).all(), name
    kept = (answers(network, planes, training=True) - before).abs().max()
    assert lost > 1
    assert kept < lost / 20


def test_the_statistics_are_those_of_the_batches(start: Path) -> None:
    planes = random_planes(128, SIZE, 1)
    network = load_network(start).network
    restore_gammas(network, [planes])
    given = network.input.conv(planes)
    norm = network.input.norm
    torch.testing.assert_close(norm.running_mean, given.mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.running_var, given.var((0, 2, 3), correction=0), atol=1e-5, rtol=1e-4)


def test_without_a_batch_it_stays_as_it_is(start: Path) -> None:
    network = load_network(start).network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    restore_gammas(network, [])
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def first_logits(records: Path, run: Path, start: Path) -> tuple[Tensor, Tensor]:
    """The planes and the logits of a run's first step."""
    seen: list[tuple[Tensor, Tensor]] = []
    losses = GoModule.losses

    def noting(self: GoModule, batch: TensorBatch, logits: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        seen.append((batch.planes.float(), logits.detach().clone()))
        return losses(self, batch, logits, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GoModule, "losses", noting)
        train(settings(records, run, init=str(start), batch_size=64, max_positions=64))
    return seen[0]


def test_a_run_begins_with_what_its_weights_file_says(records: Path, tmp_path: Path, start: Path) -> None:
    planes, logits = first_logits(records, tmp_path / "run", start)
    network = load_network(start).network
    plays = answers(network, planes, training=False)[:, :-1]
    loses = answers(network, planes, training=True)[:, :-1]
    assert (logits - plays).abs().mean() < (loses - plays).abs().mean() / 5


def test_a_run_from_a_weights_file_goes_on_as_if_it_had_never_stopped(
    records: Path, tmp_path: Path, start: Path
) -> None:
    train(settings(records, tmp_path / "whole", 12, init=str(start)))
    train(settings(records, tmp_path / "halves", 6, init=str(start)))
    resume(tmp_path / "halves", f"max_positions={12 * BATCH}")
    assert_same_training(*(state(tmp_path / name / "latest.ckpt") for name in ("whole", "halves")))
