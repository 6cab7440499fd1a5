"""`lzeval train`."""

from __future__ import annotations

from typing import Annotated

import typer

from lzeval.cli.status import INTERRUPTED


def train(
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE...", help="network=big, data.train=FILE, max_time=2h, ...", show_default=False
        ),
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with the run in this folder.")
    ] = None,
    cfg: Annotated[bool, typer.Option("--cfg", help="Print the composed settings and stop.")] = False,
) -> None:
    """Train a network on game records.

    Settings are composed from lzeval/conf and overridden as key=value: network (small, big, huge),
    optimizer (muon, adamw, sgd), schedule (linear, cosine, constant), data.train, data.holdout, max_time,
    max_positions, batch_size, trainer.devices and so on; --cfg shows all of them. Ctrl-C saves a
    checkpoint first, and --resume RUN goes on from it as if nothing had happened.
    """
    from dataclasses import asdict

    import yaml

    from trainer.config import compose, stored

    config = stored(resume, settings or []) if resume is not None else compose(settings or [])
    if cfg:
        typer.echo(yaml.safe_dump(asdict(config), sort_keys=False), nl=False)
        return
    from trainer.run import run_folder
    from trainer.run import train as run_training

    config.run = str(run_folder(config))
    try:
        checkpoint = run_training(config)
    except KeyboardInterrupt as exc:
        typer.echo(f"lzeval: interrupted; to go on: lzeval train --resume {config.run}", err=True)
        raise typer.Exit(INTERRUPTED) from exc
    typer.echo(
        f"wrote {checkpoint}; to play with it: lzeval export {checkpoint} {config.network.name}.txt.gz"
    )
