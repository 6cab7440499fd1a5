"""The games of a tuning event: chosen by a method, kept in the same log and files as those of a tournament."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.go.openings import Book, Opening, game_seed
from lzeval.records.record import GameRecord
from lzeval.system.files import write_text_atomically
from tournaments.games.gtp_game import GameTask, PlayedGame
from tournaments.gomill.files import EventLog
from tournaments.gomill.report import NO_DESCRIPTION, described_players
from tournaments.plan.competition import Competition
from tournaments.plan.tuning import CANDIDATE
from tournaments.runner.progress import Listener, Progress
from tournaments.runner.tournament_games import TournamentGames
from tournaments.store.folder import TournamentFiles
from tournaments.store.game_log import FinishedGame, GameLog, History, decode_game
from tournaments.tuning.tuner import RandomFor, Trial, Tuner

Entries = Iterable[Mapping[str, Any]]


def random_for(competition: Competition) -> RandomFor:
    """Random numbers by purpose, from the control file's seed."""
    return lambda purpose: Random(f"{competition.lzeval.seed} {purpose}")  # noqa: S311  # no secrets here


def replay(entries: Entries, tuner: Tuner) -> list[FinishedGame]:
    """Bring a new `tuner` to where the log ends; returns the games that it was told of, in their order.

    Candidates that were given up after the last finished game get another chance.
    """
    trials: dict[str, Trial] = {}
    given_up: list[Trial] = []
    games: dict[str, FinishedGame] = {}
    for entry in entries:
        kind = entry.get("kind")
        if kind == "start" and "trial" in entry:
            trial = Trial.from_dict(entry["trial"])
            trials[trial.game_id] = trial
            tuner.begin(trial)
        elif kind == "game" and entry["game_id"] in trials and entry["game_id"] not in games:
            for refused in given_up:
                tuner.give_up(refused)
            given_up.clear()
            game = decode_game(entry)
            games[game.record.game_id] = game
            tuner.record(trials[game.record.game_id], game.record)
        elif kind == "given up":
            given_up.append(trials[entry["game"]])
        elif kind in ("generation", "candidate"):
            tuner.note(entry)
    tuner.resume()
    return list(games.values())


def opponent_of(competition: Competition, records: Iterable[GameRecord]) -> str:
    """The opponent's latest description of itself; empty if there is none."""
    assert competition.tuning is not None
    found = described_players(records).get(competition.tuning.opponent, NO_DESCRIPTION)
    return "" if found == NO_DESCRIPTION else found


