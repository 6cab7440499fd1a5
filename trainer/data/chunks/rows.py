"""Chunks' positions as packed rows, and packed rows as chunks' positions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lzeval.compiled.arrays import Ints64, Unsigned8
from lzeval.compiled.jit import int64, jit
from trainer.data.chunks.contents import ChunkPositions, check, new_positions
from trainer.data.rows import (
    CONTEXT,
    HISTORY,
    NO_MOVE,
    WHITE_TO_MOVE,
    Soft,
    bitboard_bytes,
    result_flags,
    row_bytes,
    winner_of,
)

NO_SOFT = Soft(np.empty(0, np.int64), np.zeros(1, np.int64), np.empty(0, np.uint16), np.empty(0, np.float32))


class PackedChunk(NamedTuple):
    """A chunk's positions as packed rows, with what the rows have no room for."""

    rows: Unsigned8
    """`[R, row_bytes(S)]`: positions.bin, with the flag CONTEXT, and 1 in the last byte for a soft policy."""
    games: Ints64
    """`[G, 2]`: first row and number of rows of each run of consecutive positions, context included."""
    learn: Ints64
    """`[N]`: the rows that are the chunk's positions, in its order; the others are context only."""
    soft: Soft
    """Policies that are anything but a single 1."""


@jit
def _continues(positions: ChunkPositions, number: int) -> bool:
    """Tell whether the position comes next in the game of the one before it.

    Then the other colour moves, the same one won, and its boards of one to seven moves ago are the boards of none
    to six moves ago of the one before.
    """
    if number == 0 or positions.winner[number] != positions.winner[number - 1]:
        return False
    if positions.white_to_move[number] == positions.white_to_move[number - 1]:
        return False
    later, earlier = positions.bits[number], positions.bits[number - 1]
    for back in range(HISTORY - 1):
        for byte in range(later.shape[1]):
            if later[back + 1, byte] != earlier[HISTORY + back, byte]:
                return False
            if later[HISTORY + back + 1, byte] != earlier[back, byte]:
                return False
    return True


@jit
def _history_length(planes: Unsigned8) -> int:
    """Age, in moves, of the earliest board of `planes` `[16, W]` that has a stone."""
    for back in range(HISTORY - 1, 0, -1):
        if planes[back].any() or planes[HISTORY + back].any():
            return back
    return 0


@jit
def _find_runs(positions: ChunkPositions, context: Ints64) -> int:
    """Note in `context` `[N]` how many rows of history must precede each position, -1 if it continues a run.

    Returns the number of runs.
    """
    runs = 0
    for number in range(context.shape[0]):
        if _continues(positions, number):
            context[number] = -1
        else:
            context[number] = _history_length(positions.bits[number])
            runs += 1
    return runs


@jit
def _write_row(
    planes: Unsigned8, back: int, white: bool, move: int, ply: int, flags: int, row: Unsigned8
) -> None:
    """The board `back` moves ago of `planes` `[16, W]`, of which White is the mover if `white`, as a packed row."""
    width = planes.shape[1]
    own, other = (width, 0) if white else (0, width)
    row[own : own + width] = planes[back]
    row[other : other + width] = planes[HISTORY + back]
    ply = min(ply, 65535)
    row[2 * width], row[2 * width + 1] = move & 255, move >> 8
    row[2 * width + 2], row[2 * width + 3] = ply & 255, ply >> 8
    row[2 * width + 4] = flags | (WHITE_TO_MOVE if white == (back % 2 == 0) else 0)


@jit
def _likeliest(positions: ChunkPositions, number: int) -> tuple[int, bool]:
    """The move with the largest share, the first of several, and whether it is the only one and its share 1."""
    best = positions.starts[number]
    for entry in range(best + 1, positions.starts[number + 1]):
        if positions.shares[entry] > positions.shares[best]:
            best = entry
    only = positions.starts[number + 1] == positions.starts[number] + 1
    return int64(positions.points[best]), bool(only and positions.shares[best] == 1.0)


@jit
def _write_rows(
    positions: ChunkPositions,
    context: Ints64,
    rows: Unsigned8,
    learn: Ints64,
    games: Ints64,
) -> None:
    """Fill `rows` `[R, row_bytes]`, `learn` `[N]` and `games` `[G, 2]`, `context` being as `_find_runs` left it."""
    at, run, no_move = int64(0), -1, int64(NO_MOVE)
    for number in range(context.shape[0]):
        planes, white = positions.bits[number], positions.white_to_move[number] != 0
        flags = result_flags(int64(positions.winner[number]))
        if context[number] >= 0:
            run += 1
            games[run, 0] = at
            for back in range(context[number], 0, -1):
                _write_row(planes, back, white, no_move, at - games[run, 0], flags | CONTEXT, rows[at])
                at += 1
        move, certain = _likeliest(positions, number)
        _write_row(planes, int64(0), white, move, at - games[run, 0], flags, rows[at])
        rows[at, rows.shape[1] - 1] = 0 if certain else 1
        learn[number] = at
        at += 1
        games[run, 1] = at - games[run, 0]


