"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from lzeval.errors import UserError

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of the system for a full disk, a user's quota and a file that is too large."""


@contextmanager
def replacement(path: str | Path, *, durable: bool = True) -> Iterator[Path]:
    """The name of a new file, written in the block, that takes the place of `path` when the block ends.

    It lies in the same folder. If the block raises, `path` stays as it was and the new file goes. A `durable` file
    is on disk before it takes the place; another is complete for every reader, but a power failure may leave it empty
    or cut off. Raises OSError.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        yield temporary
        if durable:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def replacing(path: str | Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends, as `replacement` says.

    Raises UserError where it cannot be written: no such folder, no permission, a full disk.
    """
    try:
        with replacement(path, durable=durable) as temporary, temporary.open("xb") as file:
            yield file
    except OSError as exc:
        raise UserError(f"cannot write {path}: {exc.strerror}") from exc


@contextmanager
def folder_made(folder: Path) -> Iterator[None]:
    """`folder` is there for the block; where that raises, it and those above it that were made go again, if empty."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # something is in it by now
            for each in missing:
                each.rmdir()
        raise


def file_digest(path: str | Path, most_bytes: int | None = None) -> Any:
    """The hash, SHA-256, of the file or of its first `most_bytes` bytes, to which more may be added. Raises OSError."""
    digest, left = hashlib.sha256(), Path(path).stat().st_size if most_bytes is None else most_bytes
    with Path(path).open("rb") as file:
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    return digest


def file_sha256(path: str | Path, most_bytes: int | None = None) -> str:
    """`file_digest` in hexadecimal."""
    return str(file_digest(path, most_bytes).hexdigest())


def remove_leftovers(folder: Path) -> None:
    """Remove what `replacement` left in `folder` where it was killed; nobody else may be writing there."""
    for file in folder.glob(".*.tmp"):
        file.unlink(missing_ok=True)


def write_bytes_atomically(path: str | Path, content: bytes, *, durable: bool = True) -> None:
    """Make `content` the whole of `path`, or leave `path` as it was; raises UserError, on a full disk too."""
    with replacing(path, durable=durable) as file:
        file.write(content)


def write_text_atomically(path: str | Path, text: str) -> None:
    """`write_bytes_atomically` for text: UTF-8 whatever the locale, see `utf8`; line ends as they are in `text`."""
    write_bytes_atomically(path, utf8(text))


def utf8(text: str) -> bytes:
    """`text` in UTF-8. Names of files may be in it that are no text in the locale's encoding.

    Python has a surrogate for each of their bytes (PEP 383). Bytes that are UTF-8 all the same are text again, others
    become U+FFFD.
    """
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        content = text.encode("utf-8", "replace")
    return content.decode("utf-8", "replace").encode("utf-8")
