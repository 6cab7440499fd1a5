"""SGF main lines at packing speed: bytes in, moves out, compiled.

sgfmill reads records where a person waits for one; this reads them where millions of positions wait. It knows
what training needs - size, result, komi, handicap, set-up stones, moves of the main line - and steps over the rest,
whatever encoding it is in.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lzeval.core.board import BLACK, WHITE
from lzeval.core.jit import int64, jit

LONGEST = 2048
"""Moves of the longest game that is read."""

OK, NO_GAME, TRUNCATED, BAD_POINT, TOO_LONG, BAD_SIZE, LATE_SETUP = 0, 1, 2, 3, 4, 5, 6
PROBLEMS = {
    TRUNCATED: "the record ends in the middle",
    BAD_POINT: "a move is not on the board",
    TOO_LONG: f"more than {LONGEST} moves",
    BAD_SIZE: "no usable board size",
    LATE_SETUP: "stones are set up in the middle of the game",
}

Bytes = npt.NDArray[np.uint8]


class Record(NamedTuple):
    """Buffers that `read_record` fills; reuse one for a whole file."""

    moves: npt.NDArray[np.int16]
    """`[LONGEST, 2]`: colour and index, in order."""
    setup: npt.NDArray[np.int16]
    """`[LONGEST, 2]`: colour (EMPTY for AE) and index, before the first move."""
    counts: npt.NDArray[np.int64]
    """`[2]`: how many of either are filled in."""
    facts: npt.NDArray[np.float64]
    """`[6]`: size (0 if none is usable), komi (NaN if not given, or beyond 625), handicap (0 to 625), the winner
    (0 unknown, BLACK, WHITE), and Black's and White's rank as `rank_number` has it (NaN unknown)."""


def new_record() -> Record:
    return Record(
        np.zeros((LONGEST, 2), np.int16),
        np.zeros((LONGEST, 2), np.int16),
        np.zeros(2, np.int64),
        np.zeros(6, np.float64),
    )


def _name(text: str) -> int:
    """A property's name as the number that the scanner makes of it."""
    number = 0
    for letter in text:
        number = number * 32 + ord(letter) - 64
    return number


_B, _W, _AB, _AW, _AE = _name("B"), _name("W"), _name("AB"), _name("AW"), _name("AE")
_SZ, _KM, _HA, _RE = _name("SZ"), _name("KM"), _name("HA"), _name("RE")
_BR, _WR = _name("BR"), _name("WR")

PROFESSIONAL = 9
"""How far 1p is above 0d."""


@jit
def _longer_name(name: int, letter: int, after_value: bool) -> int:
    """The property's name with one more capital; the first one after a value begins another name."""
    return ((0 if after_value else name) * 32 + letter - 64) & 0xFFFFF


@jit
def _next_visible(text: Bytes, at: int) -> int:
    """Index of the first character after `at` that is no white space; the text's length if there is none."""
    at += 1
    while at < text.shape[0] and text[at] <= 32:
        at += 1
    return at


@jit
def _opens_tree(text: Bytes, at: int) -> bool:
    """Whether the bracket at `at` is followed by a node, as in `(;`."""
    node = _next_visible(text, at)
    return text[at] == 40 and node < text.shape[0] and text[node] == 59


@jit
def _opens_game(text: Bytes, at: int) -> bool:
    """Whether at `at` a game begins and not a variation: its first property (FF, GM or SZ) is for roots only."""
    if not _opens_tree(text, at):
        return False
    first = _next_visible(text, _next_visible(text, at))
    if first + 2 >= text.shape[0] or text[first + 2] != 91:
        return False
    one, two = text[first], text[first + 1]
    return (one == 70 and two == 70) or (one == 71 and two == 77) or (one == 83 and two == 90)


@jit
def _value_end(text: Bytes, start: int) -> int:
    """Index of the `]` that closes the value beginning at `start`; the text's length if none does."""
    at = start
    while at < text.shape[0]:
        if text[at] == 92:  # a backslash: the next character is not syntax
            at += 1
        elif text[at] == 93:
            return at
        at += 1
    return text.shape[0]


