"""Matchmaking: the pair of players whose games would add most to what is known of ratings.

For this alone, and for no rating that is ever printed, each rating has a normal prior of PRIOR Elo about the pool's
mean, so that something can be said of a network without games. A pair of games between i and j brings the information

    w = 2 E[p (1 - p)]

about their difference, in natural log odds, where p is i's chance and the mean is over what is known of the
difference by now: an opponent of unknown strength is expected to be a poor match. With C the covariance of all ratings,
and c = C (e_i - e_j), the pair makes C smaller by w c c' / (1 + w c'(e_i - e_j)) (Sherman and Morrison), which can be
told before it is played. Games that are under way count as played, with an unknown result.

What a pool's games are to narrow is what neighbours in its table differ by; a newcomer's, its distance from the pool's
centre. Which network is called 0 has no say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PER_ELO = math.log(10) / 400
"""Natural logarithm of the odds that one point of Elo is worth."""
PRIOR = 500.0
"""Elo."""
QUADRATURE_POINTS = 9


class PairStandings:
    """Results between some players so far, and games under way."""

    def __init__(self, players: Sequence[str]) -> None:
        self.players = list(players)
        n = len(self.players)
        self.points: Floats = np.zeros((n, n))
        """`[i, j]`: what i made against j."""
        self.games: Floats = np.zeros((n, n))
        """`[i, j]`: decided games of i and j, symmetric."""
        self.pending: Floats = np.zeros((n, n))
        """`[i, j]`: their games under way, symmetric."""
        self._place = {name: index for index, name in enumerate(self.players)}
        self._theta: Floats = np.zeros(n)

    def add(self, one: str, other: str, points: float) -> None:
        """A game in which `one` made `points`, 0 to 1, against `other`; a player unknown here is none of ours."""
        i, j = self._place.get(one), self._place.get(other)
        if i is None or j is None:
            return
        self.points[i, j] += points
        self.points[j, i] += 1 - points
        self.games[[i, j], [j, i]] += 1

    def expect(self, one: str, other: str, games: int) -> None:
        """Note that so many more games between the two are under way; fewer, if negative."""
        i, j = self._place[one], self._place[other]
        self.pending[[i, j], [j, i]] += games

    def believed(self) -> tuple[Floats, Floats]:
        """`[n]`, `[n, n]`: ratings and their covariance under the prior, in natural log odds."""
        theta, prior = self._theta, (PRIOR * PER_ELO) ** -2
        for _ in range(50):
            chance = _chance(theta[:, None] - theta)
            gradient = (self.points - self.games * chance).sum(axis=1) - prior * theta
            step = np.linalg.solve(_information(self.games * chance * (1 - chance), prior), gradient)
            theta = theta + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
            if np.abs(step).max() < 1e-6:
                break
        self._theta = theta
        chance = _chance(theta[:, None] - theta)
        weight = (self.games + self.pending) * chance * (1 - chance)
        return theta, np.asarray(np.linalg.inv(_information(weight, prior)), np.float64)

    def gains(self, measure: Floats) -> Floats:
        """`[n, n]`: by how much a pair of games between two would lower the variance that matters.

        `measure`, `[m, n]`: what matters is the sum of the variances of these m combinations of ratings. Nobody
        gains by playing itself.
        """
        theta, covariance = self.believed()
        variance = np.diag(covariance)
        spread = np.maximum(variance[:, None] + variance - 2 * covariance, 0)
        weight = 2 * _expected_information(theta[:, None] - theta, spread)
        felt = measure @ covariance  # [m, n]
        product = felt.T @ felt
        moved = np.diag(product)[:, None] + np.diag(product) - 2 * product
        return np.asarray(weight * moved / (1 + weight * spread))

    def about_centre(self) -> Floats:
        """`[n, n]`, for `gains`: everybody's distance from the mean."""
        n = len(self.players)
        return np.asarray(np.eye(n) - 1 / n)

    def between_neighbours(self, among: Iterable[str]) -> Floats:
        """`[len(among) - 1, n]`, for `gains`: from each of `among` to the next one by what is known so far."""
        theta, _ = self.believed()
        places = [self._place[name] for name in among if name in self._place]
        order = sorted(places, key=lambda place: (-theta[place], place))
        unit = np.eye(len(self.players))
        return np.asarray(unit[order[:-1]] - unit[order[1:]])

    def best_pairing(self, allowed: Iterable[str]) -> tuple[str, str] | None:
        """The two of `allowed` whose games would tell most of how neighbours differ; None where there are no two."""
        names = list(allowed)
        return self._best(self.gains(self.between_neighbours(names)), names, names)

    def best_opponent(self, player: str, allowed: Iterable[str]) -> str | None:
        """The one of `allowed` whose games with `player` would tell most about `player`."""
        measure = self.about_centre()[[self._place[player]]]
        found = self._best(self.gains(measure), [player], allowed)
        return None if found is None else found[1]

    def _best(self, gains: Floats, ones: Iterable[str], others: Iterable[str]) -> tuple[str, str] | None:
        rows = [self._place[name] for name in ones if name in self._place]
        columns = [self._place[name] for name in others if name in self._place]
        candidates = [(gains[i, j], -i, -j) for i in rows for j in columns if i != j]
        if not candidates:
            return None
        _, i, j = max(candidates)
        return self.players[-i], self.players[-j]


def _chance(edge: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-edge)))


def _information(weight: Floats, prior: float) -> Floats:
    """`[n, n]`: of ratings, from what the games of each pairing weigh, `[n, n]`."""
    return np.asarray(np.diag(weight.sum(axis=1) + prior) - weight)


def _expected_information(edge: Floats, variance: Floats) -> Floats:
    """Mean of p (1 - p) over a normal difference of ratings."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_POINTS)
    chance = _chance(edge[..., None] + np.sqrt(variance)[..., None] * nodes)
    return np.asarray((chance * (1 - chance)) @ weights / weights.sum())
