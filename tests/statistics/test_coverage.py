"""Do printed intervals hold the truth as often as they say, and do tests err as rarely?

The short version is part of the suite; `python -m tests.statistics.report` writes the long one to docs/statistics.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.statistics.calibrations import BENT, OUTSIDE, STRAIGHT, Calibrations, simulate, straight
from tests.statistics.placed import SCENARIOS, PlacedScenario, placed_coverage
from tests.statistics.pools import POOLS, PoolScenario, Schedule, pool_coverage
from tests.statistics.simulation import (
    Endings,
    Scenario,
    chances_of_worse,
    coverage,
    estimates_after_stop,
    planned_chances,
    run_tests,
    scenarios,
    wrongly_sure,
)
from tests.statistics.walks import walk
from tournaments.rating.elo import score_intervals
from tournaments.rating.residuals import SIGNIFICANT
from tournaments.rating.sequential import after_stop, plan
from tournaments.rating.sprt import Sprt

FEWEST_COVERED, MOST_COVERED = 0.935, 0.965
LARGE = 100
"""From so many games on an interval must not be too wide either."""

SHORT = list(scenarios(games=(20, 100, 400), elo=(0, 200), jigos=(0, 0.1)))


def check_coverage(scenario: Scenario, matches: int) -> None:
    covered = coverage(scenario, matches, np.random.default_rng([scenario.games, round(scenario.elo)]))
    assert covered >= FEWEST_COVERED
    assert covered <= MOST_COVERED or scenario.games < LARGE


@pytest.mark.parametrize("scenario", SHORT, ids=str)
def test_intervals_hold_what_they_say(scenario: Scenario) -> None:
    check_coverage(scenario, 15_000)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", list(scenarios()), ids=str)
def test_intervals_hold_what_they_say_everywhere(scenario: Scenario) -> None:
    check_coverage(scenario, 40_000)


@pytest.mark.parametrize("scenario", list(scenarios(games=(20, 100, 400), elo=(0,))), ids=str)
def test_equals_are_rarely_told_apart(scenario: Scenario) -> None:
    """A likelihood of superiority above 97.5 % is for 2.5 % of the matches between equals, but for lattice effects."""
    assert wrongly_sure(scenario, 15_000, np.random.default_rng(3)) <= 0.0325


def test_likelihood_and_interval_never_contradict_each_other() -> None:
    rng = np.random.default_rng(4)
    for outcomes in (3, 5):
        counts = rng.integers(0, 12, (20_000, outcomes)).astype(float)
        found = score_intervals(counts[counts.sum(axis=1) > 0])
        assert np.array_equal(found.superiority > 0.975, found.low > 0.5)
        assert np.array_equal(found.superiority < 0.025, found.high < 0.5)


# Sequential tests


def check_errors(test: Sprt, tests: int, jigos: float = 0.0) -> None:
    """Error rates are within alpha and beta, up to twice the simulation's own error."""
    rng = np.random.default_rng(6)
    wrong = run_tests(test, planned_chances(test.elo0, jigos), tests, rng).verdicts > 0
    assert wrong.mean() <= test.alpha + 2 * np.sqrt(test.alpha * (1 - test.alpha) / tests)
    missed = run_tests(test, planned_chances(test.elo1, jigos), tests, rng).verdicts < 0
    assert missed.mean() <= test.beta + 2 * np.sqrt(test.beta * (1 - test.beta) / tests)


def test_compiled_walks_have_the_ratio_of_the_program() -> None:
    for test, paired in ((Sprt(0, 35), True), (Sprt(-10, 40, 0.02, 0.1), False)):
        chances = planned_chances(20, 0.05, paired=paired)
        counts, units, llrs = walk(test, chances, 300, 400, seed=8)
        assert llrs == pytest.approx(test.llrs(counts), abs=1e-9)
        assert counts.sum(axis=1) == pytest.approx(units)
        over = (llrs >= test.upper) | (llrs <= test.lower)
        assert (units[~over] == 400).all()
        assert 0.5 < over.mean() < 1


def test_a_sequential_test_errs_as_rarely_as_it_says() -> None:
    check_errors(Sprt(0, 70), 4000)


@pytest.mark.slow
@pytest.mark.parametrize("jigos", [0.0, 0.1])
@pytest.mark.parametrize(
    "test", [Sprt(0, 35), Sprt(-10, 40), Sprt(0, 70), Sprt(0, 35, 0.02, 0.1)], ids=Sprt.describe
)
def test_sequential_tests_err_as_rarely_as_they_say(test: Sprt, jigos: float) -> None:
    check_errors(test, 20_000, jigos)


@pytest.mark.slow
@pytest.mark.parametrize("jigos", [0.0, 0.1])
@pytest.mark.parametrize("elo", [-35, 0, 17.5, 35, 70])
def test_tests_are_as_long_as_planned(elo: float, jigos: float) -> None:
    (expected,) = plan(Sprt(0, 35), [elo], jigos=jigos)
    found = run_tests(Sprt(0, 35), planned_chances(elo, jigos), 20_000, np.random.default_rng(11))
    assert 2 * found.units.mean() == pytest.approx(expected.games, rel=0.05)


@pytest.mark.parametrize("elo", [0, 70])
def test_after_a_stop_the_estimate_is_as_often_too_high_as_too_low(elo: float) -> None:
    found = estimates_after_stop(Sprt(0, 70), elo, 1500, np.random.default_rng(7), cap=150)
    assert found.covered >= 0.935
    assert abs(found.too_high - 0.5) < 0.07


