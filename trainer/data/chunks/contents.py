"""The content of chunks of either version, and the faults that it may have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lzeval.compiled.arrays import Floats32, Ints64, Unsigned8, Unsigned16
from lzeval.go.board import BLACK, WHITE
from trainer.data.rows import HISTORY, bitboard_bytes

PLANES = 2 * HISTORY
"""Boards of a position: the mover's stones now and before, then the opponent's."""

OK, BAD_HEX, NO_SIDE, WRONG_COUNT, NOT_A_NUMBER, NO_POLICY, NO_RESULT = 0, 1, 2, 3, 4, 5, 6
OTHER_SIZE, CUT_SHORT, OTHER_VERSION = 7, 8, 9
FAULTS = {
    BAD_HEX: "bad hex",
    NO_SIDE: "no side to move",
    WRONG_COUNT: "wrong number of probabilities",
    NOT_A_NUMBER: "NaN probabilities",
    NO_POLICY: "probabilities that sum to nothing",
    NO_RESULT: "no result",
    OTHER_SIZE: "another board size than {size}",
    CUT_SHORT: "the file ends in the middle of a position",
    OTHER_VERSION: "another version than 1",
}

ChunkFault = tuple[int, str]
"""A position of the file, counted from 1, and what is wrong with it."""


class ChunkPositions(NamedTuple):
    """`N` positions of a chunk on a board of `S` lines, `W = (S * S + 7) // 8`."""

    bits: Unsigned8
    """`[N, 16, W]`: the chunk's planes; point `p` is bit `p % 8` (the lowest is 0) of byte `p // 8`."""
    white_to_move: Unsigned8
    """`[N]`: 1 if White is to move."""
    winner: Unsigned8
    """`[N]`: BLACK or WHITE; JIGO and 0 (nobody knows) are of packed rows, no chunk can hold them."""
    starts: Ints64
    """`[N + 1]`: position `n` has the entries `starts[n]` to `starts[n + 1] - 1` of the next two."""
    points: Unsigned16
    """`[E]`: the moves that have a probability, ascending within a position; the pass is `S * S`."""
    shares: Floats32
    """`[E]`: their probabilities, more than 0."""


def new_positions(positions: int, entries: int, size: int) -> ChunkPositions:
    """Room for `positions` with `entries` probabilities in all, zeros."""
    return ChunkPositions(
        np.zeros((positions, PLANES, bitboard_bytes(size)), np.uint8),
        np.zeros(positions, np.uint8),
        np.zeros(positions, np.uint8),
        np.zeros(positions + 1, np.int64),
        np.zeros(entries, np.uint16),
        np.zeros(entries, np.float32),
    )


def explain(faults: Ints64, size: int) -> list[ChunkFault]:
    """`faults` `[F, 2]`, number and fault, in words."""
    return [(number, FAULTS[fault].format(size=size)) for number, fault in faults.tolist()]


def check(positions: ChunkPositions, size: int) -> None:
    """Raise ValueError for positions that no chunk can hold, or whose arrays do not belong together."""
    count, entries = len(positions.white_to_move), len(positions.points)
    if positions.bits.shape != (count, PLANES, bitboard_bytes(size)) or len(positions.winner) != count:
        raise ValueError(f"these are not positions on {size}x{size}")
    starts = positions.starts
    if len(starts) != count + 1 or starts[0] != 0 or starts[-1] != entries or (np.diff(starts) < 0).any():
        raise ValueError("the policies' starts do not fit their entries")
    if len(positions.shares) != entries or (positions.points > size * size).any():
        raise ValueError("the policies' entries are not on the board")
    if not (np.isfinite(positions.shares) & (positions.shares >= 0)).all():
        raise ValueError("the policies' entries are not probabilities")


def check_winners(positions: ChunkPositions) -> None:
    """Raise ValueError if a position has no winner."""
    unknown = np.flatnonzero((positions.winner != BLACK) & (positions.winner != WHITE))
    if len(unknown):
        raise ValueError(f"position {unknown[0] + 1} has no winner, and chunks cannot say so")
