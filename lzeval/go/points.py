"""One point of the board in its three spellings: index, GTP vertex, SGF point.

An index is `row * size + column`; column 0 is A, row 0 is the bottom line, so A1 is 0 and the pass is
`size * size`: the order of Leela Zero's policy. Sizes run from 2 to 25.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

COLUMNS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
"""GTP's letters, without I."""
SGF_LETTERS = "abcdefghijklmnopqrstuvwxyz"
SMALLEST, LARGEST = 2, 25
_COORDINATES = re.compile(r"\( *([0-9]{1,2}) *, *([0-9]{1,2}) *\)")
SYMMETRIES = 8


def pass_index(size: int) -> int:
    return size * size


def format_vertex(index: int, size: int) -> str:
    """GTP's name of a point, `pass` for the pass."""
    if index == pass_index(size):
        return "pass"
    row, column = divmod(index, size)
    return f"{COLUMNS[column]}{row + 1}"


def parse_vertex(text: str, size: int) -> int:
    """Index of GTP's `text`, in any letter case. Raises ValueError if it is no point of this board."""
    name = text.strip().upper()
    if name == "PASS":
        return pass_index(size)
    column = COLUMNS.find(name[:1]) if name else -1
    if column < 0 or not name[1:].isascii() or not name[1:].isdigit():
        raise ValueError(f"{text!r} is not a vertex")
    row = int(name[1:]) - 1
    if not (0 <= column < size and 0 <= row < size):
        raise ValueError(f"{text!r} is not on a {size}x{size} board")
    return row * size + column


def parse_location(text: str, size: int) -> int:
    """Index of a vertex, or of another spelling that KataGo takes (its cpp/game/board.cpp): `(X,Y)` and `pss`.

    X counts columns from the left and Y rows from the top, both from 0: `(3,3)` on 19x19 is D16. Raises ValueError if
    it is no point of this board.
    """
    name = text.strip()
    found = _COORDINATES.fullmatch(name)
    if found is None:
        return parse_vertex("pass" if name.lower() == "pss" else name, size)
    column, from_top = int(found[1]), int(found[2])
    if not (column < size and from_top < size):
        raise ValueError(f"{text!r} is not on a {size}x{size} board")
    return (size - 1 - from_top) * size + column


def format_sgf(index: int, size: int) -> str:
    """SGF's name of a point, rows counted from the top; the empty string for the pass."""
    if index == pass_index(size):
        return ""
    row, column = divmod(index, size)
    return SGF_LETTERS[column] + SGF_LETTERS[size - 1 - row]


def parse_sgf(text: str, size: int) -> int:
    """Index of an SGF point; `tt` is a pass up to 19x19. Raises ValueError if it is no point of this board."""
    if text == "" or (text == "tt" and size <= 19):
        return pass_index(size)
    if len(text) == 2:
        column, from_top = SGF_LETTERS.find(text[0]), SGF_LETTERS.find(text[1])
        if 0 <= column < size and 0 <= from_top < size:
            return (size - 1 - from_top) * size + column
    raise ValueError(f"{text!r} is not a point of a {size}x{size} board")


@cache
def zobrist(size: int) -> npt.NDArray[np.uint64]:
    """`[3, size * size + 1]`: a random number per colour and point; 0 for EMPTY and for the wall.

    A position's hash is the exclusive or of its stones' numbers (A. Zobrist, A new hashing method, 1970).
    """
    import numpy as np

    numbers = np.random.default_rng(0x6C7A).integers(1, 2**63, (3, size * size + 1), np.uint64)
    numbers[0] = 0
    numbers[:, -1] = 0
    return numbers


@cache
def symmetry_tables(size: int) -> npt.NDArray[np.int16]:
    """`[8, size * size + 1]`: where each index goes under each of Leela Zero's symmetries.

    Symmetry 0 is the identity; bit 4 swaps column and row first, then bit 2 mirrors columns, then bit 1
    mirrors rows. The pass stays where it is.
    """
    import numpy as np  # the other spellings of a point can do without

    rows, columns = np.divmod(np.arange(size * size), size)
    tables = np.empty((SYMMETRIES, size * size + 1), np.int16)
    for symmetry in range(SYMMETRIES):
        x, y = (rows, columns) if symmetry & 4 else (columns, rows)
        x = size - 1 - x if symmetry & 2 else x
        y = size - 1 - y if symmetry & 1 else y
        tables[symmetry, :-1] = y * size + x
        tables[symmetry, -1] = size * size
    tables.setflags(write=False)
    return tables
