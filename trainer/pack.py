"""SGF files into a packed data set, once."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import mmap
import os
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lzeval.core.board import empty_board, geometry, new_scratch
from lzeval.core.errors import DataError, UserError
from lzeval.core.points import symmetry_tables
from lzeval.core.sgf import LONGEST, NO_GAME, OK, PROBLEMS, new_record, read_record
from trainer.positions import BAD_MOVE, NOTHING, Batch, Rows, make_batch, pack_game, row_bytes

FORMAT = "lzeval positions"
VERSION = 1
SGF_SUFFIXES = (".sgf", ".sgf.xz", ".sgf.gz", ".xz", ".gz")
GAME = np.dtype([("start", "<i8"), ("length", "<i4"), ("komi", "<f4"), ("handicap", "<i2"), ("winner", "i1")])
"""One line of games.npy: where its positions are, and what the record said of it."""

Progress = Callable[[int, int], None]
"""Told now and then: bytes read so far, positions so far."""


@dataclass
class PackReport:
    """What became of the records."""

    games: int = 0
    positions: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    """Reason: how many games."""
    examples: dict[str, str] = field(default_factory=dict)
    """Reason: the first place it was met."""

    def skip(self, reason: str, place: str) -> None:
        self.skipped[reason] += 1
        self.examples.setdefault(reason, place)


@dataclass(frozen=True)
class PackedData:
    """A packed data set, memory-mapped."""

    path: Path
    size: int
    rows: Rows
    """`[N, row_bytes(size)]`."""
    games: npt.NDArray[np.void]
    """One GAME each."""

    def __len__(self) -> int:
        return int(self.rows.shape[0])

    def batch(self, chosen: npt.NDArray[np.int64], symmetries: npt.NDArray[np.int64]) -> Batch:
        """The positions `chosen` `[B]`, each under its symmetry."""
        starts = self.games["start"]
        games = np.searchsorted(starts, chosen, side="right") - 1
        lasts = starts[games] + self.games["length"][games] - 1
        return make_batch(self.rows, chosen, lasts, symmetries, symmetry_tables(self.size))

    def plies(self) -> npt.NDArray[np.int64]:
        """`[N]`: how many moves of its game lie before each position."""
        low = self.rows[:, -4].astype(np.int64)
        return low + 256 * self.rows[:, -3].astype(np.int64)

    def progress(self) -> npt.NDArray[np.float32]:
        """`[N]`: how far into its game each position is, 0 at the start, just below 1 at the end."""
        lengths = np.repeat(self.games["length"].astype(np.float32), self.games["length"])
        shares: npt.NDArray[np.float32] = self.plies().astype(np.float32) / lengths
        return shares


def sgf_files(sources: Sequence[str | Path]) -> list[Path]:
    """The SGF files that `sources` name: files, and folders searched in name order. Raises UserError."""
    found: list[Path] = []
    for source in map(Path, sources):
        if source.is_dir():
            inside = [
                p for p in sorted(source.rglob("*")) if p.is_file() and p.name.lower().endswith(SGF_SUFFIXES)
            ]
            if not inside:
                raise UserError(f"{source}: no SGF files in this folder")
            found += inside
        elif source.is_file():
            found.append(source)
        else:
            raise UserError(f"{source}: no such file or folder")
    if not found:
        raise UserError("no game records were named; give SGF files or folders")
    return found


def read_bytes(path: Path) -> bytes:
    """A file's content, decompressed if it is xz or gzip. Raises UserError if it cannot be."""
    try:
        raw = path.read_bytes()
        if raw[:6] == b"\xfd7zXZ\x00":
            return lzma.decompress(raw)
        if raw[:2] == b"\x1f\x8b":
            return gzip.decompress(raw)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as exc:
        raise UserError(f"{path}: cannot be read ({exc})") from exc
    return raw


