"""The table of ratings on the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lzeval.text.terminal import Column, ScreenTable, name_column, print_table, say_prose
from lzeval.text.wording import counted, signed
from tournaments.report.scale import notes_of, prior_of, zero_of

if TYPE_CHECKING:
    from rich.console import Console

    from tournaments.report.rating_table import RatingRow, RatingTable


COLUMNS = (
    name_column("Player"),
    Column("Elo", is_kept=True),
    *map(Column, ("95 % interval", "Games", "Score", "W-L-J", "Black", "White")),
)
"""In the order of their interest."""
STANDINGS_COLUMNS = 5
"""So many of them are shown while a tournament goes on."""


def render(table: RatingTable, console: Console) -> None:
    """Print the headline, the table and what has to be known to read it."""
    if table.head_to_head is not None:
        say_prose(table.head_to_head.sentence(), console)
    print_table(COLUMNS, map(_cells, table.rows), console)
    for line in _remarks(table):
        say_prose(line, console)


def standings_grid(table: RatingTable, anchor: str | None) -> ScreenTable:
    """The ratings in a few columns; with an anchor, as distances from that player."""
    zero = anchored_zero(table, anchor)
    return ScreenTable(
        COLUMNS[:STANDINGS_COLUMNS], [_cells(row, zero)[:STANDINGS_COLUMNS] for row in table.rows]
    )


def anchored_zero(table: RatingTable, anchor: str | None) -> float:
    """The rating that is to be called 0: the anchor's, if there is one."""
    ratings = {row.rating.player: row.rating.elo for row in table.rows}
    return ratings.get(anchor or "") or 0.0


def _cells(row: RatingRow, zero: float = 0.0) -> list[str]:
    rating, total = row.rating, row.total
    repeats = total.games != row.distinct_games
    return [
        rating.player + (" *" if rating.note else ""),
        "none" if rating.elo is None else signed(rating.elo - zero),
        interval(rating.low, rating.high, zero),
        f"{row.distinct_games}/{total.games}" if repeats else f"{total.games}",
        _percent(total.score),
        f"{total.wins}-{total.losses}-{total.jigos}",
        _percent(row.as_black.score),
        _percent(row.as_white.score),
    ]


def interval(low: float | None, high: float | None, zero: float = 0.0) -> str:
    """Bounds of a rating, from `zero`: `+12 to +40`; one alone, or none, in words; an anchor has no width."""
    if low is None and high is None:
        return "-"
    if high is None:
        assert low is not None
        return f"over {signed(low - zero)}"
    if low is None:
        return f"under {signed(high - zero)}"
    return "reference" if low == high else f"{signed(low - zero)} to {signed(high - zero)}"


def _percent(score: float | None) -> str:
    return "-" if score is None else f"{100 * score:.1f}%"


def _remarks(table: RatingTable) -> Iterable[str]:
    yield from (f"* {note}" for note in notes_of(table))
    yield from prior_of(table)
    yield from _scale(table)
    if table.residuals is not None and table.residuals.surprising:
        yield from table.residuals.sentences()
    stages = ", ".join(f"{count} {_stage(moves)}" for moves, count in table.distinct.items())
    yield counted(table.decided, "decided game") + (f"; different ones: {stages}." if stages else ".")
    counts = (
        (table.repeated, "identical game", " counted once"),
        (table.void, "void game", ""),
        (table.unknown, "game", " of unknown result"),
        (table.nobody, "game", " without two different players"),
        (table.unfinished_pairs, "game", " of half-finished pairs"),
        (table.repeated_pairs, "pair", " repeating a game"),
        (len(table.skipped), "unreadable game", ""),
    )
    left_out = ", ".join(counted(count, noun) + rest for count, noun, rest in counts if count)
    if left_out:
        yield f"Left out: {left_out}."


def _scale(table: RatingTable) -> Iterable[str]:
    """What Elo is measured from, and what Black is worth."""
    zero = zero_of(table)
    if table.pool.advantage is not None and table.pool.advantage_95 is not None:
        zero += (
            f" Playing Black is worth {signed(table.pool.advantage)} +- {table.pool.advantage_95:.0f} Elo."
        )
    elif not table.anchors and table.origin is None and not table.placed:
        return
    yield zero


def _stage(moves: int | None) -> str:
    return "at the end" if moves is None else f"by move {moves}"
