"""The nodes of a cluster as the machines that play."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engines.evaluator.load import EvaluatorPlan, plan_evaluator
from engines.player.arguments import parse_command
from lzeval.cluster.connection import Cluster, connected
from lzeval.cluster.nodes import NodeFacts
from lzeval.records.record import GameRecord
from lzeval.system.machine import hardware
from tournaments.cluster.actors import RayActors
from tournaments.cluster.backend import ClusterBackend
from tournaments.cluster.gtp_recipe import gtp_recipe, players_of
from tournaments.cluster.network_recipe import NetworkRecipe, shipped_networks, weakest_plan
from tournaments.games.gtp_game import GameTask, PlayedGame
from tournaments.games.network_games import GameJob
from tournaments.plan.competition import Competition
from tournaments.runner.backend import Backend
from tournaments.runner.machines import NetworkPlay, Tell
from tournaments.runner.progress import Progress
from tournaments.runner.tournament import RunOptions


class ClusterMachines:
    """All nodes of a cluster that can take part."""

    def __init__(self, cluster: Cluster) -> None:
        self.address = cluster.address
        """HOST:PORT of its head."""
        self._cluster = cluster
        self._nodes = cluster.nodes()
        self._facts = cluster.facts(self._nodes)

    @property
    def cores(self) -> dict[str, int]:
        """Cores of the nodes that can take part, by name."""
        able = [node for node in self._nodes if node.cores and isinstance(self._facts[node.id], NodeFacts)]
        return {node.name: node.cores for node in able}

    def plan(
        self,
        network: str | Path,
        *,
        precision: str = "auto",
        device: str = "auto",
        batch_size: int | None = None,
        board_size: int | None = None,
    ) -> EvaluatorPlan:
        """The plan that the weakest kind of node would make for itself. Raises UserError."""
        # mistakes show up here, before anything is sent
        plan_evaluator(network, precision="fp32", device="cpu", board_size=board_size)
        plan = weakest_plan(self._cluster, self._facts, network, precision, device)
        return plan if batch_size is None else plan.with_batch(batch_size)

    def open_networks(
        self, play: NetworkPlay, progress: Progress, tell: Tell
    ) -> Backend[GameJob, GameRecord]:
        networks = shipped_networks(self._cluster, play.files, play.plans)
        backend: ClusterBackend[GameJob, GameRecord] = ClusterBackend(
            RayActors(self._cluster),
            NetworkRecipe(play.players, networks, play.settings),
            self._facts,
            tell,
            progress.nodes,
            most_cores=play.threads,
            gpus="none" if play.plans[0].is_on_cores else "only",
        )
        backend.start()
        return backend

    def open_programs(
        self, competition: Competition, options: RunOptions, progress: Progress, tell: Tell
    ) -> Backend[GameTask, PlayedGame]:
        """A backend for the games of a competition. Raises UserError or EngineError."""
        recipe = gtp_recipe(
            competition,
            self._cluster,
            parallel=options.parallel,
            fresh=options.fresh,
            logs=options.log_gtp,
        )
        recipe.precisions.update(self._precisions(competition))
        backend: ClusterBackend[GameTask, PlayedGame] = ClusterBackend(
            RayActors(self._cluster),
            recipe,
            self._facts,
            tell,
            progress.nodes,
            players_of=lambda task: players_of(competition, task),
            moved=progress.moved,
            gpus="too",
        )
        backend.start()
        return backend

    def _precisions(self, competition: Competition) -> dict[str, tuple[str, str]]:
        """Precision and device of players that are networks of ours, by code."""
        found = {}
        for player in competition.players.values():
            arguments = parse_command(player.command, player.cwd)
            if arguments is not None:
                plan = self.plan(arguments.network, precision=arguments.precision, device=arguments.device)
                found[player.code] = plan.precision, plan.device
        return found

    def describe(self) -> dict[str, Any]:
        """The machine itself, and the kinds of nodes by name."""
        named = {node.name: self._facts[node.id] for node in self._nodes}
        kinds = {name: facts.kind for name, facts in named.items() if isinstance(facts, NodeFacts)}
        return {"machine": hardware(), "nodes": kinds}


@contextmanager
def cluster_machines(address: str) -> Iterator[ClusterMachines]:
    """The machines of the cluster at `address`, as `lzeval.cluster.connection.connected` takes it."""
    with connected(address) as cluster:
        yield ClusterMachines(cluster)
