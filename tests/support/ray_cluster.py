"""A Ray cluster of several nodes on this machine, as `ray.cluster_utils` makes it: each node has its own processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.paths import ROOT

OBJECT_STORE_BYTES = 10**8
NODES = 3


class RayCluster:
    """Nodes of one core each; the first is the head, on which the tests' own process runs."""

    def __init__(self, folder: Path, nodes: int = NODES) -> None:
        """Start it; `folder` gets the nodes' caches. It takes some ten seconds."""
        from ray.cluster_utils import Cluster

        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        self._folder = folder
        self._started = 0
        self._caches: dict[str, Path] = {}
        self._cluster = Cluster(shutdown_at_exit=True)
        self.nodes: list[Any] = []
        """Ray's own objects of the nodes, those that were removed left out."""
        for _ in range(nodes):
            self.add_node()

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add_node(self, cores: int = 1, **environment: str) -> Any:
        """A further node; its processes have these environment variables, and a cache folder of their own."""
        self._started += 1
        cache = self._folder / f"node-{self._started}"
        variables = {"LZEVAL_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT), **environment}
        node = self._cluster.add_node(
            num_cpus=cores,
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            env_vars=variables,
        )
        self.nodes.append(node)
        self._caches[node.node_id] = cache
        return node

    def remove_node(self, node: Any) -> None:
        """Kill a node and all its processes, without a warning."""
        self.nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def kill_head(self) -> None:
        """Kill the process that knows all nodes, without a warning."""
        self._cluster.head_node.kill_gcs_server(check_alive=False)

    def owns(self, process: psutil.Process) -> bool:
        """Whether a process runs on one of the nodes."""
        return process.environ().get("LZEVAL_CACHE_DIR", "").startswith(str(self._folder))

    def restore(self) -> None:
        """Add nodes until there are as many as in the beginning."""
        while len(self.nodes) < NODES:
            self.add_node()

    def shutdown(self) -> None:
        """End all processes of it."""
        self._cluster.shutdown()

    def node_id(self, node: Any) -> str:
        """Ray's number of a node, as `Node.id` has it."""
        return str(node.node_id)

    def cache(self, node: Any) -> Path:
        """The cache folder of a node."""
        return self._caches[node.node_id]


@contextmanager
def running_cluster(folder: Path, nodes: int = NODES) -> Iterator[RayCluster]:
    """A cluster for one test, such as one that kills the head."""
    pytest.importorskip("ray", reason="Ray is not installed")
    cluster = RayCluster(folder, nodes)
    try:
        yield cluster
    finally:
        with suppress(Exception):  # what a test has killed cannot be shut down
            cluster.shutdown()


@pytest.fixture(scope="session")
def _session_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    with running_cluster(tmp_path_factory.mktemp("ray")) as cluster:
        yield cluster


@pytest.fixture
def ray_cluster(_session_cluster: RayCluster) -> Iterator[RayCluster]:
    """A cluster of three nodes that all tests of a process share; nodes that a test kills are replaced after it."""
    yield _session_cluster
    _session_cluster.restore()
