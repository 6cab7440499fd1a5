"""What a run that goes on looks like on the terminal."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from lzeval.cli.live_view import BarView, StandingsView, duration
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import win
from tournaments.games.faults import Fault, Incident
from tournaments.plan.stopping import Gatekeeper
from tournaments.runner.progress import Progress


def finished(count: int, wanted: int) -> Progress:
    """Games of which White, `two`, won all but the first, two minutes after the beginning."""
    progress = Progress(wanted)
    for number in range(count):
        winner = Colour.WHITE if number else Colour.BLACK
        moves = ((Colour.BLACK, number), (Colour.WHITE, 40))
        progress.add(GameRecord(f"0_{number:02}", "one", "two", win(winner, "R"), moves, size=9, komi=7.5))
    progress.seconds = 120.0
    return progress


def shown(progress: Progress, anchor: str | None = None) -> str:
    view = StandingsView("cup", anchor)
    view.show(progress)
    console = Console(file=io.StringIO(), width=100)
    console.print(view.live.get_renderable())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_tournament() -> None:
    progress = finished(6, 12)
    progress.begin("0_06", "one", "two", time.monotonic())
    progress.begin("0_07", "one", "[b]two", time.monotonic() - 100)
    progress.moved("0_07", 31)
    progress.incidents = [Incident("one", Fault.CRASH, "it ended", "void")] * 2
    progress.suspended = {"one": "3 faults in a row"}
    text = shown(progress)
    assert "cup: 6 of 12 games, 3.0 a minute, 2 min left" in text
    assert re.search(r"0_07 +one v \[b\]two +move 31 +2 min", text)
    assert "faults: 2 crash" in text
    assert "one: crash: it ended; the game is void" in text
    assert "suspended: one (3 faults in a row)" in text
    assert re.search(r"two +\+\d+", text)
    assert re.search(r"one +\+0 ", shown(progress, "one"))


def test_games_keep_their_rows() -> None:
    progress = Progress(9)
    rows = [progress.begin(name, "one", "two", 0.0).row for name in "abc"]
    del progress.live["b"]
    assert [*rows, *(progress.begin(name, "one", "two", 0.0).row for name in "de")] == [0, 1, 2, 1, 3]


def test_before_the_first_game() -> None:
    assert shown(Progress(None)).startswith("cup: 0 games")


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (700, "12 min"), (12000, "3 h 20 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_bar() -> None:
    view = BarView("one v two", 12, lambda progress: [f"{len(progress.games)} so far"])
    progress = finished(6, 12)
    progress.evaluations = 240_000
    assert view.text(progress) == "6 so far  2,000 evals/s  2 min left"
    progress.rule = Gatekeeper(0.5, 12, "one")
    assert view.text(progress).endswith("at most 2 min left")
    assert view.text(Progress(12)) == "0 so far"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"event": "warning", "message": "mind"}, "mind"),
        (
            {"event": "fault", "game": "0_1", "player": "one", "message": "crash: it ended"},
            "0_1  one: crash: it ended",
        ),
        ({"event": "game", "game": "0_1", "result": "one beat two"}, ""),
    ],
)
def test_a_bar_tells_what_goes_wrong(
    event: Mapping[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    BarView("one v two", 12, lambda _: []).tell(event)
    assert capsys.readouterr().err.strip() == said
