"""A pool's games as ratings, on a scale that stays where it is.

Elo 0 is a network, not a mean, which would move with every weak or strong network that comes: the network that came
first, unless the pool names another one. While that one has no finite rating, 0 is the mean of all and the table says
so.
"""

from __future__ import annotations

from dataclasses import dataclass

from lzeval.core.errors import UserError
from lzeval.core.wording import command_line
from lzeval.records.result import parse_result
from tournaments.bradley_terry import Pool, Rating, rate_ledger
from tournaments.ledger import ledger_of_columns
from tournaments.ratingpool.members import Network
from tournaments.ratingpool.store import RatingPool
from tournaments.results import GameRecord
from tournaments.tables import RatingTable, build_table


@dataclass(frozen=True)
class Rated:
    """A pool's table."""

    table: RatingTable
    games: list[GameRecord]
    zero: str | None
    """Whose Elo is fixed; None: 0 is the mean of all."""
    waiting: list[Network]
    """Members without a decided game."""

    def rating(self, name: str) -> Rating | None:
        return next((row.rating for row in self.table.rows if row.rating.player == name), None)


def rate_pool(pool: RatingPool) -> Rated:
    """Everybody's rating. Raises UserError if no game was decided."""
    games = pool.games()
    anchors = pool.anchors()
    try:
        table, zero = build_table(games, anchors), next(iter(anchors), None)
    except UserError:
        if not any(game.result.is_decided for game in games):
            play = command_line("lzeval", "pool", "play", pool.path)
            raise UserError(f"{pool.path}: no decided games yet; {play} plays some") from None
        table, zero = build_table(games), None  # the zero is not connected with the others
    rated = {row.rating.player for row in table.rows}
    return Rated(table, games, zero, [n for n in pool.networks() if n.name not in rated])


def quick_pool(pool: RatingPool) -> Pool | None:
    """All ratings, from results alone: games that repeat others are not looked for. None without decided games."""
    columns: list[tuple[str, str, float, int]] = []
    for black, white, text, pair in pool.results():
        result = parse_result(text)
        if result.is_decided and black != white:
            columns.append((black, white, result.score("b"), -1 if pair is None else pair))
    if not columns:
        return None
    blacks, whites, points, pairs = zip(*columns, strict=True)
    ledger, anchors = ledger_of_columns(blacks, whites, points, pairs), pool.anchors()
    try:
        return rate_ledger(ledger, anchors)
    except UserError:  # the anchor has no rating yet
        return rate_ledger(ledger)


def quick_rating(pool: RatingPool, name: str) -> Rating | None:
    """`quick_pool` of one network."""
    found = quick_pool(pool)
    return None if found is None else found.ratings.get(name)
