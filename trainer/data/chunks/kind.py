"""The version of a chunk, by its content."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lzeval.go.points import LARGEST
from trainer.data.chunks.binary import V2
from trainer.data.chunks.contents import PLANES
from trainer.data.chunks.fields import hex_row_length, is_hex, size_of_hex_row


def chunk_kind(content: bytes) -> Literal["v1", "v2"] | None:
    """Return the kind of chunk that `content`, decompressed, begins like; None if it is something else."""
    if content[:4] == b"\1\0\0\0":
        return "v2" if len(content) >= V2.itemsize else None
    lines = content[: (PLANES + 2) * (hex_row_length(LARGEST) + 3)].replace(b"\r\n", b"\n").split(b"\n")
    rows = lines[:PLANES]
    if len(lines) <= PLANES or lines[PLANES] not in (b"0", b"1"):
        return None
    if any(len(row) != len(rows[0]) for row in rows) or not size_of_hex_row(len(rows[0])):
        return None
    digits = np.frombuffer(b"".join(rows), np.uint8)
    return "v1" if is_hex(digits, 0, len(digits)) else None
