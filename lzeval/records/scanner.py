"""SGF main lines at packing speed: bytes in, moves out, compiled.

`lzeval.records.reader` reads records where their remarks are wanted; this reads them where millions of positions wait,
by the same rules. It finds the moves, the stones set up, and where the values of game-info properties stand, whose
meaning is `lzeval.records.info`'s to tell. The text is UTF-8 (`lzeval.records.input.text`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lzeval.compiled.jit import int64, jit
from lzeval.go.board import BLACK, EMPTY, WHITE
from lzeval.go.points import LARGEST, SMALLEST
from lzeval.records.info import GameInfo, NotGoError, read_info, read_size, shown
from lzeval.records.nodes import ANOTHER_GAME, ENDS_EARLY, LOWER_CASE, UNCLOSED, place_after
from lzeval.records.reader import BLANKS, simple_text

LONGEST = 2048
"""Moves of the longest game that is read."""
MOST_VALUES = 64
"""Values of game-info properties that are kept; further ones are not looked at."""

OK, NO_GAME, TRUNCATED, BAD_POINT, TOO_LONG, BAD_SIZE, LATE_SETUP = 0, 1, 2, 3, 4, 5, 6
MIXED_UP, TWO_MOVES, BAD_STONE, NEXT_GAME, SMALL_NAME, SWALLOWED = 7, 8, 9, 10, 11, 12
PROBLEMS = {
    TRUNCATED: ENDS_EARLY,
    BAD_POINT: "a move is not on the board",
    TOO_LONG: f"more than {LONGEST} moves",
    BAD_SIZE: "no Go on a square board of 2 to 25 lines",
    LATE_SETUP: "stones are set up in the middle of the game",
    MIXED_UP: "something between properties",
    TWO_MOVES: "two moves of one colour at once",
    BAD_STONE: "a stone set up is not on the board",
    NEXT_GAME: ANOTHER_GAME,
    SMALL_NAME: LOWER_CASE,
    SWALLOWED: UNCLOSED,
}

Bytes = npt.NDArray[np.uint8]


class ScannedRecord(NamedTuple):
    """Buffers that `read_record` fills; reuse one for a whole file."""

    moves: npt.NDArray[np.int16]
    """`[LONGEST, 2]`: colour and index, in order."""
    setup: npt.NDArray[np.int16]
    """`[LONGEST, 2]`: colour (EMPTY for AE) and index, before the first move, in order."""
    counts: npt.NDArray[np.int64]
    """`[4]`: how many moves, points of set-up and values are filled in, and points with blanks around them."""
    values: npt.NDArray[np.int64]
    """`[MOST_VALUES, 3]`: property (a number of NAMES), first byte and end of each value."""
    facts: npt.NDArray[np.float64]
    """`[3]`: size (0 if none is usable), the winner (0 unknown, BLACK, WHITE, 3 for a jigo), and 1 if suicide is
    allowed. The last two are the caller's to fill in, from `info_of`."""
    seen: npt.NDArray[np.int64]
    """`[2]`: first byte and end of what a problem is about."""


def new_record() -> ScannedRecord:
    return ScannedRecord(
        np.zeros((LONGEST, 2), np.int16),
        np.zeros((LONGEST, 2), np.int16),
        np.zeros(4, np.int64),
        np.zeros((MOST_VALUES, 3), np.int64),
        np.zeros(3, np.float64),
        np.zeros(2, np.int64),
    )


def _name(text: str) -> int:
    """The number that the scanner makes of a property's name: five bits a letter."""
    number = 0
    for letter in text:
        number = number * 32 + ord(letter) - 64
    return number


_B, _W, _AB, _AW, _AE = _name("B"), _name("W"), _name("AB"), _name("AW"), _name("AE")
_SZ, _KM, _HA, _RE, _RU = _name("SZ"), _name("KM"), _name("HA"), _name("RE"), _name("RU")
_BR, _WR, _GM, _FF = _name("BR"), _name("WR"), _name("GM"), _name("FF")
NAMES: Mapping[int, str] = {_name(name): name for name in ("SZ", "GM", "KM", "HA", "RE", "RU", "BR", "WR")}
"""Properties whose values are kept."""
_NONE = -1
MOST_LETTERS = 64
"""Letters of the longest name of a property."""
SEEN = 20
"""Bytes of something unexpected that a reason repeats."""


