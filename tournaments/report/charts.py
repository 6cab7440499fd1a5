"""Charts as inline SVG that keeps its text readable at any width.

Lines and areas are drawn in stretched coordinates of 0 to SPAN with strokes that do not stretch; text is HTML
beside them. Colours are the style sheet's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lzeval.text.wording import counted
from tournaments.rating.bradley_terry import Rating
from tournaments.report.formatting import elo, interval_of
from tournaments.report.markup import Html, joined, tag
from tournaments.report.over_time import Step
from tournaments.report.summary import LengthBin

SPAN = 1000
TICK_STEPS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000)
SETTLED = 0.15
"""The part of the games after which an interval has to fit the chart; earlier ones may leave it."""


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


def scale_over(values: Iterable[float], most_ticks: int = 6) -> Scale:
    """An axis with round ticks that holds all finite `values`."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    if high - low < 2:
        low, high = low - 1, high + 1
    step = next((step for step in TICK_STEPS if (high - low) / step <= most_ticks - 1), TICK_STEPS[-1])
    start, end = math.floor(low / step) * step, math.ceil(high / step) * step
    return Scale(start, end, tuple(float(tick) for tick in range(start, end + 1, step)))


# Ratings


def rating_chart(ratings: Sequence[Rating], *, with_zero: bool = True) -> Html:
    """A line for each player: the rating as a dot, its 95 % interval as a bar; an open end means no bound.

    Elo 0 is on the axis only if it says something.
    """
    bounds = [v for r in ratings for v in (r.elo, r.low, r.high) if v is not None]
    scale = scale_over([*bounds, 0.0] if with_zero else bounds)
    rows = [tag("div", tag("span", r.player, class_="who"), _interval_svg(r, scale)) for r in ratings]
    ticks = joined(_tick(scale.left(tick), elo(tick)) for tick in scale.ticks)
    axis = tag("div", tag("span", class_="who"), tag("div", ticks, class_="ticks"), class_="axis")
    return tag("div", *rows, axis, class_="dots", role="img", aria_label="Ratings with 95 % intervals")


def _interval_svg(rating: Rating, scale: Scale) -> Html:
    grid = joined(
        _line(scale.left(tick), scale.left(tick), "0", "100%", "zero" if tick == 0 else "grid")
        for tick in scale.ticks
    )
    title = tag("title", f"{rating.player}: {elo(rating.elo)} Elo, {interval_of(rating)}")
    marks = Html("")
    if rating.low is not None or rating.high is not None:
        left = scale.left(scale.low if rating.low is None else rating.low)
        right = scale.left(scale.high if rating.high is None else rating.high)
        is_open = rating.low is None or rating.high is None
        marks = _line(left, right, "50%", "50%", "unbounded" if is_open else "bar")
    if rating.elo is not None:
        marks = joined([marks, tag("circle", cx=scale.left(rating.elo), cy="50%", r=5, class_="dot")])
    return tag("svg", title, grid, marks, class_="track")


def _line(x1: str, x2: str, y1: str, y2: str, kind: str) -> Html:
    return tag("line", x1=x1, x2=x2, y1=y1, y2=y2, class_=kind)


def _tick(left: str, text: str) -> Html:
    return tag("span", text, style=f"left:{left}")


# Courses


def course_scale(courses: Iterable[Sequence[Step]]) -> Scale:
    """Of Elo, for charts that are compared with each other."""
    values = [0.0]
    for steps in courses:
        settled = [s for s in steps if s.units >= SETTLED * steps[-1].units]
        values += [value for step in settled for value in (step.elo, step.low, step.high)]
    return scale_over(values)


def course_chart(steps: Sequence[Step], scale: Scale, unit: str, label: str) -> Html:
    """The estimate as a line in the band of its interval, over the number of games or pairs."""
    across = scale_over([0, steps[-1].units], 5)
    across = Scale(0, steps[-1].units, tuple(t for t in across.ticks if t <= steps[-1].units))
    upper = [(across.share(s.units), scale.share(s.high)) for s in steps]
    lower = [(across.share(s.units), scale.share(s.low)) for s in steps]
    middle = [(across.share(s.units), scale.share(s.elo)) for s in steps]
    drawing = joined(
        [
            *(_level(scale.share(tick), "zero" if tick == 0 else "grid") for tick in scale.ticks),
            tag("polygon", points=_points([*upper, *reversed(lower)]), class_="band"),
            tag("polyline", points=_points(middle), class_="line"),
        ]
    )
    levels = [_level_label(scale.share(tick), elo(tick)) for tick in scale.ticks]
    return _plot(drawing, levels, [(across.left(t), f"{t:,.0f}") for t in across.ticks], unit, label)


