"""Where records come from: files, folders and archives, compressed or not.

One bad file never costs the others: what can be read of it is handed on, with a word on what was wrong.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lzeval.core.errors import UserError

SUFFIXES = (".sgf", ".gz", ".xz", ".bz2", ".zip", ".tar", ".tgz", ".txz", ".v1", ".v2", ".chunk")
"""What is looked for in a folder; a file that is named may be called anything."""
MOST_LAYERS = 4
"""Compressions and archives inside each other."""
GZIP, XZ, BZIP2, ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh", b"PK\x03\x04"
TAR_AT, TAR = 257, b"ustar"
BLOCK = 1 << 20
_OPENERS: dict[str, Callable[[io.BytesIO], gzip.GzipFile | lzma.LZMAFile | bz2.BZ2File]] = {
    "gzip": lambda raw: gzip.GzipFile(fileobj=raw),
    "xz": lzma.LZMAFile,
    "bzip2": bz2.BZ2File,
}


class Source(NamedTuple):
    """The content of one file, or of one member of an archive."""

    name: str
    """The path; of a member, the archive's path, a colon and the member's name."""
    content: bytes
    problem: str = ""
    """What was wrong with the file, if anything was."""


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


def read_sources(files: Sequence[Path]) -> Iterator[Source]:
    """The contents of `files`, decompressed, archives opened."""
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as exc:
            yield Source(str(file), b"", f"cannot be read ({exc.strerror})")
            continue
        yield from _unwrapped(str(file), content, "", MOST_LAYERS)


def read_bytes(path: Path) -> bytes:
    """A single file's content, decompressed. Raises UserError if any of it cannot be read, or if it is an archive."""
    sources = list(read_sources([path]))
    if len(sources) != 1:
        raise UserError(f"{path}: an archive of several files; one is wanted")
    if sources[0].problem:
        raise UserError(f"{path}: {sources[0].problem}")
    return sources[0].content


def _unwrapped(name: str, content: bytes, problem: str, layers: int) -> Iterator[Source]:
    """`content` with compressions and archives taken off, `layers` of them at most."""
    if layers == 0:
        yield Source(name, b"", "too many archives inside each other")
    elif content.startswith(GZIP):
        yield from _decompressed(name, content, "gzip", problem, layers)
    elif content.startswith(XZ):
        yield from _decompressed(name, content, "xz", problem, layers)
    elif content.startswith(BZIP2) and b"(;" not in content[:BLOCK]:
        yield from _decompressed(name, content, "bzip2", problem, layers)
    elif content.startswith(ZIP):
        yield from _zip_members(name, content, layers)
    elif content[TAR_AT : TAR_AT + len(TAR)] == TAR:
        yield from _tar_members(name, content, problem, layers)
    else:
        yield Source(name, content, problem)


def _decompressed(name: str, content: bytes, kind: str, problem: str, layers: int) -> Iterator[Source]:
    inside, found = _decompress(content, kind)
    yield from _unwrapped(name, inside, problem or found, layers - 1)


def _decompress(content: bytes, kind: str) -> tuple[bytes, str]:
    """As much as can be had, and what was wrong: nothing, `truncated gzip` or `damaged gzip`, and so on."""
    parts: list[bytes] = []
    try:
        with _OPENERS[kind](io.BytesIO(content)) as stream:
            while part := stream.read1(BLOCK):
                parts.append(part)
    except EOFError:
        return b"".join(parts), f"truncated {kind}"
    except (OSError, lzma.LZMAError, zlib.error):
        return b"".join(parts), f"damaged {kind}"
    return b"".join(parts), ""


def _zip_members(name: str, content: bytes, layers: int) -> Iterator[Source]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, OSError):
        yield Source(name, b"", "damaged zip")
        return
    for member in archive.infolist():
        if member.is_dir():
            continue
        inner = f"{name}:{member.filename}"
        try:
            inside = archive.read(member)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, zlib.error):
            yield Source(inner, b"", "damaged or locked in its zip")
            continue
        yield from _unwrapped(inner, inside, "", layers - 1)


def _tar_members(name: str, content: bytes, problem: str, layers: int) -> Iterator[Source]:
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None:
                    inner = f"{name}:{member.name}"
                    inside = stream.read()
                    short = "truncated tar" if len(inside) < member.size else ""
                    yield from _unwrapped(inner, inside, short, layers - 1)
    except (tarfile.TarError, OSError, EOFError):
        problem = problem or "truncated tar"
    if problem:
        yield Source(name, b"", problem)
