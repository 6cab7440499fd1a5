"""A model of the win rate over the parameters: a Gaussian process with known noise and priors on its own settings.

It is the regression of C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning" (2006), chapter
2, with the Matern kernel of smoothness 5/2 and a length for each parameter, about an unknown constant. The noise of a
point is that of its games. Lengths and amplitude are the most probable ones under their priors: without priors, noise
this large is often taken for a function that jumps, or for none at all (`benchmarks/tuning.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.stats import qmc

Floats = npt.NDArray[np.float64]
LENGTH, AMPLITUDE = 0.5, 0.15
"""Medians of the priors: the length as a share of a parameter's range, the amplitude as a win rate."""
LOG_SPREAD = 0.5
"""Standard deviation of the logarithm of either."""
CONSTANT = 0.1
"""Prior standard deviation of the mean win rate about that of all games."""
LEAST_VARIANCE = 0.05
"""Of one game: where all were won or lost, the next may still be otherwise."""
SQRT5 = 5**0.5
JITTER = 1e-6
"""Added to variances of win rates, so that rounding makes none of them negative."""
FIT_STEPS = 15
GRID = 400
"""Places that are compared for the best one, for each two parameters; the best of them is then refined."""
REFINEMENTS = (0.1, 0.03, 0.01)
"""Spreads about the best place so far."""


@dataclass(frozen=True)
class Estimate:
    """A win rate as the model has it."""

    mean: float
    spread: float
    """Standard deviation."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval, within 0 and 1."""
        return max(0.0, self.mean - 1.96 * self.spread), min(1.0, self.mean + 1.96 * self.spread)


def _matern(one: Floats, other: Floats, lengths: Floats) -> Floats:
    """Correlations `[len(one), len(other)]` of places `[n, d]`."""
    scaled = (one[:, None, :] - other[None, :, :]) / lengths
    distance = SQRT5 * np.sqrt((scaled**2).sum(axis=-1))
    result: Floats = (1 + distance + distance**2 / 3) * np.exp(-distance)
    return result


class Surrogate:
    """The model of the results at some places; a place has coordinates from 0 to 1."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._prior = np.log([*[LENGTH] * dimensions, AMPLITUDE])
        self._settings = self._prior
        """Logarithms of lengths and amplitude."""

    def fit(self, places: Floats, points: Floats, games: Floats, *, refine: bool = True) -> None:
        """Learn from `games` games at each place `[n, d]` that have won `points` points, halves included.

        Without `refine` lengths and amplitude stay as they were.
        """
        self._places = places
        mean = (points.sum() + 1) / (games.sum() + 2)
        self._mean = float(mean)
        self._noise = max(mean * (1 - mean), LEAST_VARIANCE) / games
        self._residuals = points / games - mean
        if refine:
            found = minimize(self._cost, self._settings, method="L-BFGS-B", options={"maxiter": FIT_STEPS})
            self._settings = found.x
        covariance = self._covariance(places, places)
        covariance[np.diag_indices(len(places))] += self._noise
        self._factor = cholesky(covariance, lower=True)
        self._weights = cho_solve((self._factor, True), self._residuals)

    def _cost(self, settings: Floats) -> float:
        """Minus the logarithm of the posterior density of lengths and amplitude, up to a constant."""
        covariance = self._covariance(self._places, self._places, settings)
        covariance[np.diag_indices(len(self._places))] += self._noise
        try:
            factor = cholesky(covariance, lower=True)
        except LinAlgError:
            return 1e9
        whitened = solve_triangular(factor, self._residuals, lower=True)
        prior = (((settings - self._prior) / LOG_SPREAD) ** 2).sum()
        return float(0.5 * (whitened @ whitened) + np.log(np.diag(factor)).sum() + 0.5 * prior)

    def _covariance(self, one: Floats, other: Floats, settings: Floats | None = None) -> Floats:
        chosen = np.exp(self._settings if settings is None else settings)
        result: Floats = _matern(one, other, chosen[:-1]) * chosen[-1] ** 2 + CONSTANT**2
        return result

    def mean(self, places: Floats) -> Floats:
        """Expected win rates `[n]`."""
        result: Floats = self._covariance(places, self._places) @ self._weights + self._mean
        return result

    def predict(self, places: Floats) -> list[Estimate]:
        """Estimates at each of the places `[n, d]`."""
        across = self._covariance(places, self._places)
        explained = (solve_triangular(self._factor, across.T, lower=True) ** 2).sum(axis=0)
        variance = np.exp(2 * self._settings[-1]) + CONSTANT**2 - explained
        spreads = np.sqrt(np.maximum(variance, 1e-12))
        return [Estimate(float(m), float(s)) for m, s in zip(self.mean(places), spreads, strict=True)]

    def draw(self, places: Floats, count: int, random: np.random.Generator) -> Floats:
        """Functions `[count, n]` that the results allow, at the places `[n, d]`."""
        across = self._covariance(places, self._places)
        half = solve_triangular(self._factor, across.T, lower=True)
        covariance = self._covariance(places, places) - half.T @ half
        covariance[np.diag_indices(len(places))] += JITTER
        root = cholesky(covariance, lower=True)
        result: Floats = self.mean(places) + random.standard_normal((count, len(places))) @ root.T
        return result

    def best(self, random: np.random.Generator) -> Floats:
        """The place `[d]` with the highest expected win rate."""
        places = spread_places(self.dimensions, GRID * (1 + self.dimensions // 2))
        best: Floats = places[self.mean(places).argmax()]
        for spread in REFINEMENTS:
            near = best + random.normal(0, spread, (GRID // 5, self.dimensions))
            places = np.vstack([best, near.clip(0, 1)])
            best = places[self.mean(places).argmax()]
        return best


def spread_places(dimensions: int, count: int, seed: int = 0) -> Floats:
    """Places that cover the parameters evenly: the first of Sobol's sequence, scrambled."""
    exponent = max(0, int(count - 1).bit_length())
    result: Floats = qmc.Sobol(dimensions, rng=seed).random_base2(exponent)[:count]
    return result


def gathered(places: Sequence[Sequence[float]], points: Sequence[float]) -> tuple[Floats, Floats, Floats]:
    """Single games as places `[n, d]`, points and numbers of games, each place once."""
    found: dict[tuple[float, ...], list[float]] = {}
    for place, won in zip(places, points, strict=True):
        found.setdefault(tuple(place), []).append(won)
    sums, games = (np.array([f(each) for each in found.values()], float) for f in (sum, len))
    return np.array(list(found), float), sums, games
