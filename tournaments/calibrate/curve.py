"""The response curve: the score of a player as its setting grows, and where it is what is wanted.

On the logistic Elo scale the curve is a line that may bend: the logarithm of its slope, Elo a unit of the setting's
scale, walks at random with the distance from the location. A curve of one slope would be told by games far from the
location what it is there, and be wrong where strength grows more slowly with more visits. SHAPES curves drawn evenly
from this prior, at each location of a grid, make the posterior a finite sum (Kontsevich and Tyler, Bayesian adaptive
estimation of psychometric slope and threshold, Vision Research 39, 1999; Prins, The psi-marginal adaptive method,
Journal of Vision 13, 2013, for the nuisance parameters).

The unit of the statistics is the pair of games from one opening with colours swapped. Its points are taken for
binomial, with a dispersion that openings and jigos lower, and that pairs of a player who knows some openings badly
raise. The dispersion is unknown, with a prior worth PRIOR_PAIRS pairs of independent games, and is integrated out
(quasi-likelihood with a scaled inverse chi-squared prior): tails are those of Student's distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lzeval.compiled.arrays import Floats, Floats32, Ints
from tournaments.rating.elo import CONFIDENCE

USUAL_SLOPE = 100.0
"""Median of the prior of the slope at the location, in Elo a unit."""
SLOPE_SPREAD = 0.9
"""Standard deviation of its natural logarithm: 95 % of slopes are from 17 to 580."""
BEND = 0.9
"""Standard deviation of the walk of the slope's logarithm, a root of a unit."""
KNOTS = (0.0, 0.5, 1.5, 3.0, 5.0)
"""Distances from the location, in units, between which the slope is constant."""
SHAPES = 256
PRIOR_PAIRS = 8.0
MARGIN = 2.0
"""Units by which the grid of locations goes beyond the bounds on both sides."""
COARSEST = 1 / 4
"""Largest step of the grid of locations, in units."""
STEPS_A_WIDTH = 5
PER_ELO = math.log(10) / 400
FARTHEST = 60.0
"""Log odds beyond which a game is lost or won."""
EVEN_VARIANCE = 1 / 8
"""Variance of the mean points of a pair of independent games between equals; pairs of a smaller one tell less."""
OUTCOMES = np.linspace(0, 1, 5)
"""Mean points of a pair."""


@dataclass(frozen=True)
class Posterior:
    """Beliefs after some pairs, of `N` calibrations at once."""

    curves: Curves
    counts: Floats
    """`[N, L, 5]`: pairs of 0, 1/2, 1, 3/2 and 2 points at each level."""
    weights: Floats32
    """`[N, T * SHAPES]`: probabilities of locations and shapes."""
    dispersion: Floats
    """`[N]`: variance of pairs in parts of that of two independent games without jigos."""

    def quantiles(self, shares: tuple[float, ...]) -> Floats:
        """`[N, shares]`: quantiles of the location, in units."""
        chances = self.weights.reshape(len(self.weights), -1, SHAPES).sum(axis=2)
        below = np.cumsum(chances, axis=1, dtype=float)
        edges = self.curves.locations + self.curves.step / 2
        return np.array([np.interp(shares, row, edges) for row in below])

    def interval(self) -> Floats:
        """`[N, 3]`: lower end of the 95 % interval of the location, median, and upper end."""
        tail = (1 - CONFIDENCE) / 2
        return self.quantiles((tail, 0.5, 1 - tail))

    def scores(self) -> Floats:
        """`[N, L]`: expected scores at the levels."""
        scores: Floats = (self.weights @ self.curves.score.T).astype(float)
        return scores

    def next_level(self, pending: Floats) -> Ints:
        """`[N]`: the level whose next pair leaves the least expected variance of the location.

        `pending`, `[N, L]`, are pairs in progress, which are taken to end as is expected of them now.
        """
        curves, weights = self.curves, self.weights
        if pending.any():
            score = self.scores()
            ends = np.stack([(1 - score) ** 2, 2 * score * (1 - score), score**2], axis=2)
            expected = self.counts.copy()
            expected[:, :, ::2] += pending[:, :, None] * ends
            weights = curves.posterior(expected).weights
        chance, first, second = ((weights * power) @ curves.pair_chances for power in curves.powers)
        left = second - first**2 / np.maximum(chance, np.finfo(np.float32).tiny)
        best: Ints = left.reshape(len(weights), -1, 3).sum(axis=2).argmin(axis=1)
        return best

    def slope(self) -> Floats:
        """`[N]`: geometric mean of the slope at the location, in Elo a unit."""
        means: Floats = np.exp(self.weights @ self.curves.log_slopes)
        return means


