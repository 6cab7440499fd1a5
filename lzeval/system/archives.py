"""The contents of files: decompressed, archives opened, and never more of them than can be meant.

One bad file never costs the others: what can be read of it is handed on, with a word on what was wrong.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from lzeval.errors import UserError

COMPRESSIONS = (".gz", ".xz", ".bz2")
ARCHIVES = (".zip", ".tar", ".tgz", ".txz", ".tbz", ".tbz2")
"""How such files are called; which it is, a file's content tells."""
MOST_LAYERS = 4
"""Compressions and archives inside each other."""
ALWAYS_UNPACKED = 64 << 20
"""Bytes that any file may unpack to."""
MOST_TIMES = 100
"""Beyond that, how many times its own size; packed text of games has 5 to 30 times."""
GZIP, XZ, ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK\x03\x04"
BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
"""The stream's signature and its first block's, or, of an empty file, that of its end."""
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


class _BombError(Exception):
    """A file unpacks to far more than its size lets one expect."""


@dataclass
class _Allowance:
    """What may still be unpacked of one file, everything inside of it together."""

    bytes_left: int

    @classmethod
    def of(cls, content: bytes) -> _Allowance:
        return cls(max(ALWAYS_UNPACKED, MOST_TIMES * len(content)))

    def spend(self, count: int) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise _BombError

    def read_all(self, stream: IO[bytes]) -> bytes:
        """What is in `stream`, without ever holding more than is allowed."""
        parts = []
        while part := stream.read(BLOCK):
            parts.append(part)
            self.spend(len(part))
        return b"".join(parts)


def read_sources(files: Sequence[Path]) -> Iterator[Source]:
    """The contents of `files`, decompressed, archives opened."""
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as exc:
            yield Source(str(file), b"", f"cannot be read ({exc.strerror})")
            continue
        yield from unpacked(str(file), content)


def read_bytes(path: Path) -> bytes:
    """A single file's content, decompressed. Raises UserError if any of it cannot be read, or if it is an archive."""
    sources = list(read_sources([path]))
    if len(sources) != 1:
        raise UserError(f"{path}: an archive of several files; one is wanted")
    if sources[0].problem:
        raise UserError(f"{path}: {sources[0].problem}")
    return sources[0].content


def unpacked(name: str, content: bytes) -> Iterator[Source]:
    """What the file `name` holds: itself, or what is left when compressions and archives are taken off."""
    try:
        yield from _unwrapped(name, content, "", MOST_LAYERS, _Allowance.of(content))
    except _BombError:
        most = max(ALWAYS_UNPACKED, MOST_TIMES * len(content))
        yield Source(
            name,
            b"",
            f"unpacks to more than {most >> 20} MB, far too much for its size; the rest is not read",
        )


def _unwrapped(
    name: str, content: bytes, problem: str, layers: int, allowance: _Allowance
) -> Iterator[Source]:
    """`content` with compressions and archives taken off, `layers` of them at most."""
    if layers == 0:
        yield Source(name, b"", "too many archives inside each other")
    elif content.startswith(GZIP):
        yield from _decompressed(name, content, "gzip", problem, layers, allowance)
    elif content.startswith(XZ):
        yield from _decompressed(name, content, "xz", problem, layers, allowance)
    elif BZIP2.match(content):
        yield from _decompressed(name, content, "bzip2", problem, layers, allowance)
    elif content.startswith(ZIP):
        yield from _zip_members(name, content, layers, allowance)
    elif content[TAR_AT : TAR_AT + len(TAR)] == TAR:
        yield from _tar_members(name, content, problem, layers, allowance)
    else:
        yield Source(name, content, problem)


def _decompressed(
    name: str, content: bytes, kind: str, problem: str, layers: int, allowance: _Allowance
) -> Iterator[Source]:
    inside, found = _decompress(content, kind, allowance)
    yield from _unwrapped(name, inside, problem or found, layers - 1, allowance)


def _decompress(content: bytes, kind: str, allowance: _Allowance) -> tuple[bytes, str]:
    """As much as can be had, and what was wrong: nothing, `truncated gzip` or `damaged gzip`, and so on."""
    parts: list[bytes] = []
    try:
        with _OPENERS[kind](io.BytesIO(content)) as stream:
            while part := stream.read1(BLOCK):
                parts.append(part)
                allowance.spend(len(part))
    except EOFError:
        return b"".join(parts), f"truncated {kind}"
    except (OSError, lzma.LZMAError, zlib.error):
        return b"".join(parts), f"damaged {kind}"
    return b"".join(parts), ""


def _zip_members(name: str, content: bytes, layers: int, allowance: _Allowance) -> Iterator[Source]:
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
            with archive.open(member) as stream:
                inside = allowance.read_all(stream)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, zlib.error):
            yield Source(inner, b"", "damaged or locked in its zip")
            continue
        yield from _unwrapped(inner, inside, "", layers - 1, allowance)


def _tar_members(
    name: str, content: bytes, problem: str, layers: int, allowance: _Allowance
) -> Iterator[Source]:
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None:
                    inner = f"{name}:{member.name}"
                    inside = allowance.read_all(stream)
                    short = "truncated tar" if len(inside) < member.size else ""
                    yield from _unwrapped(inner, inside, short, layers - 1, allowance)
    except (tarfile.TarError, OSError, EOFError):
        problem = problem or "truncated tar"
    if problem:
        yield Source(name, b"", problem)
