"""Locks between processes that end with their owner, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lzeval.errors import LockedError, UserError

ASK_AGAIN_S = 0.2
GRACE_S = 1.0
"""A process that its owner was just starting when it was killed may hold a lock for a moment longer."""


@contextmanager
def locked(path: Path, *, wait: bool = False, grace_s: float = GRACE_S) -> Iterator[None]:
    """Hold the lock that the file `path` stands for; the file stays behind.

    Where another process holds it: waits for it with `wait`, else raises LockedError after `grace_s`. The system
    releases the lock when its owner ends, killed or not; so a drive that knows no locks is refused, as is a folder that
    cannot be written to (UserError).
    """
    from filelock import FileLock, Timeout  # 40 ms

    lock = FileLock(path, poll_interval=ASK_AGAIN_S, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(timeout=-1 if wait else grace_s)
    except Timeout as exc:
        raise LockedError(path) from exc
    except OSError as exc:
        raise UserError(f"cannot write {path}: {exc.strerror}") from exc
    try:
        yield
    finally:
        lock.release()
