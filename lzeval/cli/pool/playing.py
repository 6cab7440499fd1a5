"""Playing in a pool, as the terminal shows it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import typer

from lzeval.cli.cluster_options import machines_of
from lzeval.cli.status import INTERRUPTED
from lzeval.errors import UserError
from lzeval.system.cache import cache_folder
from lzeval.text.terminal import say
from lzeval.text.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from lzeval.cli.live_view import BarView
    from lzeval.records.record import GameRecord
    from tournaments.games.network_games import GameJob
    from tournaments.pool.matchmaking import PairStandings
    from tournaments.pool.networks import Network
    from tournaments.pool.play import PoolPlayer
    from tournaments.pool.store import RatingPool
    from tournaments.runner.backend import Backend
    from tournaments.runner.machines import Machines
    from tournaments.runner.progress import Progress

    OpenBackend: TypeAlias = Callable[[Progress, BarView, int, int | None], Backend[GameJob, GameRecord]]
    Playing: TypeAlias = tuple[Mapping[str, PoolPlayer], OpenBackend]

NETWORKS = "pool-networks"
"""The folder of the cache for weights that come from a pool."""


def playable(pool: RatingPool, without: list[str]) -> list[Network]:
    """Members with weights, those in `without` apart. Raises UserError where one of these is no member."""
    networks = pool.networks()
    unknown = set(without) - {network.name for network in networks}
    if unknown:
        raise UserError(
            f"--without {min(unknown)}: no such network in {pool.path}; lzeval pool list shows them"
        )
    idle = [network.name for network in networks if not network.can_play]
    if idle:
        say(f"without weights, and so not playing: {', '.join(idle)}", err=True)
    return [network for network in networks if network.can_play and network.name not in without]


def run_session(
    pool: RatingPool,
    members: list[Network],
    choose: Callable[[PairStandings], tuple[str, str] | None],
    *,
    games: int,
    threads: int | None,
    device: str,
    cluster: str,
    is_enough: Callable[[Progress], bool],
    again: Callable[[int], str],
    only: str | None = None,
) -> None:
    """Play, with a line of progress; Ctrl-C ends it with what `again` says."""
    from lzeval.cli.live_view import BarView
    from tournaments.pool.play import PoolSession
    from tournaments.runner.progress import Progress

    if games % 2:
        raise UserError(f"--games {games}: must be an even number; each opening is played with either colour")
    progress, view = Progress(games), BarView(pool.name, games, _last_players)
    katago = next((member.name for member in members if member.is_katago), None)
    if katago is not None and cluster:
        raise UserError(
            f"--cluster: {katago} is a network of KataGo's, which plays in pools on this machine alone; go on without"
            f" --cluster, or --without {katago}"
        )
    try:
        with ExitStack() as stack:
            players, open_backend = (
                _networks(pool, members, device, stack.enter_context(machines_of(cluster)))
                if katago is None
                else _engines(pool, members, device, stack)
            )
            for name, player in players.items():
                if player.note:
                    say(f"{name}: {player.note}", err=True)
            with view.live:
                backend = open_backend(progress, view, games, threads)
                PoolSession(pool, backend, players, choose, progress, is_enough, only).play(view.show)
    except KeyboardInterrupt as exc:
        left = max(2, games - progress.played_now + games % 2)
        say(
            f"lzeval: interrupted after {counted(progress.played_now, 'game')}; {pool.path} keeps what was played; "
            + again(left),
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from exc


def _networks(pool: RatingPool, members: list[Network], device: str, machines: Machines) -> Playing:
    """Networks of ours, each of which plays in processes that batch across games, and what opens these."""
    from tournaments.pool.play import entrants, network_play

    players = entrants(pool, members, cache_folder() / NETWORKS, device, machines)

    def open_backend(
        progress: Progress, view: BarView, games: int, threads: int | None
    ) -> Backend[GameJob, GameRecord]:
        play = network_play(pool, list(players.values()), threads, games)
        return machines.open_networks(play, progress, view.warn)

    return players, open_backend


def _engines(pool: RatingPool, members: list[Network], device: str, stack: ExitStack) -> Playing:
    """Networks some of which KataGo plays, and what opens the engines of all."""
    from tournaments.pool.gtp_play import gtp_entrants, open_pool_backend

    players = gtp_entrants(pool, members, cache_folder() / NETWORKS, device)

    def open_backend(
        progress: Progress, view: BarView, _games: int, threads: int | None
    ) -> Backend[GameJob, GameRecord]:
        return open_pool_backend(pool, players, stack, progress, threads, view.tell)

    return players, open_backend


def _last_players(progress: Progress) -> list[str]:
    return [f"{game.black} v {game.white}" for game in progress.games[-1:]]
