"""`lzeval train`."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.cli.cluster_options import ClusterOption
from lzeval.cli.runs import list_sweep
from lzeval.cli.status import FAULTY, INTERRUPTED
from lzeval.errors import LzevalError, UserError
from lzeval.text.terminal import say
from lzeval.text.wording import command_line

if TYPE_CHECKING:
    from trainer.settings.config import TrainConfig
    from trainer.training.run import Trained
    from trainer.training.sweep import SweepRun


def train(
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE...", help="network=big, data.train=FILE, max_time=2h, ...", show_default=False
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Go on with the run in this folder; of its settings, lengths, rates, losses, averages, teachers, "
            "devices, logs and intervals may be changed.",
        ),
    ] = None,
    cfg: Annotated[bool, typer.Option("--cfg", help="Print the composed settings and stop.")] = False,
    multirun: Annotated[
        bool,
        typer.Option("--multirun", help="Train once for each combination of values separated by commas."),
    ] = False,
    cluster: ClusterOption = "",
) -> None:
    """Train a network on game records.

    Settings are composed from lzeval/conf and overridden as key=value: network (small, big, huge),
    optimizer (muon, adamw, sgd), schedule (linear, cosine, onecycle, plateau, constant), trainer (cpu, gpu, ddp,
    nodes, ray), logger (csv, tensorboard, wandb, mlflow), +experiment (kgs, article, distil), data.train, data.holdout,
    max_time, max_positions, batch_size, trainer.devices and so on; --cfg shows all of them. Ctrl-C saves a
    checkpoint first, and --resume RUN goes on from it as if nothing had happened.

    Settings that may change on --resume, and then take effect: max_positions, max_time, optimizer.lr, .adam_lr and
    .weight_decay, schedule, clip_norm, value_weight, label_smoothing, average, teacher, network.name, data.workers and
    .cache, trainer, logger, watch, export, pool. Others make another run, which init=RUN/latest.ckpt lets begin with
    the network of this one. A run's folder given again, as run=RUN, goes on with the same settings only.

    --multirun optimizer.lr=0.01,0.02 network=small,big trains four networks, one after another, and ends with a
    table of them; one that fails is named there, and the exit status is 1. The same command with run=FOLDER goes on
    after an interruption. With --cluster they train side by side, one a node or a GPU.

    trainer=ray trainer.nodes=4 trains one network on four nodes of a Ray cluster: that of --cluster, or else the one
    that this machine is part of.
    """
    from trainer.settings.compose import compose, stored

    if multirun:
        if resume is not None:
            raise UserError(
                "--multirun and --resume do not go together; give run=FOLDER to go on with a sweep"
            )
        _train_all(settings or [], cluster, cfg=cfg)
        return
    config = stored(resume, settings or []) if resume is not None else compose(settings or [])
    if cfg:
        say(_as_yaml(config))
        return
    from trainer.training.run import is_first_process, run_folder

    config.run = str(run_folder(config))
    trained = _train(
        config, command_line("lzeval", "train", "--resume", config.run), cluster, resuming=resume is not None
    )
    if is_first_process():
        _tell(config, trained)


def _as_yaml(config: TrainConfig) -> str:
    from dataclasses import asdict

    import yaml

    return str(yaml.safe_dump(asdict(config), sort_keys=False)).rstrip("\n")


def _tell(config: TrainConfig, trained: Trained) -> None:
    """The end of a run."""
    export = command_line("lzeval", "export", trained.checkpoint, f"{config.network.name}.txt.gz")
    if trained.was_over:
        limits = [f"{key}={value}" for key, value in _limits(config).items()]
        again = command_line("lzeval", "train", "--resume", config.run)
        say(
            f"{config.run}: is finished already, {trained.positions:,} positions with {' '.join(limits)}; "
            f"to train it further, {again} and a larger limit"
        )
    begin = "its network is in" if trained.was_over else "wrote"
    say(f"{begin} {trained.checkpoint}; to play with it: {export}")


def _limits(config: TrainConfig) -> dict[str, object]:
    found = {"max_positions": config.max_positions, "max_time": config.max_time}
    return {key: value for key, value in found.items() if value is not None}


def _train(config: TrainConfig, again: str, cluster: str, *, resuming: bool = False) -> Trained:
    """Train, with trainer=ray on a cluster; `again` is the command that goes on after an interruption."""
    from lzeval.cluster.connection import connected
    from trainer.training.run import train as run_training

    try:
        if config.trainer.strategy != "ray":
            return run_training(config, resuming=resuming)
        from trainer.cluster.driver import train_on

        _take_sigterm_as_ctrl_c()
        with connected(cluster or "auto") as nodes:
            return train_on(nodes, config, resuming=resuming)
    except KeyboardInterrupt as exc:
        say(f"lzeval: interrupted; to go on: {again}", err=True)
        raise typer.Exit(INTERRUPTED) from exc


def _take_sigterm_as_ctrl_c() -> None:
    """SIGTERM is a queue's word that time is up: the nodes are to save."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _train_all(settings: list[str], cluster: str, *, cfg: bool) -> None:
    """Train every combination, or with `cfg` print them all; go on after one that fails, and exit with status 1."""
    from trainer.training.sweep import check_sweep, plan_sweep

    runs = plan_sweep(settings)
    if cfg:
        for run in runs:
            say(f"--- # {run.name}\n{_as_yaml(run.config)}")
        return
    check_sweep(runs)
    folder = Path(str(runs[0].config.run)).parent
    others = [setting for setting in settings if not setting.startswith("run=")]
    again = command_line("lzeval", "train", "--multirun", *others, f"run={folder}")
    failures: dict[str, str] = {}
    for run, problem in _side_by_side(runs, cluster, again) if cluster else _in_turn(runs, again):
        if problem is not None:
            if not isinstance(problem, LzevalError):
                traceback.print_exception(problem)  # a bug, or no memory for this one
            told = (
                str(problem) if isinstance(problem, LzevalError) else f"{type(problem).__name__}: {problem}"
            )
            failures[run.name] = told
            say(f"lzeval: {run.name} failed: {told}", err=True)
    list_sweep(folder, failures)
    if failures:
        raise typer.Exit(FAULTY)


def _in_turn(runs: Sequence[SweepRun], again: str) -> Iterator[tuple[SweepRun, Exception | None]]:
    """Train one run after another; each with what it failed of."""
    for number, run in enumerate(runs, start=1):
        say(f"run {number} of {len(runs)}: {run.name}", err=True)
        try:
            _train(run.config, again, "")
        except typer.Exit:
            raise
        except Exception as exc:
            yield run, exc
        else:
            yield run, None


def _side_by_side(
    runs: Sequence[SweepRun], cluster: str, again: str
) -> Iterator[tuple[SweepRun, Exception | None]]:
    """Train the runs on a cluster; each when it ends, with what it failed of."""
    from lzeval.cluster.connection import connected
    from trainer.cluster.sweep import train_side_by_side

    _take_sigterm_as_ctrl_c()
    try:
        with connected(cluster) as nodes:
            yield from train_side_by_side(nodes, runs)
    except KeyboardInterrupt as exc:
        say(f"lzeval: interrupted; to go on: {again}", err=True)
        raise typer.Exit(INTERRUPTED) from exc
