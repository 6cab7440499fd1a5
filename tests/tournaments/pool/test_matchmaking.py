"""Whom a network should meet next: against a second implementation, and by simulated pools."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, pairwise

import numpy as np
import numpy.typing as npt
import pytest

from tournaments.pool.gauntlet import half_width, is_narrow
from tournaments.pool.matchmaking import PER_ELO, PRIOR, PairStandings
from tournaments.rating.bradley_terry import Rating, fit_pool, rate_results
from tournaments.rating.results_array import results_of_columns

Floats = npt.NDArray[np.float64]


def some_standing(seed: int, players: int = 5) -> PairStandings:
    rng = np.random.default_rng(seed)
    standing = PairStandings([f"p{n}" for n in range(players)])
    for _ in range(30):
        one, other = rng.choice(players, 2, replace=False)
        standing.add(f"p{one}", f"p{other}", float(rng.choice([0, 0.5, 1])))
    standing.expect("p0", "p3", 4)
    return standing


def minus_log_posterior(standing: PairStandings, theta: Floats) -> float:
    """Term by term, as the docstring has it; games under way say nothing of ratings."""
    total = float(-(theta**2).sum() / 2 / (PRIOR * PER_ELO) ** 2)
    n = len(theta)
    for i in range(n):
        for j in range(i + 1, n):
            chance = 1 / (1 + math.exp(theta[j] - theta[i]))
            total += standing.points[i, j] * math.log(chance) + standing.points[j, i] * math.log(1 - chance)
    return -total


def test_beliefs_are_the_posterior_by_scipy() -> None:
    from scipy.optimize import minimize

    for seed in range(3):
        standing = some_standing(seed)
        theta, covariance = standing.believed()
        best = minimize(partial(minus_log_posterior, standing), np.zeros(5), tol=1e-10)
        assert theta == pytest.approx(best.x, abs=1e-4)
        information = np.eye(5) * (PRIOR * PER_ELO) ** -2
        for i in range(5):
            for j in range(i + 1, 5):
                chance = 1 / (1 + math.exp(theta[j] - theta[i]))
                games = standing.games[i, j] + standing.pending[i, j]
                e = np.eye(5)[i] - np.eye(5)[j]
                information += games * chance * (1 - chance) * np.outer(e, e)
        assert covariance @ information == pytest.approx(np.eye(5), abs=1e-9)


@pytest.mark.parametrize("among", [["p0", "p1", "p2", "p4"], None])
def test_gains_are_what_the_variance_loses(among: list[str] | None) -> None:
    """By inverting the information with the pair's own added, which `gains` never does."""
    standing = some_standing(4)
    theta, covariance = standing.believed()
    measure = standing.about_centre() if among is None else standing.between_neighbours(among)
    gains = standing.gains(measure)
    rng = np.random.default_rng(0)
    for i in range(5):
        assert gains[i, i] == pytest.approx(0)
        for j in range(5):
            if i == j:
                continue
            e = np.eye(5)[i] - np.eye(5)[j]
            spread = math.sqrt(e @ covariance @ e)
            p = 1 / (1 + np.exp(-rng.normal(theta[i] - theta[j], spread, 200_000)))
            weight = 2 * float((p * (1 - p)).mean())
            after = np.linalg.inv(np.linalg.inv(covariance) + weight * np.outer(e, e))
            lost = np.trace(measure @ (covariance - after) @ measure.T)
            assert gains[i, j] == pytest.approx(lost, rel=0.01)


def test_an_unknown_network_first_meets_the_middle_and_then_its_equals() -> None:
    standing = PairStandings([f"{elo:+d}" for elo in range(-800, 801, 200)] + ["new"])
    for low, high in zip(range(-800, 601, 200), range(-600, 801, 200), strict=True):
        for _ in range(100):
            standing.add(f"{high:+d}", f"{low:+d}", 0.76)
    everybody = standing.players[:-1]
    assert standing.best_opponent("new", everybody) in ("-200", "+0", "+200")
    for name in ("+0", "+200", "+400"):
        for _ in range(20):
            standing.add("new", name, 1.0)
    opponent = standing.best_opponent("new", everybody)
    assert opponent is not None
    assert int(opponent) >= 600


def test_a_well_known_opponent_tells_more_than_an_unknown_one() -> None:
    standing = PairStandings(["one", "known", "unknown", "new"])
    for _ in range(400):
        standing.add("one", "known", 0.5)
    standing.add("one", "unknown", 0.5)
    assert standing.best_opponent("new", ["known", "unknown"]) == "known"


def test_games_under_way_turn_the_choice_to_others() -> None:
    standing = PairStandings(["a", "b", "c", "d"])
    seen: list[frozenset[str]] = []
    for _ in range(6):
        pairing = standing.best_pairing(standing.players)
        assert pairing is not None
        standing.expect(*pairing, 2)
        seen.append(frozenset(pairing))
    assert all(one != other for one, other in pairwise(seen))
    assert len(set(seen[:3])) == 3
    assert frozenset().union(*seen[:3]) == set("abcd")
    assert PairStandings(["alone"]).best_pairing(["alone"]) is None