def _points(at: Iterable[tuple[float, float]]) -> str:
    """`at` counts from the lower left corner, 0 to 1."""
    return " ".join(f"{SPAN * x:.1f},{SPAN * (1 - y):.1f}" for x, y in at)


def _level(share: float, kind: str) -> Html:
    y = f"{SPAN * (1 - share):.1f}"
    return _line("0", str(SPAN), y, y, kind)


def _level_label(share: float, text: str) -> Html:
    return tag("span", text, style=f"top:{100 * (1 - share):.2f}%")


def _plot(
    drawing: Html, levels: Iterable[Html], horizontal: Iterable[tuple[str, str]], unit: str, label: str
) -> Html:
    svg = tag("svg", drawing, viewBox=f"0 0 {SPAN} {SPAN}", preserveAspectRatio="none", class_="area")
    return tag(
        "div",
        tag("div", *levels, class_="levels"),
        svg,
        tag("div", *(_tick(left, text) for left, text in horizontal), class_="ticks"),
        tag("div", unit, class_="unit"),
        class_="plot",
        role="img",
        aria_label=label,
    )


# Lengths

Side = tuple[str, str]
"""What winners are called, and the class of their colour."""


def length_chart(bins: Sequence[LengthBin], sides: Sequence[Side]) -> Html:
    """Games by their number of moves, each column split by which of the two `sides` won."""
    vertical = scale_over([0, max(b.games for b in bins)], 5)
    width = SPAN / len(bins)
    columns = [_column(b, place * width, width, vertical, sides) for place, b in enumerate(bins)]
    grid = [_level(vertical.share(tick), "grid") for tick in vertical.ticks]
    labels = [(f"{100 * place / len(bins):.2f}%", str(b.start)) for place, b in enumerate(bins)]
    shown = [*labels, ("100%", str(bins[-1].end))]
    every = math.ceil(len(shown) / 8)
    drawing = joined([*grid, *columns])
    levels = [_level_label(vertical.share(tick), f"{tick:,.0f}") for tick in vertical.ticks]
    return _plot(drawing, levels, shown[::every], "moves", "Games by length and winner")


def _column(found: LengthBin, x: float, width: float, scale: Scale, sides: Sequence[Side]) -> Html:
    parts, below = [], 0
    counts = (found.first, found.second, found.jigos)
    for count, (_, kind) in zip(counts, (*sides, ("", "jigo")), strict=True):
        top, bottom = scale.share(below + count), scale.share(below)
        below += count
        if count:
            parts.append(
                tag(
                    "rect",
                    x=f"{x + width * 0.08:.1f}",
                    width=f"{width * 0.84:.1f}",
                    y=f"{SPAN * (1 - top):.1f}",
                    height=f"{SPAN * (top - bottom):.1f}",
                    class_=kind,
                )
            )
    won = ", ".join(f"{name} {count}" for (name, _), count in zip(sides, counts[:2], strict=True))
    title = f"{found.start} to {found.end - 1} moves: {counted(found.games, 'game')}; won by {won}"
    return tag("g", tag("title", title), *parts)


# Shares


def share_bar(parts: Sequence[tuple[str, int, str]]) -> Html:
    """One bar of counts `(label, count, kind)` as parts of their sum; `kind` is a class of the style sheet."""
    total = sum(count for _, count, _ in parts) or 1
    start, pieces = 0.0, []
    for label, count, kind in parts:
        width = 100 * count / total
        if count:
            title = tag("title", f"{label}: {count}")
            pieces.append(
                tag("rect", title, x=f"{start:.2f}%", width=f"{width:.2f}%", height="100%", class_=kind)
            )
        start += width
    label = ", ".join(f"{label} {count}" for label, count, _ in parts)
    return tag("svg", *pieces, class_="share", role="img", aria_label=label)
