"""`lzeval export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lzeval.cli.networks import check_target, mean_of, write


def export(
    checkpoints: Annotated[
        list[Path],
        typer.Argument(metavar="CHECKPOINT", help="A checkpoint of lzeval train; of several, the mean."),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="OUT.txt or OUT.txt.gz, for leelaz and for lzeval.")
    ],
    digits: Annotated[
        int | None,
        typer.Option(min=2, max=9, help="Significant digits; as many as float32 has if not given."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="latest|ema|swa",
            help="Which network of a checkpoint; an averaged one where there is one if not given.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.")] = False,
) -> None:
    """Write a checkpoint's network, or the mean of several checkpoints', as a Leela Zero weights file."""
    check_target(out, force, checkpoints)
    write(mean_of(checkpoints, kind=weights), out, digits)
