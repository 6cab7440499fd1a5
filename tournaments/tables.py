"""The result of a tournament as a table: on the terminal, as CSV, as JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lzeval.core.errors import UserError
from lzeval.core.files import write_text_atomically
from tournaments.bradley_terry import Pool, Rating, cells_of, fit_pool
from tournaments.distinct import distinct_counts
from tournaments.pairs import Evidence, PairedGames, find_pairs, game_counts, weigh
from tournaments.ratings import EloEstimate, HeadToHead, head_to_head
from tournaments.records import Skipped
from tournaments.results import GameRecord, format_result

if TYPE_CHECKING:
    from rich.console import Console

STAGES: tuple[int | None, ...] = (10, 30, 60, None)
"""After how many moves games are compared; None: at the end."""


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


@dataclass(frozen=True, slots=True)
class RatingTable:
    """Everybody's rating, and what was left out on the way to it."""

    rows: list[RatingRow]
    """Strongest first; players without a rating stand where their bound would put them."""
    pool: Pool
    head_to_head: HeadToHead | None
    """Where exactly two players met."""
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

    def as_dict(self) -> dict[str, object]:
        """Everything, as JSON has it; scores are 0 to 1."""
        return {
            "players": [_row_as_dict(row) for row in self.rows],
            "head_to_head": None if self.head_to_head is None else _head_to_head_as_dict(self.head_to_head),
            "black_advantage_elo": self.pool.advantage,
            "black_advantage_95": self.pool.advantage_95,
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


def build_table(games: Iterable[GameRecord | Skipped]) -> RatingTable:
    """Rate the players of `games`. Raises UserError if no game between two players was decided."""
    everything = list(games)
    records = [game for game in everything if isinstance(game, GameRecord)]
    skipped = [game for game in everything if isinstance(game, Skipped)]
    evidence = weigh(records)
    if not evidence.decided:
        raise UserError(_why_nothing(evidence, skipped))
    paired = find_pairs(evidence.decided)
    pool = _pool_of(evidence, paired)
    players = list(pool.ratings)
    duel = head_to_head(evidence.decided, *players) if len(players) == 2 else None
    ratings = pool.ratings if duel is None else _ratings_of_two(duel)
    return RatingTable(
        rows=sorted((_row(ratings[name], evidence) for name in players), key=_rank),
        pool=pool,
        head_to_head=duel,
        decided=len(evidence.decided),
        repeated=evidence.repeated,
        void=len(evidence.void),
        unknown=len(evidence.unknown),
        nobody=len(evidence.nobody),
        unfinished_pairs=len(paired.unfinished),
        repeated_pairs=paired.repeated,
        distinct=distinct_counts(evidence.decided, STAGES),
        skipped=skipped,
    )


def rate_pool(games: Iterable[GameRecord]) -> Pool:
    """Everybody's rating; identical games count once. Raises ValueError if no game was decided."""
    evidence = weigh(games)
    return _pool_of(evidence, find_pairs(evidence.decided))


def _pool_of(evidence: Evidence, paired: PairedGames) -> Pool:
    in_pairs = {id(game) for pair in paired.pairs for game in pair}
    single = [(game,) for game in evidence.distinct if id(game) not in in_pairs]
    return fit_pool(cells_of(evidence.distinct)).scattered([*paired.pairs, *single])


def _ratings_of_two(duel: HeadToHead) -> dict[str, Rating]:
    """Two players' ratings about their mean: half of their difference each, so that table and headline agree."""
    return {
        duel.player: _half(duel.player, duel.difference),
        duel.opponent: _half(duel.opponent, duel.difference.reversed()),
    }


def _half(player: str, difference: EloEstimate) -> Rating:
    if not difference.is_unbounded:
        return Rating(player, 1, difference.elo / 2, difference.low / 2, difference.high / 2)
    what = (
        f"all {difference.units} {difference.unit}"
        if difference.units > 1
        else f"its only {difference.unit[:-1]}"
    )
    if difference.score == 1:
        return Rating(player, 1, None, difference.low / 2, None, f"won {what}: no finite rating")
    return Rating(player, 1, None, None, difference.high / 2, f"lost {what}: no finite rating")


def _why_nothing(evidence: Evidence, skipped: Sequence[Skipped]) -> str:
    counts = {
        "void": len(evidence.void),
        "of unknown result": len(evidence.unknown),
        "of one player against itself or without names": len(evidence.nobody),
        "unreadable": len(skipped),
    }
    found = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return f"no decided game between two players to rate ({found or 'no games at all'})"


def _row(rating: Rating, evidence: Evidence) -> RatingRow:
    name = rating.player
    as_black = _tally([game for game in evidence.decided if game.black == name], name)
    as_white = _tally([game for game in evidence.decided if game.white == name], name)
    total = Tally(
        as_black.wins + as_white.wins, as_black.losses + as_white.losses, as_black.jigos + as_white.jigos
    )
    return RatingRow(
        rating, total, as_black, as_white, sum(name in (game.black, game.white) for game in evidence.distinct)
    )


def _tally(games: Sequence[GameRecord], player: str) -> Tally:
    losses, jigos, wins = game_counts(games, player)
    return Tally(wins, losses, jigos)


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


CSV_COLUMNS = (
    "player",
    "elo",
    "low_95",
    "high_95",
    "games",
    "distinct_games",
    "score",
    "wins",
    "losses",
    "jigos",
    "black_wins",
    "black_losses",
    "black_jigos",
    "white_wins",
    "white_losses",
    "white_jigos",
    "group",
    "note",
)


def _row_as_dict(row: RatingRow) -> dict[str, object]:
    rating, black, white = row.rating, row.as_black, row.as_white
    values = (
        rating.player,
        rating.elo,
        rating.low,
        rating.high,
        row.total.games,
        row.distinct_games,
        row.total.score,
        *(row.total.wins, row.total.losses, row.total.jigos),
        *(black.wins, black.losses, black.jigos),
        *(white.wins, white.losses, white.jigos),
        rating.group,
        rating.note,
    )
    return dict(zip(CSV_COLUMNS, values, strict=True))


def _head_to_head_as_dict(found: HeadToHead) -> dict[str, object]:
    """As asdict has it, with None for infinite Elo: JSON knows no infinity."""
    difference = asdict(found.difference)
    for name in ("low", "high"):
        difference[name] = difference[name] if abs(difference[name]) != float("inf") else None
    if found.difference.is_unbounded:
        difference["elo"] = difference["elo95"] = None
    return {**asdict(found), "difference": {**difference, "unit": found.difference.unit}}


def write_ratings(table: RatingTable, path: str | Path) -> None:
    """Write one line a player to a CSV file: empty cells where there is no rating; scores 0 to 1."""
    write_text_atomically(path, _as_csv(CSV_COLUMNS, [_row_as_dict(row).values() for row in table.rows]))


RESULT_COLUMNS = (
    "game_id",
    "black",
    "white",
    "result",
    "winner",
    "moves",
    "size",
    "komi",
    "handicap",
    "opening",
    "pair",
    "seed",
    "date",
    "path",
)


def write_results(games: Iterable[GameRecord], path: str | Path) -> None:
    """Write one line a game to a CSV file. `winner` is a player, `jigo`, `void` or `unknown`."""
    write_text_atomically(path, _as_csv(RESULT_COLUMNS, map(_result_row, games)))


def _result_row(game: GameRecord) -> tuple[object, ...]:
    winner = game.result.winner
    return (
        game.game_id,
        game.black,
        game.white,
        format_result(game.result),
        game.result.outcome.value if winner is None else game.player(winner),
        len(game.moves),
        game.size,
        game.komi,
        game.handicap,
        game.opening,
        game.pair,
        game.seed,
        game.date,
        game.path,
    )


def _as_csv(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def render(table: RatingTable, console: Console) -> None:
    """Print the headline, the table and what has to be known to read it; fits 80 columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    if table.head_to_head is not None:
        console.print(table.head_to_head.sentence(), highlight=False, markup=False)
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("Player", overflow="fold", min_width=8)
    for heading in ("Elo", "95 % interval", "Games", "Score", "W-L-J", "Black", "White"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for row in table.rows:
        grid.add_row(*_cells(row))
    console.print(grid)
    for line in _remarks(table):
        console.print(line, highlight=False, markup=False)


def _cells(row: RatingRow) -> list[str]:
    from rich.markup import escape

    rating, total = row.rating, row.total
    repeats = total.games != row.distinct_games
    return [
        escape(rating.player) + (" *" if rating.note else ""),
        "none" if rating.elo is None else f"{rating.elo:+.0f}",
        _interval(rating),
        f"{row.distinct_games}/{total.games}" if repeats else f"{total.games}",
        _percent(total.score),
        f"{total.wins}-{total.losses}-{total.jigos}",
        _percent(row.as_black.score),
        _percent(row.as_white.score),
    ]


def _interval(rating: Rating) -> str:
    if rating.low is None and rating.high is None:
        return "-"
    if rating.high is None:
        return f"over {rating.low:+.0f}"
    if rating.low is None:
        return f"under {rating.high:+.0f}"
    return f"{rating.low:+.0f} to {rating.high:+.0f}"


def _percent(score: float | None) -> str:
    return "-" if score is None else f"{100 * score:.1f}%"


def _remarks(table: RatingTable) -> Iterable[str]:
    for row in table.rows:
        if row.rating.note:
            yield f"* {row.rating.player}: {row.rating.note}."
    if table.pool.advantage is not None and table.pool.advantage_95 is not None:
        worth = f"{table.pool.advantage:+.0f} +- {table.pool.advantage_95:.0f} Elo"
        zero = "the players with a rating" if any(row.rating.note for row in table.rows) else "all players"
        yield f"Elo 0 is the mean of {zero}. Playing Black is worth {worth}."
    stages = ", ".join(f"{count} {_stage(moves)}" for moves, count in table.distinct.items())
    yield f"{table.decided} decided games; different ones: {stages}."
    counts = {
        "identical games counted once": table.repeated,
        "void games": table.void,
        "games of unknown result": table.unknown,
        "games without two different players": table.nobody,
        "games of half-finished pairs": table.unfinished_pairs,
        "pairs that repeat a game": table.repeated_pairs,
        "unreadable games": len(table.skipped),
    }
    left_out = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    if left_out:
        yield f"Left out: {left_out}."


def _stage(moves: int | None) -> str:
    return "at the end" if moves is None else f"by move {moves}"