def pack(
    sources: Sequence[str | Path], out: Path, size: int = 19, progress: Progress | None = None
) -> PackReport:
    """Pack every game of `sources` that is played on `size` lines into the folder `out`.

    A bad game costs itself and nothing else; the report says why. The folder appears whole or not at all.
    Raises UserError if nothing can be read, or if `out` holds something else.
    """
    _require_ours_or_empty(out)
    files = sgf_files(sources)
    out = out.resolve()
    temporary = out.with_name(out.name + ".partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    report = PackReport()
    digest = hashlib.sha256()
    games: list[tuple[int, int, float, int, int]] = []
    with (temporary / "positions.bin").open("wb") as stream:
        for file in files:
            for rows, facts in _pack_file(file, size, report, progress):
                games.append((report.positions, len(rows), facts[1], int(facts[2]), int(facts[3])))
                data = rows.tobytes()
                digest.update(data)
                stream.write(data)
                report.games += 1
                report.positions += len(rows)
        stream.flush()
        os.fsync(stream.fileno())
    if not games:
        shutil.rmtree(temporary)
        reasons = "; ".join(f"{reason} ({count})" for reason, count in report.skipped.most_common(3))
        raise UserError(f"{files[0]}: no game could be used" + (f": {reasons}" if reasons else ""))
    np.save(temporary / "games.npy", np.array(games, GAME))
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "board_size": size,
        "games": report.games,
        "positions": report.positions,
        "sha256": digest.hexdigest(),
        "sources": [str(file) for file in files],
        "skipped": dict(report.skipped),
    }
    (temporary / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    temporary.rename(out)
    return report


def _require_ours_or_empty(out: Path) -> None:
    """Raise UserError if writing the folder `out` would destroy something that is not packed data."""
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(f"{out}: is a file, and packed data is a folder; choose another name")
    if any(out.iterdir()):
        try:
            _read_meta(out)
        except DataError:
            raise UserError(f"{out}: is not empty and holds no packed data; choose another folder") from None


def _pack_file(
    file: Path, size: int, report: PackReport, progress: Progress | None
) -> Iterator[tuple[Rows, npt.NDArray[np.float64]]]:
    """The packed rows and facts of each good game in one file; the others go into the report."""
    text = np.frombuffer(read_bytes(file), np.uint8)
    record, scratch, stones = new_record(), new_scratch(size), empty_board(size)
    rows = np.zeros((LONGEST, row_bytes(size)), np.uint8)
    at, number = 0, 0
    while True:
        at, problem = read_record(text, at, record)
        if problem == NO_GAME:
            break
        number += 1
        place = f"{file}, game {number}"
        if problem != OK:
            report.skip(PROBLEMS[problem], place)
        elif record.facts[0] != size:
            report.skip(f"another board size than {size}", place)
        else:
            count, verdict = pack_game(geometry(size), scratch, stones, record, rows)
            if verdict == BAD_MOVE:
                report.skip("an illegal move", f"{place}, move {count}")
            elif verdict == NOTHING:
                report.skip("no moves", place)
            else:
                yield rows[:count], record.facts
        if progress is not None and number % 256 == 0:
            progress(at, report.positions)
    if number == 0:
        report.skip("no game record in the file", str(file))


def _read_meta(path: Path) -> dict[str, Any]:
    """What `meta.json` in `path` says. Raises DataError if it is not there, or not lzeval's."""
    try:
        meta = json.loads((path / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(f"{path}: not a packed data set ({exc})") from exc
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise DataError(f"{path}: not a packed data set (its meta.json is another program's)")
    return meta


def open_packed(path: Path) -> PackedData:
    """Map a packed data set into memory. Raises DataError if it is none, or not whole."""
    meta = _read_meta(path)
    if meta.get("version") != VERSION:
        raise DataError(f"{path}: packed by another version of lzeval; pack it again")
    try:
        with (path / "games.npy").open("rb") as stream:
            games = np.lib.format.read_array(stream, allow_pickle=False)
        size, count = int(meta["board_size"]), int(meta["positions"])
        with (path / "positions.bin").open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise DataError(f"{path}: the packed data set is damaged ({exc}); pack it again") from exc
    if games.dtype != GAME:
        raise DataError(f"{path}: games.npy is not a list of games; pack it again")
    if len(mapped) != count * row_bytes(size) or int(games["length"].sum()) != count:
        raise DataError(f"{path}: positions.bin is not as long as meta.json says; pack it again")
    rows = np.frombuffer(mapped, np.uint8).reshape(count, row_bytes(size))
    return PackedData(path, size, rows, games)


def packed_version_of(sources: Sequence[str | Path], cache: Path, size: int = 19) -> Path:
    """Where in `cache` the packed form of `sources` belongs: it follows their paths, lengths and times."""
    key = hashlib.sha256(f"{VERSION} {size}".encode())
    files = sgf_files(sources)
    for file in files:
        status = file.stat()
        key.update(f"{file.resolve()} {status.st_size} {status.st_mtime_ns}".encode())
    return cache / f"{files[0].name.split('.')[0]}-{key.hexdigest()[:12]}"
