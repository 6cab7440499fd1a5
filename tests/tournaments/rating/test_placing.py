"""Players whom the likelihood alone cannot rate: where the prior puts them, and what is said of it."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import NonlinearConstraint, minimize

from tournaments.rating import placing
from tournaments.rating.bradley_terry import Ratings, fit_pool
from tournaments.rating.likelihood import PER_ELO, Cell
from tournaments.rating.rating_table import RatingTable, table_of_results
from tournaments.rating.results_array import ResultsArray, results_of_counts
from tournaments.rating.row_order import printed_order
from tournaments.report.csv_files import write_ratings

Result = tuple[str, str, int, int, int]
"""Two players, games that the first won, that it lost, jigos; colours in turn."""

EVEN: list[Result] = [("p", "q", 6, 4, 0), ("q", "r", 6, 4, 0), ("p", "r", 7, 3, 0)]


def played(results: Sequence[Result]) -> ResultsArray:
    tallies = []
    for one, other, won, lost, jigos in results:
        first, second = (won + 1) // 2, won // 2
        tallies.append((one, other, first, lost // 2, jigos))
        tallies.append((other, one, (lost + 1) // 2, second, 0))
    return results_of_counts(tallies)


def table(results: Sequence[Result], **options: bool) -> RatingTable:
    return table_of_results(played(results), **options)


def order(found: RatingTable) -> str:
    return " ".join(row.rating.player for row in found.rows)


CASES: dict[str, tuple[list[Result], str, str]] = {
    "one clean sweep": ([("a", "b", 10, 0, 0)], "a b", "a b"),
    "one game": ([("b", "a", 1, 0, 0)], "b a", "a b"),
    "a chain of wins": (
        [("a", "b", 1, 0, 0), ("b", "c", 1, 0, 0), ("c", "d", 1, 0, 0)],
        "a b c d",
        "a b c d",
    ),
    "a chain with the longest step last": (
        [("c", "d", 9, 0, 0), ("b", "c", 1, 0, 0), ("a", "b", 1, 0, 0)],
        "a b c d",
        "a b c d",
    ),
    "everybody beats all below": (
        [(a, b, 2, 0, 0) for n, a in enumerate("abcde") for b in "abcde"[n + 1 :]],
        "a b c d e",
        "a b c d e",
    ),
    "an unbeaten player": ([*EVEN, ("top", "q", 3, 0, 0)], "top p q r", "top"),
    "a beaten one": ([*EVEN, ("r", "low", 1, 0, 0)], "p q r low", "low"),
    "between two groups": (
        [*EVEN, ("r", "mid", 2, 0, 0), ("mid", "x", 2, 0, 0), ("x", "y", 5, 3, 0)],
        "p q r mid x y",
        "mid x y",
    ),
    "all jigos": ([("a", "b", 0, 0, 3), ("b", "c", 0, 0, 2)], "a b c", ""),
    "jigos alone join": ([*EVEN, ("s", "r", 0, 0, 1), ("s", "t", 2, 1, 0)], "p q r s t", ""),
    "two groups that never met": ([*EVEN, ("x", "y", 5, 3, 0)], "p q r x y", ""),
    "one of these a sweep": ([*EVEN, ("x", "y", 5, 0, 0)], "p q r x y", "x y"),
}


@pytest.mark.parametrize(("results", "expected", "by_prior"), CASES.values(), ids=CASES.keys())
def test_everybody_has_a_place_that_agrees_with_the_games(
    results: list[Result], expected: str, by_prior: str
) -> None:
    found = table(results)
    assert order(found) == expected
    assert sorted(found.placed) == by_prior.split()
    for row in found.rows:
        rating = row.rating
        assert rating.elo is not None
        assert rating.low is not None
        assert rating.high is not None
        assert rating.low < rating.elo < rating.high
        assert not rating.by_prior or rating.note
    content = json.loads(json.dumps(found.as_dict()))
    prior = {"virtual_jigos": 1.0, "players": found.placed} if by_prior else None
    assert content["prior"] == prior
    assert {row["player"]: row["rests_on"] for row in content["players"]} == {
        row.rating.player: "prior" if row.rating.by_prior else "games" for row in found.rows
    }


@pytest.mark.parametrize("results", [results for results, _, _ in CASES.values()], ids=CASES.keys())
def test_whom_the_likelihood_rates_keeps_its_figures(results: list[Result]) -> None:
    with_prior, without = table(results), table(results, prior=False)
    kept = {row.rating.player: row.rating for row in with_prior.rows if not row.rating.by_prior}
    for row in without.rows:
        if row.rating.elo is not None and row.rating.player in kept:
            mine = kept[row.rating.player]
            assert (mine.elo, mine.low, mine.high) == pytest.approx(
                (row.rating.elo, row.rating.low, row.rating.high)
            )
    if not with_prior.placed:
        ours, theirs = with_prior.as_dict(), without.as_dict()
        assert ours.keys() == theirs.keys()
        assert ours["differences"] == theirs["differences"]
        assert ours["residuals"] == theirs["residuals"]


def test_without_the_prior_no_number_is_made_up_and_no_order() -> None:
    found = table([*EVEN, ("x", "y", 5, 3, 0), ("x", "p", 1, 0, 0), ("r", "low", 2, 0, 0)], prior=False)
    assert order(found) == "x y p q r low"  # though the group of p, q and r has more games
    assert found.placed == []
    assert [row.rating.elo is None for row in found.rows] == [False] * 5 + [True]


def test_groups_that_never_met_are_not_compared() -> None:
    found = table([*EVEN, ("x", "y", 5, 0, 0)])
    note = "group 2: not comparable with group 1, which it never met; its own mean is 0"
    assert [row.rating.group for row in found.rows] == [1, 1, 1, 2, 2]
    assert found.rows[3].rating.note == f"won all 5 games; {note}"
    assert found.comparisons is not None
    assert set(found.comparisons.players) == {"p", "q", "r"}


@pytest.mark.parametrize("games", [1, 2, 10, 100])
def test_two_players_are_apart_as_one_more_jigo_has_it(games: int) -> None:
    """By Jeffreys' prior of the chance of winning, and never above the bound of the headline."""
    found = table([("a", "b", games, 0, 0)])
    first = found.rows[0].rating
    assert first.elo is not None
    assert 2 * first.elo == pytest.approx(400 * math.log10((games + 0.5) / 0.5))
    assert found.head_to_head is not None
    assert first.low == pytest.approx(found.head_to_head.difference.low / 2)
    assert found.head_to_head.sentence().startswith("a over b: won every game")


