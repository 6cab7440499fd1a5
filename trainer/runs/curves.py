"""Pictures of a run as it learned, over the positions it trained on, with matplotlib."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lzeval.compiled.arrays import Floats
from lzeval.errors import UserError
from lzeval.text.plots import BLUE, INK, check_plot
from trainer.runs.folders import TrainingRun
from trainer.runs.logs import LOWER_IS_BETTER, NOTHING, Series
from trainer.runs.plots import (
    COLOURS,
    GUESSING,
    MUTED,
    PAPER,
    SAND,
    STYLE,
    as_svg,
    save,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMOOTHED_SHARE = 0.04
"""Share of a run that the moving mean of its batches spans, before and after."""
FEWEST_SMOOTHED = 7
"""Batches that it looks at in each direction at least, where a quarter of the run has as many."""
BEGINNING_SHARE = 0.05
"""Share of a run that may lie outside of the picture: it falls from far above."""
SENSELESS = 1e6
"""A measure as large as this is of a run that diverged, and would hide all others."""
DRAWN_POINTS = 400
"""Most points of a curve: more batches are drawn as means of several."""


class _Panel(NamedTuple):
    measure: str
    title: str
    factor: float
    text: Callable[[float], str]


PANELS = (
    _Panel("policy_loss", "Policy loss, nats", 1, "{:.3f}".format),
    _Panel("top1", "Best move is the one played, %", 100, "{:.1f}".format),
    _Panel("value_mse4", "Squared error of the value / 4", 1, "{:.4f}".format),
)


def plot_run(run: TrainingRun, path: Path) -> None:
    """Draw a run's curves over the positions it trained on. Raises UserError if it has measured nothing yet."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    check_plot(path)
    require_curves(run)
    with rc_context(STYLE):
        figure = Figure(figsize=(11, 3.6), layout="constrained")
        for axes, panel in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
            _draw_panel(axes, run, panel)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower right", ncols=3, borderaxespad=0)
        positions = "" if run.positions is None else f", {run.positions:,} positions"
        title = f"{run.name}: {run.network}{positions}, {run.state.value}"
        figure.suptitle(title, x=0.008, ha="left", fontsize=11, color=INK)
        save(figure, path)


def require_curves(run: TrainingRun) -> None:
    """Raise UserError if there is nothing to draw."""
    series = [part.get(panel.measure, NOTHING) for part in (run.train, run.holdout) for panel in PANELS]
    if not any(np.isfinite(found.values).any() for found in series):
        raise UserError(f"{run.folder}: nothing was measured yet, so there is nothing to draw")


def run_as_svgs(run: TrainingRun) -> dict[str, str]:
    """Each panel's picture by its title, as SVG to be put into a page.

    Colours and the font are the page's: `var(--ink)` and so on, by the names in `COLOURS`, and `var(--font)`.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    pictures = {}
    for panel in PANELS:
        with rc_context(STYLE):
            figure = Figure(figsize=(5.4, 3.4), layout="constrained")
            axes = figure.subplots()
            figure.patch.set_visible(False)
            axes.patch.set_visible(False)
            _draw_panel(axes, run, panel)
            axes.set_title("")
            pictures[panel.title] = _for_a_page(as_svg(figure, panel.measure), panel.title)
    return pictures


def _for_a_page(svg: str, title: str) -> str:
    """`svg` as wide as its place, without names that another picture has as well."""
    head, body = svg[svg.index("<svg") :].split(">", 1)
    head = re.sub(r' (width|height|version|xmlns)="[^"]*"', "", head)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r'font-family: [^;"]*', "font-family: var(--font)", body)
    body = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 var(--font)", body)
    for name, colour in COLOURS.items():
        body = body.replace(colour, f"var(--{name})")
    return f'{head} role="img" aria-label="{title} over positions">{body.strip()}'


def _draw_panel(axes: Axes, run: TrainingRun, panel: _Panel) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    train = _finite(run.train.get(panel.measure, NOTHING), panel.factor)
    holdout = _finite(run.holdout.get(panel.measure, NOTHING), panel.factor)
    smooth = smoothed(train)
    thin = _thinned(train)
    axes.plot(
        thin.positions, thin.values, color=MUTED, alpha=0.45, linewidth=0, marker=".", markersize=4,
        markeredgewidth=0, label="batches",
    )  # fmt: skip
    axes.plot(smooth.positions, smooth.values, color=SAND, linewidth=1.6, label="train, smoothed")
    axes.plot(
        holdout.positions,
        holdout.values,
        color=BLUE,
        linewidth=1.8,
        marker="o",
        markersize=4,
        label="holdout",
    )
    best = holdout.best(LOWER_IS_BETTER[panel.measure])
    if panel.measure == "value_mse4":
        axes.axhline(GUESSING, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    if best is not None:
        value, at = best
        below = LOWER_IS_BETTER[panel.measure]
        axes.annotate(
            f"best {panel.text(value)}", (at, value), xytext=(0, -8 if below else 8), fontsize=8, color=BLUE,
            textcoords="offset points", ha="right", va="top" if below else "bottom",
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
        )  # fmt: skip
    axes.set_title(panel.title)
    axes.set_xlabel("positions")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: short(x)))
    axes.set_xlim(left=0)
    limits = _limits(thin, smooth, holdout)
    if limits is not None:
        axes.set_ylim(*limits)


def _finite(series: Series, factor: float) -> Series:
    known = np.abs(series.values) < SENSELESS  # false for NaN
    return Series(series.positions[known], series.values[known] * factor)


def smoothed(series: Series) -> Series:
    """The mean of what lies around.

    At its beginning, where a run learns fast, it looks as far ahead as back; at its end it looks back as far as ever.
    """
    count = len(series.values)
    reach = max(round(count * SMOOTHED_SHARE), min(FEWEST_SMOOTHED, count // 4))
    places = np.arange(count)
    first, end = np.maximum(places - reach, 0), np.minimum(places + np.minimum(reach, places) + 1, count)
    sums = np.concatenate([[0.0], np.cumsum(series.values)])
    return Series(series.positions, (sums[end] - sums[first]) / (end - first))


def _thinned(series: Series) -> Series:
    group = -(-len(series.values) // DRAWN_POINTS)
    if group <= 1:
        return series
    starts = np.arange(0, len(series.values), group)
    sizes = np.diff([*starts, len(series.values)])
    return Series(*(np.add.reduceat(part, starts) / sizes for part in (series.positions, series.values)))


def _limits(batches: Series, smooth: Series, holdout: Series) -> tuple[float, float] | None:
    """Limits of an axis: most batches, and the curves whole, but for the run's beginning."""
    end = max((part.positions.max() for part in (batches, holdout) if len(part.positions)), default=0.0)
    later = [part.values[part.positions >= end * BEGINNING_SHARE] for part in (smooth, holdout)]
    spread: Floats = batches.values[batches.positions >= end * BEGINNING_SHARE]
    values = np.concatenate([*later, np.quantile(spread, [0.02, 0.98]) if len(spread) else spread])
    if not len(values):
        return None
    low, high = float(values.min()), float(values.max())
    margin = max((high - low) * 0.12, abs(high) * 1e-3, 1e-6)
    return low - margin, high + margin
