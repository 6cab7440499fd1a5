"""A backend of nodes: each plays games with a backend of its own, and this one lends them out.

Nothing that Ray says is relied on for what counts: a node that is silent for too long is lost to this process, and its
games are played elsewhere. See `tournaments.cluster.leases` for games that are reported twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal

from lzeval.cluster.nodes import Node, NodeFacts, differences, why_refused
from lzeval.errors import EngineError, LzevalError, UserError
from lzeval.text.wording import counted
from tournaments.cluster.actors import ActorLostError, Actors
from tournaments.cluster.leases import Leases
from tournaments.cluster.node_player import Ready, Recipe, Report
from tournaments.games.thinking import ThinkingOf, total
from tournaments.runner.backend import JobT, PlayedT
from tournaments.runner.progress import NodeProgress

READY_WITHIN_S = 600.0
"""Time for a node to open; the first start on a machine compiles the search."""
LATE_S = 60.0
"""Time that other nodes are waited for when the first one is ready."""
SLOW_S = 20.0
"""Time after which a node that is not ready is mentioned."""
_SLOW = {
    "queued": "is busy with other work: it is waited for",
    "opening": "prepares, which takes a minute the first time",
}
SILENT_S = 45.0
"""A node that plays reports every half second; one that is silent for so long is lost."""
NODES_EVERY_S = 5.0
"""Time between looks for nodes that have come or gone."""
MOST_STARTS = 3
"""Starts of a node's actor, before the node is left out."""


@dataclass
class _Member(Generic[JobT, PlayedT]):
    """A node that plays, or is about to."""

    node: Node
    cores: int
    facts: NodeFacts | None = None
    """None: it has not answered yet."""
    state: Literal["asked", "queued", "opening", "playing", "lost"] = "asked"
    """queued: for the node's cores, which other work may have for hours."""
    actor: Any = None
    call: Any = None
    """Ray's reference to the answer that is waited for."""
    heard_s: float = 0.0
    starts: int = 0
    is_said_slow: bool = False
    unable: dict[str, str] = field(default_factory=dict)
    """Players that it cannot start, and why."""
    evaluations_before: int = 0
    """Evaluations of the node's earlier actors."""
    thinking_before: ThinkingOf = field(default_factory=dict)
    """Thinking in them."""
    thinking: ThinkingOf = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return "" if self.facts is None else self.facts.kind

    @property
    def is_coming(self) -> bool:
        return self.state in ("asked", "queued", "opening")


@dataclass(frozen=True)
class Patience:
    """Times after which nodes are given up."""

    ready_s: float = READY_WITHIN_S
    late_s: float = LATE_S
    slow_s: float = SLOW_S
    silent_s: float = SILENT_S
    look_s: float = NODES_EVERY_S


