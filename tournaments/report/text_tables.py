"""Rating and cross table for papers: Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lzeval.system.files import write_text_atomically
from tournaments.rating.rating_table import RatingRow
from tournaments.report.formatting import NONE, elo, interval_of, percent, record_of
from tournaments.report.scale import notes_of, prior_of
from tournaments.report.summary import GamesSummary, cross_table
from tournaments.report.verdict import conclude

HEADINGS = ("Player", "Elo", "95 % interval", "Games", "Score", "W–L–J")
Rows = Sequence[Sequence[str]]


def write_markdown(summary: GamesSummary, path: Path) -> None:
    """Write the finding and both tables. Raises UserError where `path` cannot be written."""
    rating, cross = (
        _markdown_table(_heads(summary, kind), _rows(summary, kind)) for kind in ("rating", "cross")
    )
    notes = [_markdown(f"* {note}") for note in _notes(summary)]
    write_text_atomically(
        path, "\n\n".join([_markdown(conclude(summary).sentence), rating, *notes, cross]) + "\n"
    )


def write_latex(summary: GamesSummary, path: Path) -> None:
    """Write both tables as `tabular`, for the package booktabs. Raises UserError as above."""
    parts = [
        "% Needs \\usepackage{booktabs} and UTF-8.",
        f"% {_one_line(conclude(summary).sentence)}",
        _latex_table(_heads(summary, "rating"), _rows(summary, "rating")),
        *(f"\n{_latex(f'* {note}')}\n" for note in _notes(summary)),
        _latex_table(_heads(summary, "cross"), _rows(summary, "cross")),
    ]
    write_text_atomically(path, "\n".join(parts) + "\n")


def _heads(summary: GamesSummary, kind: str) -> Sequence[str]:
    return HEADINGS if kind == "rating" else ("", *summary.players)


def _rows(summary: GamesSummary, kind: str) -> Rows:
    if kind == "rating":
        return [_rating_row(row) for row in summary.table.rows]
    found = cross_table(summary.evidence.decided)
    return [
        [
            name,
            *(record_of(found[name, other]) if (name, other) in found else NONE for other in summary.players),
        ]
        for name in summary.players
    ]


def _notes(summary: GamesSummary) -> list[str]:
    """Remarks on players with an asterisk."""
    return [*notes_of(summary.table), *prior_of(summary.table)]


def _rating_row(row: RatingRow) -> Sequence[str]:
    rating = row.rating
    return (
        rating.player + (" *" if rating.note else ""),
        elo(rating.elo),
        interval_of(rating),
        str(row.distinct_games),
        percent(row.total.score),
        record_of(row.total),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(letter, letter) for letter in _one_line(text))


_MARKDOWN = {letter: f"\\{letter}" for letter in "\\`*_[]|#~$"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_LATEX = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",
    "–": "--",
}


def _markdown(text: str) -> str:
    return _escaped(text, _MARKDOWN)


def _latex(text: str) -> str:
    return _escaped(text, _LATEX)


def _markdown_table(headings: Sequence[str], rows: Rows) -> str:
    ruler = ["---", *(["---:"] * (len(headings) - 1))]
    lines = [_line(headings, _markdown), ruler, *(_line(row, _markdown) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(cells: Sequence[str], write: Callable[[str], str]) -> list[str]:
    return [write(cell) for cell in cells]


def _latex_table(headings: Sequence[str], rows: Rows) -> str:
    from pandas import DataFrame

    frame = DataFrame([_line(row, _latex) for row in rows], columns=_line(headings, _latex))
    return frame.to_latex(index=False, escape=False, column_format="l" + "r" * (len(headings) - 1)).rstrip()
