"""The `lzeval` command: what there is, in groups by job, and the exit status.

Nothing heavy is imported here or at the top of a command's module: torch, numba and pandas come in
where a command does its work, so that `lzeval --help` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from lzeval.cli import (
    analysis_engine,
    data,
    evaluate,
    export,
    gauntlet,
    gomill,
    gtp,
    gtp_check,
    match,
    pool,
    rate,
    review,
    runs,
    sabaki,
    sprt,
    tournament,
    train,
    weights,
)
from lzeval.cli.status import INTERRUPTED, USER_ERROR
from lzeval.core.errors import LzevalError
from lzeval.version import __version__

EVALUATE, TRAIN, PLAY, FILES = "Evaluate", "Train", "Play", "Files"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Train networks for Leela Zero's world, and learn which of them is stronger.",
    epilog="Start with: [bold]lzeval match big small --games 20[/]",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lzeval {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def _example(command: str) -> str:
    return f"Example: [bold]{command}[/]"


app.command(rich_help_panel=EVALUATE, epilog=_example("lzeval match big small --games 20"))(match.match)
app.command(rich_help_panel=EVALUATE, epilog=_example("lzeval rate matches/big-small/match.games"))(rate.rate)
app.add_typer(tournament.app, name="tournament", rich_help_panel=EVALUATE)
app.add_typer(pool.app, name="pool", rich_help_panel=EVALUATE)
app.command(
    rich_help_panel=EVALUATE, epilog=_example("lzeval gauntlet new.txt.gz --against nets.pool --until 50")
)(gauntlet.gauntlet)
app.command(rich_help_panel=EVALUATE, epilog=_example("lzeval sprt --elo 0,35"))(sprt.sprt)
app.command("eval", rich_help_panel=EVALUATE, epilog=_example("lzeval eval small records.sgf --json"))(
    evaluate.evaluate
)
app.command(rich_help_panel=EVALUATE, epilog=_example("lzeval review game.sgf --net big --plot game.png"))(
    review.review
)
app.command(
    rich_help_panel=TRAIN,
    epilog=_example("lzeval train network=small data.train=records.sgf max_time=30m"),
)(train.train)
app.command(
    rich_help_panel=TRAIN,
    epilog=_example("lzeval export runs/small-2026-01-31-120000/latest.ckpt small.txt.gz"),
)(export.export)
app.add_typer(runs.app, name="runs", rich_help_panel=TRAIN)
app.command(rich_help_panel=PLAY, epilog=_example("lzeval gtp big --visits 400"))(gtp.gtp)
app.command(
    "gtp-check",
    rich_help_panel=PLAY,
    epilog=_example("lzeval gtp-check lzeval gtp small --visits 20"),
    context_settings={"allow_interspersed_args": False},
)(gtp_check.gtp_check)
app.command(
    rich_help_panel=PLAY,
    epilog=_example("lzeval sabaki big --visits 400"),
    context_settings={"allow_interspersed_args": False},
)(sabaki.sabaki)
app.command(
    "analysis-engine", rich_help_panel=PLAY, epilog=_example("lzeval analysis-engine big --visits 200")
)(analysis_engine.analysis_engine)
app.add_typer(weights.app, name="weights", rich_help_panel=FILES)
app.add_typer(data.app, name="data", rich_help_panel=FILES)
app.add_typer(gomill.app, name="gomill", rich_help_panel=FILES)


def main() -> None:
    """Run the command line; a user's mistake is one line and status 2, Ctrl-C status 130."""
    try:
        app()
    except LzevalError as exc:
        typer.echo(f"lzeval: {exc}", err=True)
        raise SystemExit(USER_ERROR) from exc
    except KeyboardInterrupt as exc:
        typer.echo("lzeval: interrupted", err=True)
        raise SystemExit(INTERRUPTED) from exc
