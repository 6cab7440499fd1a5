"""Games for tests: diagrams, random legal games judged by sgfmill, and SGF texts made of them."""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from sgfmill.boards import Board

from lzeval.go.board import BLACK, EMPTY, WHITE, Stones, empty_board
from lzeval.go.points import format_sgf, parse_sgf

Move = tuple[int, int]
"""Colour and index; `size * size` is the pass."""

LETTERS = {BLACK: "b", WHITE: "w"}
COLOURS = {"b": BLACK, "w": WHITE, None: EMPTY}


def other(colour: int) -> int:
    return BLACK + WHITE - colour


def stones_of(diagram: str) -> Stones:
    """A board from a picture in which `#` is Black, `o` White and `.` empty, the top line first."""
    lines = [line.split() for line in diagram.strip().splitlines()]
    stones = empty_board(len(lines))
    cells = [".#o".index(cell) for line in reversed(lines) for cell in line]
    stones[:-1] = cells
    return stones


def as_array(board: Board) -> npt.NDArray[np.int8]:
    """sgfmill's board as `[size * size]` in the order of indices."""
    return np.array([COLOURS[cell] for row in board.board for cell in row], np.int8)


@dataclass(frozen=True)
class RandomGame:
    """A legal game as sgfmill's board saw it."""

    size: int
    moves: list[Move]
    boards: list[npt.NDArray[np.int8]]
    """`[size * size]` each: before every move, and after the last."""
    kos: list[int | None]
    """The point that simple ko forbids before every move, and after the last; None if there is none."""


def random_game(size: int, length: int, rng: Random, passes: float = 0.02) -> RandomGame:
    """`length` random moves, neither suicide nor against simple ko; colours alternate."""
    board, colour, ko = Board(size), BLACK, None
    game = RandomGame(size, [], [as_array(board)], [None])
    for _ in range(length):
        move = _random_move(board, colour, ko, rng) if rng.random() >= passes else size * size
        ko = None
        if move < size * size:
            forbidden = board.play(*divmod(move, size), LETTERS[colour])
            ko = None if forbidden is None else forbidden[0] * size + forbidden[1]
        game.moves.append((colour, move))
        game.boards.append(as_array(board))
        game.kos.append(ko)
        colour = other(colour)
    return game


def _random_move(board: Board, colour: int, ko: int | None, rng: Random) -> int:
    size: int = board.side
    cells = [cell for row in board.board for cell in row]
    empty = [index for index, cell in enumerate(cells) if cell is None and index != ko]
    for index in rng.sample(empty, len(empty)):
        row, column = divmod(index, size)
        if _has_empty_neighbour(board, row, column):
            return index
        trial = board.copy()
        trial.play(row, column, LETTERS[colour])
        if trial.get(row, column) is not None:
            return index
    return size * size


def _has_empty_neighbour(board: Board, row: int, column: int) -> bool:
    """Whether a stone there cannot be suicide, which is told sooner than by playing it."""
    around = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    return any(0 <= r < board.side and 0 <= c < board.side and board.board[r][c] is None for r, c in around)


def random_games(largest: int = 19, longest: int = 120) -> st.SearchStrategy[RandomGame]:
    """Random legal games on boards of 2 to `largest` lines."""
    return st.builds(
        lambda size, length, seed: random_game(size, length, Random(seed)),
        st.integers(2, largest),
        st.integers(0, longest),
        st.integers(0, 2**32),
    )


def sgf_text(size: int, moves: Sequence[Move], result: str = "B+3.5", root: str = "") -> str:
    """A record of `moves`; `root` is added to the root's properties."""
    nodes = "".join(f";{LETTERS[colour].upper()}[{format_sgf(index, size)}]" for colour, index in moves)
    return f"(;GM[1]FF[4]SZ[{size}]KM[7.5]RE[{result}]{root}{nodes})\n"


def holdout_texts(shared: Path, count: int) -> list[str]:
    """`count` real 19x19 games without handicap, taken evenly from the first thousands."""
    with lzma.open(shared / "data" / "holdout.sgf.xz", "rt", encoding="utf-8") as stream:
        even = [
            game
            for _, game in zip(range(100 * count), stream, strict=False)
            if "SZ[19]" in game and "AB[" not in game
        ]
    return even[:: len(even) // count][:count]


def naive_moves(text: str, size: int) -> Iterator[Move]:
    """The moves of a record that has one move a node and no comments."""
    for node in text.split(";")[2:]:
        yield (BLACK if node[0] == "B" else WHITE), parse_sgf(node[2 : node.index("]")], size)
