"""What a run can be asked for besides: averages, plateaus, teachers, several devices; and how it survives crashes."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lzeval.errors import UserError
from lzeval.network.checkpoint import load_network, read_checkpoint
from lzeval.network.leela import write_network
from lzeval.network.network import LeelaNetwork
from lzeval.network.symmetric_policy import asymmetry
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.system.locks import locked
from tests.support.command_line import environment, program
from tests.support.tiny_runs import (
    BATCH,
    SIZE,
    STEPS,
    as_overrides,
    assert_same_training,
    logged,
    resume,
    settings,
    state,
)
from trainer.data.batches import TensorBatch
from trainer.settings.config import AverageConfig, ExportConfig, ScheduleConfig, TeacherConfig, TrainConfig
from trainer.training.averages import Average
from trainer.training.callbacks import Checkpoints
from trainer.training.learning_rate import Plateau, rate_factor
from trainer.training.metrics import as_log, measure
from trainer.training.module import GoModule
from trainer.training.run import train
from trainer.training.teacher import Teacher


def with_holdout(records: Path, run: Path, steps: int = STEPS, **changes: Any) -> TrainConfig:
    config = settings(records, run, steps, **changes)
    config.data.holdout = str(records / "holdout.sgf")
    return config


def stopped_at(positions: int) -> Any:
    """A training step that Ctrl-C meets after so many positions."""
    step = GoModule.training_step

    def stop(self: GoModule, batch: TensorBatch, batch_idx: int) -> Tensor:
        if self.positions == positions:
            raise KeyboardInterrupt
        return step(self, batch, batch_idx)

    return stop


# Averages


def trained_states(
    records: Path, run: Path, average: AverageConfig
) -> tuple[list[dict[str, Tensor]], dict[str, Any]]:
    """The network's state after each step, and the run's last checkpoint."""
    states: list[dict[str, Tensor]] = []
    count = GoModule.count

    def noting(self: GoModule, batch: TensorBatch) -> None:
        states.append({name: value.clone() for name, value in self.network.state_dict().items()})
        count(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GoModule, "count", noting)
        train(settings(records, run, average=average))
    return states, state(run / "latest.ckpt")


def parameters(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: value for name, value in values.items() if "running" not in name and "num_batches" not in name
    }


def test_the_averages_are_those_of_the_weights_after_each_step(records: Path, tmp_path: Path) -> None:
    states, checkpoint = trained_states(records, tmp_path, AverageConfig(ema=0.9, swa_from=0.5))
    assert len(states) == STEPS
    late = states[STEPS // 2 - 1 :]  # half the run is over with this step
    for name, value in parameters(checkpoint["swa_state_dict"]).items():
        mean = torch.stack([step[name] for step in late]).mean(0)
        torch.testing.assert_close(value, mean, atol=1e-6, rtol=1e-5)
    for name, value in parameters(checkpoint["ema_state_dict"]).items():
        average = states[0][name]
        for number, step in enumerate(states[1:], start=2):
            kept = min(0.9, 1 - 1 / number)
            average = kept * average + (1 - kept) * step[name]
        torch.testing.assert_close(value, average, atol=1e-6, rtol=1e-5)


def test_averages_go_on_after_an_interruption(records: Path, tmp_path: Path) -> None:
    average = AverageConfig(ema=0.9, swa_from=0.25)
    train(settings(records, tmp_path / "whole", average=average))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GoModule, "training_step", stopped_at(12 * BATCH))
        with pytest.raises(KeyboardInterrupt):
            train(settings(records, tmp_path / "halves", average=average))
    resume(tmp_path / "halves")
    whole, halves = (state(tmp_path / name / "latest.ckpt") for name in ("whole", "halves"))
    assert_same_training(whole, halves)
    for kind in ("ema_state_dict", "swa_state_dict"):
        for name, value in whole[kind].items():
            assert torch.equal(value, halves[kind][name]), (kind, name)


def test_an_averaged_network_is_what_is_loaded_and_it_is_normalised_by_its_own_statistics(
    records: Path, tmp_path: Path
) -> None:
    train(settings(records, tmp_path, average=AverageConfig(ema=0.9)))
    checkpoint = state(tmp_path / "latest.ckpt")
    loaded = load_network(tmp_path / "latest.ckpt").network.state_dict()
    for name, value in loaded.items():
        assert torch.equal(value, checkpoint["ema_state_dict"][name])
    plain = read_checkpoint(tmp_path / "latest.ckpt", "latest").state_dict()
    assert not torch.equal(plain["input.norm.running_mean"], loaded["input.norm.running_mean"])


def test_an_average_is_restored_with_its_steps() -> None:
    network = LeelaNetwork(NetworkShape(1, 2, SIZE))
    whole, halves = Average(network, 0.9), Average(network, 0.9)
    for step in range(6):
        if step == 3:
            state = {name: value.clone() for name, value in halves.module.state_dict().items()}
            halves = Average(network, 0.9)
            halves.restore(state, 3)
        with torch.no_grad():
            network.value.fc2.bias += step
        for average in (whole, halves):
            average.update_parameters(network)
    assert torch.equal(whole.module.value.fc2.bias, halves.module.value.fc2.bias)
    assert int(halves.n_averaged) == 6


# Schedules


def test_onecycle_rises_and_falls() -> None:
    config = ScheduleConfig("onecycle", warmup=0, hold=0.25, factor=25.0)
    rates = [rate_factor(config, 10, share) for share in np.linspace(0, 1, 101)]
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == rates[25] == pytest.approx(1)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert all(b > a for a, b in pairwise(rates[:26]))
    assert all(b < a for a, b in pairwise(rates[25:]))


def test_a_plateau_divides_after_its_patience() -> None:
    plateau = Plateau(10.0, patience=1)
    factors = []
    for loss in (3.0, 2.0, 2.5, 2.0, 1.9, 2.0, 2.0, 2.0, 2.0):
        plateau.note(loss)
        factors.append(plateau.factor)
    assert factors == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001])
    again = Plateau(10.0, patience=1)
    again.restore(plateau.state())
    for each in (plateau, again):
        each.note(5.0)
        each.note(5.0)
    assert plateau.factor == again.factor


def test_a_plateau_lowers_the_rate_of_a_run_and_survives_its_interruption(
    records: Path, tmp_path: Path
) -> None:
    schedule = ScheduleConfig("plateau", warmup=0, hold=1.0, factor=4.0, patience=0)
    config = with_holdout(records, tmp_path, schedule=schedule)
    config.optimizer.lr = config.optimizer.adam_lr = (
        0.0  # nothing is learnt, so that no measurement is better
    )
    config.watch.evaluate_every = 4 * BATCH
    train(config)
    factor = state(tmp_path / "latest.ckpt")["lzeval"]["plateau"]["factor"]
    assert factor < 1
    resume(tmp_path, f"max_positions={(STEPS + 1) * BATCH}")
    assert state(tmp_path / "latest.ckpt")["lzeval"]["plateau"]["factor"] <= factor


def test_a_plateau_needs_a_holdout(records: Path, tmp_path: Path) -> None:
    schedule = ScheduleConfig("plateau", factor=10.0)
    with pytest.raises(UserError, match=r"add data\.holdout"):
        train(settings(records, tmp_path, schedule=schedule))


# Losses and metrics


def test_gathered_gradients_make_the_step_of_one_large_batch(records: Path, tmp_path: Path) -> None:
    """Judge: the gradient of the whole batch, of a network whose normalisation statistics are fixed."""
    small = settings(records, tmp_path / "small", 2, batch_size=BATCH // 2, accumulate=2)
    small.max_positions = BATCH
    train(small)
    assert state(tmp_path / "small" / "latest.ckpt")["global_step"] == 1
    assert state(tmp_path / "small" / "latest.ckpt")["lzeval"]["positions"] == BATCH


GATHERED = {"batch_size": BATCH // 4, "accumulate": 4}


@pytest.fixture(scope="module")
def gathered(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of gathered gradients that nothing interrupted."""
    run = tmp_path_factory.mktemp("gathered")
    train(settings(records, run, **GATHERED))
    return run


