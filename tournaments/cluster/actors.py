"""Actors on nodes, as the backend needs them: started, called, waited for and killed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from lzeval.cluster.connection import Cluster, first_line, on
from lzeval.cluster.nodes import Node, facts_here
from lzeval.cluster.watch import NodeWatch
from lzeval.errors import EngineError, LzevalError
from tournaments.cluster.node_player import NodePlayer, Recipe


class ActorLostError(Exception):
    """The end of an actor's process, of its node, or of the way to it."""


class Actors(Protocol):
    """Nodes, and the actors on them. An actor and a call are whatever `start` and `call` return."""

    def nodes(self) -> list[Node]:
        """Nodes that are alive, as far as is known now. Raises HeadLostError where the cluster has no head any more."""
        ...

    def ask_facts(self, node: Node) -> Any:
        """Ask a node for its NodeFacts; does not wait. The answer is that of a call."""
        ...

    def start(self, node: Node, recipe: Recipe[Any, Any], kind: str, cores: int, gpus: int) -> Any:
        """Begin an actor on a node, where it gets so many cores and GPUs."""
        ...

    def call(self, actor: Any, method: str, *arguments: object) -> Any:
        """Call a method of NodePlayer; does not wait."""
        ...

    def ready(self, calls: Sequence[Any], within_s: float) -> list[Any]:
        """The calls that have an answer; waits up to `within_s` for the first."""
        ...

    def answer(self, call: Any) -> Any:
        """The answer to a call that is ready. Raises ActorLostError, or the LzevalError that the node raised."""
        ...

    def kill(self, actor: Any) -> None:
        """End an actor's process, if it has not ended. Never raises."""
        ...

    def close(self) -> None:
        """Watch the nodes no longer. May be called twice."""
        ...


class RayActors:
    """Actors of Ray, which are started once and never again by Ray itself."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._watch = NodeWatch(cluster)

    def nodes(self) -> list[Node]:
        return self._watch.nodes()

    def ask_facts(self, node: Node) -> Any:
        return self._cluster.start_on(node, facts_here)

    def start(self, node: Node, recipe: Recipe[Any, Any], kind: str, cores: int, gpus: int) -> Any:
        import ray

        actor = ray.remote(NodePlayer).options(
            num_cpus=cores, num_gpus=gpus, scheduling_strategy=on(node), max_concurrency=2, max_restarts=0
        )
        return actor.remote(recipe, kind)

    def call(self, actor: Any, method: str, *arguments: object) -> Any:
        return getattr(actor, method).remote(*arguments)

    def ready(self, calls: Sequence[Any], within_s: float) -> list[Any]:
        import ray

        ready, _ = ray.wait(list(calls), num_returns=1, timeout=within_s)
        if ready:
            ready, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0)
        return list(ready)

    def answer(self, call: Any) -> Any:
        import ray

        try:
            return ray.get(call)
        except ray.exceptions.RayTaskError as exc:
            if isinstance(exc.cause, LzevalError):
                raise exc.cause from exc
            raise EngineError("a node", first_line(exc)) from exc
        except ray.exceptions.RayError as exc:
            raise ActorLostError(first_line(exc)) from exc

    def kill(self, actor: Any) -> None:
        import ray

        if self._cluster.is_gone:
            return
        with suppress(Exception):  # it, its node or the cluster may be gone
            ray.kill(actor)

    def close(self) -> None:
        self._watch.close()
