from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from lzeval.errors import UserError
from tests.statistics.simulation import planned_chances, run_tests
from tests.support.paths import SHARED
from tournaments.rating.bayeselo import bayeselo_llr
from tournaments.rating.elo import estimate, percent_sure, score_from_elo
from tournaments.rating.sequential import (
    BoundedWalk,
    after_stop,
    outcome_chances,
    plan,
    true_score,
    usual_differences,
)
from tournaments.rating.sprt import ELO_PER_DEVIATION, Model, Sprt, parse_sprt

VECTORS = SHARED / "references" / "sprt_vectors.json"
PUBLISHED: list[dict[str, Any]] = json.loads(VECTORS.read_text()) if VECTORS.exists() else []
FIVE = st.lists(st.integers(0, 300), min_size=5, max_size=5).filter(any)


def name_of(vector: dict[str, Any]) -> str:
    counts = "-".join(map(str, vector["results"]))
    return f"{vector['model']} {vector['elo0']},{vector['elo1']} {counts}"


# Published results


@pytest.mark.parametrize("vector", PUBLISHED, ids=name_of)
def test_published_results_are_reproduced(vector: dict[str, Any]) -> None:
    test = Sprt(vector["elo0"], vector["elo1"], model=vector["model"])
    counts = vector["results"]
    assert test.llr(counts) == pytest.approx(vector["llr"], rel=1e-6)
    found, stopped, published = estimate(counts), after_stop(test, counts), vector["median_unbiased"]
    assert found.elo == pytest.approx(vector["elo"], abs=1e-6)
    assert found.elo95 == pytest.approx(vector["elo95"], abs=1e-6)
    assert found.los == pytest.approx(vector["los"], abs=1e-9)
    # The published intervals come from a series that is cut off where it converges slowly.
    assert stopped.elo == pytest.approx(published["elo"], abs=0.05)
    assert [stopped.low, stopped.high] == pytest.approx(published["ci"], abs=0.05)
    assert stopped.los == pytest.approx(published["LOS"], abs=1e-4)
    assert stopped.past_bound == published["clamped"]


def test_all_published_results_are_there(shared: Path) -> None:
    assert len(json.loads((shared / "references" / "sprt_vectors.json").read_text())) == len(PUBLISHED) == 40


def test_results_of_another_program(shared: Path) -> None:
    cases = json.loads((shared / "references" / "elo_sprt_vectors.json").read_text())["sprt_llr"]["cases"]
    known = [case for case in cases if case["model"] in ("logistic", "normalized")]
    assert len(known) == 10
    for case in known:
        test = Sprt(case["elo0"], case["elo1"], model=case["model"])
        if "pairs" in case:
            worst, half, even, drawn, more, best = case["pairs"]
            counts = [worst, half, even + drawn, more, best]
        else:
            counts = [case["l"], case["d"], case["w"]]
        assert test.llr(counts) == pytest.approx(case["llr"], rel=0.01)


def test_bayeselo_vectors_of_fastchess_and_cutechess(shared: Path) -> None:
    vectors = json.loads((shared / "references" / "elo_sprt_vectors.json").read_text())
    own = [case for case in vectors["sprt_llr"]["cases"] if case["model"] == "bayesian"]
    assert len(own) == 2
    for case in own:
        counts = case["l"], case["d"], case["w"]
        found = bayeselo_llr(*counts, case["elo0"], case["elo1"], logistic=False)
        assert found == pytest.approx(case["llr"], abs=0.005)
    published = vectors["sprt_llr_bayeselo_cutechess"]
    for case, tolerance in zip(
        published["cases"], (0.01, 0.01, 0.1), strict=True
    ):  # the last one is not by the formula
        found = bayeselo_llr(case["l"], case["d"], case["w"], published["elo0"], published["elo1"])
        assert found == pytest.approx(case["llr"], abs=tolerance)


@given(st.tuples(*[st.integers(1, 500)] * 3), st.floats(-50, 50), st.floats(1, 50), st.booleans())
def test_bayeselo_seen_from_the_other_side(
    counts: tuple[int, int, int], elo0: float, width: float, logistic: bool
) -> None:
    found = bayeselo_llr(*counts, elo0, elo0 + width, logistic=logistic)
    turned = bayeselo_llr(*counts[::-1], -elo0 - width, -elo0, logistic=logistic)
    assert found is not None
    assert turned == pytest.approx(-found, rel=1e-9, abs=1e-9)