@jit
def _number(text: Bytes, start: int, end: int) -> float:
    """The decimal number in `text[start:end]`, NaN if there is none."""
    sign, value, scale, digits = 1.0, 0.0, 0.0, 0
    for at in range(start, end):
        byte = text[at]
        if 48 <= byte <= 57:
            digits += 1
            if scale == 0.0:
                value = value * 10 + (byte - 48)
            else:
                value += (byte - 48) * scale
                scale /= 10
        elif byte == 45 and digits == 0:
            sign = -1.0
        elif (byte == 46 or byte == 44) and scale == 0.0:
            scale = 0.1
        elif byte != 32 and byte != 43:
            break
    return sign * value if digits else np.nan


@jit
def _rank(text: Bytes, start: int, end: int) -> float:
    """The rank in `text[start:end]`, as in 5k, 6d, `3 dan` or 9p: 1d is 1, 1k is 0, 2k is -1, 1p is 10; else NaN."""
    number = _number(text, start, end)
    if not 1 <= number <= 99:
        return np.nan
    for at in range(start, end):
        letter = text[at] | 32
        if letter == 100:
            return number
        if letter == 112:
            return number + PROFESSIONAL
        if letter == 107 or letter == 103:
            return 1 - number
    return np.nan


def rank_number(text: str) -> float:
    """A rank as records hold it: 1d is 1, 2d is 2, 1k is 0, 2k is -1, 1p is 10; NaN if `text` is none."""
    letters = np.frombuffer(text.encode(), np.uint8)
    return float(_rank(letters, 0, len(letters)))


@jit
def _square_size(text: Bytes, start: int, end: int) -> float:
    """The board size in `text[start:end]`, `19` or `19:19`; 0 if no square board of a usable size is meant."""
    number = _number(text, start, end)
    for at in range(start, end):
        if text[at] == 58 and _number(text, at + 1, end) != number:
            return 0.0
    return number if 2 <= number <= 25 and number == np.floor(number) else 0.0


@jit
def _root_size(text: Bytes, start: int) -> float:
    """What SZ says in the root of the tree at `start`, wherever it stands; 19 if nothing, 0 if nothing usable."""
    at, name, after_value = start + 1, int64(0), False
    while at < text.shape[0]:
        byte = text[at]
        if byte == 91:
            end = _value_end(text, at + 1)
            if name == _SZ:
                return _square_size(text, at + 1, end)
            after_value = True
            at = end
        elif 65 <= byte <= 90:
            name = _longer_name(name, byte, after_value)
            after_value = False
        elif byte == 40 or byte == 41 or (byte == 59 and name != 0):
            break
        at += 1
    return 19.0


@jit
def _point(text: Bytes, start: int, end: int, size: int) -> int:
    """Index of the SGF point in `text[start:end]`; -1 if it is none."""
    while start < end and text[start] <= 32:
        start += 1
    while end > start and text[end - 1] <= 32:
        end -= 1
    if end == start:
        return size * size
    if end - start != 2:
        return -1
    column, row = int(text[start]) - 97, int(text[start + 1]) - 97
    if column == 19 and row == 19 and size <= 19:
        return size * size
    if not (0 <= column < size and 0 <= row < size):
        return -1
    return (size - 1 - row) * size + column


