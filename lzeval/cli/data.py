"""`lzeval data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Game records and packed positions.")


@app.command(epilog="Example: [bold]lzeval data pack records.sgf --out packed[/]")
def pack(
    sources: Annotated[list[Path], typer.Argument(help="SGF files or folders; plain, .gz or .xz.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    size: Annotated[int, typer.Option(min=2, max=25, help="Board size; other games are skipped.")] = 19,
) -> None:
    """Pack game records once, for training and measuring (which also do it by themselves when they must)."""
    from trainer.data import pack_with_progress

    pack_with_progress([str(source) for source in sources], out, size)
