"""Chunks of version 1: text."""

from __future__ import annotations

import numpy as np

from lzeval.compiled.arrays import Ints64, Unsigned8
from lzeval.compiled.jit import int64, jit
from lzeval.go.board import BLACK, WHITE
from trainer.data.chunks.contents import (
    BAD_HEX,
    CUT_SHORT,
    NO_POLICY,
    NO_RESULT,
    NO_SIDE,
    NOT_A_NUMBER,
    OK,
    OTHER_SIZE,
    PLANES,
    WRONG_COUNT,
    ChunkFault,
    ChunkPositions,
    check,
    check_winners,
    explain,
    new_positions,
)
from trainer.data.chunks.fields import (
    MINUS,
    NEWLINE,
    ONE,
    RETURN,
    SPACE,
    ZERO,
    hex_row_length,
    is_hex,
    read_decimal,
    read_hex_row,
    size_of_hex_row,
    write_hex_row,
)

LINES = 19
"""Lines of a position."""


@jit
def _find_line(text: Unsigned8, start: int) -> tuple[int, int]:
    """End of the line at `start`, its CR LF left out, and start of the next one."""
    end = start
    while end < text.shape[0] and text[end] != NEWLINE:
        end += 1
    following = min(end + 1, text.shape[0])
    if end > start and text[end - 1] == RETURN:
        end -= 1
    return end, following


@jit
def _find_lines(text: Unsigned8, start: int, lines: Ints64) -> tuple[int, int]:
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
def _count_spaces(text: Unsigned8, start: int, end: int) -> int:
    spaces = 0
    for at in range(start, end):
        spaces += text[at] == SPACE
    return spaces


@jit
def _are_hex(text: Unsigned8, lines: Ints64, count: int) -> bool:
    """Tell whether the first `count` of `lines` are hex rows, all as long as the first."""
    length = lines[0, 1] - lines[0, 0]
    for row in range(count):
        if lines[row, 1] - lines[row, 0] != length or not is_hex(text, lines[row, 0], lines[row, 1]):
            return False
    return True


@jit
def _hex_fault(text: Unsigned8, lines: Ints64, points: int) -> int:
    """The fault of the first 16 of `lines`, not the hex rows of this board: they are another's, or none."""
    length = lines[0, 1] - lines[0, 0]
    if length == points // 4 + points % 4 or size_of_hex_row(length) == 0:
        return BAD_HEX
    return OTHER_SIZE if _are_hex(text, lines, int64(PLANES)) else BAD_HEX


@jit
def _read_policy(
    text: Unsigned8, start: int, end: int, points: int, positions: ChunkPositions, filled: int
) -> tuple[int, int]:
    """Add the probabilities in `text[start:end]` to the entries of `positions`, of which `filled` are there.

    Returns how many are there now, and OK or a fault.
    """
    at, count, good, first = start, 0, True, filled
    while at < end:
        stop = at + 1
        if text[at] != SPACE:
            while stop < end and text[stop] != SPACE:
                stop += 1
            if count <= points and (stop > at + 1 or text[at] != ZERO):
                share = np.float32(read_decimal(text, at, stop))
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
def _is_side(text: Unsigned8, start: int, end: int) -> bool:
    return end == start + 1 and ZERO <= text[start] <= ONE


@jit
def _read_sign(text: Unsigned8, start: int, end: int) -> int:
    """1 or -1 as the text says, 0 if it says neither."""
    if end == start + 1 and text[start] == ONE:
        return 1
    if end == start + 2 and text[start] == MINUS and text[start + 1] == ONE:
        return -1
    return 0


@jit
def _read_position(
    text: Unsigned8,
    lines: Ints64,
    points: int,
    positions: ChunkPositions,
    number: int,
    filled: int,
) -> tuple[int, int]:
    """Read the position on the 19 `lines` into place `number`. Returns the entries there are, and OK or a fault."""
    for row in range(PLANES):
        if not read_hex_row(text, lines[row, 0], lines[row, 1], points, positions.bits[number, row]):
            return filled, _hex_fault(text, lines, points)
    if not _is_side(text, lines[PLANES, 0], lines[PLANES, 1]):
        return filled, NO_SIDE
    white = text[lines[PLANES, 0]] == ONE
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
def _fault_at_end(text: Unsigned8, lines: Ints64, count: int) -> int:
    """The fault of a position that has only `count` of its lines: the end may not be all that is wrong with it."""
    whole = count if text[-1] == NEWLINE else count - 1
    if not _are_hex(text, lines, int64(min(whole, PLANES))):
        return BAD_HEX
    if whole > PLANES and not _is_side(text, lines[PLANES, 0], lines[PLANES, 1]):
        return NO_SIDE
    return CUT_SHORT


