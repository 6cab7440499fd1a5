"""Geometry of a page's charts; the template `charts.html` draws them.

Across, places are in percent of the width. Areas have coordinates of 0 to SPAN, from the upper left corner.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lzeval.text.wording import counted
from tournaments.rating.bradley_terry import Rating
from tournaments.report.over_time import Step
from tournaments.report.summary import LengthBin

SPAN = 1000
TICK_STEPS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000)
SETTLED = 0.15
"""The part of the games after which an interval has to fit the chart; earlier ones may leave it."""
MOST_LABELS = 8
"""Labels of numbers of moves."""


@dataclass(frozen=True)
class Scale:
    """Values along an axis."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """0 at the lower end, 1 at the upper; values beyond stay at the ends."""
        return min(max((value - self.low) / (self.high - self.low), 0), 1)

    def left(self, value: float) -> str:
        return f"{100 * self.share(value):.2f}%"

    def top(self, value: float) -> str:
        return f"{100 * (1 - self.share(value)):.2f}%"

    def x(self, value: float) -> str:
        return f"{SPAN * self.share(value):.1f}"

    def y(self, value: float) -> str:
        return f"{SPAN * (1 - self.share(value)):.1f}"


def scale_over(values: Iterable[float], most_ticks: int = 6) -> Scale:
    """An axis with round ticks that holds all finite `values`."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    if high - low < 2:
        low, high = low - 1, high + 1
    step = next((step for step in TICK_STEPS if (high - low) / step <= most_ticks - 1), TICK_STEPS[-1])
    start, end = math.floor(low / step) * step, math.ceil(high / step) * step
    return Scale(start, end, tuple(float(tick) for tick in range(start, end + 1, step)))


def rating_scale(ratings: Sequence[Rating], *, with_zero: bool = True) -> Scale:
    """An axis of Elo that holds ratings and intervals; with 0 only if that says something."""
    bounds = [value for r in ratings for value in (r.elo, r.low, r.high) if value is not None]
    return scale_over([*bounds, 0.0] if with_zero else bounds)


def course_scale(courses: Iterable[Sequence[Step]]) -> Scale:
    """An axis of Elo for courses that are compared with each other."""
    values = [0.0]
    for steps in courses:
        settled = [step for step in steps if step.units >= SETTLED * steps[-1].units]
        values += [value for step in settled for value in (step.elo, step.low, step.high)]
    return scale_over(values)


@dataclass(frozen=True)
class Course:
    """An estimate over the number of games or pairs, as a line in the band of its interval."""

    name: str
    label: str
    unit: str
    scale: Scale
    axis: list[tuple[str, str]]
    """Place from the left, and number of units."""
    band: str
    """Corners of the polygon."""
    line: str


def course_chart(steps: Sequence[Step], scale: Scale, unit: str, name: str, label: str) -> Course:
    across = scale_over([0, steps[-1].units], 5)
    across = Scale(0, steps[-1].units, tuple(tick for tick in across.ticks if tick <= steps[-1].units))

    def points(values: Iterable[tuple[int, float]]) -> str:
        return " ".join(f"{across.x(units)},{scale.y(value)}" for units, value in values)

    upper, lower = ([(s.units, s.high) for s in steps], [(s.units, s.low) for s in reversed(steps)])
    return Course(
        name,
        label,
        unit,
        scale,
        axis=[(across.left(tick), f"{tick:,.0f}") for tick in across.ticks],
        band=points([*upper, *lower]),
        line=points((s.units, s.elo) for s in steps),
    )


class Column(NamedTuple):
    """Games of a range of lengths."""

    title: str
    x: str
    width: str
    parts: list[tuple[str, str, str]]
    """Class of the style sheet, y and height, from below."""


@dataclass(frozen=True)
class Histogram:
    """Games by their number of moves, each column split by who won."""

    scale: Scale
    axis: list[tuple[str, str]]
    """Place from the left, and number of moves."""
    columns: list[Column]
    key: list[tuple[str, str]]
    """Text, and class of the style sheet."""


def length_chart(bins: Sequence[LengthBin], sides: Sequence[tuple[str, str]]) -> Histogram:
    """`sides`: what winners are called, and the class of their colour."""
    scale = scale_over([0, max(b.games for b in bins)], 5)
    axis = [(f"{100 * place / len(bins):.2f}%", str(b.start)) for place, b in enumerate(bins)]
    axis.append(("100%", str(bins[-1].end)))
    key = [(f"{name} won", kind) for name, kind in sides]
    if any(b.jigos for b in bins):
        key.append(("jigo", "jigo"))
    columns = [_column(b, place, len(bins), scale, sides) for place, b in enumerate(bins)]
    return Histogram(scale, axis[:: math.ceil(len(axis) / MOST_LABELS)], columns, key)


def _column(
    found: LengthBin, place: int, columns: int, scale: Scale, sides: Sequence[tuple[str, str]]
) -> Column:
    parts, below = [], 0
    counts = (found.first, found.second, found.jigos)
    for count, (_, kind) in zip(counts, (*sides, ("", "jigo")), strict=True):
        bottom, below = below, below + count
        if count:
            height = SPAN * (scale.share(below) - scale.share(bottom))
            parts.append((kind, scale.y(below), f"{height:.1f}"))
    won = ", ".join(f"{name} {count}" for (name, _), count in zip(sides, counts[:2], strict=True))
    title = f"{found.start} to {found.end - 1} moves: {counted(found.games, 'game')}; won by {won}"
    width = SPAN / columns
    return Column(title, f"{place * width + width * 0.08:.1f}", f"{width * 0.84:.1f}", parts)


class Share(NamedTuple):
    """A part of a bar, in percent of its length."""

    title: str
    start: str
    width: str
    kind: str


class ShareBar(NamedTuple):
    """Counts as parts of their sum, in one bar."""

    label: str
    parts: list[Share]


def share_bar(counts: Sequence[tuple[str, int, str]]) -> ShareBar:
    """A bar of counts: `(label, count, class of the style sheet)`."""
    total = sum(count for _, count, _ in counts) or 1
    start, parts = 0.0, []
    for label, count, kind in counts:
        width = 100 * count / total
        if count:
            parts.append(Share(f"{label}: {count}", f"{start:.2f}%", f"{width:.2f}%", kind))
        start += width
    return ShareBar(", ".join(f"{label} {count}" for label, count, _ in counts), parts)
