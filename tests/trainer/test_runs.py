"""Runs as their folders tell them: whole, killed, damaged, and those that are none."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lzeval.cli.runs import app
from lzeval.errors import UserError
from tests.support.golden_files import Golden
from tests.support.make_games import random_game, sgf_text
from tests.support.paths import ROOT
from trainer.runs.curves import plot_run, smoothed
from trainer.runs.folders import RunState, find_runs, open_run, read_run
from trainer.runs.logs import Series
from trainer.runs.page import write_page

BATCH = 64
NOW = 2_000_000_000.0
LONG_AGO = NOW - 3 * 3600
CONFIG = {"network": {"name": "small", "blocks": 2, "filters": 8}, "batch_size": BATCH, "max_positions": 6400}
MEASURES = ("policy_loss", "top1", "top5", "value_mse4")
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Log:
    """`metrics.csv` as Lightning writes it: a row of the batch `step`, or of the holdout after it."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float | str]] = []

    def train(self, step: int, loss: float, top1: float = 0.3, positions: int | None = None) -> Log:
        values = dict(zip(MEASURES, (loss, top1, 0.6, 0.25), strict=True))
        seen = step * BATCH if positions is None else positions
        self.rows.append(
            {"step": step, "positions": float(seen)} | {f"train/{k}": v for k, v in values.items()}
        )
        return self

    def holdout(self, step: int, loss: float, top1: float = 0.3) -> Log:
        values = dict(zip(MEASURES, (loss, top1, 0.6, 0.24), strict=True))
        self.rows.append({"step": step} | {f"holdout/{k}": v for k, v in values.items()})
        return self

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        columns = [
            "epoch",
            *(f"holdout/{m}" for m in MEASURES),
            "positions",
            "step",
            *(f"train/{m}" for m in MEASURES),
        ]
        with (folder / "metrics.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, columns, restval="")
            writer.writeheader()
            writer.writerows({"epoch": 0} | row for row in self.rows)


def learning(steps: Sequence[int], evaluated: Sequence[int] = ()) -> Log:
    log = Log()
    for step in steps:
        log.train(step, 6 - 3 * step / 100, 0.004 * step)
        if step in evaluated:
            log.holdout(step, 6.1 - 3 * step / 100, 0.0035 * step)
    return log


def make_run(
    folder: Path,
    logs: Mapping[str, Log],
    *,
    config: Mapping[str, Any] = CONFIG,
    saved: Mapping[str, Any] | None = None,
    changed: float = LONG_AGO,
) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config)))
    for name, log in logs.items():
        log.write(folder / name)
    if saved is not None:
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
        optimiser = torch.optim.AdamW(network.parameters())
        network(torch.ones(1, 3, 5, 5)).sum().backward()
        optimiser.step()
        content = {"state_dict": network.state_dict(), "optimizer_states": [optimiser.state_dict()]}
        torch.save(content | {"lzeval": dict(saved)}, folder / "latest.ckpt")
    for path in folder.rglob("*"):
        os.utime(path, (changed, changed))
    return folder


# What a folder tells


def test_a_finished_run(tmp_path: Path) -> None:
    log = (
        learning(range(9, 100, 10), evaluated=(49,))
        .train(99, 3.03, positions=99 * BATCH)
        .holdout(99, 2.9, 0.41)
    )
    saved = {"positions": 6400, "elapsed_s": 12.5}
    run = read_run(make_run(tmp_path / "done", {"csv": log}, saved=saved), NOW)
    assert (run.name, run.network, run.state) == ("done", "2x8", RunState.FINISHED)
    assert (run.positions, run.saved_positions, run.elapsed_s) == (6400, 6400, 12.5)
    assert (run.sessions, run.problems, run.changed) == (1, (), LONG_AGO)
    assert run.holdout["policy_loss"].positions.tolist() == [50 * BATCH, 100 * BATCH]
    assert run.holdout["policy_loss"].last == 2.9
    assert run.holdout["policy_loss"].best(lower=True) == (2.9, 6400)
    assert run.holdout["top1"].best(lower=False) == (0.41, 6400)


