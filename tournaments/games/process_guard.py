"""No engine outlives the tournament, even where that is killed without a word.

On Linux and macOS a small process of its own (`process_guard_program`) holds the end of a pipe and a list of process
groups; when the pipe breaks it kills what is on the list, and on Linux whatever else carries the tournament's mark in
its environment. On Windows a job object does the same.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import threading
from pathlib import Path

PROGRAM = Path(__file__).with_name("process_guard_program.py")


class Guard:
    """Ends the engines with this process; `close` does it in good time."""

    def __init__(self) -> None:
        self._token = os.urandom(8).hex()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        if sys.platform == "win32":
            _join_job()
        else:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(PROGRAM), self._token],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def new_mark(self) -> str:
        """A value for MARK in the environment of an engine that is to be started; each one its own."""
        return f"{self._token}-{next(self._numbers)}."

    def watch(self, pid: int) -> None:
        """An engine has been started, in a process group of its own."""
        self._tell(f"+{pid}")

    def release(self, pid: int) -> None:
        """The engine and its group are gone, and the number may be somebody else's soon."""
        self._tell(f"-{pid}")

    def _tell(self, line: str) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line.encode("ascii") + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Kill whatever is still there, and wait for that."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()
        self._process.wait()


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    class _Limits(ctypes.Structure):
        """JOBOBJECT_EXTENDED_LIMIT_INFORMATION; only `flags` is used."""

        _fields_ = (
            ("times", ctypes.c_int64 * 2),
            ("flags", wintypes.DWORD),
            ("rest", ctypes.c_size_t * 5),
            ("io", ctypes.c_uint64 * 6),
            ("memory", ctypes.c_size_t * 4),
        )

    def _join_job() -> None:
        """Put this process and all that it will start into a job that ends with it."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        kernel.SetInformationJobObject.argtypes = (
            wintypes.HANDLE,
            ctypes.c_int,
            ctypes.c_void_p,
            wintypes.DWORD,
        )
        kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
        kill_on_close, extended_limits = 0x2000, 9
        limits = _Limits(flags=kill_on_close)
        job = kernel.CreateJobObjectW(None, None)
        kernel.SetInformationJobObject(job, extended_limits, ctypes.byref(limits), ctypes.sizeof(limits))
        kernel.AssignProcessToJobObject(job, kernel.GetCurrentProcess())
