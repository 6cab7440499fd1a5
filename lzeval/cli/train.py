"""`lzeval train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.cli.status import INTERRUPTED
from lzeval.core.errors import UserError
from lzeval.core.terminal import say
from lzeval.core.wording import command_line

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.config import TrainConfig


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
    multirun: Annotated[
        bool,
        typer.Option("--multirun", help="Train once for each combination of values separated by commas."),
    ] = False,
) -> None:
    """Train a network on game records.

    Settings are composed from lzeval/conf and overridden as key=value: network (small, big, huge),
    optimizer (muon, adamw, sgd), schedule (linear, cosine, onecycle, plateau, constant), trainer (cpu, gpu, ddp,
    nodes), logger (csv, tensorboard, wandb, mlflow), +experiment (kgs, article, distil), data.train, data.holdout,
    max_time, max_positions, batch_size, trainer.devices and so on; --cfg shows all of them. Ctrl-C saves a
    checkpoint first, and --resume RUN goes on from it as if nothing had happened.

    --multirun optimizer.lr=0.01,0.02 network=small,big trains four networks, one after another, and ends with a
    table of them; the same command with run=FOLDER goes on after an interruption.
    """
    from dataclasses import asdict

    import yaml

    from trainer.config import compose, stored

    if multirun:
        if resume is not None:
            raise UserError(
                "--multirun and --resume do not go together; give run=FOLDER to go on with a sweep"
            )
        _train_all(settings or [])
        return
    config = stored(resume, settings or []) if resume is not None else compose(settings or [])
    if cfg:
        say(yaml.safe_dump(asdict(config), sort_keys=False).rstrip("\n"))
        return
    from trainer.run import is_first_process, run_folder

    config.run = str(run_folder(config))
    checkpoint = _train(config, command_line("lzeval", "train", "--resume", config.run))
    if is_first_process():
        export = command_line("lzeval", "export", checkpoint, f"{config.network.name}.txt.gz")
        say(f"wrote {checkpoint}; to play with it: {export}")


def _train(config: TrainConfig, again: str) -> Path:
    """Train; `again` is the command that goes on after an interruption."""
    from trainer.run import train as run_training

    try:
        return run_training(config)
    except KeyboardInterrupt as exc:
        say(f"lzeval: interrupted; to go on: {again}", err=True)
        raise typer.Exit(INTERRUPTED) from exc


def _train_all(settings: list[str]) -> None:
    from pathlib import Path

    from lzeval.cli.runs import list_runs
    from trainer.sweep import plan_sweep

    runs = plan_sweep(settings)
    folder = Path(str(runs[0].config.run)).parent
    others = [setting for setting in settings if not setting.startswith("run=")]
    again = command_line("lzeval", "train", "--multirun", *others, f"run={folder}")
    for number, run in enumerate(runs, start=1):
        say(f"run {number} of {len(runs)}: {run.name}", err=True)
        _train(run.config, again)
    list_runs(folder)
