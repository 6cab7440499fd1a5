"""The runs of a sweep side by side on a cluster's nodes, each on a node or a GPU of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from copy import deepcopy
from threading import Event

from rich.progress import Progress, TaskID, TextColumn

from lzeval.cluster.connection import Cluster
from lzeval.errors import UserError
from lzeval.text.terminal import progress_bar, say_prose
from trainer.cluster.driver import Session, train_on
from trainer.cluster.members import NodeLostError
from trainer.settings.config import TrainConfig
from trainer.training.callbacks import ProgressLine
from trainer.training.run import Trained
from trainer.training.sweep import SweepRun

MOST_LOSSES = 3
"""Nodes that a run may lose before it is given up."""


def train_side_by_side(
    cluster: Cluster, runs: Sequence[SweepRun]
) -> Iterator[tuple[SweepRun, Exception | None]]:
    """Train all of `runs`; each when it ends, with what it failed of.

    A run whose node was lost goes on elsewhere. Raises UserError where the cluster has no node for them, and
    KeyboardInterrupt when all have saved.
    """
    stopping = Event()
    configs = {run.name: _alone(run.config, cluster) for run in runs}
    with (
        progress_bar(TextColumn("{task.percentage:>3.0f} %  {task.fields[text]}")) as bar,
        ThreadPoolExecutor(_room(cluster, configs[runs[0].name])) as threads,
    ):

        def trained(run: SweepRun) -> Trained:
            session = Session(_Line(bar, run.name), stopping.is_set, patient=True)
            for _ in range(MOST_LOSSES - 1):
                try:
                    return train_on(cluster, configs[run.name], session=session)
                except NodeLostError as exc:
                    say_prose(f"{run.name}: {exc}", bar.console)
            return train_on(cluster, configs[run.name], session=session)

        waiting: dict[Future[Trained], SweepRun] = {threads.submit(trained, run): run for run in runs}
        try:
            for future in as_completed(waiting):
                yield waiting[future], _failure(future)
        except BaseException:
            stopping.set()
            for future in waiting:
                future.cancel()
            raise


def _failure(future: Future[Trained]) -> Exception | None:
    problem = future.exception()
    if problem is not None and not isinstance(problem, Exception):
        raise problem
    return problem


def _alone(config: TrainConfig, cluster: Cluster) -> TrainConfig:
    """The settings of a run that is to have one GPU, unless it asks for more. Raises UserError."""
    if config.pool.file is not None:
        raise UserError("pool.file: runs that are side by side on a cluster cannot play in one pool")
    config = deepcopy(config)
    if config.trainer.devices == "auto" and any(node.gpus for node in cluster.nodes()):
        config.trainer.devices = 1
    return config


def _room(cluster: Cluster, config: TrainConfig) -> int:
    """Runs like `config` that there is room for at a time; more wait for theirs."""
    nodes = [node for node in cluster.nodes() if node.cores]
    return max(1, sum(max(1, node.gpus) for node in nodes) // config.trainer.nodes)


class _Line(ProgressLine):
    """The line of one run among those of others."""

    def __init__(self, bar: Progress, name: str) -> None:
        super().__init__()
        self._all = bar
        self._name = name
        self._line: TaskID | None = None

    def begin(self) -> None:
        if self._line is None:
            self._line = self._all.add_task("training", total=1.0, text=self._name)

    def show(self, share: float, text: str) -> None:
        if self._line is not None:
            self._all.update(self._line, completed=share, text=f"{self._name}  {text}")

    def say(self, text: str) -> None:
        say_prose(f"{self._name}: {text}", self._all.console)

    def stop(self) -> None:
        if self._line is not None:
            self._all.remove_task(self._line)
            self._line = None
