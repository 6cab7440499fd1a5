"""Everybody against everybody: how far apart, and how likely in that order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lzeval.text.terminal import Column, ScreenTable, name_column, say_prose
from lzeval.text.wording import signed
from tournaments.rating.bradley_terry import Ratings
from tournaments.rating.elo import percent_sure
from tournaments.rating.residuals import Residuals
from tournaments.rating.results_array import Floats
from tournaments.rating.two_players import Gap

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_PLAYERS = 12
"""On a terminal, if it is wide enough."""
LOPSIDED = 1.5
"""How many times as far an interval reaches on one side, for both sides to be printed."""


@dataclass(frozen=True)
class Comparisons:
    """Differences between `n` players of one group; `[n, n]` each, the player of the row over that of the column."""

    players: tuple[str, ...]
    elo: Floats
    low: Floats
    """Lower ends of 95 % intervals."""
    high: Floats
    superiority: Floats
    """Likelihood that the player of the row is the stronger one: above 97.5 % exactly where `low` is above 0."""

    def of(self, players: Sequence[str]) -> Comparisons:
        """The same for some of the players, in this order."""
        places = [self.players.index(name) for name in players]
        rows = np.ix_(places, places)
        return Comparisons(
            tuple(players), self.elo[rows], self.low[rows], self.high[rows], self.superiority[rows]
        )

    def as_dict(self) -> dict[str, object]:
        """Matrices as lists of rows; None for what is infinite."""
        content: dict[str, object] = {"players": list(self.players)}
        for name in ("elo", "low", "high", "superiority"):
            values = np.round(getattr(self, name), 4)
            rows = values.tolist()
            if not np.isfinite(values).all():
                rows = [[value if np.isfinite(value) else None for value in row] for row in rows]
            content[{"low": "low_95", "high": "high_95"}.get(name, name)] = rows
        return content


def compare_all(pool: Ratings) -> Comparisons | None:
    """The players of group 1, strongest first; None if there is no such group."""
    from scipy.special import ndtr, stdtr

    group = pool.main
    if group is None:
        return None
    order = np.argsort(-group.elo, kind="stable")
    elo = group.elo[order][:, None] - group.elo[order]
    errors = group.difference_errors()[np.ix_(order, order)]
    towards_0 = np.where(elo > 0, errors, errors.T)
    ratio = np.divide(elo, towards_0, out=np.zeros_like(elo), where=towards_0 > 0)
    sure = (ndtr(ratio) if np.isinf(group.freedom) else stdtr(group.freedom, ratio)).astype(np.float64)
    reach = group.quantile * errors
    members = pool.members
    return Comparisons(tuple(members[place] for place in order), elo, elo - reach, elo + reach.T, sure)


def compare_two(gap: Gap) -> Comparisons:
    """The two players of a match, the one who scored more first: its headline once more."""

    def square(upper: float, lower: float, own: float = 0.0) -> Floats:
        return np.array([[own, upper], [lower, own]])

    return Comparisons(
        (gap.player, gap.opponent),
        square(gap.elo, -gap.elo),
        square(gap.low, -gap.high),
        square(gap.high, -gap.low),
        square(gap.superiority, 1 - gap.superiority, 0.5),
    )


def render_matrix(found: Comparisons | None, residuals: Residuals | None, console: Console) -> None:
    """Print as many players against each other as fit, and whether results go beyond the ratings."""
    if found is None:
        say_prose("The games connect no players both ways: there are no differences to show.", console)
        return
    shown, table = _fitting(found, console)
    console.print(table)
    words = (
        "Right of the diagonal: Elo of the row over the column, and half the width of its 95 % interval (how far down "
        "and up it reaches, where that differs). Left of it: likelihood, in percent, that the column is stronger."
    )
    if len(found.players) > len(shown.players):
        words += (
            f" The first {len(shown.players)} of {len(found.players)} players; --json and --report have all."
        )
    say_prose(words, console)
    if residuals is not None and not residuals.surprising:
        for line in residuals.sentences():
            say_prose(line, console)


def reach_of(elo: float, low: float, high: float) -> str:
    """How far an interval reaches from `elo`: `±40`, or `-90 +300` where that differs by half and more."""
    below, above = elo - low, high - elo
    if max(below, above) < LOPSIDED * min(below, above) or np.isinf(high - low):
        return f"±{(high - low) / 2:.0f}"
    return f"{signed(-below)} {signed(above)}"


def _fitting(found: Comparisons, console: Console) -> tuple[Comparisons, ScreenTable]:
    """The first players, as many as there is room for but two at least, and their table."""
    for number in range(min(SHOWN_PLAYERS, len(found.players)), 2, -1):
        shown = found.of(found.players[:number])
        table = _table(shown)
        if table.width(console.encoding) <= console.width:
            return shown, table
    shown = found.of(found.players[:2])
    return shown, _table(shown)


def _table(shown: Comparisons) -> ScreenTable:
    columns = [Column("", is_kept=True), name_column("Player")]
    columns += [Column(str(number + 1)) for number in range(len(shown.players))]
    rows = [
        [str(row + 1), name, *(_cell(shown, row, column) for column in range(len(shown.players)))]
        for row, name in enumerate(shown.players)
    ]
    return ScreenTable(columns, rows)


def _cell(found: Comparisons, row: int, column: int) -> str:
    if row == column:
        return ""
    if column < row:
        return percent_sure(float(found.superiority[column, row])).removesuffix(" %")
    elo, low, high = (float(x[row, column]) for x in (found.elo, found.low, found.high))
    if np.isinf(elo):
        return f"over\n{signed(low)}"
    return f"{signed(elo)}\n{reach_of(elo, low, high)}"
