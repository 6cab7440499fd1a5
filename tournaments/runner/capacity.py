"""Number of games that fit on this machine at a time, from what engines are measured to take while they think."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from lzeval.errors import EngineError, UserError
from lzeval.system.machine import available_cores, free_memory
from tournaments.games.gtp_player import GameContext, GtpPlayer, launch
from tournaments.games.katago_players import katago_arguments
from tournaments.games.network_player import batch_size, in_process, players_of, tree_bytes
from tournaments.games.process_guard import Guard
from tournaments.plan.competition import Competition, PlayerSpec
from tournaments.plan.schedule import Schedule
from tournaments.runner.network_backend import GAMES_A_PLACE

if TYPE_CHECKING:
    from engines.evaluator.load import EvaluatorPlan
    from engines.player.arguments import EngineArguments

THINKING_S = 3.0
"""Time for which an engine is watched while it looks for its first move."""
SAMPLE_S = 0.05
SHORTEST_S = 0.2
"""Less processor time than this says nothing of how many cores an engine uses."""
MEMORY_SHARE = 0.8
"""Share of the free memory that engines may take."""


@dataclass(frozen=True)
class EngineDemand:
    """Cores and memory that one engine takes."""

    cores: int
    memory: int
    """Bytes."""


MOST_NETWORK_GAMES = 128
"""Each is a thread, and all begin before the first ends."""
KATAGO_GAMES = 16
"""Games whose positions one KataGo evaluates together: on a GPU they fill its batches, on cores they cost little."""
MODEST = EngineDemand(1, 0)
"""Demand of an engine that cannot be measured."""


def measured_parallel(competition: Competition, guard: Guard, kept: int, cores: int | None = None) -> int:
    """Games at a time that neither share cores nor run out of memory; `kept` engines may run in each slot.

    `cores` may be used; None: all of this machine's.

    Networks in this process are not started: what a core does for them, it does for many games at once. Where programs
    play as well, those tell how many games there may be.
    """
    cores = cores or available_cores()
    players = players_of(competition)
    found = {player.code: in_process(competition, player) for player in players}
    networks = [arguments for arguments in found.values() if arguments is not None]
    others = [player for player in players if found[player.code] is None]
    programs = [player for player in others if katago_arguments(competition, player) is None]
    if not programs:
        most = KATAGO_GAMES if others else MOST_NETWORK_GAMES
        return _parallel_networks(competition, networks, cores, most)
    if cores == 1:
        return 1
    demands = [_measure(competition, player, guard) for player in programs]
    trees = [EngineDemand(1, tree_bytes(arguments)) for arguments in networks]
    return games_that_fit(demands + trees, kept, cores, free_memory())


def _parallel_networks(
    competition: Competition, networks: list[EngineArguments], cores: int, most: int
) -> int:
    """The number of games with which batches are always full, `most` at most, or that memory allows."""
    wanted = Schedule(competition.matchups, ()).wanted
    plans = _plans(networks)
    batch = max(map(batch_size, plans), default=MOST_NETWORK_GAMES)
    searches = cores if all(plan.is_on_cores for plan in plans) else 1
    most = min(GAMES_A_PLACE * batch * searches, most)
    largest = max(map(tree_bytes, networks), default=0)
    by_memory = int(free_memory() * MEMORY_SHARE) // (2 * largest) if largest else most
    return max(1, min(most, by_memory, most if wanted is None else wanted))


def _plans(networks: list[EngineArguments]) -> list[EvaluatorPlan]:
    """Plans of the networks' evaluators; its first game complains about a network that cannot be loaded."""
    plans = []
    for arguments in networks:
        with contextlib.suppress(UserError):
            plans.append(arguments.plan(None))
    return plans


def games_that_fit(demands: list[EngineDemand], kept: int, cores: int, memory: int) -> int:
    """Number of games at a time, at least one.

    Of the two engines of a game only one thinks at a time, but all `kept` engines of a slot take memory.
    """
    by_cores = cores // max(demand.cores for demand in demands)
    largest = sorted((demand.memory for demand in demands), reverse=True)[:kept]
    by_memory = int(memory * MEMORY_SHARE) // sum(largest) if sum(largest) else by_cores
    return max(1, min(by_cores, by_memory))


def _measure(competition: Competition, player: PlayerSpec, guard: Guard) -> EngineDemand:
    """Start the engine and watch it think; one that cannot is left for its first game to complain about."""
    matchup = next(matchup for matchup in competition.matchups if player.code in matchup.players)
    try:
        engine = launch(player, GameContext(), competition.lzeval.timeouts, guard)
    except EngineError:
        return MODEST
    try:
        engine.begin(matchup.board_size, matchup.komi, GameContext())
        return _watch(engine)
    except EngineError:
        return MODEST
    finally:
        engine.close()


def _watch(engine: GtpPlayer) -> EngineDemand:
    """Demand of the engine and the processes below it during a move, or its first seconds."""
    thinking = threading.Thread(target=_think, args=(engine,), daemon=True)
    before_s, memory = _usage(engine.pid)
    began_s = time.monotonic()
    cores = 1
    thinking.start()
    while thinking.is_alive():
        thinking.join(SAMPLE_S)
        cpu_s, now = _usage(engine.pid)
        memory = max(memory, now)
        if cpu_s - before_s >= SHORTEST_S:
            cores = max(cores, round((cpu_s - before_s) / (time.monotonic() - began_s)))
    return EngineDemand(cores, memory)


def _think(engine: GtpPlayer) -> None:
    with contextlib.suppress(EngineError):
        engine.ask("genmove", "b", timeout_s=THINKING_S)


def _usage(pid: int) -> tuple[float, int]:
    """Seconds of processor time and bytes of memory of a process and all below it."""
    cpu_s, memory = 0.0, 0
    with contextlib.suppress(psutil.Error):  # it has ended
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error), each.oneshot():
                spent = each.cpu_times()
                cpu_s += spent.user + spent.system
                memory += each.memory_info().rss
    return cpu_s, memory
