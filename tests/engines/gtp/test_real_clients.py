"""Other people's clients, where they are installed, drive our engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engines.gtp_check.analysis import kata_line, leela_line
from lzeval.go.points import parse_vertex
from tests.support.paths import CLIENTS

ENGINE = [sys.executable, "-m", "lzeval", "gtp", "small", "--visits", "20"]
SABAKI_VARIABLE = "SABAKI_GTP"
"""Names the folder of @sabaki/gtp where npm does not have it among its global packages."""
KATRAIN_VARIABLE = "KATRAIN_PYTHON"
"""Names a Python that has KaTrain among its packages."""


def run(command: Sequence[str]) -> dict[str, Any]:
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert outcome.returncode == 0, outcome.stderr
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


@pytest.fixture(scope="session")
def sabaki_gtp() -> tuple[str, str]:
    """Node, and the folder of @sabaki/gtp."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        pytest.skip("Node is not installed")
    folder = os.environ.get(SABAKI_VARIABLE)
    if folder is None and npm is not None:
        root = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, check=False).stdout.strip()
        folder = str(Path(root) / "@sabaki" / "gtp")
    if folder is None or not (Path(folder) / "package.json").is_file():
        pytest.skip(
            f"@sabaki/gtp is not installed: npm install -g @sabaki/gtp, or name its folder in {SABAKI_VARIABLE}"
        )
    return node, folder


@pytest.mark.engine
def test_sabakis_library_plays_and_analyses(sabaki_gtp: tuple[str, str]) -> None:
    node, folder = sabaki_gtp
    report = run([node, str(CLIENTS / "sabaki_session.js"), folder, *ENGINE])
    assert report["history"] == ["set_free_handicap D4 Q16", "play W Q4", "play B D16", "play W C14"]
    assert report["lastMove"].split() == ["white", "C14"]
    assert len(report["moves"]) == 12
    assert all(0 <= parse_vertex(move, 19) <= 361 for move in report["moves"])
    assert report["tracked"] == [move.upper() for move in report["moves"]]
    assert re.fullmatch(r"[BW]\+[0-9.]+", report["score"])
    assert report["stopped"]
    assert report["quitMs"] < 3000
    if "analysis" not in report:
        pytest.skip("the engine has no analysis commands")
    check = kata_line if report["analysis"] == "kata-analyze" else leela_line
    assert report["info"]
    assert [check(line, 19) for line in report["info"]] == [""] * len(report["info"])
    assert report["stopMs"] < 1000


@pytest.mark.engine
def test_gomills_modules_play(ringmaster: list[str]) -> None:
    python2, option, start = ringmaster
    prepare = start.partition("; from gomill")[0]
    script = str(CLIENTS / "gomill_session.py")
    report = run([python2, option, f"{prepare}; execfile({script!r})", *ENGINE])
    assert {"genmove", "list_commands", "quit"} <= set(report["commands"])
    assert report["occupied"] == "illegal move"
    assert (report["status"], report["errors"]) == (0, [])
    assert len(report["game"]["moves"]) == 10
    assert [colour for colour, _ in report["game"]["moves"]] == ["w", "b"] * 5
    assert "forfeit" not in report["game"]["result"]
    assert report["game"]["late_errors"] is None


@pytest.fixture(scope="session")
def katrain() -> str:
    """A Python that can import KaTrain."""
    python = os.environ.get(KATRAIN_VARIABLE)
    if python is None:
        pytest.skip(f"no Python with KaTrain (pip install katrain) is named in {KATRAIN_VARIABLE}")
    return python


@pytest.mark.engine
def test_katrains_modules_analyse_and_play(
    katrain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A game, other moves, a part of the board, thinking on and a move of the engine's."""
    for variable in ("HOME", "USERPROFILE", "KIVY_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    engine = [sys.executable, "-m", "lzeval", "analysis-engine", "small", "--katrain", "--positions", "4"]
    report = run([katrain, str(CLIENTS / "katrain_session.py"), *engine])
    assert report["errors"] == []
    assert len(report["winrates"]) == 7
    assert all(0.3 < winrate < 0.7 for winrate in report["winrates"])
    assert report["policies"] == [362] * 7
    assert report["usual"]
    assert report["alternatives"]
    assert not set(report["usual"]) & set(report["alternatives"])
    assert report["policy_after_alternatives"] == pytest.approx(report["policy"], abs=1e-5)
    assert report["region"]
    assert all(move[0] in "ABCDEFG" and int(move[1:]) <= 7 for move in report["region"])
    assert report["pondered"] > 60
    assert 0 <= parse_vertex(report["played"], 19) <= 361
