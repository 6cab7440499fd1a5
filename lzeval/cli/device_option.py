"""The option --device, which several commands have."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from lzeval.system.devices import DEVICE_HELP

Device: TypeAlias = Annotated[str, typer.Option(help=DEVICE_HELP)]
