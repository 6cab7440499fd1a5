"""Values that the templates of a page's sections show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from lzeval.text.wording import counted
from tournaments.rating.bradley_terry import Rating
from tournaments.rating.comparisons import Comparisons
from tournaments.rating.elo import percent_sure
from tournaments.rating.rating_table import RatingRow, Tally
from tournaments.rating.residuals import Residuals
from tournaments.report.charts import (
    Histogram,
    course_chart,
    course_scale,
    length_chart,
    rating_scale,
    share_bar,
)
from tournaments.report.formatting import NONE, elo, interval_of, percent, reach_of, record_of
from tournaments.report.over_time import duel_course, pool_courses
from tournaments.report.scale import notes_of, prior_of, zero_of
from tournaments.report.settings import describe_settings
from tournaments.report.summary import GamesSummary, black_tally, cross_table, endings, lengths

SHOWN_PLAYERS = 30
SHOWN_OPENINGS = 12
LARGEST_CROSS_TABLE = 24
LARGEST_MATRIX = 100
SHOWN_RESIDUALS = 10
SHOWN_IDS = 8
PAIR_POINTS = ("0", "½", "1", "1½", "2")

Values = dict[str, Any]
"""Values that a template shows, by the names that they have there."""


class Cell(NamedTuple):
    """A cell of a table whose text stands in a box."""

    kind: str
    """Class of the style sheet."""
    text: str
    small: str = ""


def conditions(summary: GamesSummary) -> str:
    """Numbers of games, board, komi and days, as far as they are the same throughout."""
    games = summary.games
    parts = [counted(len(games), "game") + " read"]
    sizes = {game.size for game in games}
    komis = {game.komi for game in games}
    days = sorted({game.date[:10] for game in games} - {""})
    if len(sizes) == 1:
        parts.append(f"{games[0].size}×{games[0].size}")
    if len(komis) == 1 and games[0].komi is not None:
        parts.append(f"komi {games[0].komi:g}")
    if days:
        span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        parts.append(span.replace("-", "\u2011"))
    return ", ".join(parts) + "."


def ratings(summary: GamesSummary) -> Values:
    """Table and chart; of many players the first at once, the others on demand."""
    rows = summary.table.rows
    charted = [row.rating for row in rows if _is_comparable(row.rating)][:SHOWN_PLAYERS]
    return {
        "rows": [_rating_cells(row) for row in rows],
        "shown": SHOWN_PLAYERS,
        "charted": charted,
        "scale": rating_scale(charted, with_zero=not summary.table.anchors),
        "remarks": [*notes_of(summary.table), *prior_of(summary.table)],
        "zero": zero_of(summary.table),
        "has_repeats": any(row.distinct_games != row.total.games for row in rows),
    }


def _is_comparable(rating: Rating) -> bool:
    """Tell whether there is a place for it on the axis of the largest group."""
    has_bound = rating.low is not None or rating.high is not None
    return has_bound and (rating.group == 1 or rating.elo is None)


def _rating_cells(row: RatingRow) -> Sequence[object]:
    rating, total = row.rating, row.total
    repeats = row.distinct_games != total.games
    return (
        rating.player + ("\u00a0*" if rating.note else ""),
        elo(rating.elo),
        interval_of(rating),
        f"{row.distinct_games:,} of {total.games:,}" if repeats else f"{total.games:,}",
        percent(total.score),
        record_of(total),
        percent(row.as_black.score),
        percent(row.as_white.score),
    )


def crosses(summary: GamesSummary) -> Values:
    """Results of all players against each other; of many players those with the most games."""
    found = cross_table(summary.evidence.decided)
    rows = summary.table.rows
    chosen = sorted(rows, key=lambda row: -row.total.games)[:LARGEST_CROSS_TABLE]
    players = [row.rating.player for row in rows if row in chosen]
    return {
        "players": players,
        "of": len(rows),
        "rows": [[name, *(_cross_cell(found.get((name, other))) for other in players)] for name in players],
    }


def _cross_cell(tally: Tally | None) -> Cell:
    if tally is None or tally.score is None:
        return Cell("none", NONE)
    side = "above" if tally.score > 0.5 else "below" if tally.score < 0.5 else "level"
    return Cell(side, record_of(tally), percent(tally.score, 0))


def differences(summary: GamesSummary) -> Values | None:
    """Differences between three players and more, and results that go beyond the ratings."""
    found, residuals = summary.table.comparisons, summary.table.residuals
    if summary.is_duel or found is None:
        return None
    shown = found.of(found.players[:LARGEST_MATRIX])
    places = range(len(shown.players))
    return {
        "players": list(shown.players),
        "of": len(found.players),
        "rows": [
            [name, *(_difference_cell(shown, row, column) for column in places)]
            for row, name in enumerate(shown.players)
        ],
        "residuals": residuals,
        "pairs": [] if residuals is None else _pairs_beyond(residuals),
    }


def _difference_cell(found: Comparisons, row: int, column: int) -> Cell:
    if row == column:
        return Cell("none", NONE)
    if column < row:
        return Cell("likely", percent_sure(float(found.superiority[column, row])))
    difference, low, high = (float(x[row, column]) for x in (found.elo, found.low, found.high))
    side = "above" if low > 0 else "below" if high < 0 else "level"
    reach = reach_of(difference, low, high).replace("±", "±\u00a0").replace("-", "−")
    return Cell(side, elo(difference), reach)


def _pairs_beyond(found: Residuals) -> list[Sequence[str]]:
    return [
        (
            f"{found.players[ahead]} v {found.players[behind]}",
            f"{games:,.0f}",
            f"{points:g}",
            f"{expected:.1f}",
            percent_sure(chance),
            percent_sure(corrected),
        )
        for ahead, behind, games, points, expected, chance, corrected in islice(found.rows(), SHOWN_RESIDUALS)
    ]


def course(summary: GamesSummary) -> Values | None:
    """Courses of the estimates; None where two players had too few games for one."""
    if summary.is_duel:
        steps, unit = duel_course(summary), "pairs" if any(summary.pair_counts) else "games"
        if len(steps) < 2:
            return None
        title = "Elo of {} over {} over time".format(*summary.players)
        return {
            "of_two": summary.players,
            "courses": [course_chart(steps, course_scale([steps]), unit, "", title)],
        }
    courses = {name: steps for name, steps in pool_courses(summary).items() if len(steps) > 1}
    scale = course_scale(courses.values())
    charts = [course_chart(steps, scale, "games", name, f"Elo of {name}") for name, steps in courses.items()]
    return {"of_two": None, "courses": charts}


def breakdowns(summary: GamesSummary) -> Values:
    """Results by colour, length, way of ending and opening."""
    black, pool = black_tally(summary.evidence.decided), summary.table.pool
    of_two, rows = summary.is_duel, summary.table.rows
    advantage = None
    if pool.advantage is not None and pool.advantage_95 is not None:
        advantage = f"{elo(pool.advantage)} ± {pool.advantage_95:.0f} Elo"
    return {
        "black": black,
        "colours": share_bar(
            [("Black", black.wins, "black"), ("Jigo", black.jigos, "jigo"), ("White", black.losses, "white")]
        ),
        "advantage": advantage,
        "by_colour": [
            (r.rating.player, record_of(r.as_black), record_of(r.as_white)) for r in rows if of_two
        ],
        "lengths": _lengths(summary),
        "endings": [
            (e.way, e.games, e.by_black, e.by_white, f"{e.median_moves:g}")
            for e in endings(summary.evidence.decided)
        ],
        "pairs": _pairs(summary),
        "opening_headings": [
            "Opening",
            "Games",
            "Black won",
            *([f"{summary.players[0]} made"] if of_two else []),
        ],
        "openings": [
            (o.name, o.games, o.black.wins, *([_points(o.first)] if of_two else [])) for o in summary.openings
        ],
        "shown": SHOWN_OPENINGS,
    }


def _lengths(summary: GamesSummary) -> Histogram | None:
    bins = lengths(summary)
    names, kinds = (
        (summary.players, ("first", "second"))
        if summary.is_duel
        else (("Black", "White"), ("black", "white"))
    )
    return length_chart(bins, list(zip(names, kinds, strict=True))) if bins else None


def _pairs(summary: GamesSummary) -> Values | None:
    """Points of the first player in pairs of games; None without pairs."""
    counts = summary.pair_counts
    if not any(counts):
        return None
    kinds = ("second", "second half", "jigo", "first half", "first")
    points = [f"{points} in {count:,}" for points, count in zip(PAIR_POINTS, counts, strict=True)]
    return {
        "bar": share_bar(list(zip(PAIR_POINTS, counts, kinds, strict=True))[::-1]),
        "player": summary.players[0],
        "number": sum(counts),
        "points": ", ".join(points[::-1]),
    }


def _points(tally: Tally) -> str:
    whole, half = divmod(2 * tally.wins + tally.jigos, 2)
    return f"{whole or ''}½" if half else str(whole)


def left_out(summary: GamesSummary) -> Values:
    """Games that do not count, and how many of the others are really different."""
    total = summary.table.decided
    return {
        "apart": [(a.kind, a.reason, _ids(a.games), len(a.games)) for a in summary.apart],
        "decided": total,
        "stages": [
            ("at the end" if moves is None else f"after {moves} moves", count, percent(count / total))
            for moves, count in summary.table.distinct.items()
        ],
    }


def _ids(ids: Sequence[str]) -> str:
    more = len(ids) - SHOWN_IDS
    return ", ".join(ids[:SHOWN_IDS]) + (f" and {more} more" if more > 0 else "")


def settings(summary: GamesSummary, description: Mapping[str, Any] | None) -> Values:
    """`description`: the content of a match.json."""
    return {"lines": describe_settings(summary, description), "has_description": bool(description)}
