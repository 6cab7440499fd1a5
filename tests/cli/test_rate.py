from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lzeval.cli.rate import rate
from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games, write_game
from lzeval.records.result import JIGO, VOID, GameResult, win
from tournaments.rating.rating_table import build_table
from tournaments.report.csv_files import RESULT_COLUMNS, write_results

app = typer.Typer()
app.command()(rate)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def write_all(folder: Path, games: Iterable[tuple[str, str, GameResult, int | None]]) -> Path:
    """Games as `black, white, result, pair`, each with moves of its own."""
    folder.mkdir()
    for number, (black, white, result, pair) in enumerate(games):
        moves: tuple[tuple[Colour, int], ...] = ((Colour.BLACK, number % 9), (Colour.WHITE, 9 + number // 9))
        opening = "corner" if pair is not None else ""
        record = GameRecord(f"0_{number:02}", black, white, result, moves, 9, 7.5, opening=opening, pair=pair)
        write_game(record, folder)
    return folder


@pytest.fixture
def match(tmp_path: Path) -> Path:
    """Six pairs of 2, 2, 1, 1, 3/2 and 1 points for `big` (b: it won); half a pair beside a void game."""
    results = [("b", "b"), ("b", "b"), ("b", "w"), ("w", "b"), ("b", "j"), ("w", "b")]
    ending = {"b": win(Colour.BLACK), "w": win(Colour.WHITE), "j": JIGO}
    games: list[tuple[str, str, GameResult, int | None]] = []
    for pair, (first, second) in enumerate(results):
        swapped = {"b": "w", "w": "b", "j": "j"}[second]
        games.append(("big", "small", ending[first], pair))
        games.append(("small", "big", ending[swapped], pair))
    games.append(("big", "small", win(Colour.BLACK), 6))
    games.append(("small", "big", VOID, 6))
    return write_all(tmp_path / "match.games", games)


def test_the_table(match: Path) -> None:
    output = run(match)
    assert re.match(r"big over small: \+\d+ Elo \(95 % interval", output)
    assert "from 6 pairs" in output
    row = next(line.split() for line in output.splitlines() if line.startswith(" big "))
    assert row[-5:-3] == ["13", "73.1%"]
    assert row[-3] == "9-3-1"
    assert "1 void game" in output
    assert "1 game of half-finished pairs" in output
    assert max(len(line) for line in output.splitlines() if line.startswith(" ")) <= 80


def test_json_agrees_with_the_records(match: Path) -> None:
    found = json.loads(run(match, "--json"))
    assert [player["player"] for player in found["players"]] == ["big", "small"]
    assert found["head_to_head"]["difference"]["counts"] == [0, 0, 3, 1, 2]
    assert found["head_to_head"]["difference"]["unit"] == "pairs"
    assert found["games"]["decided"] == 13
    assert found["games"]["void"] == 1
    assert found["distinct_games"] == {"10": 13, "30": 13, "60": 13, "end": 13}


def test_csv_has_a_line_a_player(match: Path, tmp_path: Path) -> None:
    run(match, "--out", tmp_path / "ratings.csv")
    with (tmp_path / "ratings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["player"] for row in rows] == ["big", "small"]
    assert float(rows[0]["elo"]) == pytest.approx(-float(rows[1]["elo"]), abs=1e-3)
    for row in rows:
        assert int(row["wins"]) + int(row["losses"]) + int(row["jigos"]) == int(row["games"]) == 13
        assert int(row["black_wins"]) + int(row["white_wins"]) == int(row["wins"])


def test_a_perfect_record_is_no_number(tmp_path: Path) -> None:
    games = [("top", "low", win(Colour.BLACK), None)] * 5
    output = run(write_all(tmp_path / "g", games), "--no-prior")
    assert "top over low: won every game, from 5 games; at least" in output
    assert "none" in next(line for line in output.splitlines() if line.startswith(" top *"))
    assert "* top: won all 5 games: no finite rating" in output
    found = json.loads(run(tmp_path / "g", "--json", "--no-prior"))
    assert [player["elo"] for player in found["players"]] == [None, None]
    assert found["prior"] is None
    assert found["head_to_head"]["difference"]["elo"] is None


def test_names_that_look_like_markup_are_printed_as_they_are(tmp_path: Path) -> None:
    games = [("[red]", "[/x]", r, None) for r in (win(Colour.BLACK), win(Colour.WHITE))]
    output = run(write_all(tmp_path / "g", games))
    assert " [red] " in output
    assert " [/x] " in output


def test_broken_records_are_counted_and_cost_nothing(match: Path) -> None:
    (match / "broken.sgf").write_text("(;GM[1];B[aa")
    assert "1 unreadable game" in run(match)


def test_another_programs_records(shared: Path) -> None:
    found = json.loads(run(shared / "references" / "aeb-9x9-13x13.sgf.xz", "--json"))
    assert found["games"]["decided"] == 609
    rows = {player["player"]: player for player in found["players"]}
    assert rows["Cho Chikun"]["games"] == 17


def test_users_mistakes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        run(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no games at all"):
        run(tmp_path)
    games = write_all(tmp_path / "g", [("a", "b", VOID, None), ("a", "a", win(Colour.BLACK), None)])
    with pytest.raises(UserError, match=r"1 void, 1 of one player against itself"):
        run(games)
    with pytest.raises(UserError, match="cannot write"):
        run(write_all(tmp_path / "h", [("a", "b", JIGO, None)]), "--out", tmp_path / "no" / "x.csv")


def test_results_csv_has_a_line_a_game(match: Path, tmp_path: Path) -> None:
    games = [game for game in read_games([match]) if isinstance(game, GameRecord)]
    write_results(games, tmp_path / "results.csv")
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == RESULT_COLUMNS
    assert [row["winner"] for row in rows[:2]] == ["big", "big"]
    assert (rows[9]["winner"], rows[9]["result"], rows[9]["pair"]) == ("jigo", "0", "4")
    assert (rows[-1]["winner"], rows[-1]["moves"]) == ("void", "2")


def test_three_players_have_no_headline(tmp_path: Path) -> None:
    folder = write_all(
        tmp_path / "g",
        [
            (a, b, r, None)
            for a, b in (("p", "q"), ("q", "r"), ("r", "p"))
            for r in (win(Colour.BLACK), win(Colour.WHITE), JIGO)
        ],
    )
    table = build_table(read_games([folder]))
    assert table.head_to_head is None
    assert [row.rating.elo for row in table.rows] == pytest.approx([0, 0, 0], abs=1e-6)
    assert {row.total.games for row in table.rows} == {6}
