"""Playing in a pool, as the terminal shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from lzeval.cli.cluster_options import machines_of
from lzeval.cli.status import INTERRUPTED
from lzeval.errors import UserError
from lzeval.system.cache import cache_folder
from lzeval.text.terminal import say
from lzeval.text.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tournaments.pool.matchmaking import PairStandings
    from tournaments.pool.networks import Network
    from tournaments.pool.store import RatingPool
    from tournaments.runner.progress import Progress


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
    from tournaments.pool.play import PoolSession, entrants, network_play
    from tournaments.runner.progress import Progress

    if games % 2:
        raise UserError(f"--games {games}: must be an even number; each opening is played with either colour")
    cache = cache_folder() / "pool-networks"
    progress, view = Progress(games), BarView(pool.name, games, _last_players)
    try:
        with machines_of(cluster) as machines:
            players = entrants(pool, members, cache, device, machines)
            for entrant in players.values():
                if entrant.plan.info.note:
                    say(f"{entrant.settings.code}: {entrant.plan.info.note}", err=True)
            with view.live:
                play = network_play(pool, list(players.values()), threads, games)
                backend = machines.open_networks(play, progress, view.warn)
                PoolSession(pool, backend, players, choose, progress, is_enough, only).play(view.show)
    except KeyboardInterrupt as exc:
        left = max(2, games - progress.played_now + games % 2)
        say(
            f"lzeval: interrupted after {counted(progress.played_now, 'game')}; {pool.path} keeps what was played; "
            + again(left),
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from exc


def _last_players(progress: Progress) -> list[str]:
    return [f"{game.black} v {game.white}" for game in progress.games[-1:]]
