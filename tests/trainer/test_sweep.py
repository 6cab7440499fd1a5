from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from lzeval.cli.main import application
from lzeval.errors import UserError
from tests.support.tiny_runs import as_overrides, settings
from trainer.training.module import GoModule
from trainer.training.sweep import check_sweep, plan_sweep

BASIC = ["data.train=games, old.sgf", "max_time=45m"]


def test_every_combination_once_and_named_by_what_differs(tmp_path: Path) -> None:
    runs = plan_sweep([*BASIC, "optimizer.lr=0.01,0.02", "network=small,big", "seed=3"], tmp_path)
    assert [run.name for run in runs] == [
        "0-optimizer.lr=0.01,network=small",
        "1-optimizer.lr=0.01,network=big",
        "2-optimizer.lr=0.02,network=small",
        "3-optimizer.lr=0.02,network=big",
    ]
    facts = [(run.config.optimizer.lr, run.config.network.filters, run.config.seed) for run in runs]
    assert facts == [(0.01, 32, 3), (0.01, 128, 3), (0.02, 32, 3), (0.02, 128, 3)]
    assert [run.config.run for run in runs] == [str(tmp_path / run.name) for run in runs]
    assert runs[0].config.data.sources("train") == ["games, old.sgf"]


def test_where_the_runs_go(tmp_path: Path) -> None:
    runs = plan_sweep([*BASIC, "seed=1,2", f"run={tmp_path}"])
    assert {Path(str(run.config.run)).parent for run in runs} == {tmp_path}
    (named,) = {Path(str(run.config.run)).parent for run in plan_sweep([*BASIC, "seed=1,2"])}
    assert (named.parent, named.name[:6]) == (Path("runs"), "sweep-")


def test_lists_are_one_value_and_mistakes_are_found_before_anything_runs() -> None:
    with pytest.raises(UserError, match="needs a setting with several values"):
        plan_sweep([*BASIC, "data.weights=[1]"])
    with pytest.raises(UserError, match="choose one of big, huge, small"):
        plan_sweep([*BASIC, "network=small,bigg"])


def test_values_of_a_sweep(tmp_path: Path) -> None:
    """Lists are taken in turn as numbers are; a path is one, commas or not; what is given twice counts once."""
    given = [
        "data.train=[a,b]",
        "data.weights=[1,2],[3,4]",
        "max_time=1m,2m",
        "init=a,b",
        "seed=4,5",
        "seed=6",
    ]
    runs = plan_sweep(given, tmp_path)
    facts = [(run.config.data.weights, run.config.max_time, run.config.init, run.config.seed) for run in runs]
    assert facts == [
        (weights, time, "a,b", 6) for weights in ([1.0, 2.0], [3.0, 4.0]) for time in ("1m", "2m")
    ]


@pytest.mark.parametrize("run", ["2026_01_31", "a=b", "1e5", "null x", "日本"])
def test_a_sweeps_folder_is_text(run: str) -> None:
    (folder,) = {Path(str(each.config.run)).parent for each in plan_sweep([*BASIC, "seed=1,2", f"run={run}"])}
    assert str(folder) == run


def test_long_names_fit_into_a_file_system(tmp_path: Path) -> None:
    names = ",".join(letter * 100 for letter in "棋谱")
    runs = plan_sweep([*BASIC, f"network.name={names}"], tmp_path)
    for run in runs:
        Path(str(run.config.run)).mkdir()
    assert len(list(tmp_path.iterdir())) == 2


def sweep(records: Path, folder: Path, *values: str) -> list[str]:
    """What to type."""
    config = settings(records, folder, 3)
    names = [value.partition("=")[0] for value in values]
    return [each for each in as_overrides(config) if each.partition("=")[0] not in names] + list(values)


def test_a_sweep_goes_on_after_a_run_that_fails(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Because of numbers that are none, or of anything else; the table names both, and the same command goes on."""
    typed = sweep(
        records, tmp_path / "s", "optimizer.name=sgd", "optimizer.lr=0.01,1e30,0.02,0.03", "schedule.warmup=0"
    )
    step = GoModule.training_step

    def failing(self: GoModule, *arguments: object) -> object:
        if self.config.optimizer.lr == 0.02:
            raise RuntimeError("no memory")
        return step(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(GoModule, "training_step", failing)
        outcome = CliRunner().invoke(application("train"), ["train", "--multirun", *typed])
    assert outcome.exit_code == 1, outcome.output
    rows = [line.split() for line in outcome.stdout.splitlines()]
    states = {row[0][0]: row[1] for row in rows if row and row[0][:2] in ("0-", "1-", "2-", "3-")}
    assert states == {"0": "finished", "1": "failed", "2": "failed", "3": "finished"}
    assert "1-optimizer.lr=1e30 failed: " in outcome.stderr
    assert "2-optimizer.lr=0.02 failed: RuntimeError: no memory" in outcome.stderr
    saved = {file.parent.name[0] for file in (tmp_path / "s").glob("*/latest.ckpt")}
    assert saved == {"0", "3"}


def test_combinations_are_checked_before_the_first_starts(records: Path, tmp_path: Path) -> None:
    for values, told in (
        (["network.filters=8,4", "init=small"], "cannot grow"),
        (["seed=1,-1"], "seed=-1: must be at least 0"),
        (["seed=1,2", "data.train=absent"], "data.train=absent: no such file or folder"),
    ):
        with pytest.raises(UserError, match=told):
            check_sweep(plan_sweep(sweep(records, tmp_path / "s", *values, f"run={tmp_path / 's'}")))
    assert not (tmp_path / "s").exists()
    outcome = CliRunner().invoke(
        application("train"), ["train", "--multirun", *sweep(records, tmp_path / "s", "seed=1,2")]
    )
    assert outcome.exit_code == 0, outcome.output
    with pytest.raises(
        UserError, match=r"0-seed=1: .*batch_size was 16, is 8; batch_size cannot change in a run"
    ):
        check_sweep(plan_sweep(sweep(records, tmp_path / "s", "seed=1,2", "batch_size=8")))
    check_sweep(plan_sweep(sweep(records, tmp_path / "s", "seed=1,2")))


def test_the_settings_of_a_sweep_are_printed(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(
        application("train"), ["train", "--multirun", "--cfg", *BASIC, "seed=1,2", f"run={tmp_path / 's'}"]
    )
    assert [each["seed"] for each in yaml.safe_load_all(outcome.stdout)] == [1, 2]
    assert not (tmp_path / "s").exists()
