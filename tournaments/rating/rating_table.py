"""Players rated by their games, in the order in which they are printed, with what did not count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import Skipped
from tournaments.rating.bradley_terry import NO_ANCHORS, Anchors, Rating, Ratings, check_names, rate_results
from tournaments.rating.comparisons import Comparisons, compare_all, compare_two
from tournaments.rating.pairs import Evidence, PairedGames, find_pairs, weigh
from tournaments.rating.placing import VIRTUAL_JIGOS
from tournaments.rating.repeats import distinct_counts
from tournaments.rating.residuals import Residuals, residuals_of
from tournaments.rating.results_array import ResultsArray, results_of_games
from tournaments.rating.row_order import printed_order
from tournaments.rating.two_players import (
    HeadToHead,
    gap_of,
    head_to_head,
    head_to_head_of_results,
    ratings_of_two,
)

STAGES: tuple[int | None, ...] = (10, 30, 60, None)
"""Moves after which games are compared; None: at the end."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Decided games of one player."""

    wins: int
    losses: int
    jigos: int

    @property
    def games(self) -> int:
        return self.wins + self.losses + self.jigos

    @property
    def score(self) -> float | None:
        """Points a game, 0 to 1; None without games."""
        return (self.wins + self.jigos / 2) / self.games if self.games else None


@dataclass(frozen=True, slots=True)
class RatingRow:
    """One player; tallies count every decided game, repeats included."""

    rating: Rating
    total: Tally
    as_black: Tally
    as_white: Tally
    distinct_games: int
    """Decided games with repeats counted once: what the rating rests on."""

    def as_dict(self) -> dict[str, object]:
        """The columns of ratings.csv; scores are 0 to 1."""
        rating, black, white = self.rating, self.as_black, self.as_white
        return {
            "player": rating.player,
            "elo": rating.elo,
            "low_95": rating.low,
            "high_95": rating.high,
            "games": self.total.games,
            "distinct_games": self.distinct_games,
            "score": self.total.score,
            "wins": self.total.wins,
            "losses": self.total.losses,
            "jigos": self.total.jigos,
            "black_wins": black.wins,
            "black_losses": black.losses,
            "black_jigos": black.jigos,
            "white_wins": white.wins,
            "white_losses": white.losses,
            "white_jigos": white.jigos,
            "group": rating.group,
            "note": rating.note,
            "rests_on": "prior" if rating.by_prior else "games" if rating.elo is not None else "",
        }


@dataclass(frozen=True, slots=True)
class RatingTable:
    """Ratings of everybody, and what was left out on the way to it."""

    rows: list[RatingRow]
    """Strongest first, and nobody below a player of whom it won all that joins them; see `printed_order`."""
    pool: Ratings
    head_to_head: HeadToHead | None
    """The headline, where exactly two players met."""
    decided: int
    repeated: int
    """Decided games that were identical to an earlier one and left out of the ratings."""
    void: int
    unknown: int
    nobody: int
    """Games of a player against itself or without names."""
    unfinished_pairs: int
    repeated_pairs: int
    distinct: dict[int | None, int]
    """Different games among the decided ones after each of STAGES."""
    skipped: list[Skipped]
    anchors: Anchors
    """Elo of the players that fix 0; without anchors it is the mean of the group."""
    origin: str | None
    """The player from whom intervals are measured; None: they are from the mean of the group."""
    comparisons: Comparisons | None
    """Differences of everybody in group 1 from everybody; of two players as their headline says."""
    residuals: Residuals | None
    """Results beside the ratings, of three players and more: who beats whom more than the ratings say."""
    terms: str = ""
    """Terms of the players' thinking, such as `at 100 visits each`; empty where it is not known."""

    @property
    def headline(self) -> str:
        """The finding in one line, where exactly two players met; else empty."""
        return "" if self.head_to_head is None else self.head_to_head.sentence(self.terms)

    @property
    def placed(self) -> list[str]:
        """Players whose ratings rest on a prior as well, in the order of the table."""
        return [row.rating.player for row in self.rows if row.rating.by_prior]

    def as_dict(self) -> dict[str, object]:
        """Return everything as JSON has it; scores are 0 to 1."""
        return {
            "players": [row.as_dict() for row in self.rows],
            "terms": self.terms or None,
            "head_to_head": None if self.head_to_head is None else _head_to_head_as_dict(self.head_to_head),
            "black_advantage_elo": self.pool.advantage,
            "black_advantage_95": self.pool.advantage_95,
            "anchors": dict(self.anchors),
            "intervals_from": self.origin,
            "prior": {"virtual_jigos": VIRTUAL_JIGOS, "players": self.placed} if self.placed else None,
            "differences": None if self.comparisons is None else self.comparisons.as_dict(),
            "residuals": None if self.residuals is None else self.residuals.as_dict(),
            "remarks": [] if self.residuals is None else self.residuals.sentences(),
            "games": {
                "decided": self.decided,
                "repeated": self.repeated,
                "void": self.void,
                "unknown": self.unknown,
                "without_two_players": self.nobody,
                "of_unfinished_pairs": self.unfinished_pairs,
                "skipped": [{"path": str(s.path), "game": s.number, "why": s.why} for s in self.skipped],
            },
            "repeated_pairs": self.repeated_pairs,
            "distinct_games": {str(moves or "end"): count for moves, count in self.distinct.items()},
        }


def build_table(
    games: Iterable[GameRecord | Skipped],
    anchors: Anchors = NO_ANCHORS,
    *,
    origin: str | None = None,
    prior: bool = True,
) -> RatingTable:
    """Rate the players of `games`; `bradley_terry` says what anchors, origin and prior are.

    Raises UserError if no game between two players was decided, or for an anchor or the origin.
    """
    everything = list(games)
    records = [game for game in everything if isinstance(game, GameRecord)]
    skipped = [game for game in everything if isinstance(game, Skipped)]
    return table_of(weigh(records), skipped, anchors, origin=origin, prior=prior)


