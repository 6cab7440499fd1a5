"""`lzeval rate`: from game records to ratings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.cli import collect_options
from lzeval.cli.rating_options import Origin, Prior, parse_anchors
from lzeval.errors import UserError
from lzeval.text.terminal import say, say_json, say_prose, screen
from tournaments.collect.without_gc import no_collection

if TYPE_CHECKING:
    from tournaments.collect.collect import CollectedGames
    from tournaments.report.summary import GamesSummary

MOST_INDENTED = 100
"""Players; JSON of more has their matrix in one long line."""


@no_collection()
def rate(
    paths: collect_options.Paths,
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
    anchor: Annotated[
        list[str] | None,
        typer.Option(
            "--anchor",
            metavar="NAME=ELO",
            help="Give this player this Elo, and move all others along; repeatable: right on average of several. "
            "[default: 0 is the mean of all]",
        ),
    ] = None,
    origin: Origin = None,
    prior: Prior = True,
    matrix: Annotated[
        bool,
        typer.Option("--matrix", help="Print everybody's difference to everybody (as many players as fit)."),
    ] = False,
    alias: collect_options.Alias = None,
    aliases: collect_options.Aliases = None,
    size: collect_options.Size = None,
    komi: collect_options.Komi = None,
    handicap: collect_options.Handicap = None,
    rules: collect_options.Rules = None,
    since: collect_options.Since = None,
    until: collect_options.Until = None,
    player: collect_options.Player = None,
) -> None:
    """Rate the players of game records: Elo with 95 % intervals, from this program's games or any other's.

    Pairs are recognised, identical games and games that were told of twice count once, what is left out is named.
    """
    from tournaments.collect.summary import as_dict, lines_of
    from tournaments.report.csv_files import write_ratings
    from tournaments.report.page import check_report, write_report
    from tournaments.report.summary import gather
    from tournaments.report.terms import terms_beside
    from tournaments.report.text_tables import write_latex, write_markdown

    if report is not None:
        check_report(report)
    anchors = parse_anchors(anchor or ())
    choice = collect_options.choose(size, komi, handicap, rules, since, until, player)
    collected = collect_options.collect(paths, choice, alias, aliases)
    try:
        summary = gather(
            [*collected.games, *collected.skipped],
            anchors,
            origin=origin,
            prior=prior,
            terms=terms_beside(paths),
        )
    except UserError:
        for line in lines_of(collected):
            say(f"lzeval: {line}", err=True)
        raise
    if plot is not None:
        from tournaments.report.plots import plot_course

        plot_course(summary.games, plot)
    if out is not None:
        write_ratings(summary.table, out)
    if report is not None:
        write_report(summary, paths, report)
    if markdown is not None:
        write_markdown(summary, markdown)
    if latex is not None:
        write_latex(summary, latex)
    if as_json:
        indent = 2 if len(summary.players) <= MOST_INDENTED else None
        content = {**summary.table.as_dict(), **as_dict(collected)}
        say_json(content, indent=indent)
        return
    _print(summary, collected, matrix)


def _print(summary: GamesSummary, collected: CollectedGames, matrix: bool) -> None:
    """The table, and if asked for everybody against everybody; what was not counted; the running score.

    The latter where the terminal can show it, and the order of the games is known.
    """
    from tournaments.collect.summary import lines_of
    from tournaments.report.sparkline import score_table
    from tournaments.report.terminal import render, render_matrix

    console = screen()
    render(summary.table, console)
    if matrix:
        render_matrix(summary.table.comparisons, summary.table.residuals, console)
    for line in lines_of(collected):
        say_prose(line, console)
    if collected.is_in_order and console.encoding.lower().startswith("utf"):
        scores = score_table(summary, console.width)
        if scores is not None:
            console.print(scores)
