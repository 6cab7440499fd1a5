"""Leela Zero's training chunks, text (v1) and binary (v2), read and written at packing speed.

A v1 position is 19 lines: 16 hex rows (the mover's stones now and one to seven moves ago, then the opponent's),
`0` or `1` for Black or White to move, `S * S + 1` probabilities, and `1` or `-1` if the mover won or lost. A v2
position is 2176 bytes of the same, on 19x19 only: `V2`. Points are in the order of `lzeval.core.points`.

Chunks know nothing of games: every position brings its own seven boards of history. `rows_from_chunks` finds the
positions that follow one another, so that each board is stored once, as docs/formats.md has it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from lzeval.core.board import BLACK, WHITE
from lzeval.core.jit import int64, jit
from lzeval.core.points import LARGEST, SMALLEST
from trainer.positions import (
    CONTEXT,
    HISTORY,
    NO_MOVE,
    WHITE_TO_MOVE,
    WON_BY_BLACK,
    WON_BY_WHITE,
    Rows,
    bitboard_bytes,
    row_bytes,
)

LINES = 19
"""Lines of a v1 position."""
HEX_ROWS = 2 * HISTORY
V2_SIZE = 19
V2 = np.dtype(
    [
        ("version", "<i4"),
        ("probabilities", "<f4", V2_SIZE * V2_SIZE + 1),
        (
            "planes",
            "u1",
            HEX_ROWS * V2_SIZE * V2_SIZE // 8,
        ),  # plane after plane, the first point's bit the highest
        ("white_to_move", "u1"),
        ("won", "u1"),
    ]
)
"""A v2 position: 2176 bytes."""

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

_NEWLINE, _RETURN, _SPACE, _PLUS, _MINUS, _POINT, _ZERO, _ONE, _NINE = 10, 13, 32, 43, 45, 46, 48, 49, 57
_NO_DIGIT = 0x80

Bytes = npt.NDArray[np.uint8]
Fault = tuple[int, str]
"""Which position of the file, counted from 1, and what is wrong with it."""


class ChunkPositions(NamedTuple):
    """`N` positions of a chunk on a board of `S` lines, `W = (S * S + 7) // 8`."""

    bits: npt.NDArray[np.uint8]
    """`[N, 16, W]`: the chunk's planes; point `p` is bit `p % 8` (the lowest is 0) of byte `p // 8`."""
    white_to_move: npt.NDArray[np.uint8]
    """`[N]`: 1 if White is to move."""
    winner: npt.NDArray[np.uint8]
    """`[N]`: BLACK or WHITE, 0 if nobody knows."""
    starts: npt.NDArray[np.int64]
    """`[N + 1]`: position `n` has the entries `starts[n]` to `starts[n + 1] - 1` of the next two."""
    points: npt.NDArray[np.uint16]
    """`[E]`: the moves that have a probability, ascending within a position; the pass is `S * S`."""
    shares: npt.NDArray[np.float32]
    """`[E]`: their probabilities, more than 0."""


class PackedChunk(NamedTuple):
    """A chunk's positions as packed rows, with what the rows have no room for."""

    rows: Rows
    """`[R, row_bytes(S)]`: positions.bin, with the flag CONTEXT, and 1 in the last byte for a soft policy."""
    games: npt.NDArray[np.int64]
    """`[G, 2]`: first row and number of rows of each run of consecutive positions, context included."""
    learn: npt.NDArray[np.int64]
    """`[N]`: the rows that are the chunk's positions, in its order; the others are context only."""
    soft_rows: npt.NDArray[np.int64]
    """`[K]`, ascending: rows whose policy is anything but a single 1."""
    soft_starts: npt.NDArray[np.int64]
    """`[K + 1]`: where the policy of each begins in the next two."""
    soft_points: npt.NDArray[np.uint16]
    soft_shares: npt.NDArray[np.float32]


def hex_row_length(size: int) -> int:
    """Characters of a hex row: a digit for each four points, and one for the point that is left if `size` is odd."""
    return size * size // 4 + size * size % 4


def _reversed_nibbles() -> Bytes:
    """`[256]`: of each character, its hex digit with the four bits reversed, or `_NO_DIGIT`."""
    table = np.full(256, _NO_DIGIT, np.uint8)
    for digit in range(16):
        for letter in (f"{digit:x}", f"{digit:X}"):
            table[ord(letter)] = int(f"{digit:04b}"[::-1], 2)
    return table


