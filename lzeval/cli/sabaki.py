"""`lzeval sabaki`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lzeval.text.terminal import say, say_json


def sabaki(
    network: Annotated[str, typer.Argument(metavar="NET", help="Weights file, checkpoint, or bundled name.")],
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[OPTIONS...]", help="For `lzeval gtp`: --visits 400 ...")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What Sabaki calls the engine.")] = None,
    commands: Annotated[
        list[str] | None,
        typer.Option("--command", metavar="GTP", help="What Sabaki tells the engine first; may be repeated."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put it into Sabaki's settings; keeps a copy.")
    ] = False,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", help="Sabaki's settings file, if it is not in the usual place."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the entry as JSON.")] = False,
) -> None:
    """Make a network an engine of Sabaki: print the entry to paste into its list, or write it there.

    Sabaki must not be running when its settings are written: it would write them again. Options for this command
    go before NET.
    """
    from engines.gtp.sabaki import add_engine, engine_entry, settings_path
    from lzeval.errors import UserError
    from lzeval.system.bundled import network_name, resolve_network

    path = resolve_network(network).resolve()
    command = [sys.executable, "-m", "lzeval", "gtp", str(path), *(options or [])]
    for line in [*(commands or []), name or ""]:
        if ";" in line or "\n" in line:
            raise UserError(f"{line!r}: give one GTP command with each --command, and a name of one line")
    entry = engine_entry(name or f"lzeval {network_name(path)}", command, commands or [])
    if as_json:
        say_json(asdict(entry), indent=2)
    else:
        labels = {
            "Name": entry.name,
            "Path": entry.path,
            "Arguments": entry.args,
            "Initial commands": entry.commands,
        }
        say("\n".join(f"{label + ':':18}{text}".rstrip() for label, text in labels.items()))
    if write:
        file = settings or settings_path()
        copy = add_engine(file, entry)
        kept = f"; the file before it is {copy}" if copy else ""
        say(f"written to {file}{kept}", err=True)
