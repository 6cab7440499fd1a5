"""Files of records in files and folders, to be opened by `lzeval.system.archives`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lzeval.errors import UserError
from lzeval.records.input.text import SUFFIXES as RECORDS
from lzeval.system.archives import ARCHIVES, COMPRESSIONS

SUFFIXES = (*RECORDS, *COMPRESSIONS, *ARCHIVES, ".v1", ".v2", ".chunk")
"""Endings of files that are taken from a folder; a file that is named may be called anything."""


def record_files(sources: Sequence[str | Path]) -> list[Path]:
    """The files that `sources` name: files, and folders searched in name order. Raises UserError."""
    found: list[Path] = []
    for source in map(Path, sources):
        if source.is_dir():
            inside = [
                p for p in sorted(source.rglob("*")) if p.is_file() and p.name.lower().endswith(SUFFIXES)
            ]
            if not inside:
                raise UserError(f"{source}: no SGF files, chunks or archives in this folder")
            found += inside
        elif source.is_file():
            found.append(source)
        else:
            raise UserError(f"{source}: no such file or folder")
    if not found:
        raise UserError("no game records were named; give SGF files, chunks or folders")
    return found
