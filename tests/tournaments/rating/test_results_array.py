from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import JIGO, win
from tournaments.rating.bradley_terry import rate_results
from tournaments.rating.pairs import game_counts
from tournaments.rating.rating_table import RatingTable, build_table, table_of_results
from tournaments.rating.results_array import results_of_columns, results_of_counts, results_of_games

RESULTS = {"b": win(Colour.BLACK), "w": win(Colour.WHITE), "j": JIGO}
POINTS = {"b": 1.0, "w": 0.0, "j": 0.5}
Row = tuple[str, str, str]

games_of_four = st.lists(
    st.tuples(st.sampled_from("pqrs"), st.sampled_from("pqrs"), st.sampled_from("bwj")).filter(
        lambda row: row[0] != row[1]
    ),
    min_size=1,
    max_size=40,
)


def records(rows: list[Row]) -> list[GameRecord]:
    return [GameRecord(str(n), b, w, RESULTS[result]) for n, (b, w, result) in enumerate(rows)]


def told(table: RatingTable) -> list[tuple[object, ...]]:
    """What must be the same, however the games came in."""
    return [
        (r.rating.player, r.rating.group, r.rating.note, r.total, r.as_black, r.as_white) for r in table.rows
    ] + [
        tuple(
            None if v is None else pytest.approx(v, abs=1e-6)
            for v in (r.rating.elo, r.rating.low, r.rating.high)
        )
        for r in table.rows
    ]


@settings(max_examples=40)
@given(games_of_four)
def test_records_columns_and_counts_say_the_same(rows: list[Row]) -> None:
    games = records(rows)
    table = build_table(games)
    columns = results_of_columns([r[0] for r in rows], [r[1] for r in rows], [POINTS[r[2]] for r in rows])
    counted = results_of_counts(
        (b, w, rows.count((b, w, "b")), rows.count((b, w, "w")), rows.count((b, w, "j")))
        for b, w in sorted({r[:2] for r in rows})
    )
    for other in (columns, counted):
        assert told(table_of_results(other)) == told(table)
    for place, player in enumerate(columns.players):
        losses, jigos, wins = game_counts([g for g in games if player in (g.black, g.white)], player)
        assert columns.tallies()[place].sum(axis=0).tolist() == [wins, losses, jigos]


def test_games_of_one_number_are_a_pair() -> None:
    results = results_of_columns(["a", "b", "a", "b"], ["b", "a", "b", "a"], [1, 0.5, 0, 0], [7, 7, -1, -1])
    assert len(set(results.unit.tolist())) == 3
    assert results.unit[0] == results.unit[1]
    points, games = results.unit_scores("a")
    assert sorted(zip(games.tolist(), points.tolist(), strict=True)) == [(1, 0), (1, 1), (2, 1.5)]
    table = table_of_results(results)
    assert table.head_to_head is not None
    assert table.head_to_head.difference.counts == (0, 0, 0, 1, 0)
    assert table.head_to_head.unpaired_games == 2


def test_pairs_of_records_are_kept() -> None:
    games = [
        GameRecord("0", "a", "b", win(Colour.BLACK), pair=0),
        GameRecord("1", "b", "a", win(Colour.BLACK), pair=0),
        GameRecord("2", "a", "b", win(Colour.BLACK)),
    ]
    results = results_of_games(games, [(games[0], games[1])])
    assert results.unit[0] == results.unit[1] != results.unit[2]


def test_what_is_no_ledger() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        results_of_columns(["a"], ["b", "c"], [1, 0])
    with pytest.raises(ValueError, match="0, 1/2 or 1"):
        results_of_columns(["a"], ["b"], [0.7])
    with pytest.raises(ValueError, match="against itself"):
        results_of_columns(["a"], ["a"], [1])
    with pytest.raises(UserError, match="no games at all"):
        table_of_results(results_of_counts([]))


def test_a_hundred_thousand_games_take_a_moment() -> None:
    """Of 300 players, against the truth: errors are as large as the intervals say."""
    rng = np.random.default_rng(5)
    strength = rng.normal(0, 200, 300)
    black = rng.integers(0, 300, 100_000)
    white = (black + rng.integers(1, 300, 100_000)) % 300
    points = rng.random(100_000) < 1 / (1 + 10 ** (-(strength[black] - strength[white]) / 400))
    names = np.array([f"{n:03}" for n in range(300)], object)
    pool = rate_results(results_of_columns(names[black].tolist(), names[white].tolist(), points))
    ratings = list(pool.ratings.values())
    true = strength - strength.mean()
    inside = [
        r.low is not None and r.high is not None and r.low <= t <= r.high
        for r, t in zip(ratings, true.tolist(), strict=True)
    ]
    assert len(pool.members) == 300
    assert 0.91 <= np.mean(inside) <= 0.985
