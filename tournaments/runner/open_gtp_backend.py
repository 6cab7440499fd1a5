"""From a competition to the backend that plays it on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from tournaments.games.arbiter import Arbiter
from tournaments.games.faults import Fault, Policy
from tournaments.games.gtp_game import GameConditions
from tournaments.games.gtp_player import EngineHost, GameContext, launch
from tournaments.games.process_guard import Guard
from tournaments.plan.competition import Competition
from tournaments.runner.gtp_backend import KEPT_ENGINES, EngineConditions, GtpBackend


def policy_of(competition: Competition) -> Policy:
    """Consequences of faults, as the control file says."""
    additions = competition.lzeval
    chosen = dict(additions.faults)
    technical = chosen.pop("technical", "void")
    by_fault = {Fault(name): consequence for name, consequence in chosen.items()}
    return Policy(technical, by_fault, additions.attempts, additions.patience)


def open_gtp_backend(
    competition: Competition,
    stack: ExitStack,
    moved: Callable[[str, int], None],
    *,
    parallel: int | None = None,
    cores: int | None = None,
    fresh: bool = False,
    log_folder: Path | None = None,
    tell: Callable[[str], None] | None = None,
) -> GtpBackend:
    """A backend for the competition's games; `stack` closes what it needs besides, and `tell` hears warnings.

    `parallel` games go on at a time, or as many as `cores` (None: this machine's) have room for.
    """
    guard = Guard()
    stack.callback(guard.close)
    additions = competition.lzeval
    arbiter = None
    if additions.referee is not None:
        referee = competition.players[additions.referee]
        arbiter = Arbiter(referee.code, lambda: launch(referee, GameContext(), additions.timeouts, guard))
        stack.callback(arbiter.close)
    if parallel is None:
        from tournaments.runner.capacity import measured_parallel

        parallel = measured_parallel(competition, guard, KEPT_ENGINES, cores)
    hosts = tuple(engine_hosts(competition, guard, parallel, tell))
    for host in hosts:
        stack.callback(host.close)
    conditions = GameConditions(
        rules=additions.rules,
        clock=additions.time_control,
        policy=policy_of(competition),
        arbiter=arbiter,
    )
    engines = EngineConditions(additions.timeouts, guard, hosts, fresh, log_folder)
    return GtpBackend(parallel, conditions, engines, moved)


def engine_hosts(
    competition: Competition, guard: Guard, parallel: int = 1, tell: Callable[[str], None] | None = None
) -> Iterator[EngineHost]:
    """Hosts of the players that are networks, whose modules load numba, which programs do not need."""
    commands = {word for player in competition.players.values() for word in player.command[1:4]}
    if "gtp" in commands:
        from tournaments.games.network_player import NetworkPlayers

        yield NetworkPlayers(competition, parallel)
    if "katago" in commands:
        from tournaments.games.katago_players import KataGoPlayers

        yield KataGoPlayers(competition, guard, parallel, tell)
