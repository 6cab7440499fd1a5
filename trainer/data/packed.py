"""A packed data set on disk, opened: memory-mapped rows, and what is known of the games."""

from __future__ import annotations

import hashlib
import json
import math
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lzeval.compiled.arrays import Ints64, Records, Unsigned8
from lzeval.errors import DataError
from lzeval.go.points import symmetry_tables
from lzeval.system.files import file_sha256
from trainer.data.rows import JIGO, Batch, Soft, make_batch, row_bytes

FORMAT = "lzeval positions"
VERSION, WITHOUT_JIGO = 3, 2
"""The format now; and the one before it, which is read as well, where a jigo is a game that nobody knows the winner of.
"""
TRAIN, HOLDOUT = "train", "holdout"
"""The two parts of a data set that was split; each is a data set of its own."""

GAME = np.dtype(
    [
        ("start", "<i8"),
        ("length", "<i4"),
        ("komi", "<f4"),
        ("handicap", "<i2"),
        ("winner", "i1"),
        ("black_rank", "<f4"),
        ("white_rank", "<f4"),
        ("key", "<u8"),
    ]
)
"""One line of games.npy: where its positions are, what the record said of it, and `game_key`."""

ROWS, GAMES, LEARN, META = "positions.bin", "games.npy", "learn.npy", "meta.json"
SOFT = {field: f"soft-{field}.npy" for field in Soft._fields}


PHASES = ((0, 50), (50, 100), (100, 150), (150, 200), (200, math.inf))
"""Moves played so far, from and below."""


def phases(plies: Any) -> dict[str, Any]:
    """Masks `[B]` of the phases of a game, by name (`0-49`), for `plies` `[B]`, an array or a tensor."""
    return {
        f"{first}+" if end == math.inf else f"{first}-{end - 1}": (plies >= first) & (plies < end)
        for first, end in PHASES
    }


@dataclass(frozen=True)
class PackedData:
    """A packed data set, memory-mapped. A position's number counts those to be learnt from."""

    path: Path
    size: int
    rows: Unsigned8
    """`[R, row_bytes(size)]`."""
    games: Records
    """One GAME each."""
    learn: Ints64 | None = None
    """`[N]`: the rows to be learnt from, ascending; None: all of them."""
    soft: Soft | None = None
    """The policies that are more than one move."""

    def __len__(self) -> int:
        return int(len(self.rows) if self.learn is None else len(self.learn))

    def row_numbers(self, chosen: Ints64) -> Ints64:
        """The rows of the positions `chosen` `[B]`."""
        return chosen if self.learn is None else self.learn[chosen]

    def batch(self, chosen: Ints64, symmetries: Ints64, *, as_bits: bool = False) -> Batch:
        """The positions `chosen` `[B]`, each under its symmetry; see `Batch` for `as_bits`."""
        numbers, tables = self.row_numbers(chosen), symmetry_tables(self.size)
        return make_batch(self.rows, numbers, symmetries, tables, self.soft, as_bits=as_bits)

    def plies(self, chosen: Ints64) -> Ints64:
        """`[B]`: how many rows of its game lie before each of the positions `chosen`."""
        numbers = self.row_numbers(chosen)
        low, high = self.rows[numbers, -4], self.rows[numbers, -3]
        plies: Ints64 = low.astype(np.int64) + 256 * high.astype(np.int64)
        return plies


def read_meta(path: Path) -> dict[str, Any]:
    """The content of `meta.json` in `path`. Raises DataError if it is not there, or not lzeval's."""
    try:
        meta = json.loads((path / META).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(f"{path}: not a packed data set ({exc})") from exc
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise DataError(f"{path}: not a packed data set (its meta.json is another program's)")
    return meta


def part_of(path: Path, part: str) -> Path:
    """The folder of `part` (TRAIN or HOLDOUT) where `path` was split; else `path` itself."""
    inner = path / part
    return inner if (inner / META).is_file() else path


def is_packed(path: Path) -> bool:
    """Tell whether `path` is a packed data set, split or not."""
    return any((folder / META).is_file() for folder in (path, path / TRAIN))


def open_packed(path: Path) -> PackedData:
    """Map a packed data set into memory. Raises DataError if it is none, or not whole."""
    meta = read_meta(path)
    if meta.get("version") not in (VERSION, WITHOUT_JIGO):
        raise DataError(f"{path}: packed by another version of lzeval; pack it again")
    try:
        games = _load(path / GAMES)
        size, count = int(meta["board_size"]), int(meta["rows"])
        learn = np.load(path / LEARN, mmap_mode="r") if meta["learn"] else None
        soft = (
            Soft(*(np.load(path / name, mmap_mode="r") for name in SOFT.values())) if meta["soft"] else None
        )
        with (path / ROWS).open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise DataError(f"{path}: the packed data set is damaged ({exc}); pack it again") from exc
    if games.dtype != GAME:
        raise DataError(f"{path}: {GAMES} is not a list of games; pack it again")
    if len(mapped) != count * row_bytes(size) or int(games["length"].sum()) != count:
        raise DataError(f"{path}: {ROWS} is not as long as {META} says; pack it again")
    rows = np.frombuffer(mapped, np.uint8).reshape(count, row_bytes(size))
    return PackedData(path, size, rows, games, learn, soft)


def _load(file: Path) -> Records:
    with file.open("rb") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def damaged_files(path: Path) -> list[str]:
    """The files of a packed data set whose content is not what was written. Raises DataError if `path` is none."""
    checksums = read_meta(path).get("sha256", {})
    if not isinstance(checksums, dict):
        raise DataError(f"{path}: {META} holds no checksums; pack it again")
    return [
        name
        for name, expected in checksums.items()
        if not (path / name).is_file() or file_sha256(path / name) != expected
    ]


def fingerprint(data: PackedData) -> str:
    """A hash of the games, in their order, and of how many positions are learnt from.

    A jigo has no winner here, as in version 2, so that runs on games that were packed then go on.
    """
    games = np.array(data.games)
    games["winner"][games["winner"] == JIGO] = 0
    facts = games.tobytes() + f"{data.size} {len(data)}".encode()
    return hashlib.sha256(facts).hexdigest()[:16]


def shared_games(one: PackedData, other: PackedData) -> int:
    """Number of games of `one` that are in `other` as well, turned and mirrored ones included."""
    return int(np.isin(one.games["key"], other.games["key"]).sum())
