"""Output of a program, line by line and with a deadline.

On Linux and macOS the thread that waits for a line reads the pipe: an answer costs no change of threads. Windows cannot
wait for a pipe and a deadline at once, so that a thread reads there. Standard error has a thread of its own everywhere:
no program blocks because nobody looks at its errors.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO, Protocol

LONGEST_LINE = 1 << 20
"""Bytes; a longer line is read in pieces."""
_LINES_AHEAD = 10_000
"""Lines of output that a thread keeps for the reader; a program that says more waits until they are read."""
_READ_BYTES = 1 << 16
_MOST_READS = 16
"""Reads in a row, more than a pipe holds: who goes on writing is not waited for."""
_POLL_S = 0.1
_LONGEST_POLL_S = 2_000_000
"""The longest time that the system can count in milliseconds; a longer wait is one without end."""


class PeerClosedError(Exception):
    """There is nothing more to read from the peer, or no way to write to it."""


class Output(Protocol):
    """A program's standard output."""

    def receive(self, timeout_s: float) -> str:
        """The next line without its end. Raises TimeoutError, and PeerClosedError at the end."""

    def has_said(self) -> bool:
        """Tell whether `receive` would return or raise PeerClosedError at once."""

    def receive_lines(self, timeout_s: float) -> list[str]:
        """Receive as `receive` does: the next line, and those that have come with it."""

    def finish(self, timeout_s: float) -> bool:
        """Read what is left and close the pipe; False where somebody holds it open for longer than `timeout_s`."""


class Errors(Protocol):
    """A program's standard error, which is read all the time."""

    log: StderrLog

    def catch_up(self) -> None:
        """Have everything in the log that the program has written so far, as far as the system can tell."""

    def finish(self, timeout_s: float) -> bool:
        """See Output."""


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


def open_output(pipe: IO[bytes]) -> Output:
    return ThreadedOutput(pipe) if sys.platform == "win32" else PolledOutput(pipe)


def open_errors(pipe: IO[bytes]) -> Errors:
    return ThreadedErrors(pipe) if sys.platform == "win32" else PolledErrors(pipe)


# Read by the thread that waits


class _Pipe:
    """The reading end of a pipe, cut into lines."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._number = pipe.fileno()
        self._poll = self.new_poll().poll
        self._rest: list[bytes] = []
        """Pieces of a line that has not ended yet."""
        self._rest_bytes = 0
        self.has_ended = False

    def new_poll(self) -> select.poll:
        """An object that waits for the pipe; each thread needs its own."""
        poll = select.poll()
        poll.register(self._number, select.POLLIN)
        return poll

    def has_more(self, timeout_s: float) -> bool:
        """Tell whether `read` will not block, waited for."""
        if timeout_s <= 0:
            return bool(self._poll(0))
        return bool(self._poll(timeout_s * 1000 if timeout_s < _LONGEST_POLL_S else None))

    def read(self) -> list[str]:
        """The lines that have become complete, without their ends. Blocks until there is something to read."""
        data = os.read(self._number, _READ_BYTES)
        if not data:
            self.has_ended = True
            return [_text(self._take_rest())] if self._rest else []
        if data.endswith(b"\n") and not self._rest:  # as nearly always
            return _text(data[:-1]).split("\n")
        whole, end, rest = data.rpartition(b"\n")
        if end and self._rest:
            whole = self._take_rest() + whole
        if rest:
            self._rest.append(rest)
            self._rest_bytes += len(rest)
        lines = _text(whole).split("\n") if end else []
        if self._rest_bytes >= LONGEST_LINE:
            lines.append(_text(self._take_rest()))
        return lines

    def _take_rest(self) -> bytes:
        rest = b"".join(self._rest)
        self._rest.clear()
        self._rest_bytes = 0
        return rest

    def close(self) -> None:
        self._pipe.close()


def _text(lines: bytes) -> str:
    """Text without carriage returns at the ends of its lines."""
    text = lines.decode("utf-8", "replace")
    return "\n".join(line.rstrip("\r") for line in text.split("\n")) if "\r" in text else text


class PolledOutput:
    """Output without a thread; one thread at a time may wait for it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = _Pipe(pipe)
        self._lines: deque[str] = deque()

    def receive(self, timeout_s: float) -> str:
        if not self._lines:
            self._lines.extend(self._read(timeout_s))
        return self._lines.popleft()

    def receive_lines(self, timeout_s: float) -> list[str]:
        if not self._lines:
            return self._read(timeout_s)
        lines = list(self._lines)
        self._lines.clear()
        return lines

    def _read(self, timeout_s: float) -> list[str]:
        """One line at least."""
        pipe = self._pipe
        end: float | None = None
        while not pipe.has_ended:
            if pipe.has_more(timeout_s):
                if lines := pipe.read():
                    return lines
            elif timeout_s <= 0:
                raise TimeoutError
            now = time.monotonic()
            end = now + timeout_s if end is None else end
            timeout_s = end - now
        raise PeerClosedError

    def has_said(self) -> bool:
        return bool(self._lines) or self._pipe.has_ended or self._pipe.has_more(0)

    def finish(self, timeout_s: float) -> bool:
        pipe, end = self._pipe, time.monotonic() + timeout_s
        while not pipe.has_ended:
            if pipe.has_more(end - time.monotonic()):
                pipe.read()
            elif time.monotonic() >= end:
                return False
        pipe.close()
        return True


