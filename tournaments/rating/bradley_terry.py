"""Ratings of all players by Bradley and Terry's model (Biometrika 39, 1952), by likelihood or with a prior's help.

Within a group Elo 0 is the mean of its members, unless anchors say otherwise: then all ratings are moved by one number,
so that the anchors are right on average (least squares; one anchor exactly). Several anchors are not forced to their
values, which would bend the games. Anchors move the zero and nothing else: intervals are those of distances from the
mean of the group, or from an `origin`, a player, if that is what is asked.

Players whom games of one side only join to the others have no finite rating by likelihood. A weak prior places them
(`tournaments.rating.placing`), and their ratings say so; without it they have bounds or are rated apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

import numpy as np

from lzeval.compiled.arrays import Floats, Ints
from lzeval.errors import UserError
from lzeval.text.wording import signed
from tournaments.rating.likelihood import (
    PER_ELO,
    Cell,
    Encounters,
    Group,
    encounters_of_cells,
    encounters_of_results,
    fit_group,
    groups_of,
    scattered,
)
from tournaments.rating.placing import joined, one_way, place
from tournaments.rating.results_array import ResultsArray

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
    by_prior: bool = False
    """True where not the games alone but a prior gives it; the note says why."""


@dataclass(frozen=True)
class Ratings:
    """Ratings of everybody, and how sure they are."""

    ratings: dict[str, Rating]
    """Ratings in the order of `players`."""
    groups: tuple[Group, ...]
    """Groups of two players and more, the one with the most games first. `Rating.group` counts them from 1."""
    anchors: Anchors = field(default_factory=dict)
    origin: str | None = None
    """The player from whom intervals are measured; None: they are from the mean of the group."""
    above: tuple[tuple[str, str], ...] = ()
    """Pairs of players of different groups who met: the winner of all their games, and the loser."""

    @property
    def players(self) -> tuple[str, ...]:
        return tuple(self.ratings)

    @property
    def main(self) -> Group | None:
        """Group 1; None where the games connect no players both ways, and no prior helps."""
        return self.groups[0] if self.groups else None

    @property
    def core(self) -> Group | None:
        """The part of group 1 that the likelihood alone rates: all of it, unless a prior was needed."""
        if self.main is None or not self.main.by_prior:
            return self.main
        return self.main.core

    @property
    def placed(self) -> tuple[str, ...]:
        """Players whose ratings rest on the prior as well."""
        return tuple(name for name, rating in self.ratings.items() if rating.by_prior)

    @property
    def members(self) -> tuple[str, ...]:
        """The players of group 1."""
        return () if self.main is None else self.names_of(self.main)

    @property
    def advantage(self) -> float | None:
        """Worth of playing Black, in Elo, by the games of group 1."""
        return None if self.main is None or not self.main.has_advantage else self.main.advantage

    @property
    def advantage_95(self) -> float | None:
        """Half the width of its 95 % interval."""
        return None if self.main is None or not self.main.has_advantage else self.main.advantage_95

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


def fit_pool(
    cells: Sequence[Cell],
    *,
    with_advantage: bool = True,
    anchors: Anchors = NO_ANCHORS,
    origin: str | None = None,
    prior: bool = True,
) -> Ratings:
    """Rate everybody in `cells` by the model alone: games independent, jigos half a win in the mean only.

    Raises ValueError if there are no cells, UserError if `anchors` or `origin` cannot be kept.
    """
    if not cells:
        raise ValueError("no games to rate")
    players = sorted({name for cell in cells for name in cell[:2]})
    met = encounters_of_cells(cells, players)
    parts = groups_of(met)
    groups = [fit_group(met, members, with_advantage=with_advantage) for members in parts if len(members) > 1]
    return _pool(players, met, parts, groups, anchors, origin, prior)


def rate_results(
    results: ResultsArray, anchors: Anchors = NO_ANCHORS, *, origin: str | None = None, prior: bool = True
) -> Ratings:
    """Rate everybody in `results`, with intervals by how much the results of its units scatter.

    Raises ValueError if it is empty, UserError if `anchors` or `origin` cannot be kept.
    """
    if not len(results):
        raise ValueError("no games to rate")
    met = encounters_of_results(results)
    parts = groups_of(met)
    groups = scattered([fit_group(met, members) for members in parts if len(members) > 1], results)
    return _pool(results.players, met, parts, groups, anchors, origin, prior)


def _pool(
    players: Sequence[str],
    met: Encounters,
    parts: Sequence[Ints],
    groups: Sequence[Group],
    anchors: Anchors,
    origin: str | None,
    prior: bool,
) -> Ratings:
    """`groups`: those of `parts` that have two players and more, as the likelihood rates them."""
    joints = joined(met, parts) if prior else [[part] for part in parts if len(part) > 1]
    rated = [_joint_group(met, joint, groups) for joint in joints]
    ratings: dict[str, Rating] = {}
    for number, group in enumerate(rated, start=1):
        names = [players[index] for index in group.members]
        theirs = {n: e for n, e in anchors.items() if n in names}
        apart = "" if number == 1 else _apart(number, theirs, "which it never met" if prior else "")
        ratings |= _rate_group(group, names, number, theirs, origin if origin in names else None, apart)
    if not prior:
        singles = [int(part[0]) for part in parts if len(part) == 1]
        ratings |= _bounds(players, met, ratings, singles, len(groups) + 1)
    _check_anchors(anchors, ratings, "--anchor")
    _check_anchors([origin] if origin is not None else [], ratings, "--from")
    winners, losers = one_way(met, parts)
    above = sorted({(players[w], players[b]) for w, b in zip(winners.tolist(), losers.tolist(), strict=True)})
    return Ratings({n: ratings[n] for n in players}, tuple(rated), dict(anchors), origin, tuple(above))


def _joint_group(met: Encounters, parts: Sequence[Ints], groups: Sequence[Group]) -> Group:
    """Ratings of `parts` that are joined: by likelihood where there is one part, otherwise with the prior."""
    core = next((group for group in groups if group.members[0] == parts[0][0]), None)
    if len(parts) == 1:
        assert core is not None
        return core
    return place(met, parts, core if len(parts[0]) > 1 else None)


def _bounds(
    players: Sequence[str], met: Encounters, ratings: Mapping[str, Rating], singles: Sequence[int], first: int
) -> dict[str, Rating]:
    """Bounds of `singles`, who are in no group; `first` is the number of the first one's."""
    theirs = np.isin(met.black, singles) | np.isin(met.white, singles)
    some = Encounters(
        met.black[theirs], met.white[theirs], met.points[theirs], met.games[theirs], met.players
    )
    strengths = np.array([_comparable(ratings.get(name)) for name in players])
    return {
        players[single]: _bound(some, single, players[single], strengths, number)
        for number, single in enumerate(singles, start=first)
    }


