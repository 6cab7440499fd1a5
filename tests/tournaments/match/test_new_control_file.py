"""Control files for networks: what we write, we read, and gomill runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lzeval.errors import UserError
from tests.support.competitions import allplayall, players
from tests.support.fakes.weights_files import as_lines, tiny_weights, write_lines
from tests.support.gomill_files import FAKE
from tests.support.gomill_judge import ask_gomill
from tournaments.gomill.control_file import read_control_file
from tournaments.gomill.report import report_text
from tournaments.gomill.takeover import games_of_gomill
from tournaments.gomill.write_control_file import write_control_file
from tournaments.match.new_control_file import new_control_file
from tournaments.runner.tournament import doubts


@pytest.fixture
def networks(tmp_path: Path) -> list[str]:
    """Three weights files, two of one name and one whose name is no code."""
    for name in ("one/net.txt", "other/net.txt", "my net [1].txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_lines(tmp_path / name, as_lines(tiny_weights()))
    return [str(tmp_path / name) for name in ("one/net.txt", "other/net.txt", "my net [1].txt")]


def test_networks_against_each_other(networks: list[str], tmp_path: Path) -> None:
    path = new_control_file(tmp_path / "new.ctl", networks, rounds=6, visits=50, seed=4)
    competition = read_control_file(path)
    assert competition.competitors == ("net", "net-2", "my_net__1_")
    assert [m.number_of_games for m in competition.matchups] == [6, 6, 6]
    assert (competition.matchups[0].board_size, competition.matchups[0].scorer) == (19, "internal")
    command = competition.players["net-2"].command
    assert command[-6:] == ("gtp", str(tmp_path / "other/net.txt"), "--visits", "50", "--seed", "4")
    assert (competition.lzeval.openings, competition.lzeval.seed) == ("default", 4)


def test_leelaz_and_a_clock(networks: list[str], tmp_path: Path) -> None:
    path = new_control_file(
        tmp_path / "new.ctl",
        networks[:2],
        engine="leelaz",
        visits=None,
        time_settings="0 11 1",
        board_size=9,
    )
    competition = read_control_file(path)
    player = competition.players["net"]
    assert player.command == ("leelaz", "--gtp", "--noponder", "--weights", networks[0])
    assert player.startup_gtp_commands == ("time_settings 0 11 1",)
    assert (competition.matchups[0].komi, competition.lzeval.openings) == (7.0, "default")


@pytest.mark.parametrize(
    ("size", "komi", "expected"),
    [
        (9, 5.5, (5.5, "default")),
        (13, None, (7.0, "default")),
        (19, None, (7.5, "default")),
        (8, None, (7.5, "none")),
    ],
)
def test_openings_and_komi_of_a_board(
    networks: list[str], tmp_path: Path, size: int, komi: float | None, expected: tuple[float, str]
) -> None:
    path = new_control_file(tmp_path / "new.ctl", networks, board_size=size, komi=komi)
    competition = read_control_file(path)
    assert (competition.matchups[0].komi, competition.lzeval.openings) == expected
    told = doubts(competition)
    assert [warning.partition("; ")[0] for warning in told] == (
        ["the openings (default) are even for komi 7"] if komi == 5.5 else []
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"out": "x.txt"}, r"x\.txt: the name of a control file is to end in \.ctl"),
        ({"networks": ["big"]}, "a tournament needs two players at least, not 1"),
        ({"networks": ["big", "nothing"]}, "there is no network 'nothing'"),
        ({"engine": "gnugo"}, "--engine gnugo: is one of lzeval, leelaz"),
        ({"visits": None}, "a move wants a limit: give --visits or --time-settings"),
        ({"time_settings": "11"}, "--time-settings 11: three numbers are wanted"),
        ({"time_settings": "0 11 x"}, "three numbers are wanted"),
        ({"openings": "nowhere.txt"}, r"--openings nowhere\.txt: there is no such file"),
        ({"rounds": 0}, "a tournament has at least one game, not 0"),
        ({"board_size": 1}, "board size 1 is not from"),
        ({"out": "old.ctl"}, r"old\.ctl exists; use --force to overwrite it"),
    ],
)
def test_mistakes(
    options: dict[str, object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.ctl").write_text("old")
    with pytest.raises(UserError, match=said):
        new_control_file(**{"out": "x.ctl", "networks": ["big", "small"], **options})  # type: ignore[arg-type]
    assert not Path("x.ctl").exists()
    assert Path("old.ctl").read_text() == "old"
    new_control_file("old.ctl", ["big", "small"], force=True)
    assert read_control_file("old.ctl").competitors == ("big", "small")


def test_a_checkpoint_is_not_for_leelaz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lzeval.network.weights_file.weights.is_checkpoint", lambda _: True)
    with pytest.raises(UserError, match="is a checkpoint; leelaz wants weights: lzeval export"):
        new_control_file(tmp_path / "x.ctl", ["big", "small"], engine="leelaz")


@pytest.mark.engine
def test_gomill_reads_it_as_we_do(networks: list[str], ringmaster: list[str], tmp_path: Path) -> None:
    path = new_control_file(tmp_path / "new.ctl", networks, rounds=2)
    (answer,) = ask_gomill(
        ringmaster, [{"ctl": str(path), "games": [["b", "B+R", None, None, None]] * 6}], tmp_path
    )
    competition = read_control_file(path)
    assert [row[0] for row in answer["matchups"]] == [matchup.id for matchup in competition.matchups]
    assert answer["players"]["net"][0] == list(competition.players["net"].command)
    assert report_text(competition, games_of_gomill(competition)) == answer["report"]


@pytest.mark.engine
def test_the_real_ringmaster_plays_an_allplayall(ringmaster: list[str], tmp_path: Path) -> None:
    fakes = {"a": "one", "b": "two"}
    path = tmp_path / "all.ctl"
    commands = {code: [sys.executable, str(FAKE), kind, str(tmp_path)] for code, kind in fakes.items()}
    write_control_file(allplayall(path, players(commands), 4, "Grüße"), {"lzeval": {"seed": 3}})
    run = subprocess.run([*ringmaster, "-q", str(path)], capture_output=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    competition = read_control_file(path)
    taken = games_of_gomill(competition)
    assert [game.game_id for game in taken] == ["AvB_0", "AvB_1", "AvB_2", "AvB_3"]
    assert report_text(competition, taken) == (tmp_path / "all.report").read_text(encoding="utf-8")


def test_programs_play_as_in_a_match(networks: list[str], tmp_path: Path) -> None:
    engine = f"cmd:{sys.executable} engine.py"
    path = new_control_file(tmp_path / "new.ctl", [networks[0], engine], rounds=2, time_settings="0 11 1")
    competition = read_control_file(path)
    program = competition.players[competition.competitors[1]]
    assert program.command[1:] == ("engine.py",)
    assert program.startup_gtp_commands == ("time_settings 0 11 1",)
    assert competition.matchups[0].scorer == "players"
