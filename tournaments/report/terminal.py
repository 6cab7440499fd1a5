"""Ratings on the terminal: the table, and everybody against everybody."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lzeval.text.terminal import Column, ScreenTable, name_column, print_table, say_prose
from lzeval.text.wording import counted, signed
from tournaments.rating.comparisons import Comparisons
from tournaments.rating.elo import percent_sure
from tournaments.rating.rating_table import RatingRow, RatingTable
from tournaments.rating.residuals import Residuals
from tournaments.report.formatting import reach_of
from tournaments.report.scale import notes_of, prior_of, zero_of

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = (
    name_column("Player"),
    Column("Elo", is_kept=True),
    *map(Column, ("95 % interval", "Games", "Score", "W-L-J", "Black", "White")),
)
"""Columns in the order of their interest."""
STANDINGS_COLUMNS = 5
"""Columns that are shown while a tournament goes on."""
MATRIX_PLAYERS = 12
"""Shown against each other, if the terminal is wide enough."""


def render(table: RatingTable, console: Console) -> None:
    """Print the headline, the table and what has to be known to read it."""
    if table.headline:
        say_prose(table.headline, console)
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
    if table.terms and table.head_to_head is None:
        yield f"Played {table.terms}."
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
    """A sentence on where Elo is 0, and what Black is worth."""
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


# Everybody against everybody


def render_matrix(found: Comparisons | None, residuals: Residuals | None, console: Console) -> None:
    """Print as many players against each other as fit, and whether results go beyond the ratings."""
    if found is None:
        say_prose("The games connect no players both ways: there are no differences to show.", console)
        return
    shown, table = _fitting(found, console)
    console.print(table)
    words = (
        "Right of the diagonal: Elo of the row over the column, and half the width of its 95 % interval (how far down "
        "and up it reaches, where that differs). Left of it: likelihood, in percent, that the column is stronger."
    )
    if len(found.players) > len(shown.players):
        words += (
            f" The first {len(shown.players)} of {len(found.players)} players; --json and --report have all."
        )
    say_prose(words, console)
    if residuals is not None and not residuals.surprising:
        for line in residuals.sentences():
            say_prose(line, console)


def _fitting(found: Comparisons, console: Console) -> tuple[Comparisons, ScreenTable]:
    """The first players, as many as there is room for but two at least, and their table."""
    for number in range(min(MATRIX_PLAYERS, len(found.players)), 2, -1):
        shown = found.of(found.players[:number])
        table = _matrix(shown)
        if table.width(console.encoding) <= console.width:
            return shown, table
    shown = found.of(found.players[:2])
    return shown, _matrix(shown)


def _matrix(shown: Comparisons) -> ScreenTable:
    columns = [Column("", is_kept=True), name_column("Player")]
    columns += [Column(str(number + 1)) for number in range(len(shown.players))]
    rows = [
        [str(row + 1), name, *(_difference(shown, row, column) for column in range(len(shown.players)))]
        for row, name in enumerate(shown.players)
    ]
    return ScreenTable(columns, rows)


def _difference(found: Comparisons, row: int, column: int) -> str:
    if row == column:
        return ""
    if column < row:
        return percent_sure(float(found.superiority[column, row])).removesuffix(" %")
    elo, low, high = (float(x[row, column]) for x in (found.elo, found.low, found.high))
    if math.isinf(elo):
        return f"over\n{signed(low)}"
    return f"{signed(elo)}\n{reach_of(elo, low, high)}"
