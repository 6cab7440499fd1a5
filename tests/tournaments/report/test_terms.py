from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.pools import record
from tournaments.rating.rating_table import build_table
from tournaments.report.csv_files import ratings_frame
from tournaments.report.page import page
from tournaments.report.settings import describe_settings
from tournaments.report.summary import gather
from tournaments.report.terms import PlayerTerms, in_words, terms_beside, terms_of
from tournaments.report.verdict import conclude

A, B = PlayerTerms("big", 100), PlayerTerms("small", 250)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (A, PlayerTerms("small", 100), "at 100 visits each"),
        (A, B, "at 100 (big) v 250 (small) visits"),
        (PlayerTerms("big", None, 30), PlayerTerms("small", None, 30), "at 30 playouts each"),
        (PlayerTerms("big", 9, 30), PlayerTerms("small", 9, 30), "at 9 visits and 30 playouts each"),
        (
            PlayerTerms("big", 9, 30),
            PlayerTerms("small", 8, 30),
            "at 9 (big) v 8 (small) visits and 30 playouts",
        ),
        (
            PlayerTerms("big", None, 30),
            PlayerTerms("small", 8, 30),
            "at unlimited (big) v 8 (small) visits and 30 playouts",
        ),
        (A, PlayerTerms("gnugo-10", 100, takes_visits=False), "at 100 visits of big"),
        (PlayerTerms("x", 9, takes_visits=False), PlayerTerms("y", 9, takes_visits=False), ""),
        (
            PlayerTerms("big.a", 100, search=["puct 0.8", "fpu 0.3"]),
            PlayerTerms("big.b", 100),
            "at 100 visits each (big.a with puct 0.8, fpu 0.3)",
        ),
        (
            PlayerTerms("big", 100, search=["puct 0.8"]),
            PlayerTerms("small", 100, search=["puct 0.8"]),
            "at 100 visits each (both with puct 0.8)",
        ),
        (
            PlayerTerms("big", 100, search=["puct 0.8"]),
            PlayerTerms("small", 200, search=["fpu 1"]),
            "at 100 (big) v 200 (small) visits (big with puct 0.8; small with fpu 1)",
        ),
    ],
)
def test_terms_in_words(a: PlayerTerms, b: PlayerTerms, words: str) -> None:
    assert in_words(a, b) == words


def test_equal_time_in_words() -> None:
    assert in_words(A, B, 38.46) == "at equal time (100 (big) v 250 (small) visits, measured 38.5 ms a move)"
    alike = in_words(A, PlayerTerms("small", 100), 38.46)
    assert alike == "at equal time (100 visits, measured 38.5 ms a move)"


NETWORKS = [{"code": "big", "sha256": "1"}, {"code": "small", "sha256": "2"}]


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (None, ""),
        ({}, ""),
        ({"terms": "at 3 visits each"}, "at 3 visits each"),
        ({"terms": 3}, ""),
        ({"settings": {"players": NETWORKS, "visits": 50, "playouts": None}}, "at 50 visits each"),
        ({"settings": {"players": [*NETWORKS, {}], "visits": 50, "playouts": None}}, ""),
        ({"settings": {"players": [{"command": []}, {}], "visits": 50, "playouts": None}}, ""),
        ({"settings": {"players": NETWORKS}}, ""),
        ({"settings": [1]}, ""),
    ],
)
def test_terms_of_what_a_folder_says(description: Any, words: str) -> None:
    assert terms_of(description) == words


def test_terms_are_found_beside_the_games(tmp_path: Path) -> None:
    assert terms_beside([tmp_path]) == ""
    (tmp_path / "match.json").write_text(json.dumps({"terms": "at 3 visits each"}))
    (tmp_path / "match.games").mkdir()
    assert terms_beside([tmp_path / "match.games"]) == "at 3 visits each"


@pytest.mark.parametrize("results", [["B+R"] * 3, ["B+R", "W+R", "B+R"], ["B+R", "W+R"], ["B+R"] * 30])
def test_every_verdict_names_the_terms(results: list[str]) -> None:
    games = [record("x", "y", number, result) for number, result in enumerate(results)]
    summary = gather(games, terms="at 3 visits each")
    assert "x over y at 3 visits each: " in summary.table.headline or len(set(results)) == 2
    assert " at 3 visits each" in summary.table.headline
    assert " at 3 visits each" in conclude(summary).sentence
    assert " at 3 visits each" in page(summary)
    assert summary.table.as_dict()["terms"] == "at 3 visits each"
    assert set(ratings_frame(summary.table)["terms"]) == {"at 3 visits each"}


def test_the_page_tells_each_player_apart() -> None:
    players = [
        {
            "code": "big",
            "sha256": "ab" * 32,
            "precision": "fp32",
            "device": "cpu",
            "visits": 9,
            "search": {"fpu": 1},
        },
        {"code": "gnugo-10", "command": ["/usr/games/gnugo", "--mode"], "files": {}},
    ]
    description = {"terms": "at 9 visits of big", "settings": {"players": players}}
    summary = gather([record("big", "gnugo-10"), record("gnugo-10", "big", 1)])
    told = dict(describe_settings(summary, description))
    assert told["Player big"] == "fp32 on cpu, 9 visits, fpu 1, SHA-256 abababababababab"
    assert told["Player gnugo-10"] == "program gnugo"
    assert told["Terms"] == "at 9 visits of big"


def test_tables_of_many_name_the_terms() -> None:
    games = [record(a, b, number) for number, (a, b) in enumerate(("xy", "yz", "zx", "yx", "zy", "xz"))]
    summary = gather(games, terms="at 3 visits each")
    assert conclude(summary).basis == "From 6 games between 3 players at 3 visits each."


def test_terms_that_are_not_known_are_not_named() -> None:
    table = build_table([record("x", "y", 1, "B+R"), record("x", "y", 2, "W+R")])
    assert table.headline.startswith("x over y: ")
    assert table.as_dict()["terms"] is None
    assert "terms" not in ratings_frame(table)