class ClusterBackend(Generic[JobT, PlayedT]):
    """Games on all nodes of a cluster that can play them."""

    def __init__(
        self,
        actors: Actors,
        recipe: Recipe[JobT, PlayedT],
        facts: Mapping[str, NodeFacts | str],
        tell: Callable[[str], None],
        nodes: dict[str, NodeProgress],
        *,
        players_of: Callable[[JobT], Sequence[str]] = lambda _: (),
        moved: Callable[[str, int], None] = lambda _id, _moves: None,
        most_cores: int | None = None,
        gpus: Literal["none", "too", "only"] = "none",
        patience: Patience = Patience(),
    ) -> None:
        """`facts` are of the nodes that there are, by id; `tell` hears of nodes that are lost, left out or join.

        `nodes` is kept up to date with each node's share, by name.
        `players_of` names the players of a job, for nodes that cannot start all of them. `most_cores` is for each node.
        `gpus`: whether nodes give their GPUs, and whether those with one play alone.
        """
        self._actors = actors
        self._recipe = recipe
        self._facts = dict(facts)
        self._tell = tell
        self._players_of = players_of
        self._moved = moved
        self._most_cores = most_cores
        self._gpus = gpus
        self._patience = patience
        self._members: dict[str, _Member[JobT, PlayedT]] = {}
        self._leases: Leases[JobT] = Leases()
        self._ended: list[PlayedT] = []
        """Games that count and that `finished` has not returned yet."""
        self._looked_s = 0.0
        self._is_begun = False
        self._reasons: list[str] = []
        """Why nodes do not play."""
        self.nodes = nodes

    # Nodes

    def start(self) -> None:
        """Open every node, and wait until they are ready, or until some are and the others take long.

        Raises UserError or EngineError where none comes up.
        """
        nodes = self._actors.nodes()
        self._warn_of_differences(nodes)
        for node in nodes:
            self._join(node)
        ready_s = None
        while any(member.is_coming for member in self._members.values()):
            self._listen(0.2)
            self._give_up_the_silent()
            if self._playing:
                ready_s = ready_s or time.monotonic()
                if time.monotonic() - ready_s > self._patience.late_s:
                    break
        if not self._playing:
            self.stop()
            reason = self._reasons[0] if self._reasons else "none has a core"
            raise UserError(
                f"no node of the cluster can play ({reason}); lzeval cluster check says what each has"
            )
        self._looked_s = time.monotonic()
        self._is_begun = True

    @property
    def _playing(self) -> list[_Member[JobT, PlayedT]]:
        return [member for member in self._members.values() if member.state == "playing"]

    def _warn_of_differences(self, nodes: Sequence[Node]) -> None:
        named = {node.name: self._facts.get(node.id) for node in nodes if self._takes_part(node)}
        for difference in differences({k: v for k, v in named.items() if isinstance(v, NodeFacts)}):
            self._tell(difference)

    def _takes_part(self, node: Node) -> bool:
        return (node.gpus if self._gpus == "only" else node.cores) > 0

    def _join(self, node: Node) -> None:
        """Open a node that is new, or ask it for its facts first."""
        if not self._takes_part(node):
            return
        cores = min(node.cores, self._most_cores or node.cores)
        member = self._members[node.id] = _Member(node, cores)
        self.nodes[node.name] = NodeProgress("")
        facts = self._facts.get(node.id)
        if facts is None:
            self._ask(member)
        else:
            self._admit(member, facts)

    def _ask(self, member: _Member[JobT, PlayedT]) -> None:
        """Ask a node for its facts, which shows that it is there."""
        member.state, member.heard_s = "asked", time.monotonic()
        member.call = self._actors.ask_facts(member.node)

    def _admit(self, member: _Member[JobT, PlayedT], facts: NodeFacts | str) -> None:
        """Open a node that has told its facts; a sentence instead of them says why it cannot take part."""
        if not isinstance(facts, str):
            facts = why_refused(facts) or facts
        if isinstance(facts, str):
            self._lose(member, f"does not play: {facts}")
            return
        member.facts = facts
        self.nodes[member.node.name].kind = facts.kind
        self._open(member)

    def _open(self, member: _Member[JobT, PlayedT]) -> None:
        member.starts += 1
        member.state = "queued"
        gpus = 0 if self._gpus == "none" else member.node.gpus
        member.actor = self._actors.start(member.node, self._recipe, member.kind, member.cores, gpus)
        member.call = self._actors.call(member.actor, "hello")
        member.heard_s = time.monotonic()

    def _prepare(self, member: _Member[JobT, PlayedT]) -> None:
        """Have an actor that has its cores start whatever plays."""
        member.state, member.is_said_slow = "opening", False
        gpus = 0 if self._gpus == "none" else member.node.gpus
        member.call = self._actors.call(member.actor, "open", member.cores, gpus)

    def _look_for_nodes(self) -> None:
        """Open nodes that have come, and give up those that have gone."""
        if time.monotonic() - self._looked_s < self._patience.look_s:
            return
        self._looked_s = time.monotonic()
        alive = self._alive()
        for node_id, node in alive.items():
            if node_id not in self._members:
                self._join(node)
        for member in self._members.values():
            if member.state != "lost" and member.node.id not in alive:
                self._lose(member, "has left the cluster")

    def _lose(self, member: _Member[JobT, PlayedT], reason: str) -> None:
        """Give a node up. Its games are played elsewhere; one that it reports late counts all the same."""
        member.state = "lost"
        self._reasons.append(f"{member.node.name}: {reason}")
        self._drop_games(member, reason)
        if member.actor is not None:
            self._actors.kill(member.actor)

    def _drop_games(self, member: _Member[JobT, PlayedT], reason: str) -> None:
        games = self._leases.take_all_back(member.node.id)
        progress = self.nodes[member.node.name]
        member.evaluations_before, member.thinking_before = progress.evaluations, member.thinking
        progress.slots = progress.playing = 0
        what = f"; played elsewhere: {counted(games, 'game')}" if games else ""
        self._tell(f"node {member.node.name} {reason}{what}")

    def _fail(self, member: _Member[JobT, PlayedT], problem: BaseException) -> None:
        """Start a node's actor again, with fewer cores, if the node still answers; or give it up."""
        reason = (
            "its process has died, perhaps for lack of memory"
            if isinstance(problem, ActorLostError)
            else str(problem)
        )
        is_unfit = member.state == "opening" and isinstance(problem, UserError)
        if member.state == "asked":
            self._lose(member, "does not answer: it has died, or lzeval is not installed there")
        elif is_unfit or member.starts >= MOST_STARTS or member.node.id not in self._alive():
            self._lose(member, f"plays no more: {reason}")
        else:
            self._actors.kill(member.actor)
            member.cores = max(1, member.cores // 2)
            cores = counted(member.cores, "core")
            self._drop_games(member, f"starts again with {cores} if it answers: {reason}")
            self._ask(member)

    def _alive(self) -> dict[str, Node]:
        return {node.id: node for node in self._actors.nodes()}

    # The runner's side

    @property
    def thinking(self) -> ThinkingOf:
        return total(member.thinking for member in self._members.values())

    @property
    def evaluations(self) -> int:
        return sum(node.evaluations for node in self.nodes.values())

    @property
    def free(self) -> int:
        """Room for games on nodes that play; games that wait for a node able to play them do not take it."""
        waiting = len(self._leases.waiting)
        room = sum(self._room(member) for member in self._playing)
        if waiting and room and not any(self._fits(member, job) for member, job in self._free_pairs()):
            slots = sum(self.nodes[member.node.name].slots for member in self._playing)
            return max(0, min(room, slots - waiting))
        return max(0, room - waiting)

    def _room(self, member: _Member[JobT, PlayedT]) -> int:
        return self.nodes[member.node.name].slots - self._leases.count(member.node.id)

    def _free_pairs(self) -> Iterator[tuple[_Member[JobT, PlayedT], JobT]]:
        for member in self._playing:
            if self._room(member) > 0:
                for job in self._leases.waiting:
                    yield member, job

    def _fits(self, member: _Member[JobT, PlayedT], job: JobT) -> bool:
        return member.unable.keys().isdisjoint(self._players_of(job))

    def give(self, jobs: Sequence[JobT]) -> None:
        self._leases.add(jobs)
        self._lend(len(jobs))

    def _lend(self, together: int = 1) -> None:
        """Lend what waits to nodes that have room, `together` games at a time: the emptiest node first."""
        while self._leases.waiting:
            able = [
                member
                for member in self._playing
                if self._room(member) > 0 and any(self._fits(member, job) for job in self._leases.waiting)
            ]
            if not able:
                return
            member = max(able, key=lambda member: self._room(member) / self.nodes[member.node.name].slots)
            most = min(together, self._room(member))
            jobs = self._leases.lend(member.node.id, most, lambda job: self._fits(member, job))  # noqa: B023
            self._actors.call(member.actor, "give", jobs)
            self.nodes[member.node.name].playing = self._leases.count(member.node.id)

    def finished(self, timeout_s: float) -> list[PlayedT]:
        """The games that have ended. Raises EngineError where no node plays any more."""
        try:
            self._listen(timeout_s)
            self._look_for_nodes()
            self._give_up_the_silent()
            self._check_players()
            self._lend()
            self._require_a_node()
        except LzevalError:
            if not self._ended:  # else it is met with again when all games have been handed over
                raise
        games, self._ended = self._ended, []
        return games

    def _require_a_node(self) -> None:
        if all(member.state == "lost" for member in self._members.values()):
            reason = self._reasons[-1]
            raise EngineError("the cluster", f"no node plays any more ({reason}); the same command goes on")

    def _listen(self, timeout_s: float) -> None:
        """Take the answers that have come, waiting up to `timeout_s` for the first; ask again whoever answered."""
        asked = {member.call: member for member in self._members.values() if member.call is not None}
        if not asked:
            time.sleep(min(timeout_s, 0.1))
            return
        failed: list[tuple[_Member[JobT, PlayedT], Exception]] = []
        for call in self._actors.ready(list(asked), timeout_s):
            member = asked[call]
            member.call = None
            try:
                answer = self._actors.answer(call)
            except (LzevalError, ActorLostError) as exc:
                if member.state != "lost":
                    failed.append((member, exc))
                continue
            member.heard_s = time.monotonic()
            if isinstance(answer, Report):  # of a lost node, too
                self._take(member, answer)
            elif member.state == "asked":
                self._admit(member, answer)
            elif member.state == "queued":
                self._prepare(member)
            elif member.state == "opening":
                self._begin(member, answer)
            if member.state == "playing":
                member.call = self._actors.call(member.actor, "report")
        for member, problem in failed:
            self._fail(member, problem)

    def _begin(self, member: _Member[JobT, PlayedT], ready: Ready) -> None:
        member.state, member.unable = "playing", dict(ready.unable)
        self.nodes[member.node.name].slots = ready.slots
        if self._is_begun:
            self._tell(f"node {member.node.name} joins, with room for {counted(ready.slots, 'game')}")
        for player in member.unable:
            self._tell_unable(member, player)

    def _take(self, member: _Member[JobT, PlayedT], report: Report[PlayedT]) -> None:
        """Keep the games of a report that count."""
        node = self.nodes[member.node.name]
        node.evaluations = member.evaluations_before + report.evaluations
        member.thinking = total([member.thinking_before, report.thinking])
        for game_id, moves in report.moves.items():
            self._moved(game_id, moves)
        for game in report.played:
            if self._is_fault_of_node(member, game):
                self._leases.take_back(member.node.id, game.game_id)
                continue
            digest = self._recipe.digest(game)
            earlier = self._leases.report(member.node.id, game.game_id, digest)
            if earlier is None:
                self._ended.append(game)
                node.games += 1
            elif digest != earlier.digest:
                other = self._members[earlier.holder]
                self._tell(
                    f"game {game.game_id} came out differently on {member.node.name} ({member.kind}) than on"
                    f" {other.node.name} ({other.kind}), where it was played first; the first one counts"
                )
        node.playing = self._leases.count(member.node.id)

    def _is_fault_of_node(self, member: _Member[JobT, PlayedT], game: PlayedT) -> bool:
        """Whether other nodes may be able to start an engine that this one could not; it is not asked for it again."""
        others = [other for other in self._members.values() if other.state != "lost" and other is not member]
        for player, reason in self._recipe.unable_after(game).items():
            if any(player not in other.unable for other in others):
                member.unable[player] = reason
                self._tell_unable(member, player)
                return True
        return False

    def _tell_unable(self, member: _Member[JobT, PlayedT], player: str) -> None:
        reason = member.unable[player]
        self._tell(
            f"node {member.node.name} cannot start {player}: {reason}; its games are left to other nodes"
        )

    def _give_up_the_silent(self) -> None:
        now_s = time.monotonic()
        for member in self._members.values():
            patience_s = self._patience.ready_s if member.is_coming else self._patience.silent_s
            waited_s = now_s - member.heard_s
            if member.state not in ("lost", "queued") and waited_s > patience_s:
                self._lose(member, f"has been silent for {patience_s:.0f} s")
            elif member.state in _SLOW and waited_s > self._patience.slow_s and not member.is_said_slow:
                member.is_said_slow = True
                self._tell(f"node {member.node.name} {_SLOW[member.state]}")

    def _check_players(self) -> None:
        """Raise EngineError for a waiting game that no node can play."""
        if any(member.is_coming for member in self._members.values()):
            return
        for job in self._leases.waiting:
            if self._playing and not any(self._fits(member, job) for member in self._playing):
                players = [
                    f"{player} ({reason})"
                    for member in self._playing
                    for player, reason in member.unable.items()
                    if player in self._players_of(job)
                ]
                raise EngineError(
                    "the cluster", f"no node can start {players[0]}; install it, and the same command goes on"
                )

    def stop(self) -> None:
        """Give all nodes back; games under way are dropped."""
        for member in self._members.values():
            if member.actor is not None:
                self._actors.kill(member.actor)
            member.state, member.actor, member.call = "lost", None, None
        self._actors.close()
