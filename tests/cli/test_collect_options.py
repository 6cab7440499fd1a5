"""`lzeval rate` on what users have: what it takes, what it says of the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from lzeval.cli.rate import rate
from lzeval.errors import UserError

app = typer.Typer()
app.command()(rate)


class Said(NamedTuple):
    stdout: str
    stderr: str


def run(*arguments: object) -> Said:
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return Said(result.stdout, result.stderr)


def sgf(black: str, white: str, result: str, number: int, more: str = "SZ[9]KM[7.5]") -> str:
    letters = "abcdefghi"
    move = letters[number % 9] + letters[number // 9]
    return f"(;GM[1]{more}PB[{black}]PW[{white}]RE[{result}];B[{move}];W[ee])"


@pytest.fixture
def games(tmp_path: Path) -> Path:
    folder = tmp_path / "games"
    folder.mkdir()
    results = ["B+R", "W+R", "B+3.5", "W+0.5", "0", "Void", "?", "B+R][W+R", "", "B+R"]
    for number, result in enumerate(results):
        black, white = ("one", "two") if number % 2 else ("two", "one")
        (folder / f"{number}.sgf").write_text(sgf(black, white, result, number))
    (folder / "cut.sgf").write_text(sgf("one", "two", "B+R", 20)[:-5])
    (folder / "One.sgf").write_text(sgf("One", "two", "B+R", 21))
    (folder / "x.sgf").write_text(sgf("one", "two", "B+R", 22, "SZ[13]"))
    return folder


def test_what_does_not_count_is_named(games: Path) -> None:
    result = run(games, "--alias", "One=one")
    text = " ".join(result.stdout.split())
    assert "8 decided games" in text
    assert "1 void game, 3 games of unknown result, 1 unreadable game" in text
    assert "Void: 1 - no reason given (5.sgf)" in text
    assert "Unknown result: 1 - RE says '?' (6.sgf)" in text
    assert "Unknown result: 1 - contradictory: RE says both 'B+R' and 'W+R' (7.sgf)" in text
    assert "Unknown result: 1 - the record names no result (8.sgf)" in text
    assert "Unreadable: 1 - the record ends in the middle of the game (cut.sgf)" in text
    assert "3-4-1" in text
    assert not result.stderr


def test_json_has_every_case(games: Path) -> None:
    found = json.loads(run(games, "--json", "--size", 9).stdout)
    cases = {(Path(case["path"]).name, case["kind"]) for case in found["skipped"]}
    assert cases == {
        ("5.sgf", "void"),
        ("6.sgf", "unknown result"),
        ("7.sgf", "unknown result"),
        ("8.sgf", "unknown result"),
        ("cut.sgf", "unreadable"),
    }
    assert all(case["why"] for case in found["skipped"])
    assert found["left_out"] == {"--size (another)": 1}
    assert found["duplicates"] == 0
    assert found["warnings"] == ["'One', 'one' are rated apart; if they are one player: --alias One=one"]


def test_warnings_go_to_standard_error(games: Path) -> None:
    result = run(games, "--json")
    assert "lzeval: 'One', 'one' are rated apart; if they are one player: --alias One=one" in result.stderr
    json.loads(result.stdout)


def test_a_game_that_is_told_of_twice(games: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "0.sgf").write_bytes((games / "0.sgf").read_bytes())
    assert "Dropped 1 game that another source told of as well." in run(tmp_path).stdout


def test_filters_are_counted(games: Path) -> None:
    text = " ".join(
        run(games, "--size", 9, "--player", "one", "--komi", "7..8", "--handicap", 0).stdout.split()
    )
    assert "Not wanted: 1 by --player (other players), 1 by --size (another)." in text


def test_a_table_of_counts_has_no_course(tmp_path: Path) -> None:
    head = "player_a,player_b,a_black_wins,a_black_losses,a_white_wins,a_white_losses\n"
    (tmp_path / "results.csv").write_text(f"{head}x,y,20,10,15,15\ny,z,20,10,15,15\n")
    text = run(tmp_path, "--report", tmp_path / "page.html").stdout
    assert "120 decided games" in text
    assert "Running score" not in text
    assert (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--komi", "much"], "--komi much: write 7.5 or 6.5..7.5"),
        (["--handicap", "a-b"], "--handicap a-b: write 0 or 2-4"),
        (["--handicap", "inf"], "--handicap inf: write 0 or 2-4"),
        (["--since", "soon"], "--since soon: write a date"),
        (["--alias", "one"], "--alias one: write OLD=NEW"),
        (["--aliases", "/no/such/file"], "cannot be read"),
        (["--rules", "Chinese"], "no decided game"),
    ],
)
def test_users_mistakes(arguments: list[str], why: str, games: Path) -> None:
    with pytest.raises(UserError, match=why):
        run(games, *arguments)


def test_where_nothing_is_left_the_reasons_are_told(games: Path) -> None:
    result = CliRunner().invoke(app, [str(games), "--rules", "Chinese"])
    assert isinstance(result.exception, UserError)
    assert "lzeval: Not wanted: 12 by --rules (not told)." in result.stderr
    assert "lzeval: Unreadable: 1 - the record ends in the middle of the game (cut.sgf)" in result.stderr


@pytest.mark.parametrize(
    ("name", "decided", "players"),
    [
        pytest.param("goairatings", 124724, 319, marks=pytest.mark.slow),
        ("lz-selfplay-sgf", 17, 2),
        ("aeb-9x9-13x13.sgf.xz", 609, 285),
    ],
)
def test_other_peoples_games(name: str, decided: int, players: int, shared: Path) -> None:
    found = json.loads(run(shared / "references" / name, "--json").stdout)
    assert found["games"]["decided"] == decided
    assert len(found["players"]) == players
    assert found["skipped"] == []
