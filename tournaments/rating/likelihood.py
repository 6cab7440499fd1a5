"""Bradley and Terry's model of many players at once, fitted by maximum likelihood.

The model with an advantage for one side is that of Davidson and Beaver (Biometrics 33, 1977). The fit is by Newton's
method; Hunter (MM algorithms for generalized Bradley-Terry models, Annals of Statistics 32, 2004) has the alternatives.

The chance of Black's win is 1 / (1 + 10^(-(black - white + advantage) / 400)) with one rating a player and
one advantage of playing Black, all in Elo; a jigo is half a win. The prior is weak: each rating is normal
about the mean of its group with a standard deviation of RATING_PRIOR Elo, too wide to move any rating that
games speak of; the advantage is normal about 0 with ADVANTAGE_PRIOR, which matters only where colours and
players cannot be told apart.

A rating exists only among players each of whom can be reached from each other along games that were not lost (Ford,
American Mathematical Monthly 64, 1957; Hunter's assumption 1):
`groups_of` splits the players into such groups, and `fit_group` rates one of them about its own mean. What joins such
groups is `tournaments.rating.placing`'s.

What a fit costs depends on the number of players (a dense system of equations) and of pairs of players who met,
not on the number of games.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lzeval.compiled.arrays import Floats, Ints
from tournaments.rating.results_array import ResultsArray, summed

RATING_PRIOR = 50_000.0
ADVANTAGE_PRIOR = 200.0
NO_ADVANTAGE_PRIOR = 1e-3
"""Deviation so small that the advantage stays 0."""
PER_ELO = math.log(10) / 400
"""Natural logarithm of the odds that one point of Elo is worth."""
CONVERGED = 1e-10
"""Largest last step, in natural log odds."""
ROUNDING = 1e-12
"""Part of the logarithm of the likelihood; whether a step that gains less leads upwards cannot be seen."""
SURE = 1.96
"""Standard deviations to either side of a 95 % interval."""

Cell = tuple[str, str, float, float]
"""Black, White, Black's points, games."""


@dataclass(frozen=True)
class Encounters:
    """Results by index: `black[i]` met `white[i]` in `games[i]` games and made `points[i]`; each pairing once."""

    black: Ints
    white: Ints
    points: Floats
    games: Floats
    players: int

    def among(self, members: Ints) -> Encounters:
        """The games between `members`, who are sorted; they are renumbered from 0."""
        place = np.full(self.players, -1, np.intp)
        place[members] = np.arange(len(members))
        black, white = place[self.black], place[self.white]
        inside = (black >= 0) & (white >= 0)
        return Encounters(black[inside], white[inside], self.points[inside], self.games[inside], len(members))


