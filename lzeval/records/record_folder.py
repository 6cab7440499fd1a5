"""Game records on disk: ours written by `lzeval.records.writer`, and anybody's SGF in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lzeval.records.find_files import FileKind, find, is_record_name
from lzeval.records.input.split_games import split_games
from lzeval.records.input.text import as_sgf
from lzeval.records.record import GameRecord
from lzeval.records.record_reader import parse_game
from lzeval.records.writer import serialise_game
from lzeval.system.archives import Source, read_sources
from lzeval.system.files import write_bytes_atomically

NO_GAME = "no game record in it"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A game that could not be read."""

    path: Path
    why: str
    number: int = 1
    """Number of the game in the file, from 1."""


# Writing


def record_name(game_id: str) -> str:
    """The file's name, which is gomill's: the game's id and `.sgf`."""
    return f"{game_id}.sgf"


def write_game(record: GameRecord, path: str | Path) -> Path:
    """Write `record` to the file `path`, or under gomill's name into the folder `path`. Returns the file.

    The file appears whole or not at all. Raises UserError where it cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        target = target / record_name(record.game_id)
    write_bytes_atomically(target, serialise_game(record))
    return target


# Reading


def read_games(paths: Iterable[str | Path]) -> Iterator[GameRecord | Skipped]:
    """Every game of the records `paths`, in order; folders with all below them, sorted by name.

    A file may hold many games, and may be compressed or an archive. A game that cannot be read becomes a Skipped
    and costs no other game. Raises RecordError for a path that does not exist.
    """
    for found in find(paths):
        if found.kind is FileKind.RECORD:
            yield from read_record_file(found.path)


def read_record_file(path: Path) -> Iterator[GameRecord | Skipped]:
    """The games of one file, whatever it is called."""
    for source in record_sources(path):
        if isinstance(source, Skipped):
            yield source
        else:
            yield from read_chunks(Path(source.name), split_games(source.content))


def record_sources(path: Path) -> Iterator[Source | Skipped]:
    """Records of a file, as SGF in UTF-8: itself, or an archive's members that are called like records."""
    empty = True
    for source in read_sources([path]):
        inside = source.name[len(str(path)) :]
        if inside and not is_record_name(inside):
            continue
        empty = False
        if source.problem:
            yield Skipped(Path(source.name), source.problem)
        content = as_sgf(source.content)
        if b"(" in content:
            yield source._replace(content=content)
        elif not source.problem:
            yield Skipped(Path(source.name), NO_GAME)
    if empty:
        yield Skipped(path, NO_GAME)


def read_chunks(
    path: Path, chunks: Iterable[tuple[bytes, str]], first: int = 1
) -> Iterator[GameRecord | Skipped]:
    """Games of `path` as `split_games` has found them, the first of which is its `first`."""
    number = first - 1
    for number, (chunk, problem) in enumerate(chunks, start=first):
        yield _read_chunk(chunk, problem, path, number)
    if number == 0:
        yield Skipped(path, NO_GAME)


def _read_chunk(chunk: bytes, problem: str, path: Path, number: int) -> GameRecord | Skipped:
    if problem:
        return Skipped(path, problem, number)
    name = path.name.rpartition(":")[2].split(".")[0]
    try:
        return parse_game(chunk, path, name if number == 1 else f"{name}#{number}")
    except ValueError as exc:
        return Skipped(path, str(exc), number)
