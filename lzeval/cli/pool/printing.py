"""What a pool holds and what its games say, on the terminal and in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from tournaments.ratingpool.members import Network
    from tournaments.ratingpool.rating import Rated
    from tournaments.ratingpool.store import RatingPool


def show_table(
    pool: RatingPool,
    *,
    as_json: bool,
    csv: Path | None = None,
    report: Path | None = None,
    over_time: bool = False,
    plot: Path | None = None,
    origin: str | None = None,
    prior: bool = True,
) -> None:
    """Rate the pool, write what is wanted, and print."""
    from tournaments.ratingpool.over_time import over_time as points_of
    from tournaments.ratingpool.over_time import plot_over_time
    from tournaments.ratingpool.rating import rate_pool
    from tournaments.tables import write_ratings

    rated, networks = rate_pool(pool, origin=origin, prior=prior), pool.networks()
    if csv is not None:
        write_ratings(rated.table, csv)
    if report is not None:
        _report(rated, report)
    if plot is not None:
        plot_over_time(rated, networks, plot)
    points = points_of(rated, networks) if over_time else []
    if as_json:
        content = as_dict(pool, rated)
        if over_time:
            content["over_time"] = [point.as_dict() for point in points]
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    if over_time:
        _print_points([point.as_dict() for point in points])
    else:
        print_table(rated)
    for path in (csv, report, plot):
        if path is not None:
            typer.echo(f"wrote {path}", err=True)


def as_dict(pool: RatingPool, rated: Rated) -> dict[str, Any]:
    """A pool's table as JSON has it."""
    return {
        "pool": str(pool.path),
        "settings": pool.settings.as_dict(),
        "zero": rated.zero,
        "without_games": [network.name for network in rated.waiting],
        **rated.table.as_dict(),
    }


def print_table(rated: Rated) -> None:
    """The table on the terminal, and who is not in it."""
    from rich.console import Console

    from tournaments.tables import render

    render(rated.table, Console())
    if rated.zero is None:
        typer.echo("The network that the scale is fixed by cannot be rated yet: 0 is the mean of all.")
    if rated.waiting:
        typer.echo(f"Without games: {', '.join(network.name for network in rated.waiting)}.")


def _print_points(points: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if not points:
        typer.echo("no network whose positions of training are known; add checkpoints, or --positions N")
        return
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, justify in (("Run", "left"), ("Network", "left"), ("Positions", "right"), ("Elo", "right")):
        grid.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    grid.add_column("95 % interval", justify="right", no_wrap=True)
    for point in points:
        elo, low, high = point["elo"], point["low"], point["high"]
        interval = "-" if low is None or high is None else f"{low:+.0f} to {high:+.0f}"
        grid.add_row(
            escape(point["run"]), escape(point["network"]), f"{point['positions']:,}",
            "none" if elo is None else f"{elo:+.0f}", "reference" if low == high and elo is not None else interval,
        )  # fmt: skip
    Console().print(grid)


def print_networks(networks: list[Network]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    grid = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("Network", "Size", "Positions", "SHA-256", "Weights"):
        grid.add_column(heading, overflow="fold")
    for network in networks:
        size = "" if network.blocks is None else f"{network.blocks}x{network.filters}"
        weights = "in the pool" if network.is_copied else network.path or "none"
        positions = "" if network.positions is None else f"{network.positions:,}"
        grid.add_row(escape(network.name), size, positions, network.sha256[:12], escape(weights))
    Console().print(grid)


def rules(pool: RatingPool) -> str:
    settings = pool.settings
    return (
        f"{settings.visits} visits a move, komi {settings.komi:g}, {settings.size}x{settings.size}, openings "
        f"{settings.openings}, resign below {settings.resign:g} %, precision {settings.precision}"
    )


def _report(rated: Rated, path: Path) -> None:
    from tournaments.ratingpool.exchange import with_gomill_ids
    from tournaments.report.facts import gather
    from tournaments.report.page import check_report, write_report

    check_report(path)
    table = rated.table
    facts = gather(with_gomill_ids(rated.games), table.anchors, origin=table.origin, prior=rated.prior)
    write_report(facts, [], path)
