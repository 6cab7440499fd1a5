"""A tournament between GTP engines: checked, taken up from its log, and played by the runner.

The log `CODE.played` is the state. What else a tournament leaves - records, reports - is made from it, and made again
where it is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from lzeval.errors import UserError
from lzeval.go.openings import Book, load_book, uneven
from lzeval.text.wording import command_line
from tournaments.games.gtp_game import GameTask, PlayedGame
from tournaments.gomill.files import EventLog, open_event_log
from tournaments.plan.competition import Competition
from tournaments.plan.schedule import GameOrder
from tournaments.plan.settings_check import check_unchanged, settings_of
from tournaments.runner import runner
from tournaments.runner.backend import Backend
from tournaments.runner.open_gtp_backend import open_gtp_backend
from tournaments.runner.progress import Listener, Progress, Watcher
from tournaments.runner.tournament_games import TournamentGames
from tournaments.store.folder import TournamentFiles, create_folder, gomills_games, held, history
from tournaments.store.game_log import GameLog, History, encode_game, history_of, open_log

OpenBackend: TypeAlias = (
    "Callable[[Competition, RunOptions, Progress, Callable[[str], None]], Backend[GameTask, PlayedGame]]"
)
"""Opens a backend for a competition; the last argument hears what is to be told about machines."""


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
    elsewhere: OpenBackend | None = None
    """Opens a backend on other machines; None: this one plays."""
    drops_begun: bool = False
    """Whether games in progress are dropped when the run is told to stop."""

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
    books = books_of(competition)
    settings = settings_of(competition, books)
    past = history(competition)
    played = {game.matchup for game in past.games.values()}
    reset = command_line("lzeval", "tournament", "reset", competition.path)
    hint = f"change {competition.path.name} back, or begin anew with: {reset}"
    check_unchanged(past.settings, settings, played, hint)
    return TournamentRun(competition, options, books, _merged(past.settings, settings))


def books_of(competition: Competition) -> dict[int, Book]:
    """The openings by board size. Raises UserError."""
    return {
        matchup.board_size: load_book(competition.lzeval.openings, matchup.board_size)
        for matchup in competition.matchups
    }


def doubts(competition: Competition) -> list[str]:
    """Warnings of matchups whose komi is not the one that their openings are even for. Raises UserError."""
    books = books_of(competition)
    found = (uneven(books[matchup.board_size], matchup.komi) for matchup in competition.matchups)
    return sorted({warning for warning in found if warning is not None})


def _merged(earlier: Mapping[str, Any] | None, now: Mapping[str, Any]) -> dict[str, Any]:
    """The settings to keep: what has left the control file may come back."""
    if earlier is None:
        return dict(now)
    kept = {name: {**earlier[name], **now[name]} for name in ("players", "matchups")}
    openings = {**earlier["conditions"]["openings"], **now["conditions"]["openings"]}
    return {**kept, "conditions": {**now["conditions"], "openings": openings}}


def damage(log: GameLog) -> list[str]:
    """Warnings about lines of the log that cannot be read."""
    return [
        f"{log.path}: line {line} is damaged; what it held is played again" for line in log.content.damaged
    ]


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
    schedule: GameOrder | None = None
    """What hands out the games; None: gomill's order."""

    def play(
        self, listen: Listener | None = None, watch: Watcher | None = None, progress: Progress | None = None
    ) -> Progress:
        """Play until nothing is left to play.

        A `progress` that is given has the games of earlier runs already, and may have a rule for stopping.
        """
        competition = self.competition
        with held(competition) as files, open_log(files.played) as log, open_event_log(competition) as events:
            games, warnings = self.games(files, log, events)
            self.progress = progress or Progress(games.wanted, list(games.records))
            with suppress(OSError):
                files.command.unlink()
            log.append({"kind": "run", "settings": self.settings, "time": time.time()})
            games.begin(self.progress, listen)
            for warning in warnings:
                games.warn(warning)
            try:
                self._play(games, files, watch)
                games.finish()
                if watch is not None:
                    watch(self.progress)
                events.run_finished()
            except KeyboardInterrupt:
                events.run_interrupted(self.progress.live)
                raise
            finally:
                with suppress(UserError):  # on a full disk; tables are made again from the log
                    games.finish()
                games.write_tables()
        return self.progress

    def games(
        self, files: TournamentFiles, log: GameLog, events: EventLog
    ) -> tuple[TournamentGames, list[str]]:
        """The games of this run, and warnings about those of earlier ones."""
        past, warnings = self._past(log)
        most_games = self.options.most_games
        games = TournamentGames(
            self.competition, self.books, past, files, log, events, most_games, self.schedule
        )
        return games, warnings

    def _past(self, log: GameLog) -> tuple[History, list[str]]:
        """Games played before, also by gomill's own ringmaster, and warnings about them."""
        past = history_of(log.content.entries)
        warnings = damage(log)
        if past.settings is None:
            past.games = gomills_games(self.competition)
            for game in past.games.values():  # a kill in the midst of it does no harm
                log.append(encode_game(game), durable=False)
            if past.games:
                warnings.insert(0, f"went on from {len(past.games)} games that gomill has played")
        return past, warnings

    def _play(self, games: TournamentGames, files: TournamentFiles, watch: Watcher | None) -> None:
        options = self.options
        logs = files.gtp_logs if options.log_gtp else None
        if logs is not None:
            create_folder(logs)
        with ExitStack() as stack:
            backend: Backend[GameTask, PlayedGame]
            if options.elsewhere is not None:
                backend = options.elsewhere(self.competition, options, self.progress, games.warn)
            else:
                backend = open_gtp_backend(
                    self.competition,
                    stack,
                    self.progress.moved,
                    parallel=options.parallel,
                    fresh=options.fresh,
                    log_folder=logs,
                    tell=games.warn,
                )
            games.run_started(backend.free)
            runner.play(backend, games, self.progress, watch, drops_begun=options.drops_begun)
