"""A tournament between GTP engines: its games handed out, played side by side, kept one by one, and taken up again.

The log `CODE.played` is the state. What else a tournament leaves - records, reports - is made from it, and made again
where it is missing.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lzeval.errors import UserError
from lzeval.go.openings import Book, Opening, game_seed, load_book
from lzeval.go.referee import GOMILL, STRICT, RefereedGame
from lzeval.records.record import describe_result
from lzeval.text.wording import command_line
from tournaments.games.arbiter import Arbiter
from tournaments.games.faults import Fault, Policy
from tournaments.games.gtp_game import GameConditions, GameTask, PlayedGame
from tournaments.games.gtp_player import GameContext, launch
from tournaments.games.process_guard import Guard
from tournaments.gomill.files import STOP, open_event_log, write_history, write_report
from tournaments.plan.competition import Competition, MatchupSpec
from tournaments.plan.schedule import Place, Schedule
from tournaments.plan.settings_check import check_unchanged, settings_of
from tournaments.runner.gtp_backend import KEPT_ENGINES, GameSlot
from tournaments.runner.progress import Listener, LiveGame, Progress
from tournaments.store.folder import counted_games, create_folder, gomills_games, held, history
from tournaments.store.game_log import (
    FinishedGame,
    GameLog,
    encode_game,
    encode_incident,
    history_of,
    open_log,
)
from tournaments.store.log_writer import LogWriter
from tournaments.store.record_files import RecordFiles

if TYPE_CHECKING:
    from tournaments.games.network_player import NetworkPlayers

POLL_S = 0.2
TABLES_EVERY_S = 5.0
FAREWELL_S = 10.0


@dataclass(frozen=True)
class RunOptions:
    """How to run, which changes nothing about the games."""

    parallel: int | None = None
    """Games at a time; None: as many as the machine has room for."""
    most_games: int | None = None
    """So many in this run at most."""
    fresh: bool = False
    """Whether every game gets new engine processes."""
    log_gtp: bool = False

    def check(self) -> None:
        if self.parallel is not None and self.parallel < 1:
            raise UserError(f"--parallel {self.parallel}: must be at least 1")
        if self.most_games is not None and self.most_games < 1:
            raise UserError(f"--max-games {self.most_games}: must be at least 1")


def policy_of(competition: Competition) -> Policy:
    additions = competition.lzeval
    chosen = dict(additions.faults)
    technical = chosen.pop("technical", "void")
    by_fault = {Fault(name): consequence for name, consequence in chosen.items()}
    return Policy(technical, by_fault, additions.attempts, additions.patience)


def run(
    competition: Competition, options: RunOptions | None = None, listen: Listener | None = None
) -> Progress:
    """Play what is missing. Interrupted, even killed, it loses no finished game.

    Raises UserError where the tournament cannot be taken up, or nothing more can be written; KeyboardInterrupt when
    interrupted.
    """
    run_ = prepare(competition, options)
    return run_.play(listen)


def prepare(competition: Competition, options: RunOptions | None = None) -> TournamentRun:
    """Check what can be checked before anything is written. Raises UserError."""
    options = options or RunOptions()
    options.check()
    books = {
        matchup.board_size: load_book(competition.lzeval.openings, matchup.board_size)
        for matchup in competition.matchups
    }
    rules = STRICT if competition.lzeval.rules == "strict" else GOMILL
    settings = settings_of(competition, rules, books)
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


class TournamentRun:
    """One run of a tournament."""

    def __init__(
        self,
        competition: Competition,
        options: RunOptions,
        books: Mapping[int, Book],
        settings: Mapping[str, Any],
    ) -> None:
        self._competition = competition
        self._options = options
        self._books = books
        self._settings = settings
        self._policy = policy_of(competition)
        self._listen: Listener | None = None
        self._lock = threading.Condition(threading.RLock())
        self._attempts: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        """By player: technical faults since its last game that came to an end."""
        self._openings: dict[int, list[Opening]] = {}
        """By board size: one for each pair, as many as were needed so far and some more."""
        self._issued = 0
        self._in_flight = 0
        self._tables_of = -1
        """How many games the tables on disk are of."""
        self._is_stopping = False
        self._problem: BaseException | None = None
        self._crews: list[GameSlot] = []
        self.progress = Progress(None, [])

    def play(self, listen: Listener | None = None) -> Progress:
        """Play until nothing is left to play."""
        self._listen = listen
        with (
            held(self._competition) as files,
            open_log(files.played) as log,
            open_event_log(self._competition) as events,
        ):
            self._files, self._events = files, events
            self._records = RecordFiles(self._competition, files)
            self._take_up(log)
            self._writer = LogWriter(log, self.fail)
            guard = Guard()
            try:
                self._play(guard)
                self._events.run_finished()
            except KeyboardInterrupt:
                self._events.run_interrupted(game.game_id for game in self.progress.slots.values())
                raise
            finally:
                guard.close()
                self._writer.close()
                self._write_tables()
        return self.progress

    def _write_tables(self) -> None:
        with suppress(UserError):  # on a full disk; they are made again from the log
            write_history(self._competition, self.progress.records)
            write_report(self._competition, self.progress.records)
        self._tables_of = len(self.progress.games)

    def _take_up(self, log: GameLog) -> None:
        past = history_of(log.content.entries)
        if past.settings is None:
            past.games = self._take_over(log)
        games = counted_games(self._competition, past)
        self._schedule = Schedule(self._competition.matchups, set(past.games))
        self.progress = Progress(self._schedule.wanted, games)
        with suppress(OSError):
            self._files.command.unlink()
        for line in log.content.damaged:
            self._say("warning", message=f"{log.path}: line {line} is damaged; what it held is played again")
        log.append({"kind": "run", "settings": self._settings, "time": time.time()})
        self._records.restore(games)

    def _take_over(self, log: GameLog) -> dict[Place, FinishedGame]:
        """Go on with what gomill's own ringmaster has played; a kill in the midst of it does no harm."""
        games = gomills_games(self._competition)
        for game in games.values():
            log.append(encode_game(game), durable=False)
        if games:
            self._say("warning", message=f"went on from {len(games)} games that gomill has played")
        return games

    def _say(self, event: str, **facts: object) -> None:
        if self._listen is not None:
            self._listen({"event": event, **facts})

    # The threads

    def _play(self, guard: Guard) -> None:
        arbiter = self._arbiter(guard)
        conditions = GameConditions(
            rules=STRICT if self._competition.lzeval.rules == "strict" else GOMILL,
            clock=self._competition.lzeval.time_control,
            policy=self._policy,
            arbiter=arbiter,
        )
        parallel = self._options.parallel or self._room(guard)
        self.progress.parallel = parallel
        self.networks = self._open_networks(parallel)
        self._say("run", games=len(self.progress.games), wanted=self.progress.wanted, parallel=parallel)
        self._began_s = self._tables_s = time.monotonic()
        self._events.run_started(self._options.most_games, parallel)
        self._crews = [GameSlot(self, slot, guard, conditions) for slot in range(parallel)]
        threads = [
            threading.Thread(target=crew.work, name=f"slot-{crew.slot}", daemon=True) for crew in self._crews
        ]
        for thread in threads:
            thread.start()
        try:
            self._wait(threads)
        except BaseException:
            self._strike()
            raise
        finally:
            end_s = time.monotonic() + FAREWELL_S
            for thread in threads:
                thread.join(max(0.0, end_s - time.monotonic()))
            if self.networks is not None:
                self.networks.close()
            if arbiter is not None:
                arbiter.close()
        self._writer.close()
        if self._problem is not None:
            raise self._problem

    def _open_networks(self, parallel: int) -> NetworkPlayers | None:
        """None where no player's command can be `lzeval gtp`: programs do not wait for what networks need."""
        if not any("gtp" in player.command[1:4] for player in self._competition.players.values()):
            return None
        from tournaments.games.network_player import NetworkPlayers

        return NetworkPlayers(self._competition, parallel)

    def _room(self, guard: Guard) -> int:
        from tournaments.runner.capacity import measured_parallel

        return measured_parallel(self._competition, guard, KEPT_ENGINES)

    def _wait(self, threads: list[threading.Thread]) -> None:
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(POLL_S / len(threads))
            self.progress.seconds = time.monotonic() - self._began_s
            self._say("tick")
            self._refresh_tables()
            if not self._is_stopping and self._told_to_stop():
                self._say("warning", message="told to stop: the games in progress are the last ones")
                self._stop()
            if self._problem is not None:
                self._strike()

    def _refresh_tables(self) -> None:
        now_s = time.monotonic()
        if len(self.progress.games) != self._tables_of and now_s - self._tables_s > TABLES_EVERY_S:
            self._write_tables()
            self._tables_s = now_s

    def _told_to_stop(self) -> bool:
        try:
            return self._files.command.read_text(encoding="utf-8").strip() == STOP
        except (OSError, UnicodeDecodeError):
            return False

    def _stop(self) -> None:
        with self._lock:
            self._is_stopping = True
            self._lock.notify_all()

    def _strike(self) -> None:
        """End everything now; games in progress are dropped."""
        self._stop()
        for crew in self._crews:
            crew.kill()

    def _arbiter(self, guard: Guard) -> Arbiter | None:
        code = self._competition.lzeval.referee
        if code is None:
            return None
        player = self._competition.players[code]
        timeouts = self._competition.lzeval.timeouts
        return Arbiter(code, lambda: launch(player, GameContext(), timeouts, guard))

    # Games, for the crews

    def next_task(self) -> GameTask | None:
        """A game to play; waits while one may still be given back. None when there will be no more."""
        with self._lock:
            while not self._is_stopping and self._problem is None:
                limit = self._options.most_games
                place = None
                if limit is None or self._issued < limit:
                    place = self._schedule.next(self.progress.suspended)
                if place is not None:
                    self._issued += 1
                    self._in_flight += 1
                    return self._task(*place)
                if not self._in_flight:
                    break
                self._lock.wait()
            self._lock.notify_all()
            return None

    def _task(self, matchup: MatchupSpec, number: int) -> GameTask:
        game_id = matchup.game_id(number)
        black, white = matchup.colours(number)
        opening, pair = self._opening(matchup, number)
        attempt = self._attempts.get(game_id, 0) + 1
        return GameTask(
            game_id=game_id,
            matchup=matchup,
            number=number,
            black=self._competition.players[black],
            white=self._competition.players[white],
            seed=self._seed(matchup, number),
            event=self._competition.event(matchup),
            opening=opening,
            pair=pair,
            attempt=attempt,
        )

    def _seed(self, matchup: MatchupSpec, number: int) -> int:
        """The same in every attempt and every run; engines may have no more than 31 bits for it."""
        place = zlib.crc32(f"{matchup.id}/{number}".encode())
        return game_seed(self._competition.lzeval.seed, place) % 2**31

    def _opening(self, matchup: MatchupSpec, number: int) -> tuple[Opening | None, int | None]:
        """With alternating colours, games 2k and 2k + 1 are a pair and share an opening."""
        if self._competition.lzeval.openings == "none" or matchup.handicap:
            return None, None
        place = number // 2 if matchup.alternating else number
        openings = self._openings.get(matchup.board_size, [])
        if len(openings) <= place:
            book, seed = self._books[matchup.board_size], self._competition.lzeval.seed
            openings = self._openings[matchup.board_size] = book.chosen(2 * place + 64, seed)
        return openings[place], place if matchup.alternating else None

    def began(self, slot: int, task: GameTask) -> None:
        with self._lock:
            game = LiveGame(task.game_id, task.black.code, task.white.code, time.monotonic())
            self.progress.slots[slot] = game
            facts = {"game": task.game_id, "black": game.black, "white": game.white, "attempt": task.attempt}
            self._writer.note({"kind": "start", **facts, "slot": slot, "time": time.time()})
            self._events.game_started(task.game_id, game.black, game.white)
            self._say("start", **facts)

    def moved(self, slot: int, board: RefereedGame) -> None:
        self.progress.slots[slot].moves = len(board.moves)

    def ended(self, slot: int, played: PlayedGame) -> None:
        """Keep the game, or have it played again; whoever listens is told once it is on disk."""
        with self._lock:
            try:
                if self._is_aborted(played):
                    return
                if played.is_void:
                    self._set_aside(played)
                else:
                    game = _finished(played)
                    self._writer.write(encode_game(game), partial(self._report_game, game, played))
                self._count_failures(played)
            finally:
                self._in_flight -= 1
                self.progress.slots.pop(slot, None)
                self._lock.notify_all()

    def _is_aborted(self, played: PlayedGame) -> bool:
        """Whether this process itself has ended the game."""
        killed = any(crew.is_killed for crew in self._crews)
        return killed and any(incident.fault.is_technical for incident in played.incidents)

    def _set_aside(self, played: PlayedGame) -> None:
        """The game is void: it goes back to those that are to be played, unless it was too often."""
        task = played.task
        incidents = [encode_incident(incident) for incident in played.incidents]
        entry = {"kind": "void", "game": task.game_id, "incidents": incidents, "attempt": task.attempt}
        is_last = task.attempt >= self._policy.attempts
        self._writer.write(entry, partial(self._report_void, played, is_last))
        self._attempts[task.game_id] = task.attempt
        self._issued -= 1
        if not is_last:
            self._schedule.give_back(task.matchup, task.number)

    def _count_failures(self, played: PlayedGame) -> None:
        blamed = {incident.player for incident in played.incidents if incident.fault.is_technical}
        for code in (played.task.black.code, played.task.white.code):
            if code in blamed:
                self._failures[code] = self._failures.get(code, 0) + 1
            elif not played.is_void:
                self._failures[code] = 0
            if self._failures.get(code, 0) >= self._policy.patience and code not in self.progress.suspended:
                self._suspend(code, played)

    def _suspend(self, code: str, played: PlayedGame) -> None:
        last = [incident for incident in played.incidents if incident.player == code][-1]
        why = f"{self._failures[code]} faults in a row, the last one a {last.fault.value}: {last.message}"
        self.progress.suspended[code] = why
        entry = {"kind": "suspended", "player": code, "why": why}
        self._writer.write(entry, partial(self._say, "suspended", player=code, why=why))

    def fail(self, problem: BaseException) -> None:
        """A crew cannot go on: the run ends."""
        with self._lock:
            self._problem = self._problem or problem
            self._lock.notify_all()

    # What is on disk, told by the scribe

    def _report_game(self, game: FinishedGame, played: PlayedGame) -> None:
        self._records.write(game)
        self._records.write_stderr(played)
        with self._lock:
            self._events.game_ended(game.record)
            self.progress.games.append(game)
            self.progress.played_now += 1
            self.progress.seconds = time.monotonic() - self._began_s
            self._say(
                "game",
                game=game.record.game_id,
                black=game.record.black,
                white=game.record.white,
                result=describe_result(game.record),
                moves=len(game.record.moves),
                seconds=round(game.seconds, 3),
            )
            self._report_incidents(played)

    def _report_void(self, played: PlayedGame, is_last: bool) -> None:
        self._records.write_void(played)
        self._records.write_stderr(played)
        task, why = played.task, played.record.result.note
        with self._lock:
            self._events.game_aborted(task.game_id, why)
            self._say("void", game=task.game_id, why=why)
            if is_last:
                self.progress.abandoned.append(task.game_id)
                self._say("abandoned", game=task.game_id, attempts=task.attempt)
            self._report_incidents(played)

    def _report_incidents(self, played: PlayedGame) -> None:
        for incident in played.incidents:
            self.progress.incidents.append(incident)
            self._say(
                "fault",
                game=played.task.game_id,
                player=incident.player,
                fault=incident.fault.value,
                message=incident.sentence(),
            )

    # For the crews

    @property
    def competition(self) -> Competition:
        return self._competition

    @property
    def options(self) -> RunOptions:
        return self._options

    @property
    def gtp_logs(self) -> Path:
        create_folder(self._files.gtp_logs)
        return self._files.gtp_logs


def _finished(played: PlayedGame) -> FinishedGame:
    task = played.task
    return FinishedGame(
        task.matchup.id, task.number, played.record, played.seconds, played.incidents, played.clocks
    )
