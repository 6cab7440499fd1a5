"""Nodes that play games of no moves at once, and misbehave where a test says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lzeval.cluster.nodes import Node, NodeFacts
from lzeval.errors import LzevalError
from lzeval.version import __version__
from tournaments.cluster.actors import ActorLostError
from tournaments.cluster.node_player import Ready, Report


@dataclass(frozen=True)
class Job:
    game_id: str
    players: tuple[str, str] = ("a", "b")


@dataclass(frozen=True)
class Played:
    game_id: str
    by: str
    outcome: str
    not_started: tuple[str, ...] = ()
    """Players whose engine could not be started."""


class Recipe:
    """The part of a recipe that is asked here."""

    def digest(self, played: Played) -> str:
        return played.outcome

    def unable_after(self, played: Played) -> dict[str, str]:
        return dict.fromkeys(played.not_started, "crashes")


@dataclass
class FakeNode:
    """A node and its manners."""

    node: Node
    slots: int = 2
    facts: NodeFacts | LzevalError | None = None
    unable: dict[str, str] = field(default_factory=dict)
    opening_fails: LzevalError | None = None
    outcome: str = "same"
    is_silent: bool = False
    """Whether it answers no call, until it does again."""
    dies_after: int | None = None
    """Games after which its process dies, each time."""
    cannot_start: frozenset[str] = frozenset()
    is_busy: bool = False
    """Whether other work has its cores, so that no actor begins."""
    is_gone: bool = False
    jobs: list[Job] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    opened_with: list[int] = field(default_factory=list)
    """Cores, one entry for each opening."""
    is_killed: bool = False


class FakeActors:
    """`Actors` over FakeNodes; an actor is its node, a call is (number, node, method, arguments)."""

    def __init__(self, *nodes: FakeNode, each_time: Callable[[], None] = lambda: None) -> None:
        """`each_time` is called whenever answers are waited for."""
        self.fakes = list(nodes)
        self._each_time = each_time
        self._calls = 0

    def nodes(self) -> list[Node]:
        return [fake.node for fake in self.fakes if not fake.is_gone]

    def ask_facts(self, node: Node) -> Any:
        return self.call(self._fake(node), "facts")

    def _fake(self, node: Node) -> FakeNode:
        return next(fake for fake in self.fakes if fake.node.id == node.id)

    def start(self, node: Node, recipe: Any, kind: str, cores: int, gpus: int) -> Any:
        del recipe, kind, gpus
        fake = self._fake(node)
        fake.opened_with.append(cores)
        fake.is_killed = False
        return fake

    def call(self, actor: FakeNode, method: str, *arguments: Any) -> Any:
        self._calls += 1
        if method == "give":
            actor.jobs += arguments[0]
        return (self._calls, actor.node.id, method)

    def ready(self, calls: Sequence[Any], within_s: float) -> list[Any]:
        del within_s
        self._each_time()
        return [call for call in calls if self._has_answer(call)]

    def _has_answer(self, call: Any) -> bool:
        fake = next(fake for fake in self.fakes if fake.node.id == call[1])
        if fake.is_gone or fake.is_killed:
            return not fake.is_silent
        if call[2] == "hello" and fake.is_busy:
            return False
        return not fake.is_silent and (call[2] != "report" or bool(fake.jobs))

    def answer(self, call: Any) -> Any:
        fake = next(fake for fake in self.fakes if fake.node.id == call[1])
        if fake.is_gone or (fake.is_killed and not fake.jobs and call[2] != "facts"):
            raise ActorLostError("gone")
        if call[2] == "facts":
            if isinstance(fake.facts, LzevalError):
                raise fake.facts
            return fake.facts or facts()
        if call[2] == "hello":
            return None
        if call[2] == "open":
            if fake.opening_fails is not None:
                raise fake.opening_fails
            return Ready(fake.slots, fake.unable)
        if fake.dies_after is not None and len(fake.played) >= fake.dies_after:
            fake.jobs.clear()
            fake.dies_after += len(fake.played)
            raise ActorLostError("killed")
        job = fake.jobs.pop(0)
        fake.played.append(job.game_id)
        failed = tuple(player for player in job.players if player in fake.cannot_start)
        return Report([Played(job.game_id, fake.node.id, fake.outcome, failed)], evaluations=len(fake.played))

    def kill(self, actor: FakeNode) -> None:
        actor.is_killed = True
        if not actor.is_silent:
            actor.jobs.clear()

    def close(self) -> None:
        """Nothing to end."""


def facts(**others: Any) -> NodeFacts:
    return replace(
        NodeFacts("host", "Linux", "Fast", "fp32", 2, 10**9, (), {"lzeval": __version__}), **others
    )


def node(name: str, cores: int = 2, gpus: int = 0) -> Node:
    return Node(name * 8, "host", "10.0.0.1", cores, gpus)
