"""Files of games, and their kinds, in the paths that a user names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from lzeval.errors import RecordError
from lzeval.records.input.text import SUFFIXES
from lzeval.system.archives import ARCHIVES, COMPRESSIONS

LOOKED_AT_BYTES = 256
_COMPRESSED = "|".join(map(re.escape, COMPRESSIONS))
_ARCHIVE = "|".join(map(re.escape, ARCHIVES))
_RECORDS = "|".join(map(re.escape, SUFFIXES))
_RECORD_NAME = re.compile(
    rf".*(({_RECORDS})({_COMPRESSED})?|({_ARCHIVE})({_COMPRESSED})?)", re.IGNORECASE | re.DOTALL
)
_CSV_NAME = re.compile(rf".*\.(csv|tsv)({_COMPRESSED})?", re.IGNORECASE | re.DOTALL)
_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\x00]*\([\s\x00]*;")
RESULTS = "results.csv"
"""The only table that is looked for in folders: our own matches write it."""


class FileKind(Enum):
    """A kind of file; of two files that hold the same game, the upper kind is believed."""

    LOG = "log of lzeval tournament"
    RECORD = "record"
    STATE = "gomill's state"
    HISTORY = "gomill's history"
    TABLE = "CSV"

    @property
    def rank(self) -> int:
        return list(FileKind).index(self)


@dataclass(frozen=True)
class Found:
    """A file that holds games, or the control file of a tournament that has some."""

    path: Path
    kind: FileKind


def find(paths: Iterable[str | Path]) -> list[Found]:
    """Every file that `paths` name or that lies in their folders, each once, in order; folders by name.

    A file that is named is taken whatever it is called. Raises RecordError for a path that does not exist.
    """
    found: dict[str, Found] = {}
    for path in map(Path, paths):
        if path.is_dir():
            files: Iterable[Found] = _inside(path)
        elif path.exists():
            files = [Found(path, _kind_of(path))]
        else:
            raise RecordError(path, "there is no such file or folder")
        for file in files:
            whole = os.path.abspath(file.path)  # noqa: PTH100 - resolve() would ask the disk about every file
            found.setdefault(whole, file)
    return list(found.values())


def _kind_of(path: Path) -> FileKind:
    named = {".played": FileKind.LOG, ".ctl": FileKind.STATE, ".hist": FileKind.HISTORY}
    return named.get(path.suffix.lower(), FileKind.TABLE if is_table_name(path.name) else FileKind.RECORD)


def _inside(folder: Path) -> Iterator[Found]:
    """Sorted by name; what is hidden is not meant."""
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as exc:
        raise RecordError(folder, f"cannot be read ({exc.strerror})") from exc
    for entry in ordered:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if not entry.is_symlink():
                yield from _inside(folder / entry.name)
            continue
        kind = _kind_inside(entry)
        if kind is not None:
            yield Found(folder / entry.name, kind)


def _kind_inside(entry: os.DirEntry[str]) -> FileKind | None:
    name = entry.name.lower()
    if name.endswith(".sgf") or _RECORD_NAME.fullmatch(name):
        return FileKind.RECORD
    if name.endswith(".played"):
        return FileKind.LOG
    if name.endswith(".hist"):
        return FileKind.HISTORY
    if name == RESULTS:
        return FileKind.TABLE
    return FileKind.RECORD if _begins_like_a_record(entry.path) else None


def _begins_like_a_record(path: str) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a Path for every file of a large folder takes long
            return _BEGINNING.match(file.read(LOOKED_AT_BYTES)) is not None
    except OSError:
        return False


def is_table_name(name: str) -> bool:
    """Tell whether a file is called like a table, whose lines have numbers."""
    return _CSV_NAME.fullmatch(name) is not None


def is_record_name(name: str) -> bool:
    """Tell whether a member of an archive is called like a record."""
    return _RECORD_NAME.fullmatch(name) is not None
