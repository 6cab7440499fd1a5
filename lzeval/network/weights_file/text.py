"""The text of a file that is said to hold weights, read block by block, and what the file is if it holds none."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from lzeval.errors import WeightsError
from lzeval.network.weights_file.numbers import value_of

_BLOCK, _PACKED_BLOCK = 1 << 18, 1 << 16
_HEAD = 4096
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BITS = 31
"""zlib's number for gzip's header and checksum."""
_AGAIN = "copy or download it again"
_PACKED = {
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "an empty zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a rar archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"BZh": "a bzip2 archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"\x04\x22\x4d\x18": "an lz4 archive",
    _GZIP_MAGIC: "a gzip file in a gzip file",
}
"""Files that have to be unpacked first, by their first bytes."""
_OTHERS = {
    b"\xff\xfe": "text in UTF-16, as PowerShell writes it: save it as UTF-8 without a byte order mark",
    b"\xfe\xff": "text in UTF-16: save it as UTF-8 without a byte order mark",
    b"\x80\x02": "a pickle, as torch used to save: save it again with a newer torch",
    b"\x0d\xc0\x01\x00\x00": "an Lc0 network, which plays chess",
    b"\x89HDF": "an HDF5 file, as Keras saves networks",
    b"%PDF": "a PDF",
    b"SQLite format 3\0": "a database, perhaps a rating pool",
    b"version https://git-lfs": "a pointer of Git LFS: fetch the file itself with `git lfs pull`",
}
"""Other files that were given for weights, by their first bytes."""
_TAR_MAGIC, _TAR_PLACE = b"ustar", 257


class WeightsText:
    """The uncompressed text of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """SHA-256 of the text as far as it was read: what official networks are named after."""
        return self._digest.hexdigest()

    def blocks(self) -> Iterator[bytes]:
        """The text, once. Raises WeightsError where it cannot be read, and where it is certainly no weights file."""
        blocks = self._uncompressed()
        head = b""
        while len(head) < _HEAD and (block := next(blocks, None)) is not None:
            head += block
        foreign = foreign_kind(head)
        if foreign:
            raise WeightsError(self.path, f"not a Leela Zero weights file, but {foreign}")
        for block in chain([head], blocks):
            self._digest.update(block)
            yield block

    def _uncompressed(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                if file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
                    yield from self._unzipped(file)
                else:
                    yield from iter(lambda: file.read(_BLOCK), b"")
        except FileNotFoundError:
            raise WeightsError(self.path, "there is no such file") from None
        except OSError as exc:
            raise WeightsError(self.path, f"cannot be read: {exc.strerror}") from exc

    def _unzipped(self, file: BinaryIO) -> Iterator[bytes]:
        """Every part of a gzip file, in larger steps than Python's own reader takes: threads meet after each."""
        part = zlib.decompressobj(_GZIP_BITS)
        try:
            while packed := file.read(_PACKED_BLOCK):
                while packed := packed.lstrip(b"\0") if part.eof else packed:
                    if part.eof:
                        part = zlib.decompressobj(_GZIP_BITS)
                    yield part.decompress(packed)
                    packed = part.unused_data
        except zlib.error:
            raise WeightsError(self.path, f"the gzip file is damaged; {_AGAIN}") from None
        if not part.eof:
            raise WeightsError(self.path, f"the gzip file is cut short; {_AGAIN}")


def foreign_kind(head: bytes) -> str | None:
    """Kind of a file that begins with `head` if it is certainly no weights file; None if it may be one."""
    if not head.strip():
        return "an empty file"
    kind = next((kind for magic, kind in _PACKED.items() if head.startswith(magic)), None)
    if head[_TAR_PLACE:].startswith(_TAR_MAGIC):
        kind = "a tar archive"
    if kind == "a zip archive" and b"data.pkl" in head:
        return f"a checkpoint: `lzeval export` makes weights of it if it is whole; if not, {_AGAIN}"
    if kind:
        return f"{kind}: unpack it, and give the weights file that is in it"
    kind = next((kind for magic, kind in _OTHERS.items() if head.startswith(magic)), None)
    return kind or _kind_of_text(head)


def _kind_of_text(head: bytes) -> str | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if _is_katago(head):
        return "a KataGo network, which Leela Zero cannot play with"
    if start.startswith((b"(;", b"( ;")):
        return "a game record (SGF)"
    if start[:1] == b"<":
        return (
            f"a web page or XML: it starts with {quoted(start.splitlines()[0])}; download the network itself"
        )
    if start[:1] == b"{":
        return "JSON"
    if any(byte < 32 and byte not in b"\t\n\r\f\v" for byte in head):
        return "binary data"
    return None


def _is_katago(head: bytes) -> bool:
    """KataGo's networks start with a name, the version and the number of planes, a line each."""
    first, *others = [line.strip() for line in head.split(b"\n", 3)[:3]]
    return b"@BIN@" in head or (
        len(others) == 2 and value_of(first) is None and all(map(bytes.isdigit, others))
    )


def quoted(text: bytes, most: int = 30) -> str:
    """The user's text in a message, cut off after so many characters."""
    decoded = text.decode("utf-8", "backslashreplace")
    return repr(decoded if len(decoded) <= most else decoded[:most] + "...")
