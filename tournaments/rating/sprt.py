"""The sequential probability ratio test: whether a match has been decided, and how surely.

Two hypotheses about the Elo difference, H0: `elo0` and H1: `elo1`, are compared by the generalised log likelihood
ratio (LLR): the likelihood of the outcomes under the likeliest distribution that H1 allows, over the same for H0.
The unit is the pair of games from one opening with colours swapped (five outcomes), or the game (three).
`logistic` Elo fixes the expected score; `normalized` Elo fixes the score's distance from 1/2 in standard deviations
of a single game, which is what the length of a test depends on.

The generalised test is that of fishtest and fastchess (by M. Van den Bergh, as is normalized Elo). The empirical
likelihood under a fixed mean is Owen's (Empirical Likelihood, 2001, section 2.9), the bounds are Wald's (Annals of
Mathematical Statistics 16, 1945; Sequential Analysis, 1947, section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np

from lzeval.compiled.arrays import Floats
from lzeval.errors import UserError
from lzeval.text.decimals import parse_number
from tournaments.rating.elo import SMALLEST_COUNT, score_from_elo

Model = Literal["logistic", "normalized"]
Verdict = Literal["accepted", "rejected", "undecided"]
"""Verdict on H1: that the player is as strong as `elo1` says."""

ELO_PER_DEVIATION = 800 / math.log(10)
"""Normalized Elo of a score that lies one standard deviation of a game above 1/2."""
LARGEST_ELO = 1000.0
STEEPEST = 60.0
ROOT_STEPS = 200
MODEL_STEPS = 500
ROOT_CONVERGED, MODEL_CONVERGED = 1e-14, 1e-11
"""Largest last step, of the multiplier in parts of itself, and of a probability."""


@dataclass(frozen=True, slots=True)
class Sprt:
    """A test of H0: `elo0` against H1: `elo1`."""

    elo0: float
    elo1: float
    alpha: float = 0.05
    """Probability, 0 to 1, of accepting H1 where H0 is true."""
    beta: float = 0.05
    """Probability, 0 to 1, of rejecting H1 where H1 is true."""
    model: Model = "logistic"

    def __post_init__(self) -> None:
        """Raise UserError for what is no test."""
        if self.model not in get_args(Model):
            raise UserError(f"--model {self.model}: must be logistic or normalized")
        if not self.elo0 < self.elo1:
            raise UserError(f"--elo {self.elo0:g},{self.elo1:g}: the first must be less than the second")
        if max(abs(self.elo0), abs(self.elo1)) > LARGEST_ELO:
            raise UserError(
                f"--elo {self.elo0:g},{self.elo1:g}: must be from {-LARGEST_ELO:g} to {LARGEST_ELO:g}"
            )
        for name, rate in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0 < rate < 0.5:
                raise UserError(f"--{name} {rate:g}: must be above 0 and below 0.5")

    @property
    def lower(self) -> float:
        """The LLR at which H1 is rejected."""
        return math.log(self.beta / (1 - self.alpha))

    @property
    def upper(self) -> float:
        """The LLR at which H1 is accepted."""
        return math.log((1 - self.beta) / self.alpha)

    def llr(self, counts: Sequence[float]) -> float:
        """Log likelihood ratio of the outcome counts, worst outcome first: three for games, five for pairs."""
        return float(self.llrs(np.array([counts], float))[0])

    def llrs(self, counts: Floats) -> Floats:
        """`[N]`: the LLR of each of `counts`, `[N, 3]` or `[N, 5]`; 0 where there is no outcome at all."""
        total = counts.sum(axis=1)
        weights = np.maximum(counts, SMALLEST_COUNT)
        llr: Floats = (weights * self.log_ratios(weights)).sum(axis=1)
        return np.where(total > 0, llr, 0.0)

    def log_ratios(self, weights: Floats) -> Floats:
        """`[N, outcomes]`: log of each outcome's probability under H1 over that under H0, both fitted to `weights`."""
        observed = weights / weights.sum(axis=1, keepdims=True)
        fit = _divisors_of_score if self.model == "logistic" else _divisors_of_deviation
        ratios: Floats = np.log(fit(observed, self.elo0)) - np.log(fit(observed, self.elo1))
        return ratios

    def verdict(self, llr: float) -> Verdict:
        if llr >= self.upper:
            return "accepted"
        return "rejected" if llr <= self.lower else "undecided"

    def describe(self) -> str:
        """Describe it in one phrase: `[0, 35] logistic Elo, alpha 5 %, beta 5 %`."""
        rates = f"alpha {100 * self.alpha:g} %, beta {100 * self.beta:g} %"
        return f"[{self.elo0:g}, {self.elo1:g}] {self.model} Elo, {rates}"


