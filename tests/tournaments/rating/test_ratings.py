from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.go.points import symmetry_tables
from lzeval.records.record import GameRecord
from lzeval.records.result import JIGO, UNKNOWN, VOID, GameResult, win
from tournaments.rating import likelihood
from tournaments.rating.bradley_terry import fit_pool
from tournaments.rating.elo import (
    EloEstimate,
    elo_from_score,
    estimate,
    score_from_elo,
)
from tournaments.rating.likelihood import Cell
from tournaments.rating.pairs import find_pairs, game_counts, pair_counts, weigh
from tournaments.rating.two_players import head_to_head

FIVE = st.lists(st.integers(0, 300), min_size=5, max_size=5).filter(any)


# One player over another


@pytest.mark.parametrize(("elo", "score"), [(0, 0.5), (400, 10 / 11), (-400, 1 / 11), (190.8485, 0.75)])
def test_elo_and_score(elo: float, score: float) -> None:
    assert score_from_elo(elo) == pytest.approx(score, abs=1e-6)
    assert elo_from_score(score) == pytest.approx(elo, abs=1e-4)


def test_certain_scores_are_infinitely_far_apart() -> None:
    assert (elo_from_score(0), elo_from_score(1)) == (-math.inf, math.inf)
    with pytest.raises(ValueError, match="not a score"):
        elo_from_score(1.1)


def test_published_statistics_are_reproduced(shared: Path) -> None:
    vectors = json.loads((shared / "references" / "sprt_vectors.json").read_text())
    assert len(vectors) == 40
    for vector in vectors:
        found = estimate(vector["results"])
        assert found.elo == pytest.approx(vector["elo"], abs=1e-6)
        assert found.elo95 == pytest.approx(vector["elo95"], abs=1e-6)
        assert found.los == pytest.approx(vector["los"], abs=1e-6)


def fastchess(shared: Path, part: str) -> list[dict[str, Any]]:
    """Cases of one part of the figures that other programs' own tests expect."""
    cases: list[dict[str, Any]] = json.loads((shared / "references" / "elo_sprt_vectors.json").read_text())[
        part
    ]["cases"]
    return cases


def check_published(found: EloEstimate, case: dict[str, Any]) -> None:
    """Within 1 %, or the last printed digit."""
    assert found.score == pytest.approx(case["score"], abs=0.0006)
    assert 100 * found.los == pytest.approx(case.get("los_pct", 100 * found.los), rel=0.01, abs=0.01)
    assert found.elo == pytest.approx(case.get("elo", found.elo), rel=0.01)
    assert found.elo95 == pytest.approx(case.get("elo_err", found.elo95), rel=0.01)


@pytest.mark.parametrize("number", range(3))
def test_elo_trinomial_vectors_of_fastchess(shared: Path, number: int) -> None:
    case = fastchess(shared, "elo_trinomial")[number]
    check_published(estimate([case["l"], case["d"], case["w"]]), case)


@pytest.mark.parametrize("number", range(3))
def test_elo_pentanomial_vectors_of_fastchess(shared: Path, number: int) -> None:
    case = fastchess(shared, "elo_pentanomial")[number]
    worst, half, even, drawn, more, best = case["pairs"]
    check_published(estimate([worst, half, even + drawn, more, best]), case)


def test_win_probability_vectors_of_whole_history_rating(shared: Path) -> None:
    cases = fastchess(shared, "win_probability")
    assert len(cases) == 2
    for case in cases:
        assert score_from_elo(case["elo_white"] - case["elo_black"]) == pytest.approx(
            case["white_win"], abs=1e-4
        )


