"""Plans of sequential tests, and estimates of the Elo difference after one.

The log likelihood ratio (LLR) of a test is taken for a Brownian motion that starts at 0 and is absorbed at two bounds.
Its chances have closed forms by the method of images (Siegmund, Sequential Analysis, 1985, chapter III).

`plan` uses Siegmund's correction for overshoot (the same, section III.5 and chapter X): a discrete walk passes a bound
by 0.583 standard deviations of a step on average, so the bounds of the motion lie that much further out.

`after_stop` orders the ways in which a test can end, from the quickest rejection over what is undecided, by LLR, to the
quickest acceptance: stage-wise ordering (Siegmund, Estimation following sequential tests, Biometrika 65, 1978). The
median-unbiased estimate is the difference under which a worse ending is as likely as a better one; the ends of the
interval are those under which the chances are 2.5 %. Whoever stops by the bounds, or at a number of games that was
fixed before, gets an interval that holds what it says; a plain estimate after an early stop is too far from 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from lzeval.compiled.arrays import Floats
from lzeval.text.wording import signed
from tournaments.rating.elo import CONFIDENCE, SMALLEST_COUNT, percent_sure, score_from_elo
from tournaments.rating.sprt import ELO_PER_DEVIATION, Sprt

OVERSHOOT = 0.5826
"""Mean overshoot of a normal walk without drift, in standard deviations of a step: -zeta(1/2) / sqrt(2 pi)."""
ELO_REACH = 1000.0
"""Estimates and bounds beyond this are cut off here."""
PAST_BOUND = 1.03
"""An LLR that exceeds its bound by more than this factor has not stopped there."""
TIME_STEPS = 2000
USUAL_SHARE = 0.95
"""The share of tests that `Expectation.usual_games` speaks of."""


@dataclass(frozen=True, slots=True)
class BoundedWalk:
    """A Brownian motion from 0, absorbed at `lower` < 0 and at `upper` > 0."""

    lower: float
    upper: float
    drift: float
    """Per unit of time, which is one pair or game."""
    deviation: float
    """Deviation of the change in one unit of time."""

    def absorbed_below(self, times: npt.ArrayLike) -> Floats:
        """Chance of having reached `lower` by each of `times`."""
        return self._absorbed(-self.lower, -self.drift, np.asarray(times, float))

    def absorbed_above(self, times: npt.ArrayLike) -> Floats:
        return self._absorbed(self.upper, self.drift, np.asarray(times, float))

    def _absorbed(self, distance: float, towards: float, times: Floats) -> Floats:
        """Chance of absorption by `times` at the bound at `distance`, towards which the drift is `towards`."""
        from scipy.special import log_ndtr

        spread = (self.deviation * np.sqrt(times))[..., None]
        moved = (abs(self.drift) * times)[..., None]
        pull = self.drift_per_variance
        images = distance + 2 * (self.upper - self.lower) * self._images(times)
        far = np.abs(images)
        start = math.copysign(pull, towards) * distance if towards else 0.0
        terms = np.exp(start - pull * far + log_ndtr((moved - far) / spread))
        terms += np.exp(start + pull * far + log_ndtr((-moved - far) / spread))
        chance: Floats = np.clip((np.sign(images) * terms).sum(axis=-1), 0, 1)
        return chance

    @property
    def drift_per_variance(self) -> float:
        return abs(self.drift) / self.deviation**2

    def _images(self, times: Floats) -> Floats:
        """Numbers of the mirror images that are near enough to tell, each twice the corridor's width from the next."""
        width = self.upper - self.lower
        count = 4 + math.ceil(5 * self.deviation * math.sqrt(float(times.max())) / width)
        return np.arange(-count, count + 1, dtype=float)

    def inside_below(self, time: float, level: float) -> float:
        """Chance of never having been absorbed by `time`, and of being below `level` then."""
        from scipy.special import log_ndtr

        spread = self.deviation * math.sqrt(time)
        pull = self.drift / self.deviation**2
        there = 2 * (self.upper - self.lower) * self._images(np.array([time]))
        images = np.concatenate([there, 2 * self.lower + there])
        sign = np.repeat([1.0, -1.0], len(there))
        edges = np.array([self.lower, level])[:, None]
        reach = (edges - images - self.drift * time) / spread
        reach = np.where(reach.sum(axis=0) > 0, -reach[::-1], reach)  # whichever tail is the smaller
        below, above = np.exp(pull * images + log_ndtr(reach))
        return min(max(float(sign @ (above - below)), 0.0), 1.0)

    def ends_worse(self, time: float, level: float) -> float:
        """Chance of an ending worse than having got to `level` by `time`: an earlier rejection, or lower at `time`."""
        return float(self.absorbed_below(time)) + self.inside_below(time, level)

    def acceptance(self) -> float:
        """Chance of ending at `upper`, however late."""
        width, pull = self.upper - self.lower, 2 * self.drift_per_variance
        if pull * width < 1e-9:
            return -self.lower / width
        behind = self.lower if self.drift > 0 else -self.upper
        ahead = math.expm1(pull * behind) / math.expm1(-pull * width)
        return ahead if self.drift > 0 else 1 - ahead

    def mean_time(self) -> float:
        """Mean time until one of the bounds is reached, by Wald's identities."""
        accepted = self.acceptance()
        if self.drift_per_variance * (self.upper - self.lower) < 1e-6:
            return -self.lower * self.upper / self.deviation**2
        return (accepted * self.upper + (1 - accepted) * self.lower) / self.drift

    def going_on(self, times: npt.ArrayLike) -> Floats:
        """Chance of having reached neither bound by each of `times`."""
        return np.clip(1 - self.absorbed_below(times) - self.absorbed_above(times), 0, 1)


