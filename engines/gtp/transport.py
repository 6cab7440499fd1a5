"""A program at the other end of pipes: lines in, lines out, deadlines, and nothing left running at the end.

Threads read its two outputs, which works alike on every system; a program can therefore neither block on a
full pipe of errors nor make its reader wait longer than asked.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol

from lzeval.core.errors import UserError

LONGEST_LINE = 1 << 20
"""Bytes; a longer line is read in pieces."""
_LINES_AHEAD = 10_000
"""Lines of output kept for the reader; a program that says more waits until they are read."""
if sys.platform == "win32":
    _NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _NEW_GROUP = 0
_JOIN_S = 1.0
_POLL_S = 0.1


class PeerClosedError(Exception):
    """There is nothing more to read from the peer, or no way to write to it."""


class Peer(Protocol):
    """Whoever speaks GTP at the other end."""

    def send(self, line: str) -> None:
        """Write `line` and a line feed. Raises PeerClosedError."""

    def receive(self, timeout_s: float) -> str:
        """The next line, without its end. Raises TimeoutError, or PeerClosedError at the end."""

    def stderr_text(self, since: int = 0) -> str:
        """What it has written to standard error from mark `since` on."""

    def stderr_mark(self) -> int:
        """A mark for `stderr_text`: everything written so far lies before it."""

    def wait(self, timeout_s: float) -> int | None:
        """The exit status once the program has ended, None if it still runs after `timeout_s`."""

    def close(self, timeout_s: float) -> None:
        """Close its input, let it end within `timeout_s`, then end it and all that it started."""


class StderrLog:
    """The last lines of a program's standard error."""

    def __init__(self, most_characters: int = 1 << 18) -> None:
        self._most_characters = most_characters
        self._lines: deque[str] = deque()
        self._characters = 0
        self._dropped = 0
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        with self._lock:
            self._lines.append(line)
            self._characters += len(line)
            while self._characters > self._most_characters and len(self._lines) > 1:
                self._characters -= len(self._lines.popleft())
                self._dropped += 1

    def mark(self) -> int:
        with self._lock:
            return self._dropped + len(self._lines)

    def text(self, since: int = 0) -> str:
        with self._lock:
            return "".join(list(self._lines)[max(since - self._dropped, 0) :])


class SubprocessPeer:
    """A program started for the purpose, in a process group of its own."""

    def __init__(
        self, command: Sequence[str], cwd: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment` is added to this process's. Raises UserError if the program cannot be started."""
        self._process = _start(command, cwd, environment)
        self._lines: queue.Queue[str | None] = queue.Queue(_LINES_AHEAD)
        self._stderr = StderrLog()
        self._closing = threading.Event()
        self._ended = False
        self._threads = [
            _start_thread("gtp-stdout", self._read_stdout),
            _start_thread("gtp-stderr", self._read_stderr),
        ]

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode("utf-8") + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise PeerClosedError from error

    def receive(self, timeout_s: float) -> str:
        if self._ended:
            raise PeerClosedError
        try:
            line = self._lines.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            raise TimeoutError from None
        if line is None:
            self._ended = True
            raise PeerClosedError
        return line

    def stderr_text(self, since: int = 0) -> str:
        return self._stderr.text(since)

    def stderr_mark(self) -> int:
        return self._stderr.mark()

    def wait(self, timeout_s: float) -> int | None:
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def close(self, timeout_s: float) -> None:
        process = self._process
        self._closing.set()
        with contextlib.suppress(OSError, ValueError):
            assert process.stdin is not None
            process.stdin.close()
        if timeout_s > 0:
            self.wait(timeout_s)
        _kill_group(process)
        process.wait()
        self._join_readers()

    def _join_readers(self) -> None:
        """Close the pipes, except one that a stray descendant still holds open: closing it would block."""
        for thread, pipe in zip(self._threads, (self._process.stdout, self._process.stderr), strict=True):
            thread.join(_JOIN_S)
            if not thread.is_alive() and pipe is not None:
                pipe.close()

    def _read_stdout(self) -> None:
        assert self._process.stdout is not None
        for line in _text_lines(self._process.stdout):
            self._queue_line(line.rstrip("\r\n"))
        self._queue_line(None)

    def _queue_line(self, line: str | None) -> None:
        """Hand on a line, waiting while the reader is far behind, unless nobody will read any more."""
        while not self._closing.is_set():
            with contextlib.suppress(queue.Full):
                self._lines.put(line, timeout=_POLL_S)
                return

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        for line in _text_lines(self._process.stderr):
            self._stderr.add(line)


def _text_lines(pipe: IO[bytes]) -> Iterator[str]:
    """Lines as text, each with a line feed at its end, until the pipe is closed."""
    with contextlib.suppress(OSError, ValueError):
        for data in iter(lambda: pipe.readline(LONGEST_LINE), b""):
            yield data.decode("utf-8", "replace").rstrip("\r\n") + "\n"


def _start_thread(name: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


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