def test_bayeselo_of_hypotheses_that_cannot_be() -> None:
    found = bayeselo_llr(1, 1_000_000, 1, 0, 900)
    assert found is not None
    assert -math.inf < found < -1e6


def test_bayeselo_wants_every_outcome() -> None:
    assert bayeselo_llr(0, 3, 5, 0, 10) is None
    assert bayeselo_llr(4, 0, 5, 0, 10) is None


# The ratio


def likelihood_by_search(counts: list[float], elo: float, model: Model) -> float:
    """Log likelihood of the likeliest distribution that satisfies the hypothesis, by a general optimiser."""
    weights = np.maximum(counts, 1e-3)
    scores = np.linspace(0, 1, len(counts))
    games = (len(counts) - 1) / 2

    def probabilities(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raised = np.exp(logits - logits.max())
        return np.asarray(raised / raised.sum())

    def miss(logits: np.ndarray[Any, Any]) -> float:
        chances = probabilities(logits)
        mean = chances @ scores
        if model == "logistic":
            return float(mean - score_from_elo(elo))
        deviation = math.sqrt(chances @ (scores - mean) ** 2 * games)
        return float(mean - 0.5 - elo / ELO_PER_DEVIATION * deviation)

    def loss(logits: np.ndarray[Any, Any]) -> float:
        return float(-(weights @ np.log(probabilities(logits))) / weights.sum())

    found = minimize(
        loss,
        np.log(weights / weights.sum()),
        constraints={"type": "eq", "fun": miss},
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-14},
    )
    assert found.success, found.message
    return float(-found.fun * weights.sum())


@pytest.mark.parametrize("model", ["logistic", "normalized"])
@pytest.mark.parametrize("counts", [[30, 12, 45, 20, 41], [80, 10, 95], [5, 3, 9, 4, 6], [12, 3, 8]])
def test_a_general_optimiser_finds_the_same_ratio(counts: list[float], model: Model) -> None:
    wanted = likelihood_by_search(counts, 60, model) - likelihood_by_search(counts, -20, model)
    assert Sprt(-20, 60, model=model).llr(counts) == pytest.approx(wanted, abs=2e-4)


@given(FIVE, st.sampled_from(["logistic", "normalized"]))
@settings(max_examples=60, deadline=None)
def test_the_other_player_sees_the_opposite_test(counts: list[int], model: Model) -> None:
    ours, theirs = Sprt(-10, 40, model=model), Sprt(-40, 10, model=model)
    assert theirs.llr(counts[::-1]) == pytest.approx(-ours.llr(counts), abs=1e-6, rel=1e-6)


@given(FIVE, st.integers(2, 5), st.sampled_from(["logistic", "normalized"]))
@settings(max_examples=60, deadline=None)
def test_evidence_adds_up(counts: list[int], times: int, model: Model) -> None:
    full = [count + 1 for count in counts]
    test = Sprt(0, 35, model=model)
    assert test.llr([times * count for count in full]) == pytest.approx(
        times * test.llr(full), rel=1e-6, abs=1e-8
    )


