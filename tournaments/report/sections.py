"""What the page says, part by part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from lzeval.text.wording import counted
from tournaments.rating.bradley_terry import Rating
from tournaments.rating.comparisons import Comparisons, reach_of
from tournaments.rating.elo import percent_sure
from tournaments.rating.residuals import Residuals
from tournaments.report.charts import course_chart, course_scale, length_chart, rating_chart, share_bar
from tournaments.report.formatting import NONE, elo, interval_of, percent, record_of
from tournaments.report.markup import Html, joined, show, table, tag
from tournaments.report.over_time import duel_course, pool_courses
from tournaments.report.rating_table import RatingRow, Tally
from tournaments.report.scale import notes_of, prior_of, zero_of
from tournaments.report.settings import describe_settings
from tournaments.report.summary import (
    Apart,
    GamesSummary,
    OpeningResults,
    black_tally,
    cross_table,
    endings,
    lengths,
)
from tournaments.report.verdict import judge

SHOWN_PLAYERS = 30
SHOWN_NOTES = 6
SHOWN_OPENINGS = 12
LARGEST_CROSS_TABLE = 24
LARGEST_MATRIX = 100
SHOWN_RESIDUALS = 10
SHOWN_IDS = 8
PAIR_POINTS = ("0", "½", "1", "1½", "2")


def section(name: str, title: str, *content: object) -> Html:
    return tag("section", tag("h2", title), *content, id=name)


def header(facts: GamesSummary) -> Html:
    """Title, the finding, and what it rests on."""
    verdict = judge(facts)
    return joined(
        [
            tag("p", title_of(facts), class_="eyebrow"),
            tag("h1", _unbroken(verdict.sentence)),
            tag("p", _unbroken(f"{verdict.basis} {_conditions(facts)}"), class_="lead"),
            *(tag("p", line, class_="lead") for line in _circles(facts)),
        ]
    )


def _circles(facts: GamesSummary) -> list[str]:
    """What qualifies any finding of who is strongest."""
    found = facts.table.residuals
    return found.circle_sentences() if found is not None else []


def _unbroken(text: str) -> str:
    """Units stay on the line of their numbers."""
    return text.replace(" Elo", "\u00a0Elo").replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0")


def title_of(facts: GamesSummary) -> str:
    return f"{facts.players[0]} v {facts.players[1]}" if facts.is_duel else f"{len(facts.players)} players"


def _conditions(facts: GamesSummary) -> str:
    """Numbers of games, board, komi and days, as far as they are the same throughout."""
    games = facts.games
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


def ratings(facts: GamesSummary) -> Html:
    """Table and chart; of many players the first at once, the others on demand."""
    rows = facts.table.rows
    shown, rest = rows[:SHOWN_PLAYERS], rows[SHOWN_PLAYERS:]
    charted = [row.rating for row in rows if _is_comparable(row.rating)]
    parts: list[object] = [_rating_table(shown)]
    if charted:
        parts.append(rating_chart(charted[:SHOWN_PLAYERS], with_zero=not facts.table.anchors))
    return section(
        "ratings",
        "Ratings",
        tag("div", *parts, class_="beside"),
        _more(counted(len(rest), "more player"), _rating_table(rest)) if rest else Html(""),
        _notes([*notes_of(facts.table), *prior_of(facts.table)]),
        tag("p", _zero(facts), class_="note"),
    )


def _is_comparable(rating: Rating) -> bool:
    """Whether there is a place for it on the axis of the largest group."""
    has_bound = rating.low is not None or rating.high is not None
    return has_bound and (rating.group == 1 or rating.elo is None)


def _more(summary: str, content: Html) -> Html:
    return tag("details", tag("summary", summary), content)


def _notes(notes: Sequence[str]) -> Html:
    if not notes:
        return Html("")
    lines = tag("ul", *(tag("li", note) for note in notes), class_="notes")
    return lines if len(notes) <= SHOWN_NOTES else _more(counted(len(notes), "remark"), lines)


def _rating_table(rows: Iterable[RatingRow]) -> Html:
    headings = ("Player", "Elo", "95 % interval", "Games", "Score", "W–L–J", "As Black", "As White")
    return table(headings, (_rating_cells(row) for row in rows), of="Ratings")


def _rating_cells(row: RatingRow) -> Sequence[object]:
    rating, total = row.rating, row.total
    repeats = row.distinct_games != total.games
    return (
        rating.player + ("\u00a0*" if rating.note else ""),
        tag("b", elo(rating.elo)),
        interval_of(rating),
        f"{row.distinct_games:,} of {total.games:,}" if repeats else f"{total.games:,}",
        percent(total.score),
        record_of(total),
        percent(row.as_black.score),
        percent(row.as_white.score),
    )


def _zero(facts: GamesSummary) -> str:
    text = zero_of(facts.table)
    text += " Bars are 95 % intervals."
    if any(row.distinct_games != row.total.games for row in facts.table.rows):
        text += " Ratings rest on distinct games; scores count all decided games."
    return text


def crosses(facts: GamesSummary) -> Html:
    """Who made what against whom; of many players those with the most games."""
    found = cross_table(facts.evidence.decided)
    rows = facts.table.rows
    chosen = sorted(rows, key=lambda row: -row.total.games)[:LARGEST_CROSS_TABLE]
    players = [row.rating.player for row in rows if row in chosen]
    headings = ["", *players]
    body = [[name, *(_cross_cell(found.get((name, other))) for other in players)] for name in players]
    words = "Wins–losses (–jigos) of the player in the row against the player in the column."
    if len(players) < len(rows):
        words += f" The {len(players)} players with the most games of {len(rows)}."
    return section(
        "cross-table",
        "Cross table",
        table(headings, body, of="Cross table"),
        tag("p", words, class_="note"),
    )


def differences(facts: GamesSummary) -> Html:
    """Everybody against everybody, of three players and more; and who beats whom more than the ratings say."""
    found = facts.table.comparisons
    if facts.is_duel or found is None:
        return Html("")
    shown = found.of(found.players[:LARGEST_MATRIX])
    body = [
        [name, *(_difference_cell(shown, row, column) for column in range(len(shown.players)))]
        for row, name in enumerate(shown.players)
    ]
    words = (
        "Right of the diagonal: Elo of the player in the row over the player in the column, and half the width of "
        "its 95 % interval (how far down and up it reaches, where that differs); coloured where the interval leaves no "
        "doubt. Left of it: how likely the player in the column is stronger than the one in the row."
    )
    if len(shown.players) < len(found.players):
        words += f" The {len(shown.players)} strongest of {len(found.players)} players; --json has all."
    return section(
        "differences",
        "Differences",
        table(["", *shown.players], body, of="Differences between players"),
        tag("p", words, class_="note"),
        _beyond(facts.table.residuals),
    )


def _difference_cell(found: Comparisons, row: int, column: int) -> object:
    if row == column:
        return tag("span", NONE, class_="none")
    difference, low, high = (float(x[row, column]) for x in (found.elo, found.low, found.high))
    if column < row:
        sure = float(found.superiority[column, row])
        return tag("span", percent_sure(sure), class_="likely")
    side = "above" if low > 0 else "below" if high < 0 else "level"
    return tag(
        "span",
        elo(difference),
        tag("small", reach_of(difference, low, high).replace("±", "±\u00a0").replace("-", "−")),
        class_=side,
    )


def _beyond(found: Residuals | None) -> Html:
    """What ratings cannot say."""
    if found is None or not len(found):
        return Html("")
    rows = [
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
    headings = ("Pair", "Games", "Points", "Expected", "Chance", f"Of {counted(len(found), 'pair')}")
    words = (
        "Points of the player named first, who made more than the ratings let expect. Chance: of results as far from "
        "the ratings as these, for one pair, and allowing for all pairs having been looked at (Holm)."
    )
    return part(
        "Beyond the ratings",
        *(tag("p", _unbroken(line)) for line in found.sentences()),
        table(headings, rows, of="Results beyond the ratings"),
        tag("p", words, class_="note"),
    )


def _cross_cell(tally: Tally | None) -> object:
    if tally is None or tally.score is None:
        return tag("span", NONE, class_="none")
    side = "above" if tally.score > 0.5 else "below" if tally.score < 0.5 else "level"
    return tag("span", record_of(tally), tag("small", percent(tally.score, 0)), class_=side)


def course(facts: GamesSummary) -> Html:
    if facts.is_duel:
        return _duel_course(facts)
    courses = {name: steps for name, steps in pool_courses(facts).items() if len(steps) > 1}
    if not courses:
        words = "Nobody can be told from the others before the last games: there is no course to show."
        return section("course", "Over time", tag("p", words, class_="note"))
    scale = course_scale(courses.values())
    figures = [
        tag("figure", tag("figcaption", name), course_chart(steps, scale, "games", f"Elo of {name}"))
        for name, steps in courses.items()
    ]
    words = (
        "Elo about the mean of all, with its 95 % interval, as games came in; from when all could be rated."
    )
    return section(
        "course", "Over time", tag("div", *figures, class_="multiples"), tag("p", words, class_="note")
    )


def _duel_course(facts: GamesSummary) -> Html:
    steps = duel_course(facts)
    if len(steps) < 2:
        return Html("")
    unit = "pairs" if any(facts.pair_counts) else "games"
    first, second = facts.players
    words = (
        f"Elo of {first} over {second} after so many {unit}, in the order of the records; the band is the "
        "95 % interval. A band looked at again and again misses the truth more often than 5 % of the time."
    )
    chart = course_chart(steps, course_scale([steps]), unit, f"Elo of {first} over {second} over time")
    return section("course", "Over time", chart, tag("p", words, class_="note"))


def breakdowns(facts: GamesSummary) -> Html:
    """Openings, which are many, beside the others, which are short."""
    parts, openings = [_colours(facts), _lengths(facts), _endings(facts)], _openings(facts)
    if openings:
        parts = [tag("div", *parts, class_="stack"), openings]
    return section("breakdowns", "Breakdowns", tag("div", *filter(None, parts), class_="columns"))


def part(title: str, *content: object) -> Html:
    return tag("div", tag("h3", title), *content, class_="part")


def _colours(facts: GamesSummary) -> Html:
    black = black_tally(facts.evidence.decided)
    sides = [("Black", black.wins, "black"), ("Jigo", black.jigos, "jigo"), ("White", black.losses, "white")]
    words = (
        f"Black won {black.wins:,} of {counted(black.games, 'game')} ({percent(black.score)} of the points)."
    )
    pool = facts.table.pool
    if pool.advantage is not None and pool.advantage_95 is not None:
        words += f" Playing Black is worth {elo(pool.advantage)} ± {pool.advantage_95:.0f} Elo."
    content: list[object] = [share_bar(sides), tag("p", _unbroken(words))]
    if facts.is_duel:
        rows = [
            (row.rating.player, record_of(row.as_black), record_of(row.as_white)) for row in facts.table.rows
        ]
        content.append(table(("W–L–J", "as Black", "as White"), rows, of="Results by colour"))
    return part("Colour", *content)


def _openings(facts: GamesSummary) -> Html:
    if not facts.openings:
        return Html("")
    content: list[object] = []
    if any(facts.pair_counts):
        content.append(_pairs(facts))
    first, rest = facts.openings[:SHOWN_OPENINGS], facts.openings[SHOWN_OPENINGS:]
    content.append(_opening_table(facts, first))
    if rest:
        content.append(_more(counted(len(rest), "more opening"), _opening_table(facts, rest)))
    return part("OpeningResults", *content)


def _pairs(facts: GamesSummary) -> Html:
    counts = facts.pair_counts
    kinds = ("second", "second half", "jigo", "first half", "first")
    bar = share_bar(list(zip(PAIR_POINTS, counts, kinds, strict=True))[::-1])
    shown = [f"{points} in {count:,}" for points, count in zip(PAIR_POINTS, counts, strict=True)][::-1]
    words = f"Points of {facts.players[0]} in {counted(sum(counts), 'pair')} of games: {', '.join(shown)}."
    return joined([bar, tag("p", words)])


def _opening_table(facts: GamesSummary, openings: Iterable[OpeningResults]) -> Html:
    headings = ["OpeningResults", "Games", "Black won"]
    if facts.is_duel:
        headings.append(f"{facts.players[0]} made")
    rows = [[o.name, o.games, o.black.wins, *([_points(o.first)] if facts.is_duel else [])] for o in openings]
    return table(headings, rows, of="Openings")


def _points(tally: Tally) -> str:
    whole, half = divmod(2 * tally.wins + tally.jigos, 2)
    return f"{whole or ''}½" if half else str(whole)


def _lengths(facts: GamesSummary) -> Html:
    bins = lengths(facts)
    if not bins:
        return Html("")
    sides = [("Black", "black"), ("White", "white")]
    if facts.is_duel:
        sides = list(zip(facts.players, ("first", "second"), strict=True))
    key = [_key(f"{name} won", kind) for name, kind in sides]
    if any(found.jigos for found in bins):
        key.append(_key("jigo", "jigo"))
    return part("Length", length_chart(bins, sides), tag("ul", *key, class_="key"))


def _key(text: str, kind: str) -> Html:
    return tag("li", tag("span", class_=kind), text)


def _endings(facts: GamesSummary) -> Html:
    rows = [
        (e.way, e.games, e.by_black, e.by_white, f"{e.median_moves:g}")
        for e in endings(facts.evidence.decided)
    ]
    headings = ("Ended by", "Games", "Black won", "White won", "Median moves")
    return part("Way of ending", table(headings, rows, of="Ways of ending"))


def left_out(facts: GamesSummary) -> Html:
    """Games that do not count, and how many of the others are really different."""
    total = facts.table.decided
    stages = [
        (
            "at the end" if moves is None else f"after {moves} moves",
            count,
            percent(count / total),
        )
        for moves, count in facts.table.distinct.items()
    ]
    different = part(
        "Different games",
        tag("p", f"Of {counted(total, 'decided game')}; turned or mirrored games are the same."),
        table(("Compared", "Different", "Share"), stages, of="Different games"),
    )
    return section(
        "counted-apart", "Counted apart", tag("div", _apart(facts.apart), different, class_="columns")
    )


def _apart(found: Sequence[Apart]) -> Html:
    if not found:
        return part("Not counted, or disputed", tag("p", "None: every game was decided and counts."))
    rows = [(a.kind, a.reason, _ids(a.games), len(a.games)) for a in found]
    words = (
        "Disputed games count as they were decided; pairs that are not whole are left out of Elo by pairs."
    )
    return part(
        "Not counted, or disputed",
        table(("Kind", "Reason", "Games", "Number"), rows, text=3, of="Games counted apart"),
        tag("p", words, class_="note"),
    )


def _ids(ids: Sequence[str]) -> str:
    more = len(ids) - SHOWN_IDS
    return ", ".join(ids[:SHOWN_IDS]) + (f" and {more} more" if more > 0 else "")


def settings(facts: GamesSummary, description: Mapping[str, Any] | None) -> Html:
    lines = [
        joined([tag("dt", label), tag("dd", value)]) for label, value in describe_settings(facts, description)
    ]
    source = (
        "From match.json beside the games." if description else "From the records: no match.json beside them."
    )
    return section("settings", "Settings", tag("dl", *lines), tag("p", source, class_="note"))


def contents(parts: Mapping[str, str]) -> Html:
    """Links to sections, by their id."""
    return joined(tag("a", show(title), href=f"#{name}") for name, title in parts.items())