@jit
def _take_setup(text: Bytes, start: int, end: int, size: int, colour: int, record: Record) -> bool:
    """Add a point or a rectangle (`aa:cc`) of set-up stones. Returns whether it was on the board and fits."""
    if end - start == 5 and text[start + 2] == 58:
        first, last = _point(text, start, start + 2, size), _point(text, start + 3, end, size)
    else:
        first = _point(text, start, end, size)
        last = first
    if first < 0 or last < 0 or first == size * size or last == size * size:
        return False
    low, high = min(first // size, last // size), max(first // size, last // size)
    left, right = min(first % size, last % size), max(first % size, last % size)
    for row in range(low, high + 1):
        for column in range(left, right + 1):
            if record.counts[1] == LONGEST:
                return False
            record.setup[record.counts[1], 0] = colour
            record.setup[record.counts[1], 1] = row * size + column
            record.counts[1] += 1
    return True


@jit
def _skip_tree(text: Bytes, start: int, depth: int) -> int:
    """From inside `depth` open brackets, the index after the last of them closes, or of another game."""
    at = start
    while at < text.shape[0] and depth > 0:
        if text[at] == 91:
            at = _value_end(text, at + 1)
        elif text[at] == 40:
            if _opens_game(text, at):
                break
            depth += 1
        elif text[at] == 41:
            depth -= 1
        at += 1
    return at


@jit
def read_record(text: Bytes, start: int, record: Record) -> tuple[int, int]:
    """Read the game tree that begins at or after `start` into `record`, along its main line.

    Returns where the next one may begin, and OK, or NO_GAME at the end of the text, or which of PROBLEMS it has.
    A record with a problem is stepped over like any other; one that is cut short ends where another begins.
    """
    at = start
    while at < text.shape[0] and not _opens_tree(text, at):
        at += 1
    if at >= text.shape[0]:
        return at, NO_GAME
    record.counts[:] = 0
    size = _root_size(text, at)
    record.facts[0], record.facts[1], record.facts[2], record.facts[3] = size, np.nan, 0.0, 0.0
    record.facts[4], record.facts[5] = np.nan, np.nan
    problem, name, depth = OK if size else BAD_SIZE, int64(0), 0
    after_value = False
    while at < text.shape[0]:
        byte = text[at]
        if byte == 91:
            end = _value_end(text, at + 1)
            if problem == OK:
                problem = _take_value(text, at + 1, end, name, record)
            after_value = True
            at = end
        elif 65 <= byte <= 90:
            name = _longer_name(name, byte, after_value)
            after_value = False
        elif byte == 59:
            name = 0
        elif byte == 40:
            if depth > 0 and _opens_game(text, at):
                return at, TRUNCATED
            depth += 1
            name = 0
        elif byte == 41:
            return _skip_tree(text, at + 1, depth - 1), problem
        at += 1
    return at, TRUNCATED


@jit
def end_of_games(text: Bytes, start: int, wanted: int) -> int:
    """Index behind the last character of a game, the first such at or after `wanted`; the text's length at its end.

    `start` is outside any game. So a text can be cut into parts that hold whole games.
    """
    at, depth = start, 0
    while at < text.shape[0]:
        byte = text[at]
        if byte == 91 and depth > 0:
            at = _value_end(text, at + 1)
        elif byte == 40:
            if depth > 0 and at >= wanted and _opens_game(text, at):
                return at
            if depth > 0 and _opens_game(text, at):
                depth = 0
            if depth > 0 or _opens_tree(text, at):
                depth += 1
        elif byte == 41 and depth > 0:
            depth -= 1
            if depth == 0 and at + 1 >= wanted:
                return at + 1
        at += 1
    return text.shape[0]


@jit
def _take_value(text: Bytes, start: int, end: int, name: int, record: Record) -> int:
    """Note one property value. Returns OK or a problem."""
    size = int(record.facts[0])
    if name in (_B, _W):
        index = _point(text, start, end, size)
        if index < 0:
            return BAD_POINT
        if record.counts[0] == LONGEST:
            return TOO_LONG
        record.moves[record.counts[0], 0] = BLACK if name == _B else WHITE
        record.moves[record.counts[0], 1] = index
        record.counts[0] += 1
    elif name in (_AB, _AW, _AE):
        colour = BLACK if name == _AB else (WHITE if name == _AW else 0)
        if record.counts[0]:
            return LATE_SETUP
        if not _take_setup(text, start, end, size, colour, record):
            return BAD_POINT
    elif name == _SZ:
        if _square_size(text, start, end) != record.facts[0]:
            return BAD_SIZE  # the moves so far were read on another board
    elif name == _KM:
        number = _number(text, start, end)
        record.facts[1] = number if abs(number) <= 625 else np.nan
    elif name == _HA:
        number = _number(text, start, end)
        record.facts[2] = number if 0 <= number <= 625 else 0.0
    elif name == _BR:
        record.facts[4] = _rank(text, start, end)
    elif name == _WR:
        record.facts[5] = _rank(text, start, end)
    elif name == _RE and end > start + 1 and text[start + 1] == 43:
        record.facts[3] = BLACK if text[start] == 66 else (WHITE if text[start] == 87 else 0)
    return OK