def _sizes_by_length() -> Bytes:
    """Of each length of a hex row, its board size; 0 if there is none."""
    table = np.zeros(hex_row_length(LARGEST) + 1, np.uint8)
    for size in range(SMALLEST, LARGEST + 1):
        table[hex_row_length(size)] = size
    return table


_NIBBLES = _reversed_nibbles()
_HEX_DIGITS = np.array([ord(f"{int(f'{n:04b}'[::-1], 2):x}") for n in range(16)], np.uint8)
_REVERSED = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)], np.uint8)
_SIZES = _sizes_by_length()
_TENS = np.array([float(f"1e{power}") for power in range(23)])
"""The powers of ten that float64 holds exactly."""


def chunk_kind(content: bytes) -> Literal["v1", "v2"] | None:
    """Whether `content`, decompressed, begins like a v1 or a v2 chunk; None if it is something else."""
    if content[:4] == b"\1\0\0\0":
        return "v2" if len(content) >= V2.itemsize else None
    lines = content[: (HEX_ROWS + 2) * (len(_SIZES) + 2)].replace(b"\r\n", b"\n").split(b"\n")
    rows = lines[:HEX_ROWS]
    if len(lines) <= HEX_ROWS or lines[HEX_ROWS] not in (b"0", b"1"):
        return None
    if any(len(row) != len(rows[0]) for row in rows) or not 0 < len(rows[0]) < len(_SIZES):
        return None
    usable = _SIZES[len(rows[0])] and (_NIBBLES[np.frombuffer(b"".join(rows), np.uint8)] != _NO_DIGIT).all()
    return "v1" if usable else None


# Reading v1


@jit
def _find_line(text: Bytes, start: int) -> tuple[int, int]:
    """Where the line at `start` ends, its CR LF left out, and where the next one begins."""
    end = start
    while end < text.shape[0] and text[end] != _NEWLINE:
        end += 1
    following = min(end + 1, text.shape[0])
    if end > start and text[end - 1] == _RETURN:
        end -= 1
    return end, following


