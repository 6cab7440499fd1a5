"""The games of a tournament: handed out in gomill's order, and kept in its log and files."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from lzeval.errors import UserError
from lzeval.go.openings import Book, Opening, game_seed
from lzeval.records.record import GameRecord, describe_result
from tournaments.games.gtp_game import GameTask, PlayedGame
from tournaments.gomill.files import STOP, EventLog, write_history, write_report
from tournaments.plan.competition import Competition, MatchupSpec
from tournaments.plan.schedule import GameOrder, Schedule
from tournaments.runner.failures import Failures, attempts_made
from tournaments.runner.open_gtp_backend import policy_of
from tournaments.runner.progress import Listener, Progress
from tournaments.store.folder import TournamentFiles, counted_games
from tournaments.store.game_log import FinishedGame, GameLog, History, encode_game, encode_incident
from tournaments.store.log_writer import LogWriter
from tournaments.store.record_files import RecordFiles

TABLES_EVERY_S = 5.0


class TournamentGames:
    """The source of a tournament's games, and the place where they are kept."""

    def __init__(
        self,
        competition: Competition,
        books: Mapping[int, Book],
        past: History,
        files: TournamentFiles,
        log: GameLog,
        events: EventLog,
        most_games: int | None,
        schedule: GameOrder | None = None,
    ) -> None:
        """`books` are the openings by board size; `most_games` are played in this run at most.

        `schedule` hands out the games; None: in gomill's order.
        """
        self._competition = competition
        self._books = books
        self._files = files
        self._log = log
        self._events = events
        self._most_games = most_games
        self._policy = policy_of(competition)
        self._past = counted_games(competition, past)
        self._schedule = schedule or Schedule(competition.matchups, set(past.games))
        self._record_files = RecordFiles(competition, files)
        self._attempts: dict[str, int] = {}
        self._failures = Failures(self._policy.patience)
        self._openings: dict[int, list[Opening]] = {}
        """Openings by board size, one for each pair: as many as were needed so far and some more."""
        self._issued = 0
        self._tables_of = -1
        """Number of games that the tables on disk are of."""
        self._tables_s = time.monotonic()
        self._is_stop_said = False
        self.records: list[GameRecord] = [game.record for game in self._past]
        """Games that count, in the order in which they ended."""

    @property
    def wanted(self) -> int | None:
        """Number of games in all; None: no end."""
        return self._schedule.wanted

    def begin(self, progress: Progress, listen: Listener | None) -> None:
        """Mend the files of earlier games, and be ready to keep new ones."""
        self._progress, self._listen = progress, listen
        self._record_files.restore(self._past)
        self._writer = LogWriter(self._log)

    def say(self, event: str, **facts: object) -> None:
        """Tell the listener that something has happened."""
        if self._listen is not None:
            self._listen({"event": event, **facts})

    def warn(self, message: str) -> None:
        """Tell the listener of something that may be wrong."""
        self.say("warning", message=message)

    def run_started(self, parallel: int) -> None:
        """Note that playing begins, so many games at a time."""
        progress = self._progress
        self.say("run", games=len(progress.games), wanted=progress.wanted, parallel=parallel)
        self._events.run_started(self._most_games, parallel)

    # Source

    def next(self, free: int) -> list[GameTask]:
        """The next game, which is noted as begun; none for players that are suspended."""
        if not free or (self._most_games is not None and self._issued >= self._most_games):
            return []
        place = self._schedule.next(self._progress.suspended)
        if place is None and not self._progress.live:  # it may depend on games that are on their way to disk
            self._writer.wait()
            self._report_written()
            place = self._schedule.next(self._progress.suspended)
        return [] if place is None else [self._begun(self._task(*place))]

    def _begun(self, task: GameTask, **more: object) -> GameTask:
        """Note that the game begins; `more` are further facts for the log."""
        self._issued += 1
        now_s = time.monotonic()
        game = self._progress.begin(task.game_id, task.black.code, task.white.code, now_s)
        facts = {"game": task.game_id, "black": game.black, "white": game.white, "attempt": task.attempt}
        self._writer.note({"kind": "start", **facts, **more, "slot": game.row, "time": time.time()})
        self._events.game_started(task.game_id, game.black, game.white)
        self.say("start", **facts)
        return task

    def _task(self, matchup: MatchupSpec, number: int) -> GameTask:
        game_id = matchup.game_id(number)
        black, white = matchup.colours(number)
        opening, pair = self._opening(matchup, number)
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
            attempt=self._attempts.get(game_id, 0) + 1,
        )

    def _seed(self, matchup: MatchupSpec, number: int) -> int:
        """Seed of a game, the same in every attempt and every run; engines may have no more than 31 bits for it."""
        place = zlib.crc32(f"{matchup.id}/{number}".encode())
        return game_seed(self._competition.lzeval.seed, place) % 2**31

    def _opening(self, matchup: MatchupSpec, number: int) -> tuple[Opening | None, int | None]:
        """The opening and the number of the pair: with alternating colours, games 2k and 2k + 1 share an opening."""
        if self._competition.lzeval.openings == "none" or matchup.handicap:
            return None, None
        place = number // 2 if matchup.alternating else number
        openings = self._openings.get(matchup.board_size, [])
        if len(openings) <= place:
            book, seed = self._books[matchup.board_size], self._competition.lzeval.seed
            openings = self._openings[matchup.board_size] = book.chosen(2 * place + 64, seed)
        return openings[place], place if matchup.alternating else None

    # Sink

    def keep(self, played: PlayedGame) -> None:
        """Have the game written, or played again; it is told once it is on disk."""
        self._progress.live.pop(played.game_id, None)
        self._record_files.write_conversation(played)
        if played.is_void:
            self._set_aside(played)
        else:
            game = self._finished(played)
            files = partial(self._record_files.write, game)
            self._writer.write(encode_game(game), partial(self._report_game, game, played), files)
        self._suspend_failing(played)

    def _finished(self, played: PlayedGame) -> FinishedGame:
        """The game as the log is to have it."""
        task = played.task
        return FinishedGame(
            task.matchup.id, task.number, played.record, played.seconds, played.incidents, played.clocks
        )

    def _set_aside(self, played: PlayedGame) -> None:
        """Give a void game back to those that are to be played, unless it was void too often."""
        task = played.task
        incidents = [encode_incident(incident) for incident in played.incidents]
        entry = {"kind": "void", "game": task.game_id, "incidents": incidents, "attempt": task.attempt}
        attempts = attempts_made(played)
        is_last = attempts >= self._policy.attempts
        self._writer.write(entry, partial(self._report_void, played, is_last))
        self._attempts[task.game_id] = attempts
        self._issued -= 1
        self._give_back(played, is_last)

    def _give_back(self, played: PlayedGame, is_last: bool) -> None:
        """Have a void game played again, unless this was its last attempt."""
        if not is_last:
            self._schedule.give_back(played.task.matchup, played.task.number)

    def _suspend_failing(self, played: PlayedGame) -> None:
        """Suspend a player that has failed too often in a row."""
        for code, why in self._failures.add(played):
            self._note_suspended(code, why)

    def _note_suspended(self, code: str, why: str) -> None:
        self._progress.suspended[code] = why
        entry = {"kind": "suspended", "player": code, "why": why}
        self._writer.write(entry, partial(self.say, "suspended", player=code, why=why))

    # What has come to disk

    def tick(self) -> None:
        """Tell of games that are on disk, look whether the run is to stop, and write tables now and then."""
        self._report_written()
        progress = self._progress
        if not self._is_stop_said and (progress.is_stopping or self._is_told_to_stop()):
            self._is_stop_said = progress.is_stopping = True
            self.say("warning", message="told to stop: the games in progress are the last ones")
        now_s = time.monotonic()
        if len(self.records) != self._tables_of and now_s - self._tables_s > TABLES_EVERY_S:
            self.write_tables()
            self._tables_s = now_s

    def _is_told_to_stop(self) -> bool:
        try:
            return self._files.command.read_text(encoding="utf-8").strip() == STOP
        except (OSError, UnicodeDecodeError):
            return False

    def finish(self) -> None:
        """Wait until every game is on disk, and tell of them. Raises UserError where that cannot be."""
        self._writer.close()
        self._report_written()

    def write_tables(self) -> None:
        """Write gomill's history and report, except on a full disk; they are made again from the log."""
        with suppress(UserError):
            write_history(self._competition, self.records)
            write_report(self._competition, self.records)
        self._tables_of = len(self.records)

    def _report_written(self) -> None:
        for report in self._writer.written():
            report()

    def _report_game(self, game: FinishedGame, played: PlayedGame) -> None:
        self._record_files.write_stderr(played)
        record = game.record
        self._events.game_ended(record)
        self.records.append(record)
        self._progress.add(record)
        self.say(
            "game",
            game=record.game_id,
            black=record.black,
            white=record.white,
            result=describe_result(record),
            moves=len(record.moves),
            seconds=round(game.seconds, 3),
        )
        self._report_incidents(played)

    def _report_void(self, played: PlayedGame, is_last: bool) -> None:
        self._record_files.write_void(played)
        self._record_files.write_stderr(played)
        task, why = played.task, played.record.result.note
        self._events.game_aborted(task.game_id, why)
        self.say("void", game=task.game_id, why=why)
        if is_last:
            self._progress.abandoned.append(task.game_id)
            self.say("abandoned", game=task.game_id, attempts=task.attempt)
        self._report_incidents(played)

    def _report_incidents(self, played: PlayedGame) -> None:
        for incident in played.incidents:
            self._progress.incidents.append(incident)
            self.say(
                "fault",
                game=played.task.game_id,
                player=incident.player,
                fault=incident.fault.value,
                message=incident.sentence(),
            )
