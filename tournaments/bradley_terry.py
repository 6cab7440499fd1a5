"""Ratings of many players at once: Bradley and Terry's model, fitted by maximum likelihood.

The chance of Black's win is 1 / (1 + 10^(-(black - white + advantage) / 400)) with one rating a player and
one advantage of playing Black, all in Elo; a jigo is half a win. The prior is weak: each rating is normal
about the mean of its group with a standard deviation of RATING_PRIOR Elo, too wide to move any rating that
games speak of; the advantage is normal about 0 with ADVANTAGE_PRIOR, which matters only where colours and
players cannot be told apart.

A rating exists only among players each of whom can be reached from each other along games that were not lost.
`fit_pool` therefore splits the players into such groups, rates each group about its own mean, and leaves a
player without a rating, but with a bound, where wins only or losses only join it to the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tournaments.results import GameRecord

RATING_PRIOR = 50_000.0
ADVANTAGE_PRIOR = 200.0
NO_ADVANTAGE_PRIOR = 1e-3
"""So narrow that the advantage stays 0."""
PER_ELO = math.log(10) / 400
"""Natural logarithm of the odds that one point of Elo is worth."""
CONVERGED = 1e-10
"""Largest last step, in natural log odds."""
SURE = 1.96
"""Standard deviations to either side of a 95 % interval."""

Floats = npt.NDArray[np.float64]
Cell = tuple[str, str, float, float]
"""Black, White, Black's points, games."""


@dataclass(frozen=True, slots=True)
class Rating:
    """One player's place in its group; Elo, with the group's mean as 0."""

    player: str
    group: int
    """1 for the group with the most games; players of different groups cannot be compared."""
    elo: float | None
    """None where the games fix no finite rating: see `note`."""
    low: float | None
    """Lower end of the 95 % interval; without an `elo`, the lower bound (97.5 %) if there is one."""
    high: float | None
    note: str = ""

    def widened(self, factor: float) -> Rating:
        """With an interval `factor` times as wide; a bound without a rating stays."""
        if self.elo is None or self.low is None or self.high is None:
            return self
        return replace(
            self,
            low=self.elo - factor * (self.elo - self.low),
            high=self.elo + factor * (self.high - self.elo),
        )


@dataclass(frozen=True)
class Pool:
    """Everybody's rating."""

    ratings: dict[str, Rating]
    advantage: float | None
    """What playing Black is worth, in Elo, by the games of group 1; None if that group is one player."""
    advantage_95: float | None
    """Half the width of its 95 % interval."""
    covariance: Floats
    """`[players of group 1, the same]`, Elo squared, of ratings about the mean, in the order of `members`."""
    members: tuple[str, ...]
    """The players of group 1."""

    def difference(self, player: str, opponent: str) -> tuple[float, float]:
        """Elo of `player` over `opponent`, both of group 1, and the standard error of that difference."""
        a, b = self.members.index(player), self.members.index(opponent)
        elo_a, elo_b = self.ratings[player].elo, self.ratings[opponent].elo
        assert elo_a is not None
        assert elo_b is not None
        variance = self.covariance[a, a] + self.covariance[b, b] - 2 * self.covariance[a, b]
        return elo_a - elo_b, math.sqrt(max(variance, 0.0))

    def expected(self, game: GameRecord) -> float:
        """Black's expected score between two players of group 1."""
        black, white = self.ratings[game.black].elo, self.ratings[game.white].elo
        assert black is not None
        assert white is not None
        assert self.advantage is not None
        return 1 / (1 + math.exp(-PER_ELO * (black - white + self.advantage)))

    def scattered(self, units: Iterable[Sequence[GameRecord]]) -> Pool:
        """The same ratings, with intervals by how much results scatter about the model.

        `units` are independent of each other: pairs, and games that belong to no pair. The model takes games for
        independent and without jigos; what the units' results vary, in parts of what that makes it, multiplies all
        variances (Wedderburn's quasi-likelihood, Biometrika 61, 1974). For ratings the result of a unit is its first
        player's, for the advantage it is Black's, which an opening moves the same way twice. The quantile is Student's.
        """
        from scipy.special import stdtrit

        inside = [unit for unit in units if {unit[0].black, unit[0].white} <= set(self.members)]
        free = len(inside) - len(self.members)
        if not self.members or free < 1:
            return self
        assert self.advantage_95 is not None
        of_players, of_colours = self._scatter(inside, free)
        student = float(stdtrit(free, 0.975)) / SURE
        return replace(
            self,
            ratings={name: r.widened(math.sqrt(of_players) * student) for name, r in self.ratings.items()},
            advantage_95=self.advantage_95 * math.sqrt(of_colours) * student,
            covariance=self.covariance * of_players,
        )

    def _scatter(self, units: Sequence[Sequence[GameRecord]], free: int) -> tuple[float, float]:
        """Variance of the players' results, and of Black's, in parts of what the model makes it.

        One imagined unit that varies as the model says is added. `free` is the number of degrees of freedom.
        """
        players = colours = modelled = 0.0
        for unit in units:
            expected = [self.expected(game) for game in unit]
            misses = [game.result.score("b") - chance for game, chance in zip(unit, expected, strict=True)]
            first = unit[0].black
            signed = [miss if game.black == first else -miss for game, miss in zip(unit, misses, strict=True)]
            players += sum(signed) ** 2
            colours += sum(misses) ** 2
            modelled += sum(chance * (1 - chance) for chance in expected)
        imagined = modelled / len(units)
        scale = modelled * free / len(units) + imagined
        return (players + imagined) / scale, (colours + imagined) / scale


