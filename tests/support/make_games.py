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
    cells = [COLOURS[board.get(row, column)] for row in range(board.side) for column in range(board.side)]
    return np.array(cells, np.int8)


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
    empty = [index for index in range(size * size) if board.get(*divmod(index, size)) is None and index != ko]
    for index in rng.sample(empty, len(empty)):
        trial = board.copy()
        trial.play(*divmod(index, size), LETTERS[colour])
        if trial.get(*divmod(index, size)) is not None:
            return index
    return size * size


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
