"""The same control files under gomill's own ringmaster and under ours."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.gomill_documents import documented_files
from tests.support.gomill_report import WITHOUT_CPU
from tests.support.paths import FAKES
from tests.support.waiting import wait_until
from tournaments.gomill.control_file import read_control_file
from tournaments.plan.competition import Competition
from tournaments.runner.tournament import RunOptions, run

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform == "win32", reason="the ringmaster is for POSIX systems"),
]
TOY = FAKES / "toy_engine.py"


def install_toy(path: Path) -> None:
    """A program of that name which is the toy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {TOY} {path.name} "$@"\n')
    path.chmod(0o755)


def ringmaster_runs(ringmaster: Sequence[str], path: Path, *options: str) -> None:
    outcome = subprocess.run(
        [*ringmaster, "-q", *options, path.name, "run"],
        cwd=path.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr


def told(folder: Path) -> tuple[list[str], list[str]]:
    """Report and history without processor times."""
    report, history = (next(folder.glob(f"*{suffix}")).read_text() for suffix in (".report", ".hist"))
    return WITHOUT_CPU.sub("", report).splitlines(), history.splitlines()


@pytest.fixture
def documented(gomill_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Competition]:
    """Every control file of gomill's documentation, and a toy wherever one of them expects an engine."""
    home = tmp_path / "home"
    (home / "tmp").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(home / "bin"), prepend=":")
    found = []
    for number, text in enumerate(documented_files(gomill_archive).values()):
        path = tmp_path / f"{number}-ours" / "cup.ctl"
        path.parent.mkdir()
        path.write_text(text)
        found.append(read_control_file(path))
        for player in found[-1].players.values():
            install_toy(home / "bin" / player.command[0])  # an absolute path is its own
    return found


@pytest.mark.parametrize("games", [2, pytest.param(7, marks=pytest.mark.slow)])
def test_the_examples_of_gomills_documentation_run_alike(
    ringmaster: list[str], documented: list[Competition], games: int
) -> None:
    """`games` of each file: some have no end."""
    assert len(documented) >= 13
    played = 0
    for competition in documented:
        theirs = competition.path.parent.with_name(competition.path.parent.name.replace("ours", "theirs"))
        theirs.mkdir()
        shutil.copy(competition.path, theirs)
        ringmaster_runs(ringmaster, theirs / "cup.ctl", "-g", str(games))
        progress = run(competition, RunOptions(parallel=1, most_games=games))
        assert progress.is_clean
        assert told(competition.path.parent) == told(theirs), competition.path.read_text()
        played += progress.played_now
    assert played > 10 * games


def league(folder: Path) -> Path:
    """Two matchups, with colours swapped and not, scored by the players and by the board."""
    folder.mkdir()
    commands = {code: [sys.executable, "-S", "-E", str(TOY), code] for code in "abc"}
    path = folder / "cup.ctl"
    lines = [
        "competition_type = 'playoff'",
        "board_size, komi = 9, 7.5",
        "players = {",
        *(f"  {c!r}: Player({words!r}, environ={{'TOY_SLEEP': '0.002'}})," for c, words in commands.items()),
        "}",
        "matchups = [",
        "  Matchup('a', 'b', alternating=True, number_of_games=12),",
        "  Matchup('b', 'c', scorer='internal', number_of_games=12),",
        "]",
    ]
    path.write_text("\n".join([*lines, ""]))
    return path


@pytest.mark.parametrize("how", ["told to stop", "interrupted", "killed"])
def test_a_competition_that_gomill_left_half_way_ends_alike(
    ringmaster: list[str], how: str, tmp_path: Path
) -> None:
    """The ringmaster's own end of it, and ours, line by line."""
    begun = league(tmp_path / "begun")
    if how == "told to stop":
        ringmaster_runs(ringmaster, begun, "-g", "11")
    else:
        process = subprocess.Popen(
            [*ringmaster, "-q", begun.name, "run"], cwd=begun.parent, stderr=subprocess.PIPE
        )
        history = begun.with_suffix(".hist")
        assert wait_until(lambda: history.exists() and history.read_text().count("\n") >= 9, 60)
        time.sleep(0.02)
        process.send_signal(signal.SIGINT if how == "interrupted" else signal.SIGKILL)
        process.communicate(timeout=60)
    ours, theirs = (Path(shutil.copytree(begun.parent, tmp_path / name)) for name in ("ours", "theirs"))
    ringmaster_runs(ringmaster, theirs / begun.name)
    progress = run(read_control_file(ours / begun.name), RunOptions(parallel=1))
    assert progress.is_clean
    assert 9 <= len(progress.games) - progress.played_now < len(progress.games) == 24
    reports, histories = zip(told(ours), told(theirs), strict=True)
    assert reports[0] == reports[1]
    lines = [re.sub(r"^ +", "", line) for line in histories[0]]
    assert sorted(lines) == sorted(re.sub(r"^ +", "", line) for line in set(histories[1]))