def check_names(names: Iterable[str], players: Iterable[str], option: str = "--anchor") -> None:
    """Raise UserError for a name, given to `option`, that is no player's."""
    known = set(players)
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"{option} {name}: there is no such player among the rated games{hint}")


def _check_anchors(names: Iterable[str], ratings: Mapping[str, Rating], option: str) -> None:
    wanted = list(names)
    check_names(wanted, ratings, option)
    for name in wanted:
        if ratings[name].elo is None:
            why = ratings[name].note.split(":")[0]
            raise UserError(f"{option} {name}: it has no finite rating to measure others by ({why})")


def _comparable(rating: Rating | None) -> float:
    """The Elo of a player of group 1, NaN of others."""
    return math.nan if rating is None or rating.group != 1 or rating.elo is None else rating.elo


def _rate_group(
    group: Group, names: Sequence[str], number: int, anchors: Anchors, origin: str | None, apart: str
) -> dict[str, Rating]:
    shift = 0.0
    if anchors:
        places = [names.index(name) for name in anchors]
        shift = float(np.mean([*anchors.values()]) - group.elo[places].mean())
    placed = set(group.by_prior)
    below, above = group.margins_about(None if origin is None else np.array([names.index(origin)]))
    elos = (group.elo + shift).tolist()
    return {
        name: Rating(
            name,
            number,
            elo,
            elo - float(below[index]),
            elo + float(above[index]),
            "; ".join(filter(None, [_record_note(group.met, index) if index in placed else "", apart])),
            index in placed,
        )
        for index, (name, elo) in enumerate(zip(names, elos, strict=True))
    }


def _apart(number: int, anchors: Anchors, why: str) -> str:
    zero = f"its Elo is by its own anchor {', '.join(anchors)}" if anchors else "its own mean is 0"
    return f"group {number}: not comparable with group 1{', ' + why if why else ''}; {zero}"


def _record_note(met: Encounters, player: int) -> str:
    """The reason why games alone do not give `player` a rating."""
    games, points = _record(met, player)[1:]
    total = int(games.sum())
    if 0 < points.sum() < total:
        return "joined to others by games that one side won"
    return _all_of(total, points.sum() > 0)


def _all_of(total: int, won: bool) -> str:
    return f"{'won' if won else 'lost'} {f'all {total} games' if total > 1 else 'its only game'}"


def _record(met: Encounters, player: int) -> tuple[Ints, Floats, Floats]:
    """Opponents, games and points of `player`, cell by cell."""
    as_black, as_white = met.black == player, met.white == player
    opponents = np.concatenate([met.white[as_black], met.black[as_white]])
    games = np.concatenate([met.games[as_black], met.games[as_white]])
    points = np.concatenate([met.points[as_black], (met.games - met.points)[as_white]])
    return opponents, games, points


def anchors_disagree(pool: Ratings) -> float | None:
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
    opponents, games, points = _record(met, player)
    total = int(games.sum())
    if 0 < points.sum() < total:
        return Rating(
            name, number, None, None, None, "won against some and lost to others, never both: no rating"
        )
    won = points.sum() > 0
    words = _all_of(total, won)
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