def info_of(text: bytes, record: ScannedRecord) -> GameInfo:
    """Facts of the game that `read_record` has read out of `text`. Raises NotGoError if it is another game."""
    values = _values(text, record)
    if "GM" in values:
        read_size(values.get("SZ", ()), values["GM"])
    info = read_info(values, int(record.facts[0]))
    return replace(info, remarks=(*info.remarks, BLANKS)) if record.counts[3] else info


def begins_twice(record: ScannedRecord) -> bool:
    """Tell whether SZ or GM is given twice, as where a value without an end has swallowed the next game's beginning."""
    names = record.values[: record.counts[2], 0]
    return bool(np.count_nonzero(names == _SZ) > 1 or np.count_nonzero(names == _GM) > 1)


def _values(text: bytes, record: ScannedRecord) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, start, end in record.values[: record.counts[2]].tolist():
        values.setdefault(NAMES[name], []).append(simple_text(text[start:end]))
    return values


def refusal(problem: int, text: bytes, record: ScannedRecord) -> tuple[str, str]:
    """One of PROBLEMS in words: its kind, and which move or property it is about, empty if the kind says it all.

    A record of another game is refused for being one, whatever else is wrong with it.
    """
    values = _values(text, record)
    try:
        read_size(values.get("SZ", ()), values.get("GM", ()))
    except NotGoError as error:
        return error.kind, error.written
    seen = shown(text[slice(*record.seen.tolist())].decode("utf-8", "replace"))
    place = place_after(int(record.counts[0]))
    details = {
        BAD_POINT: f"move {record.counts[0] + 1}, [{seen}]",
        LATE_SETUP: place,
        TWO_MOVES: place,
        MIXED_UP: f"{place}, {seen}",
        SMALL_NAME: f"{place}, [{seen}]",
        SWALLOWED: f"{place}, [{seen}]",
        BAD_STONE: f"[{seen}]",
    }
    return PROBLEMS[problem], details.get(problem, "")


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
    """Tell whether the bracket at `at` is followed by a node, as in `(;`."""
    node = _next_visible(text, at)
    return text[at] == 40 and node < text.shape[0] and text[node] == 59


@jit
def _opens_game(text: Bytes, at: int) -> bool:
    """Tell whether at `at` a game begins and not a variation: its first property (FF, GM or SZ) is for roots only."""
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
def _is_digit(byte: int) -> bool:
    return 48 <= byte <= 57


@jit
def _side(text: Bytes, start: int, end: int) -> tuple[int, int]:
    """A board's side in `text[start:end]`, as in `19` or `19.0`, and what follows it; -1 if it begins with none."""
    at, number = start, 0
    while at < end and _is_digit(text[at]) and number < 1000:
        number = number * 10 + int(text[at]) - 48
        at += 1
    if at == start:
        return -1, start
    if at < end and text[at] == 46:
        at += 1
        while at < end and text[at] == 48:
            at += 1
    return number, at


@jit
def _trimmed(text: Bytes, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] <= 32:
        start += 1
    while end > start and text[end - 1] <= 32:
        end -= 1
    return start, end


@jit
def _has_blanks(text: Bytes, start: int, end: int) -> int:
    """1 if there are blanks around what stands in `text[start:end]`, else 0."""
    first, last = _trimmed(text, start, end)
    return int(last > first and (first > start or last < end))


@jit
def _square_size(text: Bytes, start: int, end: int) -> int:
    """The board size in `text[start:end]`, `19` or `19:19`; 0 for boards that cannot be played, -1 if it is no size.

    As `info.read_size` has it, for ASCII.
    """
    start, end = _trimmed(text, start, end)
    side, at = _side(text, start, end)
    other = side
    while side >= 0 and at < end and text[at] <= 32:
        at += 1
    if side >= 0 and at < end and (text[at] == 58 or text[at] == 42 or text[at] | 32 == 120):
        at += 1
        while at < end and text[at] <= 32:
            at += 1
        other, at = _side(text, at, end)
    if side < 0:
        return -1
    if other < 0 or at < end:
        other = side  # words behind the number
    return side if side == other and SMALLEST <= side <= LARGEST else 0