@pytest.mark.parametrize("batches", [8, 9, 11], ids=["between steps", "within a step", "within another"])
def test_gathering_goes_on_after_an_interruption(
    records: Path, gathered: Path, tmp_path: Path, batches: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GoModule, "training_step", stopped_at(batches * BATCH // 4))
        with pytest.raises(KeyboardInterrupt):
            train(settings(records, tmp_path, **GATHERED))
    assert state(tmp_path / "latest.ckpt")["lzeval"]["positions"] == 2 * BATCH
    resume(tmp_path)
    whole, halves = (state(folder / "latest.ckpt") for folder in (gathered, tmp_path))
    assert_same_training(whole, halves)


def random_module(config: TrainConfig) -> tuple[GoModule, TensorBatch, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    module = GoModule(config, LeelaNetwork(NetworkShape(1, 8, SIZE)))
    planes = torch.randint(0, 2, (6, 18, SIZE, SIZE), generator=generator).to(torch.uint8)
    moves = torch.randint(0, SIZE**2 + 1, (6,), generator=generator)
    outcomes = torch.tensor([1.0, -1.0, torch.nan, 1.0, 0.0, -1.0])
    batch = TensorBatch(planes, moves, outcomes, torch.tensor([0, 60, 120, 160, 300, 10]), None)
    logits = torch.randn(6, SIZE**2 + 1, generator=generator)
    return module, batch, logits, torch.rand(6, generator=generator) * 2 - 1


def test_losses_without_a_teacher() -> None:
    module, batch, logits, values = random_module(TrainConfig())
    policy, value = module.losses(batch, logits, values)
    expected = -np.mean(
        [float(row[move] - row.logsumexp(0)) for row, move in zip(logits, batch.moves, strict=True)]
    )
    assert float(policy) == pytest.approx(expected, rel=1e-5)
    decided = [0, 1, 3, 4, 5]
    assert float(value) == pytest.approx(
        np.mean([float((values[i] - batch.outcomes[i]) ** 2) for i in decided])
    )


def test_shares_and_smoothing() -> None:
    module, batch, logits, values = random_module(TrainConfig(label_smoothing=0.1))
    one_hot = F.one_hot(batch.moves, SIZE**2 + 1).float()
    hard, _ = module.losses(batch, logits, values)
    soft, _ = module.losses(batch._replace(shares=one_hot), logits, values)
    assert float(hard) == pytest.approx(float(soft), rel=1e-5)
    smooth = 0.9 * one_hot + 0.1 / (SIZE**2 + 1)
    assert float(hard) == pytest.approx(float(-(smooth * logits.log_softmax(1)).sum(1).mean()), rel=1e-5)


class FixedTeacher(Teacher):
    def __init__(self, policy: Tensor, value: Tensor) -> None:
        self.policy, self.value = policy, value

    def answer(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        assert planes.shape == (len(self.value), 18, SIZE, SIZE)
        return self.policy, self.value


def test_a_teacher_has_its_share_in_both_losses() -> None:
    module, batch, logits, values = random_module(TrainConfig(teacher=TeacherConfig(policy=0.25, value=0.5)))
    policy, value = torch.randn(6, SIZE**2 + 1).softmax(1), torch.rand(6) * 2 - 1
    alone, _ = module.losses(batch, logits, values)
    module.teacher = FixedTeacher(policy, value)
    policy_loss, value_loss = module.losses(batch, logits, values)
    taught = -(policy * logits.log_softmax(1)).sum(1).mean()
    assert float(policy_loss) == pytest.approx(float(0.75 * alone + 0.25 * taught), rel=1e-5)
    targets = torch.where(batch.outcomes.isnan(), value, (batch.outcomes + value) / 2)
    assert float(value_loss) == pytest.approx(float(((values - targets) ** 2).mean()), rel=1e-5)


def test_a_teacher_answers_as_its_network_and_is_learnt_from(records: Path, tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = LeelaNetwork(NetworkShape(1, 8, SIZE)).eval()
    write_network(network, tmp_path / "teacher.txt")
    teacher = Teacher(str(tmp_path / "teacher.txt"), BATCH, SIZE, 1)
    planes = torch.from_numpy(np.random.default_rng(1).integers(0, 2, (BATCH, 18, SIZE, SIZE), np.uint8))
    policy, value = teacher.answer(planes)
    expected = network(planes.flip(-2).float())
    torch.testing.assert_close(mirrored(policy), expected.policy_logits.softmax(1), atol=0.02, rtol=0.05)
    torch.testing.assert_close(value, expected.value, atol=0.02, rtol=0.05)
    of_itself = network(planes.float())
    assert (value - expected.value).abs().mean() < 0.5 * (value - of_itself.value).abs().mean()
    away = [
        (policy - probabilities).abs().mean()
        for probabilities in (mirrored(expected.policy_logits.softmax(1)), of_itself.policy_logits.softmax(1))
    ]
    assert away[0] < 0.5 * away[1]
    config = settings(
        records, tmp_path / "run", teacher=TeacherConfig(str(tmp_path / "teacher.txt"), policy=1.0, value=1.0)
    )
    train(config)
    student = load_network(tmp_path / "run" / "latest.ckpt").network
    fresh = LeelaNetwork(NetworkShape(1, 8, SIZE)).eval()
    distances = [
        F.cross_entropy(net(planes.float()).policy_logits, policy).item() for net in (student, fresh)
    ]
    assert distances[0] < distances[1]


def mirrored(policy: Tensor, axis: int = -2) -> Tensor:
    """Policies `[B, S * S + 1]` with their boards' rows (-2) or columns (-1) in reverse order."""
    return torch.cat([policy[:, :-1].reshape(-1, SIZE, SIZE).flip(axis).flatten(1), policy[:, -1:]], 1)


def turned(array: Tensor) -> Tensor:
    """Boards `[..., S, S]` by a quarter, the other way round and back to front: the seventh symmetry."""
    return array.transpose(-2, -1).flip(-1, -2)


@pytest.mark.parametrize("symmetries", [1, 2, 8])
def test_a_teacher_answers_with_the_mean_of_images(symmetries: int, tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = LeelaNetwork(NetworkShape(1, 8, SIZE)).eval()
    write_network(network, tmp_path / "teacher.txt")
    teacher = Teacher(str(tmp_path / "teacher.txt"), BATCH, SIZE, 1, symmetries)
    planes = torch.from_numpy(np.random.default_rng(1).integers(0, 2, (BATCH, 18, SIZE, SIZE), np.uint8))
    (policy, value), (policy_turned, value_turned) = teacher.answer(planes), teacher.answer(turned(planes))
    torch.testing.assert_close(policy.sum(1), torch.ones(BATCH))
    on_board = policy[:, :-1].reshape(-1, SIZE, SIZE)
    of_turned = policy_turned[:, :-1].reshape(-1, SIZE, SIZE)
    sees_all = symmetries == 8
    assert torch.allclose(turned(on_board), of_turned, atol=1e-5) == sees_all
    assert torch.allclose(policy[:, -1], policy_turned[:, -1], atol=1e-5) == sees_all
    assert torch.allclose(value, value_turned, atol=1e-5) == sees_all
    if symmetries == 2:
        plain = Teacher(str(tmp_path / "teacher.txt"), BATCH, SIZE, 1)  # upside down
        (one, worth), (other, other_worth) = plain.answer(planes), plain.answer(planes.flip(-2, -1))
        other = mirrored(mirrored(other, -2), -1)  # what the network sees of this one are mirrored columns
        torch.testing.assert_close(policy, (one + other) / 2)
        torch.testing.assert_close(value, (worth + other_worth) / 2)


def test_a_second_teacher_says_the_values(tmp_path: Path) -> None:
    planes = torch.from_numpy(np.random.default_rng(1).integers(0, 2, (BATCH, 18, SIZE, SIZE), np.uint8))
    files = [str(tmp_path / f"teacher-{number}.txt") for number in range(2)]
    for number, file in enumerate(files):
        torch.manual_seed(number)
        write_network(LeelaNetwork(NetworkShape(1, 8, SIZE)).eval(), file)
    (policy, other_value), (other_policy, value) = (
        Teacher(file, BATCH, SIZE, 1, symmetries=3).answer(planes) for file in files
    )
    both = Teacher(files[0], BATCH, SIZE, 1, symmetries=3, value_network=files[1]).answer(planes)
    assert torch.equal(both[0], policy)
    assert torch.equal(both[1], value)
    assert not torch.allclose(policy, other_policy)
    assert not torch.allclose(value, other_value)


def test_a_run_learns_values_from_the_second_teacher(records: Path, tmp_path: Path) -> None:
    names = {}
    for shift in (-3.0, 3.0):
        network = LeelaNetwork(NetworkShape(1, 8, SIZE)).eval()
        torch.nn.init.zeros_(network.value.fc2.weight)
        torch.nn.init.constant_(network.value.fc2.bias, shift)
        names[shift] = str(tmp_path / f"{shift:+.0f}.txt")
        write_network(network, names[shift])
    biases = []
    for second in names.values():
        run = tmp_path / f"run-{Path(second).stem}"
        train(settings(records, run, teacher=TeacherConfig(names[3.0], second, policy=0.5, value=1.0)))
        biases.append(load_network(run / "latest.ckpt").network.value.fc2.bias.item())
    assert biases[0] < biases[1]


def test_a_teacher_for_another_board_is_refused(records: Path, tmp_path: Path) -> None:
    write_network(LeelaNetwork(NetworkShape(1, 8, 7)), tmp_path / "teacher.txt")
    with pytest.raises(UserError, match="a network for 7x7 boards"):
        train(settings(records, tmp_path / "run", teacher=TeacherConfig(str(tmp_path / "teacher.txt"))))


def test_measures_by_phase_add_up_to_the_whole() -> None:
    _, batch, logits, values = random_module(TrainConfig())
    plies = torch.tensor([0, 49, 50, 120, 200, 9999])
    sums = measure(logits, values, batch.moves, batch.outcomes, plies)
    torch.testing.assert_close(sums[0], sums[1:].sum(0))
    assert sums[:, 0].tolist() == [6, 2, 1, 1, 0, 2]
    log = as_log("train", sums)
    found = {name.rpartition("/")[0] for name in log}
    assert found == {"train", "train/0-49", "train/50-99", "train/100-149", "train/200+"}
    assert log["train/policy_loss"] == pytest.approx(F.cross_entropy(logits, batch.moves).item())
    best = logits.argsort(1, descending=True)
    for count in (1, 5):
        hits = (best[:, :count] == batch.moves[:, None]).sum().item()
        assert log[f"train/top{count}"] == pytest.approx(hits / 6)
    known = ~batch.outcomes.isnan()
    error = ((values - batch.outcomes)[known] ** 2).mean().item() / 4
    assert log["train/value_mse4"] == pytest.approx(error, rel=1e-5)


# Files of a run


def test_the_best_network_by_the_holdout_is_kept(records: Path, tmp_path: Path) -> None:
    config = with_holdout(records, tmp_path)
    config.watch.evaluate_every = 2 * BATCH
    train(config)
    losses = logged(tmp_path, "holdout/loss")
    best = state(tmp_path / "best.ckpt")
    assert best["lzeval"]["positions"] == 2 * BATCH * (1 + int(np.argmin(losses)))
    before = (tmp_path / "best.ckpt").read_bytes()
    resume(tmp_path, f"max_positions={(STEPS + 2) * BATCH}", "optimizer.lr=10.0", "optimizer.adam_lr=1.0")
    assert (
        tmp_path / "best.ckpt"
    ).read_bytes() == before  # what is worse does not replace it, after going on neither


def test_weights_files_are_written_on_the_way(records: Path, tmp_path: Path) -> None:
    config = settings(
        records, tmp_path, export=ExportConfig(every=7 * BATCH, digits=5), average=AverageConfig(ema=0.5)
    )
    train(config)
    names = sorted(file.name for file in (tmp_path / "weights").iterdir())
    assert names == sorted(f"tiny-{count * BATCH}.txt.gz" for count in (7, 14))
    assert load_network(tmp_path / "weights" / names[0]).network.shape == NetworkShape(1, 8, SIZE)


def test_two_runs_in_one_folder_are_refused(records: Path, tmp_path: Path) -> None:
    with locked(tmp_path / ".lock"), pytest.raises(UserError, match="another process of lzeval is at work"):
        train(settings(records, tmp_path))
    assert not (tmp_path / "latest.ckpt").exists()
    leftover = tmp_path / ".latest.ckpt.0123456789ab.tmp"
    leftover.touch()
    train(settings(records, tmp_path, 1))
    assert not leftover.exists()


def test_a_checkpoint_of_another_network_is_refused(records: Path, tmp_path: Path) -> None:
    train(settings(records, tmp_path, 2))
    before = (tmp_path / "latest.ckpt").read_bytes()
    with pytest.raises(UserError, match=r"network\.blocks was 1, is 2; begin another run"):
        resume(tmp_path, "network.blocks=2", "max_positions=1000")
    assert (tmp_path / "latest.ckpt").read_bytes() == before


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(settings(records, tmp_path, 5))
    before = (tmp_path / "latest.ckpt").read_bytes()
    losses = GoModule.losses

    def broken(self: GoModule, batch: TensorBatch, logits: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        policy, value = losses(self, batch, logits, values)
        return (policy * math.nan, value) if self.positions == 8 * BATCH else (policy, value)

    monkeypatch.setattr(GoModule, "losses", broken)
    with pytest.raises(UserError, match=f"the loss is nan at step 8, after {8 * BATCH} positions"):
        resume(tmp_path, f"max_positions={STEPS * BATCH}")
    assert (tmp_path / "latest.ckpt").read_bytes() == before


def test_a_full_disk_keeps_the_checkpoint_before(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(settings(records, tmp_path, 5))
    before = (tmp_path / "latest.ckpt").read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc] . PytorchStreamWriter failed writing file")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match="the checkpoint before is kept"):
        resume(tmp_path, f"max_positions={STEPS * BATCH}")
    assert (tmp_path / "latest.ckpt").read_bytes() == before
    assert not list(tmp_path.glob(".*.tmp"))


# Crashes, and several devices


def launch(config: TrainConfig) -> subprocess.Popen[bytes]:
    """`lzeval train`: begins the run that `config` describes, or goes on with it."""
    command, variables = program("train", *as_overrides(config)), environment(OMP_NUM_THREADS="1")
    return subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, stdout=subprocess.PIPE)


def finished(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is not known to this system")
def test_killed_at_random_moments_it_ends_as_if_it_had_not_been(records: Path, tmp_path: Path) -> None:
    steps, random = 400, Random(5)
    whole = settings(records, tmp_path / "whole", steps)
    finished(launch(whole))
    killed = settings(records, tmp_path / "killed", steps)
    killed.watch.save_every = "0.1s"
    kills = 0
    while kills < 10:
        process = launch(killed)
        checkpoint = tmp_path / "killed" / "latest.ckpt"
        started = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while process.poll() is None and (
            not checkpoint.exists() or checkpoint.stat().st_mtime_ns == started
        ):
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.2))
        if process.poll() is not None:
            break
        process.kill()
        process.communicate()
        kills += 1
    finished(launch(killed))
    assert kills >= 3
    assert_same_training(
        state(tmp_path / "whole" / "latest.ckpt"), state(tmp_path / "killed" / "latest.ckpt")
    )


def test_two_processes_learn_what_one_learns_of_the_same_steps(records: Path, tmp_path: Path) -> None:
    one = settings(records, tmp_path / "one", batch_size=BATCH)
    two = settings(records, tmp_path / "two", batch_size=BATCH // 2)
    two.trainer.devices, two.trainer.strategy = 2, "ddp"
    for config in (one, two):  # the order of a step's positions differs, and so do their symmetries
        config.optimizer.name, config.optimizer.lr = "sgd", 0.01
        config.symmetric_policy = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.data.batches.SYMMETRIES", 1)
        train(one)
    script = tmp_path / "two.py"
    script.write_text(
        "import trainer.data.batches; trainer.data.batches.SYMMETRIES = 1\n"
        "from lzeval.cli.main import main\nif __name__ == '__main__': main()\n",
        encoding="utf-8",
    )
    command = [sys.executable, str(script), "train", *as_overrides(two)]
    variables = environment(OMP_NUM_THREADS="1")
    subprocess.run(command, env=variables, check=True, capture_output=True, timeout=300)
    first, second = (state(tmp_path / name / "latest.ckpt") for name in ("one", "two"))
    assert first["lzeval"]["positions"] == second["lzeval"]["positions"] == STEPS * BATCH
    assert first["global_step"] == second["global_step"] == STEPS
    for name, value in first["state_dict"].items():
        torch.testing.assert_close(value, second["state_dict"][name], atol=2e-4, rtol=2e-3, msg=name)
    assert asymmetry(load_network(tmp_path / "two" / "latest.ckpt").network) == 0


def test_a_checkpoint_on_the_way_counts_what_was_learnt(records: Path, tmp_path: Path) -> None:
    config = settings(records, tmp_path, 7)
    config.watch.save_every = "0s"
    found = []
    save = Checkpoints.save

    def reading(self: Checkpoints, trainer: Any, path: Path) -> None:
        save(self, trainer, path)
        found.append((state(path)["global_step"], state(path)["lzeval"]["positions"]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "save", reading)
        train(config)
    assert found == [(step, step * BATCH) for step in (*range(1, 8), 7)]


def test_checkpoints_are_only_made_of_numbers(tmp_path: Path) -> None:
    module = GoModule(TrainConfig(), LeelaNetwork(NetworkShape(1, 8, SIZE)))
    with torch.no_grad():
        module.network.input.conv.weight[0] = math.nan

    class Trainer:
        global_step = 5
        world_size = 1
        lightning_module = module

        def save_checkpoint(self, path: Path) -> None:
            raise AssertionError(f"{path} was saved")

    module.trainer = Trainer()  # type: ignore[assignment]
    checkpoints = Checkpoints(tmp_path, 0.0, None)  # type: ignore[arg-type]
    checkpoints.on_exception(Trainer(), module, KeyboardInterrupt())  # type: ignore[arg-type]
    with pytest.raises(UserError, match="weights are no numbers any more at step 5"):
        checkpoints.on_train_end(Trainer(), module)  # type: ignore[arg-type]
