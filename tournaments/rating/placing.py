"""A place for players whom the likelihood alone cannot rate: a weak prior where wins of one side only join players.

Players who are joined in both directions by games not lost have ratings of maximum likelihood, and keep them. Between
two such groups (a single player is one, too) one side has won every game, and their distance has a likelihood that
grows for ever. There, and only there, a prior helps: each group brings one virtual jigo, shared out evenly among its
games with other groups. A game between two groups so becomes a game and a bit, the bit being the mean of what either
side shares out, half of it won by each. For two players it is one jigo besides their games, which is Jeffreys' prior of
the chance of winning. BayesElo's default is two a player, spread over its opponents in the same way, and KataGo's
`elo.py` plays its virtual games against a player of Elo 0; both add theirs to everybody.

Of each set of players who are joined at all, the group with the most games stays as it is, and the others are rated
with their distances from it: by the mode of likelihood times prior, all of them at once.

The likelihood of such a distance is far from normal: on one side it never ends. Intervals therefore reach to where the
profile of likelihood times prior has fallen to TAIL, as the bounds without a prior do, where the chance of the results
is TAIL; that is farther than 95 % would need were the likelihood normal. `docs/statistics.md` shows what they hold. The
core's own uncertainty is added in quadrature.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lzeval.compiled.arrays import Floats, Ints
from tournaments.rating.likelihood import CONVERGED, PER_ELO, ROUNDING, Encounters, Group
from tournaments.rating.results_array import summed

VIRTUAL_JIGOS = 1.0
"""Jigos of each group of players that games of one side only join to others."""
TAIL = 0.025
NEAREST, NEAREST_OF_MANY, MANY = 40, 8, 60
"""Players who move along when one is moved to find the end of its interval: those it is most closely joined to, fewer
where MANY and more have to be placed. Intervals are then shorter than those of the whole profile would be."""
LONGEST_STEP = 3.0
"""The longest step of Newton's method, in natural log odds."""
CLOSE_ENOUGH = 1e-3
"""An interval's end, in standard errors, and the ratings beside it, in natural log odds."""
LEAST_INFORMATION = 1e-9
"""Information on a rating: what a game tells that is all but certain."""


def joined(met: Encounters, parts: Sequence[Ints]) -> list[list[Ints]]:
    """The groups of `groups_of` by who is joined to whom in any way; in each set the order stays as it was."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(met.black)), (met.black, met.white)), shape=(met.players, met.players))
    label = connected_components(graph, directed=False)[1]
    sets: dict[int, list[Ints]] = {}
    for part in parts:
        sets.setdefault(int(label[part[0]]), []).append(part)
    return list(sets.values())


def one_way(met: Encounters, parts: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Winners and losers, `[L]` each: pairs of players of different `parts` who met, all games won by one side."""
    label = _labels(parts, met.players)
    across = label[met.black] != label[met.white]
    black_won = met.points > 0
    winner = np.where(black_won, met.black, met.white)[across]
    loser = np.where(black_won, met.white, met.black)[across]
    return winner, loser


def _labels(parts: Sequence[Ints], players: int) -> Ints:
    label = np.full(players, -1, np.intp)
    for number, part in enumerate(parts):
        label[part] = number
    return label


def place(met: Encounters, parts: Sequence[Ints], core: Group | None) -> Group:
    """Rate all of `parts`, which one-sided games join.

    `core`: the first of them as the likelihood rates it, with scatter: it keeps its ratings, and its mean is Elo 0.
    Without one (all of `parts` are single players) 0 is everybody's mean.
    """
    members = np.sort(np.concatenate(parts))
    n, inside = len(members), met.among(members)
    label = _labels([np.searchsorted(members, part) for part in parts], n)
    kept = np.flatnonzero(label == 0)
    start = np.zeros(n)
    if core is not None:
        start[kept] = core.elo * PER_ELO
    advantage = 0.0 if core is None else core.advantage
    posterior = _Posterior(_with_virtual_jigos(inside, label, has_core=core is not None), advantage * PER_ELO)
    theta = posterior.maximum(start, np.flatnonzero(label != 0))
    if core is None:
        return _without_core(members, inside, posterior, theta - theta.mean())
    return _around_core(members, inside, posterior, theta, kept, core)


def _with_virtual_jigos(met: Encounters, label: Ints, *, has_core: bool) -> Encounters:
    """`met`, with each group's virtual jigos among the games between groups; a core's share is its partner's."""
    one, other = label[met.black], label[met.white]
    games = np.where(one != other, met.games, 0.0)
    shared = summed(one, games, label.max() + 1) + summed(other, games, label.max() + 1)
    share = VIRTUAL_JIGOS / np.maximum(shared, 1)
    ones, others = share[one], share[other]
    mean = (ones + others) / 2
    if has_core:
        mean = np.where(one == 0, others, np.where(other == 0, ones, mean))
    virtual = games * mean
    return Encounters(met.black, met.white, met.points + virtual / 2, met.games + virtual, met.players)