def cells_of(games: Iterable[GameRecord]) -> list[Cell]:
    """Decided games as the cells that `fit_pool` takes."""
    return [(game.black, game.white, game.result.score("b"), 1.0) for game in games]


@dataclass(frozen=True)
class _Table:
    """Results by index: `black[i]` met `white[i]` in `games[i]` games and made `points[i]`."""

    black: npt.NDArray[np.intp]
    white: npt.NDArray[np.intp]
    points: Floats
    games: Floats
    players: int

    def among(self, members: npt.NDArray[np.intp]) -> _Table:
        """The games between `members`, who are sorted; they are renumbered from 0."""
        inside = np.isin(self.black, members) & np.isin(self.white, members)
        black = np.searchsorted(members, self.black[inside])
        white = np.searchsorted(members, self.white[inside])
        return _Table(black, white, self.points[inside], self.games[inside], len(members))


def fit_pool(cells: Sequence[Cell], *, with_advantage: bool = True) -> Pool:
    """Rate everybody who appears in `cells`. Raises ValueError if there is none.

    Without `with_advantage` colours are taken to be worth the same.
    """
    if not cells:
        raise ValueError("no games to rate")
    names = sorted({name for cell in cells for name in cell[:2]})
    table = _tabulate(cells, names)
    groups = _groups(table)
    ratings: dict[str, Rating] = {}
    advantage_prior = ADVANTAGE_PRIOR if with_advantage else NO_ADVANTAGE_PRIOR
    main = _fit(table, groups[0], advantage_prior)
    for number, members in enumerate(groups, start=1):
        if len(members) > 1:
            fit = main if number == 1 else _fit(table, members, advantage_prior)
            ratings |= _rate_group(fit, [names[i] for i in members], number)
    for number, members in enumerate(groups, start=1):
        if len(members) == 1:
            ratings[names[members[0]]] = _bound(table, members[0], names, ratings, number)
    rated = len(groups[0]) > 1
    return Pool(
        ratings={name: ratings[name] for name in names},
        advantage=main.advantage if rated else None,
        advantage_95=main.advantage_95 if rated else None,
        covariance=main.covariance if rated else np.zeros((0, 0)),
        members=tuple(names[i] for i in groups[0]) if rated else (),
    )


def _tabulate(cells: Sequence[Cell], names: list[str]) -> _Table:
    place = {name: index for index, name in enumerate(names)}
    totals: dict[tuple[int, int], list[float]] = {}
    for black, white, points, games in cells:
        total = totals.setdefault((place[black], place[white]), [0.0, 0.0])
        total[0] += points
        total[1] += games
    sides = np.array(list(totals), np.intp).reshape(-1, 2)
    sums = np.array(list(totals.values()))
    return _Table(sides[:, 0], sides[:, 1], sums[:, 0], sums[:, 1], len(names))


def _groups(table: _Table) -> list[npt.NDArray[np.intp]]:
    """Largest sets of players who are joined in both directions by games not lost; most games first."""
    reaches = np.eye(table.players, dtype=bool)
    reaches[table.black[table.points > 0], table.white[table.points > 0]] = True
    lost = table.points < table.games
    reaches[table.white[lost], table.black[lost]] = True
    while True:
        further = (reaches.astype(np.float32) @ reaches.astype(np.float32)) > 0
        if np.array_equal(further, reaches):
            break
        reaches = further
    label = np.argmax(reaches & reaches.T, axis=1)
    groups = [np.flatnonzero(label == first) for first in np.unique(label)]
    played = np.bincount(table.black, table.games, table.players)
    played += np.bincount(table.white, table.games, table.players)
    return sorted(groups, key=lambda members: (len(members) == 1, -played[members].sum()))