def test_the_best_may_lie_before_the_last(tmp_path: Path) -> None:
    log = Log()
    for step, loss, top1 in ((9, 4.0, 0.2), (19, 3.0, 0.4), (29, 3.5, 0.3)):
        log.train(step, loss).holdout(step, loss, top1)
    run = read_run(make_run(tmp_path / "run", {"csv": log}), NOW)
    found = run.as_dict()["holdout"]
    assert found["policy_loss"] == {"last": 3.5, "best": 3.0, "best_at": 20 * BATCH}
    assert found["top1"] == {"last": 0.3, "best": 0.4, "best_at": 20 * BATCH}


def test_a_value_that_lightning_repeats_at_the_end_is_no_news(tmp_path: Path) -> None:
    """As `csv/metrics.csv` of a real run ends: the batch of step 619 stands again at step 624."""
    log = Log().train(609, 2.9).train(619, 2.5).train(624, 2.5, positions=619 * BATCH).holdout(624, 2.96)
    run = read_run(make_run(tmp_path / "run", {"csv": log}), NOW)
    assert run.train["policy_loss"].values.tolist() == [2.9, 2.5]
    assert run.positions == 625 * BATCH
    assert run.holdout["policy_loss"].positions.tolist() == [625 * BATCH]


@pytest.mark.parametrize(
    ("steps", "limits", "saved", "changed", "state"),
    [
        (99, {"max_positions": 6400}, 6400, LONG_AGO, RunState.FINISHED),
        (99, {"max_positions": 6400}, None, LONG_AGO, RunState.FINISHED),
        (98, {"max_positions": 6400}, None, LONG_AGO, RunState.INTERRUPTED),
        (89, {"max_positions": 6400}, 6400, LONG_AGO, RunState.FINISHED),  # the log was not flushed
        (89, {"max_positions": 6400}, 3200, LONG_AGO, RunState.INTERRUPTED),
        (89, {"max_positions": 6400}, 3200, NOW - 60, RunState.RECENT),
        (99, {"max_positions": 6400}, 6400, NOW - 60, RunState.FINISHED),
        (89, {"max_positions": None, "max_time": "50s"}, 5000, LONG_AGO, RunState.FINISHED),
        (89, {"max_positions": None, "max_time": "1h"}, 5000, LONG_AGO, RunState.INTERRUPTED),
        (89, {"max_positions": None, "max_time": "1h"}, None, LONG_AGO, RunState.INTERRUPTED),
        (89, {"max_positions": 6400, "max_time": "50s"}, 5000, LONG_AGO, RunState.FINISHED),
        (89, {"max_positions": None}, 5000, LONG_AGO, RunState.UNKNOWN),
        (89, {"max_positions": None, "max_time": "soon"}, 5000, LONG_AGO, RunState.UNKNOWN),
    ],
)
def test_states(
    tmp_path: Path, steps: int, limits: dict[str, Any], saved: int | None, changed: float, state: RunState
) -> None:
    progress = None if saved is None else {"positions": saved, "elapsed_s": 50.5}
    run = make_run(
        tmp_path / "run",
        {"csv": learning(range(9, steps, 10)).train(steps, 3)},
        config=CONFIG | limits,
        saved=progress,
        changed=changed,
    )
    assert read_run(run, NOW).state is state


def test_a_time_limit_and_a_damaged_checkpoint_leave_the_state_open(tmp_path: Path) -> None:
    config = CONFIG | {"max_positions": None, "max_time": "1h"}
    run = make_run(tmp_path / "run", {"csv": learning(range(0, 50, 10))}, config=config)
    (run / "latest.ckpt").write_bytes(b"PK\x03\x04 half of it")
    os.utime(run / "latest.ckpt", (LONG_AGO, LONG_AGO))
    found = read_run(run, NOW)
    assert found.state is RunState.UNKNOWN
    assert found.problems == ("latest.ckpt is damaged, or not of lzeval",)
    assert found.positions == 41 * BATCH


