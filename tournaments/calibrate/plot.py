"""The response curve as a picture: scores at each level, the curve with its band, and the setting with its interval."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from lzeval.text.plots import BLUE, GREY, INK, picture
from tournaments.calibrate.course import Course
from tournaments.calibrate.finding import Finding, amount, band, interval, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALLEST_MARK, LARGEST_MARK = 12.0, 160.0
"""Areas of the marks of a level with one pair, and of the one with the most, in square points."""
MOST_TICKS = 12


def plot_curve(course: Course, path: Path, player: str) -> None:
    """Draw to `path` (.png or .svg). Raises UserError where matplotlib is not installed, or it cannot be written."""
    found = course.finding()
    with picture(path) as axes:
        _draw(axes, course, found)
        value = f"beyond {found.whole}" if found.value is None else number(found.value)
        score = f"{100 * found.wanted:.0f} %"
        where = f"{amount(found.setting, value)} ({interval(found)})"
        axes.set_title(f"{player} scores {score} against {course.opponent} at {where}", loc="left")


def _draw(axes: Axes, course: Course, found: Finding) -> None:
    scale = course.scale
    places, scores = band(course.posterior)
    axes.fill_between(
        places, 100 * scores[:, 0], 100 * scores[:, 2], color=BLUE, alpha=0.18, linewidth=0, label="95 % band"
    )
    axes.plot(places, 100 * scores[:, 1], color=BLUE, linewidth=1.8, label="response curve")
    low, high = places[0], places[-1]
    ends = [
        edge if end is None else scale.position(end) for end, edge in ((found.low, low), (found.high, high))
    ]
    axes.axhline(100 * found.wanted, color=GREY, linewidth=0.8)
    axes.plot(
        ends, [100 * found.wanted] * 2, color=INK, linewidth=3, solid_capstyle="butt", label="95 % interval"
    )
    if found.value is not None:
        axes.plot(scale.position(found.value), 100 * found.wanted, "|", color=INK, markersize=14)
    most = max((level.pairs for level in found.levels), default=1)
    axes.scatter(
        [scale.position(level.value) for level in found.levels],
        [100 * level.score for level in found.levels],
        s=[SMALLEST_MARK + (LARGEST_MARK - SMALLEST_MARK) * level.pairs / most for level in found.levels],
        facecolors="none",
        edgecolors=INK,
        label="pairs at a level",
    )
    values = [level.value for level in course.levels]
    shown = values[:: math.ceil(len(values) / MOST_TICKS)]
    axes.set_xticks([scale.position(value) for value in shown], [str(value) for value in shown])
    axes.set_xlim(low - 0.2, high + 0.2)
    axes.set_ylim(-4, 104)
    axes.set_xlabel(found.setting)
    axes.set_ylabel("score, %")
    axes.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, -0.17), ncols=4, borderaxespad=0)
