"""Chunks of version 2: records of bytes, on 19x19."""

from __future__ import annotations

import numpy as np

from lzeval.compiled.arrays import Ints64, Records, Unsigned8
from lzeval.compiled.jit import jit
from lzeval.go.board import BLACK, WHITE
from trainer.data.chunks.contents import (
    CUT_SHORT,
    FAULTS,
    NO_POLICY,
    NO_RESULT,
    NO_SIDE,
    NOT_A_NUMBER,
    OK,
    OTHER_VERSION,
    PLANES,
    ChunkFault,
    ChunkPositions,
    check,
    check_winners,
    explain,
)
from trainer.data.rows import bitboard_bytes

V2_SIZE = 19
V2 = np.dtype(
    [
        ("version", "<i4"),
        ("probabilities", "<f4", V2_SIZE * V2_SIZE + 1),
        ("planes", "u1", PLANES * V2_SIZE * V2_SIZE // 8),
        ("white_to_move", "u1"),
        ("won", "u1"),
    ]
)
"""A position: 2176 bytes. Plane follows upon plane without a gap, the first point's bit the highest."""

_REVERSED = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)], np.uint8)


@jit
def _unpack_v2(packed: Unsigned8, points: int, bits: Unsigned8) -> None:
    """Planes packed end to end, `[N, 722]`, the first point's bit the highest, into `bits` `[N, 16, W]`."""
    for number in range(packed.shape[0]):
        for row in range(PLANES):
            for first in range(0, points, 8):
                at = row * points + first
                pair = np.int64(packed[number, at // 8]) << 8
                if at // 8 + 1 < packed.shape[1]:
                    pair |= packed[number, at // 8 + 1]
                byte = _REVERSED[pair >> (8 - at % 8) & 255]
                bits[number, row, first // 8] = byte & ((1 << min(8, points - first)) - 1)


@jit
def _pack_v2(bits: Unsigned8, points: int, packed: Unsigned8) -> None:
    """The inverse of `_unpack_v2`; `packed` `[N, 722]` holds zeros before."""
    for number in range(bits.shape[0]):
        for row in range(PLANES):
            for first in range(0, points, 8):
                byte = bits[number, row, first // 8]
                for bit in range(min(8, points - first) if byte else 0):
                    if byte >> bit & 1:
                        at = row * points + first + bit
                        packed[number, at // 8] |= 128 >> at % 8


def _v2_faults(records: Records) -> Ints64:
    """`[N]`: OK or a fault."""
    with np.errstate(invalid="ignore"):
        shares = records["probabilities"]
        proper = ((shares >= 0) & (shares < np.inf)).all(axis=1)
    conditions = {
        OTHER_VERSION: records["version"] != 1,
        NO_SIDE: records["white_to_move"] > 1,
        NOT_A_NUMBER: ~proper,
        NO_POLICY: ~(shares != 0).any(axis=1),
        NO_RESULT: records["won"] > 1,
    }
    return np.select(list(conditions.values()), list(conditions), OK).astype(np.int64)


def read_v2(content: bytes) -> tuple[ChunkPositions, list[ChunkFault]]:
    """The positions of a v2 chunk, decompressed; bad ones are left out and listed."""
    count = len(content) // V2.itemsize
    records = np.frombuffer(content[: count * V2.itemsize], V2)
    verdicts = _v2_faults(records)
    faults = np.stack([np.arange(1, count + 1), verdicts], axis=1)[verdicts != OK]
    records = records[verdicts == OK]
    numbers, points = np.nonzero(records["probabilities"])
    bits = np.zeros((len(records), PLANES, bitboard_bytes(V2_SIZE)), np.uint8)
    _unpack_v2(np.ascontiguousarray(records["planes"]), V2_SIZE * V2_SIZE, bits)
    white, won = records["white_to_move"].astype(np.uint8), records["won"] == 1
    positions = ChunkPositions(
        bits,
        white,
        np.where(won == (white == 1), WHITE, BLACK).astype(np.uint8),
        np.searchsorted(numbers, np.arange(len(records) + 1)).astype(np.int64),
        points.astype(np.uint16),
        records["probabilities"][numbers, points].astype(np.float32),
    )
    explained = explain(faults, V2_SIZE)
    if len(content) % V2.itemsize:
        explained.append((count + 1, FAULTS[CUT_SHORT]))
    return positions, explained


def write_v2(positions: ChunkPositions) -> bytes:
    """The v2 chunk of `positions` on 19x19. Raises ValueError if a position has no winner."""
    check(positions, V2_SIZE)
    check_winners(positions)
    count = len(positions.bits)
    records = np.zeros(count, V2)
    records["version"] = 1
    numbers = np.repeat(np.arange(count), np.diff(positions.starts))
    records["probabilities"][numbers, positions.points] = positions.shares
    planes = np.zeros((count, V2["planes"].shape[0]), np.uint8)
    _pack_v2(positions.bits, V2_SIZE * V2_SIZE, planes)
    records["planes"] = planes
    records["white_to_move"] = positions.white_to_move
    records["won"] = (positions.winner == WHITE) == (positions.white_to_move == 1)
    return records.tobytes()