def log_posterior(pool: Ratings, cells: Sequence[Cell], theta: dict[str, float]) -> float:
    """Term by term, from the module's words, with every player a group of its own."""
    games: dict[str, float] = dict.fromkeys(theta, 0.0)
    for black, white, _, number in cells:
        games[black] += number
        games[white] += number
    total = 0.0
    for black, white, points, number in cells:
        virtual = number * (1 / games[black] + 1 / games[white]) / 2
        edge = theta[black] - theta[white]
        total -= (points + virtual / 2) * math.log1p(math.exp(-edge))
        total -= (number - points + virtual / 2) * math.log1p(math.exp(edge))
    return total


DAG: list[Cell] = [("a", "b", 2.0, 2.0), ("b", "c", 3.0, 3.0), ("d", "c", 0.0, 1.0), ("a", "d", 1.0, 1.0)]


def test_places_and_ends_by_scipy() -> None:
    """The mode by a general optimiser; the ends by moving one distance from the mean as far as TAIL allows."""
    pool = fit_pool(DAG)
    names = sorted(pool.ratings)

    def minus(x: np.ndarray) -> float:
        return -log_posterior(pool, DAG, dict(zip(names, x.tolist(), strict=True)))

    best = minimize(minus, np.zeros(4), tol=1e-12)
    centred = (best.x - best.x.mean()) / PER_ELO
    assert [pool.ratings[name].elo for name in names] == pytest.approx(centred.tolist(), abs=0.1)
    limit = best.fun - math.log(placing.TAIL)
    for index, name in enumerate(names):
        for sign, found in ((1, pool.ratings[name].high), (-1, pool.ratings[name].low)):
            end = minimize(
                lambda x, index=index, sign=sign: -sign * (x[index] - x.mean()),
                best.x,
                constraints=[NonlinearConstraint(minus, -np.inf, limit)],
                method="SLSQP",
                options={"maxiter": 500, "ftol": 1e-10},
            )
            assert found == pytest.approx((end.x[index] - end.x.mean()) / PER_ELO, abs=1.0)


