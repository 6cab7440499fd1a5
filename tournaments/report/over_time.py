"""Estimates after more and more games."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from lzeval.records.record import GameRecord
from tournaments.rating.bradley_terry import Rating, Ratings, rate_results
from tournaments.rating.elo import estimate
from tournaments.rating.pairs import find_pairs, score_of
from tournaments.rating.results_array import results_of_games
from tournaments.report.summary import GamesSummary

DUEL_STEPS = 160
POOL_STEPS = 24
MOST_PLAYERS = 12


class Step(NamedTuple):
    """An estimate after some games or pairs; bounds may be infinite."""

    units: int
    elo: float
    low: float
    high: float


def duel_course(summary: GamesSummary) -> list[Step]:
    """Estimates of the first of two players over the other, after more and more pairs (single games if none)."""
    scores = _unit_scores(summary)
    outcomes = 5 if any(summary.pair_counts) else 3
    counts = [0] * outcomes
    steps = []
    stride = math.ceil(len(scores) / DUEL_STEPS)
    for number, score in enumerate(scores, start=1):
        counts[round((outcomes - 1) * score)] += 1
        if number % stride == 0 or number == len(scores):
            found = estimate(counts)
            steps.append(Step(number, found.elo, found.low, found.high))
    return steps


def _unit_scores(summary: GamesSummary) -> list[float]:
    """The first player's share, 0 to 1, of each pair (each game if there are none), in order."""
    first = summary.players[0]
    pairs = find_pairs(summary.evidence.decided).pairs
    if pairs:
        return [sum(score_of(game, first) for game in pair) / 2 for pair in pairs]
    return [score_of(game, first) for game in summary.evidence.distinct]


def running_scores(summary: GamesSummary, players: Iterable[str]) -> dict[str, list[float]]:
    """Points a game, 0 to 1, of each of `players` after each of its decided games."""
    totals = dict.fromkeys(players, 0.0)
    shares: dict[str, list[float]] = {name: [] for name in totals}
    for game in summary.evidence.decided:
        for name in (game.black, game.white):
            if name in shares:
                totals[name] += score_of(game, name)
                shares[name].append(totals[name] / (len(shares[name]) + 1))
    return shares


def pool_courses(summary: GamesSummary) -> dict[str, list[Step]]:
    """Estimates of the players of group 1 with the most games, from when games alone can rate all of that group.

    Without those whom only a prior can place.
    """
    pool = summary.table.pool
    members = set() if pool.core is None else set(pool.names_of(pool.core))
    games = summary.evidence.decided
    ends = sorted({math.ceil(len(games) * n / POOL_STEPS) for n in range(1, POOL_STEPS + 1)})
    courses: dict[str, list[Step]] = {name: [] for name in _busiest(summary, members)}
    pairs = find_pairs(games).pairs
    for end in reversed(ends):
        pool = _pool_by(summary, pairs, end)
        if set(pool.members) != members:
            break
        for name, steps in courses.items():
            steps.insert(0, _step(end, pool.ratings[name]))
    return courses


def _pool_by(summary: GamesSummary, pairs: Iterable[tuple[GameRecord, GameRecord]], end: int) -> Ratings:
    """Ratings by the first `end` decided games, as the table's are made of all."""
    played = set(map(id, summary.evidence.decided[:end]))
    whole = [pair for pair in pairs if played.issuperset(map(id, pair))]
    counting = [game for game in summary.evidence.distinct if id(game) in played]
    return rate_results(results_of_games(counting, whole), prior=False)


def _step(games: int, rating: Rating) -> Step:
    assert rating.elo is not None
    assert rating.low is not None
    assert rating.high is not None
    return Step(games, rating.elo, rating.low, rating.high)


def _busiest(summary: GamesSummary, members: Iterable[str]) -> list[str]:
    rows = [row for row in summary.table.rows if row.rating.player in members]
    chosen = sorted(rows, key=lambda row: -row.distinct_games)[:MOST_PLAYERS]
    return [row.rating.player for row in rows if row in chosen]
