"""A Ray cluster that lzeval works on, as this process sees it.

Ray is the transport and starts the processes. What is true is never kept in it: whoever uses a cluster writes results
to its own disk, and does again what a lost node has not reported.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lzeval.cluster.nodes import Node, NodeFacts, facts_here, why_refused
from lzeval.cluster.shipping import Shipped, ship
from lzeval.errors import UserError
from lzeval.version import __version__

OLDEST_RAY = (2, 52)
"""Older versions run code for whoever reaches their ports from a browser (CVE-2025-62593)."""
FACTS_WITHIN_S = 60.0
"""Time for a node to tell about itself; a first worker process may have to be started for it."""
REACHED_WITHIN_S = 5.0
LAST_PORT = 65535
T = TypeVar("T")


@dataclass
class Cluster:
    """A connection to a cluster."""

    address: str
    """HOST:PORT of its head."""
    is_gone: bool = False
    """Whether its head answers no more: nothing is to be asked of it then, not even to say goodbye."""
    _shipped: dict[str, Shipped] = field(default_factory=dict)
    """Files that are in the object store, by path."""

    def nodes(self) -> list[Node]:
        """The nodes that are alive, in an order that does not change while they live."""
        import ray

        found = [
            Node(
                id=entry["NodeID"],
                host=entry["NodeManagerHostname"],
                address=entry["NodeManagerAddress"],
                cores=int(entry["Resources"].get("CPU", 0)),
                gpus=int(entry["Resources"].get("GPU", 0)),
                is_head="node:__internal_head__" in entry["Resources"],
            )
            for entry in ray.nodes()
            if entry["Alive"]
        ]
        return sorted(found, key=lambda node: (not node.is_head, node.host, node.id))

    def start_on(
        self, node: Node, function: Callable[..., T], *arguments: object, cores: float = 0, gpus: float = 0
    ) -> Any:
        """Call `function` in a process of `node`; returns Ray's reference to the result. It is tried once."""
        import ray

        task = ray.remote(function).options(
            num_cpus=cores, num_gpus=gpus, max_retries=0, scheduling_strategy=on(node)
        )
        return task.remote(*arguments)

    def facts(self, nodes: Sequence[Node]) -> dict[str, NodeFacts | str]:
        """Facts of each node by id, or the reason why it cannot take part."""
        import ray

        asked = {node.id: self.start_on(node, facts_here) for node in nodes}
        ray.wait(list(asked.values()), num_returns=len(asked), timeout=FACTS_WITHIN_S)
        found: dict[str, NodeFacts | str] = {}
        for node in nodes:
            try:
                facts = ray.get(asked[node.id], timeout=0.1)
            except Exception as exc:
                found[node.id] = _why(exc)
            else:
                found[node.id] = why_refused(facts) or facts
        return found

    def ship(self, path: str) -> Shipped:
        """Put a file into the object store, once; nodes fetch it from there. Raises UserError."""
        if path not in self._shipped:
            self._shipped[path] = ship(path)
        return self._shipped[path]


def _why(problem: BaseException) -> str:
    """One line for what a node answered instead of its facts."""
    import ray

    if isinstance(problem, ray.exceptions.GetTimeoutError):
        return f"does not answer within {FACTS_WITHIN_S:.0f} s"
    if isinstance(problem, ray.exceptions.RayTaskError) and isinstance(problem.cause, ImportError):
        return f"lzeval {__version__} is not installed there ({problem.cause})"
    return first_line(problem)


def first_line(problem: BaseException) -> str:
    """An exception of Ray's, or of a task, in one line."""
    cause = getattr(problem, "cause", None) or problem
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return lines[0] if lines else type(cause).__name__


def on(node: Node) -> Any:
    """Ray's strategy for what is to run on this node and on no other."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node.id, soft=False)


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """A connection to the cluster at `address`: `auto` for one that this machine is part of, or HOST:PORT.

    Raises UserError where Ray is not installed, too old, or not reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray = _ray()
    if address.startswith("ray://"):
        raise UserError(
            f"--cluster {address}: lzeval runs on a machine of the cluster, not through Ray's client;"
            " there, say --cluster auto"
        )
    was_connected = ray.is_initialized()
    if not was_connected:
        if address != "auto":
            _check_reached(address)  # Ray itself would try for minutes
        _silence_reports(ray)
        try:
            ray.init(
                address=address,
                namespace=f"lzeval-{os.getpid()}",
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                _skip_env_hook=True,
            )
        except (ConnectionError, RuntimeError, ValueError, OSError) as exc:
            raise UserError(_not_reached(address, exc)) from exc
    cluster = Cluster(ray.get_runtime_context().gcs_address)
    try:
        yield cluster
    finally:
        if cluster.is_gone:
            atexit.unregister(ray._private.worker.shutdown)
            atexit.register(_leave_at_once)
        elif not was_connected:
            with suppress(Exception):  # the cluster may be gone all the same
                ray.shutdown()


def _leave_at_once() -> None:
    """End the process as after an error: what Ray does at its end, without a head, would crash it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(2)


def _silence_reports(ray: Any) -> None:
    """Keep Ray from printing logs of dead nodes to standard output, which is for results.

    It has no setting for that (2.60): the thread that prints them is told nothing of `log_to_driver`.
    """
    with suppress(AttributeError):
        ray._private.worker.print_to_stdstream = lambda *_, **__: None


def _ray() -> Any:
    try:
        import ray
    except ImportError as exc:
        raise UserError("--cluster needs Ray: pip install 'lzeval[ray]'") from exc
    version = tuple(int(part) for part in ray.__version__.split(".")[:2])
    if version < OLDEST_RAY:
        wanted = ".".join(map(str, OLDEST_RAY))
        raise UserError(f"Ray {ray.__version__} is too old: pip install 'ray>={wanted}' on every machine")
    return ray


def _check_reached(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) <= LAST_PORT):
        raise UserError(f"--cluster {address}: must be auto or HOST:PORT, as in 10.0.0.1:6379")
    try:
        socket.create_connection((host, int(port)), REACHED_WITHIN_S).close()
    except OSError as exc:
        raise UserError(_not_reached(address, exc)) from exc


def _not_reached(address: str, problem: Exception) -> str:
    if address == "auto":
        return "--cluster auto: no Ray cluster runs on this machine; start one with: ray start --head"
    return f"--cluster {address}: not reached ({first_line(problem)}); on its first machine: ray status"
