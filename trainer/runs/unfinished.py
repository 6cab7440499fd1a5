"""Rows of a long measurement, kept on disk while it goes on, so that an interruption costs a minute and not all."""

from __future__ import annotations

import io
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lzeval.errors import UserError
from lzeval.system.files import write_bytes_atomically

SAVE_EVERY_S = 60.0


class Unfinished:
    """Rows measured so far, in one file. Where that cannot be written, or read, the measurement does without."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._saved_at = time.monotonic()

    def recall_into(self, rows: npt.NDArray[Any]) -> int:
        """Fill the first of `rows` with what was saved, if it fits them; returns how many."""
        try:
            with self.file.open("rb") as stream:
                saved = np.lib.format.read_array(stream, allow_pickle=False)
        except (OSError, ValueError):
            return 0
        if saved.dtype != rows.dtype or saved.ndim != rows.ndim or len(saved) > len(rows):
            return 0
        rows[: len(saved)] = saved
        return len(saved)

    def save(self, rows: npt.NDArray[Any]) -> None:
        """Keep `rows`, all that is known by now."""
        content = io.BytesIO()
        np.save(content, rows, allow_pickle=False)
        self._saved_at = time.monotonic()
        with suppress(OSError, UserError):  # then an interruption costs what is known
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(self.file, content.getvalue())

    def save_if_due(self, rows: npt.NDArray[Any]) -> None:
        """`save`, where the last time is `SAVE_EVERY_S` seconds ago."""
        if time.monotonic() - self._saved_at >= SAVE_EVERY_S:
            self.save(rows)

    def forget(self) -> None:
        """The measurement is finished."""
        with suppress(OSError):
            self.file.unlink()