def table_of(
    evidence: Evidence,
    skipped: Sequence[Skipped] = (),
    anchors: Anchors = NO_ANCHORS,
    *,
    origin: str | None = None,
    prior: bool = True,
) -> RatingTable:
    """`build_table` of games that are weighed already."""
    if not evidence.decided:
        raise UserError(_why_nothing(evidence, skipped))
    paired = find_pairs(evidence.decided)
    distinct = results_of_games(evidence.distinct, paired.pairs)
    decided = results_of_games(evidence.decided) if evidence.repeated else distinct
    duel = head_to_head(evidence.decided, *distinct.players) if len(distinct.players) == 2 else None
    return _table(
        decided,
        distinct,
        duel,
        anchors,
        origin,
        prior,
        evidence=evidence,
        paired=paired,
        skipped=list(skipped),
        stages=distinct_counts((game for game in evidence.decided if game.moves), STAGES)
        if any(game.moves for game in evidence.decided)
        else {},
    )


def table_of_results(
    results: ResultsArray, anchors: Anchors = NO_ANCHORS, *, origin: str | None = None, prior: bool = True
) -> RatingTable:
    """The table of results without games, each of which counts. Raises UserError as `build_table` does."""
    if not len(results):
        raise UserError("no decided game between two players to rate (no games at all)")
    duel = head_to_head_of_results(results) if len(results.players) == 2 else None
    return _table(
        results,
        results,
        duel,
        anchors,
        origin,
        prior,
        evidence=Evidence([], [], [], [], []),
        paired=PairedGames([], [], [], 0),
        skipped=[],
        stages={},
    )


def _table(
    decided: ResultsArray,
    distinct: ResultsArray,
    duel: HeadToHead | None,
    anchors: Anchors,
    origin: str | None,
    prior: bool,
    *,
    evidence: Evidence,
    paired: PairedGames,
    skipped: list[Skipped],
    stages: dict[int | None, int],
) -> RatingTable:
    check_names(anchors, distinct.players)
    check_names([origin] if origin else [], distinct.players, "--from")
    pool = rate_results(
        distinct, NO_ANCHORS if duel else anchors, origin=None if duel else origin, prior=prior
    )
    gap = None if duel is None else gap_of(duel, pool)
    ratings = pool.ratings if gap is None else ratings_of_two(gap, anchors, origin)
    return RatingTable(
        rows=_in_order(list(_rows(ratings, decided, distinct)), pool),
        pool=pool,
        head_to_head=duel,
        decided=len(decided),
        repeated=len(decided) - len(distinct),
        void=len(evidence.void),
        unknown=len(evidence.unknown),
        nobody=len(evidence.nobody),
        unfinished_pairs=len(paired.unfinished),
        repeated_pairs=paired.repeated,
        distinct=stages,
        skipped=skipped,
        anchors=anchors,
        origin=origin,
        comparisons=compare_all(pool) if gap is None else compare_two(gap),
        residuals=residuals_of(pool),
    )


def _why_nothing(evidence: Evidence, skipped: Sequence[Skipped]) -> str:
    counts = {
        "void": len(evidence.void),
        "of unknown result": len(evidence.unknown),
        "of one player against itself or without names": len(evidence.nobody),
        "unreadable": len(skipped),
    }
    found = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return f"no decided game between two players to rate ({found or 'no games at all'})"


def _rows(
    ratings: Mapping[str, Rating], decided: ResultsArray, distinct: ResultsArray
) -> Iterable[RatingRow]:
    counting = distinct.tallies().sum(axis=(1, 2)).tolist()
    places = {name: place for place, name in enumerate(distinct.players)}
    for name, (as_black, as_white) in zip(decided.players, decided.tallies().tolist(), strict=True):
        total = Tally(*(b + w for b, w in zip(as_black, as_white, strict=True)))
        yield RatingRow(ratings[name], total, Tally(*as_black), Tally(*as_white), counting[places[name]])


def _in_order(rows: Sequence[RatingRow], pool: Ratings) -> list[RatingRow]:
    """Rows by rank; without a prior, players who cannot be compared with others stay together."""
    by_name = {row.rating.player: row for row in rows}
    apart = any(row.rating.elo is None or row.rating.group != 1 for row in rows) and not pool.placed
    blocks = {name: row.rating.group if apart else name for name, row in by_name.items()}
    ranks = {name: _rank(row) for name, row in by_name.items()}
    return [by_name[name] for name in printed_order(ranks, blocks, pool.above)]


def _rank(row: RatingRow) -> tuple[int, float, float, str]:
    """Sorts by group, then by Elo; a player without a rating goes by its record instead."""
    rating = row.rating
    if rating.elo is not None:
        return rating.group, 0.0, -rating.elo, rating.player
    if rating.low is not None:
        return 1, -1.0, -rating.low, rating.player
    if rating.high is not None:
        return 1, 1.0, -rating.high, rating.player
    return rating.group, 0.0, -(row.total.score or 0.0), rating.player


def _head_to_head_as_dict(found: HeadToHead) -> dict[str, object]:
    """A dictionary for JSON, which knows no infinity: None for infinite Elo."""
    difference = asdict(found.difference)
    for name in ("low", "high"):
        difference[name] = difference[name] if abs(difference[name]) != float("inf") else None
    if found.difference.is_unbounded:
        difference["elo"] = difference["elo95"] = None
    return {**asdict(found), "difference": {**difference, "unit": found.difference.unit}}
