"""Packed positions: every position of a game once, as bits, and the batches made of them.

docs/formats.md describes the files. A position holds its stones in 2 bits a point, the move that was played in
it, how many positions of the same game lie before it, whose turn it is and who won: 98 bytes on 19x19. The seven
boards of history that the network wants are the seven rows before; they are gathered when a batch is made.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lzeval.compiled.arrays import Floats32, Ints16, Ints64, Unsigned8, Unsigned16
from lzeval.compiled.jit import int64, jit
from lzeval.go.board import (
    BLACK,
    EMPTY,
    ILLEGAL,
    WHITE,
    Geometry,
    Scratch,
    Stones,
    has_liberty,
    may_take_own,
    play_stone,
    play_suicide,
)
from lzeval.records.scanner import ScannedRecord

HISTORY = 8
PLANES = 2 * HISTORY + 2
WHITE_TO_MOVE = 1
WON_BY_BLACK = 2
WON_BY_WHITE = 4
CONTEXT = 8
"""A row that is there for its board, as history of those after it, and not to be learnt from."""
DRAWN = 16
"""The game was a jigo; version 2 of the format did not say so."""
JIGO = 3
"""The winner of a drawn game, beside BLACK, WHITE and 0, where nobody knows."""
NO_MOVE = 0xFFFF
TURN_WHITE = 8
"""Flag beside the symmetry in `Batch.turns`."""

PACKED, BAD_MOVE, NOTHING, BAD_SETUP = 0, 1, 2, 3
"""Verdicts of `pack_game` on a game."""
VERDICTS = {
    BAD_MOVE: "an illegal move",
    NOTHING: "no moves",
    BAD_SETUP: "a stone without a liberty is set up",
}


_BITS_SET = np.array([byte.bit_count() for byte in range(256)], np.uint8)
_BIT_PLACES = np.zeros((256, 8), np.uint8)
"""Places of the bits that are set in each byte, lowest first."""
for _byte in range(256):
    _places = [place for place in range(8) if _byte >> place & 1]
    _BIT_PLACES[_byte, : len(_places)] = _places


@jit
def bitboard_width(points: int) -> int:
    """Bytes of one colour's stones on a board of so many points."""
    return (points + 7) // 8


def bitboard_bytes(size: int) -> int:
    """Bytes of one colour's stones."""
    return (size * size + 7) // 8


def row_bytes(size: int) -> int:
    """Bytes of one packed position."""
    return 2 * bitboard_bytes(size) + 6


class Batch(NamedTuple):
    """`B` positions as the network is fed, and what it should answer."""

    planes: Unsigned8
    """`[B, 18, S, S]`, 0 or 1; or still bits, `[B, 16, W]`, see `turns`."""
    moves: Ints64
    """`[B]`: the move played, an index of the policy."""
    outcomes: Floats32
    """`[B]`: +1 if the side to move won, -1 if it lost, 0 for a jigo, NaN where nobody knows."""
    plies: Ints64
    """`[B]`: how many positions of the same game lie before."""
    shares: Floats32 | None = None
    """`[B, S * S + 1]`: each move's share of a search's visits; None where all positions have one move only."""
    turns: Ints64 | None = None
    """`[B]`, only with bits: the symmetry that their planes are still to be turned by, and 8 more where White is
    to move."""


class Soft(NamedTuple):
    """The policies of rows that have more than one move, sparse: entry `e` of row `rows[k]` is in
    `starts[k] <= e < starts[k + 1]`.
    """

    rows: Ints64
    """`[K]`, ascending."""
    starts: Ints64
    """`[K + 1]`"""
    points: Unsigned16
    shares: Floats32


@jit
def result_flags(winner: int) -> int:
    """Flags of a row whose game was won by BLACK, WHITE or nobody (JIGO); 0 where nobody knows."""
    if winner == BLACK:
        return WON_BY_BLACK
    if winner == WHITE:
        return WON_BY_WHITE
    return DRAWN if winner == JIGO else 0


@jit
def winner_of(flags: int) -> int:
    """BLACK, WHITE, JIGO, or 0 where nobody knows, as a row's flags have it."""
    if flags & WON_BY_BLACK:
        return BLACK
    if flags & WON_BY_WHITE:
        return WHITE
    return JIGO if flags & DRAWN else 0


