"""`--komi` of commands whose games begin from openings."""

from __future__ import annotations

from typing import Annotated

import typer

Komi = Annotated[
    float | None,
    typer.Option(help="Points for White; what the openings are even for (7 on 9x9 and 13x13), or else 7.5."),
]
