"""Playing in a pool, as the terminal shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from lzeval.cli.status import INTERRUPTED
from lzeval.errors import UserError
from lzeval.system.cache import cache_folder
from lzeval.text.terminal import progress_bar, say
from lzeval.text.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress as Bar

    from tournaments.pool.matchmaking import PairStandings
    from tournaments.pool.networks import Network
    from tournaments.pool.play import Progress
    from tournaments.pool.store import RatingPool


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
    is_enough: Callable[[Progress], bool],
    again: Callable[[int], str],
    only: str | None = None,
) -> None:
    """Play in this machine's processes, with a line of progress; Ctrl-C ends it with what `again` says."""
    from tournaments.pool.play import PoolSession, Progress, entrants, standing_of, start_crew

    if games % 2:
        raise UserError(f"--games {games}: must be an even number; each opening is played with either colour")
    cache = cache_folder() / "pool-networks"
    players = entrants(pool, members, cache, device)
    for entrant in players.values():
        if entrant.plan.info.note:
            say(f"{entrant.settings.code}: {entrant.plan.info.note}", err=True)
    progress = Progress(games, standing_of(pool, list(players)))
    with _bar(pool.name, games) as bar:
        try:
            crew = start_crew(pool, list(players.values()), threads, games)
            try:
                PoolSession(pool, crew, players, choose, progress, is_enough, only).play(
                    lambda now: _show(bar, now)
                )
            finally:
                crew.stop()
        except KeyboardInterrupt as exc:
            bar.stop()
            left = max(2, games - progress.played + games % 2)
            say(
                f"lzeval: interrupted after {counted(progress.played, 'game')}; {pool.path} keeps what was played; "
                + again(left),
                err=True,
            )
            raise typer.Exit(INTERRUPTED) from exc


def _bar(title: str, games: int) -> Bar:
    from rich.progress import MofNCompleteColumn, TextColumn

    bar = progress_bar(MofNCompleteColumn(), TextColumn("{task.fields[text]}", markup=False))
    bar.add_task(title, total=games, text="starting (a first time takes a minute)")
    return bar


def _show(bar: Bar, progress: Progress) -> None:
    parts = []
    if progress.met:
        black, white = progress.met[-1]
        parts.append(f"{black} v {white}")
    if progress.seconds:
        parts.append(f"{progress.evaluations / progress.seconds:,.0f} evals/s")
    left = progress.seconds_left
    if left is not None:
        parts.append(f"{left / 60:.0f} min left" if left >= 60 else f"{left:.0f} s left")
    bar.update(bar.task_ids[0], completed=progress.played, text="  ".join(parts))
