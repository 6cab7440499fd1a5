"""Games between networks on a node: its own processes, with the precision and batches of the whole run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from engines.evaluator.load import EvaluatorPlan, plan_evaluator
from lzeval.cluster.connection import Cluster
from lzeval.cluster.nodes import Node, NodeFacts
from lzeval.cluster.shipping import Shipped
from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from lzeval.system.bundled import resolve_network
from lzeval.system.devices import ON_CORES
from lzeval.system.main_module import main_module_unseen
from tournaments.cluster.node_player import Opened, digest_of
from tournaments.games.network_games import GameJob, GameSettings, PlayerSettings
from tournaments.runner.network_backend import NetworkBackend, WorkerTask

PLACE = "PC"
"""SGF's property for the place where a game was played: here the kind of machine."""


@dataclass(frozen=True)
class ShippedNetwork:
    """A network's file, and the way in which every node evaluates it."""

    file: Shipped
    plan: EvaluatorPlan
    """The plan of the whole run; its files are of the machine that made it."""

    def plan_here(self) -> EvaluatorPlan:
        """The plan with files of this machine. Raises UserError."""
        here = plan_evaluator(
            self.file.place(), precision="fp32", device=self.plan.device, batch_size=self.plan.batch_size
        )
        return replace(self.plan, graph=here.graph, weights=here.weights)


@dataclass(frozen=True)
class NetworkRecipe:
    """Processes that play networks, as many as a node has cores."""

    players: Sequence[PlayerSettings]
    networks: Sequence[ShippedNetwork]
    """One per player, same order as `players`."""
    settings: GameSettings

    def open(self, cores: int, gpus: int, stack: ExitStack) -> Opened[GameJob, GameRecord]:
        plans = [network.plan_here() for network in self.networks]
        task = WorkerTask(self.players, plans, self.settings, cores)
        processes = gpus or cores
        backend = NetworkBackend(task, processes)
        with main_module_unseen():  # which is Ray's
            backend.start()
        stack.callback(backend.stop)
        return Opened(backend, slots=task.games * processes)

    def localised(self, job: GameJob) -> GameJob:
        return job

    def finished(self, played: GameRecord, kind: str) -> GameRecord:
        return replace(played, properties={**played.properties, PLACE: kind})

    def digest(self, played: GameRecord) -> str:
        return digest_of([index for _, index in played.moves], played.result, played.seed)

    def unable_after(self, played: GameRecord) -> dict[str, str]:
        del played
        return {}


def shipped_networks(
    cluster: Cluster, files: Sequence[str | Path], plans: Sequence[EvaluatorPlan]
) -> list[ShippedNetwork]:
    """The networks' files in the object store, with `plans`, one per file. Raises UserError."""
    return [
        ShippedNetwork(cluster.ship(str(resolve_network(file))), plan)
        for file, plan in zip(files, plans, strict=True)
    ]


# How networks are evaluated


def weakest_plan(
    cluster: Cluster, facts: Mapping[str, NodeFacts | str], network: str | Path, precision: str, device: str
) -> EvaluatorPlan:
    """The plan for `network` that every node that plays can follow, decided by the weakest kind of them.

    One node of each kind decides what it would do alone: bf16 is used where all of them do. With `device` auto, nodes
    with a GPU play alone where there are any. Raises UserError.
    """
    import ray

    nodes = playing_nodes(cluster, facts, device)
    if device == "auto":
        device = "cuda" if nodes[0].gpus else "cpu"
    file = cluster.ship(str(resolve_network(network)))
    by_kind: dict[str, Node] = {}
    for node in nodes:
        of_node = facts[node.id]
        assert isinstance(of_node, NodeFacts)
        by_kind.setdefault(of_node.kind, node)
    asked = [
        cluster.start_on(node, _plan_there, file, precision, device, gpus=int(device not in ON_CORES))
        for node in by_kind.values()
    ]
    try:
        plans: list[EvaluatorPlan] = ray.get(asked)
    except ray.exceptions.RayTaskError as exc:
        if isinstance(exc.cause, UserError):
            raise exc.cause from exc
        raise
    return min(plans, key=lambda plan: plan.precision != "fp32")


def _plan_there(file: Shipped, precision: str, device: str) -> EvaluatorPlan:
    return plan_evaluator(file.place(), precision=precision, device=device)


def playing_nodes(cluster: Cluster, facts: Mapping[str, NodeFacts | str], device: str) -> list[Node]:
    """Nodes that can play networks on `device`; auto: those with a GPU, if there are any. Raises UserError."""
    able = [node for node in cluster.nodes() if isinstance(facts.get(node.id), NodeFacts)]
    with_gpu = [node for node in able if node.gpus]
    with_cores = [node for node in able if node.cores]
    if device not in ON_CORES and with_gpu:
        return with_gpu
    if device not in ("auto", *ON_CORES):
        raise UserError(f"device {device} was asked for, and no node of the cluster offers a GPU to Ray")
    if not with_cores:
        reasons = [reason for reason in facts.values() if isinstance(reason, str)]
        why = f": {reasons[0]}" if reasons else ""
        raise UserError(f"no node of the cluster can play{why}")
    return with_cores
