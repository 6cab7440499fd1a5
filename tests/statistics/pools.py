"""Tournaments of four players whose strength is known."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from tournaments.bradley_terry import fit_pool
from tournaments.results import JIGO, GameRecord, win
from tournaments.tables import rate_pool

STRENGTHS = {"p": -150.0, "q": -50.0, "r": 40.0, "s": 160.0}
BLACK_WORTH = 25.0
PER_ELO = math.log(10) / 400


@dataclass(frozen=True)
class PoolScenario:
    pairs: int
    """Pairs of games of every two players."""
    jigos: float
    spread: float
    """Standard deviation of what openings are worth to Black, in natural log odds."""

    def __str__(self) -> str:
        return f"{2 * self.pairs} games each, {100 * self.jigos:g} % jigos, openings ±{self.spread:g}"


POOLS = [PoolScenario(*row) for row in itertools.product((10, 50), (0.0, 0.1), (0.0, 1.0))]


@dataclass(frozen=True)
class PoolCoverage:
    ratings: float
    advantage: float


def _games(pool: PoolScenario, rng: np.random.Generator) -> list[GameRecord]:
    games = []
    for first, second in itertools.combinations(STRENGTHS, 2):
        for pair, favour in enumerate(rng.normal(0, pool.spread, pool.pairs)):
            for black, white in ((first, second), (second, first)):
                edge = (STRENGTHS[black] - STRENGTHS[white] + BLACK_WORTH) * PER_ELO + favour
                won = rng.random() < 1 / (1 + math.exp(-edge))
                result = JIGO if rng.random() < pool.jigos else win("b" if won else "w")
                games.append(GameRecord("g", black, white, result, opening=str(pair), pair=pair))
    return games


def _limit(pool: PoolScenario) -> tuple[dict[str, float], float]:
    """What the model comes to with endless games: jigos and openings draw all ratings together."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    cells = []
    for black, white in itertools.permutations(STRENGTHS, 2):
        edge = (STRENGTHS[black] - STRENGTHS[white] + BLACK_WORTH) * PER_ELO
        score = float(weights @ (1 / (1 + np.exp(-edge - pool.spread * nodes))))
        games = 1e6
        cells.append((black, white, games * (pool.jigos / 2 + (1 - pool.jigos) * score), games))
    found = fit_pool(cells)
    ratings = {name: rating.elo for name, rating in found.ratings.items() if rating.elo is not None}
    assert found.advantage is not None
    return ratings, found.advantage


def pool_coverage(pool: PoolScenario, tournaments: int, rng: np.random.Generator) -> PoolCoverage:
    ratings, advantage = _limit(pool)
    inside, inside_advantage = 0, 0
    for _ in range(tournaments):
        found = rate_pool(_games(pool, rng))
        for name, truth in ratings.items():
            rating = found.ratings[name]
            inside += (
                rating.low is not None and rating.high is not None and rating.low <= truth <= rating.high
            )
        assert found.advantage is not None
        assert found.advantage_95 is not None
        inside_advantage += abs(found.advantage - advantage) <= found.advantage_95
    return PoolCoverage(inside / tournaments / len(ratings), inside_advantage / tournaments)
