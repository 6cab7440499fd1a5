"""Files about single games that a tournament writes beside its log: records, and engines' standard error."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path

from lzeval.records.writer import serialise_game, serialise_void_game
from lzeval.system.files import remove_leftovers, utf8, write_bytes_atomically
from tournaments.games.gtp_game import PlayedGame
from tournaments.plan.competition import Competition
from tournaments.store.folder import TournamentFiles, create_folder
from tournaments.store.game_log import FinishedGame


class RecordFiles:
    """Writes the files of single games, where the control file wants them. Methods raise UserError on a full disk."""

    def __init__(self, competition: Competition, files: TournamentFiles) -> None:
        self._files = files
        self._folder = files.games
        self._wants_records = competition.record_games
        self._wants_stderr = competition.stderr_to_log

    def restore(self, games: Collection[FinishedGame]) -> None:
        """Write the records that are missing, or that a power failure has spoilt."""
        if not self._wants_records:
            return
        create_folder(self._folder)
        remove_leftovers(self._folder)
        there = {path.name for path in self._folder.iterdir()}
        for game in games:
            path = self._path(game)
            if path.name not in there or not _is_whole(path):
                self.write(game)

    def write(self, game: FinishedGame) -> None:
        """Write the record of a game that counts; the log has it, so that this need not be on disk at once."""
        if self._wants_records:
            content = serialise_game(game.record, game.clocks, game.note)
            write_bytes_atomically(self._path(game), content, durable=False)

    def _path(self, game: FinishedGame) -> Path:
        return self._folder / f"{game.record.game_id}.sgf"

    def write_void(self, played: PlayedGame) -> None:
        """Write the record of a game that was broken off after a move."""
        if played.record.moves and self._wants_records:
            create_folder(self._files.void)
            path = self._files.void / f"{played.task.game_id}.sgf"
            write_bytes_atomically(path, serialise_void_game(played.record, played.record.result.note))

    def write_conversation(self, played: PlayedGame) -> None:
        """Keep a conversation that another machine has sent."""
        if played.conversation:
            write_bytes_atomically(self._files.gtp_logs / f"{played.game_id}.log", utf8(played.conversation))

    def write_stderr(self, played: PlayedGame) -> None:
        """Keep what the engines said, or pass it on where gomill would."""
        if not self._wants_stderr:
            sys.stderr.writelines(played.stderr.values())
            return
        for code, text in played.stderr.items():
            create_folder(self._files.stderr)
            name = f"{played.task.game_id}.{_file_name(code)}.txt"
            write_bytes_atomically(self._files.stderr / name, utf8(text))


def _is_whole(path: Path) -> bool:
    """Tell whether the file was written to its end; whoever has added to it since has done so with a whole record."""
    data = path.read_bytes()
    return data.rstrip().endswith(b")") and b"\0" not in data


def _file_name(code: str) -> str:
    """A player's code without what some systems cannot have in a file's name."""
    return "".join(letter if letter.isalnum() or letter in "-.+_#" else "_" for letter in code)
