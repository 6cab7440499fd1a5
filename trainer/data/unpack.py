"""Packed positions as Leela Zero's training chunks."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lzeval.compiled.arrays import Ints64
from lzeval.errors import UserError
from lzeval.system.files import write_bytes_atomically
from trainer.data.chunks.binary import write_v2
from trainer.data.chunks.contents import ChunkPositions
from trainer.data.chunks.rows import positions_from_rows
from trainer.data.chunks.text import write_v1
from trainer.data.packed import PackedData
from trainer.data.prepare import prepare
from trainer.data.rows import DRAWN, WON_BY_BLACK, WON_BY_WHITE

VERSIONS = ("v1", "v2")


@dataclass(frozen=True)
class WrittenChunks:
    """Counts of what `write_chunks` wrote and left out."""

    positions: int
    files: int
    left_out: int
    """Positions of games without a winner, which chunks cannot hold."""
    drawn: int
    """Positions of drawn games among those left out."""


def write_chunks(sources: Sequence[str], out: Path, size: int, version: str, positions: int) -> WrittenChunks:
    """Write the positions of `sources` to `out`.0.gz, `out`.1.gz and so on, `positions` a file. Raises UserError."""
    if version not in VERSIONS:
        raise UserError(f"--version {version}: choose one of {', '.join(VERSIONS)}")
    if version == "v2" and size != 19:
        raise UserError("v2 chunks are for 19x19 only; use --version v1")
    existing = sorted(out.parent.glob(f"{out.name}.*.gz"))
    if existing:
        raise UserError(f"{existing[0]} exists; choose another name, or remove it")
    with tempfile.TemporaryDirectory() as cache:
        data = prepare(sources, Path(cache), size)
        decided = _decided(data)
        if not len(decided):
            raise UserError(f"{sources[0]}: no game has a winner, and chunks need one")
        out.parent.mkdir(parents=True, exist_ok=True)
        files = range(0, len(decided), positions)
        for file, start in enumerate(files):
            content = _chunk(data, decided[start : start + positions], size, version)
            write_bytes_atomically(f"{out}.{file}.gz", gzip.compress(content, 6, mtime=0))
        return WrittenChunks(len(decided), len(files), len(data) - len(decided), _drawn(data))


def all_positions(data: PackedData) -> ChunkPositions:
    """The positions of `data` that a chunk can hold: those of games with a winner."""
    return positions_from_rows(data.rows, _decided(data), data.soft, data.size)


def _decided(data: PackedData) -> Ints64:
    """The rows to be learnt from whose game has a winner."""
    numbers = data.row_numbers(np.arange(len(data), dtype=np.int64))
    decided: Ints64 = numbers[data.rows[numbers, -2] & (WON_BY_BLACK | WON_BY_WHITE) != 0]
    return decided


def _drawn(data: PackedData) -> int:
    """The number of positions to be learnt from whose game was a jigo."""
    numbers = data.row_numbers(np.arange(len(data), dtype=np.int64))
    return int(np.count_nonzero(data.rows[numbers, -2] & DRAWN))


def _chunk(data: PackedData, rows: Ints64, size: int, version: str) -> bytes:
    positions = positions_from_rows(data.rows, rows, data.soft, size)
    return write_v1(positions, size) if version == "v1" else write_v2(positions)
