"""Locks between processes that end with their owner, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lzeval.errors import UserError

ASK_AGAIN_S = 0.2
GRACE_S = 1.0
"""A process that its owner was just starting when it was killed may hold a lock for a moment longer."""


@contextmanager
def locked(path: Path, *, wait: bool = False, grace_s: float = GRACE_S) -> Iterator[None]:
    """Hold the lock that the file `path` stands for; the file stays behind.

    Where another process holds it: waits for it with `wait`, else raises UserError after `grace_s`. The system lets go
    of the lock when its owner ends, killed or not.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as exc:
        raise UserError(f"cannot write {path}: {exc.strerror}") from exc
    refuse_at = time.monotonic() + grace_s
    try:
        while not _take(descriptor):
            if not wait and time.monotonic() >= refuse_at:
                raise UserError(f"{path.parent}: another process of lzeval is at work in this folder")
            time.sleep(ASK_AGAIN_S)
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