@pytest.mark.parametrize("number", range(6))
def test_bradley_terry_vectors_of_katago(shared: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its prior, virtual games against a player of Elo 0, is played here, in the place of our own."""
    monkeypatch.setattr(likelihood, "RATING_PRIOR", 1e7)
    case = fastchess(shared, "bradley_terry_with_prior_katago")[number]
    players = [str(k) for k in range(len(case["elo"]))]
    cells: list[Cell] = [("zero", name, case["prior_wl"], 2 * case["prior_wl"]) for name in players]
    for a, row in enumerate(case["matrix"]):
        for b, (won, lost) in enumerate(row):
            if won + lost:
                cells.append((players[a], players[b], float(won), float(won + lost)))
    pool = fit_pool(cells, with_advantage=False)
    for name, elo in zip(players, case["elo"], strict=True):
        assert pool.difference(name, "zero")[0] == pytest.approx(elo, abs=0.01)


@given(FIVE)
def test_the_other_player_sees_the_mirror_image(counts: list[int]) -> None:
    ours, theirs = estimate(counts), estimate(counts).reversed()
    assert theirs.elo == pytest.approx(-ours.elo, abs=1e-6)
    assert (theirs.low, theirs.high) == pytest.approx((-ours.high, -ours.low), abs=1e-6)
    assert theirs.los == pytest.approx(1 - ours.los, abs=1e-9)


@given(FIVE)
def test_the_interval_encloses_the_score(counts: list[int]) -> None:
    found = estimate(counts)
    assert score_from_elo(found.low) <= found.score + 1e-12
    assert found.score <= score_from_elo(found.high) + 1e-12
    assert found.is_unbounded == (math.isinf(found.low) or math.isinf(found.high))


@pytest.mark.parametrize("outcomes", [3, 5])
def test_the_bound_of_a_sweep_is_what_leaves_it_a_chance_of_one_in_forty(outcomes: int) -> None:
    """Nothing scatters in a sweep, so that no scatter can tell how sure it is; N wins of N have the chance s^N."""
    for units in range(1, 40):
        games = units * (outcomes - 1) // 2
        found = estimate([0] * (outcomes - 1) + [units])
        assert score_from_elo(found.low) ** games == pytest.approx(0.025)
        assert math.isinf(found.high)
        assert found.superiority == pytest.approx(1 - 0.5**games)
        assert (found.superiority > 0.975) == (found.low > 0)


def test_large_samples_have_the_usual_interval() -> None:
    found = estimate([900, 200, 1100])
    assert found.high - found.low == pytest.approx(2 * found.elo95, rel=0.01)


def test_an_interval_of_400_even_games_is_34_elo_wide_to_each_side() -> None:
    found = estimate([200, 0, 200])
    assert found.high == pytest.approx(34, abs=0.5)
    assert found.elo == pytest.approx(0, abs=1e-9)


def test_no_games_no_estimate() -> None:
    with pytest.raises(UserError, match="no game was decided"):
        estimate([0, 0, 0])
    with pytest.raises(ValueError, match="not three or five counts"):
        estimate([1, 2])


def simulated_pairs(
    rng: np.random.Generator, pairs: int, elo: float, jigos: float, spread: float, matches: int
) -> tuple[npt.NDArray[np.int64], float]:
    """`[matches, 5]` counts of pairs, and the true mean score.

    Openings favour one colour by a normal amount of standard deviation `spread`, in natural log odds.
    """
    edge = elo * math.log(10) / 400

    def chance(bias: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return 1 / (1 + np.exp(-(edge + bias)))

    def half_points(bias: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        won = 2 * (rng.random(bias.shape) < chance(bias)).astype(np.int64)
        return np.where(rng.random(bias.shape) < jigos, 1, won)

    bias = rng.normal(0, spread, (matches, pairs))
    points = half_points(bias) + half_points(-bias)
    counts = np.stack([(points == k).sum(axis=1) for k in range(5)], axis=1)
    nodes = rng.normal(0, spread, 200_000)
    return counts, jigos / 2 + (1 - jigos) * float(chance(nodes).mean())


@pytest.mark.parametrize(
    ("pairs", "elo", "jigos", "spread"),
    [
        (10, 0, 0.01, 0.5),
        (20, 150, 0.05, 0.0),
        (50, -60, 0.03, 1.0),
        (200, 250, 0.01, 0.5),
        (1000, 10, 0.02, 1.0),
    ],
)
def test_intervals_cover_the_truth_as_often_as_they_say(
    pairs: int, elo: float, jigos: float, spread: float
) -> None:
    rng = np.random.default_rng([2024, pairs])
    matches = 2000
    counts, score = simulated_pairs(rng, pairs, elo, jigos, spread, matches)
    truth = elo_from_score(score)
    found = [estimate(row) for row in counts.tolist()]
    covered = np.mean([f.low <= truth <= f.high for f in found])
    assert 0.93 <= covered <= 0.97


# Games into pairs


def record(
    black: str, white: str, result: GameResult, moves: int = 0, opening: str = "", pair: int | None = None
) -> GameRecord:
    """A 9x9 game; different numbers in `moves` give different games."""
    line = ((Colour.BLACK, moves % 9), (Colour.WHITE, moves // 9)) if moves else ()
    return GameRecord("g", black, white, result, line, 9, opening=opening, pair=pair)  # type: ignore[arg-type]


PAIRED = [
    record("a", "b", win(Colour.BLACK), 1, "x", 0),
    record("b", "a", win(Colour.BLACK), 2, "x", 0),
    record("b", "a", win(Colour.WHITE), 3, "x", 1),
    record("a", "b", JIGO, 4, "x", 1),
    record("a", "b", win(Colour.BLACK), 5, "y", 0),
    record("b", "a", win(Colour.WHITE), 6, "y", 0),
]


def test_pairs_share_opening_and_number_and_swap_colours() -> None:
    paired = find_pairs(PAIRED)
    assert pair_counts(paired.pairs, "a") == [0, 0, 1, 1, 1]
    assert pair_counts(paired.pairs, "b") == [1, 1, 1, 0, 0]
    assert (paired.unfinished, paired.unpaired, paired.repeated) == ([], [], 0)
    assert all(first.black == second.white == "a" for first, second in paired.pairs)


def test_half_pairs_are_left_out_and_counted() -> None:
    void = dataclasses.replace(PAIRED[1], result=VOID)
    found = head_to_head([PAIRED[0], void, *PAIRED[2:], record("a", "b", win(Colour.BLACK), 7)], "a", "b")
    assert found.difference.counts == (0, 0, 0, 1, 1)
    assert (found.unfinished_pairs, found.unpaired_games) == (1, 1)


def test_two_games_with_the_same_colours_are_no_pair() -> None:
    games = [PAIRED[0], dataclasses.replace(PAIRED[0], moves=((Colour.BLACK, 40),))]
    assert find_pairs(games).pairs == []
    assert len(find_pairs(games).unfinished) == 2


def test_a_pair_that_repeats_a_game_counts_no_second_time() -> None:
    table = symmetry_tables(9)[3]
    copy = dataclasses.replace(
        PAIRED[0], pair=7, moves=tuple((colour, int(table[index])) for colour, index in PAIRED[0].moves)
    )
    other = dataclasses.replace(PAIRED[1], pair=7, moves=((Colour.BLACK, 40), (Colour.WHITE, 41)))
    paired = find_pairs([*PAIRED, copy, other])
    assert (len(paired.pairs), paired.repeated) == (3, 1)
    assert weigh([*PAIRED, copy, other]).repeated == 1


def test_without_pairs_games_are_counted_once_each() -> None:
    games = [record("a", "b", win(Colour.BLACK), 1)] * 3
    games += [record("b", "a", JIGO, 1), record("a", "b", win(Colour.WHITE), 2)]
    found = head_to_head(games, "a", "b")
    assert found.difference.counts == (1, 1, 1)
    assert found.difference.unit == "games"


def test_void_and_unknown_games_are_no_jigos() -> None:
    games = [record("a", "b", r, n) for n, r in enumerate([VOID, UNKNOWN, JIGO, win(Colour.BLACK)], start=1)]
    games += [record("a", "a", win(Colour.BLACK), 9), record("", "b", win(Colour.BLACK), 10)]
    evidence = weigh(games)
    assert [len(kind) for kind in (evidence.decided, evidence.void, evidence.unknown, evidence.nobody)] == [
        2,
        1,
        1,
        2,
    ]
    assert game_counts(evidence.decided, "a") == [0, 1, 1]


def test_nothing_decided_is_said_plainly() -> None:
    with pytest.raises(UserError, match="no game between a and b was decided"):
        head_to_head([record("a", "b", VOID, 1)], "a", "b")


def test_the_headline_names_the_better_player() -> None:
    sentence = head_to_head(PAIRED, "b", "a").sentence()
    assert sentence.startswith("a over b: +")
    assert "from 3 pairs" in sentence


def test_a_clean_sweep_has_a_bound_instead_of_a_number() -> None:
    games = [record("a", "b", win(Colour.BLACK), n) for n in range(1, 21)]
    sentence = head_to_head(games, "b", "a").sentence()
    assert sentence.startswith("a over b: won every game, from 20 games; at least +")


# Everybody


def goairatings(shared: Path) -> tuple[dict[str, float], list[Cell]]:
    """The published Elo of every player, and the games it was made from."""
    folder = shared / "references" / "goairatings"
    with (folder / "published_ratings.csv").open(encoding="utf-8", newline="") as file:
        published = {row["player"]: float(row["elo"]) for row in csv.DictReader(file)}
    cells: list[Cell] = []
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            a, b = row["player_a"], row["player_b"]
            black_wins, black_losses = int(row["a_black_wins"]), int(row["a_black_losses"])
            white_wins, white_losses = int(row["a_white_wins"]), int(row["a_white_losses"])
            cells.append((a, b, black_wins, black_wins + black_losses))
            cells.append((b, a, white_losses, white_wins + white_losses))
    return published, [cell for cell in cells if cell[3]]


def test_goairatings_published_ratings_are_reproduced(shared: Path) -> None:
    """319 players, rounded to whole Elo, one of which was the list's fixed point."""
    published, cells = goairatings(shared)
    assert sum(games for *_, games in cells) == 124_724
    pool = fit_pool(cells, with_advantage=False)
    elo = np.array([pool.ratings[player].elo for player in published])
    difference = elo - np.array(list(published.values()))
    assert len(difference) == 319
    assert (difference - difference.mean()).std() < 0.5
    assert np.abs(difference - np.median(difference)).max() < 1.5


def test_goairatings_from_an_anchor(shared: Path) -> None:
    """Measured from the strongest player as published, everybody stands where the list has it."""
    published, cells = goairatings(shared)
    first = max(published, key=lambda name: published[name])
    pool = fit_pool(cells, with_advantage=False, anchors={first: published[first]}, origin=first)
    found = np.array([pool.ratings[player].elo for player in published])
    assert np.abs(found - np.array(list(published.values()))).max() < 2
    assert (pool.ratings[first].low, pool.ratings[first].high) == (published[first], published[first])


def test_two_players_agree_with_the_formula() -> None:
    pool = fit_pool([("a", "b", 30, 40), ("b", "a", 10, 40)])
    difference, error = pool.difference("a", "b")
    assert difference == pytest.approx(elo_from_score(0.75), abs=0.01)
    assert error == pytest.approx(400 / math.log(10) / math.sqrt(80 * 0.75 * 0.25), rel=0.001)
    assert pool.advantage == pytest.approx(0, abs=1e-6)
    assert pool.ratings["a"].elo == pytest.approx(difference / 2)


def test_the_value_of_black_is_told_from_strength() -> None:
    def points(edge: float) -> float:
        return 1000 * score_from_elo(edge)

    cells = [("a", "b", points(100 + 60), 1000), ("b", "a", points(-100 + 60), 1000)]
    pool = fit_pool(cells)
    assert pool.advantage == pytest.approx(60, abs=0.5)
    assert pool.difference("a", "b")[0] == pytest.approx(100, abs=0.5)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0, 0.5, 1])), min_size=1, max_size=25
    )
)
def test_only_players_joined_in_both_directions_get_a_number(games: list[tuple[int, int, float]]) -> None:
    cells = [("pqrs"[b], "pqrs"[w], points, 1.0) for b, w, points in games if b != w]
    if not cells:
        return
    pool = fit_pool(cells, prior=False)
    edges = {(b, w) for b, w, points, _ in cells if points > 0} | {
        (w, b) for b, w, points, _ in cells if points < 1
    }

    def reach(start: str) -> set[str]:
        seen, new = {start}, {start}
        while new:
            new = {w for b, w in edges if b in new} - seen
            seen |= new
        return seen

    for name, rating in pool.ratings.items():
        friends = {other for other in reach(name) if name in reach(other)}
        assert (rating.elo is not None) == (len(friends) > 1)
        assert friends == {other for other, r in pool.ratings.items() if r.group == rating.group}
        assert rating.note or rating.group == 1
    for group in {r.group for r in pool.ratings.values() if r.elo is not None}:
        assert sum(r.elo or 0 for r in pool.ratings.values() if r.group == group) == pytest.approx(
            0, abs=1e-3
        )