@jit
def _find_lines(text: Bytes, start: int, lines: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Note where up to 19 lines from `start` begin and end in `lines` `[19, 2]`.

    Returns how many there are, and where the next one begins.
    """
    at, count = start, 0
    while count < LINES and at < text.shape[0]:
        end, following = _find_line(text, at)
        lines[count, 0], lines[count, 1] = at, end
        at = following
        count += 1
    return count, at


@jit
def _read_hex_row(text: Bytes, start: int, end: int, points: int, plane: Bytes) -> bool:
    """Fill `plane` `[W]` from the hex row `text[start:end]`. Returns whether it is one for this board."""
    digits = points // 4
    if end - start != digits + points % 4:
        return False
    seen = 0
    for index in range(digits // 2):
        low, high = _NIBBLES[text[start + 2 * index]], _NIBBLES[text[start + 2 * index + 1]]
        seen |= low | high
        plane[index] = low | high << 4
    if digits % 2:
        plane[digits // 2] = _NIBBLES[text[start + digits - 1]]
        seen |= plane[digits // 2]
    if points % 4:
        seen |= 0 if _ZERO <= text[end - 1] <= _ONE else _NO_DIGIT
        plane[digits // 2] = text[end - 1] & 1
    return seen & _NO_DIGIT == 0


@jit
def _is_hex(text: Bytes, start: int, end: int) -> bool:
    for at in range(start, end):
        if _NIBBLES[text[at]] == _NO_DIGIT:
            return False
    return end > start


@jit
def _count_spaces(text: Bytes, start: int, end: int) -> int:
    spaces = 0
    for at in range(start, end):
        spaces += text[at] == _SPACE
    return spaces


@jit
def _hex_fault(text: Bytes, lines: npt.NDArray[np.int64], points: int) -> int:
    """Why the first 16 of `lines` are not the hex rows of this board: they are another's, or none."""
    length = lines[0, 1] - lines[0, 0]
    if length == points // 4 + points % 4 or length >= _SIZES.shape[0] or _SIZES[length] == 0:
        return BAD_HEX
    for row in range(HEX_ROWS):
        if lines[row, 1] - lines[row, 0] != length or not _is_hex(text, lines[row, 0], lines[row, 1]):
            return BAD_HEX
    return OTHER_SIZE


@jit
def _read_exponent(text: Bytes, start: int, end: int) -> tuple[int, bool]:
    """The number in `text[start:end]`, as in `-05`, within 999; and whether there is one."""
    negative = start < end and text[start] == _MINUS
    digits = start + 1 if negative or (start < end and text[start] == _PLUS) else start
    at, value = digits, 0
    while at < end and _ZERO <= text[at] <= _NINE:
        value = min(value * 10 + (text[at] - _ZERO), 999)
        at += 1
    return (-value if negative else value), at == end > digits


@jit
def _scaled(mantissa: int, exponent: int) -> float:
    """`mantissa * 10 ** exponent`; exact before one rounding as long as the exponent is -22 to 22."""
    value = float(mantissa)
    while exponent < -22 and value != 0.0:
        value /= 1e22
        exponent += 22
    while exponent > 22 and 0.0 < value < 1e300:
        value *= 1e22
        exponent -= 22
    if exponent < 0:
        return value / float(_TENS[min(-exponent, 22)])
    return value * float(_TENS[min(exponent, 22)])


@jit
def _read_decimal(text: Bytes, start: int, end: int) -> float:
    """The decimal number in `text[start:end]`, as in 0.0217 or 1.2e-05; NaN if there is none, or less than 0."""
    at = start + 1 if text[start] == _MINUS else start
    mantissa, exponent, digits, behind_point = 0, 0, 0, False
    while at < end and (_ZERO <= text[at] <= _NINE or (text[at] == _POINT and not behind_point)):
        if text[at] == _POINT:
            behind_point = True
        else:
            digits += 1
            room = mantissa < 10**16
            if room:
                mantissa = mantissa * 10 + (text[at] - _ZERO)
            exponent += (0 if room else 1) - (1 if behind_point else 0)
        at += 1
    if at < end:
        power, good = _read_exponent(text, at + 1, end)
        if not good or text[at] | 32 != 101:
            return np.nan
        exponent += power
    if digits == 0 or (mantissa > 0 and text[start] == _MINUS):
        return np.nan
    return _scaled(mantissa, exponent)


@jit
def _read_policy(
    text: Bytes, start: int, end: int, points: int, positions: ChunkPositions, filled: int
) -> tuple[int, int]:
    """Add the probabilities in `text[start:end]` to the entries of `positions`, of which `filled` are there.

    Returns how many are there now, and OK or a fault.
    """
    at, count, good, first = start, 0, True, filled
    while at < end:
        stop = at + 1
        if text[at] != _SPACE:
            while stop < end and text[stop] != _SPACE:
                stop += 1
            if count <= points and (stop > at + 1 or text[at] != _ZERO):
                share = np.float32(_read_decimal(text, at, stop))
                if not 0 <= share < np.inf:
                    good = False
                if share > 0:
                    positions.points[filled], positions.shares[filled] = count, share
                    filled += 1
            count += 1
        at = stop
    if count != points + 1:
        return filled, WRONG_COUNT
    if not good:
        return filled, NOT_A_NUMBER
    return filled, (OK if filled > first else NO_POLICY)


@jit
def _is_side(text: Bytes, start: int, end: int) -> bool:
    return end == start + 1 and _ZERO <= text[start] <= _ONE


@jit
def _read_sign(text: Bytes, start: int, end: int) -> int:
    """1 or -1 as the text says, 0 if it says neither."""
    if end == start + 1 and text[start] == _ONE:
        return 1
    if end == start + 2 and text[start] == _MINUS and text[start + 1] == _ONE:
        return -1
    return 0


@jit
def _read_position(
    text: Bytes,
    lines: npt.NDArray[np.int64],
    points: int,
    positions: ChunkPositions,
    number: int,
    filled: int,
) -> tuple[int, int]:
    """Read the position on the 19 `lines` into place `number`. Returns the entries there are, and OK or a fault."""
    for row in range(HEX_ROWS):
        if not _read_hex_row(text, lines[row, 0], lines[row, 1], points, positions.bits[number, row]):
            return filled, _hex_fault(text, lines, points)
    if not _is_side(text, lines[HEX_ROWS, 0], lines[HEX_ROWS, 1]):
        return filled, NO_SIDE
    white = text[lines[HEX_ROWS, 0]] == _ONE
    filled, fault = _read_policy(text, lines[17, 0], lines[17, 1], points, positions, filled)
    if fault != OK:
        return filled, fault
    sign = _read_sign(text, lines[18, 0], lines[18, 1])
    if sign == 0:
        return filled, (CUT_SHORT if lines[18, 1] == text.shape[0] else NO_RESULT)
    positions.white_to_move[number] = white
    positions.winner[number] = WHITE if white == (sign > 0) else BLACK
    return filled, OK


@jit
def _fault_at_end(text: Bytes, lines: npt.NDArray[np.int64], count: int) -> int:
    """What to say of a position that has only `count` of its lines: the end may not be all that is wrong with it."""
    whole = count if text[-1] == _NEWLINE else count - 1
    length = lines[0, 1] - lines[0, 0]
    for row in range(min(whole, HEX_ROWS)):
        if lines[row, 1] - lines[row, 0] != length or not _is_hex(text, lines[row, 0], lines[row, 1]):
            return BAD_HEX
    if whole > HEX_ROWS and not _is_side(text, lines[HEX_ROWS, 0], lines[HEX_ROWS, 1]):
        return NO_SIDE
    return CUT_SHORT


@jit
def _keeps_its_lines(text: Bytes, lines: npt.NDArray[np.int64], following: int) -> bool:
    """Whether a bad position has neither lost nor gained one of its `lines`, so that the next is at `following`.

    Its probabilities are where they should be then, and so is its result; or what stands there is neither a hex row
    nor followed by a result.
    """
    if _count_spaces(text, lines[17, 0], lines[17, 1]) == 0:
        return False
    start, end = lines[18, 0], lines[18, 1]
    if _read_sign(text, start, end) != 0:
        return True
    if end - start == lines[0, 1] - lines[0, 0] or _count_spaces(text, start, end) > 0:
        return False
    return _read_sign(text, following, _find_line(text, following)[0]) == 0


@jit
def _next_rows(text: Bytes, start: int, points: int, plane: Bytes) -> int:
    """Where, behind the line at `start`, 16 hex rows begin; the text's length if nowhere.

    Rows that follow `start` without anything between belong to the position that begins there. `plane` is scratch.
    """
    at, run, first, broken = start, 0, start, False
    while at < text.shape[0]:
        end, following = _find_line(text, at)
        if _read_hex_row(text, at, end, points, plane):
            first = first if run else at
            run += 1
            if run == HEX_ROWS and broken:
                return first
        else:
            broken, run = True, 0
        at = following
    return at


@jit
def _read_text(
    text: Bytes, points: int, positions: ChunkPositions, faults: npt.NDArray[np.int64]
) -> tuple[int, int]:
    """Fill `positions` and `faults` `[F, 2]`, number and fault. Returns how many there are of either.

    A fault that leaves a position its 19 lines (which the place of the probabilities tells) costs that position;
    after any other, reading goes on where 16 hex rows begin.
    """
    lines = np.empty((LINES, 2), np.int64)
    at, count, bad, filled = int64(0), int64(0), 0, int64(0)
    positions.starts[0] = 0
    while at < text.shape[0]:
        end, following = _find_line(text, at)
        if end == at:
            at = following
            continue
        found, following = _find_lines(text, at, lines)
        if found < LINES:
            fault, after = _fault_at_end(text, lines, found), filled
        else:
            after, fault = _read_position(text, lines, points, positions, count, filled)
        if fault == OK:
            count, filled, at = count + 1, after, following
            positions.starts[count] = filled
            continue
        faults[bad, 0], faults[bad, 1] = count + bad + 1, fault
        bad += 1
        if found == LINES and _keeps_its_lines(text, lines, following):
            at = following
        else:
            at = _next_rows(text, at, points, positions.bits[count, 0])
    return count, bad


def _buffers(positions: int, entries: int, size: int) -> ChunkPositions:
    return ChunkPositions(
        np.zeros((positions, HEX_ROWS, bitboard_bytes(size)), np.uint8),
        np.zeros(positions, np.uint8),
        np.zeros(positions, np.uint8),
        np.zeros(positions + 1, np.int64),
        np.zeros(entries, np.uint16),
        np.zeros(entries, np.float32),
    )


def _first(positions: ChunkPositions, count: int) -> ChunkPositions:
    """The first `count` positions, in memory of their own."""
    entries = int(positions.starts[count])
    return ChunkPositions(
        positions.bits[:count].copy(),
        positions.white_to_move[:count].copy(),
        positions.winner[:count].copy(),
        positions.starts[: count + 1].copy(),
        positions.points[:entries].copy(),
        positions.shares[:entries].copy(),
    )


def _explained(faults: npt.NDArray[np.int64], size: int) -> list[Fault]:
    return [(number, FAULTS[fault].format(size=size)) for number, fault in faults.tolist()]


def read_v1(content: bytes, size: int) -> tuple[ChunkPositions, list[Fault]]:
    """The positions of a v1 chunk, decompressed, on a board of `size` lines; bad ones are left out and listed.

    Probabilities are the float32 nearest to the decimals. A position costs itself only, wherever the next one can
    be found: on 2x2, where all lines look alike, a missing line may cost more.
    """
    text = np.frombuffer(content, np.uint8)
    shortest = HEX_ROWS * (hex_row_length(size) + 1) + 2 * (size * size + 1) + 3
    room = (len(text) + 1) // shortest + 1
    positions = _buffers(room, (len(text) + 1) // 2 + size * size + 1, size)
    faults = np.zeros((content.count(b"\n") + 1, 2), np.int64)
    count, bad = _read_text(text, size * size, positions, faults)
    return _first(positions, count), _explained(faults[:bad], size)


# Writing v1


@jit
def _write_text(
    positions: ChunkPositions,
    points: int,
    letters: Bytes,
    spans: npt.NDArray[np.int64],
    spelling: npt.NDArray[np.int64],
    out: Bytes,
) -> int:
    """Write all positions to `out`. Returns the number of bytes, or -1 if a policy's entries are not in order.

    Entry `e` is spelled `letters[spans[k]:spans[k + 1]]` with `k = spelling[e]`.
    """
    at = int64(0)
    for number in range(positions.bits.shape[0]):
        for row in range(HEX_ROWS):
            at = _write_hex_row(positions.bits[number, row], points, out, at)
        out[at] = _ZERO + positions.white_to_move[number]
        out[at + 1] = _NEWLINE
        at += 2
        entry, last = positions.starts[number], positions.starts[number + 1]
        for point in range(points + 1):
            if entry < last and positions.points[entry] == point:
                for letter in range(spans[spelling[entry]], spans[spelling[entry] + 1]):
                    out[at] = letters[letter]
                    at += 1
                entry += 1
            else:
                out[at] = _ZERO
                at += 1
            out[at] = _SPACE if point < points else _NEWLINE
            at += 1
        if entry < last:
            return -1
        if (positions.winner[number] == WHITE) != (positions.white_to_move[number] != 0):
            out[at] = _MINUS
            at += 1
        out[at], out[at + 1] = _ONE, _NEWLINE
        at += 2
    return at


@jit
def _write_hex_row(plane: Bytes, points: int, out: Bytes, at: int) -> int:
    """Write a plane `[W]` as a line to `out` from `at`. Returns where the next one begins."""
    digits = points // 4
    for index in range(digits):
        out[at + index] = _HEX_DIGITS[plane[index // 2] >> (4 * (index % 2)) & 15]
    at += digits
    if points % 4:
        out[at] = _ZERO + (plane[digits // 2] & 1)
        at += 1
    out[at] = _NEWLINE
    return at + 1


def _check(positions: ChunkPositions, size: int) -> None:
    """Raise ValueError for positions that no chunk can hold, or whose arrays do not belong together."""
    count, entries = len(positions.white_to_move), len(positions.points)
    if positions.bits.shape != (count, HEX_ROWS, bitboard_bytes(size)) or len(positions.winner) != count:
        raise ValueError(f"these are not positions on {size}x{size}")
    starts = positions.starts
    if len(starts) != count + 1 or starts[0] != 0 or starts[-1] != entries or (np.diff(starts) < 0).any():
        raise ValueError("the policies' starts do not fit their entries")
    if len(positions.shares) != entries or (positions.points > size * size).any():
        raise ValueError("the policies' entries are not on the board")
    if not (np.isfinite(positions.shares) & (positions.shares >= 0)).all():
        raise ValueError("the policies' entries are not probabilities")


def _check_winners(positions: ChunkPositions) -> None:
    unknown = np.flatnonzero((positions.winner != BLACK) & (positions.winner != WHITE))
    if len(unknown):
        raise ValueError(f"position {unknown[0] + 1} has no winner, and chunks cannot say so")


def write_v1(positions: ChunkPositions, size: int) -> bytes:
    """The v1 chunk of `positions`: probabilities as C++ prints a float, with six digits (`%g`), lines end in LF.

    Raises ValueError if a position has no winner.
    """
    _check(positions, size)
    _check_winners(positions)
    values, spelling = np.unique(positions.shares, return_inverse=True)
    spelled = [b"%g" % value for value in values.tolist()]
    spans = np.cumsum([0, *map(len, spelled)], dtype=np.int64)
    letters = np.frombuffer(b"".join(spelled) or b"0", np.uint8)
    a_position = HEX_ROWS * (hex_row_length(size) + 1) + 2 * (size * size + 1) + 5
    room = len(positions.bits) * a_position + int(np.diff(spans)[spelling].sum())
    out = np.empty(room, np.uint8)
    length = _write_text(positions, size * size, letters, spans, spelling.astype(np.int64), out)
    if length < 0:
        raise ValueError("the entries of a policy are not in the order of their points")
    return out[:length].tobytes()


# Version 2


@jit
def _unpack_v2(packed: Bytes, points: int, bits: Bytes) -> None:
    """Planes packed end to end, `[N, 722]`, the first point's bit the highest, into `bits` `[N, 16, W]`."""
    for number in range(packed.shape[0]):
        for row in range(HEX_ROWS):
            for first in range(0, points, 8):
                at = row * points + first
                pair = np.int64(packed[number, at // 8]) << 8
                if at // 8 + 1 < packed.shape[1]:
                    pair |= packed[number, at // 8 + 1]
                byte = _REVERSED[pair >> (8 - at % 8) & 255]
                bits[number, row, first // 8] = byte & ((1 << min(8, points - first)) - 1)


@jit
def _pack_v2(bits: Bytes, points: int, packed: Bytes) -> None:
    """The inverse of `_unpack_v2`; `packed` `[N, 722]` holds zeros before."""
    for number in range(bits.shape[0]):
        for row in range(HEX_ROWS):
            for first in range(0, points, 8):
                byte = bits[number, row, first // 8]
                for bit in range(min(8, points - first) if byte else 0):
                    if byte >> bit & 1:
                        at = row * points + first + bit
                        packed[number, at // 8] |= 128 >> at % 8


def _v2_faults(records: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
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


def read_v2(content: bytes) -> tuple[ChunkPositions, list[Fault]]:
    """The positions of a v2 chunk, decompressed; bad ones are left out and listed."""
    count = len(content) // V2.itemsize
    records = np.frombuffer(content[: count * V2.itemsize], V2)
    verdicts = _v2_faults(records)
    faults = np.stack([np.arange(1, count + 1), verdicts], axis=1)[verdicts != OK]
    records = records[verdicts == OK]
    numbers, points = np.nonzero(records["probabilities"])
    bits = np.zeros((len(records), HEX_ROWS, bitboard_bytes(V2_SIZE)), np.uint8)
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
    explained = _explained(faults, V2_SIZE)
    if len(content) % V2.itemsize:
        explained.append((count + 1, FAULTS[CUT_SHORT]))
    return positions, explained


def write_v2(positions: ChunkPositions) -> bytes:
    """The v2 chunk of `positions` on 19x19. Raises ValueError if a position has no winner."""
    _check(positions, V2_SIZE)
    _check_winners(positions)
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


# Chunks as packed rows


@jit
def _continues(positions: ChunkPositions, number: int) -> bool:
    """Whether the position comes next in the game of the one before it.

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
def _history_length(planes: Bytes) -> int:
    """How many moves ago the earliest board of `planes` `[16, W]` is that has a stone."""
    for back in range(HISTORY - 1, 0, -1):
        if planes[back].any() or planes[HISTORY + back].any():
            return back
    return 0


@jit
def _find_runs(positions: ChunkPositions, context: npt.NDArray[np.int64]) -> int:
    """For each position note in `context` `[N]` how many rows of history must precede it, -1 if it continues a run.

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
def _write_row(planes: Bytes, back: int, white: bool, move: int, ply: int, flags: int, row: Bytes) -> None:
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
    context: npt.NDArray[np.int64],
    rows: Rows,
    learn: npt.NDArray[np.int64],
    games: npt.NDArray[np.int64],
) -> None:
    """Fill `rows` `[R, row_bytes]`, `learn` `[N]` and `games` `[G, 2]`, `context` being as `_find_runs` left it."""
    at, run, no_move = int64(0), -1, int64(NO_MOVE)
    for number in range(context.shape[0]):
        planes, white = positions.bits[number], positions.white_to_move[number] != 0
        flags = 0
        if positions.winner[number]:
            flags = WON_BY_BLACK if positions.winner[number] == BLACK else WON_BY_WHITE
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
    _check(positions, size)
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
    return PackedChunk(
        rows,
        games,
        learn,
        learn[soft],
        np.cumsum(np.concatenate([[0], counts[soft]]), dtype=np.int64),
        positions.points[entries],
        positions.shares[entries],
    )


@jit
def _gather(
    rows: Rows, chosen: npt.NDArray[np.int64], policies: npt.NDArray[np.int64], positions: ChunkPositions
) -> None:
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
        if row[2 * width + 4] & (WON_BY_BLACK | WON_BY_WHITE):
            positions.winner[number] = BLACK if row[2 * width + 4] & WON_BY_BLACK else WHITE
        if policies[number] < 0:
            entry = positions.starts[number]
            positions.points[entry] = row[2 * width] + 256 * np.int64(row[2 * width + 1])
            positions.shares[entry] = 1.0


@jit
def _gather_policies(
    policies: npt.NDArray[np.int64],
    soft_starts: npt.NDArray[np.int64],
    soft_points: npt.NDArray[np.uint16],
    soft_shares: npt.NDArray[np.float32],
    positions: ChunkPositions,
) -> None:
    """Copy the soft policies number `policies` `[N]`, -1 for none, into `positions`."""
    for number in range(policies.shape[0]):
        if policies[number] >= 0:
            first, start = soft_starts[policies[number]], positions.starts[number]
            for entry in range(positions.starts[number + 1] - start):
                positions.points[start + entry] = soft_points[first + entry]
                positions.shares[start + entry] = soft_shares[first + entry]


def positions_from_rows(
    rows: Rows,
    chosen: npt.NDArray[np.int64],
    soft_rows: npt.NDArray[np.int64],
    soft_starts: npt.NDArray[np.int64],
    soft_points: npt.NDArray[np.uint16],
    soft_shares: npt.NDArray[np.float32],
    size: int,
) -> ChunkPositions:
    """The rows `chosen` `[N]` of a packed data set's `rows` `[R, row_bytes(size)]`, as chunks have them.

    The policies of rows that are marked as soft are in `soft_...`, as in `PackedChunk`; all others are a single 1.
    Raises ValueError if a chosen row is context only, or its soft policy is not there.
    """
    if len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(rows):
        raise ValueError(f"chosen rows are not all among the {len(rows)} that there are")
    tails = rows[chosen, 2 * bitboard_bytes(size) :].astype(np.int64)
    soft = tails[:, -1] == 1
    useless = (tails[:, 4] & CONTEXT != 0) | (~soft & (tails[:, 0] + 256 * tails[:, 1] > size * size))
    if useless.any():
        raise ValueError(f"row {chosen[useless.argmax()]} is there for its history only")
    policies = np.where(soft, np.searchsorted(soft_rows, chosen), -1)
    missing = soft & (np.append(soft_rows, -1)[policies] != chosen)
    if missing.any():
        raise ValueError(f"row {chosen[missing.argmax()]} has a soft policy that is not there")
    lengths = np.where(soft, np.append(np.diff(soft_starts), 1)[policies], 1)
    starts = np.cumsum(np.concatenate([[0], lengths]), dtype=np.int64)
    positions = _buffers(len(chosen), int(starts[-1]), size)._replace(starts=starts)
    _gather(rows, chosen, policies, positions)
    _gather_policies(policies, soft_starts, soft_points, soft_shares, positions)
    return positions
