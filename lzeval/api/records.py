"""Game records and packed positions, read and written."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lzeval.records.record import GameRecord

if TYPE_CHECKING:
    from trainer.data.packed import PackedData


def read_records(paths: str | Path | Iterable[str | Path]) -> Iterator[GameRecord]:
    """Every game of files and folders, in order: SGF, GIB, NGF, plain, compressed or in archives.

    A game that cannot be read is left out with a warning (UserWarning) that says why. Raises RecordError for a path
    that does not exist.
    """
    from lzeval.records.record_folder import read_games

    for game in read_games([paths] if isinstance(paths, (str, Path)) else paths):
        if isinstance(game, GameRecord):
            yield game
        else:
            warnings.warn(f"{game.path}, game {game.number}: {game.why}", stacklevel=2)


def write_record(record: GameRecord, path: str | Path) -> Path:
    """Write a game as SGF to the file `path`, or under its id into the folder `path`. Returns the file.

    The file appears whole or not at all. Raises UserError where it cannot be written.
    """
    from lzeval.records.record_folder import write_game

    return write_game(record, path)


def open_packed(path: str | Path) -> PackedData:
    """Map a data set that `lzeval data pack` wrote into memory; `batch` makes planes, moves and results of its rows.

    Raises DataError if it is none, or not whole.
    """
    from trainer.data import packed

    return packed.open_packed(Path(path))
