"""The model of the win rate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from tournaments.tuning.surrogate import CONSTANT, LENGTH, Surrogate, _matern, gathered, spread_places


def test_it_is_the_regression_of_the_textbook() -> None:
    """Conditional mean and variance of a joint normal distribution, which scipy and numpy compute the long way."""
    random = np.random.default_rng(1)
    places, asked = random.random((6, 2)), random.random((4, 2))
    games = np.array([2.0, 4, 2, 10, 2, 6])
    points = np.array([1.0, 4, 0, 7, 1.5, 3])
    model = Surrogate(2)
    model.fit(places, points, games, refine=False)
    everything = np.vstack([places, asked])
    joint = 0.15**2 * _matern(everything, everything, np.full(2, LENGTH)) + CONSTANT**2
    mean = (points.sum() + 1) / (games.sum() + 2)
    noise = np.diag(mean * (1 - mean) / games)
    gain = joint[6:, :6] @ np.linalg.inv(joint[:6, :6] + noise)
    expected = mean + gain @ (points / games - mean)
    spread = np.sqrt(np.diag(joint[6:, 6:] - gain @ joint[:6, 6:]))
    found = model.predict(asked)
    assert [estimate.mean for estimate in found] == pytest.approx(expected.tolist(), abs=1e-9)
    assert [estimate.spread for estimate in found] == pytest.approx(spread.tolist(), abs=1e-9)
    drawn = model.draw(asked, 4000, random)
    assert drawn.mean(axis=0) == pytest.approx(expected, abs=4 * spread.max() / 4000**0.5)
    assert drawn.std(axis=0) == pytest.approx(spread, rel=0.08)
    density = multivariate_normal(np.zeros(6), joint[:6, :6] + noise).logpdf(points / games - mean)
    settings = np.log([LENGTH, LENGTH, 0.15])
    assert model._cost(settings) == pytest.approx(-density - 3 * np.log(2 * np.pi), abs=1e-9)


def test_refining_finds_more_probable_lengths() -> None:
    random = np.random.default_rng(2)
    places = random.random((80, 2))
    points = 20 * (0.5 + 0.3 * np.sin(9 * places[:, 0]))
    model = Surrogate(2)
    before = model._settings
    model.fit(places, points, np.full(80, 20.0))
    assert model._cost(model._settings) < model._cost(before) - 1
    assert model._settings[0] < model._settings[1]  # the second parameter does nothing


def test_the_best_is_told_by_the_model_and_not_by_luck() -> None:
    places, points = [], []
    for place in np.linspace(0, 1, 40):
        places += [[place]] * 4
        points += [float(abs(place - 0.3) < 0.2)] * 2 + [0.0] * 2
    places += [[0.9]]
    points += [1.0]  # all of its games won
    where, won, games = gathered(places, points)
    assert len(where) == 41
    assert won.sum() == sum(points)
    model = Surrogate(1)
    model.fit(where, won, games)
    assert model.best(np.random.default_rng(0))[0] == pytest.approx(0.3, abs=0.06)


def test_places_are_spread_over_everything() -> None:
    places = spread_places(2, 64)
    assert places.shape == (64, 2)
    assert {tuple(cell) for cell in (places * 4).astype(int).tolist()} == {
        (x, y) for x in range(4) for y in range(4)
    }