def _without_core(members: Ints, met: Encounters, posterior: _Posterior, theta: Floats) -> Group:
    n = len(theta)
    covariance = np.zeros((n + 1, n + 1))
    # The mean is 0 whatever happens: the inverse about it is that of the information with the mean's direction added.
    covariance[:-1, :-1] = (np.linalg.inv(posterior.information(theta) + 1 / n) - 1 / n) / PER_ELO**2
    everybody = np.arange(n)
    group = Group(
        members,
        met,
        theta / PER_ELO,
        0.0,
        covariance,
        by_prior=tuple(everybody.tolist()),
        has_advantage=False,
    )
    ends = posterior.ends(theta, everybody, about_mean=True) / PER_ELO
    errors = group.quantile * np.sqrt(np.diag(group.covariance))
    return replace(group, reach=ends / errors[:, None])


def _around_core(
    members: Ints, met: Encounters, posterior: _Posterior, theta: Floats, kept: Ints, core: Group
) -> Group:
    """Covariance: of the placed players given the core, and of the core, along with which they all move."""
    n = len(theta)
    free = np.setdiff1d(np.arange(n), kept)
    information = posterior.information(theta)
    own = np.linalg.inv(information[np.ix_(free, free)])
    follows = -own @ information[np.ix_(free, kept)]  # [free, kept]: how far each moves with the core
    of_core = core.model_covariance[:-1, :-1]
    moved = follows @ of_core
    along = moved @ follows.T
    of_core_95 = core.quantile * np.sqrt(core.scatter * np.maximum(np.diag(along), 0))
    covariance = np.zeros((n + 1, n + 1))
    covariance[np.ix_(kept, kept)] = of_core
    covariance[-1, kept] = covariance[kept, -1] = core.model_covariance[-1, :-1]
    covariance[-1, -1] = core.model_covariance[-1, -1]
    covariance[np.ix_(free, kept)] = moved
    covariance[np.ix_(kept, free)] = moved.T
    covariance[np.ix_(free, free)] = along + own / (PER_ELO**2 * core.scatter)
    reach = np.ones((n, 2))
    ends = posterior.ends(theta, free, about_mean=False) / PER_ELO
    errors = core.quantile * np.sqrt(core.scatter * np.diag(covariance)[free])
    reach[free] = np.hypot(ends, of_core_95[:, None]) / errors[:, None]
    return Group(
        members,
        met,
        theta / PER_ELO,
        core.advantage,
        covariance,
        scatter=core.scatter,
        colour_scatter=core.colour_scatter,
        freedom=core.freedom,
        reach=reach,
        centre=kept,
        core=core,
        by_prior=tuple(free.tolist()),
    )


@dataclass(frozen=True)
class _Posterior:
    """Likelihood times prior of ratings, in natural log odds; the virtual jigos are in `met`."""

    met: Encounters
    advantage: float

    def information(self, theta: Floats) -> Floats:
        """`[n, n]`: second derivatives of its logarithm, negated."""
        met, n = self.met, len(theta)
        chance = 1 / (1 + np.exp(theta[met.white] - theta[met.black] - self.advantage))
        weight = met.games * chance * (1 - chance)
        matrix: Floats = -summed(met.black * n + met.white, weight, n * n).reshape(n, n)
        matrix += matrix.T.copy()
        np.fill_diagonal(matrix, -matrix.sum(axis=0))
        return matrix

    def seen_by(self, moving: Ints) -> _Part:
        """The part of it that `moving` players change."""
        met, among = self.met, np.zeros(self.met.players, bool)
        among[moving] = True
        chosen = among[met.black] | among[met.white]
        seen = Encounters(
            met.black[chosen], met.white[chosen], met.points[chosen], met.games[chosen], met.players
        )
        place = np.full(met.players, len(moving), np.intp)
        place[moving] = np.arange(len(moving))
        return _Part(seen, self.advantage, moving, place[seen.black], place[seen.white])

    def maximum(self, theta: Floats, moving: Ints) -> Floats:
        """The best `theta` if all but the `moving` players stay."""
        return self.seen_by(moving).climb(theta, None, 1e-9)

    def ends(self, theta: Floats, free: Ints, *, about_mean: bool) -> Floats:
        """`[free, 2]`: how far below and above `theta` the profile falls to TAIL.

        Of ratings as they are, or of their distances from everybody's mean.
        """
        near = _Neighbourhoods(self.met, free, NEAREST if len(free) < MANY else NEAREST_OF_MANY)
        return np.array(
            [self._both_ends(theta, place, near.of(place), about_mean) for place in free.tolist()]
        )

    def _both_ends(self, theta: Floats, place: int, moving: Ints, about_mean: bool) -> tuple[float, float]:
        n = len(theta)
        if len(moving) == n:  # only differences count, and one has to stay
            moving = moving[1:]
        held = (moving == place) - (1 / n if about_mean else 0.0)
        part = self.seen_by(moving)
        return part.end(theta, held, -1), part.end(theta, held, 1)


