"""A program at the other end of pipes: lines in, lines out, deadlines, and nothing left running at the end.

A program can neither block on a full pipe of errors nor make its reader wait longer than asked.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from engines.gtp.client.pipes import PeerClosedError, open_errors, open_output
from lzeval.errors import UserError

if sys.platform == "win32":
    _NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _NEW_GROUP = 0
_LOOK_S = 0.05
_FINISH_S = 1.0
"""Seconds that somebody may hold a pipe of a program that has ended before he counts as a stray."""


class Peer(Protocol):
    """A GTP engine at the other end of a connection."""

    def send(self, line: str) -> None:
        """Write `line` and a line feed. Raises PeerClosedError."""

    def receive_lines(self, timeout_s: float) -> list[str]:
        """The next line and those that have come with it, without their ends.

        Raises TimeoutError, or PeerClosedError at the end.
        """

    def has_said(self) -> bool:
        """Tell whether `receive_lines` would return or raise PeerClosedError at once."""

    def stderr_text(self, since: int = 0) -> str:
        """Text that it has written to standard error from mark `since` on."""

    def stderr_mark(self) -> int:
        """A mark for `stderr_text`: everything written so far lies before it."""

    def wait(self, timeout_s: float) -> int | None:
        """The exit status once the program has ended, None if it still runs after `timeout_s`."""

    def close(self, timeout_s: float) -> None:
        """Close its input, let it end within `timeout_s`, then end it and all that it started."""


class SubprocessPeer:
    """A program started for the purpose, in a process group of its own."""

    def __init__(
        self, command: Sequence[str], cwd: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment` is added to this process's. Raises UserError if the program cannot be started."""
        self._process = _start(command, cwd, environment)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._output = open_output(self._process.stdout)
        self._errors = open_errors(self._process.stderr)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        data = line.encode("utf-8") + b"\n"
        try:
            number = self._process.stdin.fileno()
            while (written := os.write(number, data)) < len(data):
                data = data[written:]
        except (OSError, ValueError) as error:
            raise PeerClosedError from error

    def receive(self, timeout_s: float) -> str:
        """The next line alone."""
        return self._output.receive(timeout_s)

    def receive_lines(self, timeout_s: float) -> list[str]:
        return self._output.receive_lines(timeout_s)

    def has_said(self) -> bool:
        return self._output.has_said()

    def stderr_text(self, since: int = 0) -> str:
        self._errors.catch_up()
        return self._errors.log.text(since)

    def stderr_mark(self) -> int:
        self._errors.catch_up()
        return self._errors.log.mark()

    def wait(self, timeout_s: float) -> int | None:
        if timeout_s <= 0:
            return self._process.poll()
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def close(self, timeout_s: float) -> None:
        process, end = self._process, time.monotonic() + timeout_s
        with contextlib.suppress(OSError, ValueError):
            assert process.stdin is not None
            process.stdin.close()
        while (left_s := end - time.monotonic()) > 0 and process.poll() is None:
            if self._output.finish(min(left_s, _LOOK_S)):  # known at once, unlike the end of a process
                self.wait(left_s)
        _kill_group(process)
        process.wait()
        self._finish_reading()

    def _finish_reading(self) -> bool:
        """Close the pipes; False where a stray descendant still holds one open, which is left alone."""
        return all([self._output.finish(_FINISH_S), self._errors.finish(_FINISH_S)])


def _start(
    command: Sequence[str], cwd: Path | None, environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(command),
            cwd=cwd,
            env=None if environment is None else {**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=sys.platform != "win32",
            creationflags=_NEW_GROUP,
        )
    except (OSError, ValueError, IndexError) as error:
        program = command[0] if command else "an empty command"
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot start {program}: {reason}; give its path, or install it") from error


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the program and what it started in its process group; nothing happens where all of it has ended."""
    if sys.platform == "win32":
        end_tree = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
        subprocess.run(end_tree, capture_output=True, check=False)
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
