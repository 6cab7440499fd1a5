"""The findings of a tuning event as the model has them: the best parameters, how sure that is, how flat the top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tournaments.plan.competition import Competition
from tournaments.tuning.monte_carlo import static_lines
from tournaments.tuning.surrogate import Estimate, Floats, spread_places

if TYPE_CHECKING:
    from tournaments.tuning.model_tuner import ModelTuner

DRAWS = 200
"""Functions that the results allow, for the range of the best place."""
DRAWN_AT = 500
STEPS = 101
"""Places along a parameter."""
MARGIN = 0.02
"""A win rate that is lower by less than this is as good."""


@dataclass(frozen=True)
class ParameterFinding:
    """One parameter, the others at their best."""

    code: str
    best: object
    """Engine parameter with the highest expected win rate."""
    likely: tuple[object, object]
    """Engine parameters between which the best is with 95 % probability."""
    flat: tuple[object, object]
    """Engine parameters between which the expected win rate is at most MARGIN below the best."""


@dataclass(frozen=True)
class Findings:
    """All parameters together."""

    games: int
    rate: Estimate
    """The win rate at the best place."""
    parameters: tuple[ParameterFinding, ...]

    def to_dict(self) -> dict[str, Any]:
        """The findings in JSON's values."""
        return {
            "games": self.games,
            "win_rate": round(self.rate.mean, 4),
            "win_rate_interval": [round(end, 4) for end in self.rate.interval],
            "best": {p.code: p.best for p in self.parameters},
            "best_between": {p.code: list(p.likely) for p in self.parameters},
            "within_2_percent": {p.code: list(p.flat) for p in self.parameters},
        }


@dataclass(frozen=True)
class Curve:
    """The response along one parameter, the others at their best."""

    shares: Floats
    """Places along the parameter's range, 0 to 1."""
    estimates: list[Estimate]


def curve(tuner: ModelTuner, place: Floats, dimension: int) -> Curve:
    shares = np.linspace(0, 1, STEPS)
    along = np.repeat(place[None], STEPS, axis=0)
    along[:, dimension] = shares
    return Curve(shares, tuner.settled().predict(along))


def findings(tuner: ModelTuner, competition: Competition) -> Findings | None:
    """None before the first game."""
    tuning = competition.tuning
    assert tuning is not None
    best = tuner.best_place()
    rate = tuner.best_estimate()
    if rate is None:
        return None
    random = np.random.default_rng(2)
    near = (best + random.normal(0, 0.1, (DRAWN_AT // 2, len(best)))).clip(0, 1)
    places = np.vstack([best[None], near, spread_places(len(best), DRAWN_AT // 2)])
    tops = places[tuner.settled().draw(places, DRAWS, random).argmax(axis=1)]
    found = []
    for dimension, parameter in enumerate(tuning.parameters):
        along = curve(tuner, best, dimension)
        start, end = _flat(along, float(best[dimension]), rate.mean - MARGIN)
        low, high = np.quantile(tops[:, dimension], [0.025, 0.975])
        span = parameter.high - parameter.low
        values = [
            parameter.engine_value(parameter.low + float(share) * span)
            for share in (best[dimension], low, high, start, end)
        ]
        found.append(
            ParameterFinding(parameter.code, values[0], (values[1], values[2]), (values[3], values[4]))
        )
    return Findings(len(tuner.places), rate, tuple(found))


def _flat(along: Curve, best: float, least: float) -> tuple[float, float]:
    """The places around `best` at which the expected win rate is `least` or more without a break."""
    high_enough = [estimate.mean >= least for estimate in along.estimates]
    start = end = round(best * (STEPS - 1))
    while start > 0 and high_enough[start - 1]:
        start -= 1
    while end < STEPS - 1 and high_enough[end + 1]:
        end += 1
    return float(along.shares[start]), float(along.shares[end])


def findings_text(tuner: ModelTuner, competition: Competition, opponent: str) -> str:
    """Report for people."""
    tuning = competition.tuning
    assert tuning is not None
    lines = [*static_lines("Model", competition)]
    of = "" if tuner.wanted is None else f"/{tuner.wanted}"
    lines += [f"{len(tuner.places)}{of} games played", ""]
    found = findings(tuner, competition)
    if found is not None:
        low, high = found.rate.interval
        lines.append(f"Best parameters: {tuning.text(tuner.best())}")
        lines.append(f"win rate there: {found.rate.mean:.1%}, 95 % interval {low:.1%} to {high:.1%}")
        for parameter, each in zip(tuning.parameters, found.parameters, strict=True):
            texts = [parameter.text(value) for value in (*each.likely, *each.flat)]
            lines.append(f"  the best is between {texts[0]} and {texts[1]} with 95 % probability")
            lines.append(f"  within {MARGIN:.0%} of its win rate: {texts[2]} to {texts[3]}")
        lines.append("")
    code = tuning.opponent
    return "\n".join([*lines, f"opponent ({code}): {opponent}" if opponent else f"opponent: {code}", ""])