class Curves:
    """The curves that are thought possible, at the levels that may be played."""

    def __init__(self, levels: Floats, elo: float = 0.0, width: float = 1.0) -> None:
        """`levels`, `[L]`, are the ladder in units, from bound to bound; at the location the player is worth `elo`.

        `width` is that of the interval that is wanted, in units.
        """
        self.levels = levels
        self.low, self.high = float(levels[0]), float(levels[-1])
        self.step = min(COARSEST, width / STEPS_A_WIDTH)
        count = math.ceil((self.high - self.low + 2 * MARGIN) / self.step) + 1
        self.locations = self.low - MARGIN + self.step * np.arange(count)
        self._below, self._above = _shapes()
        self.elo = elo
        won, lost = self._chances(levels)
        self.score = won.astype(np.float32)
        """`[L, T * SHAPES]`: expected score of a game, 0 to 1. Single precision is enough, and twice as fast."""
        self.log_won, self.log_lost = np.log(won).astype(np.float32), np.log(lost).astype(np.float32)
        pairs = np.stack([lost**2, 2 * won * lost, won**2], axis=1)
        self.pair_chances = np.ascontiguousarray(pairs.reshape(-1, won.shape[1]).T, np.float32)
        """`[T * SHAPES, L * 3]`: chances of 0, 1 and 2 points in a pair."""
        location = np.repeat(self.locations, SHAPES) - self.locations.mean()
        self.powers = np.stack([location**power for power in range(3)]).astype(np.float32)
        """`[3, T * SHAPES]`: powers 0, 1 and 2 of the location, from the middle."""
        self.log_slopes = np.tile(np.log(self._below[:, 0] * self._above[:, 0]) / 2, count)

    def _chances(self, places: Floats) -> tuple[Floats, Floats]:
        """`[P, T * SHAPES]` twice: chances of a win and a loss at any places, in units."""
        elo = self.elo + _elo(places[:, None] - self.locations, self._below, self._above)
        edge = np.clip(PER_ELO * elo, -FARTHEST, FARTHEST).reshape(len(places), -1)
        return 1 / (1 + np.exp(-edge)), 1 / (1 + np.exp(edge))

    def scores_at(self, places: Floats) -> Floats:
        """`[P, T * SHAPES]`: expected scores at any places, in units."""
        return self._chances(places)[0]

    def posterior(self, counts: Floats) -> Posterior:
        """Beliefs after pairs with these outcomes, `[N, L, 5]` as in `Posterior.counts`."""
        pairs, points = counts.sum(axis=2), counts @ OUTCOMES
        won, lost = (2 * points).astype(np.float32), (2 * (pairs - points)).astype(np.float32)
        likelihood = won @ self.log_won + lost @ self.log_lost
        best = likelihood.argmax(axis=1)
        score = self.score[:, best].T.astype(float)
        expected = (pairs * score * (1 - score)).sum(axis=1) / 2
        squares = (counts * (OUTCOMES - score[:, :, None]) ** 2).sum(axis=(1, 2))
        freedom = PRIOR_PAIRS + np.maximum(expected / EVEN_VARIANCE - 1, 0)
        dispersion = (PRIOR_PAIRS + squares / EVEN_VARIANCE) / freedom
        likelihood -= likelihood.max(axis=1, keepdims=True)
        likelihood *= (-2 / dispersion / freedom).astype(np.float32)[:, None]
        weights = np.log1p(likelihood, out=likelihood)
        weights *= (-freedom / 2).astype(np.float32)[:, None]
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=1, keepdims=True)
        return Posterior(self, counts, weights, dispersion)


def _shapes() -> tuple[Floats, Floats]:
    """`[SHAPES, KNOTS]` twice: slopes in Elo a unit, below and above the location, between the knots outwards.

    The slope at the location has its quantiles; the other numbers are a Kronecker sequence, which fills a cube of many
    dimensions evenly (M. Roberts, The unreasonable effectiveness of quasirandom sequences, 2018).
    """
    from scipy.special import ndtri

    number = np.arange(SHAPES)[:, None]
    dimensions = 2 * len(KNOTS)
    ratio = 1.5
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    even = (0.5 + (number + 1) * ratio ** -np.arange(1.0, dimensions + 1)) % 1
    turns = BEND * np.sqrt(_distances()) * ndtri(even).reshape(SHAPES, 2, len(KNOTS))
    middle = math.log(USUAL_SLOPE) + SLOPE_SPREAD * ndtri((number + 0.5) / SHAPES)
    slopes = np.exp(middle[:, :, None] + np.cumsum(turns, axis=2))
    return slopes[:, 0], slopes[:, 1]


def _distances() -> Floats:
    """`[KNOTS]`: way from the location to the middle of the first segment, and from each middle to the next."""
    ends = np.append(KNOTS, KNOTS[-1] + 2)
    return np.diff(np.append(0.0, (ends[1:] + ends[:-1]) / 2))


def _elo(distance: Floats, below: Floats, above: Floats) -> Floats:
    """`[L, T, SHAPES]`: Elo at these distances from the location, `[L, T]`."""
    lengths = np.append(np.diff(KNOTS), np.inf)
    walked = np.clip(np.abs(distance)[..., None] - KNOTS, 0, lengths)
    return np.where(distance[..., None] < 0, -(walked @ below.T), walked @ above.T)
