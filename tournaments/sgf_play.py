"""What happens on the board: set-up, moves, and what stands beside a move, out of the nodes of a main line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from lzeval.core.points import parse_sgf
from tournaments.results import Colour
from tournaments.sgf_nodes import Move, PropertyMap, known_moves, properties

ANOTHER_GAME = "another game begins in the middle of the game"
MOVES = frozenset({"B", "W"})
ROOT_ONLY = frozenset({"FF", "GM", "SZ", "CA", "AP"})
_SETUP = frozenset({"AB", "AW", "AE"})
_ODD_BESIDE_MOVE = MOVES | _SETUP | ROOT_ONLY
_TO_COLOUR: dict[bytes, Colour] = {b"B": "b", b"W": "w"}
_ONLY_CHANCE = re.compile(rb"\s*SBKV\s*\[([0-9.]+)\]\s*")


class Play(NamedTuple):
    """What happens on the board."""

    moves: tuple[Move, ...]
    setup: dict[str, list[int]]
    """Stones before the first move, by property."""
    chances: tuple[float | None, ...] = ()
    comments: Mapping[int, bytes] = {}
    """Raw, by the number of the move."""


def setup_of(node: PropertyMap, size: int) -> dict[str, list[int]]:
    return {name: list(_points(node.get(name, ()), size)) for name in _SETUP}


def play_of(nodes: list[PropertyMap], size: int) -> Play:
    """Raises ValueError where no game of Go was played like that."""
    moves: list[Move] = []
    chances: list[float | None] = []
    comments: dict[int, bytes] = {}
    setup: dict[str, list[int]] = {name: [] for name in _SETUP}
    known = known_moves(size)
    for place, node in enumerate(nodes):
        if place and not ROOT_ONLY.isdisjoint(node):
            raise ValueError(ANOTHER_GAME)
        if not _SETUP.isdisjoint(node):
            if moves:
                raise ValueError(f"stones are set up after move {len(moves)}")
            for name, stones in setup_of(node, size).items():
                setup[name] += stones
        if "B" in node:
            if "W" in node:
                raise ValueError(f"two moves at once after move {len(moves)}")
            values, colour = node["B"], b"B"
        elif "W" in node:
            values, colour = node["W"], b"W"
        else:
            continue
        move = known.get(b"%b[%b]" % (colour, values[0])) if len(values) == 1 else None
        moves.append(move or (_TO_COLOUR[colour], _move(values, size)))
        chances.append(_percentage(node) if "SBKV" in node else None)
        if "C" in node:
            comments[len(moves) - 1] = node["C"][0]
    return Play(tuple(moves), setup, tuple(chances), comments)


def _move(values: list[bytes], size: int) -> int:
    if len(values) != 1:
        raise ValueError("a move with more than one point")
    return parse_sgf(values[0].decode("latin-1").strip(), size)


def _points(values: Iterable[bytes], size: int) -> Iterator[int]:
    """Points and rectangles of points (`aa:cc`)."""
    for value in values:
        first, _, last = value.decode("latin-1").strip().partition(":")
        corners = [divmod(_stone(corner, size), size) for corner in (first, last or first)]
        (row_a, column_a), (row_b, column_b) = corners
        for row in range(min(row_a, row_b), max(row_a, row_b) + 1):
            for column in range(min(column_a, column_b), max(column_a, column_b) + 1):
                yield row * size + column


def _stone(text: str, size: int) -> int:
    index = parse_sgf(text, size)
    if index == size * size:
        raise ValueError(f"a stone is set up off the board: {text!r}")
    return index


def _percentage(node: PropertyMap) -> float | None:
    try:
        chance = float(node.get("SBKV", [b""])[0].decode("latin-1")) / 100
    except ValueError:
        return None
    return chance if 0 <= chance <= 1 else None


def annotated_play(
    root: PropertyMap, written: list[tuple[bytes, bytes]], size: int
) -> tuple[Play, list[PropertyMap]] | None:
    """The play, and nodes with more than a move and a winrate; None where a node is odd."""
    known = known_moves(size)
    nodes: list[PropertyMap] = []
    comments: dict[int, bytes] = {}
    chances: list[float | None] = []
    for number, (_, further) in enumerate(written):
        chance = _chance(further) if further else None
        chances.append(chance)
        if not further or chance is not None:
            continue
        node = properties(further)
        if not _ODD_BESIDE_MOVE.isdisjoint(node):
            return None
        chances[-1] = _percentage(node)
        if "C" in node:
            comments[number] = node["C"][0]
        nodes.append(node)
    try:
        moves = tuple([known[move] for move, _ in written])
    except KeyError:
        return None
    return Play(moves, setup_of(root, size), tuple(chances), comments), nodes


@lru_cache(maxsize=20_000)
def _chance(further: bytes) -> float | None:
    """The winrate where that is all there is beside a move."""
    match = _ONLY_CHANCE.fullmatch(further)
    return None if match is None else _percentage({"SBKV": [match[1]]})
