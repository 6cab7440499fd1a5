"""Options of all commands that rate."""

from __future__ import annotations

from typing import Annotated

import typer

Prior = Annotated[
    bool,
    typer.Option(
        " /--no-prior",
        help="Give no rating to whom games of one side only join to the others, instead of placing it by a weak prior.",
    ),
]
Origin = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="NAME",
        help="Print intervals of distances from this player. [default: from the mean of all]",
    ),
]