# Before a test


@dataclass(frozen=True, slots=True)
class Expectation:
    """Length and outcome that a test is expected to have if the true difference is `elo`."""

    elo: float
    """True difference, in the units of the test's model."""
    games: float
    """Mean number until the test ends, by its bounds or by the cap."""
    usual_games: float
    """95 % of tests have ended after this many."""
    accepted: float
    """Probability, 0 to 1, that H1 is accepted."""
    rejected: float
    undecided: float
    """Probability that the cap comes first; 0 without a cap."""


def plan(
    test: Sprt,
    true_elos: Sequence[float],
    *,
    jigos: float = 0.0,
    paired: bool = True,
    cap: int | None = None,
) -> list[Expectation]:
    """Expectations of `test` for each true difference, where a share `jigos`, 0 to 1, of the games is a jigo.

    Games are independent of each other: openings that favour a colour make paired tests shorter than this. `cap` is the
    largest number of games.
    """
    return [_expect(test, elo, jigos, paired, cap) for elo in true_elos]


def usual_differences(test: Sprt) -> list[float]:
    """True differences to plan for: both hypotheses, half-way, and as far again to either side."""
    width = test.elo1 - test.elo0
    return [test.elo0 + step * width for step in (-1, 0, 0.5, 1, 2)]


def _expect(test: Sprt, elo: float, jigos: float, paired: bool, cap: int | None) -> Expectation:
    games_each = 2 if paired else 1
    walk = _planned_walk(test, outcome_chances(true_score(test, elo, jigos), jigos, paired))
    usual = games_each * _time_of_share(walk, USUAL_SHARE)
    if cap is None:
        accepted = walk.acceptance()
        return Expectation(elo, games_each * walk.mean_time(), usual, accepted, 1 - accepted, 0.0)
    end = cap / games_each
    times = np.linspace(0, end, TIME_STEPS + 1)[1:]
    lasting = np.concatenate([[1.0], walk.going_on(times)])
    mean = float((lasting[1:] + lasting[:-1]).sum() / 2 * end / TIME_STEPS)
    accepted, rejected = float(walk.absorbed_above(end)), float(walk.absorbed_below(end))
    left = max(1 - accepted - rejected, 0.0)
    return Expectation(elo, games_each * mean, min(usual, cap), accepted, rejected, left)


def true_score(test: Sprt, elo: float, jigos: float) -> float:
    """Expected score of a game between players who are `elo` apart in the units of the test's model."""
    if test.model == "logistic":
        return score_from_elo(elo)
    apart = elo / ELO_PER_DEVIATION
    return 0.5 + apart * math.sqrt((1 - jigos) / 4 / (1 + apart**2))


def outcome_chances(score: float, jigos: float, paired: bool) -> Floats:
    """`[5]` or `[3]`: chances of the outcomes of a pair or a game; fewer jigos where `score` leaves no room."""
    drawn = min(jigos, 2 * score, 2 - 2 * score)
    game = np.array([1 - score - drawn / 2, drawn, score - drawn / 2])
    return np.convolve(game, game) if paired else game


def _planned_walk(test: Sprt, chances: Floats) -> BoundedWalk:
    """The motion that a test's LLR follows, with bounds corrected for overshoot."""
    steps = test.log_ratios(np.maximum(chances, 1e-12)[None])[0]
    drift = float(chances @ steps)
    deviation = math.sqrt(float(chances @ (steps - drift) ** 2))
    beyond = OVERSHOOT * deviation
    return BoundedWalk(test.lower - beyond, test.upper + beyond, drift, deviation)


