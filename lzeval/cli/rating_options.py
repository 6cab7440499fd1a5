"""Options of all commands that rate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from lzeval.errors import UserError
from lzeval.text.decimals import parse_number

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


def parse_anchors(texts: Iterable[str]) -> dict[str, float]:
    """Read `NAME=ELO`. Raises UserError for anything else."""
    anchors = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            elo = parse_number(number)
        except ValueError:
            name = ""
        if not name:
            raise UserError(
                f"--anchor {text}: must be a player's name, = and its Elo, as in --anchor gnugo=1800"
            )
        if name in anchors:
            raise UserError(f"--anchor {name}: was given twice")
        anchors[name] = elo + 0.0  # no -0.0
    return anchors
