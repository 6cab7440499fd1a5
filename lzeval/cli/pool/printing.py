"""Networks, games and ratings of a pool, on the terminal and in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lzeval.text.terminal import Column, name_column, print_table, say, say_json, screen, text_column
from lzeval.text.wording import signed

if TYPE_CHECKING:
    from tournaments.pool.networks import Network
    from tournaments.pool.rating import Rated
    from tournaments.pool.store import RatingPool


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
    from tournaments.pool.over_time import over_time as points_of
    from tournaments.pool.over_time import plot_over_time
    from tournaments.pool.rating import rate_pool
    from tournaments.report.csv_files import write_ratings

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
        say_json(content, indent=2)
        return
    if over_time:
        _print_points([point.as_dict() for point in points])
    else:
        print_rated(rated)
    for path in (csv, report, plot):
        if path is not None:
            say(f"wrote {path}", err=True)


def as_dict(pool: RatingPool, rated: Rated) -> dict[str, Any]:
    """A pool's table as JSON has it."""
    return {
        "pool": str(pool.path),
        "settings": pool.settings.as_dict(),
        "zero": rated.zero,
        "without_games": [network.name for network in rated.waiting],
        **rated.table.as_dict(),
    }


def print_rated(rated: Rated) -> None:
    """The table on the terminal, and who is not in it."""
    from tournaments.report.terminal import render

    render(rated.table, screen())
    if rated.zero is None:
        say("The network that the scale is fixed by cannot be rated yet: 0 is the mean of all.")
    if rated.waiting:
        say(f"Without games: {', '.join(network.name for network in rated.waiting)}.")


def _print_points(points: list[dict[str, Any]]) -> None:
    from tournaments.report.terminal import interval

    if not points:
        say("no network whose positions of training are known; add checkpoints, or --positions N")
        return
    print_table(
        [
            *map(name_column, ("Run", "Network")),
            *(Column(heading, is_kept=True) for heading in ("Positions", "Elo")),
            Column("95 % interval"),
        ],
        (
            [
                *(point["run"], point["network"], f"{point['positions']:,}"),
                *(
                    "none" if point["elo"] is None else signed(point["elo"]),
                    interval(point["low"], point["high"]),
                ),
            ]
            for point in points
        ),
    )


def print_networks(networks: list[Network]) -> None:
    """The members, a line each; where their weights are matters more than what they are known by."""
    columns = [
        *(name_column("Network"), Column("Size"), Column("Positions")),
        *(text_column("Weights"), Column("SHA-256", is_text=True)),
    ]
    print_table(
        columns,
        (
            [
                network.name,
                "" if network.blocks is None else f"{network.blocks}x{network.filters}",
                "" if network.positions is None else f"{network.positions:,}",
                "in the pool" if network.is_copied else network.path or "none",
                network.sha256[:12],
            ]
            for network in networks
        ),
    )


def rules(pool: RatingPool) -> str:
    settings = pool.settings
    return (
        f"{settings.visits} visits a move, komi {settings.komi:g}, {settings.size}x{settings.size}, openings "
        f"{settings.openings}, resign below {settings.resign:g} %, precision {settings.precision}"
    )


def _report(rated: Rated, path: Path) -> None:
    from tournaments.pool.import_export import with_gomill_ids
    from tournaments.report.page import check_report, write_report
    from tournaments.report.summary import gather

    check_report(path)
    table = rated.table
    summary = gather(with_gomill_ids(rated.games), table.anchors, origin=table.origin, prior=rated.prior)
    write_report(summary, [], path)
