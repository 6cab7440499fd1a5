"""Differences of all players of a group from each other, and how likely each is the stronger one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lzeval.compiled.arrays import Floats
from tournaments.rating.bradley_terry import Ratings
from tournaments.rating.two_players import Gap


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
        """Differences of some of the players, in this order."""
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