@jit
def _write_bits(stones: Stones, colour: int, row: Unsigned8, start: int) -> None:
    points = stones.shape[0] - 1
    for first in range(0, points, 8):
        byte = 0
        for bit in range(min(8, points - first)):
            if stones[first + bit] == colour:
                byte |= 1 << bit
        row[start + first // 8] = byte


@jit
def pack_game(
    geo: Geometry, scratch: Scratch, stones: Stones, record: ScannedRecord, rows: Unsigned8
) -> tuple[int, int]:
    """Replay `record` on `stones` (cleared here) and write a row of `rows` for each move.

    Returns the number of rows and PACKED; or the number of the first move the rules forbid, counted from 1, and
    BAD_MOVE; or 0 and BAD_SETUP, or NOTHING for a game without moves. Simple ko holds, and suicide is illegal
    unless `record.facts[2]` says otherwise.
    """
    points = stones.shape[0] - 1
    width = (points + 7) // 8
    stones[:points] = EMPTY
    for index in range(record.counts[1]):
        stones[record.setup[index, 1]] = record.setup[index, 0]
    for index in range(record.counts[1]):
        point = int64(record.setup[index, 1])
        if stones[point] != EMPTY and not has_liberty(geo, scratch, stones, point):
            return 0, BAD_SETUP
    result = result_flags(int64(record.facts[1]))
    ko, last_colour, added, taken = -1, 0, int64(points), True
    for ply in range(record.counts[0]):
        colour, move = int64(record.moves[ply, 0]), int64(record.moves[ply, 1])
        row = rows[ply]
        if taken:
            _write_bits(stones, int64(BLACK), row, int64(0))
            _write_bits(stones, int64(WHITE), row, width)
        else:  # the board before, and one stone more
            row[: 2 * width] = rows[ply - 1, : 2 * width]
            if added < points:
                row[(width if last_colour == WHITE else 0) + added // 8] |= 1 << (added % 8)
        row[2 * width] = move & 255
        row[2 * width + 1] = move >> 8
        row[2 * width + 2] = ply & 255
        row[2 * width + 3] = ply >> 8
        row[2 * width + 4] = result | (WHITE_TO_MOVE if colour == WHITE else 0)
        row[2 * width + 5] = 0
        taken, added = False, move
        if move == points:
            ko = -1
        else:
            if stones[move] != EMPTY or (move == ko and colour != last_colour):
                return ply + 1, BAD_MOVE
            captured, _, ko = play_stone(geo, scratch, stones, move, colour)
            if captured == ILLEGAL:
                if record.facts[2] == 0 or not may_take_own(geo, stones, move, colour):
                    return ply + 1, BAD_MOVE
                play_suicide(geo, scratch, stones, move, colour)
                ko = -1
            taken = captured != 0
        last_colour = colour
    return record.counts[0], PACKED if record.counts[0] else NOTHING


@jit
def _read_bits(row: Unsigned8, start: int, plane: Unsigned8, table: Ints16) -> None:
    """Set `plane[table[point]]` for every point that `row` has a bit for."""
    for number in range((plane.shape[0] + 7) // 8):
        byte = row[start + number]
        for item in range(_BITS_SET[byte]):
            plane[table[8 * number + _BIT_PLACES[byte, item]]] = 1


@jit
def gather_bits(rows: Unsigned8, chosen: Ints64, bits: Unsigned8, white_to_move: Ints64) -> None:
    """The boards of the rows `chosen` `[B]` and of their histories, as they lie, into `bits` `[B, 16, W]`."""
    width = bits.shape[2]
    bits[:] = 0
    for item in range(chosen.shape[0]):
        row = rows[chosen[item]]
        white_to_move[item] = row[2 * width + 4] & WHITE_TO_MOVE
        own, other = (width, 0) if white_to_move[item] else (0, width)
        ply = row[2 * width + 2] + 256 * np.int64(row[2 * width + 3])
        for back in range(min(HISTORY, ply + 1)):
            past = rows[chosen[item] - back]
            bits[item, back] = past[own : own + width]
            bits[item, HISTORY + back] = past[other : other + width]


@jit
def fill_targets(
    rows: Unsigned8,
    chosen: Ints64,
    symmetries: Ints64,
    tables: Ints16,
    moves: Ints64,
    outcomes: Floats32,
    plies: Ints64,
) -> None:
    """Fill in the targets of the rows `chosen` `[B]`, each turned by its symmetry."""
    width = bitboard_width(tables.shape[1] - 1)
    for item in range(chosen.shape[0]):
        row = rows[chosen[item]]
        white = row[2 * width + 4] & WHITE_TO_MOVE
        plies[item] = row[2 * width + 2] + 256 * np.int64(row[2 * width + 3])
        moves[item] = tables[symmetries[item]][row[2 * width] + 256 * np.int64(row[2 * width + 1])]
        winner = winner_of(int64(row[2 * width + 4]))
        if winner == 0:
            outcomes[item] = np.nan
        elif winner == JIGO:
            outcomes[item] = 0.0
        else:
            outcomes[item] = 1.0 if (winner == WHITE) == bool(white) else -1.0


@jit
def fill_planes(
    rows: Unsigned8,
    chosen: Ints64,
    symmetries: Ints64,
    tables: Ints16,
    planes: Unsigned8,
) -> None:
    """Unpack the rows `chosen` `[B]`, each turned by its symmetry, into `planes` `[B, 18, S * S]`."""
    width = bitboard_width(planes.shape[2])
    planes[:] = 0
    for item in range(chosen.shape[0]):
        table = tables[symmetries[item]]
        row = rows[chosen[item]]
        white = row[2 * width + 4] & WHITE_TO_MOVE
        own, other = (width, 0) if white else (0, width)
        ply = row[2 * width + 2] + 256 * np.int64(row[2 * width + 3])
        for back in range(min(HISTORY, ply + 1)):
            past = rows[chosen[item] - back]
            _read_bits(past, own, planes[item, back], table)
            _read_bits(past, other, planes[item, HISTORY + back], table)
        planes[item, 2 * HISTORY + white] = 1


@jit
def fill_shares(
    soft: Soft,
    chosen: Ints64,
    symmetries: Ints64,
    tables: Ints16,
    moves: Ints64,
    shares: Floats32,
) -> None:
    """Write the policies of the rows `chosen` `[B]` to `shares` `[B, S * S + 1]`; `moves` `[B]` are turned already."""
    shares[:] = 0
    for item in range(chosen.shape[0]):
        at = np.searchsorted(soft.rows, chosen[item])
        if at == soft.rows.shape[0] or soft.rows[at] != chosen[item]:
            shares[item, moves[item]] = 1
            continue
        table = tables[symmetries[item]]
        for entry in range(soft.starts[at], soft.starts[at + 1]):
            shares[item, table[soft.points[entry]]] = soft.shares[entry]


@jit
def game_key(rows: Unsigned8, tables: Ints16) -> np.uint64:
    """A number that games share if they are one game, turned or mirrored: of the first board and all moves but passes.

    `rows` `[N, row_bytes]` are the game's, `tables` `points.symmetry_tables`.
    """
    points = tables.shape[1] - 1
    width = (points + 7) // 8
    smallest = np.uint64(0xFFFFFFFFFFFFFFFF)
    for symmetry in range(tables.shape[0]):
        table = tables[symmetry]
        key = np.uint64(points)
        for point in range(points):
            for colour in range(2):
                if rows[0, colour * width + point // 8] >> (point % 8) & 1:
                    key += _stirred(np.uint64(2 * table[point] + colour + 1))
        for number in range(rows.shape[0]):
            row = rows[number]
            move = row[2 * width] + 256 * np.int64(row[2 * width + 1])
            if move < points and not row[2 * width + 4] & CONTEXT:
                white = row[2 * width + 4] & WHITE_TO_MOVE
                key = _stirred(key ^ np.uint64(2 * table[move] + white + 1))
        smallest = min(smallest, key)
    return smallest


@jit
def _stirred(word: np.uint64) -> np.uint64:
    """The finaliser of splitmix64 (Steele, Lea and Flood, 2014)."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


def make_batch(
    rows: Unsigned8,
    chosen: Ints64,
    symmetries: Ints64,
    tables: Ints16,
    soft: Soft | None = None,
    *,
    as_bits: bool = False,
) -> Batch:
    """The rows `chosen` `[B]` under `symmetries` `[B]`; `as_bits` leaves the planes to be unpacked elsewhere.

    `tables` are `points.symmetry_tables`; `soft` are the policies of rows that have more than one move.
    """
    points = tables.shape[1] - 1
    size = int(points**0.5)
    count = chosen.shape[0]
    moves = np.empty(count, np.int64)
    outcomes = np.empty(count, np.float32)
    plies = np.empty(count, np.int64)
    fill_targets(rows, chosen, symmetries, tables, moves, outcomes, plies)
    shares = None
    if soft is not None:
        shares = np.empty((count, points + 1), np.float32)
        fill_shares(soft, chosen, symmetries, tables, moves, shares)
    if as_bits:
        bits, white_to_move = (
            np.empty((count, 2 * HISTORY, bitboard_bytes(size)), np.uint8),
            np.empty_like(moves),
        )
        gather_bits(rows, chosen, bits, white_to_move)
        return Batch(bits, moves, outcomes, plies, shares, symmetries + TURN_WHITE * white_to_move)
    planes = np.empty((count, PLANES, points), np.uint8)
    fill_planes(rows, chosen, symmetries, tables, planes)
    return Batch(planes.reshape(count, PLANES, size, size), moves, outcomes, plies, shares)
