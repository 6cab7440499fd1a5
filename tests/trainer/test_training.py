"""Whole runs of a tiny network on games whose next move can be read off the board."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lzeval.errors import UserError
from lzeval.network.checkpoint import load_network
from lzeval.network.leela import write_network
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from tests.support.tiny_runs import (
    BATCH,
    SIZE,
    STEPS,
    assert_same_training,
    logged,
    resume,
    settings,
    state,
)
from trainer.data.batches import TensorBatch
from trainer.settings.config import NetworkConfig
from trainer.training.module import GoModule
from trainer.training.run import new_network, train


@pytest.fixture(scope="module")
def finished(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from start to end."""
    run = tmp_path_factory.mktemp("run")
    assert train(settings(records, run)) == (run / "latest.ckpt", STEPS * BATCH, False)
    return run


def test_the_loss_falls(finished: Path) -> None:
    losses = logged(finished, "train/policy_loss")
    assert len(losses) == STEPS
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    assert logged(finished, "positions") == [BATCH * step for step in range(STEPS)]


def test_the_checkpoint_is_a_network(finished: Path) -> None:
    loaded = load_network(finished / "latest.ckpt")
    assert loaded.network.shape == NetworkShape(1, 8, SIZE)
    weights = state(finished / "latest.ckpt")["state_dict"]
    for name, value in loaded.network.state_dict().items():
        assert torch.equal(value, weights[f"network.{name}"])
    assert not list(finished.glob(".*.tmp"))


def test_an_interrupted_run_ends_where_the_uninterrupted_one_does(
    records: Path, finished: Path, tmp_path: Path
) -> None:
    train(settings(records, tmp_path, STEPS // 2))
    resume(tmp_path, f"max_positions={STEPS * BATCH}")
    assert len(list(tmp_path.glob("csv*"))) == 2
    assert logged(tmp_path, "train/policy_loss") == logged(finished, "train/policy_loss")
    assert_same_training(state(finished / "latest.ckpt"), state(tmp_path / "latest.ckpt"))


def test_ctrl_c_keeps_what_was_learnt(
    records: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = GoModule.training_step

    def interrupted(self: GoModule, batch: TensorBatch, batch_idx: int) -> Tensor:
        if self.positions == 7 * BATCH:
            raise KeyboardInterrupt
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(GoModule, "training_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(settings(records, tmp_path))
    assert state(tmp_path / "latest.ckpt")["global_step"] == 7
    resume(tmp_path)
    assert logged(tmp_path, "train/policy_loss") == logged(finished, "train/policy_loss")
    assert_same_training(state(finished / "latest.ckpt"), state(tmp_path / "latest.ckpt"))


def test_a_run_that_is_over_is_left_as_it_is(records: Path, tmp_path: Path) -> None:
    train(settings(records, tmp_path, 3))
    before = state(tmp_path / "latest.ckpt")
    resume(tmp_path)
    assert_same_training(before, state(tmp_path / "latest.ckpt"))


def test_measuring_on_a_holdout_changes_nothing(records: Path, finished: Path, tmp_path: Path) -> None:
    config = settings(records, tmp_path)
    config.data.holdout = str(records / "holdout.sgf")
    train(config)
    measured = logged(tmp_path, "holdout/policy_loss")
    assert len(measured) == STEPS // 8 + 1  # and at the end
    assert measured[-1] < measured[0]
    assert logged(tmp_path, "train/policy_loss") == logged(finished, "train/policy_loss")
    assert_same_training(state(finished / "latest.ckpt"), state(tmp_path / "latest.ckpt"))


def test_taking_over_weights_trains_the_normalisation_too(records: Path, tmp_path: Path) -> None:
    """A network that was loaded answers with fixed statistics; one that trains must not."""
    torch.manual_seed(1)
    write_network(LeelaNetwork(NetworkShape(1, 8, SIZE)), tmp_path / "init.txt")
    train(settings(records, tmp_path / "run", 3, init=str(tmp_path / "init.txt")))
    before = load_network(tmp_path / "init.txt").network.input.norm.running_mean
    after = load_network(tmp_path / "run" / "latest.ckpt").network.input.norm.running_mean
    assert before is not None
    assert after is not None
    assert not torch.allclose(before, after)


def test_a_start_from_another_network(tmp_path: Path) -> None:
    torch.manual_seed(1)
    write_network(LeelaNetwork(NetworkShape(1, 8, SIZE)), tmp_path / "init.txt")
    start = str(tmp_path / "init.txt")
    assert new_network(NetworkConfig("n", 2, 12), SIZE, start).shape == NetworkShape(2, 12, SIZE)
    with pytest.raises(UserError, match="cannot grow"):
        new_network(NetworkConfig("n", 1, 4), SIZE, start)
    with pytest.raises(UserError, match="there is no network"):
        new_network(NetworkConfig("n", 1, 4), SIZE, str(tmp_path / "absent.txt"))


def test_a_run_ends_by_time(records: Path, tmp_path: Path) -> None:
    config = settings(records, tmp_path, max_positions=None, max_time="0.2s")
    train(config)
    ended = state(tmp_path / "latest.ckpt")["lzeval"]
    assert 0.2 <= ended["elapsed_s"] < 2
    assert ended["positions"] > 0
