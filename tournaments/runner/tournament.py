"""A tournament between GTP engines: checked, taken up from its log, and played by the runner.

The log `CODE.played` is the state. What else a tournament leaves - records, reports - is made from it, and made again
where it is missing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lzeval.errors import UserError
from lzeval.go.openings import Book, load_book
from lzeval.text.wording import command_line
from tournaments.games.arbiter import Arbiter
from tournaments.games.gtp_game import GameConditions
from tournaments.games.gtp_player import GameContext, launch
from tournaments.games.process_guard import Guard
from tournaments.gomill.files import open_event_log
from tournaments.plan.competition import Competition
from tournaments.plan.settings_check import check_unchanged, settings_of
from tournaments.runner import runner
from tournaments.runner.gtp_backend import KEPT_ENGINES, EngineConditions, GtpBackend
from tournaments.runner.progress import Listener, Progress, Watcher
from tournaments.runner.tournament_games import TournamentGames, policy_of
from tournaments.store.folder import TournamentFiles, create_folder, gomills_games, held, history
from tournaments.store.game_log import GameLog, History, encode_game, history_of, open_log

if TYPE_CHECKING:
    from tournaments.games.network_player import NetworkPlayers


@dataclass(frozen=True)
class RunOptions:
    """Options of a run, which change nothing about its games."""

    parallel: int | None = None
    """Games at a time; None: as many as the machine has room for."""
    most_games: int | None = None
    """Games to play in this run, at most."""
    fresh: bool = False
    """Whether every game gets new engine processes."""
    log_gtp: bool = False
    """Whether conversations with engines are written down."""

    def check(self) -> None:
        """Raise UserError for numbers that make no sense."""
        if self.parallel is not None and self.parallel < 1:
            raise UserError(f"--parallel {self.parallel}: must be at least 1")
        if self.most_games is not None and self.most_games < 1:
            raise UserError(f"--max-games {self.most_games}: must be at least 1")


def run(
    competition: Competition, options: RunOptions | None = None, listen: Listener | None = None
) -> Progress:
    """Play what is missing. Interrupted, even killed, it loses no finished game.

    Raises UserError where the tournament cannot be taken up, or nothing more can be written; KeyboardInterrupt when
    interrupted.
    """
    return prepare(competition, options).play(listen)


def prepare(competition: Competition, options: RunOptions | None = None) -> TournamentRun:
    """Check what can be checked before anything is written. Raises UserError."""
    options = options or RunOptions()
    options.check()
    books = {
        matchup.board_size: load_book(competition.lzeval.openings, matchup.board_size)
        for matchup in competition.matchups
    }
    settings = settings_of(competition, books)
    past = history(competition)
    played = {game.matchup for game in past.games.values()}
    reset = command_line("lzeval", "tournament", "reset", competition.path)
    hint = f"change {competition.path.name} back, or begin anew with: {reset}"
    check_unchanged(past.settings, settings, played, hint)
    return TournamentRun(competition, options, books, _merged(past.settings, settings))


def _merged(earlier: Mapping[str, Any] | None, now: Mapping[str, Any]) -> dict[str, Any]:
    """The settings to keep: what has left the control file may come back."""
    if earlier is None:
        return dict(now)
    kept = {name: {**earlier[name], **now[name]} for name in ("players", "matchups")}
    openings = {**earlier["conditions"]["openings"], **now["conditions"]["openings"]}
    return {**kept, "conditions": {**now["conditions"], "openings": openings}}


@dataclass
class TournamentRun:
    """One run of a tournament."""

    competition: Competition
    options: RunOptions
    books: Mapping[int, Book]
    """Openings by board size."""
    settings: Mapping[str, Any]
    """Settings that games depend on, for the log."""
    progress: Progress = field(default_factory=lambda: Progress(None))

    def play(
        self, listen: Listener | None = None, watch: Watcher | None = None, progress: Progress | None = None
    ) -> Progress:
        """Play until nothing is left to play.

        A `progress` that is given has the games of earlier runs already, and may have a rule for stopping.
        """
        competition = self.competition
        with held(competition) as files, open_log(files.played) as log, open_event_log(competition) as events:
            past, warnings = self._past(log)
            games = TournamentGames(
                competition, self.books, past, files, log, events, self.options.most_games
            )
            self.progress = progress or Progress(games.wanted, list(games.records))
            with suppress(OSError):
                files.command.unlink()
            log.append({"kind": "run", "settings": self.settings, "time": time.time()})
            games.begin(self.progress, listen)
            for warning in warnings:
                games.say("warning", message=warning)
            guard = Guard()
            try:
                self._play(games, files, guard, watch)
                games.finish()
                if watch is not None:
                    watch(self.progress)
                events.run_finished()
            except KeyboardInterrupt:
                events.run_interrupted(self.progress.live)
                raise
            finally:
                guard.close()
                with suppress(UserError):  # on a full disk; tables are made again from the log
                    games.finish()
                games.write_tables()
        return self.progress

    def _past(self, log: GameLog) -> tuple[History, list[str]]:
        """Games played before, also by gomill's own ringmaster, and warnings about them."""
        past = history_of(log.content.entries)
        warnings = [
            f"{log.path}: line {line} is damaged; what it held is played again"
            for line in log.content.damaged
        ]
        if past.settings is None:
            past.games = gomills_games(self.competition)
            for game in past.games.values():  # a kill in the midst of it does no harm
                log.append(encode_game(game), durable=False)
            if past.games:
                warnings.insert(0, f"went on from {len(past.games)} games that gomill has played")
        return past, warnings

    def _play(
        self, games: TournamentGames, files: TournamentFiles, guard: Guard, watch: Watcher | None
    ) -> None:
        arbiter = self._arbiter(guard)
        parallel = self.options.parallel or self._measured_parallel(guard)
        networks = self._open_networks(parallel)
        games.run_started(parallel)
        if self.options.log_gtp:
            create_folder(files.gtp_logs)
        additions = self.competition.lzeval
        conditions = GameConditions(
            rules=additions.rules,
            clock=additions.time_control,
            policy=policy_of(self.competition),
            arbiter=arbiter,
        )
        engines = EngineConditions(
            additions.timeouts,
            guard,
            networks,
            self.options.fresh,
            files.gtp_logs if self.options.log_gtp else None,
        )
        try:
            backend = GtpBackend(parallel, conditions, engines, self.progress.moved)
            runner.play(backend, games, self.progress, watch)
        finally:
            if networks is not None:
                networks.close()
            if arbiter is not None:
                arbiter.close()

    def _open_networks(self, parallel: int) -> NetworkPlayers | None:
        """Evaluators shared by networks in this process; None where no command can be `lzeval gtp`, to load nothing."""
        if not any("gtp" in player.command[1:4] for player in self.competition.players.values()):
            return None
        from tournaments.games.network_player import NetworkPlayers

        return NetworkPlayers(self.competition, parallel)

    def _measured_parallel(self, guard: Guard) -> int:
        from tournaments.runner.capacity import measured_parallel

        return measured_parallel(self.competition, guard, KEPT_ENGINES)

    def _arbiter(self, guard: Guard) -> Arbiter | None:
        code = self.competition.lzeval.referee
        if code is None:
            return None
        player, timeouts = self.competition.players[code], self.competition.lzeval.timeouts
        return Arbiter(code, lambda: launch(player, GameContext(), timeouts, guard))
