"""The course of a match as a picture: how the estimate settled, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from lzeval.text.plots import BLUE, GREY, picture, require_matplotlib
from lzeval.text.wording import signed
from tournaments.rating.elo import EloEstimate
from tournaments.rating.two_players import head_to_head

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN_STEPS = 120
MARGIN_ELO = 40.0


class Step(NamedTuple):
    """The estimate after some games."""

    games: int
    found: EloEstimate


def course(games: Sequence[GameRecord], player: str, opponent: str) -> list[Step]:
    """The estimate of `player` over `opponent` after more and more games, in the order given."""
    mutual = [g for g in games if {g.black, g.white} == {player, opponent} and g.result.is_decided]
    stride = max(2, math.ceil(len(mutual) / SHOWN_STEPS / 2) * 2)
    ends = [*range(stride, len(mutual), stride), len(mutual)]
    return [Step(end, head_to_head(mutual[:end], player, opponent).difference) for end in ends if end]


def plot_course(games: Sequence[GameRecord], path: Path) -> None:
    """Draw the course of the match between the two players of `games` to `path` (.png, .svg or .pdf).

    Raises UserError where there are not exactly two players, or matplotlib is not installed.
    """
    require_matplotlib()
    players = list(dict.fromkeys(name for game in games for name in (game.black, game.white)))
    if len(players) != 2:
        raise UserError(f"a plot shows two players, and there are {len(players)}")
    steps = course(games, *players)
    if not steps:
        raise UserError("no decided games to plot")
    if steps[-1].found.score < 0.5:
        players.reverse()
        steps = [Step(step.games, step.found.reversed()) for step in steps]
    with picture(path) as axes:
        _draw(axes, steps, *players)


def _draw(axes: Axes, steps: Sequence[Step], player: str, opponent: str) -> None:
    last = steps[-1].found
    finite = [value for value in (last.elo, last.low, last.high, 0.0) if math.isfinite(value)]
    low, high = min(finite) - MARGIN_ELO, max(finite) + MARGIN_ELO
    at = [step.games for step in steps]
    lower = [max(step.found.low, low - 1000) for step in steps]
    upper = [min(step.found.high, high + 1000) for step in steps]
    axes.fill_between(at, lower, upper, color=BLUE, alpha=0.18, linewidth=0, label="95 % interval")
    axes.plot(at, [step.found.elo for step in steps], color=BLUE, linewidth=1.8, label="estimate")
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_ylim(low, high)
    axes.set_xlim(at[0], max(at[-1], at[0] + 1))
    axes.set_xlabel("games")
    axes.set_ylabel("Elo")
    axes.set_title(
        f"{player} over {opponent}: {signed(last.elo)} Elo ({signed(last.low)} to {signed(last.high)})",
        loc="left",
    )
    axes.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, -0.14), ncols=2, borderaxespad=0)
