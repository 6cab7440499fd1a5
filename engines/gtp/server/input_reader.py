"""Input of the controller, read ahead on a thread of its own, so that a search can notice it."""

from __future__ import annotations

import threading
from collections import deque
from typing import BinaryIO

LONGEST_LINE = 1 << 20
"""Bytes; what a line has beyond them is dropped."""
INTERRUPT = b"# interrupt"


class InputReader:
    """Lines in the order in which they came. The line `# interrupt` is meant for the command before it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._received = 0
        self._taken = 0
        self._interrupted = 0
        """The number of the last line that is to be interrupted, 1 for the first."""
        self._error: BaseException | None = None
        threading.Thread(target=self._read, name="gtp-input", daemon=True).start()

    def take(self) -> bytes | None:
        """The next line, waited for; None at the end of the input."""
        with self._changed:
            while not self._lines and not self._ended:
                self._changed.wait()
            if not self._lines:
                return None
            self._taken += 1
            return self._lines.popleft()

    def has_more(self) -> bool:
        """Tell whether a line, or the end of the input, has come that nobody has taken yet."""
        return bool(self._lines) or self._ended

    def is_interrupted(self) -> bool:
        """Tell whether the line taken last is to come to its end."""
        return self._interrupted >= self._taken

    def _read(self) -> None:
        try:
            while line := self._read_line():
                with self._changed:
                    if line.strip() == INTERRUPT:
                        self._interrupted = self._received
                        continue
                    self._received += 1
                    self._lines.append(line)
                    self._changed.notify()
        except (OSError, ValueError):
            pass  # closed under our hands: that is its end
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def _read_line(self) -> bytes:
        line = self._stream.readline(LONGEST_LINE)
        rest = line
        while rest and len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = self._stream.readline(LONGEST_LINE)
        return line