def parse_sprt(elo: str, alpha: float, beta: float, model: str, option: str = "--elo") -> Sprt:
    """The test that options ask for: `elo` is two numbers with a comma between them."""
    try:
        elo0, elo1 = map(parse_number, elo.split(","))
    except ValueError as exc:
        raise UserError(f"{option} {elo}: must be two numbers with a comma between them, as in 0,35") from exc
    return Sprt(elo0 + 0.0, elo1 + 0.0, alpha, beta, cast("Model", model))


def _outcome_scores(outcomes: int) -> Floats:
    return np.linspace(0, 1, outcomes)


def _divisors_of_score(observed: Floats, elo: float) -> Floats:
    """Divisors that make `observed` probabilities the likeliest ones whose mean score is that of `elo`."""
    gaps = np.broadcast_to(_outcome_scores(observed.shape[1]) - score_from_elo(elo), observed.shape)
    return 1 + _root(observed, gaps)[:, None] * gaps


def _divisors_of_deviation(observed: Floats, elo: float) -> Floats:
    """Divisors for normalized Elo: (mean - 1/2) / deviation is to be `wanted`.

    That constraint is not linear in the probabilities; its tangent at the latest solution is, so that the solution is
    approached as by Newton's method.
    """
    scores = _outcome_scores(observed.shape[1])
    games = (observed.shape[1] - 1) / 2
    wanted = elo / ELO_PER_DEVIATION * math.sqrt(games)
    fitted = np.broadcast_to(_tilted(scores, wanted), observed.shape)
    divisors = np.ones(observed.shape)
    for _ in range(MODEL_STEPS):
        mean = (fitted * scores).sum(axis=1, keepdims=True)
        deviation = np.sqrt((fitted * (scores - mean) ** 2).sum(axis=1, keepdims=True))
        gaps = scores - 0.5 - wanted * deviation * (1 + ((scores - mean) / deviation) ** 2) / 2
        divisors = 1 + _root(observed, gaps)[:, None] * gaps
        previous, fitted = fitted, observed / divisors
        if np.abs(fitted - previous).max() < MODEL_CONVERGED:
            break
    return divisors


def _tilted(scores: Floats, wanted: float) -> Floats:
    """`[outcomes]`: probabilities with (mean - 1/2) / deviation equal to `wanted`, from which to start."""
    from scipy.optimize import brentq

    def probabilities(slope: float) -> Floats:
        weights = np.exp(slope * scores - max(slope, 0))
        shares: Floats = weights / weights.sum()
        return shares

    def excess(slope: float) -> float:
        chances = probabilities(slope)
        mean = chances @ scores
        return float(mean - 0.5 - wanted * np.sqrt(chances @ (scores - mean) ** 2))

    return probabilities(float(brentq(excess, -STEEPEST, STEEPEST)))


def _root(observed: Floats, gaps: Floats) -> Floats:
    """`[N]`: the x at which the sum of p g / (1 + x g) is 0, p and g being rows of `observed` and `gaps`.

    The sum falls from +infinity to -infinity between the two poles next to 0. Newton's steps, halved towards the
    bracket where they would leave it.
    """
    low, high = -1 / gaps.max(axis=1), -1 / gaps.min(axis=1)
    x = np.zeros(len(observed))
    for _ in range(ROOT_STEPS):
        terms = gaps / (1 + x[:, None] * gaps)
        value = (observed * terms).sum(axis=1)
        low, high = np.where(value > 0, x, low), np.where(value > 0, high, x)
        newton = x + value / (observed * terms**2).sum(axis=1)
        after = np.where((newton > low) & (newton < high), newton, (low + high) / 2)
        step, x = (np.abs(after - x) / (1 + np.abs(x))).max(), after
        if step < ROOT_CONVERGED:
            break
    return x
