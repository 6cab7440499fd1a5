"""Differences, anchors, and who beats whom more than the ratings say."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import typer
from rich.console import Console
from scipy.optimize import minimize
from scipy.stats import t as student
from typer.testing import CliRunner

from lzeval.cli.rate import rate
from lzeval.cli.rating_options import parse_anchors
from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import write_game
from lzeval.records.result import win
from tournaments.rating.bradley_terry import anchors_disagree, fit_pool, rate_results
from tournaments.rating.comparisons import compare_all
from tournaments.rating.likelihood import Cell
from tournaments.rating.rating_table import RatingTable, table_of_results
from tournaments.rating.residuals import Residuals, holm, residuals_of
from tournaments.rating.results_array import ResultsArray, results_of_columns, results_of_counts
from tournaments.report.terminal import render_matrix

Counts = Sequence[tuple[str, str, int, int]]
"""Two players, points of the first, points of the second; half of them with each colour."""

ROCK: Counts = [("rock", "scissors", 70, 30), ("scissors", "paper", 70, 30), ("paper", "rock", 70, 30)]
ORDER: Counts = [("p", "q", 60, 40), ("q", "r", 60, 40), ("p", "r", 69, 31), ("r", "s", 50, 50)]


def played(counts: Counts) -> ResultsArray:
    rows = []
    for first, second, won, lost in counts:
        rows += [
            (first, second, won // 2, lost // 2, 0),
            (second, first, lost - lost // 2, won - won // 2, 0),
        ]
    return results_of_counts(rows)


def found_in(counts: Counts) -> Residuals:
    residuals = residuals_of(rate_results(played(counts)))
    assert residuals is not None
    return residuals


# Beyond the ratings


def test_rock_paper_scissors_is_named() -> None:
    found = found_in(ROCK)
    assert found.surprising == 3
    assert found.circles() == [("paper", "rock", "scissors")]
    words = found.sentences()
    assert words[0] == (
        "Rock, paper, scissors: paper beats rock, rock beats scissors, scissors beats paper; no ratings can say that."
    )
    assert "70 of 100 points, 50.0 expected" in words[1]


def test_an_ordinary_table_is_no_surprise() -> None:
    found = found_in(ORDER)
    assert found.surprising == 0
    assert found.circles() == []
    assert "no more than chance allows" in found.sentences()[0]


def test_one_bogey_is_named_and_no_circle() -> None:
    found = found_in([("p", "q", 70, 30), ("q", "r", 70, 30), ("q", "s", 70, 30), ("r", "s", 50, 50),
                      ("p", "r", 80, 20), ("p", "s", 50, 50)])  # fmt: skip
    assert found.surprising >= 1
    assert found.sentences()[0].startswith("s makes more of p than the ratings say: 50 of 100 points")


def test_an_upset_is_no_surprise_and_casts_none_on_others() -> None:
    """What the favourites' many games left over is the upset's doing, not theirs."""
    favourites: Counts = [("p", "q", 90, 10), ("q", "r", 90, 10), ("p", "s", 50, 50)]
    assert found_in([*favourites, ("r", "p", 1, 1)]).surprising == 0
    often = found_in([*favourites, ("r", "p", 4, 0)])
    assert often.surprising == 1
    assert often.sentences()[0].startswith("r makes more of p than the ratings say: 4 of 4 points, 0.")


def test_who_has_met_one_opponent_only_cannot_surprise() -> None:
    """Its rating says all that these games say."""
    found = found_in([*ORDER, ("s", "new", 19, 1)])
    place = next(
        k
        for k in range(len(found))
        if "new" in (found.players[found.ahead[k]], found.players[found.behind[k]])
    )
    assert found.expected[place] == pytest.approx(found.points[place], abs=0.01)
    assert found.chance[place] == 1


def test_standardized_residuals_are_those_of_the_textbook() -> None:
    """The chance of the largest residual, from the hat matrix of weighted least squares instead."""
    counts: Counts = [
        ("p", "q", 620, 380),
        ("q", "r", 600, 400),
        ("p", "r", 650, 350),
        ("r", "s", 500, 500),
        ("p", "s", 700, 300),
    ]
    results = played(counts)
    pool = rate_results(results)
    assert pool.main is not None
    met, group = pool.main.met, pool.main
    chance = group.expected(met.black, met.white)
    weight = met.games * chance * (1 - chance)
    design = np.zeros((len(weight), 5))
    design[np.arange(len(weight)), met.black] = 1
    design[np.arange(len(weight)), met.white] = -1
    design[:, 4] = 1
    covariance = (
        np.diag(weight)
        - (weight[:, None] * design)
        @ np.linalg.pinv(design.T @ (weight[:, None] * design))
        @ (weight[:, None] * design).T
    )
    found = residuals_of(pool)
    assert found is not None
    for number in range(len(found)):
        a, b = found.ahead[number], found.behind[number]
        sign = np.where(
            (met.black == a) & (met.white == b), 1.0, np.where((met.black == b) & (met.white == a), -1.0, 0)
        )
        surplus = sign @ (met.points - met.games * chance)
        ratio = surplus / np.sqrt(sign @ covariance @ sign * group.scatter)
        assert surplus == pytest.approx(found.points[number] - found.expected[number], abs=1e-6)
        assert found.chance[number] >= 2 * student.sf(ratio, group.freedom) - 1e-3
        assert found.chance[number] == pytest.approx(2 * student.sf(ratio, group.freedom), rel=0.25)


def test_holm() -> None:
    corrected = holm(np.array([0.01, 0.02, 0.03, 0.5]))
    assert corrected.tolist() == pytest.approx([0.04, 0.06, 0.06, 0.5])


# Differences


def test_differences_have_intervals_and_order() -> None:
    pool = rate_results(played(ORDER))
    found = compare_all(pool)
    assert found is not None
    assert found.players[0] == "p"
    for row, player in enumerate(found.players):
        for column, opponent in enumerate(found.players):
            elo, error = pool.difference(player, opponent)
            assert found.elo[row, column] == pytest.approx(elo)
            assert found.high[row, column] - elo == pytest.approx(error * pool.main.quantile)  # type: ignore[union-attr]
    assert found.superiority + found.superiority.T == pytest.approx(np.ones((4, 4)))
    off = ~np.eye(4, dtype=bool)
    assert np.array_equal((found.superiority > 0.975)[off], (found.low > 0)[off])


def test_a_matrix_of_two_is_their_headline() -> None:
    table = table_of_results(played([("a", "b", 70, 30)]))
    assert table.head_to_head is not None
    assert table.comparisons is not None
    assert table.comparisons.players == ("a", "b")
    assert table.comparisons.low[0, 1] == table.head_to_head.difference.low
    assert table.comparisons.high[1, 0] == -table.head_to_head.difference.low
    assert table.residuals is None


def test_infinite_differences_are_no_numbers_in_json() -> None:
    content = table_of_results(played([("a", "b", 10, 0)]), prior=False).as_dict()["differences"]
    assert isinstance(content, dict)
    assert content["elo"][0][1] is None
    assert content["low_95"][0][1] > 0


@pytest.mark.parametrize(("width", "columns"), [(80, 10), (200, 12), (40, 4)])
def test_the_matrix_fits_the_terminal(width: int, columns: int) -> None:
    names = [f"player {n:02}" for n in range(15)]
    counts = [(a, b, 6, 4) for n, a in enumerate(names) for b in names[n + 1 :]]
    table = table_of_results(played(counts))
    console = Console(file=io.StringIO(), width=width)
    render_matrix(table.comparisons, table.residuals, console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= width
    heads = next(line for line in lines if "Player" in line).split()
    assert heads == ["Player", *map(str, range(1, len(heads)))]
    assert abs(len(heads) - 1 - columns) <= 2
    assert "of 15 players" in " ".join(" ".join(lines).split())


# Anchors


def rating(table: RatingTable, player: str) -> tuple[float, float, float]:
    found = next(row.rating for row in table.rows if row.rating.player == player)
    assert found.elo is not None
    assert found.low is not None
    assert found.high is not None
    return found.elo, found.low, found.high


def test_an_anchor_moves_everybody_and_widens_nothing() -> None:
    results = played(ORDER)
    plain, table = table_of_results(results), table_of_results(results, {"q": 1800})
    shift = 1800 - rating(plain, "q")[0]
    for name in "pqr":
        assert rating(table, name) == pytest.approx([number + shift for number in rating(plain, name)])


def test_intervals_from_a_player_are_those_of_distances_from_it() -> None:
    results = played(ORDER)
    table, pool = table_of_results(results, {"q": 1800}, origin="q"), rate_results(results)
    assert rating(table, "q") == (1800, 1800, 1800)
    difference, error = pool.difference("p", "q")
    elo, low, high = rating(table, "p")
    assert elo == pytest.approx(1800 + difference)
    assert (high - low) / 2 == pytest.approx(error * pool.main.quantile)  # type: ignore[union-attr]


def test_several_anchors_are_right_on_average_and_bend_nothing() -> None:
    results = played(ORDER)
    table, pool = table_of_results(results, {"p": 1900, "r": 1700}), rate_results(results)
    assert rating(table, "p")[0] + rating(table, "r")[0] == pytest.approx(3600)
    assert rating(table, "p")[0] - rating(table, "q")[0] == pytest.approx(pool.difference("p", "q")[0])
    _, low, high = rating(table, "p")
    assert high - low == pytest.approx(
        rating(table_of_results(results), "p")[2] - rating(table_of_results(results), "p")[1]
    )


def test_anchors_that_games_contradict() -> None:
    agreeing = anchors_disagree(rate_results(played(ORDER), {"p": 140, "q": 70, "r": 0}))
    wrong = anchors_disagree(rate_results(played(ORDER), {"p": 0, "q": 70, "r": 140}))
    assert agreeing is not None
    assert wrong is not None
    assert agreeing > 0.5
    assert wrong < 1e-4
    assert anchors_disagree(rate_results(played(ORDER), {"p": 140})) is None


def test_two_anchors_differ_by_their_difference() -> None:
    """With two of them the test is the one of a difference."""
    pool = rate_results(played(ORDER), {"p": 100, "q": 0})
    difference, error = pool.difference("p", "q")
    assert pool.main is not None
    expected = 2 * student.sf(abs(difference - 100) / error, pool.main.freedom)
    assert anchors_disagree(pool) == pytest.approx(expected)


def test_a_group_of_its_own_takes_its_own_anchor() -> None:
    results = played([*ORDER, ("x", "y", 12, 8)])
    table = table_of_results(results, {"q": 1800, "x": 2500})
    assert rating(table, "q")[0] == 1800
    assert rating(table, "x")[0] == 2500
    assert "by its own anchor x" in next(r.rating.note for r in table.rows if r.rating.player == "y")


@pytest.mark.parametrize(
    ("anchors", "p"), [({"a": 1000.0}, (1000.0, 0.0)), ({"a": 1000.0, "b": 1200.0}, (1100.0, 0.5))]
)
def test_anchors_of_two_players(anchors: dict[str, float], p: tuple[float, float]) -> None:
    table = table_of_results(played([("a", "b", 70, 30)]), anchors)
    assert table.head_to_head is not None
    difference = table.head_to_head.difference
    zero, share = p
    assert rating(table, "a")[0] == pytest.approx(zero + share * difference.elo)
    assert rating(table, "a")[0] - rating(table, "b")[0] == pytest.approx(difference.elo)


def test_a_winner_of_all_games_is_bounded_from_the_anchor() -> None:
    table = table_of_results(played([("a", "b", 20, 0)]), {"b": 1000}, prior=False)
    assert table.head_to_head is not None
    first = table.rows[0].rating
    assert (first.player, first.elo, first.high) == ("a", None, None)
    assert first.low == pytest.approx(1000 + table.head_to_head.difference.low)
    shifted = table_of_results(played([*ORDER, ("top", "p", 9, 0)]), {"p": 1000}, prior=False)
    bound = next(row.rating.low for row in shifted.rows if row.rating.player == "top")
    assert bound is not None
    assert bound > 1000


def test_users_mistakes_with_anchors() -> None:
    assert parse_anchors(["gnugo=1800", "a=b=-3.5"]) == {"gnugo": 1800, "a=b": -3.5}
    for wrong in ("gnugo", "=5", "gnugo=", "gnugo=strong", "gnugo=nan"):
        with pytest.raises(UserError, match="must be a player's name, = and its Elo"):
            parse_anchors([wrong])
    with pytest.raises(UserError, match="given twice"):
        parse_anchors(["a=1", "a=2"])
    with pytest.raises(UserError, match="no such player among the rated games; did you mean rock"):
        table_of_results(played(ROCK), {"rok": 0})
    with pytest.raises(UserError, match=r"no finite rating to measure others by \(won all 9 games\)"):
        table_of_results(played([*ORDER, ("top", "p", 9, 0)]), {"top": 0}, prior=False)
    with pytest.raises(UserError, match=r"--from rok: there is no such player.*did you mean rock"):
        table_of_results(played(ROCK), origin="rok")
    with pytest.raises(UserError, match="--from top: it has no finite rating"):
        table_of_results(played([*ORDER, ("top", "p", 9, 0)]), origin="top", prior=False)


# The fit, by another program


def test_a_general_optimizer_finds_the_same_ratings() -> None:
    rng = np.random.default_rng(3)
    names = "pqrst"
    cells: list[Cell] = []
    for black in names:
        for white in names:
            if black != white:
                games = int(rng.integers(1, 40))
                cells.append((black, white, float(rng.integers(0, 2 * games + 1)) / 2, float(games)))

    def cost(theta: np.ndarray) -> float:
        total = 0.0
        for black, white, points, games in cells:
            edge = theta[names.index(black)] - theta[names.index(white)] + theta[5]
            total += points * np.logaddexp(0, -edge) + (games - points) * np.logaddexp(0, edge)
        return float(total + 1e-3 * theta[:5].sum() ** 2)

    best = minimize(cost, np.zeros(6), tol=1e-12).x * 400 / np.log(10)
    pool = fit_pool(cells)
    assert pool.advantage == pytest.approx(best[5], abs=0.5)
    for name, elo in zip(names, best[:5] - best[:5].mean(), strict=True):
        assert pool.ratings[name].elo == pytest.approx(elo, abs=0.2)


def test_scatter_follows_the_units() -> None:
    """The same points scatter less where each pair splits than where one player takes both games."""

    def of(points: list[float]) -> float:
        names = [("a", "b", "c")[n // 2 % 3] for n in range(len(points))]
        others = [("b", "c", "a")[n // 2 % 3] for n in range(len(points))]
        black = [a if n % 2 == 0 else b for n, (a, b) in enumerate(zip(names, others, strict=True))]
        white = [b if n % 2 == 0 else a for n, (a, b) in enumerate(zip(names, others, strict=True))]
        pool = rate_results(results_of_columns(black, white, points, [n // 2 for n in range(len(points))]))
        assert pool.main is not None
        scatter: float = pool.main.scatter
        return scatter

    split = of([1.0, 1.0] * 60)
    taken = of([1.0, 0.0] * 30 + [0.0, 1.0] * 30)
    assert split < 0.1
    assert taken > 1.5


# The command


def test_the_command_prints_the_matrix_from_an_anchor(tmp_path: Path) -> None:
    sides = [("p", "q"), ("q", "r"), ("p", "r")]
    for number in range(60):
        black, white = sides[number % 3] if number % 2 else sides[number % 3][::-1]
        winner = Colour.BLACK if (black < white) == (number % 5 > 0) else Colour.WHITE
        moves: tuple[tuple[Colour, int], ...] = ((Colour.BLACK, number % 9), (Colour.WHITE, 9 + number // 9))
        write_game(GameRecord(f"0_{number:02}", black, white, win(winner), moves, 9, 7.5), tmp_path)
    app = typer.Typer()
    app.command()(rate)
    arguments = [str(tmp_path), "--anchor", "r=1000", "--matrix"]
    shown = " ".join(CliRunner().invoke(app, arguments, catch_exceptions=False).output.split())
    assert "Elo is measured from r = 1000, and intervals from the mean of all players." in shown
    assert "reference" not in shown
    from_r = " ".join(
        CliRunner().invoke(app, [*arguments, "--from", "r"], catch_exceptions=False).output.split()
    )
    assert "r +1000 reference" in from_r
    assert "Right of the diagonal: Elo of the row over the column" in shown
    content = json.loads(CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False).output)
    assert content["anchors"] == {"r": 1000}
    assert content["differences"]["players"] == ["p", "q", "r"]
    assert len(content["residuals"]) == 3
    players = {row["player"]: row["elo"] for row in content["players"]}
    assert content["differences"]["elo"][0][2] == pytest.approx(players["p"] - 1000, abs=1e-3)
