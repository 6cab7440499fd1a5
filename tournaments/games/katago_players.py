"""Players of a tournament that are KataGo networks: one KataGo a network, which all games ask at once.

A player whose command is `lzeval katago NET ...` needs no KataGo of its own for each game.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from engines.katago.arguments import COMMAND, KataGoArguments, parse_katago_command
from lzeval.errors import EngineError, UserError
from tournaments.games.gtp_player import FOR_EVER_S, GameContext, GuardedPeer
from tournaments.games.process_guard import Guard
from tournaments.plan.competition import Competition, PlayerSpec

if TYPE_CHECKING:
    from engines.gtp.client.transport import Peer
    from engines.gtp.server.in_process import EnginePeer
    from engines.katago.start import KataGo

FOLDER_SUFFIX = ".katago"
"""A tournament's folder of configuration files has its code and this."""
RETRY_S = 30.0
"""A KataGo that could not be started is not tried again before so much time has passed."""


def katago_arguments(
    competition: Competition, player: PlayerSpec, context: GameContext | None = None
) -> KataGoArguments | None:
    """The options of a player that is a KataGo network, if it may play without a program of its own; else None."""
    if not competition.lzeval.in_process or competition.lzeval.time_control is not None:
        return None
    if COMMAND not in player.command[1:4]:
        return None
    return parse_katago_command(
        [(context or GameContext()).fill(word) for word in player.command], player.cwd
    )


@dataclass
class _Running:
    """The KataGo of one network, or the reason why there is none."""

    lock: threading.Lock
    katago: KataGo | None = None
    problem: str = ""
    failed_s: float = -RETRY_S
    peer: GuardedPeer | None = None
    """The program that has been started last."""
    visits: int = 0
    """Visits of all games so far."""

    def spend(self, visits: int) -> None:
        self.visits += visits

    def cpu_s(self, visits: int) -> float:
        """A game's part of the processor time that KataGo has taken so far, by its visits."""
        if self.peer is None or not self.visits:
            return 0.0
        try:
            process = psutil.Process(self.peer.pid)
            times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
        except psutil.Error:  # it has ended
            return 0.0
        return sum(each.user + each.system for each in times) * visits / self.visits


class KataGoPlayers:
    """The KataGos of a tournament, each started when its first game begins."""

    def __init__(
        self,
        competition: Competition,
        guard: Guard,
        parallel: int = 1,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """`parallel` games go on at a time at most; `tell` hears KataGo's warnings, from any thread."""
        self._competition = competition
        self._guard = guard
        self._parallel = parallel
        self._tell = tell
        self._lock = threading.Lock()
        self._running: dict[tuple[object, ...], _Running] = {}
        self._is_closed = False

    @property
    def folder(self) -> Path:
        """The folder of the configuration files, beside the control file."""
        path = self._competition.path
        return path.with_name(f"{self._competition.code}{FOLDER_SUFFIX}")

    def host(self, player: PlayerSpec, context: GameContext) -> EnginePeer | None:
        """An engine for one game; None if the player needs a program. Raises EngineError if it cannot be had."""
        arguments = katago_arguments(self._competition, player, context)
        if arguments is None:
            return None
        key = (*arguments.process_key, tuple(sorted(player.environ.items())))
        with self._lock:
            running = self._running.setdefault(key, _Running(threading.Lock()))
            place = list(self._running).index(key)
        with running.lock:
            katago = self._katago(running, arguments, player, place)
        return self._engine(running, katago, arguments, context)

    def _katago(
        self, running: _Running, arguments: KataGoArguments, player: PlayerSpec, place: int
    ) -> KataGo:
        """The running one, or one that is started now."""
        from engines.katago.start import START_SILENCE_S, default_config_name, start_katago

        if running.katago is not None and running.katago.process.is_alive:
            return running.katago
        if self._is_closed or time.monotonic() - running.failed_s < RETRY_S:
            raise EngineError(player.code, running.problem or "the tournament has ended")
        config = self.folder / f"{place}-{default_config_name(arguments)}"

        def open_peer(command: Sequence[str], variables: Mapping[str, str]) -> Peer:
            peer = GuardedPeer(list(command), None, {**variables, **player.environ}, self._guard)
            running.peer = peer
            return peer

        start_s = self._competition.lzeval.timeouts.start_s
        try:
            self.folder.mkdir(exist_ok=True)
            running.katago = start_katago(
                arguments,
                config,
                self._parallel,
                largest_board=max(matchup.board_size for matchup in self._competition.matchups),
                silence_s=FOR_EVER_S if start_s is None else max(start_s, START_SILENCE_S),
                name=player.code,
                open_peer=open_peer,
                warn=self._tell,
            )
        except (OSError, UserError, EngineError) as error:
            running.problem = str(error).removeprefix(f"{player.code}: ")
            running.failed_s = time.monotonic()
            raise EngineError(player.code, running.problem) from error
        return running.katago

    def _engine(
        self, running: _Running, katago: KataGo, arguments: KataGoArguments, context: GameContext
    ) -> EnginePeer:
        from engines.gtp.server.in_process import EnginePeer
        from engines.katago.player import KataGoPlayer, describe

        own = 0

        def spend(visits: int) -> None:
            nonlocal own
            own += visits
            running.spend(visits)

        engine = KataGoPlayer(
            katago.process,
            arguments,
            describe(arguments, katago.version, katago.sha256),
            self._competition.lzeval.timeouts.move_s,
            context.game_id,
            spend,
        )
        return EnginePeer(
            engine,
            name=arguments.title,
            version=katago.version,
            tell_searches=not arguments.quiet,
            search_s=lambda: running.cpu_s(own),
        )

    def close(self) -> None:
        """End all of them; whoever still plays has an engine that has crashed. May be called twice."""
        self._is_closed = True
        for running in self._running.values():
            if running.katago is not None:
                running.katago.process.close()
            elif running.peer is not None:  # it is starting, which may take minutes
                running.peer.kill()