@dataclass(frozen=True)
class _Posterior:
    """Likelihood times prior of `theta`: `[n + 1]`, ratings and then the advantage, in natural log odds."""

    table: _Table
    precision: Floats
    """`[n + 1]`: of the prior of each parameter, about 0."""

    def _black_edge(self, theta: Floats) -> Floats:
        edge: Floats = theta[self.table.black] - theta[self.table.white] + theta[-1]
        return edge

    def log(self, theta: Floats) -> float:
        """Logarithm, up to a constant."""
        edge, points, games = self._black_edge(theta), self.table.points, self.table.games
        likelihood = -points * np.logaddexp(0, -edge) - (games - points) * np.logaddexp(0, edge)
        return float(likelihood.sum() - self.precision @ theta**2 / 2)

    def gradient_and_information(self, theta: Floats) -> tuple[Floats, Floats]:
        """`[n + 1]`, `[n + 1, n + 1]`: first derivatives of `log`; second derivatives, negated."""
        table, n = self.table, self.table.players
        chance = 1 / (1 + np.exp(-self._black_edge(theta)))
        residual = table.points - table.games * chance
        weight = table.games * chance * (1 - chance)
        gradient = np.append(self._black_less_white(residual), residual.sum()) - self.precision * theta
        mutual = np.bincount(table.black * n + table.white, weight, n * n).reshape(n, n)
        mutual += mutual.T
        information = np.diag(self.precision)
        information[:n, :n] += np.diag(mutual.sum(axis=0)) - mutual
        information[n, :n] = information[:n, n] = self._black_less_white(weight)
        information[n, n] += weight.sum()
        return gradient, information

    def _black_less_white(self, values: Floats) -> Floats:
        """`[n]`: each player's sum of `values` over its cells as Black, less that over its cells as White."""
        n = self.table.players
        as_black = np.bincount(self.table.black, values, n).astype(np.float64)
        return as_black - np.bincount(self.table.white, values, n).astype(np.float64)

    def maximum(self) -> Floats:
        """The best `theta`, by Newton's method with steps halved until they lead upwards."""
        theta = np.zeros(self.table.players + 1)
        for _ in range(100):
            gradient, information = self.gradient_and_information(theta)
            step = np.linalg.solve(information, gradient)
            while self.log(theta + step) < self.log(theta) and np.abs(step).max() > CONVERGED:
                step /= 2
            theta = theta + step
            if np.abs(step).max() <= CONVERGED:
                break
        return theta


@dataclass(frozen=True)
class _Fit:
    """Elo of one group, about its mean."""

    elo: Floats
    covariance: Floats
    advantage: float
    advantage_95: float


def _fit(table: _Table, members: npt.NDArray[np.intp], advantage_prior: float) -> _Fit:
    """Rate one group by the games within it."""
    n = len(members)
    deviations = np.append(np.full(n, RATING_PRIOR), advantage_prior) * PER_ELO
    posterior = _Posterior(table.among(members), deviations**-2)
    theta = posterior.maximum()
    covariance = np.linalg.inv(posterior.gradient_and_information(theta)[1]) / PER_ELO**2
    centring = np.eye(n) - 1 / n
    return _Fit(
        elo=centring @ theta[:n] / PER_ELO,
        covariance=centring @ covariance[:n, :n] @ centring,
        advantage=float(theta[n] / PER_ELO),
        advantage_95=SURE * math.sqrt(covariance[n, n]),
    )


def _rate_group(fit: _Fit, names: list[str], number: int) -> dict[str, Rating]:
    reach = SURE * np.sqrt(np.maximum(np.diag(fit.covariance), 0))
    note = "" if number == 1 else f"group {number}: not comparable with group 1; its own mean is 0"
    return {
        name: Rating(name, number, float(elo), float(elo - r), float(elo + r), note)
        for name, elo, r in zip(names, fit.elo, reach, strict=True)
    }


def _bound(table: _Table, player: int, names: list[str], ratings: dict[str, Rating], number: int) -> Rating:
    """A player whom wins only, or losses only, or nothing joins to the others."""
    name = names[player]
    as_black, as_white = table.black == player, table.white == player
    opponents = np.concatenate([table.white[as_black], table.black[as_white]])
    games = np.concatenate([table.games[as_black], table.games[as_white]])
    points = np.concatenate([table.points[as_black], (table.games - table.points)[as_white]])
    total = int(games.sum())
    if 0 < points.sum() < total:
        return Rating(
            name, number, None, None, None, "won against some and lost to others, never both: no rating"
        )
    won = points.sum() > 0
    words = (
        f"{'won' if won else 'lost'} all {total} games"
        if total > 1
        else f"{'won' if won else 'lost'} its only game"
    )
    known = [
        (ratings[names[opponent]], count)
        for opponent, count in zip(opponents, games, strict=True)
        if names[opponent] in ratings and ratings[names[opponent]].group == 1
    ]
    strengths = np.array([rating.elo for rating, _ in known if rating.elo is not None])
    if len(strengths) == 0:
        return Rating(name, number, None, None, None, f"{words}: no finite rating")
    counts = np.array([count for rating, count in known if rating.elo is not None])
    edge = _edge(strengths, counts) if won else -_edge(-strengths, counts)
    side = "at least" if won else "at most"
    note = f"{words}: no finite rating, {side} {edge:+.0f} (97.5 %)"
    return Rating(name, number, None, edge if won else None, None if won else edge, note)


def _edge(opponents: Floats, games: Floats) -> float:
    """Rating below which winning all these games has a chance of less than 2.5 %, opponents as rated."""
    low, high = float(opponents.min()) - 8000, float(opponents.max()) + 8000
    while high - low > 0.01:
        middle = (low + high) / 2
        log_chance = -(games * np.logaddexp(0, -PER_ELO * (middle - opponents))).sum()
        low, high = (middle, high) if log_chance < math.log(0.025) else (low, middle)
    return (low + high) / 2
