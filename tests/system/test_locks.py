"""Locks between processes: one owner at a time, for as long as it lives."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lzeval.errors import LockedError, UserError
from lzeval.system.locks import locked

OWNER = """
import sys, time
from pathlib import Path
from lzeval.system.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def owner_of(lock: Path) -> subprocess.Popen[str]:
    """A process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(lock)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_ends_with_its_owner_even_when_that_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "new" / "folder" / ".lock"
    with owner_of(lock) as owner:
        began = time.monotonic()
        with (
            pytest.raises(LockedError, match=r"folder: another process of lzeval is at work in this folder$"),
            locked(lock, grace_s=0.3),
        ):
            raise AssertionError("two have it")
        assert time.monotonic() - began > 0.25
        owner.kill()
        with locked(lock, grace_s=5):
            pass
    assert lock.exists()


def test_who_waits_gets_the_lock_when_it_is_free(tmp_path: Path) -> None:
    order = []

    def wait() -> None:
        with locked(tmp_path / ".lock", wait=True):
            order.append("second")

    thread = threading.Thread(target=wait)
    with locked(tmp_path / ".lock"):
        thread.start()
        thread.join(0.5)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A file stands where the folder should be, which stops the super-user as well."""
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"^cannot write .*\.lock: "), locked(tmp_path / "file" / ".lock"):
        raise AssertionError("held")


@pytest.mark.skipif(sys.platform == "win32", reason="drives without locks are known to Unix alone")
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_a_drive_that_knows_no_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A file that stands for a lock there would outlive its owner."""

    def refuse(*_: object) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(UserError, match=r"\.lock: no locks here"), locked(tmp_path / ".lock"):
        raise AssertionError("held")