def test_a_run_that_wrote_nothing_yet(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run", {}), NOW)
    assert (run.state, run.positions, run.sessions, run.problems) == (RunState.INTERRUPTED, None, 0, ())
    with pytest.raises(UserError, match="nothing was measured yet"):
        plot_run(run, tmp_path / "plot.png")


# Sittings


def test_sittings_are_one_run_and_what_was_done_twice_counts_once(tmp_path: Path) -> None:
    """The first sitting was killed at step 59 and had saved at step 40; the order of 2 and 10 is that of numbers."""
    first = learning(range(9, 60, 10)).holdout(55, 1.0)
    second = Log().train(49, 5.5).train(59, 5.4).holdout(59, 4.0)
    sittings = {"csv": first, "csv-2": second}
    sittings |= {f"csv-{n}": Log().train(60 + n, 5.0 - n / 10) for n in range(3, 11)}
    run = read_run(make_run(tmp_path / "run", sittings), NOW)
    assert run.sessions == 10
    steps = [9, 19, 29, 39, 49, 59, *range(63, 71)]
    assert run.train["policy_loss"].positions.tolist() == [step * BATCH for step in steps]
    assert run.train["policy_loss"].values[4:6].tolist() == [5.5, 5.4]
    assert run.holdout["policy_loss"].values.tolist() == [4.0]
    assert run.positions == 71 * BATCH


@given(st.integers(1, 40), st.integers(1, 40), st.integers(2, 9))
@quick
def test_interruptions_leave_no_trace_in_the_curves(
    tmp_path_factory: pytest.TempPathFactory, killed: int, more: int, every: int
) -> None:
    """A run that is killed anywhere, and taken up from a checkpoint before, logs what it would have logged."""
    folder = tmp_path_factory.mktemp("runs")
    end = killed + more
    steps = [every * n - 1 for n in range(1, end + 1)]
    whole = read_run(make_run(folder / "whole", {"csv": learning(steps)}), NOW)
    taken_up = Random(killed * 41 + more).randrange(killed + 1)
    halves = {"csv": learning(steps[:killed]), "csv-2": learning(steps[taken_up:])}
    parted = read_run(make_run(folder / "parted", halves), NOW)
    assert parted.positions == whole.positions
    for measure, series in whole.train.items():
        assert parted.train[measure].positions.tolist() == series.positions.tolist()
        assert parted.train[measure].values.tolist() == series.values.tolist()


@pytest.mark.parametrize("cut", range(2, 80, 3))
def test_a_last_line_that_was_cut_does_not_count(tmp_path: Path, cut: int) -> None:
    run = make_run(tmp_path / "run", {"csv": Log().train(9, 4.25).train(19, 3.123456789)})
    file = run / "csv" / "metrics.csv"
    content = file.read_bytes()
    last = content[content[:-2].rindex(b"\n") + 1 :]
    file.write_bytes(content[: len(content) - min(cut, len(last) - 1)])
    found = read_run(run, NOW)
    assert found.train["policy_loss"].values.tolist() == [4.25]
    assert found.positions == 10 * BATCH
    assert not found.problems


# Damage, and folders of other people


def test_broken_and_foreign_folders(tmp_path: Path) -> None:
    make_run(tmp_path / "good", {"csv": learning(range(0, 90, 10))})
    for name, content in (
        ("garbled", b"network: [\n"),
        ("binary", b"\xff\xfe\x00"),
        ("other", b"model: resnet\n"),
    ):
        run = make_run(tmp_path / name, {"csv": learning(range(0, 90, 10))})
        (run / "config.yaml").write_bytes(content)
    (tmp_path / "pictures").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    listing = find_runs(tmp_path, NOW)
    assert listing.foreign == ("pictures",)
    states = {run.name: run.state for run in listing.runs}
    assert states == dict.fromkeys(("garbled", "binary", "other"), RunState.BROKEN) | {
        "good": RunState.INTERRUPTED
    }
    broken = next(run for run in listing.runs if run.name == "garbled")
    assert broken.problems == ("config.yaml is damaged, or not of lzeval",)
    assert broken.network == "?"


def test_the_run_that_changed_last_comes_first(tmp_path: Path) -> None:
    for name, age in (("b", 30), ("c", 10), ("a", 20)):
        make_run(tmp_path / name, {"csv": learning([9])}, changed=LONG_AGO - age)
    assert [run.name for run in find_runs(tmp_path, NOW).runs] == ["c", "a", "b"]
    assert [run.name for run in find_runs(tmp_path / "a", NOW).runs] == ["a"]


@given(
    st.sampled_from(["config.yaml", "csv/metrics.csv", "latest.ckpt"]),
    st.sampled_from(["random", "cut", "flipped"]),
    st.integers(0, 2**32 - 1),
)
@settings(quick, max_examples=150)
def test_no_damage_raises(tmp_path_factory: pytest.TempPathFactory, name: str, kind: str, seed: int) -> None:
    folder = tmp_path_factory.mktemp("runs")
    progress = {"positions": 500, "elapsed_s": 1.0}
    run = make_run(folder / "run", {"csv": learning(range(0, 90, 10), evaluated=(50,))}, saved=progress)
    rng = np.random.default_rng(seed)
    content = np.frombuffer((run / name).read_bytes(), np.uint8).copy()
    if kind == "random":
        content = rng.integers(0, 256, rng.integers(0, 400), np.uint8)
    elif kind == "cut":
        content = content[: rng.integers(0, len(content))]
    else:
        places = rng.integers(0, len(content), 8)
        content[places] = rng.integers(0, 256, len(places))
    (run / name).write_bytes(content.tobytes())
    (found,) = find_runs(folder, NOW).runs
    json.dumps(found.as_dict(), allow_nan=False)


ODD = ("nan", "inf", "1e300", "-5", "x")


@pytest.mark.parametrize("numbers", [*([number] for number in ODD), ODD], ids=" ".join)
@pytest.mark.parametrize("column", ["step", "positions", "train/policy_loss", "holdout/policy_loss"])
def test_odd_numbers_do_no_harm(tmp_path: Path, column: str, numbers: Sequence[str]) -> None:
    """One by one, and all of them in a picture."""
    log = learning(range(9, 100, 10), evaluated=(29,))
    for row, number in enumerate(numbers, start=3):
        log.rows[row][column] = number
    run = read_run(make_run(tmp_path / "run", {"csv": log}), NOW)
    json.dumps(run.as_dict(), allow_nan=False)
    assert run.positions is not None
    assert 0 < run.positions <= 100 * BATCH
    if len(numbers) > 1:
        plot_run(run, tmp_path / "plot.svg")


def test_a_diverged_run_says_so(tmp_path: Path) -> None:
    log = learning(range(9, 40, 10)).train(49, float("nan")).train(59, float("nan"))
    run = read_run(make_run(tmp_path / "run", {"csv": log}), NOW)
    assert np.isnan(run.train_mean("policy_loss") or 0)
    assert run.as_dict()["train"]["policy_loss"] == {"last": None, "mean_of_10": None}


class Intruder:
    """Runs code of its own when it is unpickled without care."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def test_looking_at_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    saved = {"positions": 77, "elapsed_s": 3.0, "more": Intruder(tmp_path / "trace")}
    run = read_run(make_run(tmp_path / "run", {}, saved=saved), NOW)
    assert (run.saved_positions, run.elapsed_s) == (77, 3.0)
    assert not (tmp_path / "trace").exists()


def test_a_run_as_training_leaves_it(tmp_path: Path) -> None:
    from trainer.settings.compose import compose
    from trainer.training.run import train

    for seed, part in enumerate(["train", "holdout"]):
        games = [random_game(5, 14, Random(8 * seed + number)) for number in range(8)]
        text = "".join(sgf_text(5, game.moves, "B+1.5") for game in games)
        (tmp_path / f"{part}.sgf").write_text(text)
    settings_ = {
        "network": "small", "network.blocks": 1, "network.filters": 4, "batch_size": 16, "max_positions": 160,
        "data.train": tmp_path / "train.sgf", "data.holdout": tmp_path / "holdout.sgf", "data.board_size": 5,
        "data.cache": tmp_path / "cache",
        "watch.log_every": 3, "watch.evaluate_every": 64, "watch.evaluate_on": 32,
        "run": tmp_path / "runs" / "tiny",
    }  # fmt: skip
    config = compose([f"{key}={value}" for key, value in settings_.items()])
    train(config)
    (run,) = find_runs(tmp_path / "runs").runs
    assert (run.name, run.network, run.state, run.problems) == ("tiny", "1x4", RunState.FINISHED, ())
    assert (run.positions, run.saved_positions) == (160, 160)
    assert run.train["policy_loss"].positions.tolist() == [32, 80, 128]
    assert run.holdout["top1"].positions.tolist() == [64, 128, 160]


# The commands


def command(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs of which the newest changed two hours ago."""
    import time

    now = time.time()
    folder = tmp_path / "runs"
    whole = learning(range(9, 100, 10), evaluated=(49, 99))
    saved = {"positions": 6400, "elapsed_s": 100.0}
    make_run(folder / "small-1", {"csv": whole}, saved=saved, changed=now - 50 * 3600)
    killed = learning(range(9, 60, 10), evaluated=(29, 49)).holdout(55, 5.0, 0.1)
    make_run(folder / "small-2", {"csv": killed}, changed=now - 2 * 3600)
    make_run(folder / "new", {}, changed=now - 3 * 3600)
    broken = make_run(folder / "broken", {"csv": learning([9])}, changed=now - 5 * 86400)
    (broken / "config.yaml").write_text("- no\n- settings\n")
    os.utime(broken / "config.yaml", (now - 5 * 86400,) * 2)
    (folder / "notes").mkdir()
    monkeypatch.chdir(tmp_path)
    return folder


def test_the_table(runs: Path, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    output = command()
    assert command("list", runs) == command(runs) == output
    golden.check_text("runs.txt", "\n".join(line.rstrip() for line in output.splitlines()) + "\n")


def test_the_list_as_json(runs: Path) -> None:
    result = CliRunner().invoke(app, [str(runs), "--json"])
    found = json.loads(result.stdout)
    assert [(run["name"], run["state"]) for run in found["runs"]] == [
        ("small-2", "interrupted"), ("new", "interrupted"), ("small-1", "finished"), ("broken", "broken"),
    ]  # fmt: skip
    assert found["no_runs"] == ["notes"]
    last = found["runs"][2]
    assert (last["positions"], last["network"]) == (6400, "2x8")
    assert last["holdout"]["top1"] == {"last": 0.0035 * 99, "best": 0.0035 * 99, "best_at": 6400}
    assert last["train"]["policy_loss"]["mean_of_10"] == pytest.approx(6 - 3 * 54 / 100)


def test_what_is_not_there(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder nowhere; .* lzeval runs FOLDER"):
        command("nowhere")
    with pytest.raises(UserError, match=r"no run of lzeval's in this folder"):
        command("show", "nothing")
    (tmp_path / "empty").mkdir()
    assert command("empty") == "no runs in empty\n"


def test_one_run(runs: Path) -> None:
    output = command("show", "small-2")  # by its name in runs/
    assert output.startswith("small-2: 2x8, 3,584 of 6,400 positions, interrupted, changed 20")
    loss = next(line.split() for line in output.splitlines() if line.startswith(" Policy loss"))
    assert loss[2:] == ["4.630", "3,200", "5.000", "4.980"]
    shown = json.loads(command("show", runs / "small-2", "--json"))
    assert shown == open_run(runs / "small-2").as_dict()


@pytest.mark.parametrize("name", ["curves.png", "curves.svg", "curves.html"])
def test_pictures(runs: Path, name: str) -> None:
    assert command("show", "small-2", "--plot", name) == f"wrote {name}\n"
    content = Path(name).read_bytes()
    if name.endswith(".png"):
        assert content.startswith(b"\x89PNG")
        return
    text = content.decode()
    for shown in ("Policy loss, nats", "Best move is the one played, %", "best 4.630", "small-2"):
        assert shown in text
    command("show", "small-2", "--plot", name)
    assert Path(name).read_bytes() == content


def test_a_picture_of_another_kind_is_refused(runs: Path) -> None:
    with pytest.raises(UserError, match=r"to end in \.png or \.svg or \.html"):
        command("show", "small-2", "--plot", "curves.bmp")
    with pytest.raises(UserError, match="nothing was measured yet"):
        command("show", "new", "--plot", "curves.html")
    assert not list(Path().glob("curves.*"))


def test_the_page_needs_nothing_else_and_breaks_nothing(tmp_path: Path) -> None:
    config = CONFIG | {"data": {"train": "</pre><script>alert(1)</script>"}}
    log = learning(range(9, 60, 10), evaluated=(29, 49))
    run = read_run(make_run(tmp_path / "a<b>&c", {"csv": log}, config=config), NOW)
    write_page(run, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    addresses = set(re.findall(r"https?://[^\"' <]*", text))
    assert addresses <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)", text)
    assert "<title>a&lt;b&gt;&amp;c</title>" in text
    assert "prefers-color-scheme: dark" in text
    assert "<td>4.630</td><td>3,200</td>" in text
    identifiers = re.findall(r'\bid="([^"]*)"', text)
    assert len(identifiers) == len(set(identifiers)) > 3
    assert set(re.findall(r'href="#([^"]*)"', text)) <= set(identifiers)
    used = set(re.findall(r"var\(--(\w+)\)", text))
    for theme in re.findall(r":root \{([^}]*)\}", text)[:1]:
        assert used <= set(re.findall(r"--(\w+):", theme))
    pictures = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(pictures) == 3
    for picture in pictures:
        ET.fromstring(picture)
        assert not re.search(r"#[0-9a-f]{6}\b(?!\")", picture)  # colours are the page's


def test_the_list_needs_neither_torch_nor_matplotlib(runs: Path) -> None:
    program = (
        "import sys; from lzeval.cli.main import main\n"
        "try:\n main()\n"
        "finally: print(*(n for n in ('torch', 'numba', 'pandas', 'matplotlib') if n in sys.modules), '.')"
    )
    arguments = [sys.executable, "-c", program, "runs", str(runs)]
    outcome = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    assert outcome.stdout.splitlines()[-1].split() == ["."]
    assert "small-2" in outcome.stdout


# Smoothing


def test_a_moving_mean() -> None:
    flat = Series(np.arange(300.0), np.full(300, 0.25))
    assert smoothed(flat).values == pytest.approx(0.25)
    straight = Series(np.arange(300.0), np.arange(300.0))
    found = smoothed(straight).values
    assert found[:280] == pytest.approx(straight.values[:280])  # as far ahead as back
    assert found[0] == 0
    noise = np.random.default_rng(1).normal(size=1000)
    spread = smoothed(Series(np.arange(1000.0), noise)).values[100:]
    assert abs(spread).max() < 0.6  # at the end as well, where one batch might stand alone
    for few in (0, 1, 2, 5):
        assert len(smoothed(Series(np.arange(float(few)), np.ones(few))).values) == few
