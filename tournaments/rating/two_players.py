"""Two players: what the games between them say, and ratings made of it, so that table and headline agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from lzeval.text.wording import counted, signed
from tournaments.rating.bradley_terry import Anchors, Rating, Ratings
from tournaments.rating.elo import EloEstimate, estimate, percent_sure
from tournaments.rating.pairs import find_pairs, game_counts, pair_counts, weigh
from tournaments.rating.results_array import ResultsArray


@dataclass(frozen=True, slots=True)
class HeadToHead:
    """The difference of two players by the games between them."""

    player: str
    opponent: str
    difference: EloEstimate
    """Elo of `player` over `opponent`: from pairs where there are any, otherwise from single games."""
    unfinished_pairs: int
    """Games left out because their pair is not complete."""
    unpaired_games: int
    """Games left out because they belong to no pair, while others do."""
    repeated_pairs: int
    """Pairs left out because they repeat a game."""

    def sentence(self, terms: str = "") -> str:
        """The finding in one line, from the side of the player who scored more; `terms` follow the names."""
        if self.difference.score < 0.5:
            return self._reversed().sentence(terms)
        found = self.difference
        units = counted(found.units, found.unit.removesuffix("s"))
        source = f"from {units}"
        sure = f"LOS {percent_sure(found.superiority)}"
        names = f"{self.player} over {self.opponent} {terms}".rstrip()
        if found.is_unbounded:
            won = f"won both games of {units}" if found.unit == "pairs" else f"won every game, {source}"
            return f"{names}: {won}; at least {signed(found.low)} Elo (97.5 %)"
        bounds = f"{signed(found.low)} to {signed(found.high)}"
        return f"{names}: {signed(found.elo)} Elo (95 % interval {bounds}; {sure}), {source}"

    def _reversed(self) -> HeadToHead:
        return HeadToHead(
            self.opponent,
            self.player,
            self.difference.reversed(),
            self.unfinished_pairs,
            self.unpaired_games,
            self.repeated_pairs,
        )


def head_to_head(games: Sequence[GameRecord], player: str, opponent: str) -> HeadToHead:
    """Compare two players by the games they played with each other; others are ignored.

    Identical games count once. Raises UserError if no game between them was decided.
    """
    mutual = [game for game in games if {game.black, game.white} == {player, opponent}]
    evidence = weigh(mutual)
    if not evidence.decided:
        raise UserError(
            f"no game between {player} and {opponent} was decided: nothing can be said of their difference"
        )
    paired = find_pairs(evidence.decided)
    if paired.pairs:
        difference = estimate(pair_counts(paired.pairs, player))
        return HeadToHead(
            player, opponent, difference, len(paired.unfinished), len(paired.unpaired), paired.repeated
        )
    difference = estimate(game_counts(evidence.distinct, player))
    return HeadToHead(player, opponent, difference, len(paired.unfinished), 0, 0)


def head_to_head_of_results(results: ResultsArray) -> HeadToHead:
    """`head_to_head` of results without records, between two players."""
    player, opponent = results.players
    points, games = results.unit_scores(player)
    pairs = int((games == 2).sum())
    counts = np.bincount(
        np.rint(2 * points[games == (2 if pairs else 1)]).astype(int), minlength=5 if pairs else 3
    )
    alone = int((games == 1).sum()) if pairs else 0
    return HeadToHead(player, opponent, estimate(counts.tolist()), 0, alone, 0)


@dataclass(frozen=True)
class Gap:
    """Elo of the better of two players, by points, over the other; infinite where nothing limits it."""

    player: str
    opponent: str
    elo: float
    low: float
    high: float
    superiority: float
    sweep: str = ""
    """Games or pairs, all won by `player`, as in `all 10 games`; empty where the games give a finite difference."""

    @property
    def by_prior(self) -> bool:
        return bool(self.sweep) and math.isfinite(self.elo)


def gap_of(duel: HeadToHead, pool: Ratings) -> Gap:
    """The headline; where one side made every point, with what the prior of `pool` makes of it, if it has one.

    Its lower end stays that of the headline.
    """
    names, found = (duel.player, duel.opponent), duel.difference
    if found.score < 0.5:
        names, found = names[::-1], found.reversed()
    if not found.is_unbounded:
        return Gap(*names, found.elo, found.low, found.high, found.superiority)
    group, elo, high = pool.main, math.inf, math.inf
    if group is not None:
        places = [pool.members.index(name) for name in names]
        elo = float(group.elo[places[0]] - group.elo[places[1]])
        high = elo + group.quantile * float(group.difference_errors()[places[1], places[0]])
    return Gap(*names, max(elo, found.low), found.low, high, found.superiority, _all_of(found))


def _all_of(found: EloEstimate) -> str:
    return f"all {found.units} {found.unit}" if found.units > 1 else f"its only {found.unit[:-1]}"


def ratings_of_two(gap: Gap, anchors: Anchors, origin: str | None = None) -> dict[str, Rating]:
    """Two players' ratings from their difference: each has half of it, above or below the mean.

    Anchors move both ratings. Intervals are those of distances from the mean, or from `origin`, one of the two.
    """
    shares = {gap.player: 0.5, gap.opponent: -0.5}
    if math.isinf(gap.elo):
        return _bounds_of_two(gap, anchors, shares)
    zero = sum(elo - shares[name] * gap.elo for name, elo in anchors.items()) / max(len(anchors), 1)
    return {name: _rating(gap, name, share, zero, origin) for name, share in shares.items()}


def _rating(gap: Gap, name: str, share: float, zero: float, origin: str | None) -> Rating:
    elo = zero + share * gap.elo
    factor = {None: 1.0, name: 0.0}.get(origin, 2.0) * share
    ends = sorted(elo + factor * (end - gap.elo) for end in (gap.low, gap.high))
    return Rating(name, 1, elo, ends[0], ends[1], _record(gap, share), gap.by_prior)


def _record(gap: Gap, share: float) -> str:
    return f"{'won' if share > 0 else 'lost'} {gap.sweep}" if gap.sweep else ""


def _bounds_of_two(gap: Gap, anchors: Anchors, shares: dict[str, float]) -> dict[str, Rating]:
    """Bounds after a sweep: half of the least difference to either side of the mean, or all of it from one anchor."""
    zero = sum(anchors.values()) / max(len(anchors), 1)
    ratings = {}
    for name, share in shares.items():
        bound = zero + share * gap.low * (2 if len(anchors) == 1 else 1)
        low, high = (bound, None) if share > 0 else (None, bound)
        ratings[name] = Rating(name, 1, None, low, high, f"{_record(gap, share)}: no finite rating")
    if len(anchors) == 1:
        ((anchor, elo),) = anchors.items()
        ratings[anchor] = Rating(anchor, 1, elo, elo, elo)
    return ratings