@dataclass(frozen=True)
class _Part:
    """Games in which any of `moving` play, the others staying where they are."""

    met: Encounters
    advantage: float
    moving: Ints
    black: Ints
    """Black's place among `moving`; one more than there are for those who stay."""
    white: Ints

    def log(self, theta: Floats) -> float:
        """Logarithm of likelihood times prior."""
        edge, met = self._edge(theta), self.met
        return float(-(met.games @ np.logaddexp(0, edge) - met.points @ edge))

    def _edge(self, theta: Floats) -> Floats:
        edge: Floats = theta[self.met.black] - theta[self.met.white] + self.advantage
        return edge

    def derivatives(self, theta: Floats) -> tuple[Floats, Floats]:
        """`[moving]`, `[moving, moving]`: first derivatives of `log`, and second ones negated."""
        size, chance = len(self.moving) + 1, 1 / (1 + np.exp(-self._edge(theta)))
        residual = self.met.points - self.met.games * chance
        weight = self.met.games * chance * (1 - chance)
        gradient = summed(self.black, residual, size) - summed(self.white, residual, size)
        matrix: Floats = -summed(self.black * size + self.white, weight, size * size).reshape(size, size)
        matrix += matrix.T.copy()
        own = summed(self.black, weight, size) + summed(self.white, weight, size)
        # Far from the maximum all weights may vanish; what is added changes steps there, and no maximum.
        matrix[np.diag_indices(size)] += own + LEAST_INFORMATION
        return gradient[:-1], matrix[:-1, :-1]

    def climb(self, theta: Floats, held: Floats | None, last_step: float) -> Floats:
        """The best `theta`, by Newton's method with halved steps, the last of which is `last_step` at most.

        `held`, `[moving]`: that combination of the moving players stays what it is.
        """
        found, here = theta.copy(), self.log(theta)
        for _ in range(200):
            gradient, information = self.derivatives(found)
            if held is None:
                step = np.linalg.solve(information, gradient)
            else:
                step, against = np.linalg.solve(information, np.stack([gradient, held], axis=1)).T
                step = step - against * (held @ step) / (held @ against)
            longest = float(np.abs(step).max())
            if longest <= last_step:
                found[self.moving] += step
                break
            step *= min(1.0, LONGEST_STEP / longest)
            moved = found.copy()
            while True:
                moved[self.moving] = found[self.moving] + step
                there = self.log(moved)
                if there >= here - ROUNDING * abs(here) or np.abs(step).max() <= CONVERGED:
                    break
                step /= 2
            found, here = moved, there
        return found

    def end(self, theta: Floats, held: Floats, sign: int) -> float:
        """Find how far `held` can be moved up (`sign` 1) or down (-1) before the profile falls to TAIL."""
        from scipy.optimize import brentq

        direction = np.linalg.solve(self.derivatives(theta)[1], held)
        variance = float(held @ direction)
        direction *= sign / variance
        best, last, reached = self.log(theta), theta.copy(), 0.0

        def fallen(distance: float) -> float:
            """The square root of the deviance less the one that is looked for; nearly linear in `distance`."""
            nonlocal last, reached
            last[self.moving] += (distance - reached) * direction
            last, reached = self.climb(last, held, CLOSE_ENOUGH), distance
            return math.sqrt(max(best - self.log(last), 0.0)) - math.sqrt(-math.log(TAIL))

        error = math.sqrt(variance)
        inner, outer = 0.0, 2 * error
        while fallen(outer) < 0:
            inner, outer = outer, 2 * outer
        return float(brentq(fallen, inner, outer, xtol=CLOSE_ENOUGH * error))


class _Neighbourhoods:
    """Players who move along with one: the `most` nearest of those who are free, by how many games lie between."""

    def __init__(self, met: Encounters, free: Ints, most: int) -> None:
        self._most = most
        self._neighbours: dict[int, list[int]] = {place: [] for place in free.tolist()}
        for black, white in zip(met.black.tolist(), met.white.tolist(), strict=True):
            if black in self._neighbours and white in self._neighbours:
                self._neighbours[black].append(white)
                self._neighbours[white].append(black)

    def of(self, place: int) -> Ints:
        """`place` and those nearest to it, from the farthest to itself."""
        found, queue = {place: None}, deque([place])
        while queue and len(found) <= self._most:
            for other in self._neighbours[queue.popleft()]:
                if other not in found and len(found) <= self._most:
                    found[other] = None
                    queue.append(other)
        return np.array(list(found)[::-1], np.intp)
