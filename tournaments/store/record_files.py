"""What a tournament writes beside its log about single games: records, and what engines said on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from lzeval.errors import UserError
from lzeval.records.writer import serialise_game
from lzeval.system.files import remove_leftovers, utf8, write_bytes_atomically
from tournaments.games.gtp_game import PlayedGame
from tournaments.gomill.files import serialise_void_game
from tournaments.plan.competition import Competition
from tournaments.store.folder import TournamentFiles, create_folder
from tournaments.store.game_log import FinishedGame


class RecordFiles:
    """The files of single games, where the control file wants them. Methods raise UserError on a full disk."""

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
            _write_quickly(self._path(game), serialise_game(game.record, game.clocks))

    def _path(self, game: FinishedGame) -> Path:
        return self._folder / f"{game.record.game_id}.sgf"

    def write_void(self, played: PlayedGame) -> None:
        """Write the record of a game that was broken off after a move."""
        if played.record.moves and self._wants_records:
            create_folder(self._files.void)
            path = self._files.void / f"{played.task.game_id}.sgf"
            write_bytes_atomically(path, serialise_void_game(played.record, played.record.result.note))

    def write_stderr(self, played: PlayedGame) -> None:
        """Keep what the engines said, or pass it on where gomill would."""
        if not self._wants_stderr:
            sys.stderr.writelines(played.stderr.values())
            return
        for code, text in played.stderr.items():
            create_folder(self._files.stderr)
            name = f"{played.task.game_id}.{_file_name(code)}.txt"
            write_bytes_atomically(self._files.stderr / name, utf8(text))


def _write_quickly(path: Path, content: bytes) -> None:
    """As `write_bytes_atomically`, not lasting, for the one thread that writes there, in a few calls of the system."""
    unfinished = f"{path.parent}/.{path.name}.tmp"  # `remove_leftovers` knows it
    try:
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
        try:
            while (written := os.write(file, content)) < len(content):
                content = content[written:]
        finally:
            os.close(file)
        os.replace(unfinished, path)  # noqa: PTH105
    except OSError as exc:
        with suppress(OSError):
            os.unlink(unfinished)  # noqa: PTH108
        raise UserError(f"cannot write {path}: {exc.strerror}") from exc


def _is_whole(path: Path) -> bool:
    """Whether the file was written to its end; whoever has added to it since has done so with a whole record."""
    data = path.read_bytes()
    return data.rstrip().endswith(b")") and b"\0" not in data


def _file_name(code: str) -> str:
    """A player's code without what some systems cannot have in a file's name."""
    return "".join(letter if letter.isalnum() or letter in "-.+_#" else "_" for letter in code)
