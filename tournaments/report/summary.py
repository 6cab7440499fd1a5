"""Games with their ratings and breakdowns: the data of every report."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import median

from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import Skipped
from lzeval.records.result import Outcome, parse_result
from tournaments.rating.bradley_terry import NO_ANCHORS, Anchors
from tournaments.rating.pairs import Evidence, find_pairs, pair_counts, weigh
from tournaments.rating.rating_table import RatingTable, Tally, table_of

ENDINGS = ("resignation", "count", "time", "forfeit", "jigo", "a win without details")
_ENDING_OF = {"R": "resignation", "T": "time", "F": "forfeit"}
_FINAL_SCORE = re.compile(r"^(\S+) final_score: (.*)$", re.MULTILINE)
_DISAGREED = "players disagreed"
BIN_WIDTHS = (5, 10, 20, 25, 50, 100, 200, 500)
MOST_BINS = 14


@dataclass(frozen=True)
class GamesSummary:
    """Games, and the ratings that were made from them."""

    games: list[GameRecord]
    """All that could be read, in the order of the records."""
    skipped: list[Skipped]
    table: RatingTable
    evidence: Evidence

    @cached_property
    def players(self) -> list[str]:
        """Players with a row in the table, strongest first."""
        return [row.rating.player for row in self.table.rows]

    @property
    def is_duel(self) -> bool:
        return len(self.players) == 2

    @cached_property
    def openings(self) -> list[OpeningResults]:
        return _openings(self.evidence.decided, self.players[0])

    @cached_property
    def pair_counts(self) -> list[int]:
        """`[5]`: pairs that gave the first player 0 to 2 points; all 0 unless two players met in pairs."""
        if not self.is_duel:
            return [0] * 5
        return pair_counts(find_pairs(self.evidence.decided).pairs, self.players[0])

    @cached_property
    def apart(self) -> list[Apart]:
        return list(_apart(self))


def gather(
    everything: Iterable[GameRecord | Skipped],
    anchors: Anchors = NO_ANCHORS,
    *,
    origin: str | None = None,
    prior: bool = True,
    terms: str = "",
) -> GamesSummary:
    """Sort and rate games; `terms` are theirs, as far as they are known.

    Raises UserError if none between two players was decided, or for an anchor or the origin.
    """
    everything = list(everything)
    games = [game for game in everything if isinstance(game, GameRecord)]
    skipped = [game for game in everything if isinstance(game, Skipped)]
    evidence = weigh(games)
    table = table_of(evidence, skipped, anchors, origin=origin, prior=prior)
    return GamesSummary(games, skipped, replace(table, terms=terms), evidence)


def tally(games: Iterable[GameRecord], player: str) -> Tally:
    """Wins, losses and jigos of `player` among its decided `games`."""
    points = Counter(game.score(player) for game in games if player in (game.black, game.white))
    return Tally(points[1.0], points[0.0], points[0.5])


def black_tally(games: Iterable[GameRecord]) -> Tally:
    """Wins, losses and jigos of Black, whoever that was."""
    points = Counter(game.score(game.black) for game in games)
    return Tally(points[1.0], points[0.0], points[0.5])


def cross_table(games: Iterable[GameRecord]) -> dict[tuple[str, str], Tally]:
    """Results by player and opponent: the player's, in their decided games."""
    points: dict[tuple[str, str], Counter[float]] = defaultdict(Counter)
    for game in games:
        points[game.black, game.white][game.score(game.black)] += 1
        points[game.white, game.black][game.score(game.white)] += 1
    return {sides: Tally(found[1.0], found[0.0], found[0.5]) for sides, found in points.items()}


@dataclass(frozen=True)
class OpeningResults:
    """Decided games from one opening."""

    name: str
    games: int
    black: Tally
    first: Tally
    """Results of the player who stands first in the table."""


def opening_of(game: GameRecord) -> str:
    """The opening's name, else the number of the pair, else nothing."""
    if game.opening:
        return game.opening
    return "" if game.pair is None else f"pair {game.pair}"


def _openings(games: Iterable[GameRecord], first: str) -> list[OpeningResults]:
    """Results by opening, those with the most games first, then those that tell the most of colour."""
    by_name: dict[str, list[GameRecord]] = defaultdict(list)
    for game in games:
        by_name[opening_of(game)].append(game)
    by_name.pop("", None)
    found = [
        OpeningResults(name, len(played), black_tally(played), tally(played, first))
        for name, played in by_name.items()
    ]
    return sorted(found, key=lambda o: (-o.games, -abs(o.black.wins - o.black.losses), o.name))


@dataclass(frozen=True)
class Ending:
    """Decided games that ended the same way."""

    way: str
    """One of ENDINGS."""
    by_black: int
    by_white: int
    """Games that White won; a jigo is nobody's."""
    games: int
    median_moves: float


