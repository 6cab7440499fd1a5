"""What happens on the board: set-up, moves, and what stands beside a move, out of the nodes of a main line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from lzeval.core.points import parse_sgf
from tournaments.results import Colour
from tournaments.sgf_nodes import Move, PropertyMap, annotated_nodes, cut_moves, known_moves, properties

ANOTHER_GAME = "another game begins in the middle of the game"
MOVES = frozenset({"B", "W"})
ROOT_ONLY = frozenset({"FF", "GM", "SZ", "CA", "AP"})
_SETUP = frozenset({"AB", "AW", "AE"})
_ODD_BESIDE_MOVE = MOVES | _SETUP | ROOT_ONLY
_TO_COLOUR: dict[bytes, Colour] = {b"B": "b", b"W": "w"}
MOST_CHANCES = 20_000
"""Winrates are written with two digits behind the point."""
UNREAD: Move = ("b", -1)
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


def plain_play(
    root: PropertyMap, nodes: bytes, rest: bytes, size: int
) -> tuple[Play, list[PropertyMap]] | None:
    """What `plain_game` has found, as `annotated_play` tells it; None where a node is odd."""
    chances: list[float | None] = []
    try:
        if b"SBKV[" in nodes:
            moves, chances = _moves_and_chances(nodes, size)
        else:
            known = known_moves(size)
            moves = [known[node] for node in nodes[1:].split(b";")] if nodes else []
    except KeyError:
        return None
    if not rest:
        return Play(tuple(moves), setup_of(root, size), tuple(chances)), []
    written = annotated_nodes(rest)
    read = None if written is None else annotated_play(root, written, size)
    if read is None:
        return None
    end, further = read
    comments = {len(moves) + number: comment for number, comment in end.comments.items()}
    chances = chances or [None] * len(moves)
    return Play((*moves, *end.moves), end.setup, (*chances, *end.chances), comments), further


class _Chances(dict[bytes, float | None]):
    """What a winrate means whose text ends before the closing bracket. Raises KeyError for anything else."""

    def __init__(self, beginning: bytes) -> None:
        super().__init__()
        self._beginning = beginning

    def __missing__(self, written: bytes) -> float | None:
        further = written.removeprefix(self._beginning) + b"]"
        if not written.startswith(self._beginning) or not _ONLY_CHANCE.fullmatch(further):
            raise KeyError(written)
        if len(self) >= MOST_CHANCES:
            self.clear()
        chance = self[written] = _chance(further)
        return chance


_BEHIND, _BEFORE = _Chances(b""), _Chances(b";")


def _moves_and_chances(nodes: bytes, size: int) -> tuple[list[Move], list[float | None]]:
    """Of nodes `;B[pd]SBKV[50.00]` and `;SBKV[50.00]W[pd]` in turn, as our matches write them.

    Those before the first winrate may be moves alone. Raises KeyError if they are anything else.
    """
    beginning, inside = cut_moves(size)
    *pieces, end = nodes.split(b"]")
    first = nodes.index(b"SBKV[")
    is_before = nodes.startswith(b";", first - 1)
    bare = nodes.count(b"]", 0, first) - (not is_before)
    parts = [pieces[bare + turn :: 4] for turn in range(4)]
    one, its, others, other = parts[2:] + parts[:2] if is_before else parts
    if end or bare < 0 or len(one) != len(its) or len(others) != len(other):
        raise KeyError(nodes)
    moves = [*map(beginning.__getitem__, pieces[:bare]), *[UNREAD] * (len(one) + len(other))]
    chances: list[float | None] = [None] * len(moves)
    ones, theirs = slice(bare + is_before, None, 2), slice(bare + (not is_before), None, 2)
    moves[ones], moves[theirs] = map(beginning.__getitem__, one), map(inside.__getitem__, other)
    chances[ones], chances[theirs] = map(_BEHIND.__getitem__, its), map(_BEFORE.__getitem__, others)
    return moves, chances


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


@lru_cache(maxsize=MOST_CHANCES)
def _chance(further: bytes) -> float | None:
    """The winrate where that is all there is beside a move."""
    match = _ONLY_CHANCE.fullmatch(further)
    return None if match is None else _percentage({"SBKV": [match[1]]})
