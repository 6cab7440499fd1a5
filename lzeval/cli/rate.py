"""`lzeval rate`: from game records to ratings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def rate(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="DIR|SGF...", help="SGF files (.gz and .xz too), or folders of them."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="CSV", help="Write the table to this CSV file as well.")
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
    from tournaments.tables import build_table, render, write_ratings

    games = list(read_games(paths))
    table = build_table(games)
    if plot is not None:
        from tournaments.plots import plot_course
        from tournaments.results import GameRecord

        plot_course([game for game in games if isinstance(game, GameRecord)], plot)
    if out is not None:
        write_ratings(table, out)
    if as_json:
        typer.echo(json.dumps(table.as_dict(), indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    render(table, Console())