def ending_of(game: GameRecord) -> str:
    """One of ENDINGS for a decided game."""
    result = game.result
    if result.outcome is Outcome.JIGO:
        return "jigo"
    if result.margin is not None:
        return "count"
    return _ENDING_OF.get(result.detail, "a win without details")


def endings(games: Sequence[GameRecord]) -> list[Ending]:
    """The ways of ending that came about, in the order of ENDINGS."""
    by_way: dict[str, list[GameRecord]] = defaultdict(list)
    for game in games:
        by_way[ending_of(game)].append(game)
    return [_ending(way, by_way[way]) for way in ENDINGS if way in by_way]


def _ending(way: str, games: list[GameRecord]) -> Ending:
    winners = Counter(game.result.winner for game in games)
    return Ending(
        way,
        winners[Colour.BLACK],
        winners[Colour.WHITE],
        len(games),
        median(len(game.moves) for game in games),
    )


@dataclass(frozen=True)
class LengthBin:
    """Decided games of `start` to `end - 1` moves."""

    start: int
    end: int
    first: int
    """Won by the first of two players; with more players, by Black."""
    second: int
    jigos: int

    @property
    def games(self) -> int:
        return self.first + self.second + self.jigos


def lengths(summary: GamesSummary) -> list[LengthBin]:
    """A histogram without gaps, of at most MOST_BINS bins of a round width."""
    games = [game for game in summary.evidence.decided if game.moves]
    if not games:
        return []
    moves = [len(game.moves) for game in games]
    width = next((w for w in BIN_WIDTHS if max(moves) // w - min(moves) // w < MOST_BINS), BIN_WIDTHS[-1])
    sides: dict[int, Counter[str]] = defaultdict(Counter)
    for game in games:
        sides[len(game.moves) // width][_side(summary, game)] += 1
    return [
        LengthBin(n * width, (n + 1) * width, sides[n]["first"], sides[n]["second"], sides[n]["jigo"])
        for n in range(min(sides), max(sides) + 1)
    ]


def _side(summary: GamesSummary, game: GameRecord) -> str:
    winner = game.result.winner
    if winner is None:
        return "jigo"
    is_first = game.player(winner) == summary.players[0] if summary.is_duel else winner is Colour.BLACK
    return "first" if is_first else "second"


@dataclass(frozen=True)
class Apart:
    """Games that do not count, or count with a remark, for one reason."""

    kind: str
    reason: str
    games: list[str] = field(default_factory=list)
    """Their ids."""


def _apart(summary: GamesSummary) -> Iterable[Apart]:
    evidence = summary.evidence
    yield from _by_reason("void", [(game, game.result.note) for game in evidence.void])
    yield from _by_reason("unknown result", [(game, _why_unknown(game)) for game in evidence.unknown])
    yield from _by_reason("disputed", [(game, why) for game in summary.games if (why := dispute(game))])
    yield from _by_reason("without two players", [(game, why_nobody(game)) for game in evidence.nobody])
    counting = set(map(id, evidence.distinct))
    repeats = [
        (game, "identical to an earlier game") for game in evidence.decided if id(game) not in counting
    ]
    yield from _by_reason("repeated", repeats)
    unfinished = find_pairs(evidence.decided).unfinished
    yield from _by_reason("half a pair", [(game, "its other game is missing") for game in unfinished])
    skipped: dict[str, list[str]] = defaultdict(list)
    for one in summary.skipped:
        skipped[one.why].append(one.path.name if one.number == 1 else f"{one.path.name}#{one.number}")
    for why, names in skipped.items():
        yield Apart("unreadable", why, names)


def _by_reason(kind: str, games: Iterable[tuple[GameRecord, str]]) -> Iterable[Apart]:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for game, reason in games:
        by_reason[reason or "no reason given"].append(game.game_id)
    ordered = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    return (Apart(kind, reason, ids) for reason, ids in ordered)


def _why_unknown(game: GameRecord) -> str:
    return game.result.note or "the record names no winner"


def why_nobody(game: GameRecord) -> str:
    """A reason why it is no game between two players."""
    nameless = [colour for colour, name in (("Black", game.black), ("White", game.white)) if not name]
    return f"{' and '.join(nameless)} without a name" if nameless else "a player against itself"


def dispute(game: GameRecord) -> str:
    """A reason why the result was disputed; empty if it was not."""
    if game.result.note.startswith(_DISAGREED):
        return game.result.note
    for who, said in _FINAL_SCORE.findall(game.end_comment):
        opinion = parse_result(said)
        if opinion.is_decided and opinion.outcome is not game.result.outcome:
            return f"{who} named another winner"
    return ""