class TuningGames(TournamentGames):
    """The source of a tuning event's games, and the place where they are kept."""

    def __init__(
        self,
        competition: Competition,
        tuner: Tuner,
        past: Iterable[FinishedGame],
        books: Mapping[int, Book],
        files: TournamentFiles,
        log: GameLog,
        events: EventLog,
        most_games: int | None,
    ) -> None:
        assert competition.tuning is not None
        super().__init__(competition, books, History(), files, log, events, most_games)
        self._tuning = competition.tuning
        self._tuner = tuner
        self._past = list(past)
        self._trials: dict[str, Trial] = {}
        """Games in progress by id."""
        self._again: deque[Trial] = deque()
        """Void games that are to be played again."""
        self._refused: set[str] = set()
        """Codes of candidates that have been given up since a game last ended."""
        self.records = [game.record for game in self._past]
        self._opponent = opponent_of(competition, self.records)

    @property
    def wanted(self) -> int | None:
        return self._tuner.wanted

    def begin(self, progress: Progress, listen: Listener | None) -> None:
        super().begin(progress, listen)
        self._write_notes()

    # Source

    def next(self, free: int) -> list[GameTask]:
        if not free or self._progress.suspended:
            return []
        if self._most_games is not None and self._issued >= self._most_games:
            return []
        trial = self._again.popleft() if self._again else self._tuner.next()
        if trial is None:
            return []
        self._write_notes()
        self._trials[trial.game_id] = trial
        return [self._begun(self._trial_task(trial), trial=trial.to_dict())]

    def _trial_task(self, trial: Trial) -> GameTask:
        candidate = self._tuning.candidate(trial.code, trial.point)
        opponent = self._competition.players[self._tuning.opponent]
        is_black = trial.colour is Colour.BLACK
        matchup = self._competition.matchups[0]
        purpose = trial.game_id if trial.pair is None else f"pair {trial.pair}"
        return GameTask(
            game_id=trial.game_id,
            matchup=matchup,
            number=trial.number,
            black=candidate if is_black else opponent,
            white=opponent if is_black else candidate,
            seed=game_seed(self._competition.lzeval.seed, zlib.crc32(purpose.encode())) % 2**31,
            event=self._competition.code,
            opening=self._opening_at(trial.opening),
            pair=trial.pair,
            attempt=self._attempts.get(trial.game_id, 0) + 1,
        )

    def _opening_at(self, place: int) -> Opening | None:
        matchup = self._competition.matchups[0]
        if self._competition.lzeval.openings == "none" or matchup.handicap:
            return None
        openings = self._openings.get(matchup.board_size, [])
        if len(openings) <= place:
            book = self._books[matchup.board_size]
            openings = book.chosen(2 * place + 64, self._competition.lzeval.seed)
            self._openings[matchup.board_size] = openings
        return openings[place]

    # Sink

    def keep(self, played: PlayedGame) -> None:
        super().keep(played)
        if not played.is_void:
            self._tuner.record(self._trials.pop(played.game_id), played.record)
            self._opponent = opponent_of(self._competition, [played.record]) or self._opponent
        self._write_notes()

    def _finished(self, played: PlayedGame) -> FinishedGame:
        trial = self._trials[played.game_id]
        note = f"Candidate parameters: {self._tuning.text(trial.point)}"
        return replace(super()._finished(played), matchup=trial.group, note=note)

    def _give_back(self, played: PlayedGame, is_last: bool) -> None:
        """Have a void game played again; a candidate that has spoilt too many attempts is given up on."""
        trial = self._trials.pop(played.game_id)
        if not is_last or all(incident.player != trial.code for incident in played.incidents):
            self._again.append(trial)
            return
        self._again = deque(other for other in self._again if other.code != trial.code)
        self._tuner.give_up(trial)
        parameters = self._tuning.text(trial.point)
        entry = {"kind": "given up", "game": trial.game_id, "parameters": parameters}
        said = partial(self.say, "given up", game=trial.game_id, parameters=parameters)
        self._writer.write(entry, said)
        self._refused.add(trial.code)

    def _suspend_failing(self, played: PlayedGame) -> None:
        """Suspend the opponent that has failed too often in a row, or all candidates where none can play."""
        if not played.is_void:
            self._refused.clear()
        for code, why in self._failures.add(played):
            if code == self._tuning.opponent:
                self._note_suspended(code, why)
        if len(self._refused) >= self._policy.patience and not self._progress.suspended:
            last = played.incidents[-1]
            why = f"{len(self._refused)} candidates in a row could not play, "
            self._note_suspended(CANDIDATE, f"{why}the last one for a {last.fault.value}: {last.message}")

    def _write_notes(self) -> None:
        for entry in self._tuner.notes:
            self._writer.note(entry)
            if entry["kind"] == "generation":
                self._events.note(f"\nstarting generation {entry['number']}")
        self._tuner.notes.clear()

    # Tables

    def report_text(self) -> str:
        """Text of CODE.report."""
        return self._tuner.report(self._opponent)

    def write_tables(self) -> None:
        with suppress(UserError):
            write_text_atomically(self._files.history, "".join(f"{line}\n" for line in self._tuner.history))
            write_text_atomically(self._files.report, self.report_text())
        self._tables_of = len(self.records)
