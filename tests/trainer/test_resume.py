"""A run folder that is given again: what goes on, what is refused, and what is left as it was."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from lzeval.errors import UserError
from lzeval.network.leela import write_network
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from tests.support.paths import ROOT
from tests.support.tiny_runs import BATCH, SIZE, resume, settings, state, write_records
from trainer.settings.compose import stored
from trainer.settings.config import AverageConfig, OptimizerConfig, ScheduleConfig, TrainConfig
from trainer.settings.overrides import kinds
from trainer.training.module import GoModule
from trainer.training.resume import MAY_CHANGE, may_change, read_saved
from trainer.training.run import train

STEPS = 3


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_records(tmp_path_factory.mktemp("records"))
    shutil.copy(folder / "holdout.sgf", folder / "other.sgf")
    return folder


@pytest.fixture(scope="module")
def over(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("over") / "run"
    train(config_of(records, run))
    return run


@pytest.fixture
def run(over: Path, tmp_path: Path) -> Path:
    """A run of its own for each test, of three steps and over."""
    return Path(shutil.copytree(over, tmp_path / "run"))


def config_of(records: Path, run: Path, **changes: Any) -> TrainConfig:
    return settings(records, run, STEPS, **changes)


def content(folder: Path) -> dict[str, str]:
    """Every file but the lock, and what is in it."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != ".lock"]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def with_(**changes: Any) -> Callable[[TrainConfig], None]:
    def change(config: TrainConfig) -> None:
        for name, value in changes.items():
            group, _, inner = name.rpartition("__")
            setattr(getattr(config, group) if group else config, inner, value)

    return change


# The same command again


def test_the_same_command_says_that_the_run_is_over(records: Path, run: Path) -> None:
    before = content(run)
    trained = train(config_of(records, run))
    assert (trained.was_over, trained.positions, trained.checkpoint) == (
        True,
        STEPS * BATCH,
        run / "latest.ckpt",
    )
    assert resume(run).was_over
    assert resume(run, "max_positions=1").was_over
    assert resume(run, "optimizer.lr=0.5").was_over  # which was not used, and so is not written down
    assert content(run) == before


def test_the_same_command_goes_on(records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = GoModule.training_step

    def stop(self: GoModule, *arguments: Any) -> torch.Tensor:
        if self.positions == 2 * BATCH:
            raise KeyboardInterrupt
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(GoModule, "training_step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(config_of(records, tmp_path / "run", symmetric_policy=None))
    assert not train(config_of(records, tmp_path / "run", symmetric_policy=None)).was_over
    assert state(tmp_path / "run" / "latest.ckpt")["global_step"] == STEPS


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (with_(seed=9), "seed was 1, is 9; seed cannot change"),
        (with_(optimizer__lr=0.5), "optimizer.lr was 0.03, is 0.5; to go on so: AGAIN optimizer.lr=0.5"),
        (with_(optimizer__name="sgd"), "optimizer.name was muon, is sgd; optimizer.name cannot change"),
        (with_(max_positions=99), "max_positions was 48, is 99; to go on so: AGAIN max_positions=99"),
        (with_(max_time="2h"), "max_time was null, is 2h; to go on so: AGAIN max_time=2h"),
        (with_(batch_size=8), "batch_size was 16, is 8; batch_size cannot change"),
        (with_(network__blocks=2), "network.blocks was 1, is 2; network.blocks cannot change"),
        (with_(init="big"), "init was null, is big; init cannot change"),
        (with_(data__board_size=7), "data.board_size was 5, is 7; data.board_size cannot change"),
        (with_(clip_norm=None, seed=2), "seed was 1, is 2; clip_norm was 5.0, is null; seed cannot change"),
    ],
)  # fmt: skip
def test_other_settings_are_refused_and_named(
    change: Callable[[TrainConfig], None], told: str, records: Path, run: Path
) -> None:
    before = content(run)
    config = config_of(records, run)
    change(config)
    with pytest.raises(UserError) as caught:
        train(config)
    said = str(caught.value).replace(f"lzeval train --resume {run}", "AGAIN")
    assert f"{run}: holds a run with other settings: {told}" in said
    assert "\n" not in str(caught.value)
    assert content(run) == before


