"""A pool's games as ratings, on a scale that stays where it is.

Elo 0 is a network, not a mean, which would move with every weak or strong network that comes: the network that came
first, unless the pool names another one. While that one cannot be compared with the others, 0 is the mean of all and
the table says so. Intervals are those of distances from the pool's centre, the mean of all, whichever network is 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import parse_result
from lzeval.text.wording import command_line, counted
from tournaments.pool.networks import Network
from tournaments.pool.store import RatingPool
from tournaments.rating.bradley_terry import Rating, Ratings, rate_results
from tournaments.rating.rating_table import RatingTable, build_table
from tournaments.rating.results_array import results_of_columns
from tournaments.report.terms import PlayerTerms, in_words


@dataclass(frozen=True)
class Rated:
    """A pool's table."""

    table: RatingTable
    games: list[GameRecord]
    zero: str | None
    """The player whose Elo is fixed; None: 0 is the mean of all."""
    waiting: list[Network]
    """Members without a decided game."""
    prior: bool = True
    """True where a prior may place members whom games alone do not rate."""

    def rating(self, name: str) -> Rating | None:
        return next((row.rating for row in self.table.rows if row.rating.player == name), None)


def _undecided(games: Sequence[GameRecord]) -> str:
    """Words on games none of which was decided: how many, and why most of them were not."""
    notes = Counter(game.result.note for game in games if game.result.note).most_common(1)
    why = f" ({notes[0][0]})" if notes else ""
    return f"none of its {counted(len(games), 'game')} was decided{why}" if games else "no decided games yet"


def rate_pool(pool: RatingPool, *, origin: str | None = None, prior: bool = True) -> Rated:
    """Rate everybody; intervals from the centre, or from `origin`.

    Raises UserError if no game was decided, or `origin` has no rating.
    """
    games = pool.games()
    if not any(game.result.is_decided for game in games):
        play = command_line("lzeval", "pool", "play", pool.path)
        raise UserError(f"{pool.path}: {_undecided(games)}; {play} plays some")
    if origin is not None and pool.network(origin) is None:
        raise UserError(f"--from {origin}: no such network in {pool.path}; lzeval pool list shows them")
    table = build_table(games, origin=origin, prior=prior)
    anchors = anchors_in(pool, {row.rating.player: row.rating for row in table.rows})
    if anchors:
        table = build_table(games, anchors, origin=origin, prior=prior)
    visits = pool.settings.visits
    table = replace(table, terms=in_words(PlayerTerms("", visits), PlayerTerms("", visits)))
    rated = {row.rating.player for row in table.rows}
    waiting = [network for network in pool.networks() if network.name not in rated]
    return Rated(table, games, next(iter(anchors), None), waiting, prior)


def anchors_in(pool: RatingPool, ratings: Mapping[str, Rating]) -> dict[str, float]:
    """The pool's anchor, if it has a rating that others can be measured from; otherwise nothing."""
    return {
        name: elo
        for name, elo in pool.anchors().items()
        if (rating := ratings.get(name)) is not None and rating.elo is not None and rating.group == 1
    }


def quick_pool(pool: RatingPool) -> Ratings | None:
    """All ratings about the pool's centre, from results alone: games that repeat others are not looked for.

    None without decided games.
    """
    columns: list[tuple[str, str, float, int]] = []
    for black, white, text, pair in pool.results():
        result = parse_result(text)
        if result.is_decided and black != white:
            columns.append((black, white, result.score(Colour.BLACK), -1 if pair is None else pair))
    if not columns:
        return None
    blacks, whites, points, pairs = zip(*columns, strict=True)
    return rate_results(results_of_columns(blacks, whites, points, pairs))


def quick_rating(pool: RatingPool, name: str) -> Rating | None:
    """`quick_pool` of one network."""
    found = quick_pool(pool)
    return None if found is None else found.ratings.get(name)
