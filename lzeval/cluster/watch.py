"""A look at a cluster's nodes that never waits for a head that has died."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from lzeval.cluster.connection import Cluster
from lzeval.cluster.nodes import Node
from lzeval.errors import UserError

NODES_EVERY_S = 3.0
"""Time between questions for nodes."""
HEAD_WITHIN_S = 20.0
"""Time for the head to answer one."""


class HeadLostError(UserError):
    """The end of a cluster: without its head, nothing new can be begun on it."""


class NodeWatch:
    """The nodes of a cluster, asked for again and again.

    A thread of its own asks the head: without a head the question has no end, and Ray ends the process after a minute.
    Until then, nodes that work go on reporting.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._nodes, self._asked_s = cluster.nodes(), time.monotonic()
        self._closing = threading.Event()
        threading.Thread(target=self._watch, name="cluster-nodes", daemon=True).start()

    def _watch(self) -> None:
        while not self._closing.wait(NODES_EVERY_S):
            with suppress(Exception):  # the head may come back
                self._nodes, self._asked_s = self._cluster.nodes(), time.monotonic()

    def nodes(self) -> list[Node]:
        """Nodes that are alive, as far as is known now. Raises HeadLostError where the cluster has no head any more."""
        if time.monotonic() - self._asked_s > HEAD_WITHIN_S:
            self._cluster.is_gone = True
            raise HeadLostError(
                f"the cluster: its head has not answered for {HEAD_WITHIN_S:.0f} s; the same command goes on,"
                " there or without it"
            )
        return self._nodes

    def close(self) -> None:
        """Watch no longer. May be called twice."""
        self._closing.set()
