"""`lzeval tune` and tuning events under `lzeval tournament`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import environment, program, run_here
from tests.support.fakes.tunable_engine import chance
from tests.support.fakes.tuning_backend import TuningBackend, install
from tests.support.tuning_files import CE, MC, write
from tests.support.waiting import wait_until


def test_the_model_finds_the_optimum_and_says_how_sure_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, MC)
    install(monkeypatch, TuningBackend(4))
    picture = tmp_path / "tune.png"
    done = run_here("tune", path, "--games", 100, "--plot", picture, "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "run"
    end = events[-1]
    assert end["event"] == "end"
    assert end["games"] == 100
    assert abs(end["best"]["x"] - 0.7) < 0.12
    low, high = end["win_rate_interval"]
    assert (
        low < chance([end["best"]["x"]]) < high + 0.05
    )  # the model's prior leans to less steep engines than this one
    low, high = end["best_between"]["x"]
    assert low < 0.7 < high
    assert picture.read_bytes().startswith(b"\x89PNG")
    shown = run_here("tune", path, "--show")
    assert "Best parameters: x: 0." in shown.stdout
    assert "100/" in shown.stdout
    again = run_here("tune", path, "--games", 100)
    assert "100/100 games played" in again.stdout


def test_tournament_commands_know_tuning_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, CE)
    install(monkeypatch, TuningBackend(2))
    done = run_here("tournament", "run", path, "--max-games", 50)
    assert done.returncode == 0, done.stderr
    assert "generation 1" in done.stdout
    shown = run_here("tournament", "show", path, "--json")
    assert json.loads(shown.stdout)["games"] == 50
    assert run_here("tournament", "show", path).stdout == path.with_suffix(".report").read_text()
    path.with_suffix(".report").unlink()
    assert run_here("tournament", "report", path).stdout.strip() == str(path.with_suffix(".report"))
    assert path.with_suffix(".report").read_text() == run_here("tournament", "watch", path).stdout
    assert run_here("tournament", "stop", path).returncode == 2
    assert run_here("tournament", "reset", path).returncode == 0
    assert sorted(file.name for file in tmp_path.iterdir() if not file.name.startswith(".")) == ["tune.ctl"]


def test_check_tries_a_candidate_and_the_opponent(tmp_path: Path) -> None:
    done = run_here("tournament", "check", write(tmp_path, MC))
    assert done.returncode == 0, done.stderr
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["#candidate", "passer"]


PLAYOFF = 'competition_type = "playoff"\nplayers = {"a": Player("a"), "b": Player("b")}\nboard_size = 9\nkomi = 7.5\n'
PLAYOFF += 'matchups = [Matchup("a", "b")]\n'


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (MC, ["--method", "best"], "--method best: must be model, mc or cem"),
        (MC, ["--method", "cem"], "--method cem: tune.ctl has the settings of mc alone"),
        (MC, ["--games", "0"], "--games 0: must be at least 1"),
        (
            MC,
            ["--method", "mc", "--games", "9"],
            "--games: the number of games of --method mc is number_of_games",
        ),
        (MC, ["--plot", "x.gif"], "cannot draw x.gif"),
        (MC, ["-j", "0"], "--parallel 0: must be at least 1"),
        (PLAYOFF, [], "a playoff tunes nothing"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, text: str, options: list[str], message: str) -> None:
    done = run_here("tune", write(tmp_path, text), *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_cluster_is_refused(tmp_path: Path) -> None:
    done = run_here("tournament", "run", write(tmp_path, MC), "--cluster", "auto")
    assert done.returncode == 2
    assert "a tuning event plays on this machine alone" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_killed_search_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path, MC.replace("number_of_games = 60", "number_of_games = 12"))
    words = program("tune", path, "--method", "mc", "-j", 2, "-q")
    log = path.with_suffix(".played")
    with subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE) as process:
        assert wait_until(lambda: log.exists() and log.read_bytes().count(b'"kind":"game"') >= 3, 60)
        os.kill(process.pid, signal.SIGKILL)
    kept = log.read_bytes().count(b'"kind":"game"')
    done = run_here("tune", path, "--method", "mc", "-j", 2, "--json")
    assert done.returncode == 0, done.stderr
    end = json.loads(done.stdout.splitlines()[-1])
    assert end["games"] == 12
    assert end["played_now"] == 12 - kept
    assert len(list(path.with_suffix(".games").iterdir())) == 12