def test_a_perfect_record_gets_a_bound() -> None:
    even = [("a", "b", 20.0, 40.0), ("b", "a", 20.0, 40.0)]
    pool = fit_pool([*even, ("c", "a", 10.0, 10.0), ("d", "b", 0.0, 1.0)], prior=False)
    top, bottom = pool.ratings["c"], pool.ratings["d"]
    # Ten wins in a row have a chance of 2.5 % at this score.
    assert top.low == pytest.approx(elo_from_score(0.025 ** (1 / 10)), abs=0.1)
    assert (top.elo, top.high) == (None, None)
    assert "won all 10 games" in top.note
    assert bottom.high == pytest.approx(elo_from_score(0.975), abs=0.1)
    assert "lost its only game" in bottom.note


def test_pools_that_never_met_are_not_compared() -> None:
    pool = fit_pool([("a", "b", 5.0, 10.0), ("c", "d", 1.0, 3.0)])
    assert [pool.ratings[name].group for name in "abcd"] == [1, 1, 2, 2]
    assert pool.members == ("a", "b")
    assert "not comparable" in pool.ratings["c"].note


def test_pool_intervals_cover_the_truth() -> None:
    rng = np.random.default_rng(7)
    truth = np.array([-150.0, -50.0, 40.0, 160.0])
    names = "pqrs"
    inside = total = 0
    for _ in range(300):
        cells: list[Cell] = []
        for b in range(4):
            for w in range(4):
                if b != w:
                    games = 10 + 10 * b
                    points = rng.binomial(games, score_from_elo(truth[b] - truth[w] + 25))
                    cells.append((names[b], names[w], float(points), float(games)))
        ratings = fit_pool(cells).ratings
        for name, elo in zip(names, truth, strict=True):
            low, high = ratings[name].low, ratings[name].high
            assert low is not None
            assert high is not None
            inside += low <= elo <= high
            total += 1
    assert 0.93 <= inside / total <= 0.97
