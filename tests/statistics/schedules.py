"""Pools whose next pair of games is chosen by what it tells: of which distances, and what that gains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, cycle

import numpy as np

from lzeval.compiled.arrays import Floats
from tournaments.pool.matchmaking import PairStandings
from tournaments.rating.bradley_terry import Ratings, rate_results
from tournaments.rating.likelihood import PER_ELO
from tournaments.rating.results_array import results_of_columns

NETWORKS = 12
STEP = 200.0
"""Elo between neighbours, on average: a strong network's distance from the weakest is 2,200."""
JITTER = 60.0
"""Standard deviation of each network's strength about its step."""
OPENINGS = 100.0
"""Standard deviation of what openings are worth to Black, in Elo."""

Chooser = Callable[[PairStandings], tuple[str, str]]


def from_first(standing: PairStandings) -> tuple[str, str]:
    """The pair that tells most of the distances from the first network, which is the weakest."""
    measure = np.eye(NETWORKS)
    measure[:, 0] -= 1
    return _best(standing, measure)


def from_centre(standing: PairStandings) -> tuple[str, str]:
    return _best(standing, standing.about_centre())


def between_neighbours(standing: PairStandings) -> tuple[str, str]:
    """The pair that `lzeval pool play` chooses."""
    found = standing.best_pairing(standing.players)
    assert found is not None
    return found


def _best(standing: PairStandings, measure: Floats) -> tuple[str, str]:
    gains = np.triu(standing.gains(measure), 1)
    one, other = np.unravel_index(int(gains.argmax()), gains.shape)
    return standing.players[int(one)], standing.players[int(other)]


def everybody_in_turn() -> Chooser:
    order = cycle(list(combinations(range(NETWORKS), 2)))

    def choose(standing: PairStandings) -> tuple[str, str]:
        one, other = next(order)
        return standing.players[one], standing.players[other]

    return choose


WAYS: dict[str, Callable[[], Chooser]] = {
    "distances from the first": lambda: from_first,
    "distances from the centre": lambda: from_centre,
    "neighbours' differences": lambda: between_neighbours,
    "everybody in turn": everybody_in_turn,
}


@dataclass
class Played:
    """A pool after some games."""

    games: int
    of_weakest: int
    ratings: Ratings
    truth: Floats

    def _neighbours(self) -> tuple[Floats, Floats]:
        """Differences of true neighbours, `[NETWORKS - 1]`: as rated, and half the widths of their intervals."""
        group = self.ratings.main
        assert group is not None
        places = np.array([self.ratings.members.index(f"n{n:02}") for n in range(NETWORKS)])
        errors = group.difference_errors()
        upper, lower = places[1:], places[:-1]
        half = group.quantile * (errors[upper, lower] + errors[lower, upper]) / 2
        return group.elo[upper] - group.elo[lower], half

    @property
    def half_width(self) -> float:
        """Of neighbours' differences, on average, in Elo."""
        return float(self._neighbours()[1].mean())

    @property
    def error(self) -> float:
        """Of neighbours' differences, root of the mean square, in Elo."""
        return float(np.sqrt(np.mean((self._neighbours()[0] - np.diff(self.truth)) ** 2)))

    @property
    def right(self) -> float:
        """Share of neighbours that are rated in the right order."""
        return float(np.mean((self._neighbours()[0] > 0) == (np.diff(self.truth) > 0)))


def play(choose: Chooser, rng: np.random.Generator, looks: list[int]) -> Iterator[Played]:
    """A pool of NETWORKS, weakest first, as it stands after each of `looks` games."""
    truth = STEP * np.arange(NETWORKS) + rng.normal(0, JITTER, NETWORKS)
    names = [f"n{number:02}" for number in range(NETWORKS)]
    standing = PairStandings(names)
    sides: list[tuple[str, str]] = []
    points: list[float] = []
    for pair in range(max(looks) // 2):
        one, other = choose(standing)
        favour = rng.normal(0, OPENINGS)
        for black, white in ((one, other), (other, one)):
            edge = truth[names.index(black)] - truth[names.index(white)] + favour
            points.append(float(rng.random() < 1 / (1 + np.exp(-PER_ELO * edge))))
            sides.append((black, white))
            standing.add(black, white, points[-1])
        games = 2 * pair + 2
        if games in looks and standing.games.any(axis=1).all():
            blacks, whites = zip(*sides, strict=True)
            results = results_of_columns(blacks, whites, points, [number // 2 for number in range(games)])
            yield Played(games, sum(names[0] in both for both in sides), rate_results(results), truth)


@dataclass
class Gain:
    """Averages over pools."""

    half_width: float
    error: float
    right: float
    of_weakest: float
    needed: float
    """Median of the games until neighbours' differences are known to ±WANTED on average; above the last of LOOKS where
    they are not by then."""


GAMES = 260
WANTED = 150.0
LOOKS = [GAMES, *range(100, 1001, 20)]


def gain(way: str, pools: int, seed: int) -> Gain:
    found = []
    for number in range(pools):
        rng = np.random.default_rng([seed, number])
        stages = list(play(WAYS[way](), rng, LOOKS))
        at = next(stage for stage in stages if stage.games == GAMES)
        enough = next((stage.games for stage in stages if stage.half_width <= WANTED), LOOKS[-1] + 20)
        found.append((at.half_width, at.error, at.right, at.of_weakest, enough))
    columns = np.array(found, float)
    return Gain(*columns[:, :4].mean(axis=0).tolist(), float(np.median(columns[:, 4])))
