"""The packed data set: every position of a game once, as bits, and the batches made of them.

docs/formats.md describes the files. A position holds its stones in 2 bits a point, the move that was played in
it, how many positions of the same game lie before it, whose turn it is and who won: 98 bytes on 19x19. The seven
boards of history that the network wants are the seven records before; they are gathered when a batch is made.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lzeval.core.board import (
    BLACK,
    EMPTY,
    ILLEGAL,
    WALL,
    WHITE,
    Geometry,
    Scratch,
    Stones,
    area_owners,
    geometry,
    new_scratch,
    play_stone,
)
from lzeval.core.jit import jit
from lzeval.core.sgf import Record

HISTORY = 8
PLANES = 2 * HISTORY + 2
WHITE_TO_MOVE = 1
WON_BY_BLACK = 2
WON_BY_WHITE = 4

PACKED, BAD_MOVE, NOTHING = 0, 1, 2
"""What `pack_game` says of a game."""

Rows = npt.NDArray[np.uint8]


def bitboard_bytes(size: int) -> int:
    """Bytes of one colour's stones."""
    return (size * size + 7) // 8


def row_bytes(size: int) -> int:
    """Bytes of one packed position."""
    return 2 * bitboard_bytes(size) + 6


class Batch(NamedTuple):
    """`B` positions as the network is fed, and what it should answer."""

    planes: npt.NDArray[np.uint8]
    """`[B, 18, S, S]`, 0 or 1."""
    moves: npt.NDArray[np.int64]
    """`[B]`: the move played, an index of the policy."""
    outcomes: npt.NDArray[np.float32]
    """`[B]`: +1 if the side to move won, -1 if it lost, 0 where nobody knows."""
    territory: npt.NDArray[np.int8]
    """`[B, S, S]`: +1 where the side to move has a stone or surrounds a point when the record's last move is due,
    -1 where the opponent does, 0 where neither does."""


@jit
def _write_bits(stones: Stones, colour: int, row: Rows, start: int) -> None:
    points = stones.shape[0] - 1
    for first in range(0, points, 8):
        byte = 0
        for bit in range(min(8, points - first)):
            if stones[first + bit] == colour:
                byte |= 1 << bit
        row[start + first // 8] = byte


@jit
def pack_game(geo: Geometry, scratch: Scratch, stones: Stones, record: Record, rows: Rows) -> tuple[int, int]:
    """Replay `record` on `stones` (cleared here) and write a row of `rows` for each move.

    Returns the number of rows and PACKED; or the number of the first move the rules forbid, counted from 1, and
    BAD_MOVE (0 for a set-up without a board to stand on); or NOTHING for a game without moves.
    """
    points = stones.shape[0] - 1
    width = (points + 7) // 8
    stones[:points] = EMPTY
    for index in range(record.counts[1]):
        stones[record.setup[index, 1]] = record.setup[index, 0]
    result = 0
    if record.facts[3] == BLACK:
        result = WON_BY_BLACK
    elif record.facts[3] == WHITE:
        result = WON_BY_WHITE
    ko, last_colour = -1, 0
    for ply in range(record.counts[0]):
        colour, move = record.moves[ply, 0], record.moves[ply, 1]
        row = rows[ply]
        _write_bits(stones, BLACK, row, 0)
        _write_bits(stones, WHITE, row, width)
        row[2 * width] = move & 255
        row[2 * width + 1] = move >> 8
        row[2 * width + 2] = ply & 255
        row[2 * width + 3] = ply >> 8
        row[2 * width + 4] = result | (WHITE_TO_MOVE if colour == WHITE else 0)
        row[2 * width + 5] = 0
        if move == points:
            ko = -1
        else:
            if stones[move] != EMPTY or (move == ko and colour != last_colour):
                return ply + 1, BAD_MOVE
            captured, _, ko = play_stone(geo, scratch, stones, move, colour)
            if captured == ILLEGAL:
                return ply + 1, BAD_MOVE
        last_colour = colour
    return record.counts[0], PACKED if record.counts[0] else NOTHING


@jit
def _read_bits(row: Rows, start: int, plane: npt.NDArray[np.uint8], table: npt.NDArray[np.int16]) -> None:
    """Set `plane[table[point]]` for every point that `row` has a bit for."""
    points = plane.shape[0]
    for first in range(0, points, 8):
        byte = row[start + first // 8]
        if byte:
            for bit in range(8):
                if byte >> bit & 1:
                    plane[table[first + bit]] = 1


@jit
def _fill_territory(
    row: Rows,
    white: bool,
    table: npt.NDArray[np.int16],
    geo: Geometry,
    scratch: Scratch,
    territory: npt.NDArray[np.int8],
) -> None:
    """Who owns what on the board of `row`, as the mover sees it, turned by `table`: `[S * S]`."""
    points = territory.shape[0]
    width = (points + 7) // 8
    stones = np.zeros(points + 1, np.int8)
    stones[points] = WALL
    for point in range(points):
        if row[point // 8] >> (point % 8) & 1:
            stones[point] = BLACK
        elif row[width + point // 8] >> (point % 8) & 1:
            stones[point] = WHITE
    owners = np.empty(points, np.int8)
    area_owners(geo, scratch, stones, owners)
    own = WHITE if white else BLACK
    for point in range(points):
        if owners[point] == EMPTY:
            territory[table[point]] = 0
        else:
            territory[table[point]] = 1 if owners[point] == own else -1


@jit
def fill_batch(
    rows: Rows,
    chosen: npt.NDArray[np.int64],
    lasts: npt.NDArray[np.int64],
    symmetries: npt.NDArray[np.int64],
    tables: npt.NDArray[np.int16],
    planes: npt.NDArray[np.uint8],
    moves: npt.NDArray[np.int64],
    outcomes: npt.NDArray[np.float32],
    territory: npt.NDArray[np.int8],
    geo: Geometry,
    scratch: Scratch,
) -> None:
    """Unpack the rows `chosen` `[B]`, each turned by its symmetry, into `planes` `[B, 18, S * S]` and targets.

    `lasts` `[B]` are the last rows of their games; targets are `[B]`, `territory` is `[B, S * S]`.
    """
    points = planes.shape[2]
    width = (points + 7) // 8
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
        moves[item] = table[row[2 * width] + 256 * np.int64(row[2 * width + 1])]
        winner = row[2 * width + 4] & (WON_BY_BLACK | WON_BY_WHITE)
        outcomes[item] = 0.0
        if winner:
            outcomes[item] = 1.0 if (winner == WON_BY_WHITE) == bool(white) else -1.0
        _fill_territory(rows[lasts[item]], bool(white), table, geo, scratch, territory[item])


def make_batch(
    rows: Rows,
    chosen: npt.NDArray[np.int64],
    lasts: npt.NDArray[np.int64],
    symmetries: npt.NDArray[np.int64],
    tables: npt.NDArray[np.int16],
) -> Batch:
    """The positions `chosen` `[B]`, of games that end with the rows `lasts` `[B]`, under `symmetries` `[B]`.

    `tables` are `points.symmetry_tables`.
    """
    points = tables.shape[1] - 1
    size = int(points**0.5)
    count = chosen.shape[0]
    planes = np.empty((count, PLANES, points), np.uint8)
    moves = np.empty(count, np.int64)
    outcomes = np.empty(count, np.float32)
    territory = np.empty((count, points), np.int8)
    targets = moves, outcomes, territory
    fill_batch(rows, chosen, lasts, symmetries, tables, planes, *targets, geometry(size), new_scratch(size))
    return Batch(
        planes.reshape(count, PLANES, size, size), moves, outcomes, territory.reshape(count, size, size)
    )
