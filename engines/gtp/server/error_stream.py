"""Standard error that can neither fail nor hold the program up.

A controller may close it, or leave it unread until the pipe is full; neither must cost the game.
"""

from __future__ import annotations

import queue
import threading
from typing import Protocol


class RawWriter(Protocol):
    """An unbuffered binary stream: `io.FileIO`, `io.BytesIO`."""

    def write(self, data: bytes, /) -> int | None: ...


class ErrorStream:
    """Writes text on a thread of its own and waits for it a moment only.

    While a text is stuck, further ones are dropped.
    """

    def __init__(self, stream: RawWriter | None, patience_s: float = 1.0) -> None:
        """Write to a stream, or nowhere without one; `patience_s` is the longest that one call takes."""
        self._stream = stream
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._texts: queue.SimpleQueue[tuple[bytes, threading.Event]] = queue.SimpleQueue()
        self._last_written: threading.Event | None = None

    def say(self, message: str) -> None:
        """One line, marked as ours: controllers that read this stream look for lines of other forms."""
        self.write(f"lzeval: {' '.join(message.split())}\n")

    def write(self, text: str) -> None:
        with self._lock:
            if self._last_written is None:
                threading.Thread(target=self._write_texts, name="gtp-stderr", daemon=True).start()
            elif not self._last_written.is_set():
                return
            written = self._last_written = threading.Event()
            self._texts.put((text.encode("utf-8", "backslashreplace"), written))
            written.wait(self._patience_s)

    def _write_texts(self) -> None:
        while True:
            data, written = self._texts.get()
            self._write_all(data)
            written.set()

    def _write_all(self, data: bytes) -> None:
        try:
            while data and self._stream is not None:
                data = data[self._stream.write(data) or 0 :]
        except (OSError, ValueError):
            self._stream = None  # closed: there is nobody to tell
