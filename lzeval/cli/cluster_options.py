"""The option of all commands that can work on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.text.terminal import say
from lzeval.text.wording import counted

if TYPE_CHECKING:
    from tournaments.runner.machines import Machines
    from tournaments.runner.tournament import OpenBackend

ClusterOption = Annotated[
    str,
    typer.Option(
        "--cluster",
        envvar="LZEVAL_CLUSTER",
        metavar="auto|ADDRESS",
        help="Work on a Ray cluster: the one that this machine is part of (auto), or at HOST:PORT.",
    ),
]


@contextmanager
def machines_of(cluster: str) -> Iterator[Machines]:
    """The machines that play: those of the cluster, or this one if none is named. Raises UserError."""
    if cluster:
        from tournaments.cluster.machines import cluster_machines

        with cluster_machines(cluster) as machines:
            cores = machines.cores
            nodes = f"{counted(len(cores), 'node')} with {counted(sum(cores.values()), 'core')}"
            say(f"cluster at {machines.address}: {nodes}", err=True)
            yield machines
    else:
        from tournaments.runner.machines import THIS_MACHINE

        yield THIS_MACHINE


@contextmanager
def programs_of(cluster: str) -> Iterator[OpenBackend | None]:
    """The opener of a backend for programs on the cluster, or None if none is named. Raises UserError."""
    if not cluster:
        yield None
        return
    with machines_of(cluster) as machines:
        yield machines.open_programs
