"""Openings: what makes the games of a match differ, and each of them fair.

A book is a text file with one opening a line: its moves as GTP vertices, Black first, after an optional name and a
colon. `#` begins a comment; the comment `# komi: 7` tells for which komi the openings are even.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lzeval.errors import IllegalMoveError, UserError
from lzeval.go.game import Game
from lzeval.go.points import format_vertex, parse_vertex
from lzeval.system.bundled import BUNDLED_FOLDER

BUNDLED_SIZES = (9, 13, 19)
"""Boards that a book comes with lzeval for."""
DEFAULT, EMPTY_BOARD = "default", "none"
USUAL_KOMI = 7.5
_KOMI = re.compile(r"^#\s*komi:\s*(-?\d+(?:\.[05])?)\s*$", re.MULTILINE | re.ASCII)


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
    komi: float | None = None
    """The komi for which they are even; None where the book does not say."""

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
    if name == DEFAULT and size not in BUNDLED_SIZES:
        raise UserError(
            f"the bundled openings are for 9x9, 13x13 and 19x19; give --openings FILE or none for {size}x{size}"
        )
    path = BUNDLED_FOLDER / f"openings-{size}.txt" if name == DEFAULT else Path(name)
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UserError(f"openings {name!r} cannot be read: {exc}") from exc
    openings = read_book(text, size, str(path))
    komi = _KOMI.search(text)
    return Book(
        name if name == DEFAULT else path.name,
        hashlib.sha256(content).hexdigest(),
        tuple(openings),
        float(komi[1]) if komi else None,
    )


def komi_for(book: Book, given: float | None) -> float:
    """The komi of games from `book`: the one that is `given`, else the book's own, else 7.5."""
    if given is not None:
        return given
    return USUAL_KOMI if book.komi is None else book.komi


def uneven(book: Book, komi: float) -> str | None:
    """A warning where the openings of `book` are even for another komi."""
    if book.komi is None or book.komi == komi:
        return None
    return f"the openings ({book.name}) are even for komi {book.komi:g}; with {komi:g} they favour a colour"


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
