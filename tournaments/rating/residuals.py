"""Residuals: pairs of players whose results differ from the ratings, and whether by more than chance.

For every two players of a group who met, the points that one made of the other are compared with what both ratings
let expect. A rating is made of these very games, which draws it towards them: the variance of what is left is therefore
smaller than that of the points (the usual covariance of residuals), and what is left is stretched by as much. Its
chance is taken from Student's distribution, with results scattering as they do in the whole table, or from the binomial
distribution, whichever is larger: the one allows for openings and jigos, the other for few games. Chances of all pairs
together are corrected by Holm's method (Scandinavian Journal of Statistics 6, 1979): if the model is right, the chance
that anybody at all is named is 5 % at most.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lzeval.compiled.arrays import Floats, Ints
from lzeval.text.wording import counted
from tournaments.rating.bradley_terry import Ratings
from tournaments.rating.elo import percent_sure
from tournaments.rating.likelihood import PER_ELO, Group
from tournaments.rating.results_array import summed

SIGNIFICANT = 0.05
MOST_NAMED = 5
MOST_SEARCHED = 2000
"""Surprising pairs among which circles are looked for."""


@dataclass(frozen=True)
class Residuals:
    """All pairs of players of one group who met, `M` of them; the one who made more than expected comes first."""

    players: tuple[str, ...]
    """Players of the group."""
    ahead: Ints
    """`[M]`: place in `players`; the most surprising pair comes first."""
    behind: Ints
    games: Floats
    points: Floats
    """Points of the player ahead."""
    expected: Floats
    """Points by the ratings and colours."""
    chance: Floats
    """Chance of as large a difference either way, if the ratings are right."""
    corrected: Floats
    """`chance`, allowing for so many pairs being looked at; never smaller."""

    def __len__(self) -> int:
        return len(self.games)

    @property
    def surprising(self) -> int:
        """Number of pairs, the first ones, that are more than chance."""
        return int(np.count_nonzero(self.corrected < SIGNIFICANT))

    def circles(self) -> list[tuple[str, str, str]]:
        """Rock, paper, scissors: three players each of whom beats the next, and by more than the ratings say.

        All three are surprising, and each makes more than half of the points.
        """
        edges = slice(min(self.surprising, MOST_SEARCHED))
        beats: dict[int, set[int]] = defaultdict(set)
        most = self.points[edges] > self.games[edges] / 2
        for winner, loser in zip(
            self.ahead[edges][most].tolist(), self.behind[edges][most].tolist(), strict=True
        ):
            beats[winner].add(loser)
        return [
            (self.players[one], self.players[two], self.players[three])
            for one in sorted(beats)
            for two in sorted(beats[one])
            for three in sorted(beats.get(two, ()))
            if one < min(two, three) and one in beats.get(three, ())
        ]

    def circle_sentences(self) -> list[str]:
        return [
            f"Rock, paper, scissors: {a} beats {b}, {b} beats {c}, {c} beats {a}; no ratings can say that."
            for a, b, c in self.circles()[:MOST_NAMED]
        ]

    def sentences(self) -> list[str]:
        """The finding in words; empty where no two players of three and more met."""
        if not len(self):
            return []
        if not self.surprising:
            return [
                f"Results between pairs of players differ from the ratings no more than chance allows{self._least()}."
            ]
        lines = self.circle_sentences() + [
            self._sentence(number) for number in range(min(self.surprising, MOST_NAMED))
        ]
        more = self.surprising - MOST_NAMED
        if more <= 0:
            return lines
        differ = "differs" if more == 1 else "differ"
        return [*lines, f"{counted(more, 'more pair')} {differ} from the ratings by more than chance."]

    def _least(self) -> str:
        return f" (the largest of {len(self)}: {percent_sure(float(self.corrected[0]))})"

    def _sentence(self, number: int) -> str:
        ahead, behind = self.players[self.ahead[number]], self.players[self.behind[number]]
        made, games = _points(float(self.points[number])), int(self.games[number])
        return (
            f"{ahead} makes more of {behind} than the ratings say: {made} of {counted(games, 'point')}, "
            f"{self.expected[number]:.1f} expected (chance {percent_sure(float(self.corrected[number]))})."
        )

    def rows(self) -> Iterator[tuple[int, int, float, float, float, float, float]]:
        """Tuples of ahead, behind, games, points, expected, chance and corrected, one a pair."""
        columns = (self.games, self.points, self.expected, self.chance, self.corrected)
        yield from zip(
            self.ahead.tolist(), self.behind.tolist(), *(column.tolist() for column in columns), strict=True
        )

    def as_dict(self) -> list[dict[str, object]]:
        """One entry a pair."""
        return [
            {
                "player": self.players[ahead],
                "opponent": self.players[behind],
                "games": int(games),
                "points": points,
                "expected": round(expected, 4),
                "chance": chance,
                "corrected_chance": corrected,
            }
            for ahead, behind, games, points, expected, chance, corrected in self.rows()
        ]


def _points(points: float) -> str:
    return f"{points:.1f}".removesuffix(".0")


def residuals_of(pool: Ratings) -> Residuals | None:
    """Residuals of group 1, as far as the likelihood alone rates it.

    None where that are fewer than three players: two ratings can say everything of two players.
    """
    if pool.core is None or len(pool.core.members) < 3:
        return None
    return _residuals(pool.core, pool.names_of(pool.core))


def _residuals(group: Group, players: Sequence[str]) -> Residuals:
    met, n = group.met, len(group.members)
    low, high = np.minimum(met.black, met.white), np.maximum(met.black, met.white)
    keys, pair = np.unique(low * n + high, return_inverse=True)
    pair = pair.reshape(-1)
    first, second = keys // n, keys % n
    as_black = met.black == low
    chance = group.expected(met.black, met.white)
    points = summed(pair, np.where(as_black, met.points, met.games - met.points))
    expected = summed(pair, met.games * np.where(as_black, chance, 1 - chance))
    games = summed(pair, met.games)
    weight = met.games * chance * (1 - chance)
    variance = summed(pair, weight)
    colour = summed(pair, np.where(as_black, weight, -weight))
    left = variance - _explained(group, first, second, variance, colour)
    surplus = points - expected
    swapped = surplus < 0
    stretched = np.abs(surplus) / np.sqrt(np.maximum(left / variance, LEAST_LEFT))
    tail = np.maximum(
        _tail_of_scatter(group, np.abs(surplus), left),
        _binomial_tail(stretched, games, np.where(swapped, games - expected, expected)),
    )
    tail = np.where(left > LEAST_LEFT * variance, tail, 1.0)
    both_tails = np.minimum(2 * tail, 1.0)
    order = np.argsort(both_tails, kind="stable")
    corrected = holm(both_tails[order])

    def sided(value: Floats, other: Floats) -> Floats:
        return np.where(swapped, other, value)[order]

    return Residuals(
        players=tuple(players),
        ahead=np.where(swapped, second, first)[order],
        behind=np.where(swapped, first, second)[order],
        games=games[order],
        points=sided(points, games - points),
        expected=sided(expected, games - expected),
        chance=both_tails[order],
        corrected=corrected,
    )


def _explained(group: Group, first: Ints, second: Ints, variance: Floats, colour: Floats) -> Floats:
    """`[M]`: what the fit takes away of the variances of points, by how much each pair bends its own ratings."""
    covariance = group.model_covariance * PER_ELO**2
    own = np.diag(covariance)
    apart = own[first] + own[second] - 2 * covariance[first, second]
    with_colour = covariance[first, -1] - covariance[second, -1]
    explained: Floats = (
        variance**2 * apart + 2 * variance * colour * with_colour + colour**2 * covariance[-1, -1]
    )
    return explained


LEAST_LEFT = 0.1
"""Parts of the variance; where less is left, this pair's games all but make its ratings, and nothing can be tested."""


def _tail_of_scatter(group: Group, surplus: Floats, left: Floats) -> Floats:
    from scipy.special import ndtr, stdtr

    deviation = np.sqrt(np.maximum(left, 0) * group.scatter)
    ratio = np.divide(surplus, deviation, out=np.zeros_like(surplus), where=deviation > 0)
    return (ndtr(-ratio) if np.isinf(group.freedom) else stdtr(group.freedom, -ratio)).astype(np.float64)


def _binomial_tail(surplus: Floats, games: Floats, expected: Floats) -> Floats:
    """Chance of so many points more than `expected` of games that each have the mean chance.

    Halves of points are interpolated, by the incomplete beta function.
    """
    from scipy.special import betainc

    points = np.minimum(expected + surplus, games)
    return betainc(points, games - points + 1, expected / games).astype(np.float64)


def holm(chances: Floats) -> Floats:
    """Ascending chances, each corrected for all of them being looked at (Holm's step-down method)."""
    remaining = len(chances) - np.arange(len(chances))
    corrected: Floats = np.minimum(np.maximum.accumulate(chances * remaining), 1.0)
    return corrected
