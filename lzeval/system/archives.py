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
"""Endings of such files; a file's content tells which it is."""
MOST_LAYERS = 4
"""Compressions and archives inside each other."""
ALWAYS_UNPACKED = 64 << 20
"""Bytes that any file may unpack to."""
MOST_TIMES = 100
"""Most times its own size that a larger file may unpack to; packed text of games has 5 to 30 times."""
_Opener = Callable[[io.BytesIO], gzip.GzipFile | lzma.LZMAFile | bz2.BZ2File]
_STREAMS: dict[str, tuple[re.Pattern[bytes], _Opener]] = {
    "gzip": (re.compile(rb"\x1f\x8b"), lambda raw: gzip.GzipFile(fileobj=raw)),
    "xz": (re.compile(rb"\xfd7zXZ\x00"), lzma.LZMAFile),
    "bzip2": (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), bz2.BZ2File),
}
"""Compressions by name: how they begin, and what opens them. Of bzip2 the stream's signature and its first block's
are looked at, or, in an empty file, that of its end."""
ZIP, TAR_AT, TAR = b"PK\x03\x04", 257, b"ustar"
BLOCK = 1 << 20


class Source(NamedTuple):
    """The content of one file, or of one member of an archive."""

    name: str
    """The path; of a member, the archive's path, a colon and the member's name."""
    content: bytes
    problem: str = ""
    """Fault of the file, if it has one."""


class _BombError(Exception):
    """A file unpacks to far more than its size lets one expect."""


@dataclass
class _Allowance:
    """Bytes that may still be unpacked of one file, everything inside of it together."""

    bytes_left: int

    def spend(self, count: int) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise _BombError

    def read_all(self, stream: IO[bytes]) -> bytes:
        """The content of `stream`, without ever holding more than is allowed."""
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
    """The contents of the file `name`: itself, or what is left when compressions and archives are taken off."""
    most = max(ALWAYS_UNPACKED, MOST_TIMES * len(content))
    try:
        yield from _unwrapped(name, content, "", MOST_LAYERS, _Allowance(most))
    except _BombError:
        problem = f"unpacks to more than {most >> 20} MB, far too much for its size; the rest is not read"
        yield Source(name, b"", problem)


def _unwrapped(
    name: str, content: bytes, problem: str, layers: int, allowance: _Allowance
) -> Iterator[Source]:
    """`content` with compressions and archives taken off, `layers` of them at most."""
    if layers == 0:
        yield Source(name, b"", "too many archives inside each other")
    elif kind := next((kind for kind, (start, _) in _STREAMS.items() if start.match(content)), None):
        inside, found = _decompress(content, kind, allowance)
        yield from _unwrapped(name, inside, problem or found, layers - 1, allowance)
    elif content.startswith(ZIP):
        yield from _zip_members(name, content, layers, allowance)
    elif content[TAR_AT : TAR_AT + len(TAR)] == TAR:
        yield from _tar_members(name, content, problem, layers, allowance)
    else:
        yield Source(name, content, problem)


def _decompress(content: bytes, kind: str, allowance: _Allowance) -> tuple[bytes, str]:
    """The readable content and its fault: none, `truncated gzip` or `damaged gzip`, and so on."""
    parts: list[bytes] = []
    try:
        with _STREAMS[kind][1](io.BytesIO(content)) as stream:
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
