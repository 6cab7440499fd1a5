"""The posterior of the response curve, and the level that is played next."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tournaments.calibrate.curve import Curves
from tournaments.calibrate.finding import band
from tournaments.calibrate.scale import DOUBLINGS

LEVELS = DOUBLINGS.positions(DOUBLINGS.ladder(1, 256))

NEAR = 2.0


@pytest.fixture(scope="module")
def curves() -> Curves:
    return Curves(LEVELS)


def even_counts(curves: Curves, pairs: float, location: float, slope: float = 100) -> npt.NDArray[np.float64]:
    """`pairs` at each level near the location, with just the outcomes that are expected of independent games."""
    score = 1 / (1 + 10 ** (-slope * (curves.levels - location) / 400))
    ends = np.stack([(1 - score) ** 2, 0 * score, 2 * score * (1 - score), 0 * score, score**2], axis=1)
    near = np.abs(curves.levels - location) <= NEAR
    counts: npt.NDArray[np.float64] = pairs * near[:, None] * ends[None]
    return counts


def test_without_a_game_the_location_is_anywhere(curves: Curves) -> None:
    found = curves.posterior(np.zeros((1, len(LEVELS), 5)))
    low, median, high = found.interval()[0]
    assert median == pytest.approx((curves.low + curves.high) / 2, abs=0.1)
    assert low < curves.low < curves.high < high
    assert found.dispersion[0] == 1
    assert found.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("location", [2.0, 4.3, 7.0])
def test_many_pairs_tell_location_and_slope(curves: Curves, location: float) -> None:
    found = curves.posterior(even_counts(curves, 60, location))
    low, median, high = found.interval()[0]
    assert median == pytest.approx(location, abs=0.1)
    assert low < location < high
    assert high - low < 1
    assert found.slope()[0] == pytest.approx(100, rel=0.25)


def test_the_wanted_elo_moves_the_location() -> None:
    """Where 100 Elo a doubling place 0 at 4, +100 is at 5."""
    ahead = Curves(LEVELS, elo=100)
    found = ahead.posterior(even_counts(ahead, 60, 4))
    assert found.interval()[0, 1] == pytest.approx(5, abs=0.15)


def test_more_pairs_of_the_same_outcomes_narrow_the_interval(curves: Curves) -> None:
    widths = [
        float(np.ptp(curves.posterior(even_counts(curves, pairs, 4)).interval()[0, [0, 2]]))
        for pairs in (2, 8, 32)
    ]
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]


def test_pairs_that_openings_decide_scatter_less(curves: Curves) -> None:
    """A win each, again and again: the scatter is below that of independent games, and the interval narrower."""
    split, swept = np.zeros((2, 1, len(LEVELS), 5))
    split[0, 8, 2] = 40
    swept[0, 8, [0, 4]] = 20
    one, other = curves.posterior(split), curves.posterior(swept)
    assert one.dispersion[0] < 0.5 < 1.5 < other.dispersion[0]
    assert np.ptp(one.interval()[0]) < np.ptp(other.interval()[0])


def test_calibrations_side_by_side_are_as_alone(curves: Curves) -> None:
    counts = np.concatenate([even_counts(curves, 3, 2), even_counts(curves, 9, 6)])
    pending = np.zeros((2, len(LEVELS)))
    pending[1, 4] = 2
    both = curves.posterior(counts)
    for row in range(2):
        alone = curves.posterior(counts[row : row + 1])
        assert alone.interval()[0] == pytest.approx(both.interval()[row], abs=1e-4)
        assert alone.next_level(pending[row : row + 1])[0] == both.next_level(pending)[row]


def test_levels_are_chosen_around_the_location(curves: Curves) -> None:
    """Games that one side wins tell nothing, and slope and bends want both sides of the location."""
    counts = even_counts(curves, 1, 5, slope=200)
    chosen = []
    for _ in range(20):
        level = int(curves.posterior(counts).next_level(np.zeros((1, len(LEVELS))))[0])
        chosen.append(LEVELS[level])
        counts[0, level] += even_counts(curves, 1, 5, slope=200)[0, level]
    assert 4 < np.mean(chosen) < 6
    assert min(chosen) > 2.5
    assert max(chosen) < 7.5


def test_pairs_in_progress_send_the_next_one_elsewhere(curves: Curves) -> None:
    found = curves.posterior(even_counts(curves, 3, 4))
    pending = np.zeros((1, len(LEVELS)))
    best = found.next_level(pending)[0]
    pending[0, best] = 30
    assert found.next_level(pending)[0] != best


def test_even_the_most_lopsided_results_are_numbers(curves: Curves) -> None:
    for outcome in (0, 4):
        counts = np.zeros((1, len(LEVELS), 5))
        counts[0, :, outcome] = 1000
        found = curves.posterior(counts)
        assert np.isfinite(found.interval()).all()
        assert np.isfinite(found.dispersion).all()
        outside = (
            found.interval()[0, 0] > curves.high if outcome == 0 else found.interval()[0, 2] < curves.low
        )
        assert outside


def test_the_band_holds_its_curve_and_rises(curves: Curves) -> None:
    _, scores = band(curves.posterior(even_counts(curves, 10, 4)))
    low, mean, high = scores.T
    assert (low <= mean).all()
    assert (mean <= high).all()
    assert (np.diff(mean) > 0).all()