def test_neighbours_are_those_of_the_table_so_far() -> None:
    standing = PairStandings(["low", "high", "middle"])
    for _ in range(8):
        standing.add("high", "middle", 1.0)
        standing.add("middle", "low", 1.0)
    assert standing.between_neighbours(standing.players).tolist() == [[0, 1, -1], [-1, 0, 1]]
    assert standing.between_neighbours(["low", "high"]).tolist() == [[-1, 1, 0]]


# Simulated gauntlets


@dataclass
class SimulatedPool:
    """Members whose strength is known, who have played their neighbours; and what a gauntlet does with a new one."""

    seed: int
    step: float = 200.0
    members: int = 9
    games_each: int = 200
    new: float = 330.0
    opening_spread: float = 100.0
    """Elo by which openings favour a colour."""
    columns: tuple[list[str], list[str], list[float], list[int]] = field(
        default_factory=lambda: ([], [], [], [])
    )

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.names = [f"m{n}" for n in range(self.members)]
        self.true = {name: self.step * (n - self.members // 2) for n, name in enumerate(self.names)}
        self.true["new"] = self.new
        self.standing = PairStandings([*self.names, "new"])
        for one, other in zip(self.names, self.names[1:], strict=False):
            for _ in range(self.games_each // 2):
                self.play_pair(one, other)

    def play_pair(self, one: str, other: str) -> None:
        blacks, whites, points, pairs = self.columns
        favour = self.rng.normal(0, self.opening_spread)
        number = len(points)
        for black, white in ((one, other), (other, one)):
            edge = self.true[black] - self.true[white] + favour
            result = float(self.rng.random() < 1 / (1 + 10 ** (-edge / 400)))
            blacks.append(black)
            whites.append(white)
            points.append(result)
            pairs.append(number)
            self.standing.add(black, white, result)

    def rating(self) -> Rating:
        return rate_results(results_of_columns(*self.columns)).ratings["new"]

    def limit(self) -> float:
        """What the new one's rating comes to if all its games are played endlessly: openings draw ratings together."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(61)
        cells = []
        for (black, white), games in Counter(zip(*self.columns[:2], strict=True)).items():
            edges = self.true[black] - self.true[white] + self.opening_spread * nodes
            score = float(weights @ (1 / (1 + 10 ** (-edges / 400)))) / float(weights.sum())
            cells.append((black, white, games * score, float(games)))
        elo = fit_pool(cells).ratings["new"].elo
        assert elo is not None
        return elo

    def gauntlet(self, choose: Callable[[], str], until: float, look_every: int, most: int = 2000) -> int:
        """Games until the interval is narrow, as `Gauntlet` has it."""
        for games in range(2, most + 1, 2):
            self.play_pair("new", choose())
            if games % look_every == 0 and is_narrow(self.rating(), until):
                return games
        return most


def adaptive(pool: SimulatedPool) -> Callable[[], str]:
    def choose() -> str:
        opponent = pool.standing.best_opponent("new", pool.names)
        assert opponent is not None
        return opponent

    return choose


def uniform(pool: SimulatedPool) -> Callable[[], str]:
    order = cycle(pool.names)
    return lambda: next(order)


def test_choosing_opponents_saves_games() -> None:
    """For +-80 Elo in a pool of 1,600 Elo from end to end."""
    games = {}
    for name, way in (("adaptive", adaptive), ("uniform", uniform)):
        pools = [SimulatedPool(seed, games_each=1000) for seed in range(4)]
        games[name] = np.mean([pool.gauntlet(way(pool), 80, look_every=20) for pool in pools])
    assert games["adaptive"] < 0.7 * games["uniform"], games


def covered(seed: int, new: float) -> bool:
    pool = SimulatedPool(seed, new=new, members=7, games_each=100)
    pool.gauntlet(adaptive(pool), 110, look_every=12, most=200)
    rating = pool.rating()
    assert rating.low is not None
    assert rating.high is not None
    return rating.low <= pool.limit() <= rating.high


def test_intervals_of_gauntlets_cover() -> None:
    share = np.mean([covered(seed, 330.0) for seed in range(40)])
    assert share >= 0.85  # 95 % of 40, less 2.9 standard deviations


@pytest.mark.slow
@pytest.mark.parametrize("new", [-500.0, 50.0, 330.0, 650.0])
def test_intervals_of_gauntlets_cover_at_length(new: float) -> None:
    share = np.mean([covered(1000 + seed, new) for seed in range(600)])
    assert 0.925 <= share <= 0.98, share  # 2.8 standard deviations to the lower side


def test_an_interval_is_narrow_by_its_half_width() -> None:
    assert half_width(Rating("a", 1, 10.0, -30.0, 60.0)) == 45
    assert is_narrow(Rating("a", 1, 10.0, -30.0, 60.0), 45)
    assert not is_narrow(Rating("a", 1, 10.0, -30.0, 60.0), 44)
    assert not is_narrow(Rating("a", 1, None, 20.0, None), 1000)
    assert not is_narrow(Rating("a", 2, 10.0, 9.0, 11.0), 1000)
    assert not is_narrow(None, 1000)
