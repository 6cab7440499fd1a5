"""Two players of a table: rated by their difference, so that table and headline agree."""

from __future__ import annotations

import numpy as np

from tournaments.bradley_terry import Anchors, Rating
from tournaments.ledger import Ledger
from tournaments.ratings import EloEstimate, HeadToHead, estimate


def duel_of(ledger: Ledger) -> HeadToHead:
    """Two players by their pairs, if there are any; otherwise by their games."""
    player, opponent = ledger.players
    points, games = ledger.unit_scores(player)
    pairs = int((games == 2).sum())
    counts = np.bincount(
        np.rint(2 * points[games == (2 if pairs else 1)]).astype(int), minlength=5 if pairs else 3
    )
    alone = int((games == 1).sum()) if pairs else 0
    return HeadToHead(player, opponent, estimate(counts.tolist()), 0, alone, 0)


def ratings_of_two(duel: HeadToHead, anchors: Anchors) -> dict[str, Rating]:
    """Two players' ratings from their difference, so that table and headline agree.

    About their mean, where each has half of the difference, or measured from the one of them that is an anchor.
    """
    sides = (
        (duel.player, duel.opponent, duel.difference),
        (duel.opponent, duel.player, duel.difference.reversed()),
    )
    if len(anchors) == 1:
        ((anchor, zero),) = anchors.items()
        ratings = {name: _apart(name, found, zero, 1.0) for name, _, found in sides}
        return {**ratings, anchor: Rating(anchor, 1, zero, zero, zero)}
    zero = sum(anchors.values()) / 2
    return {name: _apart(name, found, zero, 0.5) for name, _, found in sides}


def _apart(player: str, difference: EloEstimate, zero: float, share: float) -> Rating:
    """`zero`, and `share` of the difference to the other player."""
    low, high = zero + share * difference.low, zero + share * difference.high
    if not difference.is_unbounded:
        return Rating(player, 1, zero + share * difference.elo, low, high)
    what = (
        f"all {difference.units} {difference.unit}"
        if difference.units > 1
        else f"its only {difference.unit[:-1]}"
    )
    if difference.score == 1:
        return Rating(player, 1, None, low, None, f"won {what}: no finite rating")
    return Rating(player, 1, None, None, high, f"lost {what}: no finite rating")
