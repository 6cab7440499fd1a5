"""Pictures of what was measured of a network, and what all pictures of training share.

They need matplotlib, which is optional: the extra `plot`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lzeval.system.files import replacing, utf8
from lzeval.text.plots import BLUE, DPI, INK, check_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MUTED, GRID, PAPER, SAND = "#6e7781", "#dfe3e8", "#ffffff", "#c98a3a"
COLOURS = {"ink": INK, "muted": MUTED, "grid": GRID, "paper": PAPER, "blue": BLUE, "sand": SAND}
"""Colours by the names that a page's style sheet gives them."""
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.facecolor": PAPER,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "svg.fonttype": "none",
}
GUESSING = 0.25
"""The value's error / 4 of a network that always says even."""


def save(figure: Figure, path: Path) -> None:
    with replacing(path) as file:
        if path.suffix.lower() == ".svg":
            file.write(utf8(as_svg(figure, path.name)))
        else:
            figure.savefig(file, format=path.suffix.lower().lstrip("."), dpi=DPI)


def as_svg(figure: Figure, salt: str) -> str:
    """SVG, the same text for the same picture; `salt` keeps the names in it apart from those of another one."""
    from matplotlib import rc_context

    stream = io.StringIO()
    with rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        figure.savefig(
            stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    return stream.getvalue()


def short(number: float) -> str:
    """A number in few characters: `950`, `12.5k` or `1.6M`."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:g}"


# A network, measured


def plot_measurements(measurements: dict[str, Any], path: Path) -> None:
    """Draw the answer of `measure_network`: by game phase, and how far its winrates can be believed."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from trainer.runs.evaluate import describe

    check_plot(path)
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 4.4), layout="constrained")
        halves: Any = figure.subfigures(1, 2, width_ratios=(1.1, 1), wspace=0.06)
        left, right = halves
        top, bottom = left.subplots(2, 1, sharex=True)
        _draw_phases(top, bottom, measurements["phases"])
        curve, counts = right.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
        _draw_calibration(curve, counts, measurements)
        title = f"{describe(measurements['network'])}, {measurements['positions']:,} positions"
        figure.suptitle(title, x=0.012, ha="left", fontsize=11, color=INK)
        save(figure, path)


def _draw_phases(top: Axes, bottom: Axes, phases: dict[str, dict[str, Any]]) -> None:
    names = list(phases)
    accuracy = [phases[name]["top1"] * 100 for name in names]
    errors = [phases[name]["value_mse4"] for name in names]
    known = [place for place, error in enumerate(errors) if error is not None]
    top.plot(range(len(names)), accuracy, color=BLUE, marker="o", markersize=5)
    top.set_title("Best move is the one played, %")
    bottom.plot(known, [errors[place] for place in known], color=SAND, marker="o", markersize=5)
    bottom.axhline(GUESSING, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    bottom.annotate(
        "always even", (1, GUESSING), xycoords=("axes fraction", "data"), xytext=(0, 3),
        textcoords="offset points", ha="right", va="bottom", color=MUTED, fontsize=8,
    )  # fmt: skip
    bottom.set_title("Squared error of the value / 4")
    bottom.set_xticks(range(len(names)), names)
    bottom.set_xlabel("moves played")
    bottom.set_xlim(-0.4, len(names) - 0.6)
    _room(top, accuracy, 2.0)
    _room(bottom, [error for error in errors if error is not None] + [GUESSING], 0.01)
    for axes, text, values in ((top, "{:.1f}", accuracy), (bottom, "{:.3f}", errors)):
        axes.grid(visible=False, axis="x")
        _label_points(axes, text, values)


def _room(axes: Axes, values: Sequence[float], least: float) -> None:
    """Limits that leave room for labels, and do not make a mountain out of rounding."""
    low, high = min(values), max(values)
    margin = max(least, (high - low) * 0.3)
    axes.set_ylim(max(0, low - margin), high + margin)


def _label_points(axes: Axes, text: str, values: Sequence[float | None]) -> None:
    """Write each value where the line to its neighbours leaves room."""
    for place, value in enumerate(values):
        if value is None:
            continue
        before = values[place - 1] if place else None
        after = values[place + 1] if place + 1 < len(values) else None
        rises = (before is not None and before < value) - (before is not None and before > value)
        goes_on = (after is not None and after > value) - (after is not None and after < value)
        side = rises + goes_on if rises * goes_on >= 0 else 0  # 0 on a peak and in a valley
        below = rises <= 0 <= goes_on and rises != goes_on
        shift = (0, -7) if below else (-4 * np.sign(side), 6)
        axes.annotate(
            text.format(value), (place, value), xytext=shift, textcoords="offset points", fontsize=8, color=INK,
            ha="center" if below or not side else "right" if side > 0 else "left", va="top" if below else "bottom",
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip


def _draw_calibration(curve: Axes, counts: Axes, measurements: dict[str, Any]) -> None:
    bins = measurements["calibration"]
    filled = [found for found in bins if found["count"]]
    curve.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    curve.plot(
        [found["predicted"] * 100 for found in filled],
        [found["won"] * 100 for found in filled],
        color=BLUE,
        marker="o",
        markersize=5,
    )
    error = measurements["calibration_error"]
    curve.set_title("Won, % of positions given that winrate")
    off = "no decided games" if error is None else f"calibration error {error:.1%}"
    curve.annotate(off, (0.03, 0.96), xycoords="axes fraction", va="top", color=INK)
    curve.annotate(
        "dashed: no error", (0.03, 0.88), xycoords="axes fraction", va="top", color=MUTED, fontsize=8
    )
    curve.set_xlim(0, 100)
    curve.set_ylim(0, 100)
    curve.set_yticks(range(0, 101, 20))
    centres = [(found["low"] + found["high"]) * 50 for found in bins]
    counts.bar(centres, [found["count"] for found in bins], width=9, color=BLUE, alpha=0.35)
    for centre, found in zip(centres, bins, strict=True):
        counts.annotate(
            short(found["count"]), (centre, found["count"]), xytext=(0, 2), textcoords="offset points",
            ha="center", va="bottom", fontsize=8, color=INK,
        )  # fmt: skip
    counts.set_ylim(0, max(1, *(found["count"] for found in bins)) * 1.45)
    counts.set_yticks([])
    counts.spines["left"].set_visible(False)
    counts.grid(visible=False)
    counts.set_xticks(range(0, 101, 20))
    counts.set_title("positions", fontsize=8, fontweight="normal", color=MUTED, pad=2)
    counts.set_xlabel("winrate given to the side to move, %")