def encounters(black: Ints, white: Ints, points: Floats, games: Floats, players: int) -> Encounters:
    """Add up what has the same two players in the same colours."""
    keys, cell = np.unique(black * players + white, return_inverse=True)
    cell = cell.reshape(-1)
    return Encounters(keys // players, keys % players, summed(cell, points), summed(cell, games), players)


def encounters_of_cells(cells: Sequence[Cell], players: Sequence[str]) -> Encounters:
    place = {name: index for index, name in enumerate(players)}
    sides = np.array([(place[black], place[white]) for black, white, _, _ in cells], np.intp)
    sums = np.array([cell[2:] for cell in cells], float)
    return encounters(sides[:, 0], sides[:, 1], sums[:, 0], sums[:, 1], len(players))


def encounters_of_results(results: ResultsArray) -> Encounters:
    ones = np.ones(len(results))
    return encounters(results.black, results.white, results.points, ones, len(results.players))


def groups_of(met: Encounters) -> list[Ints]:
    """Largest sets of players who are joined in both directions by games not lost; most games first.

    Players who are joined to nobody come last, each a group.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    won, lost = met.points > 0, met.points < met.games
    ahead = np.concatenate([met.black[won], met.white[lost]])
    behind = np.concatenate([met.white[won], met.black[lost]])
    graph = coo_array((np.ones(len(ahead)), (ahead, behind)), shape=(met.players, met.players))
    label = connected_components(graph, directed=True, connection="strong")[1]
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    played = summed(met.black, met.games, met.players) + summed(met.white, met.games, met.players)
    return sorted(groups, key=lambda members: (len(members) == 1, -played[members].sum(), members[0]))


@dataclass(frozen=True)
class Group:
    """Players who can be compared with each other: `n` of them, in Elo about their mean."""

    members: Ints
    """`[n]`: their places among all players, sorted."""
    met: Encounters
    """The games between them; players are numbered as in `members`."""
    elo: Floats
    """`[n]`"""
    advantage: float
    """Worth of playing Black."""
    model_covariance: Floats
    """`[n + 1, n + 1]`, Elo squared, of the ratings and then the advantage, for independent games without jigos."""
    scatter: float = 1.0
    """The factor of the variances of ratings: how much results scatter about the model."""
    colour_scatter: float = 1.0
    """The same for the advantage."""
    freedom: float = math.inf
    """Degrees of freedom of Student's distribution that intervals are made with."""
    reach: Floats | None = None
    """`[n, 2]`: how many standard errors' worth an interval reaches below and above a rating, for each that a normal
    distribution would make it; None: one everywhere."""
    centre: Ints | None = None
    """`[m]`: places of the players whose mean is Elo 0; None: everybody."""
    core: Group | None = None
    """The players whom the likelihood alone rates, where a prior has joined others to them."""
    by_prior: tuple[int, ...] = ()
    """Places of the players whose ratings rest on the prior as well."""
    has_advantage: bool = True
    """True if the games tell of the advantage at all."""

    @property
    def covariance(self) -> Floats:
        """`[n, n]`, Elo squared, of the ratings about their mean."""
        return self.model_covariance[:-1, :-1] * self.scatter

    @property
    def advantage_95(self) -> float:
        """Half the width of the 95 % interval of the advantage."""
        return self.quantile * math.sqrt(self.model_covariance[-1, -1] * self.colour_scatter)

    @property
    def quantile(self) -> float:
        """Standard errors to either side of a 95 % interval."""
        from scipy.special import stdtrit

        return SURE if math.isinf(self.freedom) else float(stdtrit(self.freedom, 0.975))

    def margins_about(self, reference: Ints | None = None) -> tuple[Floats, Floats]:
        """`[n]`, `[n]`: how far the 95 % intervals of distances reach below and above ratings.

        Distances from the mean of `reference`; of everybody in the centre, if not given.
        """
        below, above = self._reaches()
        return self._margins(below, above, reference), self._margins(above, below, reference)

    def _reaches(self) -> tuple[Floats, Floats]:
        if self.reach is None:
            return np.ones(len(self.members)), np.ones(len(self.members))
        return self.reach[:, 0], self.reach[:, 1]

    def _margins(self, own: Floats, others: Floats, reference: Ints | None) -> Floats:
        """`[n]`: from the player's `own` reach on one side and the `others`' on the opposite one.

        A distance from a mean is a sum of ratings with signs, and each adds its deviation on the side where it counts
        (the method of variance estimates recovery: Zou and Donner, Statistics in Medicine 27, 2008).
        """
        covariance, reference = self.covariance, self.centre if reference is None else reference
        variance = own**2 * np.diag(covariance)
        if reference is not None:
            mean = np.zeros(len(own))
            mean[reference] = others[reference] / len(reference)
            factor = own.copy()
            factor[reference] += (others - own)[reference] / len(reference)
            to_mean = covariance @ mean
            variance = factor**2 * np.diag(covariance) - 2 * factor * to_mean + mean @ to_mean
            if len(reference) == 1:
                variance[reference] = 0  # and not what rounding leaves of it
        margins: Floats = self.quantile * np.sqrt(np.maximum(variance, 0))
        return margins

    def difference_errors(self) -> Floats:
        """`[n, n]`: how far, in standard errors, the row's rating less the column's may be too high.

        The transpose says how far it may be too low: the same, where everybody reaches as far below as above.
        """
        covariance, (below, above) = self.covariance, self._reaches()
        own = np.diag(covariance)
        errors: Floats = np.sqrt(
            np.maximum(
                (below**2 * own)[:, None] + above**2 * own - 2 * np.outer(below, above) * covariance, 0
            )
        )
        np.fill_diagonal(errors, 0)
        return errors

    def expected(self, black: Ints, white: Ints) -> Floats:
        """Black's expected score, players numbered as in `members`."""
        edge = self.elo[black] - self.elo[white] + self.advantage
        chance: Floats = 1 / (1 + np.exp(-PER_ELO * edge))
        return chance


def fit_group(met: Encounters, members: Ints, *, with_advantage: bool = True) -> Group:
    """Rate `members` by the games between them. Without `with_advantage` colours are taken to be worth the same."""
    inside, n = met.among(members), len(members)
    prior = ADVANTAGE_PRIOR if with_advantage else NO_ADVANTAGE_PRIOR
    deviations = np.append(np.full(n, RATING_PRIOR), prior) * PER_ELO
    posterior = _Posterior(inside, deviations**-2)
    theta = posterior.maximum()
    covariance = posterior.covariance(theta) / PER_ELO**2
    common = covariance[:n].mean(axis=0)
    covariance[:n] -= common
    covariance[:, :n] -= covariance[:, :n].mean(axis=1, keepdims=True)
    elo = theta[:n] / PER_ELO
    return Group(members, inside, elo - elo.mean(), float(theta[n] / PER_ELO), covariance)


@dataclass(frozen=True)
class _Posterior:
    """Likelihood times prior of `theta`: `[n + 1]`, ratings and then the advantage, in natural log odds."""

    met: Encounters
    precision: Floats
    """`[n + 1]`: of the prior of each parameter, about 0."""

    def _black_edge(self, theta: Floats) -> Floats:
        edge: Floats = theta[self.met.black] - theta[self.met.white] + theta[-1]
        return edge

    def log(self, theta: Floats) -> float:
        """Logarithm, up to a constant."""
        edge, points, games = self._black_edge(theta), self.met.points, self.met.games
        likelihood = -points * np.logaddexp(0, -edge) - (games - points) * np.logaddexp(0, edge)
        return float(likelihood.sum() - self.precision @ theta**2 / 2)

    def gradient_and_information(self, theta: Floats) -> tuple[Floats, Floats]:
        """`[n + 1]`, `[n + 1, n + 1]`: first derivatives of `log`; second derivatives, negated.

        Games do not tell where the mean of all ratings lies, and it stays 0 on the way. The information is made as
        large in that direction as in others, which changes no difference and keeps the matrix far from singular.
        """
        met, n = self.met, self.met.players
        chance = 1 / (1 + np.exp(-self._black_edge(theta)))
        residual = met.points - met.games * chance
        weight = met.games * chance * (1 - chance)
        gradient = np.append(self._black_less_white(residual), residual.sum()) - self.precision * theta
        information = np.zeros((n + 1, n + 1))
        information[:n, :n] = -np.bincount(met.black * n + met.white, weight, n * n).reshape(n, n)
        information[:n, :n] += information[:n, :n].T.copy()
        each = -information[:n, :n].sum(axis=0)
        information[:n, :n] += each.mean() / n
        information[n, :n] = information[:n, n] = self._black_less_white(weight)
        np.fill_diagonal(information, np.diag(information) + np.append(each, weight.sum()) + self.precision)
        return gradient, information

    def _black_less_white(self, values: Floats) -> Floats:
        """`[n]`: each player's sum of `values` over its cells as Black, less that over its cells as White."""
        n = self.met.players
        return summed(self.met.black, values, n) - summed(self.met.white, values, n)

    def covariance(self, theta: Floats) -> Floats:
        """`[n + 1, n + 1]`: of the parameters, about the best `theta`."""
        return np.linalg.inv(self.gradient_and_information(theta)[1]).astype(np.float64, copy=False)

    def maximum(self) -> Floats:
        """The best `theta`, by Newton's method with steps halved until they lead upwards."""
        theta = np.zeros(self.met.players + 1)
        for _ in range(100):
            gradient, information = self.gradient_and_information(theta)
            step = np.linalg.solve(information, gradient)
            here = self.log(theta)
            if gradient @ step > ROUNDING * abs(here):
                while self.log(theta + step) < here and np.abs(step).max() > CONVERGED:
                    step /= 2
            theta = theta + step
            if np.abs(step).max() <= CONVERGED:
                break
        return theta


def scattered(groups: Sequence[Group], results: ResultsArray) -> list[Group]:
    """Groups with the same ratings, and variances by how much the results of units scatter about the model.

    Units are pairs, and games that belong to no pair; they are independent of each other. The model takes games for
    independent and without jigos; what the units' results vary, in parts of what that makes it, multiplies all
    variances (Wedderburn's quasi-likelihood, Biometrika 61, 1974). For ratings the result of a unit is one player's,
    for the advantage it is Black's, which an opening moves the same way twice. One imagined unit that varies as the
    model says is added.
    """
    of_players = of_colours = modelled = 0.0
    units = parameters = 0
    for group in groups:
        place = np.full(len(results.players), -1, np.intp)
        place[group.members] = np.arange(len(group.members))
        inside = (place[results.black] >= 0) & (place[results.white] >= 0)
        black, white = place[results.black[inside]], place[results.white[inside]]
        chance = group.expected(black, white)
        miss = results.points[inside] - chance
        unit = results.unit[inside]
        of_players += float((summed(unit, np.where(black < white, miss, -miss)) ** 2).sum())
        of_colours += float((summed(unit, miss) ** 2).sum())
        modelled += float((chance * (1 - chance)).sum())
        units += int(np.count_nonzero(np.bincount(unit)))
        parameters += len(group.members)
    freedom = units - parameters
    if freedom < 1:
        return list(groups)
    imagined = modelled / units
    scale = modelled * freedom / units + imagined
    players, colours = (of_players + imagined) / scale, (of_colours + imagined) / scale
    return [
        Group(g.members, g.met, g.elo, g.advantage, g.model_covariance, players, colours, freedom)
        for g in groups
    ]
