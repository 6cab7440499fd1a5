"""Everybody's rating by Bradley and Terry's model, bounds for who cannot be rated, and what Elo 0 means.

Within a group Elo 0 is the mean of its members, unless anchors say otherwise. One anchor gets the Elo it was given,
exactly, and the intervals of the others are those of their distances from it. Several anchors are not forced to their
values, which would bend the games: all ratings are moved by one number, so that the anchors are right on average
(least squares), and intervals are those of distances from the anchors' mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

import numpy as np

from lzeval.core.errors import UserError
from lzeval.core.wording import signed
from tournaments.ledger import Floats, Ints, Ledger
from tournaments.likelihood import (
    PER_ELO,
    Cell,
    Encounters,
    Group,
    encounters_of_cells,
    encounters_of_ledger,
    fit_group,
    groups_of,
    scattered,
)

Anchors = Mapping[str, float]
"""Elo by player."""
NO_ANCHORS: Anchors = MappingProxyType({})
BOUND_CHANCE = 0.025
FURTHEST = 8000.0
"""Elo from the opponents at which the search for a bound begins."""


@dataclass(frozen=True, slots=True)
class Rating:
    """One player's place in its group, in Elo."""

    player: str
    group: int
    """1 for the group with the most games; players of different groups cannot be compared."""
    elo: float | None
    """None where the games fix no finite rating: see `note`."""
    low: float | None
    """Lower end of the 95 % interval; without an `elo`, the lower bound (97.5 %) if there is one."""
    high: float | None
    note: str = ""


@dataclass(frozen=True)
class Pool:
    """Everybody's rating, and how sure it is."""

    ratings: dict[str, Rating]
    """In the order of `players`."""
    groups: tuple[Group, ...]
    """Of two players and more; the one with the most games first. `Rating.group` counts them from 1."""
    anchors: Anchors = field(default_factory=dict)

    @property
    def players(self) -> tuple[str, ...]:
        return tuple(self.ratings)

    @property
    def main(self) -> Group | None:
        """Group 1; None where the games connect no players both ways."""
        return self.groups[0] if self.groups else None

    @property
    def members(self) -> tuple[str, ...]:
        """The players of group 1."""
        return () if self.main is None else self.names_of(self.main)

    @property
    def advantage(self) -> float | None:
        """What playing Black is worth, in Elo, by the games of group 1."""
        return None if self.main is None else self.main.advantage

    @property
    def advantage_95(self) -> float | None:
        """Half the width of its 95 % interval."""
        return None if self.main is None else self.main.advantage_95

    @property
    def covariance(self) -> Floats:
        """`[members, members]`, Elo squared, of the ratings of group 1 about their mean."""
        return np.zeros((0, 0)) if self.main is None else self.main.covariance

    def names_of(self, group: Group) -> tuple[str, ...]:
        players = self.players
        return tuple(players[place] for place in group.members)

    def difference(self, player: str, opponent: str) -> tuple[float, float]:
        """Elo of `player` over `opponent`, both of group 1, and the standard error of that difference."""
        assert self.main is not None
        a, b = self.members.index(player), self.members.index(opponent)
        covariance = self.main.covariance
        variance = covariance[a, a] + covariance[b, b] - 2 * covariance[a, b]
        return float(self.main.elo[a] - self.main.elo[b]), math.sqrt(max(variance, 0.0))


def fit_pool(cells: Sequence[Cell], *, with_advantage: bool = True, anchors: Anchors = NO_ANCHORS) -> Pool:
    """Rate everybody in `cells` by the model alone: games independent, jigos half a win in the mean only.

    Raises ValueError if there are no cells, UserError if `anchors` cannot be kept.
    """
    if not cells:
        raise ValueError("no games to rate")
    players = sorted({name for cell in cells for name in cell[:2]})
    met = encounters_of_cells(cells, players)
    parts = groups_of(met)
    groups = [fit_group(met, members, with_advantage=with_advantage) for members in parts if len(members) > 1]
    return _pool(players, met, parts, groups, anchors)


def rate_ledger(ledger: Ledger, anchors: Anchors = NO_ANCHORS) -> Pool:
    """Rate everybody in `ledger`, with intervals by how much the results of its units scatter.

    Raises ValueError if it is empty, UserError if `anchors` cannot be kept.
    """
    if not len(ledger):
        raise ValueError("no games to rate")
    met = encounters_of_ledger(ledger)
    parts = groups_of(met)
    groups = scattered([fit_group(met, members) for members in parts if len(members) > 1], ledger)
    return _pool(ledger.players, met, parts, groups, anchors)


