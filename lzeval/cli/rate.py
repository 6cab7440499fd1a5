"""`lzeval rate`: from game records to ratings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tournaments.report.facts import Facts


def rate(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="DIR|SGF...", help="SGF files (.gz and .xz too), or folders of them."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="CSV", help="Write the table to this CSV file as well.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="HTML", help="Write everything, games included, as one page."),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="MD", help="Write rating and cross table as Markdown."),
    ] = None,
    latex: Annotated[
        Path | None, typer.Option("--latex", metavar="TEX", help="Write the same two tables for LaTeX.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="PNG", help="Draw how the estimate settled (two players; .png, .svg, .pdf)."
        ),
    ] = None,
) -> None:
    """Rate the players of SGF records: Elo with 95 % intervals, from this program's games or any other's.

    Games that were played in pairs from one opening are recognised, and identical games count once.
    """
    from tournaments.records import read_games
    from tournaments.report.facts import gather
    from tournaments.report.page import check_report, write_report
    from tournaments.report.papers import write_latex, write_markdown
    from tournaments.tables import write_ratings

    if report is not None:
        check_report(report)
    facts = gather(read_games(paths))
    if plot is not None:
        from tournaments.plots import plot_course

        plot_course(facts.games, plot)
    if out is not None:
        write_ratings(facts.table, out)
    if report is not None:
        write_report(facts, paths, report)
    if markdown is not None:
        write_markdown(facts, markdown)
    if latex is not None:
        write_latex(facts, latex)
    if as_json:
        typer.echo(json.dumps(facts.table.as_dict(), indent=2, ensure_ascii=False))
        return
    _print(facts)


def _print(facts: Facts) -> None:
    """The table, and the running score where the terminal can show it."""
    from rich.console import Console

    from tournaments.report.sparkline import score_lines
    from tournaments.tables import render

    console = Console()
    render(facts.table, console)
    if console.encoding.lower().startswith("utf"):
        for line in score_lines(facts):
            console.print(line, highlight=False, markup=False)