@jit
def _size_before_moves(text: Bytes, start: int) -> int:
    """The first SZ that is a size in the root of the tree at `start`, or before its first move; 19 if there is none.

    0 for a board that cannot be played.
    """
    at, name, after_value, in_root, moved = start + 1, int64(0), False, True, False
    while at < text.shape[0]:
        byte = text[at]
        if byte == 91:
            end = _value_end(text, at + 1)
            if name in (_B, _W):
                moved = True
            elif name == _SZ:
                size = _square_size(text, at + 1, end)
                if size >= 0:
                    return size
            after_value = True
            at = end
        elif 65 <= byte <= 90:
            name = _longer_name(name, byte, after_value)
            after_value = False
        elif byte == 41 or (byte == 59 and moved):
            break
        elif byte == 59:
            in_root, name = name == 0 and in_root, int64(0)
        if moved and not in_root:
            break
        at += 1
    return 19


@jit
def _point(text: Bytes, start: int, end: int, size: int) -> int:
    """Index of the SGF point in `text[start:end]`; -1 if it is none."""
    start, end = _trimmed(text, start, end)
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
def _take_setup(text: Bytes, start: int, end: int, size: int, colour: int, record: ScannedRecord) -> bool:
    """Add a point or a rectangle (`aa:cc`) of set-up stones. Returns whether it was on the board and fits."""
    record.counts[3] += _has_blanks(text, start, end)
    start, end = _trimmed(text, start, end)
    if start == end:
        return True  # an empty list
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
def read_record(text: Bytes, start: int, record: ScannedRecord) -> tuple[int, int]:
    """Read the game tree that begins at or after `start` into `record`, along its main line.

    Returns where the next one may begin, and OK, or NO_GAME at the end of the text, or which of PROBLEMS it has.
    Properties, their values and all that stands between them are as strict as `nodes.main_line` has them.
    A record with a problem is stepped over like any other; one that is cut short ends where another begins.
    """
    # One pass over the bytes: every state of the grammar is in a few integers. `name` is the property being read, from
    # `name_start` on, complete from `name_end` on if blanks follow; `after_value`: a `]` has just closed a value;
    # `opens`: a bracket has opened a variation, in which only a node may come.
    at = start
    while at < text.shape[0] and not _opens_tree(text, at):
        at += 1
    if at >= text.shape[0]:
        return at, NO_GAME
    record.counts[:] = 0
    size = _size_before_moves(text, at)
    record.facts[0] = size
    problem, depth = OK if size else BAD_SIZE, 0
    name, name_start, name_end = int64(0), _NONE, _NONE
    nodes, moves_before, after_value, opens = 0, int64(0), False, False
    begun = int64(0)
    while at < text.shape[0]:
        byte = text[at]
        if byte == 91:
            end = _value_end(text, at + 1)
            if problem == OK and ((name_start < 0 and not after_value) or opens):
                problem = _found(record, MIXED_UP, at, end)
            if problem in (OK, BAD_SIZE):
                found = _take_value(text, at + 1, end, name, nodes, moves_before, begun & _bit(name), record)
                begun |= _bit(name)
                problem = found if problem == OK else problem
            name_start, name_end, after_value = _NONE, _NONE, True
            at = end
        elif 65 <= byte <= 90 or 97 <= byte <= 122:
            if problem == OK and (
                name_end >= 0 or opens or (name_start >= 0 and at - name_start >= MOST_LETTERS)
            ):
                problem = _found(record, MIXED_UP, max(name_start, 0), at)
            if name_start < 0:
                name, name_start, name_end = int64(0), at, _NONE
            after_value = False
            if byte <= 90:
                name = _longer_name(name, byte, False)
        elif byte <= 32:
            name_end = at if name_start >= 0 and name_end < 0 else name_end
        else:
            if problem == OK and (name_start >= 0 or not _may_follow(byte, opens)):
                problem = _found(record, MIXED_UP, name_start if name_start >= 0 else at, at + SEEN)
            name, name_start, name_end, after_value = int64(0), _NONE, _NONE, False
            if byte == 59:
                nodes += 1
                moves_before = record.counts[0]
                begun, opens = int64(0), False
            elif byte == 40:
                if depth > 0 and _opens_game(text, at):
                    return at, TRUNCATED
                depth += 1
                opens = True
            elif byte == 41:
                return _skip_tree(text, at + 1, depth - 1), problem
        at += 1
    return at, TRUNCATED


