"""Openings: what makes the games of a match differ, and each of them fair.

A book is a text file with one opening a line: its moves as GTP vertices, Black first, after an optional name and a
colon. `#` begins a comment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lzeval.errors import IllegalMoveError, UserError
from lzeval.go.game import Game
from lzeval.go.points import format_vertex, parse_vertex
from lzeval.system.bundled import BUNDLED_FOLDER

BUNDLED_BOOK = BUNDLED_FOLDER / "openings-19.txt"
DEFAULT, EMPTY_BOARD = "default", "none"


@dataclass(frozen=True)
class Opening:
    name: str
    moves: tuple[int, ...]
    """Indices, Black first, colours alternating."""


@dataclass(frozen=True)
class Book:
    name: str
    sha256: str
    openings: tuple[Opening, ...]

    def chosen(self, pairs: int, seed: int) -> list[Opening]:
        """One opening for each of `pairs` pairs: distinct while the book lasts, in an order of `seed`'s."""
        import numpy as np

        order: list[int] = []
        for round_number in range(-(-pairs // len(self.openings))):
            order += list(np.random.default_rng((seed, round_number)).permutation(len(self.openings)))
        return [self.openings[number] for number in order[:pairs]]


def load_book(name: str, size: int) -> Book:
    """The book `name`: `default`, `none` for the empty board alone, or a file. Raises UserError."""
    if name == EMPTY_BOARD:
        return Book(EMPTY_BOARD, hashlib.sha256(b"").hexdigest(), (Opening("empty board", ()),))
    if name == DEFAULT and size != 19:
        raise UserError(f"the bundled openings are for 19x19; give --openings FILE or none for {size}x{size}")
    path = BUNDLED_BOOK if name == DEFAULT else Path(name)
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UserError(f"openings {name!r} cannot be read: {exc}") from exc
    openings = read_book(text, size, str(path))
    return Book(name if name == DEFAULT else path.name, hashlib.sha256(content).hexdigest(), tuple(openings))


def read_book(text: str, size: int, source: str) -> list[Opening]:
    """The openings in `text`; an unnamed one is named by its moves. Raises UserError by line."""
    openings: list[Opening] = []
    seen: dict[tuple[int, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        name, colon, vertices = line.rpartition(":")
        try:
            moves = _legal(vertices.split(), size)
        except (ValueError, IllegalMoveError) as exc:
            raise UserError(f"{source}, line {number}: {exc}") from exc
        if moves in seen:
            raise UserError(f"{source}, line {number}: the same opening as in line {seen[moves]}")
        seen[moves] = number
        openings.append(Opening(name.strip() if colon else spelt(moves, size), moves))
    if not openings:
        raise UserError(f"{source}: no openings in it")
    return openings


def _legal(vertices: Sequence[str], size: int) -> tuple[int, ...]:
    game = Game(size)
    for vertex in vertices:
        game.play(game.to_move, parse_vertex(vertex, size))
    if game.passes >= 2:
        raise ValueError("two passes end the game")
    return tuple(move for _, move in game.moves)


def spelt(moves: Sequence[int], size: int) -> str:
    return " ".join(format_vertex(move, size) for move in moves)


def game_seed(match_seed: int, number: int) -> int:
    """The seed of game `number`'s random numbers, below 2^53, so that JSON and SGF keep it whole."""
    digest = hashlib.sha256(f"{match_seed}/{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11


def game_of(game_id: str) -> int | None:
    """The number of a game in its match, from its id (`0_07`: 7); None if it is no such id."""
    number = game_id.rpartition("_")[2]
    return int(number) if number.isascii() and number.isdigit() else None
