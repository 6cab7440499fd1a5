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

from engines.gtp.check.analysis import kata_line, leela_line
from lzeval.core.points import parse_vertex

CLIENTS = Path(__file__).parent / "clients"
ENGINE = [sys.executable, "-m", "lzeval", "gtp", "small", "--visits", "20"]
SABAKI_VARIABLE = "SABAKI_GTP"
"""Names the folder of @sabaki/gtp where npm does not have it among its global packages."""


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