@pytest.mark.parametrize(
    ("key", "value"), [("train", "other.sgf"), ("train", "[train.sgf,other.sgf]"), ("holdout", "holdout.sgf")]
)
def test_other_records_are_refused(key: str, value: str, records: Path, run: Path) -> None:
    before = content(run)
    names = [str(records / name) for name in value.strip("[]").split(",")]
    config = config_of(records, run)
    setattr(config.data, key, names)
    with pytest.raises(UserError, match=rf"data\.{key} was .*, is .*; data\.{key} cannot change in a run"):
        train(config)
    with pytest.raises(UserError, match=r"holds other games than when the run began"):
        resume(run, f"data.{key}=[{','.join(names)}]", "max_positions=96")
    assert content(run) == before


def test_records_that_were_changed_are_refused_and_moved_ones_are_not(records: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    for name in ("train.sgf", "other.sgf"):
        shutil.copy(records / name, tmp_path / "here" / name)
    config, run = config_of(records, tmp_path / "run"), tmp_path / "run"
    config.data.train, config.data.cache = str(tmp_path / "here" / "train.sgf"), str(tmp_path / "cache")
    train(config)
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert not resume(run, f"data.train={tmp_path / 'there' / 'train.sgf'}", "max_positions=64").was_over
    before = content(run)
    shutil.copy(tmp_path / "there" / "other.sgf", tmp_path / "there" / "train.sgf")
    with pytest.raises(UserError, match="holds other games than when the run began"):
        resume(run, "max_positions=80")
    assert content(run) == before


def test_a_folder_without_a_checkpoint(records: Path, run: Path) -> None:
    (run / "latest.ckpt").unlink()
    before = content(run)
    with pytest.raises(UserError, match=r"no checkpoint to go on from \(latest.ckpt is missing\)"):
        resume(run)
    with pytest.raises(UserError, match=r"seed was 1, is 2; it has saved nothing: remove the folder"):
        train(config_of(records, run, seed=2))
    assert content(run) == before
    assert not train(config_of(records, run)).was_over  # from the beginning


def test_a_folder_without_settings(records: Path, run: Path) -> None:
    (run / "config.yaml").unlink()
    for attempt in (lambda: resume(run), lambda: train(config_of(records, run))):
        with pytest.raises(UserError, match=r"config.yaml is missing"):
            attempt()


# What may change, and does


def test_what_may_change_is_named_by_settings_that_there_are() -> None:
    groups = {key.partition(".")[0] for key in kinds() if "." in key}
    assert set(MAY_CHANGE) <= set(kinds()) | groups
    fixed = {key for key in kinds() if not may_change(key)}
    assert fixed == {
        "network.blocks", "network.filters", "optimizer.name", "data.train", "data.holdout", "data.weights",
        "data.board_size", "run", "init", "symmetric_policy", "seed", "batch_size", "accumulate",
    }  # fmt: skip


def test_the_documentation_names_what_may_change() -> None:
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    section = text[text.index("## Going on") :]
    section = section[: section.index("\n## ", 1)]
    assert [key for key in MAY_CHANGE if f"`{key}`" not in section and f"`{key}.*`" not in section] == []


CHANGES = {
    "optimizer.lr": ["optimizer.lr=0.3"],
    "optimizer.weight_decay": ["optimizer.weight_decay=20"],
    "schedule": ["schedule=linear", "schedule.warmup=0", "schedule.hold=0"],
    "clip_norm": ["clip_norm=0.01"],
    "value_weight": ["value_weight=50"],
    "label_smoothing": ["label_smoothing=0.9"],
}


@pytest.fixture(scope="module", params=["muon", "adamw", "sgd"])
def unchanged(
    request: pytest.FixtureRequest, records: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A run of an optimiser, and where the same settings take it."""
    run = tmp_path_factory.mktemp("unchanged") / "run"
    config = config_of(records, run, optimizer=OptimizerConfig(request.param, 0.01, 0.01))
    config.schedule.warmup = 0
    train(config)
    further = Path(shutil.copytree(run, run.with_name("further")))
    resume(further, "max_positions=80")
    return run, further


@pytest.mark.parametrize("key", CHANGES)
def test_what_changes_takes_effect(key: str, unchanged: tuple[Path, Path], tmp_path: Path) -> None:
    run, further = unchanged
    shutil.copytree(run, tmp_path / "changed")
    resume(tmp_path / "changed", "max_positions=80", *CHANGES[key])
    plain, changed = (state(folder / "latest.ckpt") for folder in (further, tmp_path / "changed"))
    same = [torch.equal(value, changed["state_dict"][name]) for name, value in plain["state_dict"].items()]
    assert not all(same)
    for override in CHANGES[key][-1:]:
        name, _, value = override.partition("=")
        group, _, inner = name.rpartition(".")
        written = yaml.safe_load((tmp_path / "changed" / "config.yaml").read_text(encoding="utf-8"))
        assert float((written[group] if group else written)[inner]) == float(value)


@pytest.mark.parametrize("optimizer", ["muon", "adamw", "sgd"])
def test_the_optimisers_options_are_those_of_the_configuration(
    optimizer: str, records: Path, tmp_path: Path
) -> None:
    """Whatever a checkpoint brings along of them: momentum, betas and weight decay, of every group."""
    train(config_of(records, tmp_path / "run", optimizer=OptimizerConfig(optimizer, 0.01, 0.01)))
    latest = tmp_path / "run" / "latest.ckpt"
    checkpoint = state(latest)
    plain = [dict(group) for group in checkpoint["optimizer_states"][0]["param_groups"]]
    for group in checkpoint["optimizer_states"][0]["param_groups"]:
        for option, strange in {"momentum": 0.1, "betas": (0.1, 0.2), "weight_decay": 7.0}.items():
            if option in group:
                group[option] = strange
    torch.save(checkpoint, latest)
    resume(tmp_path / "run", "max_positions=64")
    groups = state(latest)["optimizer_states"][0]["param_groups"]
    for before, after in zip(plain, groups, strict=True):
        assert {k: v for k, v in before.items() if k != "lr"} == {k: v for k, v in after.items() if k != "lr"}


def test_a_plateaus_divisor_ends_with_the_plateau(records: Path, tmp_path: Path) -> None:
    config = config_of(records, tmp_path / "run", schedule=ScheduleConfig("plateau", 0, 1.0, 1e6, 0))
    config.data.holdout = str(records / "holdout.sgf")
    train(config)
    checkpoint = state(tmp_path / "run" / "latest.ckpt")
    checkpoint["lzeval"]["plateau"]["factor"] = 0.0
    torch.save(checkpoint, tmp_path / "run" / "latest.ckpt")
    resume(tmp_path / "run", "max_positions=64", "schedule=constant", "schedule.warmup=0")
    after = state(tmp_path / "run" / "latest.ckpt")
    assert not torch.equal(
        checkpoint["state_dict"]["network.policy.fc.weight"], after["state_dict"]["network.policy.fc.weight"]
    )


# What may not


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("optimizer.name=sgd", "optimizer.name was muon, is sgd"),
        ("optimizer=adamw", "optimizer.name was muon, is adamw"),
        ("network=big", "network.blocks was 1, is 6; network.filters was 8, is 128"),
        ("network.filters=9", "network.filters was 8, is 9"),
        ("data.board_size=7", "data.board_size was 5, is 7"),
        ("data.weights=[1]", "data.weights was null, is [1.0]"),
        ("seed=2", "seed was 1, is 2"),
        ("batch_size=8", "batch_size was 16, is 8"),
        ("accumulate=2", "accumulate was 1, is 2"),
        ("init=big", "init was null, is big"),
        ("symmetric_policy=true", "symmetric_policy was False, is True"),
    ],
)
def test_what_may_not_change_is_refused_and_the_run_stays(override: str, told: str, run: Path) -> None:
    before = content(run)
    with pytest.raises(UserError, match=r"cannot go on with other settings of these: ") as caught:
        resume(run, override, "max_positions=96")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert content(run) == before
    assert not resume(run, "max_positions=64").was_over


def test_a_run_whose_settings_name_another_optimiser_than_its_checkpoint(run: Path) -> None:
    """An older version wrote config.yaml before it failed."""
    text = (run / "config.yaml").read_text(encoding="utf-8")
    (run / "config.yaml").write_text(text.replace("name: muon", "name: sgd"), encoding="utf-8")
    with pytest.raises(UserError, match=r"optimizer\.name was muon, is sgd"):
        resume(run, "max_positions=64")
    assert not resume(run, "max_positions=64", "optimizer.name=muon").was_over
    assert stored(str(run), []).optimizer.name == "muon"


# Checkpoints that are none


def without(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(checkpoint: dict[str, Any]) -> None:
        inner: Any = checkpoint
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]

    return change


def shorter(checkpoint: dict[str, Any]) -> None:
    checkpoint["state_dict"].popitem()


def wider(checkpoint: dict[str, Any]) -> None:
    name, value = next(iter(checkpoint["state_dict"].items()))
    checkpoint["state_dict"][name] = torch.cat([value, value])


def strange(checkpoint: dict[str, Any]) -> None:
    checkpoint["lzeval"] = [1, 2]


@pytest.mark.parametrize(
    "change",
    [
        without("lzeval"), without("lzeval", "positions"), without("lzeval", "elapsed_s"), without("lzeval", "plateau"),
        without("optimizer_states"), without("optimizer_states", 0), without("state_dict"), without("shape"),
        without("loops"), without("global_step"), shorter, wider, strange,
    ],
)  # fmt: skip
def test_a_checkpoint_that_lacks_something_is_told_in_one_line(
    change: Callable[[dict[str, Any]], None], run: Path
) -> None:
    checkpoint = state(run / "latest.ckpt")
    change(checkpoint)
    torch.save(checkpoint, run / "latest.ckpt")
    before = content(run)
    with pytest.raises(UserError, match=r"latest\.ckpt: ") as caught:
        resume(run, "max_positions=96")
    assert "\n" not in str(caught.value)
    assert content(run) == before


@pytest.mark.parametrize(
    "damage", [b"", b"a", b"PK\3\4", b"(lp0\n", b"cos\nsystem\n(S'x'\ntR.", b"\x80\x02]q\x00."]
)
def test_a_file_that_is_no_checkpoint_is_told_in_one_line(damage: bytes, run: Path) -> None:
    whole = (run / "latest.ckpt").read_bytes()
    for content_ in (damage, whole[: len(whole) // 2], whole[:-100]):
        (run / "latest.ckpt").write_bytes(content_)
        with pytest.raises(UserError, match=r"latest\.ckpt: no checkpoint of lzeval's, or a damaged one"):
            resume(run, "max_positions=96")


def test_a_checkpoint_of_an_older_version_goes_on(run: Path) -> None:
    """It does not say which games it has learnt from, nor whether it was saved at the end."""
    checkpoint = state(run / "latest.ckpt")
    for name in ("data", "over"):
        del checkpoint["lzeval"][name]
    torch.save(checkpoint, run / "latest.ckpt")
    assert resume(run).was_over
    with pytest.raises(UserError, match=r"data\.train was .*, is elsewhere"):
        resume(run, "data.train=elsewhere", "max_positions=64")
    assert not resume(run, "max_positions=64").was_over
    assert read_saved(run / "latest.ckpt").data


def test_an_end_that_was_interrupted_is_come_to_again(records: Path, tmp_path: Path) -> None:
    """All steps were made, and the averages' statistics were not measured yet."""
    train(config_of(records, tmp_path / "run", average=AverageConfig(ema=0.9)))
    checkpoint = state(tmp_path / "run" / "latest.ckpt")
    measured = checkpoint["ema_state_dict"]["input.norm.running_mean"]
    checkpoint["lzeval"]["over"] = False
    checkpoint["ema_state_dict"]["input.norm.running_mean"] = measured + 1
    torch.save(checkpoint, tmp_path / "run" / "latest.ckpt")
    assert not resume(tmp_path / "run").was_over
    after = state(tmp_path / "run" / "latest.ckpt")["ema_state_dict"]["input.norm.running_mean"]
    torch.testing.assert_close(after, measured)
    assert resume(tmp_path / "run").was_over


# Numbers that are none


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("save_every", ["0s", "1h"])
def test_no_unsound_network_is_saved(steps: int, save_every: str, records: Path, tmp_path: Path) -> None:
    """In the last step, the only one, or before; whether each is saved or none."""
    config = config_of(records, tmp_path / "run", optimizer=OptimizerConfig("sgd", 1e30, 0.0))
    config.schedule.warmup, config.max_positions, config.watch.save_every = 0, steps * BATCH, save_every
    with pytest.raises(UserError, match=r"no numbers any more at step 1|the loss is (nan|inf) at step 1"):
        train(config)
    assert not (tmp_path / "run" / "latest.ckpt").exists()


@pytest.mark.parametrize("what", ["weight", "running_var"])
def test_the_last_steps_numbers_are_looked_at_like_any_others(
    what: str, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    train(config_of(records, run))
    before = content(run)["latest.ckpt"]
    count = GoModule.count

    def broken(self: GoModule, batch: Any) -> None:
        count(self, batch)
        if self.positions == 5 * BATCH:
            norm = self.network.input.norm
            with torch.no_grad():
                (norm.weight if what == "weight" else norm.running_var)[0] = torch.nan  # type: ignore[index]

    monkeypatch.setattr(GoModule, "count", broken)
    with pytest.raises(UserError, match="weights are no numbers any more at step 5"):
        resume(run, f"max_positions={5 * BATCH}")
    assert content(run)["latest.ckpt"] == before


# Nothing before it is known to work


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (with_(data__train="absent.sgf"), "data.train=absent.sgf: no such file or folder"),
        (with_(data__holdout="absent"), "data.holdout=absent: no such file or folder"),
        (with_(init="absent.txt"), "there is no network 'absent.txt'"),
        (with_(init="small"), "5x5"),
        (with_(teacher__network="absent.txt"), "there is no network 'absent.txt'"),
        (with_(teacher__network="small"), "a network for 19x19 boards"),
        (with_(pool__file="absent/nets.pool"), "pool.file=absent/nets.pool: there is no such folder"),
        (with_(pool__file="nets.pool", pool__openings="absent"), "pool.openings=absent: no such file"),
        (with_(logger__names=["csv", "wandb"]), "wandb is not installed"),
        (with_(schedule__name="plateau"), "add data.holdout"),
        pytest.param(
            with_(trainer__accelerator="gpu"),
            "trainer.accelerator=gpu",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_what_cannot_begin_leaves_nothing(
    change: Callable[[TrainConfig], None], told: str, records: Path, tmp_path: Path
) -> None:
    config = config_of(records, tmp_path / "runs" / "run")
    change(config)
    with pytest.raises(UserError) as caught:
        train(config)
    assert told in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_settings_are_written_when_a_step_has_been_made(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(config_of(records, tmp_path / "run"))
    before = (tmp_path / "run" / "config.yaml").read_text(encoding="utf-8")

    def fails(self: GoModule, *_: Any) -> torch.Tensor:
        raise UserError("out of luck")

    monkeypatch.setattr(GoModule, "training_step", fails)
    with pytest.raises(UserError, match="out of luck"):
        resume(tmp_path / "run", "max_positions=96", "optimizer.lr=0.5")
    assert (tmp_path / "run" / "config.yaml").read_text(encoding="utf-8") == before
    with pytest.raises(UserError, match="out of luck"):
        train(config_of(records, tmp_path / "new"))
    assert not (tmp_path / "new" / "config.yaml").exists()


def test_never_measured(records: Path, tmp_path: Path) -> None:
    config = config_of(records, tmp_path / "run")
    config.data.holdout, config.watch.evaluate_every = str(records / "holdout.sgf"), 0
    train(config)
    assert not (tmp_path / "run" / "best.ckpt").exists()
    assert "holdout/loss" not in next((tmp_path / "run").glob("csv/*.csv")).read_text()


def test_a_network_to_begin_with_is_not_needed_again(records: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    start = tmp_path / "start.txt"
    write_network(LeelaNetwork(NetworkShape(1, 8, SIZE)), start)
    train(config_of(records, tmp_path / "run", init=str(start)))
    start.unlink()
    assert not resume(tmp_path / "run", "max_positions=64").was_over