def test_what_is_simulated_of_a_stop_is_what_is_printed() -> None:
    test, elo = Sprt(0, 70), 30.0
    counts, _, _ = walk(test, planned_chances(elo), 40, 150, seed=12)
    worse = chances_of_worse(test, counts, elo)
    for row, chance in zip(counts.tolist(), worse.tolist(), strict=True):
        found = after_stop(test, row)
        assert (found.low <= elo <= found.high) == (0.025 <= chance <= 0.975)
        assert (found.elo > elo) == (chance > 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("elo", [-35, 0, 17.5, 35, 70])
@pytest.mark.parametrize("cap", [200, 5000])
def test_estimates_after_a_stop_hold_what_they_say(elo: float, cap: int) -> None:
    found = estimates_after_stop(Sprt(0, 35), elo, 3000, np.random.default_rng(9), cap)
    assert 0.935 <= found.covered <= 0.98
    assert abs(found.too_high - 0.5) < 0.06


def test_endings_are_ordered_by_stages_and_then_by_ratio() -> None:
    """From the quickest rejection over what is undecided to the quickest acceptance."""
    verdicts, units = np.array([1, 1, 0, -1, -1, 0, 1]), np.array([3.0, 5, 9, 5, 3, 9, 3])
    llrs = np.array([3.0, 3.1, 0.5, -3.0, -3.3, -0.5, 3.2])
    order = Endings(units, verdicts, np.zeros((7, 5)), llrs).order
    assert order.tolist() == [5, 4, 3, 1, 0, 2, 6]


@pytest.mark.parametrize("elo", [0, 100, 200])
def test_intervals_of_coarse_tests_are_too_wide_but_never_too_narrow(elo: float) -> None:
    """Even with the chances of all endings known they could not be 95 %: there are too few endings."""
    found = estimates_after_stop(Sprt(0, 200), elo, 2000, np.random.default_rng(13), cap=5000)
    assert found.median_units < 50
    assert FEWEST_COVERED <= found.exactly_halved <= found.exactly
    assert found.exactly >= 0.955
    assert found.covered >= found.exactly


@pytest.mark.slow
@pytest.mark.parametrize("elo1", [70, 100, 200, 400])
@pytest.mark.parametrize("share", [-0.5, 0, 0.5, 1, 1.5])
def test_no_interval_after_a_stop_is_too_narrow(elo1: float, share: float) -> None:
    found = estimates_after_stop(Sprt(0, elo1), share * elo1, 4000, np.random.default_rng(14), cap=5000)
    assert found.covered >= FEWEST_COVERED


# Several players


def check_pool(pool: PoolScenario, tournaments: int, slack: float = 0.0) -> None:
    found = pool_coverage(pool, tournaments, np.random.default_rng(10))
    for covered in (found.ratings, found.differences, found.advantage):
        assert covered >= FEWEST_COVERED - slack
    most = [found.busy, found.differences, found.advantage] if pool.games >= LARGE else [found.busy]
    for covered in most:
        assert np.isnan(covered) or covered <= MOST_COVERED + slack
    assert found.false_alarms <= SIGNIFICANT + slack


@pytest.mark.parametrize("schedule", ["all alike", "lopsided"])
def test_intervals_of_a_table_hold_what_they_say(schedule: Schedule) -> None:
    """Openings and jigos together, where the bare model is too wide for ratings and too narrow for the advantage."""
    check_pool(PoolScenario(4, 120, schedule, 0.1, 1.0), 400, slack=0.015)


@pytest.mark.slow
@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_intervals_of_every_table_hold_what_they_say(pool: PoolScenario) -> None:
    check_pool(pool, 4000)


# Players whom a prior places


def check_placed(scenario: PlacedScenario, tournaments: int) -> None:
    """Intervals may be too wide, and never too narrow."""
    found = placed_coverage(scenario, tournaments, np.random.default_rng(15))
    for covered in (found.placed, found.kept, found.differences):
        assert np.isnan(covered) or covered >= FEWEST_COVERED


@pytest.mark.parametrize("spread", [300.0, 500.0])
def test_intervals_of_placed_players_hold_what_they_say(spread: float) -> None:
    check_placed(PlacedScenario("newcomers", 7, 2, spread), 60)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_intervals_of_placed_players_hold_what_they_say_everywhere(scenario: PlacedScenario) -> None:
    check_placed(scenario, 1000)


# Calibrations


def check_calibrations(sort: Calibrations, number: int) -> None:
    """Intervals may be too wide, and too narrow only by the simulation's own error; few verdicts are wrong."""
    found = simulate(sort, number, seed=2)
    error = 2 * np.sqrt(0.05 * 0.95 / number)
    assert found.covered >= 0.95 - error
    if sort not in OUTSIDE:
        assert found.outside <= 0.05 + error


def test_intervals_of_calibrations_hold_what_they_say() -> None:
    check_calibrations(Calibrations("wide", straight(250), width=2), 40)


@pytest.mark.slow
@pytest.mark.parametrize("sort", [*STRAIGHT, *BENT, *OUTSIDE], ids=str)
def test_intervals_of_all_calibrations_hold_what_they_say(sort: Calibrations) -> None:
    check_calibrations(sort, 400)