def rows_from_chunks(positions: ChunkPositions, size: int) -> PackedChunk:
    """`positions` as packed rows, every run of consecutive positions of a game as a game of its own.

    A position continues the run of the one before it if the mover changes, the winner does not, and its history is
    that one's board and history. Where a run begins, the boards of its history that have stones, and any between,
    are stored before it as context. Raises ValueError if a position has no policy.
    """
    check(positions, size)
    counts = np.diff(positions.starts)
    if (counts == 0).any():
        raise ValueError(f"position {np.argmin(counts) + 1} has no policy")
    context = np.empty(len(counts), np.int64)
    games = np.empty((_find_runs(positions, context), 2), np.int64)
    rows = np.zeros((len(counts) + int(context.clip(0).sum()), row_bytes(size)), np.uint8)
    learn = np.empty(len(counts), np.int64)
    _write_rows(positions, context, rows, learn, games)
    soft = rows[learn, -1] == 1
    entries = np.repeat(soft, counts)
    starts = np.cumsum(np.concatenate([[0], counts[soft]]), dtype=np.int64)
    policies = Soft(learn[soft], starts, positions.points[entries], positions.shares[entries])
    return PackedChunk(rows, games, learn, policies)


@jit
def _gather(rows: Unsigned8, chosen: Ints64, policies: Ints64, positions: ChunkPositions) -> None:
    """Fill `positions` from the rows `chosen` `[N]`, but for the soft policies (`policies` `[N]` is not -1)."""
    width = positions.bits.shape[2]
    for number in range(chosen.shape[0]):
        row = rows[chosen[number]]
        white = row[2 * width + 4] & WHITE_TO_MOVE
        own, other = (width, 0) if white else (0, width)
        ply = row[2 * width + 2] + 256 * np.int64(row[2 * width + 3])
        for back in range(min(HISTORY, ply + 1, chosen[number] + 1)):
            past = rows[chosen[number] - back]
            positions.bits[number, back] = past[own : own + width]
            positions.bits[number, HISTORY + back] = past[other : other + width]
        positions.white_to_move[number] = white
        positions.winner[number] = winner_of(int64(row[2 * width + 4]))
        if policies[number] < 0:
            entry = positions.starts[number]
            positions.points[entry] = row[2 * width] + 256 * np.int64(row[2 * width + 1])
            positions.shares[entry] = 1.0


@jit
def _gather_policies(policies: Ints64, soft: Soft, positions: ChunkPositions) -> None:
    """Copy the soft policies number `policies` `[N]`, -1 for none, into `positions`."""
    for number in range(policies.shape[0]):
        if policies[number] >= 0:
            first, start = soft.starts[policies[number]], positions.starts[number]
            for entry in range(positions.starts[number + 1] - start):
                positions.points[start + entry] = soft.points[first + entry]
                positions.shares[start + entry] = soft.shares[first + entry]


def positions_from_rows(rows: Unsigned8, chosen: Ints64, soft: Soft | None, size: int) -> ChunkPositions:
    """The rows `chosen` `[N]` of a packed data set's `rows` `[R, row_bytes(size)]`, as chunks have them.

    The policies of rows that are marked as soft are in `soft`, None if there are none; all others are a single 1.
    Raises ValueError if a chosen row is context only, or its soft policy is not there.
    """
    soft = soft or NO_SOFT
    if len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(rows):
        raise ValueError(f"chosen rows are not all among the {len(rows)} that there are")
    tails = rows[chosen, 2 * bitboard_bytes(size) :].astype(np.int64)
    is_soft = tails[:, -1] == 1
    useless = (tails[:, 4] & CONTEXT != 0) | (~is_soft & (tails[:, 0] + 256 * tails[:, 1] > size * size))
    if useless.any():
        raise ValueError(f"row {chosen[useless.argmax()]} is there for its history only")
    policies = np.where(is_soft, np.searchsorted(soft.rows, chosen), -1)
    missing = is_soft & (np.append(soft.rows, -1)[policies] != chosen)
    if missing.any():
        raise ValueError(f"row {chosen[missing.argmax()]} has a soft policy that is not there")
    lengths = np.where(is_soft, np.append(np.diff(soft.starts), 1)[policies], 1)
    starts = np.cumsum(np.concatenate([[0], lengths]), dtype=np.int64)
    positions = new_positions(len(chosen), int(starts[-1]), size)._replace(starts=starts)
    _gather(rows, chosen, policies, positions)
    _gather_policies(policies, soft, positions)
    return positions
