"""One file of records, for those who want one game."""

from __future__ import annotations

from pathlib import Path

from lzeval.errors import RecordError, UserError
from lzeval.records.input.split_games import split_games
from lzeval.records.input.text import as_sgf
from lzeval.records.nodes import NO_GAME
from lzeval.system.archives import read_bytes


def game_texts(path: Path) -> list[tuple[bytes, str]]:
    """The games of the file `path`, plain or compressed, as SGF in UTF-8, each with what is wrong with its brackets.

    At least one. Raises RecordError for a file that cannot be read or that holds none.
    """
    try:
        content = read_bytes(path)
    except UserError as error:
        raise RecordError(path, str(error).removeprefix(f"{path}: ")) from error
    games = list(split_games(as_sgf(content)))
    if not games:
        raise RecordError(path, NO_GAME)
    return games
