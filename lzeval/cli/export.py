"""`lzeval export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint of lzeval train.")],
    out: Annotated[Path, typer.Argument(help="OUT.txt or OUT.txt.gz, for leelaz and for lzeval.")],
    digits: Annotated[
        int | None,
        typer.Option(min=2, max=9, help="Significant digits; as many as float32 has if not given."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.")] = False,
) -> None:
    """Write a checkpoint's network as a Leela Zero weights file."""
    from lzeval.cli.weights import convert

    convert(checkpoint, out, digits=digits, force=force)
