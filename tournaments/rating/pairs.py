"""Evidence out of records: which games count, which are repeats, and which two make a pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lzeval.records.record import GameRecord
from lzeval.records.result import Outcome
from tournaments.rating.repeats import game_identity, without_repeats


@dataclass(frozen=True, slots=True)
class Evidence:
    """Games sorted by what they say of the players' strength."""

    decided: list[GameRecord]
    """Won, lost or jigo between two different players, repeats included."""
    distinct: list[GameRecord]
    """`decided` with identical games counted once."""
    void: list[GameRecord]
    unknown: list[GameRecord]
    nobody: list[GameRecord]
    """Decided, but of a player against itself, or with a player who is not named."""

    @property
    def repeated(self) -> int:
        return len(self.decided) - len(self.distinct)


def weigh(games: Iterable[GameRecord]) -> Evidence:
    """Sort `games` by what they are worth; a void or unknown game is never taken for a jigo."""
    sorted_games: dict[str, list[GameRecord]] = defaultdict(list)
    for game in games:
        sorted_games[_worth(game)].append(game)
    decided = sorted_games["decided"]
    return Evidence(
        decided,
        without_repeats(decided),
        sorted_games["void"],
        sorted_games["unknown"],
        sorted_games["nobody"],
    )


def _worth(game: GameRecord) -> str:
    if game.result.outcome is Outcome.VOID:
        return "void"
    if game.result.outcome is Outcome.UNKNOWN:
        return "unknown"
    named = game.black and game.white and game.black != game.white
    return "decided" if named else "nobody"


@dataclass(frozen=True, slots=True)
class PairedGames:
    """Pairs of decided games between two players, and what could not be paired."""

    pairs: list[tuple[GameRecord, GameRecord]]
    """Same opening, colours swapped; in the first game Black is the player whose name sorts first."""
    unfinished: list[GameRecord]
    """Games of a pair whose other game is missing or did not count."""
    unpaired: list[GameRecord]
    """Games that belong to no pair."""
    repeated: int
    """Pairs left out because one of their games was identical to a game of an earlier pair."""


def find_pairs(decided: Sequence[GameRecord]) -> PairedGames:
    """Pair up decided games by players, opening, pair number, match and place.

    A pair counts only if neither of its games is identical to a game of a pair before it.
    """
    groups: dict[tuple[object, ...], list[GameRecord]] = defaultdict(list)
    unpaired = []
    for game in decided:
        if game.pair is None:
            unpaired.append(game)
        else:
            groups[_pair_key(game)].append(game)
    candidates, unfinished = [], []
    for group in groups.values():
        first = min(group[0].black, group[0].white)
        as_black = [game for game in group if game.black == first]
        as_white = [game for game in group if game.black != first]
        whole = min(len(as_black), len(as_white))
        candidates += list(zip(as_black[:whole], as_white[:whole], strict=True))
        unfinished += as_black[whole:] + as_white[whole:]
    pairs = _without_repeated_pairs(candidates)
    return PairedGames(pairs, unfinished, unpaired, len(candidates) - len(pairs))


def _pair_key(game: GameRecord) -> tuple[object, ...]:
    place = game.path.parent if game.path else None
    return frozenset((game.black, game.white)), game.opening, game.pair, game.event, place


def _without_repeated_pairs(
    pairs: list[tuple[GameRecord, GameRecord]],
) -> list[tuple[GameRecord, GameRecord]]:
    seen: set[object] = set()
    kept = []
    for pair in pairs:
        identities = {identity for game in pair if (identity := game_identity(game)) is not None}
        if seen.isdisjoint(identities):
            kept.append(pair)
            seen |= identities
    return kept


def pair_counts(pairs: Iterable[tuple[GameRecord, GameRecord]], player: str) -> list[int]:
    """`[5]`: how many pairs gave `player` 0, 1/2, 1, 3/2 and 2 points."""
    counts = [0] * 5
    for pair in pairs:
        counts[round(2 * sum(score_of(game, player) for game in pair))] += 1
    return counts


def game_counts(games: Iterable[GameRecord], player: str) -> list[int]:
    """`[3]`: how many games `player` lost, drew and won."""
    counts = [0] * 3
    for game in games:
        counts[round(2 * score_of(game, player))] += 1
    return counts


class DistinctPairs:
    """Counts pairs as they come, but for those that say nothing new.

    A pair does not count if one of its games was void, nor if one is identical to a game of an earlier pair.
    """

    def __init__(self) -> None:
        self._seen: set[object] = set()

    def half_points(self, first: GameRecord, second: GameRecord, player: str) -> int | None:
        """Half points of `player` in a pair, 0 to 4; None if it does not count."""
        if not (first.result.is_decided and second.result.is_decided):
            return None
        identities = {found for game in (first, second) if (found := game_identity(game)) is not None}
        if not self._seen.isdisjoint(identities):
            return None
        self._seen |= identities
        return round(2 * (score_of(first, player) + score_of(second, player)))


def score_of(game: GameRecord, player: str) -> float:
    """Points of `player`, 0, 1/2 or 1, in a decided game that it played."""
    return game.score(player)
