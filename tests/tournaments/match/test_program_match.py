"""`lzeval match` with other programs."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lzeval.cli.main import main
from lzeval.errors import UserError
from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.records.record_folder import read_games
from tests.support.fakes.weights_files import lived_in_network
from tests.support.paths import MISBEHAVING
from tournaments.games.network_player import in_process
from tournaments.gomill.control_file import read_control_file
from tournaments.match import players
from tournaments.match.match import MatchResult, plan_match, play_match
from tournaments.match.options import MatchOptions, PlayerOptions, player_options
from tournaments.match.players import is_program, program_of
from tournaments.rating.sprt import parse_sprt

ASKED = MatchOptions(player_options("a", "b", 50))
LOSES = "--answer genmove=resign"


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("nets") / "one.txt"
    write_network(lived_in_network(1, NetworkShape(1, 4, 9)), path)
    return str(path)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text("C3 G7\nE5\nC7 G3 C3\nD4 F6\n")
    return tmp_path


def fake(flags: str = "") -> str:
    return f"cmd:{sys.executable} {MISBEHAVING} {flags}"


def options(a: str, b: str, **others: Any) -> MatchOptions:
    usual = {
        "games": 4,
        "size": 9,
        "openings": "book.txt",
        "move_limit": 80,
        "out": "m",
        "threads": 1,
    }
    players = player_options(a, b, others.pop("visits", 4), others.pop("playouts", None))
    return MatchOptions(players, **{"precision": "fp32", "device": "cpu", **usual, **others})


def play(a: str, b: str, **others: Any) -> MatchResult:
    return play_match(plan_match(options(a, b, **others)))


def match(*words: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["lzeval", "match", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


# What players are called


def test_programs_are_told_from_networks(place: Path) -> None:
    assert [is_program(text) for text in ("gnugo:3", "leelaz:x.gz", "cmd:x y", "gnugo", "leelaz")] == [
        True
    ] * 5
    assert not any(map(is_program, ("small", "nets/gnugo:1", "x.txt", "C:\\nets\\x.txt")))
    (place / "gnugo:1").touch()
    assert not is_program("gnugo:1"), "it is a file"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("gnugo", "its level is wanted, 0 to 10, as in gnugo:10"),
        ("gnugo:", "its level is wanted"),
        ("gnugo:x", "its level is wanted"),
        ("gnugo:11", "its level is wanted"),
        ("leelaz:", "its weights file is wanted"),
        ("leelaz:no-such.gz", "there is no network 'no-such.gz'"),
        ("cmd:", "a command line is wanted"),
        ("cmd:'a", "No closing quotation"),
        ("cmd:no-such-program --gtp", "there is no program 'no-such-program'"),
    ],
)
def test_mistakes_are_told(text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        program_of(PlayerOptions(text, 50), ASKED)


@pytest.mark.parametrize(
    ("text", "advice"), [("gnugo:10", "apt install gnugo"), ("leelaz:small", "apt install leela-zero")]
)
def test_a_program_that_is_missing_can_be_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, advice: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(players, "GAMES_FOLDER", str(tmp_path))
    with pytest.raises(UserError, match=advice):
        program_of(PlayerOptions(text, 50), ASKED)


def stand_in(folder: Path, name: str) -> Path:
    path = folder / (f"{name}.bat" if sys.platform == "win32" else name)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_gnu_go_is_found_where_debian_puts_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = stand_in(tmp_path, "gnugo")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(players, "GAMES_FOLDER", str(tmp_path))
    found = program_of(PlayerOptions("gnugo:07"), ASKED)
    assert found.spec.command == (str(program), "--mode", "gtp", "--level", "7", "--chinese-rules")
    assert found.spec.startup_gtp_commands == ("set_random_seed {seed}",)
    assert (found.spec.code, found.counts_dead_stones) == ("gnugo-7", True)


def test_leela_zero_is_told_of_limits_and_resigning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(tmp_path, "leelaz")
    monkeypatch.setenv("PATH", str(tmp_path))
    line = " ".join(program_of(PlayerOptions("leelaz:small", 9, 7), replace(ASKED, resign=2.5)).spec.command)
    for words in (
        "--gtp --noponder",
        "--visits 9",
        "--playouts 7",
        "--resignpct 2.5",
        "--threads 1",
        "--seed {seed}",
    ):
        assert words in line
    assert line.endswith("small.txt.gz")


@pytest.mark.skipif(sys.platform == "win32", reason="makes scripts as POSIX systems do")
@pytest.mark.parametrize(
    ("told", "device", "hardware", "wanted"),
    [
        ("--cpu-only  CPU", "auto", False, True),
        ("--cpu-only  CPU", "auto", True, False),
        ("--cpu-only  CPU", "cpu", True, True),
        ("built for CPUs", "cpu", False, False),
    ],
)
def test_leela_zero_is_kept_off_a_gpu_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: str, device: str, hardware: bool, wanted: bool
) -> None:
    stand_in(tmp_path, "leelaz").write_text(f"#!/bin/sh\necho '{told}'\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(players, "_has_opencl", lambda: hardware)
    command = program_of(PlayerOptions("leelaz:small"), replace(ASKED, device=device)).spec.command
    assert ("--cpu-only" in command) == wanted


def test_a_command_line_is_taken_apart_as_a_shell_does() -> None:
    found = program_of(PlayerOptions(f"cmd:{shlex.quote(sys.executable)} -c 'print(1)' {{seed}}"), ASKED)
    assert found.spec.command[1:] == ("-c", "print(1)", "{seed}")
    assert Path(found.spec.command[0]).is_absolute()


# Matches


def test_a_network_beats_one_that_resigns(net: str, place: Path) -> None:
    result = play(net, fake(LOSES))
    row = next(row for row in result.table.rows if row.rating.player == "one")
    assert (row.total.games, row.total.score) == (4, 1.0)
    assert result.problems == ()
    assert json.loads((place / "m" / "match.json").read_text())["settings"]["players"][0]["code"] == "one"
    assert len((place / "m" / "results.csv").read_text().splitlines()) == 5
    assert (place / "m" / "ratings.csv").exists()


def test_openings_are_played_by_pairs_with_colours_swapped(net: str, place: Path) -> None:
    play(net, fake(LOSES))
    games = sorted(read_games([place / "m" / "match.games"]), key=lambda game: getattr(game, "game_id", ""))
    found = [(g.black, g.opening, g.pair) for g in games]  # type: ignore[union-attr]
    assert [black == "one" for black, _, _ in found] == [True, False, True, False]
    assert found[0][1:] == found[1][1:] != found[2][1:] == found[3][1:]


def test_the_network_plays_in_this_process_and_the_program_does_not(net: str, place: Path) -> None:
    play(net, fake(LOSES))
    competition = read_control_file(place / "m" / "match.ctl")
    here = [in_process(competition, player) is not None for player in competition.players.values()]
    assert here == [True, False]


def test_the_control_file_says_what_is_played(net: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(place, "gnugo")
    monkeypatch.setenv("PATH", str(place))
    for out, other in (("a", "gnugo:1"), ("b", fake(LOSES))):
        planned = plan_match(options(net, other, games=12, out=out))
        planned.folder.create()
        planned.write_control_file()
        assert read_control_file(planned.competition.path) == planned.competition


def test_it_goes_on_where_it_stopped(net: str, place: Path) -> None:
    play(net, fake(LOSES), games=2)
    before = {path.name: path.stat().st_mtime_ns for path in (place / "m" / "match.games").iterdir()}
    result = play(net, fake(LOSES), games=4)
    assert sum(row.total.games for row in result.table.rows) == 8
    after = {path.name: path.stat().st_mtime_ns for path in (place / "m" / "match.games").iterdir()}
    assert before.items() <= after.items()
    assert len(after) == 4


def test_another_match_has_another_folder(net: str, place: Path) -> None:
    play(net, fake(LOSES), games=2)
    with pytest.raises(UserError, match=r"holds a different match: visits was 4, is 5; choose another --out"):
        plan_match(options(net, fake(LOSES), games=2, visits=5))
    with pytest.raises(UserError, match="holds a different match: players was one"):
        plan_match(options(net, fake(), games=2))


def test_a_sequential_test_ends_the_match(net: str, place: Path) -> None:
    (place / "book.txt").write_text(
        "\n".join(f"C{row} {column}4" for row in (2, 3, 4, 6, 7) for column in "DEFGHJ")
    )
    test = parse_sprt("0,300", 0.05, 0.05, "logistic", option="--sprt")
    result = play(net, fake(LOSES), games=60, sprt=test)
    assert result.rule is not None
    assert result.rule.is_decided
    assert result.rule.games < 60
    played = len(list((place / "m" / "match.games").iterdir()))
    assert played == result.rule.games + result.uncounted < 60
    again = play(net, fake(LOSES), games=60, sprt=test)
    assert len(list((place / "m" / "match.games").iterdir())) == played, "nothing more is played"
    assert again.rule is not None
    assert again.rule.verdict_lines() == result.rule.verdict_lines()


def test_a_gatekeeper_ends_the_match(net: str, place: Path) -> None:
    result = play(net, fake(LOSES), games=20, until_decided=0.55)
    assert result.rule is not None
    assert result.rule.games == 11


def test_one_that_always_crashes_is_told(net: str, place: Path, capsys: Any) -> None:
    words = ["--games", 4, "--visits", 4, "--size", 9, "--openings", "book.txt", "--out", "m", "--threads", 1]
    assert match(net, fake("--crash-on genmove"), *words) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert (
        "lzeval: nothing has been played that could be rated: python is suspended: 3 faults in a row" in told
    )
    assert (place / "m" / "match.played").exists()


def test_two_programs_may_play(place: Path) -> None:
    result = play(fake(LOSES), fake("--moves 'E5 C3 G7'"), games=2)
    assert {row.rating.player for row in result.table.rows} == {"python.a", "python.b"} or len(
        result.table.rows
    ) == 2


def test_the_score_is_the_players_business_where_one_of_them_stops_early(
    net: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(place, "gnugo")
    stand_in(place, "leelaz")
    monkeypatch.setenv("PATH", str(place))
    of_gnugo = plan_match(options(net, "gnugo:1"))
    assert (of_gnugo.counts_area, of_gnugo.referee) == (False, "gnugo-1")
    of_leelaz = plan_match(options(net, "leelaz:small"))
    assert (of_leelaz.counts_area, of_leelaz.referee) == (True, None)
    assert plan_match(options(net, fake())).referee is None


def test_without_openings_it_warns(net: str, place: Path) -> None:
    assert "without openings" in plan_match(options(net, fake(), openings="none")).warnings()[0]


def test_the_command_prints_the_table_and_json(net: str, place: Path, capsys: Any) -> None:
    words = ["--games", 2, "--visits", 4, "--size", 9, "--openings", "book.txt", "--out", "m", "--threads", 1]
    assert match(net, fake(LOSES), *words) == 0
    assert "one over" in capsys.readouterr().out
    assert match(net, fake(LOSES), *words, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["settings"]["visits"] == 4
    assert told["match"] == "m"


@pytest.mark.engine
@pytest.mark.slow
def test_a_real_gnu_go(gnugo: str, net: str, place: Path) -> None:
    result = play(net, "gnugo:0", games=2, move_limit=162)
    assert result.problems == ()
    assert sum(row.total.games for row in result.table.rows) == 4
