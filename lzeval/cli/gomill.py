"""`lzeval gomill`: the tournament program itself, for those who want its own ringmaster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lzeval.text.terminal import say

app = typer.Typer(
    no_args_is_help=True, help="Install gomill 0.8.3, which runs under Python 2.7, and find it."
)


@app.command()
def install(
    python: Annotated[
        Path | None, typer.Option(help="The Python 2.7 to run it; if not given, one of PATH or pyenv.")
    ] = None,
    archive: Annotated[
        Path | None, typer.Option(help="gomill-0.8.3.tar.gz, if it is not to be fetched from PyPI.")
    ] = None,
) -> None:
    """Put gomill into your data folder: its source distribution, compared with the checksum of its release.

    It needs a Python 2.7, and nothing is changed outside of that folder.
    """
    from tournaments.gomill import install

    gomill = install.install(python, archive)
    say(f"gomill {install.VERSION}: {gomill.folder}")
    say(f"its ringmaster: {gomill.ringmaster}")


@app.command()
def path() -> None:
    """Print where gomill's ringmaster is; start it as $(lzeval gomill path) X.ctl."""
    from tournaments.gomill.install import find_gomill

    say(str(find_gomill().ringmaster))