def _time_of_share(walk: BoundedWalk, share: float) -> float:
    """Time by which this share of tests has ended."""
    from scipy.optimize import brentq

    late = walk.mean_time()
    while float(walk.going_on(late)) > 1 - share:
        late *= 2
    return float(brentq(lambda time: float(walk.going_on(time)) - (1 - share), late * 1e-6, late))


# After a test


@dataclass(frozen=True, slots=True)
class StoppedEstimate:
    """The difference, allowing for when the test stopped. Logistic Elo, whatever the test's model."""

    elo: float
    """Median-unbiased: as often too high as too low."""
    low: float
    """Lower end of the 95 % interval; nothing here lies beyond ELO_REACH."""
    high: float
    los: float
    """Likelihood of superiority: the chance, were the players equal, of a worse ending than this."""
    past_bound: bool
    """The outcomes lie far beyond a bound: the test went on after its end, or did not look often enough."""

    def describe(self) -> str:
        """Describe it in one phrase: `+21.3 Elo (95 % interval -4.0 to +46.9; LOS 95.0 %)`."""
        bounds = f"{signed(self.low, 1)} to {signed(self.high, 1)}"
        return f"{signed(self.elo, 1)} Elo (95 % interval {bounds}; LOS {percent_sure(self.los)})"

    def as_dict(self) -> dict[str, object]:
        whole = asdict(self)
        return {"elo": self.elo, "ci": [self.low, self.high], **{k: whole[k] for k in ("los", "past_bound")}}


def after_stop(test: Sprt, counts: Sequence[float]) -> StoppedEstimate:
    """Estimate of the difference from outcome counts with which `test` stopped, or which a cap ended undecided.

    The LLR's drift and deviation under another true score come from its normal approximation, with the variance of the
    outcomes that was observed.
    """
    ending = _ending(test, np.maximum(np.array(counts, float), SMALLEST_COUNT))
    tail = (1 - CONFIDENCE) / 2
    return StoppedEstimate(
        elo=ending.elo_at(0.5),
        low=ending.elo_at(1 - tail),
        high=ending.elo_at(tail),
        los=ending.chance_of_worse(0.0),
        past_bound=ending.past_bound,
    )


@dataclass(frozen=True, slots=True)
class _Ending:
    """The end of a test, and what its LLR does under other differences."""

    test: Sprt
    score0: float
    """Expected score of H0; for normalized Elo, with the observed deviation."""
    score1: float
    variance: float
    """Variance of one unit's score."""
    time: float
    """Units; as many as it would have taken to reach the bound, where the LLR went beyond it."""
    level: float
    """The LLR, no further than its bounds."""
    past_bound: bool

    def chance_of_worse(self, elo: float) -> float:
        """Chance of a worse ending if the difference is `elo`."""
        score = score_from_elo(elo)
        width = self.score1 - self.score0
        drift = (score - (self.score0 + self.score1) / 2) * width / self.variance
        walk = BoundedWalk(self.test.lower, self.test.upper, drift, width / math.sqrt(self.variance))
        return walk.ends_worse(self.time, self.level)

    def elo_at(self, chance: float) -> float:
        """The difference under which a worse ending has this chance."""
        from scipy.optimize import brentq

        low, high = -ELO_REACH, ELO_REACH
        if self.chance_of_worse(low) < chance:
            return low
        if self.chance_of_worse(high) > chance:
            return high
        return float(brentq(lambda elo: self.chance_of_worse(elo) - chance, low, high, xtol=1e-9))


def _ending(test: Sprt, weights: Floats) -> _Ending:
    total = float(weights.sum())
    scores = np.linspace(0, 1, len(weights))
    mean = float(weights @ scores / total)
    variance = float(weights @ (scores - mean) ** 2 / total)
    score0, score1 = (
        _score_of_hypothesis(test, elo, variance, len(weights)) for elo in (test.elo0, test.elo1)
    )
    slope = (mean - (score0 + score1) / 2) * (score1 - score0) / variance
    level = min(max(slope * total, test.lower), test.upper)
    return _Ending(
        test,
        score0,
        score1,
        variance,
        time=total if level == slope * total else level / slope,
        level=level,
        past_bound=not PAST_BOUND * test.lower <= slope * total <= PAST_BOUND * test.upper,
    )


def _score_of_hypothesis(test: Sprt, elo: float, variance: float, outcomes: int) -> float:
    if test.model == "logistic":
        return score_from_elo(elo)
    games = (outcomes - 1) / 2
    return 0.5 + elo / ELO_PER_DEVIATION * math.sqrt(games * variance)