@given(st.lists(st.lists(st.integers(0, 500), min_size=5, max_size=5), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_many_at_once_are_each_by_itself(rows: list[list[int]]) -> None:
    test = Sprt(-30, 900)
    together = test.llrs(np.array(rows, float))
    assert together == pytest.approx([test.llr(row) for row in rows], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("model", ["logistic", "normalized"])
@pytest.mark.parametrize("counts", [[0, 0, 0, 0, 500], [500, 0, 0], [0, 0, 7, 0, 0], [0, 400, 0]])
def test_extreme_outcomes_have_a_finite_ratio(counts: list[int], model: Model) -> None:
    for hypotheses in ((0, 5), (-1000, 1000), (300, 700)):
        assert math.isfinite(Sprt(*hypotheses, model=model).llr(counts))
    assert Sprt(0, 35, model=model).llr([0, 0, 0]) == 0


def test_bounds_and_verdicts() -> None:
    test = Sprt(0, 35, alpha=0.01, beta=0.1)
    assert (test.lower, test.upper) == pytest.approx((math.log(0.1 / 0.99), math.log(90)))
    assert test.verdict(test.upper) == "accepted"
    assert test.verdict(test.lower) == "rejected"
    assert test.verdict(test.upper - 1e-9) == test.verdict(test.lower + 1e-9) == "undecided"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("35,0", 0.05, 0.05, "logistic"), "--elo 35,0: the first must be less"),
        (("0,0", 0.05, 0.05, "logistic"), "the first must be less"),
        (("nan,3", 0.05, 0.05, "logistic"), "must be two numbers"),
        (("0,inf", 0.05, 0.05, "logistic"), "must be two numbers"),
        (("0,2000", 0.05, 0.05, "logistic"), "must be from -1000 to 1000"),
        (("0", 0.05, 0.05, "logistic"), "--elo 0: must be two numbers with a comma"),
        (("0,a", 0.05, 0.05, "logistic"), "must be two numbers"),
        (("0,1,2", 0.05, 0.05, "logistic"), "must be two numbers"),
        (("0,35", 0.5, 0.05, "logistic"), "--alpha 0.5: must be above 0 and below 0.5"),
        (("0,35", 0.05, 0.0, "logistic"), "--beta 0: must be"),
        (("0,35", float("nan"), 0.05, "logistic"), "--alpha nan: must be"),
        (("0,35", 0.05, 0.05, "bayesian"), "--model bayesian: must be logistic or normalized"),
    ],
)
def test_what_is_no_test(arguments: tuple[str, float, float, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_sprt(*arguments)


# The walk


@pytest.mark.parametrize(("drift", "deviation"), [(0.0, 0.2), (0.02, 0.14), (-0.05, 0.3), (0.4, 0.1)])
def test_a_simulated_walk_ends_as_often_where_it_should(drift: float, deviation: float) -> None:
    rng = np.random.default_rng(11)
    walk = BoundedWalk(-1.5, 2.0, drift, deviation)
    finer, end, runs = 40, 60, 4000
    steps = rng.normal(drift / finer, deviation / math.sqrt(finer), (runs, end * finer))
    paths = np.cumsum(steps, axis=1)
    beyond = 0.5826 * deviation / math.sqrt(finer)
    above, below = paths >= walk.upper - beyond, paths <= walk.lower + beyond
    first = np.where((above | below).any(axis=1), (above | below).argmax(axis=1), end * finer - 1)
    rows = np.arange(runs)
    went_up, went_down = above[rows, first], below[rows, first]
    assert float(walk.absorbed_above(end)) == pytest.approx(went_up.mean(), abs=0.025)
    assert float(walk.absorbed_below(end)) == pytest.approx(went_down.mean(), abs=0.025)
    lower_inside = ~went_up & ~went_down & (paths[:, -1] <= 0.5)
    assert walk.inside_below(end, 0.5) == pytest.approx(lower_inside.mean(), abs=0.025)


@given(st.floats(-0.5, 0.5), st.floats(0.02, 0.5), st.floats(1, 3000))
def test_the_chances_of_a_walk_add_up(drift: float, deviation: float, time: float) -> None:
    walk = BoundedWalk(-2.9, 2.3, drift, deviation)
    mirror = BoundedWalk(-2.3, 2.9, -drift, deviation)
    assert walk.inside_below(time, walk.upper) == pytest.approx(float(walk.going_on(time)), abs=1e-8)
    assert float(walk.absorbed_above(time)) == pytest.approx(float(mirror.absorbed_below(time)), abs=1e-10)
    assert float(walk.absorbed_above(time)) <= walk.acceptance() + 1e-9
    assert walk.acceptance() == pytest.approx(1 - mirror.acceptance(), abs=1e-9)


# Before a test


SIMULATED = {0.0: 1500, 17.5: 900, 35.0: 1500, 70.0: 3000}


@pytest.mark.slow
@pytest.mark.parametrize("elo", SIMULATED)
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("jigos", [0.0, 0.1])
def test_a_plan_is_within_5_percent_of_simulated_tests(elo: float, paired: bool, jigos: float) -> None:
    test = Sprt(0, 35)
    runs = 4 * SIMULATED[elo]
    rng = np.random.default_rng([5, round(elo), paired])
    endings = run_tests(test, planned_chances(elo, jigos, paired=paired), runs, rng)
    (expected,) = plan(test, [elo], jigos=jigos, paired=paired)
    games = endings.units.mean() * (2 if paired else 1)
    error = 2 * endings.units.std() / math.sqrt(runs) * (2 if paired else 1)
    assert expected.games == pytest.approx(games, rel=0.05, abs=error)
    assert expected.accepted == pytest.approx((endings.verdicts > 0).mean(), abs=0.03)


def test_a_plan_with_a_cap_is_what_simulated_tests_do() -> None:
    test, cap = Sprt(0, 35), 400
    rng = np.random.default_rng(8)
    for elo in (0, 50):
        endings = run_tests(test, planned_chances(elo), 1200, rng, cap=cap // 2)
        (expected,) = plan(test, [elo], cap=cap)
        assert expected.games == pytest.approx(2 * endings.units.mean(), rel=0.05)
        shares = [(endings.verdicts == verdict).mean() for verdict in (1, -1, 0)]
        found = [expected.accepted, expected.rejected, expected.undecided]
        assert found == pytest.approx(shares, abs=0.03)
        assert sum(found) == pytest.approx(1)


def test_expected_length_of_the_usual_test() -> None:
    """531, 869, 536 and 199 games by somebody else's simulation, game by game."""
    found = plan(Sprt(0, 35), [0, 17.5, 35, 70], paired=False)
    assert [row.games for row in found] == pytest.approx([531, 869, 536, 199], rel=0.03)
    assert found[0].accepted < 0.05
    assert found[2].rejected < 0.05
    assert found[1].accepted == pytest.approx(0.5, abs=0.01)


def test_a_late_cap_changes_nothing() -> None:
    test = Sprt(-10, 20, model="normalized")
    for free, capped in zip(
        plan(test, usual_differences(test), jigos=0.3),
        plan(test, usual_differences(test), jigos=0.3, cap=20_000),
        strict=True,
    ):
        assert capped.games == pytest.approx(free.games, rel=0.01)
        assert capped.accepted == pytest.approx(free.accepted, abs=1e-3)


@given(st.floats(-600, 600), st.floats(0, 0.9))
def test_normalized_elo_is_the_distance_in_deviations(elo: float, jigos: float) -> None:
    score = true_score(Sprt(0, 1, model="normalized"), elo, jigos)
    deviation = math.sqrt(score * (1 - score) - jigos / 4)
    assert (score - 0.5) / deviation == pytest.approx(elo / ELO_PER_DEVIATION, abs=1e-9)


@given(st.floats(0.01, 0.99), st.floats(0, 1))
def test_outcomes_have_the_score_they_are_made_for(score: float, jigos: float) -> None:
    for paired in (True, False):
        chances = outcome_chances(score, jigos, paired)
        assert chances.min() >= -1e-12
        assert chances.sum() == pytest.approx(1)
        assert chances @ np.linspace(0, 1, len(chances)) == pytest.approx(score)


# After a test


@given(FIVE)
@settings(max_examples=25, deadline=None)
def test_an_interval_encloses_its_estimate(counts: list[int]) -> None:
    found = after_stop(Sprt(0, 35), counts)
    assert found.low <= found.elo + 1e-6
    assert found.elo <= found.high + 1e-6
    assert 0 <= found.los <= 1


def test_an_early_acceptance_is_worth_less_than_it_looks() -> None:
    counts = [3, 6, 14, 10, 24]
    test = Sprt(0, 35)
    assert test.verdict(test.llr(counts)) == "accepted"
    assert after_stop(test, counts).elo < estimate(counts).elo - 3


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (1, ">99.9 %"),
        (0.99951, ">99.9 %"),
        (0.999, "99.9 %"),
        (0.0004, "<0.1 %"),
        (0, "<0.1 %"),
        (0.5, "50.0 %"),
    ],
)
def test_nothing_is_printed_as_certain(probability: float, text: str) -> None:
    assert percent_sure(probability) == text
