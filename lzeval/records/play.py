"""Stones set up, moves, and remarks beside moves, out of the nodes of a main line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from lzeval.go.colour import Colour
from lzeval.go.points import format_sgf, format_vertex, parse_sgf, parse_vertex
from lzeval.records.info import BLANK, parse_player, shown
from lzeval.records.nodes import (
    ANOTHER_GAME,
    PropertyMap,
    RecordedMove,
    annotated_nodes,
    cut_moves,
    known_moves,
    place_after,
    properties,
)

MOVES = frozenset({"B", "W"})
ROOT_ONLY = frozenset({"FF", "GM", "SZ"})
"""Properties that begin a game: behind a move, those of another one."""
SETUP: Mapping[str, Colour | None] = {"AB": Colour.BLACK, "AW": Colour.WHITE, "AE": None}
_ODD_BESIDE_MOVE = MOVES | SETUP.keys() | ROOT_ONLY | {"PL"}
POINTS = (*MOVES, *SETUP)
_BLANKS = re.compile(rb"\A[\x00-\x20]+(?=[^\x00-\x20])|(?<=[^\x00-\x20])[\x00-\x20]+\Z")
_TO_COLOUR: Mapping[str, Colour] = {"B": Colour.BLACK, "W": Colour.WHITE}
MOST_CHANCES = 20_000
"""Winrates are written with two digits behind the point."""
UNREAD: RecordedMove = (Colour.BLACK, -1)
_ONLY_CHANCE = re.compile(rb"\s*SBKV\s*\[([0-9.]+)\]\s*")


class MainLine(NamedTuple):
    """Events on the board."""

    moves: tuple[RecordedMove, ...]
    setup: Mapping[int, Colour]
    """Stones before the first move: index and colour, in the order of the record."""
    chances: tuple[float | None, ...] = ()
    comments: Mapping[int, bytes] = {}
    """Raw, by the number of the move."""
    first_player: Colour | None = None
    """PL before the first move: whose turn it is."""
    player: Colour | None = None
    """PL after the last move: whose turn it is."""
    has_blanks: bool = False
    """True if there are blanks around some point, which are left out."""


def setup_of(node: PropertyMap, size: int, before: Mapping[int, Colour] | None = None) -> dict[int, Colour]:
    """The stones `before` and those that the node sets and takes off. Raises ValueError."""
    stones = dict(before or {})
    for name in node:
        if name not in SETUP:
            continue
        colour = SETUP[name]
        for index in _points(name, node[name], size):
            stones.pop(index, None)
            if colour is not None:
                stones[index] = colour
    return stones


def play_of(nodes: Sequence[PropertyMap], size: int) -> MainLine:
    """Set-up, moves and remarks of a main line. Raises ValueError where no game of Go was played like that."""
    moves: list[RecordedMove] = []
    chances: list[float | None] = []
    comments: dict[int, bytes] = {}
    stones: dict[int, Colour] = {}
    first_player: Colour | None = None
    player: Colour | None = None
    for place, node in enumerate(nodes):
        if place:
            _require_same_game(node, len(moves))
        if not SETUP.keys().isdisjoint(node):
            if moves:
                raise ValueError(f"stones are set up {place_after(len(moves))}")
            stones = setup_of(node, size, stones)
        if "PL" in node:
            player = _player(node["PL"]) or player
            first_player = first_player if moves else player
        played = [(name, node[name]) for name in node if name in MOVES]
        for name, values in played:
            moves.append(_move(name, values, size, len(moves)))
            chances.append(_percentage(node) if "SBKV" in node else None)
            player = None
        if "C" in node and played:
            comments[len(moves) - 1] = node["C"][0]
    has_blanks = any(
        _BLANKS.search(value) for node in nodes for name in POINTS if name in node for value in node[name]
    )
    return MainLine(tuple(moves), stones, tuple(chances), comments, first_player, player, has_blanks)


def _require_same_game(node: PropertyMap, moves: int) -> None:
    """Raise ValueError if the node, not the first, belongs to another game: root properties behind a move."""
    for name in node:
        if name in MOVES:
            moves += 1
        elif name in ROOT_ONLY and moves:
            raise ValueError(ANOTHER_GAME)


def _player(values: Sequence[bytes]) -> Colour | None:
    found = (parse_player(value.decode("utf-8", "replace")) for value in values)
    return next((colour for colour in found if colour is not None), None)


def _move(name: str, values: Sequence[bytes], size: int, before: int) -> RecordedMove:
    """The move of the property `name`, the next after `before` moves."""
    colour = _TO_COLOUR[name]
    if len(values) != 1:
        raise ValueError(f"two moves of {colour.word.title()} at once, {place_after(before)}")
    known = known_moves(size).get(b"%b[%b]" % (name.encode("ascii"), values[0]))
    if known is not None:
        return known
    text = values[0].decode("utf-8", "replace").strip(BLANK)
    try:
        return colour, parse_sgf(text, size)
    except ValueError:
        raise ValueError(f"move {before + 1}, {name}[{shown(text)}], {_no_point(text, size)}") from None


def _no_point(text: str, size: int) -> str:
    """The fault of a point that is none, in words."""
    try:
        vertex = format_vertex(parse_vertex(text, size), size)
    except ValueError:
        return f"is no point of a {size}x{size} board"
    return f"is no point in SGF's letters: {vertex} is written {format_sgf(parse_vertex(text, size), size)}"


def _points(name: str, values: Iterable[bytes], size: int) -> Iterator[int]:
    """Points and rectangles of points (`aa:cc`)."""
    for value in values:
        written = value.decode("utf-8", "replace").strip(BLANK)
        if not written:
            continue  # an empty list
        first, colon, last = written.partition(":")
        try:
            corners = [divmod(_stone(corner, size), size) for corner in (first, last if colon else first)]
        except ValueError:
            raise ValueError(
                f"a stone set up, {name}[{shown(written)}], is no point of a {size}x{size} board"
            ) from None
        (row_a, column_a), (row_b, column_b) = corners
        for row in range(min(row_a, row_b), max(row_a, row_b) + 1):
            for column in range(min(column_a, column_b), max(column_a, column_b) + 1):
                yield row * size + column


def _stone(text: str, size: int) -> int:
    index = parse_sgf(text, size)
    if index == size * size:
        raise ValueError(text)
    return index


def _percentage(node: PropertyMap) -> float | None:
    try:
        chance = float(node.get("SBKV", [b""])[0].decode("latin-1")) / 100
    except ValueError:
        return None
    return chance if 0 <= chance <= 1 else None


def plain_play(
    root: PropertyMap, nodes: bytes, rest: bytes, size: int
) -> tuple[MainLine, list[PropertyMap]] | None:
    """Main line of what `plain_game` has found, as `annotated_play` tells it; None where a node is odd."""
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
        return _with_root(root, size, tuple(moves), tuple(chances)), []
    written = annotated_nodes(rest)
    read = None if written is None else annotated_play(root, written, size)
    if read is None:
        return None
    end, further = read
    comments = {len(moves) + number: comment for number, comment in end.comments.items()}
    chances = chances or [None] * len(moves)
    return _with_root(root, size, (*moves, *end.moves), (*chances, *end.chances), comments), further


class _Chances(dict[bytes, float | None]):
    """Meanings of winrates whose text ends before the closing bracket. Raises KeyError for anything else."""

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


def _moves_and_chances(nodes: bytes, size: int) -> tuple[list[RecordedMove], list[float | None]]:
    """Moves and winrates of nodes `;B[pd]SBKV[50.00]` and `;SBKV[50.00]W[pd]` in turn, as our matches write them.

    Those before the first winrate may be moves alone. Raises KeyError if they are anything else.
    """
    # Cut at every `]`, such nodes repeat with a period of four pieces: one colour's move, its winrate, the other's
    # move, its winrate. So whole slices are looked up in dictionaries, without a loop of Python's over nodes.
    beginning, inside = cut_moves(size)
    *pieces, end = nodes.split(b"]")
    first = nodes.index(b"SBKV[")
    is_before = nodes.startswith(b";", first - 1)
    bare = nodes.count(b"]", 0, first) - (
        not is_before
    )  # pieces of moves before the first that has a winrate
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


def _with_root(
    root: PropertyMap,
    size: int,
    moves: tuple[RecordedMove, ...],
    chances: tuple[float | None, ...],
    comments: Mapping[int, bytes] | None = None,
) -> MainLine:
    """A play whose root alone sets stones up and says whose turn it is."""
    player = _player(root["PL"]) if "PL" in root else None
    last = None if moves else player
    has_blanks = any(_BLANKS.search(value) for name in SETUP if name in root for value in root[name])
    return MainLine(moves, setup_of(root, size), chances, comments or {}, player, last, has_blanks)


def annotated_play(
    root: PropertyMap, written: list[tuple[bytes, bytes]], size: int
) -> tuple[MainLine, list[PropertyMap]] | None:
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
    return _with_root(root, size, moves, tuple(chances), comments), nodes


@lru_cache(maxsize=MOST_CHANCES)
def _chance(further: bytes) -> float | None:
    """The winrate where that is all there is beside a move."""
    match = _ONLY_CHANCE.fullmatch(further)
    return None if match is None else _percentage({"SBKV": [match[1]]})
