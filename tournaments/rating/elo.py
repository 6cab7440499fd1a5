"""The Elo difference of two players from counts of outcomes, and how sure one may be.

Elo is logistic: a difference of d means an expected score of 1 / (1 + 10^(-d / 400)), a jigo being half a point. The
unit of the statistics is the pair of games from one opening with colours swapped, where games come in pairs (five
outcomes, the pentanomial model of fishtest and fastchess, by M. Van den Bergh), otherwise the game (three outcomes).
Units are taken as independent of each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lzeval.compiled.arrays import Floats
from lzeval.errors import UserError

CONFIDENCE = 0.95
SMALLEST_COUNT = 1e-3
"""The count of an outcome that never happened, so that its probability is not zero."""
CLOSEST_TO_CERTAIN = 1e-3
"""Scores nearer to 0 or 1 than this are converted to Elo as if they were this far off."""


def score_from_elo(elo: float) -> float:
    """Expected score, 0 to 1, of a player who is `elo` stronger than the opponent."""
    return 1 / (1 + 10 ** (-elo / 400))


def elo_from_score(score: float) -> float:
    """Elo difference that makes `score`, 0 to 1, the expected score; infinite at either end."""
    if not 0 <= score <= 1:
        raise ValueError(f"{score} is not a score between 0 and 1")
    if score in (0, 1):
        return math.copysign(math.inf, score - 0.5)
    return -400 * math.log10(1 / score - 1)


def _clamped_elo(score: float) -> float:
    return elo_from_score(min(max(score, CLOSEST_TO_CERTAIN), 1 - CLOSEST_TO_CERTAIN))


def percent_sure(probability: float) -> str:
    """A probability, 0 to 1, in percent; what would be rounded to certainty is given as a bound."""
    text = f"{100 * probability:.1f} %"
    return {"100.0 %": ">99.9 %", "0.0 %": "<0.1 %"}.get(text, text)


@dataclass(frozen=True, slots=True)
class EloEstimate:
    """The strength of one player over another, from the counts of the outcomes of `units` games or pairs."""

    counts: tuple[int, ...]
    """Three: games lost, drawn, won; or five: pairs of 0, 1/2, 1, 3/2, 2 points."""
    score: float
    """Mean score, 0 to 1."""
    elo: float
    """Elo of `score`; never beyond 1200 in size, see `is_unbounded`."""
    elo95: float
    """Half the width of the large-sample 95 % interval: the mean score plus or minus 1.96 standard errors."""
    low: float
    """Lower end of the 95 % interval, in Elo. Holds its 95 % for small samples too, unlike `elo95`."""
    high: float
    los: float
    """Likelihood of superiority by the large-sample reasoning of `elo95`; too sure of itself in small samples."""
    superiority: float
    """Likelihood of superiority by the reasoning of `low` and `high`: above 97.5 % where `low` is above 0. Printed."""

    @property
    def units(self) -> int:
        return sum(self.counts)

    @property
    def unit(self) -> str:
        return "pairs" if len(self.counts) == 5 else "games"

    @property
    def games(self) -> int:
        return self.units * (2 if len(self.counts) == 5 else 1)

    @property
    def is_unbounded(self) -> bool:
        """True if one side made every point: the difference has a bound on one side only."""
        return self.score in (0, 1)

    def reversed(self) -> EloEstimate:
        """The same evidence, as the other player sees it."""
        return estimate(self.counts[::-1])


def estimate(counts: Sequence[int]) -> EloEstimate:
    """Elo difference from outcome counts, worst outcome first: three for games, five for pairs.

    `elo`, `elo95` and `los` come from the mean and the standard error of the scores, with SMALLEST_COUNT in the place
    of zero counts. `low` and `high` enclose the true scores s that the mean score m allows: (m - s)^2 <= t^2 f s (1 -
    s) / units: Wilson's interval (JASA 22, 1927), with a factor f for scatter. There t is Student's 97.5 % quantile,
    and f is the variance of the units' scores, one imagined unit of independent games added, in parts of m (1 - m).
    `superiority` is the chance of a smaller t than the one that puts an end of the interval at s = 1/2. Of nothing
    but points of one side, which have no scatter, the bound is the score that makes N games such a sweep with a
    chance of 2.5 %, s^N, and `superiority` allows for a chance of 1/2^N among equals. (Openings that favour a colour
    make sweeps rarer.)
    Raises UserError if there is no outcome at all.
    """
    from scipy.special import ndtr

    outcomes = tuple(int(count) for count in counts)
    if len(outcomes) not in (3, 5) or min(outcomes) < 0:
        raise ValueError(f"{list(counts)} are not three or five counts")
    if sum(outcomes) == 0:
        raise UserError("no game was decided: there is nothing to estimate from")
    mean, deviation = _mean_and_error(np.maximum(outcomes, SMALLEST_COUNT))
    reach = _normal_quantile() * deviation
    exact = float(np.dot(outcomes, np.linspace(0, 1, len(outcomes))) / sum(outcomes))
    found = score_intervals(np.array([outcomes], float))
    return EloEstimate(
        counts=outcomes,
        score=exact,
        elo=_clamped_elo(mean),
        elo95=(_clamped_elo(min(mean + reach, 1)) - _clamped_elo(max(mean - reach, 0))) / 2,
        low=elo_from_score(float(found.low[0])),
        high=elo_from_score(float(found.high[0])),
        los=float(ndtr((mean - 0.5) / deviation)),
        superiority=float(found.superiority[0]),
    )


def _normal_quantile() -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + CONFIDENCE) / 2))


def _mean_and_error(weights: Floats) -> tuple[float, float]:
    """Mean score per unit and the standard error of that mean."""
    scores = np.linspace(0, 1, len(weights))
    total = weights.sum()
    mean = weights @ scores / total
    variance = weights @ (scores - mean) ** 2 / total
    return float(mean), float(np.sqrt(variance / total))


class ScoreIntervals(NamedTuple):
    """Intervals of `N` samples at once, `[N]` each; scores are 0 to 1."""

    low: Floats
    high: Floats
    superiority: Floats


def score_intervals(counts: Floats) -> ScoreIntervals:
    """95 % intervals of the mean scores behind `[N, 3]` or `[N, 5]` outcome counts; `estimate` says how."""
    from scipy.special import stdtr, stdtrit

    units = counts.sum(axis=1)
    scores = np.linspace(0, 1, counts.shape[1])
    mean = counts @ scores / units
    prior_mean = (mean * units + 0.5) / (units + 1)
    spread = prior_mean * (1 - prior_mean)
    imagined = spread * 2 / (len(scores) - 1)
    variance = ((counts * (scores - mean[:, None]) ** 2).sum(axis=1) + imagined) / (units + 1)
    freedom = np.maximum(units - 1, 1)
    per_quantile = variance / spread / units
    k = stdtrit(freedom, (1 + CONFIDENCE) / 2) ** 2 * per_quantile
    centre = (mean + k / 2) / (1 + k)
    reach = np.sqrt(mean * (1 - mean) * k + k * k / 4) / (1 + k)
    games = units * (len(scores) - 1) / 2
    swept = ((1 - CONFIDENCE) / 2) ** (1 / games)
    by_chance = 0.5**games
    sure = stdtr(freedom, (mean - 0.5) / np.sqrt(per_quantile / 4))
    return ScoreIntervals(
        low=np.where(mean == 0, 0.0, np.where(mean == 1, swept, centre - reach)),
        high=np.where(mean == 1, 1.0, np.where(mean == 0, 1 - swept, centre + reach)),
        superiority=np.where(mean == 1, 1 - by_chance, np.where(mean == 0, by_chance, sure)),
    )