def test_with_fewer_players_moving_along_intervals_are_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a knock-out of 16, with 8 players moving along instead of all."""
    cells: list[Cell] = []
    left = [f"{number:02}" for number in range(16)]
    while len(left) > 1:
        cells += [(one, other, 1.0, 1.0) for one, other in zip(left[::2], left[1::2], strict=True)]
        left = left[::2]
    exact = fit_pool(cells)
    monkeypatch.setattr(placing, "NEAREST", 8)
    near = fit_pool(cells)
    for name, rating in exact.ratings.items():
        assert rating.low is not None
        assert rating.high is not None
        other = near.ratings[name]
        assert other.elo == rating.elo
        assert other.low is not None
        assert other.high is not None
        assert rating.low - 1 <= other.low < other.high <= rating.high + 1
        assert rating.elo is not None
        assert other.low < rating.elo < other.high


RESULTS = st.lists(
    st.tuples(
        st.sampled_from("abcdef"), st.sampled_from("abcdef"), st.sampled_from([0.0, 0.5, 1.0, 1.0])
    ).filter(lambda game: game[0] != game[1]),
    min_size=1,
    max_size=14,
)


@settings(deadline=None, max_examples=40)
@given(RESULTS)
def test_any_results_give_a_table(games: list[tuple[str, str, float]]) -> None:
    results = [
        (black, white, int(points == 1), int(points == 0), int(points == 0.5))
        for black, white, points in games
    ]
    found = table(results)
    places = {row.rating.player: place for place, row in enumerate(found.rows)}
    for winner, loser in found.pool.above:
        assert places[winner] < places[loser]
    for row in found.rows:
        assert row.rating.elo is not None
        assert row.rating.low is not None
        assert row.rating.high is not None
        assert row.rating.low - 1e-6 <= row.rating.elo <= row.rating.high + 1e-6
        assert math.isfinite(row.rating.low + row.rating.high)
    together = {row.rating.player: row.rating.group for row in found.rows}
    assert all(together[black] == together[white] for black, white, _ in games)
    turned = table([(other, one, won, lost, jigos) for one, other, won, lost, jigos in results])
    mirrored = {row.rating.player: row.rating.elo for row in turned.rows}
    if len(found.placed) == len(found.rows):  # nothing is fixed, and colours count for nothing
        for row in found.rows:
            assert mirrored[row.rating.player] == pytest.approx(-row.rating.elo, abs=0.1)  # type: ignore[operator]
    if found.comparisons is not None:
        sure = found.comparisons.superiority
        assert sure + sure.T == pytest.approx(np.ones(sure.shape))
        off = ~np.eye(len(sure), dtype=bool)
        assert np.array_equal((sure > 0.975)[off], (found.comparisons.low > 0)[off])


def test_the_printed_order_gives_way_to_the_games() -> None:
    """Rank says c, b, a; a won all that it played with c."""
    ranks = {"c": 0, "b": 1, "a": 2}
    single = {name: name for name in ranks}
    assert printed_order(ranks, single, []) == ["c", "b", "a"]
    assert printed_order(ranks, single, [("a", "c")]) == ["b", "a", "c"]
    assert printed_order(ranks, {"c": 1, "b": 2, "a": 1}, [("b", "c")]) == ["b", "c", "a"]


def test_a_weak_winner_stands_above_whom_it_beat() -> None:
    """Rated as everybody's games have it, but never printed below."""
    strong: list[Result] = [(f"s{n}", "weak", 30, 2, 0) for n in range(8)]
    losses: list[Result] = [(f"s{n}", "new", 1, 0, 0) for n in range(8)]
    found = table([*strong, *losses, ("weak", "new", 1, 0, 0)])
    assert order(found).split()[-2:] == ["weak", "new"]


def test_a_real_cup_ranks_everybody(shared: Path) -> None:
    path = shared / "cases" / "everybody-ranked" / "games.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    tallies = [
        (row["black"], row["white"], int(row["result"][0] == "B"), int(row["result"][0] == "W"), 0)
        for row in rows
    ]
    found = table_of_results(results_of_counts(tallies))
    elo = [row.rating.elo for row in found.rows]
    assert len(elo) == 11
    assert all(one is not None and other is not None and one > other for one, other in pairwise(elo))
    assert len(found.placed) == 6
    cores = {row.rating.player for row in found.rows if not row.rating.by_prior}
    without = table_of_results(results_of_counts(tallies), prior=False)
    for row in without.rows:
        if row.rating.player in cores:
            assert (
                next(r.rating.elo for r in found.rows if r.rating.player == row.rating.player)
                == row.rating.elo
            )


def test_files_say_what_a_rating_rests_on(tmp_path: Path) -> None:
    write_ratings(table([*EVEN, ("top", "q", 3, 0, 0)]), tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        rests = {row["player"]: row["rests_on"] for row in csv.DictReader(file)}
    assert rests == {"top": "prior", "p": "games", "q": "games", "r": "games"}
