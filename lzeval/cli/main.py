"""The `lzeval` command: what there is, in groups by job, and the exit status.

Nothing heavy is imported here or at the top of a command's module: torch, numba and pandas come in
where a command does its work, so that `lzeval --help` answers at once. Of the commands' modules, a command imports
its own alone: all of them would take a quarter of a second.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer

from lzeval.cli.numbers import DecimalGroup
from lzeval.cli.status import INTERRUPTED, USER_ERROR
from lzeval.errors import LzevalError
from lzeval.system.files import DISK_FULL
from lzeval.text.terminal import replace_missing_letters, say
from lzeval.version import __version__

EVALUATE, TRAIN, PLAY, FILES = "Evaluate", "Train", "Play", "Files"


class Entry(NamedTuple):
    """A command, or with a name of `app` a group of them, in a module of `lzeval.cli`."""

    panel: str
    module: str
    name: str = "app"
    example: str = ""
    """Words that follow `lzeval`; groups have none, their commands do."""
    takes_command_line: bool = False
    """True if another program's options may follow."""


COMMANDS = {
    "match": Entry(EVALUATE, "match", "match", "match big small --games 20"),
    "rate": Entry(EVALUATE, "rate", "rate", "rate matches/big-small/match.games"),
    "calibrate": Entry(
        EVALUATE, "calibrate", "calibrate", "calibrate big small --visits 8 --from 8 --to 256"
    ),
    "tournament": Entry(EVALUATE, "tournament"),
    "tune": Entry(EVALUATE, "tune", "tune", "tune x.ctl --games 500 --plot x.png"),
    "pool": Entry(EVALUATE, "pool"),
    "gauntlet": Entry(EVALUATE, "gauntlet", "gauntlet", "gauntlet new.txt.gz --against nets.pool --until 50"),
    "sprt": Entry(EVALUATE, "sprt", "sprt", "sprt --elo 0,35"),
    "eval": Entry(EVALUATE, "evaluate", "evaluate", "eval small records.sgf --json"),
    "review": Entry(EVALUATE, "review", "review", "review game.sgf --net big --plot game.png"),
    "train": Entry(TRAIN, "train", "train", "train network=small data.train=records.sgf max_time=30m"),
    "export": Entry(
        TRAIN, "export", "export", "export runs/small-2026-01-31-120000/latest.ckpt small.txt.gz"
    ),
    "runs": Entry(TRAIN, "runs"),
    "gtp": Entry(PLAY, "gtp", "gtp", "gtp big --visits 400"),
    "katago": Entry(PLAY, "katago", "katago", "katago NET.bin.gz --visits 100"),
    "gtp-check": Entry(
        PLAY, "gtp_check", "gtp_check", "gtp-check lzeval gtp small --visits 20", takes_command_line=True
    ),
    "sabaki": Entry(PLAY, "sabaki", "sabaki", "sabaki big --visits 400", takes_command_line=True),
    "analysis-engine": Entry(PLAY, "analysis_engine", "analysis_engine", "analysis-engine big --visits 200"),
    "weights": Entry(FILES, "weights"),
    "data": Entry(FILES, "data"),
    "openings": Entry(FILES, "openings"),
    "gomill": Entry(FILES, "gomill"),
    "cluster": Entry(FILES, "cluster"),
}


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"lzeval {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def application(*names: str) -> typer.Typer:
    """The command line with the commands `names`, or with all."""
    app = typer.Typer(
        cls=DecimalGroup,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        help="Train networks for Leela Zero's world, and learn which of them is stronger.",
        epilog="Start with: [bold]lzeval match big small --games 20[/]",
    )
    app.callback()(_root)
    for name in names or COMMANDS:
        entry = COMMANDS[name]
        found = getattr(import_module(f"lzeval.cli.{entry.module}"), entry.name)
        if entry.name == "app":
            app.add_typer(found, name=name, rich_help_panel=entry.panel)
            continue
        app.command(
            name,
            rich_help_panel=entry.panel,
            epilog=f"Example: [bold]lzeval {entry.example}[/]",
            context_settings={"allow_interspersed_args": False} if entry.takes_command_line else None,
        )(found)
    return app


WrongUseError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)
"""Wrong options and arguments: click's class, which typer brings along in a place that depends on its version."""


def _say_wrong_use(error: Any) -> None:
    """One line for a wrong option or argument, with where to read on; the help where nothing was asked for."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "lzeval"
    message = " ".join(error.format_message().split()).rstrip(".")
    say(f"lzeval: {message}; see {path} --help", err=True)


def main() -> None:
    """Run the command line; a user's mistake, or a full disk, is one line and status 2, Ctrl-C status 130."""
    replace_missing_letters()
    try:
        status = application(*(name for name in sys.argv[1:2] if name in COMMANDS))(standalone_mode=False)
        raise SystemExit(status if isinstance(status, int) else 0)
    except WrongUseError as exc:
        _say_wrong_use(exc)
        raise SystemExit(USER_ERROR) from exc
    except LzevalError as exc:
        say(f"lzeval: {exc}", err=True)
        raise SystemExit(USER_ERROR) from exc
    except OSError as exc:
        if exc.errno not in DISK_FULL:
            raise
        say(f"lzeval: cannot write {exc.filename or 'what was to be written'}: {exc.strerror}", err=True)
        raise SystemExit(USER_ERROR) from exc
    except KeyboardInterrupt as exc:
        say("lzeval: interrupted", err=True)
        raise SystemExit(INTERRUPTED) from exc
