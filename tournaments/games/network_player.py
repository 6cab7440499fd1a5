"""Players of a tournament that are networks of ours, in the tournament's own process.

A player whose command is `lzeval gtp NET ...` needs no program: its games share evaluators, positions of all games go
to the network together, and every game has an engine of its own, as if started for it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engines.player.arguments import USUAL_VISITS, EngineArguments, parse_command
from lzeval.errors import EngineError, UserError
from lzeval.system.machine import available_cores
from tournaments.games.katago_players import katago_arguments
from tournaments.plan.competition import Competition, PlayerSpec

if TYPE_CHECKING:
    from engines.evaluator.load import EvaluatorPlan
    from engines.gtp.server.in_process import EnginePeer
    from engines.search.batcher import EvaluatorQueue
    from engines.search.shared_search import SharedSearch
    from tournaments.games.gtp_player import GameContext

LARGEST_SEARCH = 20_000
"""Visits of a move; the trees of a shared search take memory together, and as much as the largest."""
_CLOCK_COMMANDS = ("time_settings", "kgs-time_settings", "kata-time_settings", "time_left")
LARGEST_BATCH = 8
"""Places of a batch on a CPU: 16 are hardly faster a position, and cost twice as much where there are few games."""
LARGEST_GPU_BATCH = 64
"""The same on a GPU."""
NODE_BYTES = 2000
"""Memory of a tree's node on 19x19."""


def in_process(competition: Competition, player: PlayerSpec) -> EngineArguments | None:
    """The options of the player's engine, if it can play without a program of its own; None if it cannot, or shall not.

    A clock wants an engine that has its time to itself, and so does pondering.
    """
    additions = competition.lzeval
    if not additions.in_process or additions.time_control is not None or player.environ:
        return None
    if any(
        line.split()[:1] == [command] for line in player.startup_gtp_commands for command in _CLOCK_COMMANDS
    ):
        return None
    found = parse_command(_filled(player), player.cwd)
    if found is None or found.ponder or found.threads > 1 or _search_size(found) > LARGEST_SEARCH:
        return None
    return found


def _filled(player: PlayerSpec, context: GameContext | None = None) -> list[str]:
    from tournaments.games.gtp_player import GameContext

    return [(context or GameContext()).fill(word) for word in player.command]


def _search_size(arguments: EngineArguments) -> int:
    """New visits that a move may take."""
    limits = [limit for limit in (arguments.visits, arguments.playouts) if limit]
    return min(limits, default=USUAL_VISITS)


def tree_bytes(arguments: EngineArguments) -> int:
    """Memory of an engine's tree, what is left of past moves included."""
    return 3 * _search_size(arguments) * NODE_BYTES


def players_of(competition: Competition) -> list[PlayerSpec]:
    """The players who have games, by code."""
    codes = sorted({code for matchup in competition.matchups for code in matchup.players})
    return [competition.players[code] for code in codes]


def batch_size(plan: EvaluatorPlan) -> int:
    """Positions at a time where networks are among themselves: fewer than in a match, as each game has a thread."""
    return min(plan.batch_size, LARGEST_BATCH if plan.is_on_cores else LARGEST_GPU_BATCH)


@dataclass(frozen=True)
class _Group:
    """The searches for one board size and device, and the queues of each by network."""

    searches: list[SharedSearch]
    queues: dict[tuple[object, ...], list[EvaluatorQueue]]


class NetworkPlayers:
    """The searches and networks that players in this process share."""

    def __init__(self, competition: Competition, parallel: int = 1) -> None:
        """`parallel` games go on at a time at most."""
        self._competition = competition
        self._parallel = parallel
        self._only_networks = all(
            in_process(competition, player) or katago_arguments(competition, player)
            for player in players_of(competition)
        )
        self._lock = threading.Lock()
        self._plans: dict[tuple[str, str, str], EvaluatorPlan] = {}
        self._groups: dict[tuple[int, str], _Group] = {}

    def host(self, player: PlayerSpec, context: GameContext) -> EnginePeer | None:
        """An engine for one game; None if the player needs a program. Raises EngineError if it cannot be had."""
        if in_process(self._competition, player) is None:
            return None
        arguments = parse_command(_filled(player, context), player.cwd)
        if arguments is None:
            return None
        try:
            return self._engine(arguments, context.game_id)
        except UserError as error:
            raise EngineError(player.code, str(error)) from error

    def _engine(self, arguments: EngineArguments, game_id: str) -> EnginePeer:
        from engines.gtp.server.in_process import EnginePeer
        from engines.player.player import NetworkPlayer
        from engines.search.shared_search import SharedEvaluator, SharedTree

        with self._lock:
            plan = self._plan(arguments)
            options = arguments.for_game(plan.info.board_size, game_id)
            group = self._group(plan)
            single = self._queues(group, plan)
            wide = self._queues(group, plan.with_batch(arguments.batch)) if _is_large(arguments) else None
            place = max(range(len(group.searches)), key=lambda number: group.searches[number].free_trees)
            search = group.searches[place]
            if not search.free_trees:
                raise UserError("the network has not answered before, and is not asked again")
            slot = search.take_slot(single[place], None if wide is None else wide[place])
        answer_s = self._competition.lzeval.timeouts.move_s
        with search.lock:
            engine = NetworkPlayer(
                SharedEvaluator(slot, answer_s),
                options,
                tree_search=SharedTree(slot, options.most_nodes, answer_s),
            )
        return EnginePeer(
            engine,
            name=arguments.title,
            version=arguments.version,
            tell_searches=not arguments.quiet,
            lock=search.lock,
            search_s=lambda: slot.seconds,
            release=slot.release,
        )

    def _plan(self, arguments: EngineArguments) -> EvaluatorPlan:
        """The evaluator's plan, in batches of a size that the control file alone decides: `--parallel` changes no game.

        Where programs play as well, few positions wait at a time, and a batch would be all but empty on a CPU.
        """
        key = arguments.network, arguments.precision, arguments.device
        if key not in self._plans:
            plan = arguments.plan(None)
            self._plans[key] = plan.with_batch(
                batch_size(plan) if self._only_networks or not plan.is_on_cores else 1
            )
        return self._plans[key]

    def _group(self, plan: EvaluatorPlan) -> _Group:
        from engines.search.shared_search import SharedSearch

        size = plan.info.board_size
        key = size, plan.device
        if key not in self._groups:
            count = min(available_cores(), self._parallel) if plan.is_on_cores else 1
            trees = -(-2 * self._parallel // count)
            self._groups[key] = _Group([SharedSearch(size, trees) for _ in range(count)], {})
        return self._groups[key]

    def _queues(self, group: _Group, plan: EvaluatorPlan) -> list[EvaluatorQueue]:
        """One in each search."""
        key = plan.info.sha256, plan.precision, plan.batch_size
        if key not in group.queues:
            group.queues[key] = [search.add_queue(plan.build()) for search in group.searches]
        return group.queues[key]

    def close(self) -> None:
        """End the searches; who still plays in one has an engine that has crashed."""
        for group in self._groups.values():
            for search in group.searches:
                search.close()


def _is_large(arguments: EngineArguments) -> bool:
    """Tell whether its searches ask about several positions of one tree at a time."""
    from engines.search.single_tree import places_for

    visits = arguments.visits or (None if arguments.playouts else USUAL_VISITS)
    return arguments.batch > 1 and (visits is None or places_for(visits, arguments.batch) > 1)