@jit
def _keeps_its_lines(text: Unsigned8, lines: Ints64, following: int) -> bool:
    """Tell whether a bad position has neither lost nor gained one of its `lines`, so that the next is at `following`.

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
def _next_rows(text: Unsigned8, start: int, points: int, plane: Unsigned8) -> int:
    """Where, behind the line at `start`, 16 hex rows begin; the text's length if nowhere.

    Rows that follow `start` without anything between belong to the position that begins there. `plane` is scratch.
    """
    at, run, first, broken = start, 0, start, False
    while at < text.shape[0]:
        end, following = _find_line(text, at)
        if read_hex_row(text, at, end, points, plane):
            first = first if run else at
            run += 1
            if run == PLANES and broken:
                return first
        else:
            broken, run = True, 0
        at = following
    return at


@jit
def _read_text(text: Unsigned8, points: int, positions: ChunkPositions, faults: Ints64) -> tuple[int, int]:
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


def read_v1(content: bytes, size: int) -> tuple[ChunkPositions, list[ChunkFault]]:
    """The positions of a v1 chunk, decompressed, on a board of `size` lines; bad ones are left out and listed.

    Probabilities are the float32 nearest to the decimals. A position costs itself only, wherever the next one can
    be found: on 2x2, where all lines look alike, a missing line may cost more.
    """
    text = np.frombuffer(content, np.uint8)
    shortest = PLANES * (hex_row_length(size) + 1) + 2 * (size * size + 1) + 3
    room = (len(text) + 1) // shortest + 1
    positions = new_positions(room, (len(text) + 1) // 2 + size * size + 1, size)
    faults = np.zeros((content.count(b"\n") + 1, 2), np.int64)
    count, bad = _read_text(text, size * size, positions, faults)
    return _first(positions, count), explain(faults[:bad], size)


@jit
def _write_text(
    positions: ChunkPositions,
    points: int,
    letters: Unsigned8,
    spans: Ints64,
    spelling: Ints64,
    out: Unsigned8,
) -> int:
    """Write all positions to `out`. Returns the number of bytes, or -1 if a policy's entries are not in order.

    Entry `e` is spelled `letters[spans[k]:spans[k + 1]]` with `k = spelling[e]`.
    """
    at = int64(0)
    for number in range(positions.bits.shape[0]):
        for row in range(PLANES):
            at = write_hex_row(positions.bits[number, row], points, out, at)
        out[at] = ZERO + positions.white_to_move[number]
        out[at + 1] = NEWLINE
        at += 2
        entry, last = positions.starts[number], positions.starts[number + 1]
        for point in range(points + 1):
            if entry < last and positions.points[entry] == point:
                for letter in range(spans[spelling[entry]], spans[spelling[entry] + 1]):
                    out[at] = letters[letter]
                    at += 1
                entry += 1
            else:
                out[at] = ZERO
                at += 1
            out[at] = SPACE if point < points else NEWLINE
            at += 1
        if entry < last:
            return -1
        if (positions.winner[number] == WHITE) != (positions.white_to_move[number] != 0):
            out[at] = MINUS
            at += 1
        out[at], out[at + 1] = ONE, NEWLINE
        at += 2
    return at


def write_v1(positions: ChunkPositions, size: int) -> bytes:
    """The v1 chunk of `positions`: probabilities as C++ prints a float, with six digits (`%g`), lines end in LF.

    Raises ValueError if a position has no winner.
    """
    check(positions, size)
    check_winners(positions)
    values, spelling = np.unique(positions.shares, return_inverse=True)
    spelled = [b"%g" % value for value in values.tolist()]
    spans = np.cumsum([0, *map(len, spelled)], dtype=np.int64)
    letters = np.frombuffer(b"".join(spelled) or b"0", np.uint8)
    a_position = PLANES * (hex_row_length(size) + 1) + 2 * (size * size + 1) + 5
    room = len(positions.bits) * a_position + int(np.diff(spans)[spelling].sum())
    out = np.empty(room, np.uint8)
    length = _write_text(positions, size * size, letters, spans, spelling.astype(np.int64), out)
    if length < 0:
        raise ValueError("the entries of a policy are not in the order of their points")
    return out[:length].tobytes()