def _pool(
    players: Sequence[str],
    met: Encounters,
    parts: Sequence[Ints],
    groups: Sequence[Group],
    anchors: Anchors,
) -> Pool:
    ratings: dict[str, Rating] = {}
    for number, group in enumerate(groups, start=1):
        names = [players[place] for place in group.members]
        ratings |= _rate_group(group, names, number, {n: e for n, e in anchors.items() if n in names})
    singles = np.array([part[0] for part in parts if len(part) == 1], np.intp)
    theirs = np.isin(met.black, singles) | np.isin(met.white, singles)
    some = Encounters(
        met.black[theirs], met.white[theirs], met.points[theirs], met.games[theirs], met.players
    )
    strengths = np.array([_comparable(ratings.get(name)) for name in players])
    for number, single in enumerate(singles, start=len(groups) + 1):
        ratings[players[single]] = _bound(some, int(single), players[single], strengths, number)
    _check_anchors(anchors, ratings)
    return Pool({name: ratings[name] for name in players}, tuple(groups), dict(anchors))


def check_names(anchors: Anchors, players: Iterable[str]) -> None:
    """Raises UserError for an anchor that is no player."""
    known = set(players)
    for name in anchors:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"--anchor {name}: there is no such player among the rated games{hint}")


def _check_anchors(anchors: Anchors, ratings: Mapping[str, Rating]) -> None:
    check_names(anchors, ratings)
    for name in anchors:
        if ratings[name].elo is None:
            why = ratings[name].note.split(":")[0]
            raise UserError(f"--anchor {name}: it has no finite rating to measure others by ({why})")


def _comparable(rating: Rating | None) -> float:
    """The Elo of a player of group 1, NaN of others."""
    return math.nan if rating is None or rating.group != 1 or rating.elo is None else rating.elo


def _rate_group(group: Group, names: Sequence[str], number: int, anchors: Anchors) -> dict[str, Rating]:
    reference = np.array([names.index(name) for name in anchors], np.intp) if anchors else None
    shift = 0.0
    if reference is not None:
        shift = float(np.mean([*anchors.values()]) - group.elo[reference].mean())
    note = (
        ""
        if number == 1
        else f"group {number}: not comparable with group 1; "
        + (f"its Elo is by its own anchor {', '.join(anchors)}" if anchors else "its own mean is 0")
    )
    margins = group.margins_about(reference)
    return {
        name: Rating(name, number, float(elo), float(elo - margin), float(elo + margin), note)
        for name, elo, margin in zip(names, group.elo + shift, margins, strict=True)
    }


def anchors_disagree(pool: Pool) -> float | None:
    """The chance of anchors that differ as much from the games, were they right; None without two in group 1.

    Hotelling's test of their differences.
    """
    from scipy.special import chdtrc, fdtrc

    if pool.main is None:
        return None
    names = [name for name in pool.anchors if name in pool.members]
    if len(names) < 2:
        return None
    places = np.array([pool.members.index(name) for name in names])
    off = pool.main.elo[places] - np.array([pool.anchors[name] for name in names])
    contrasts = np.eye(len(names))[1:] - np.eye(len(names))[:1]
    covariance = contrasts @ pool.main.covariance[np.ix_(places, places)] @ contrasts.T
    distance = float(contrasts @ off @ np.linalg.solve(covariance, contrasts @ off))
    free = len(names) - 1
    if math.isinf(pool.main.freedom):
        return float(chdtrc(free, distance))
    return float(fdtrc(free, pool.main.freedom, distance / free))


def _bound(met: Encounters, player: int, name: str, strengths: Floats, number: int) -> Rating:
    """A player whom wins only, or losses only, or nothing joins to the others."""
    as_black, as_white = met.black == player, met.white == player
    opponents = np.concatenate([met.white[as_black], met.black[as_white]])
    games = np.concatenate([met.games[as_black], met.games[as_white]])
    points = np.concatenate([met.points[as_black], (met.games - met.points)[as_white]])
    total = int(games.sum())
    if 0 < points.sum() < total:
        return Rating(
            name, number, None, None, None, "won against some and lost to others, never both: no rating"
        )
    won = points.sum() > 0
    words = f"{'won' if won else 'lost'} {f'all {total} games' if total > 1 else 'its only game'}"
    known = ~np.isnan(strengths[opponents])
    if not known.any():
        return Rating(name, number, None, None, None, f"{words}: no finite rating")
    rated, counts = strengths[opponents[known]], games[known]
    edge = _edge(rated, counts) if won else -_edge(-rated, counts)
    side = "at least" if won else "at most"
    note = f"{words}: no finite rating, {side} {signed(edge)} (97.5 %)"
    return Rating(name, number, None, edge if won else None, None if won else edge, note)


def _edge(opponents: Floats, games: Floats) -> float:
    """Rating below which winning all these games has a chance of less than 2.5 %, opponents as rated."""
    low, high = float(opponents.min()) - FURTHEST, float(opponents.max()) + FURTHEST
    while high - low > 0.01:
        middle = (low + high) / 2
        log_chance = -(games * np.logaddexp(0, -PER_ELO * (middle - opponents))).sum()
        low, high = (middle, high) if log_chance < math.log(BOUND_CHANCE) else (low, middle)
    return (low + high) / 2
