"""Ratings of networks against the positions that they had been trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lzeval.errors import UserError
from lzeval.text.plots import GREY, picture, require_matplotlib
from tournaments.pool.networks import Network
from tournaments.pool.rating import Rated

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#1f5f99", "#b5541c", "#3b7d3b", "#7b4b94", "#8c6d1f", "#2f8a8a")


@dataclass(frozen=True)
class Point:
    """A checkpoint and its rating."""

    network: str
    run: str
    positions: int
    elo: float | None
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def over_time(rated: Rated, networks: Sequence[Network]) -> list[Point]:
    """Every network whose training is known, by run and then by positions."""
    points = []
    for network in networks:
        rating = rated.rating(network.name)
        if network.positions is None:
            continue
        found: tuple[float | None, float | None, float | None] = (None, None, None)
        if rating is not None and rating.group == 1:
            found = rating.elo, rating.low, rating.high
        points.append(Point(network.name, network.run or "", network.positions, *found))
    return sorted(points, key=lambda point: (point.run, point.positions, point.network))


def plot_over_time(rated: Rated, networks: Sequence[Network], path: Path) -> None:
    """Draw a line a run to `path` (.png, .svg or .pdf), and the other networks as levels.

    Raises UserError where there is nothing to draw, or matplotlib is not installed.
    """
    require_matplotlib()
    runs: dict[str, list[Point]] = defaultdict(list)
    for point in over_time(rated, networks):
        if point.elo is not None:
            runs[point.run].append(point)
    if not runs:
        raise UserError(
            "no rated network whose positions of training are known; add checkpoints, or --positions N"
        )
    with picture(path) as axes:
        _draw(axes, runs, rated)


def _draw(axes: Axes, runs: Mapping[str, Sequence[Point]], rated: Rated) -> None:
    for number, (run, points) in enumerate(runs.items()):
        elo = [point.elo for point in points if point.elo is not None]
        down = [0.0 if p.low is None or p.elo is None else p.elo - p.low for p in points]
        up = [0.0 if p.high is None or p.elo is None else p.high - p.elo for p in points]
        axes.errorbar(
            [point.positions for point in points],
            elo,
            yerr=[down, up],
            color=COLOURS[number % len(COLOURS)],
            marker="o",
            markersize=4,
            linewidth=1.6,
            elinewidth=1.0,
            capsize=2.5,
            label=run or "training",
        )
    drawn = {point.network for points in runs.values() for point in points}
    for row in rated.table.rows:
        rating = row.rating
        if rating.player not in drawn and rating.elo is not None and rating.group == 1:
            axes.axhline(rating.elo, color=GREY, linewidth=0.8, linestyle="--")
            axes.annotate(
                rating.player,
                (1, rating.elo),
                xycoords=("axes fraction", "data"),
                xytext=(-4, 2),
                textcoords="offset points",
                ha="right",
                color=GREY,
                fontsize=8,
            )
    axes.set_xlabel("positions trained")
    axes.set_ylabel("Elo, 95 % intervals")
    axes.ticklabel_format(axis="x", style="plain", useOffset=False)
    axes.legend(frameon=False, loc="lower right")
