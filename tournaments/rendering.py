"""The table of ratings on the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tournaments.bradley_terry import Rating
from tournaments.scale import notes_of, prior_of, zero_of

if TYPE_CHECKING:
    from rich.console import Console

    from tournaments.tables import RatingRow, RatingTable


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
    if rating.low == rating.high:
        return "reference"
    return f"{rating.low:+.0f} to {rating.high:+.0f}"


def _percent(score: float | None) -> str:
    return "-" if score is None else f"{100 * score:.1f}%"


def _remarks(table: RatingTable) -> Iterable[str]:
    yield from (f"* {note}" for note in notes_of(table))
    yield from prior_of(table)
    yield from _scale(table)
    if table.residuals is not None and table.residuals.surprising:
        yield from table.residuals.sentences()
    stages = ", ".join(f"{count} {_stage(moves)}" for moves, count in table.distinct.items())
    yield f"{table.decided} decided games" + (f"; different ones: {stages}." if stages else ".")
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


def _scale(table: RatingTable) -> Iterable[str]:
    """What Elo is measured from, and what Black is worth."""
    zero = zero_of(table)
    if table.pool.advantage is not None and table.pool.advantage_95 is not None:
        zero += f" Playing Black is worth {table.pool.advantage:+.0f} +- {table.pool.advantage_95:.0f} Elo."
    elif not table.anchors and table.origin is None and not table.placed:
        return
    yield zero


def _stage(moves: int | None) -> str:
    return "at the end" if moves is None else f"by move {moves}"
