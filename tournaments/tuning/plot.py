"""The response to each parameter as a picture: the expected win rate, how sure it is, and where games were played."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lzeval.errors import UserError
from lzeval.text.plots import BLUE, GREY, INK, pictures
from tournaments.plan.competition import Competition
from tournaments.plan.tuning import TuningParameter
from tournaments.tuning.findings import STEPS, curve
from tournaments.tuning.model_tuner import ModelTuner

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEAR = 0.2
"""Games count for a dot if their other parameters are no further than this from the best, as a share of the range."""
BINS = 12
LABELS = 6


def plot_response(tuner: ModelTuner, competition: Competition, path: Path) -> None:
    """Draw a curve for each parameter, the others at their best, to `path` (.png or .svg). Raises UserError."""
    tuning = competition.tuning
    assert tuning is not None
    if not tuner.places:
        raise UserError("there are no games to plot yet")
    with pictures(path, len(tuning.parameters)) as panels:
        for dimension, (axes, parameter) in enumerate(zip(panels, tuning.parameters, strict=True)):
            _draw(axes, tuner, parameter, dimension)
        panels[-1].legend(
            frameon=False, loc="upper right", bbox_to_anchor=(1, -0.2), ncols=4, borderaxespad=0
        )


def _draw(axes: Axes, tuner: ModelTuner, parameter: TuningParameter, dimension: int) -> None:
    best = tuner.best_place()
    along = curve(tuner, best, dimension)
    span = parameter.high - parameter.low
    values = [parameter.engine_value(parameter.low + float(share) * span) for share in along.shares]
    across = _numbers(values)
    bounds = np.array([estimate.interval for estimate in along.estimates])
    axes.fill_between(
        across, bounds[:, 0], bounds[:, 1], color=BLUE, alpha=0.18, linewidth=0, label="95 % interval"
    )
    means = [estimate.mean for estimate in along.estimates]
    axes.plot(across, means, color=BLUE, linewidth=1.8, label="expected win rate")
    at = round(float(best[dimension]) * (STEPS - 1))
    axes.axvline(across[at], color=INK, linewidth=0.8, linestyle=":", label="best")
    axes.axhline(0.5, color=GREY, linewidth=0.8)
    _dots(axes, tuner, dimension, across)
    if across == [*range(STEPS)]:
        places = [round(place * (STEPS - 1) / (LABELS - 1)) for place in range(LABELS)]
        axes.set_xticks(places, [parameter.text(values[place]) for place in places])
    elif across[0] > 0 and abs(across[STEPS // 2] ** 2 / (across[0] * across[-1]) - 1) < 0.01:
        axes.set_xscale("log")
        for axis_ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            axis_ticks("{x:g}")
    axes.set_xlim(across[0], across[-1])
    axes.set_ylim(0, 1)
    axes.set_xlabel(parameter.code)
    axes.set_ylabel("win rate")
    axes.set_title(parameter.text(values[at]), loc="left")


def _numbers(values: Sequence[object]) -> list[float]:
    """The values where they are numbers that grow; if not, their places."""
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    grows = len(numbers) == len(values) and all(a <= b for a, b in pairwise(numbers))
    return numbers if grows and numbers[0] < numbers[-1] else list(map(float, range(len(values))))


def _dots(axes: Axes, tuner: ModelTuner, dimension: int, across: Sequence[float]) -> None:
    """The share of games won in each part of the range, the larger the more games."""
    places, points = np.array(tuner.places), np.array(tuner.points)
    away = np.abs(places - tuner.best_place())
    away[:, dimension] = 0
    near = (away <= NEAR).all(axis=1)
    bins = (places[near, dimension].clip(0, 1 - 1e-9) * BINS).astype(int)
    for number in np.unique(bins):
        here = bins == number
        at = round(float(places[near, dimension][here].mean().clip(0, 1)) * (STEPS - 1))
        size = 6 + 60 * here.mean()
        label = "games" if number == bins.min() else None
        axes.scatter(
            [across[at]], [points[near][here].mean()], s=size, color=GREY, alpha=0.8, label=label, zorder=3
        )
