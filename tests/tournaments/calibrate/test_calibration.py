"""`lzeval calibrate`: played, interrupted, continued and told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.records.record_folder import read_games
from tests.support.command_line import Outcome, environment, program, run_here
from tests.support.fakes import toy_engine
from tests.support.fakes.weights_files import lived_in_network
from tests.support.paths import MISBEHAVING
from tournaments.calibrate.options import AHEAD
from tournaments.games.gtp_game import PlayedGame
from tournaments.runner.tournament_games import TournamentGames
from tournaments.store.game_log import GameLog

TOY = f"cmd:{sys.executable} {Path(toy_engine.__file__)} a"
BOOK = "book.txt"
LOSES = f"cmd:{sys.executable} {MISBEHAVING} --answer genmove=resign"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("nets") / "one.txt"
    write_network(lived_in_network(1, NetworkShape(1, 4, 9)), path)
    path.with_name(BOOK).write_text("".join(f"{a}3 G{b}\n" for a in "BCDEF" for b in range(4, 9)))
    return str(path)


def words(net: str, a: str = TOY, out: str = "c", **others: object) -> list[object]:
    usual: dict[str, object] = {
        "--from": 1,
        "--to": 8,
        "--games": 24,
        "--size": 9,
        "--openings": Path(net).with_name(BOOK),
        "--parallel": 2,
        "--move-limit": 60,
        "--precision": "fp32",
        "--device": "cpu",
        "--out": out,
        **{f"--{name}": value for name, value in others.items()},
    }
    return ["calibrate", a, net, *(word for pair in usual.items() for word in pair)]


def found(ended: Outcome) -> dict[str, Any]:
    assert ended.returncode == 0, ended.stderr
    content: dict[str, Any] = json.loads(ended.stdout)
    return content


def telling(content: dict[str, Any]) -> dict[str, Any]:
    return {name: content[name] for name in ("verdict", "value", "low", "high", "pairs", "levels", "games")}


@pytest.fixture(scope="module")
def whole(net: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with a calibration, and what was said of it."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, found(run_here(*words(net), "--json", "--plot", "curve.svg", cwd=folder))


def test_a_calibration_plays_pairs_and_says_what_it_found(whole: tuple[Path, dict[str, Any]]) -> None:
    folder, content = whole
    assert content["verdict"] in ("found", "undecided", "above the bounds", "below the bounds")
    assert content["pairs"] == sum(level["pairs"] for level in content["levels"])
    assert content["games"] <= 24
    records = list(read_games([folder / "c" / "calibration.games"]))
    assert len(records) == content["games"] + content["uncounted_games"]
    assert {record.pair for record in records} == set(range(len(records) // 2))
    assert len({(record.opening, record.pair) for record in records}) == len(records) // 2
    assert (folder / "c" / "results.csv").exists()
    assert "response curve" in (folder / "curve.svg").read_text(encoding="utf-8")


def test_what_is_over_is_told_again_and_not_played(whole: tuple[Path, dict[str, Any]], net: str) -> None:
    folder, content = whole
    before = sorted((folder / "c" / "calibration.games").iterdir())
    assert telling(found(run_here(*words(net), "--json", cwd=folder))) == telling(content)
    assert sorted((folder / "c" / "calibration.games").iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_it_goes_on_to_the_same_finding(
    whole: tuple[Path, dict[str, Any]], net: str, tmp_path: Path
) -> None:
    command = program(*words(net, parallel=1), "--json")
    games = tmp_path / "c" / "calibration.games"
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(TOY_SLEEP="0.002"), stderr=subprocess.DEVNULL
    ) as run:
        end_s = time.monotonic() + 120
        while len(list(games.glob("*.sgf"))) < 5 and time.monotonic() < end_s:
            time.sleep(0.02)
        run.send_signal(signal.SIGKILL)
    kept = sorted(path.name for path in games.glob("*.sgf"))
    assert 5 <= len(kept) < 24
    content = found(run_here(*words(net, parallel=3), "--json", cwd=tmp_path))
    assert telling(content) == telling(whole[1])
    assert set(kept) <= {path.name for path in games.glob("*.sgf")}


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"to": 16}, "c: holds a different calibration: to was 8, is 16"),
        ({"seed": 2}, "seed was 1, is 2"),
        ({"elo": 50}, "elo was 0.0, is 50.0"),
        ({"a": LOSES}, "c: holds a different calibration: players was"),
    ],
)
def test_other_settings_want_another_folder(
    whole: tuple[Path, dict[str, Any]], net: str, changed: dict[str, Any], complaint: str
) -> None:
    ended = run_here(*words(net, **changed), cwd=whole[0])
    assert ended.returncode == 2
    assert complaint in ended.stderr


def test_a_narrower_interval_goes_on_with_the_same_games(
    whole: tuple[Path, dict[str, Any]], net: str
) -> None:
    folder, content = whole
    ended = run_here(*words(net, width=0.5, games=26), "--json", cwd=folder)
    assert "warning: the games in the folder were begun for an interval of another width" in ended.stderr
    assert found(ended)["games"] >= content["games"]


def test_a_player_that_is_always_better_is_told_from_one_that_is_found(
    net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all games have ended before the first of them is on disk."""
    flush, keep = GameLog.flush, TournamentGames.keep
    ended_games: list[str] = []

    def late_flush(log: GameLog) -> None:
        end_s = time.monotonic() + 60
        while len(ended_games) < 2 * AHEAD and time.monotonic() < end_s:
            time.sleep(0.02)
        time.sleep(0.2)
        flush(log)

    def keep_and_note(games: TournamentGames, played: PlayedGame) -> None:
        keep(games, played)
        ended_games.append(played.game_id)

    monkeypatch.setattr(GameLog, "flush", late_flush)
    monkeypatch.setattr(TournamentGames, "keep", keep_and_note)
    ended = run_here(*words(net, LOSES, games=100), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "already at 1 visit (97.5 % sure)" in " ".join(ended.stdout.split())
    assert "games to expect by the Elo that a doubling is worth" in " ".join(ended.stderr.split())


def test_a_program_that_fails_ends_it_with_a_reason(net: str, tmp_path: Path) -> None:
    ended = run_here(*words(net, f"cmd:{sys.executable} -c pass"), cwd=tmp_path)
    assert ended.returncode == 2
    assert "lzeval: nothing has been played: python cannot play: 3 faults in a row" in ended.stderr
