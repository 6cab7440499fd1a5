"""Do printed intervals hold the truth as often as they say, and do tests err as rarely?

The short version is part of the suite; `python -m tests.statistics.report` writes the long one to docs/statistics.md.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.statistics.pools import POOLS, PoolScenario, pool_coverage
from tests.statistics.simulation import (
    Scenario,
    coverage,
    estimates_after_stop,
    planned_chances,
    run_tests,
    scenarios,
    wrongly_sure,
)
from tournaments.ratings import score_intervals
from tournaments.sprt import Sprt

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
    slack = 2 * np.sqrt(test.alpha * (1 - test.alpha) / tests)
    rng = np.random.default_rng(6)
    wrong = run_tests(test, planned_chances(test.elo0, jigos), tests, rng).verdicts > 0
    assert wrong.mean() <= test.alpha + slack
    missed = run_tests(test, planned_chances(test.elo1, jigos), tests, rng).verdicts < 0
    assert missed.mean() <= test.beta + slack


def test_a_sequential_test_errs_as_rarely_as_it_says() -> None:
    check_errors(Sprt(0, 70), 800)


@pytest.mark.slow
@pytest.mark.parametrize("jigos", [0.0, 0.1])
@pytest.mark.parametrize(
    "test", [Sprt(0, 35), Sprt(-10, 40), Sprt(0, 70), Sprt(0, 35, 0.02, 0.1)], ids=Sprt.describe
)
def test_sequential_tests_err_as_rarely_as_they_say(test: Sprt, jigos: float) -> None:
    check_errors(test, 6000, jigos)


@pytest.mark.parametrize("elo", [0, 70])
def test_after_a_stop_the_estimate_is_as_often_too_high_as_too_low(elo: float) -> None:
    found = estimates_after_stop(Sprt(0, 70), elo, 300, np.random.default_rng(7), cap=150)
    assert found.covered >= 0.93
    assert abs(found.too_high - 0.5) < 0.07


@pytest.mark.slow
@pytest.mark.parametrize("elo", [-35, 0, 17.5, 35, 70])
@pytest.mark.parametrize("cap", [200, 5000])
def test_estimates_after_a_stop_hold_what_they_say(elo: float, cap: int) -> None:
    found = estimates_after_stop(Sprt(0, 35), elo, 3000, np.random.default_rng(9), cap)
    assert 0.935 <= found.covered <= 0.985
    assert abs(found.too_high - 0.5) < 0.06


# Several players


def check_pool(pool: PoolScenario, tournaments: int) -> None:
    found = pool_coverage(pool, tournaments, np.random.default_rng(10))
    error = 2 * np.sqrt(0.05 * 0.95 / tournaments)
    assert FEWEST_COVERED - error <= found.ratings <= MOST_COVERED + error
    assert FEWEST_COVERED - error <= found.advantage <= MOST_COVERED + error


def test_intervals_of_a_table_hold_what_they_say() -> None:
    """Openings and jigos together, where the bare model is too wide for ratings and too narrow for the advantage."""
    check_pool(PoolScenario(20, 0.1, 1.0), 300)


@pytest.mark.slow
@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_intervals_of_every_table_hold_what_they_say(pool: PoolScenario) -> None:
    check_pool(pool, 2000)