class LoggedOutput:
    """Output whose lines are also passed on to a listener."""

    def __init__(self, plain: Output, log: Callable[[str], None]) -> None:
        self.plain = plain
        self._log = log

    def receive(self, timeout_s: float) -> str:
        line = self.plain.receive(timeout_s)
        self._log(line)
        return line

    def has_said(self) -> bool:
        return self.plain.has_said()

    def receive_lines(self, timeout_s: float) -> list[str]:
        lines = self.plain.receive_lines(timeout_s)
        for line in lines:
            self._log(line)
        return lines

    def finish(self, timeout_s: float) -> bool:
        return self.plain.finish(timeout_s)


class PolledErrors:
    """A thread that sleeps until something is written, and anybody who wants to know, take turns."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.log = StderrLog()
        self._pipe = _Pipe(pipe)
        self._lock = threading.Lock()
        self._thread = _start_thread("gtp-stderr", self._follow)

    def _follow(self) -> None:
        poll = self._pipe.new_poll()
        while not self._pipe.has_ended:
            poll.poll()
            self.catch_up()

    def catch_up(self) -> None:
        with self._lock:
            for _ in range(_MOST_READS):
                if self._pipe.has_ended or not self._pipe.has_more(0):
                    break
                for line in self._pipe.read():
                    self.log.add(line + "\n")

    def finish(self, timeout_s: float) -> bool:
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._pipe.close()
        return True


# Read by threads


class ThreadedOutput:
    """Output that a thread reads ahead of those who wait."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._lines: queue.Queue[str | None] = queue.Queue(_LINES_AHEAD)
        self._is_finishing = threading.Event()
        self._has_ended = False
        self._thread = _start_thread("gtp-stdout", self._read)

    def receive(self, timeout_s: float) -> str:
        if self._has_ended:
            raise PeerClosedError
        try:
            line = self._lines.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            raise TimeoutError from None
        if line is None:
            self._has_ended = True
            raise PeerClosedError
        return line

    def has_said(self) -> bool:
        return self._has_ended or not self._lines.empty()

    def receive_lines(self, timeout_s: float) -> list[str]:
        return [self.receive(timeout_s)]

    def finish(self, timeout_s: float) -> bool:
        self._is_finishing.set()
        return _joined(self._thread, self._pipe, timeout_s)

    def _read(self) -> None:
        for line in _lines_of(self._pipe):
            self._hand_on(line)
        self._hand_on(None)

    def _hand_on(self, line: str | None) -> None:
        """Wait while the reader is far behind, unless nobody will read any more."""
        while not self._is_finishing.is_set():
            with contextlib.suppress(queue.Full):
                self._lines.put(line, timeout=_POLL_S)
                return


class ThreadedErrors:
    """A thread reads whatever comes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.log = StderrLog()
        self._pipe = pipe
        self._thread = _start_thread("gtp-stderr", self._read)

    def _read(self) -> None:
        for line in _lines_of(self._pipe):
            self.log.add(line + "\n")

    def catch_up(self) -> None:
        """Do nothing: nobody can tell here what is still in the pipe."""

    def finish(self, timeout_s: float) -> bool:
        return _joined(self._thread, self._pipe, timeout_s)


def _joined(thread: threading.Thread, pipe: IO[bytes], timeout_s: float) -> bool:
    thread.join(timeout_s)
    if thread.is_alive():
        return False  # closing the pipe under a reader would block
    pipe.close()
    return True


def _lines_of(pipe: IO[bytes]) -> Iterator[str]:
    with contextlib.suppress(OSError, ValueError):
        for data in iter(lambda: pipe.readline(LONGEST_LINE), b""):
            yield _text(data.removesuffix(b"\n"))


def _start_thread(name: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread
