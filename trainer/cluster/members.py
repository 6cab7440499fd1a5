"""Nodes that take part in a run: chosen, reserved, and asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from lzeval.cluster.connection import Cluster, first_line
from lzeval.cluster.nodes import Node
from lzeval.errors import UserError
from lzeval.text.wording import counted
from lzeval.version import __version__
from trainer.cluster.node import TrainingNode
from trainer.settings.config import TrainerConfig

FREE_WITHIN_S = 30.0
"""Longest wait for cores or GPUs that others use."""
READY_WITHIN_S = 60.0
"""Time for the nodes' processes to start, once their cores are free."""
SILENT_S = 60.0
"""A node that has not answered for so long is lost: all calls but those that write data are short."""
END_WITHIN_S = 10.0


class NodeLostError(UserError):
    """The loss of a node, or of its process."""


@dataclass(frozen=True)
class Share:
    """Each node's part of a run."""

    cores: int
    gpus: int
    processes: int


@dataclass
class Member:
    """A node that takes part."""

    actor: Any
    """Ray's handle of its TrainingNode."""
    address: str
    host: str
    port: int
    """A port of it that is free."""
    bf16: bool
    """Whether its processor multiplies bf16."""
    folder: str = ""
    """The run's folder, as that node sees it."""


def share_of(trainer: TrainerConfig, nodes: Sequence[Node]) -> Share:
    """What each node of a run gives. Raises UserError where there are not enough that can."""
    if isinstance(trainer.devices, list):
        raise UserError(
            "trainer.devices=[...] names devices of one machine; on a cluster, say how many a node"
        )
    with_cores = [node for node in nodes if node.cores]
    with_gpus = [node for node in with_cores if node.gpus]
    on_gpus = trainer.accelerator == "gpu" or (
        trainer.accelerator == "auto" and len(with_gpus) >= trainer.nodes
    )
    able = with_gpus if on_gpus else with_cores
    if len(able) < trainer.nodes:
        raise UserError(
            f"trainer.nodes={trainer.nodes}: the cluster has {counted(len(able), 'node')} with a"
            f" {'GPU' if on_gpus else 'core'}; lzeval cluster check tells what there is"
        )
    best = sorted(able, key=lambda node: (node.gpus if on_gpus else 0, node.cores), reverse=True)
    taken = best[: trainer.nodes]
    processes = trainer.devices
    if isinstance(processes, str):
        processes = min(node.gpus for node in taken) if on_gpus else 1
    cores = min(node.cores for node in taken)
    if on_gpus:  # each process has the cores that fall to its GPU
        cores = processes * max(1, min(node.cores // node.gpus for node in taken))
    return Share(
        trainer.threads * processes if trainer.threads else cores, processes if on_gpus else 0, processes
    )


@contextmanager
def reserved(
    cluster: Cluster, count: int, share: Share, *, is_stopping: Callable[[], bool], patient: bool
) -> Iterator[list[Member]]:
    """`count` nodes, each of which gives a `share`; the driver's own comes first where it can.

    `patient`: wait for others to give theirs back, however long that takes, and leave the driver's node to others.
    Raises UserError, NodeLostError, or KeyboardInterrupt where it `is_stopping` before it has begun.
    """
    import ray
    from ray.util.placement_group import placement_group, remove_placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    bundle = {"CPU": float(share.cores)} | ({"GPU": float(share.gpus)} if share.gpus else {})
    bundles = [dict(bundle) for _ in range(count)]
    here = ray.get_runtime_context().get_node_id()
    for own in cluster.nodes():
        if own.id == here and own.cores >= share.cores and own.gpus >= share.gpus and not patient:
            bundles[0][f"node:{own.address}"] = 0.001
    group = placement_group(bundles, strategy="STRICT_SPREAD")
    actors: list[Any] = []
    try:
        _wait_for(group, count, share, is_stopping, patient=patient)
        addresses = _addresses(cluster, group)
        for number, address in enumerate(addresses):
            where = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=number)
            remote = ray.remote(TrainingNode).options(
                num_cpus=share.cores, num_gpus=share.gpus, max_restarts=0, scheduling_strategy=where
            )
            actors.append(remote.remote(__version__, address))
        facts = answers(actors, "facts", within_s=READY_WITHIN_S)
        yield [Member(*each[:2], *each[2]) for each in zip(actors, addresses, facts, strict=True)]
    finally:
        with suppress(Exception):  # the cluster may be gone
            ended = [actor.end.remote() for actor in actors]
            ray.wait(ended, num_returns=len(ended), timeout=END_WITHIN_S)
        for actor in actors if not cluster.is_gone else ():
            with suppress(Exception):
                ray.kill(actor)
        with suppress(Exception):
            if not cluster.is_gone:
                remove_placement_group(group)


def _wait_for(
    group: Any, count: int, share: Share, is_stopping: Callable[[], bool], *, patient: bool
) -> None:
    """Wait until a placement group is reserved; see `reserved`."""
    deadline = time.monotonic() + FREE_WITHIN_S
    while not group.wait(1):
        if is_stopping():
            raise KeyboardInterrupt
        if not patient and time.monotonic() > deadline:
            gpus = f" and {counted(share.gpus, 'GPU')}" if share.gpus else ""
            raise UserError(
                f"trainer.nodes={count}: no {counted(count, 'node')} with {counted(share.cores, 'core')}{gpus} free"
                f"{' each' if count > 1 else ''}; ray status tells what there is, and trainer.threads=1 asks for less"
            )


def _addresses(cluster: Cluster, group: Any) -> list[str]:
    """The address of the node of each bundle of a placement group."""
    from ray.util import placement_group_table

    addresses = {node.id: node.address for node in cluster.nodes()}
    places = placement_group_table(group)["bundles_to_node_id"]
    return [addresses.get(places[number], "") for number in sorted(places)]


def answers(actors: Sequence[Any], method: str, *arguments: Any, within_s: float = SILENT_S) -> list[Any]:
    """What the nodes answer to one call, same order. Raises NodeLostError, or what a node has raised."""
    import ray

    asked = [getattr(actor, method).remote(*arguments) for actor in actors]
    ray.wait(asked, num_returns=len(asked), timeout=within_s)
    found = []
    for reference in asked:
        try:
            found.append(ray.get(reference, timeout=0.1))
        except ray.exceptions.RayTaskError as exc:
            raise (exc.cause if isinstance(exc.cause, BaseException) else exc) from exc
        except ray.exceptions.GetTimeoutError as exc:
            raise NodeLostError(f"silent for {within_s:.0f} s") from exc
        except ray.exceptions.RayError as exc:
            raise NodeLostError(first_line(exc)) from exc
    return found