@jit
def _bit(name: int) -> int:
    """A bit for each property that begins a game, 0 for others."""
    return int64(1 if name == _SZ else (2 if name == _GM else (4 if name == _FF else 0)))


@jit
def _may_follow(byte: int, opens: bool) -> bool:
    """Tell whether a sign may stand between properties; behind a bracket that opens a tree only a node's."""
    return byte == 59 or (not opens and (byte == 40 or byte == 41))


@jit
def _found(record: ScannedRecord, problem: int, start: int, end: int) -> int:
    """`problem`, with where in the text it is."""
    record.seen[0], record.seen[1] = start, end
    return problem


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
def _take_value(
    text: Bytes,
    start: int,
    end: int,
    name: int,
    nodes: int,
    moves_before: int,
    again: int,
    record: ScannedRecord,
) -> int:
    """Note one value of the node number `nodes`, which begins after `moves_before` moves. Returns OK or a problem.

    `again` is not 0 for a property that begins a game and stands in the node already: where it stood first counts.
    """
    size = int(record.facts[0])
    if name == 0:
        return _found(record, SMALL_NAME, start, end)
    if _swallows_move(text, start, end):
        return _found(record, SWALLOWED, max(start, end - SEEN), end)
    if name in (_B, _W):
        return _take_move(text, start, end, int64(BLACK if name == _B else WHITE), moves_before, record)
    if name in (_AB, _AW, _AE):
        colour = int64(BLACK if name == _AB else (WHITE if name == _AW else EMPTY))
        if moves_before:
            return LATE_SETUP
        if not _take_setup(text, start, end, size, colour, record):
            return _found(record, BAD_STONE, start, end)
    elif (name in (_SZ, _GM, _FF)) and nodes > 1 and record.counts[0] and again == 0:
        return NEXT_GAME
    if (name in (_SZ, _GM, _KM, _HA, _RE, _RU, _BR, _WR)) and record.counts[2] < MOST_VALUES:
        record.values[record.counts[2], 0] = name
        record.values[record.counts[2], 1] = start
        record.values[record.counts[2], 2] = end
        record.counts[2] += 1
    return OK


@jit
def _swallows_move(text: Bytes, start: int, end: int) -> bool:
    """Tell whether a value ends like `;B[pd`: it had no end of its own."""
    at = end - 1
    while at > start and end - at <= 2 and 97 <= text[at] <= 122:
        at -= 1
    if at <= start + 1 or text[at] != 91 or (text[at - 1] != 66 and text[at - 1] != 87):
        return False
    at -= 2
    while at > start and text[at] <= 32:
        at -= 1
    return bool(text[at] == 59)


@jit
def _take_move(
    text: Bytes, start: int, end: int, colour: int, moves_before: int, record: ScannedRecord
) -> int:
    """Note a move of a node that begins after `moves_before` moves. Returns OK or a problem."""
    size, count = int(record.facts[0]), record.counts[0]
    for number in range(moves_before, count):
        if record.moves[number, 0] == colour:
            return _found(record, TWO_MOVES, start, end)
    record.counts[3] += _has_blanks(text, start, end)
    index = _point(text, start, end, size) if size else _NONE
    if index < 0:
        return _found(record, BAD_POINT, start, end)
    if count == LONGEST:
        return TOO_LONG
    record.moves[count, 0] = colour
    record.moves[count, 1] = index
    record.counts[0] += 1
    return OK
