"""The nodes of a game's main line out of SGF in UTF-8, fast, and what is wrong where they cannot be had."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from lzeval.go.colour import Colour
from lzeval.go.points import format_sgf, pass_index
from lzeval.records.info import shown

PropertyMap = dict[str, list[bytes]]
"""One node: each property's values as they stand in the file, between the brackets."""
RecordedMove = tuple[Colour, int]

NO_GAME = "no game begins in it"
ENDS_EARLY = "the record ends in the middle of the game"
LOWER_CASE = "a property in lower case letters"
UNCLOSED = "a value without an end has swallowed a move"
ANOTHER_GAME = "another game begins in the middle of the game"

_INSIDE = rb"[^\\\]]*(?:\\.[^\\\]]*)*"
_VALUE = rb"\[" + _INSIDE + rb"\]"
_NAME = rb"[A-Za-z]{1,64}"
_SPACE = rb"[\x00-\x20]*"
"""Blanks between signs, control characters among them."""
_PROPERTIES = rb"(?:" + _SPACE + _NAME + rb"(?:" + _SPACE + _VALUE + rb")+)*"
_TOKEN = re.compile(
    _SPACE
    + rb"(?:([;()])|("
    + _NAME
    + rb")"
    + _SPACE
    + rb"\[("
    + _INSIDE
    + rb")\]((?:"
    + _SPACE
    + _VALUE
    + rb")*)|([^\x00-\x20]))",
    re.DOTALL,
)
"""A sign, or a property with its first value and whatever further ones follow, or something that is neither."""
_VALUES = re.compile(rb"\[(" + _INSIDE + rb")\]", re.DOTALL)
_START = re.compile(rb"\(" + _SPACE + rb";")
_ROOT_END = re.compile(_PROPERTIES + _SPACE, re.DOTALL)
_NODE = re.compile(
    _SPACE
    + rb"(?:;("
    + _PROPERTIES
    + rb"?)"
    + _SPACE
    + rb"([BW]\[[a-z]{0,2}\])("
    + _PROPERTIES
    + rb")|([^\x00-\x20]))",
    re.DOTALL,
)
"""A node with a move, and what stands before and behind that; or something that is none."""
_ENDS = frozenset(b"];")
"""Characters before a space that is not inside a property."""
_LOWER = bytes(range(ord("a"), ord("z") + 1))
_SWALLOWED_MOVE = re.compile(rb";[\x00-\x20]*[BW]\[[a-z]{0,2}\Z")
_SEEN = 20
"""Characters of something unexpected that a reason repeats."""


def main_line(text: bytes) -> list[PropertyMap]:
    """The nodes of the main line of the first game in `text`. Raises ValueError, saying what is wrong.

    What lies behind the main line, variations that is, is not looked at.
    """
    start = _START.search(text)
    if start is None:
        raise ValueError(NO_GAME)
    nodes: list[PropertyMap] = [{}]
    moves, opens = 0, False
    """`opens`: a bracket has opened a variation that must begin with a node."""
    for match in _TOKEN.finditer(text, start.end()):
        sign, name, value, more, junk = match.groups()
        if junk is not None or (opens and sign != b";"):
            raise ValueError(_unexpected(text, match.start(5 if junk else 0), moves))
        if name is not None:
            moves += _add(nodes[-1], name, value, more) in ("B", "W")
        elif sign == b";":
            nodes.append({})
        elif sign == b")":
            return nodes
        opens = sign == b"("
    raise ValueError(ENDS_EARLY)


def _unexpected(text: bytes, at: int, moves: int) -> str:
    """The fault of the text from `at` on, in words."""
    if text.find(b"]", at) < 0 <= text.find(b"[", at):
        return ENDS_EARLY
    seen = shown(text[at : at + _SEEN].decode("utf-8", "replace"))
    return f"something between properties, {place_after(moves)}: {seen}"


def place_after(moves: int) -> str:
    return f"after move {moves}" if moves else "before the first move"


def _add(node: PropertyMap, name: bytes, value: bytes, more: bytes) -> str:
    """Note a property; returns its short name. Raises ValueError for one that may hide a move."""
    short = _short(name)
    values = [value, *_VALUES.findall(more)] if more else [value]
    if not short:
        raise ValueError(f"{LOWER_CASE}: {name.decode('ascii')}[{shown(value.decode('utf-8', 'replace'))}]")
    if b"[" in value or b"[" in more:
        for each in values:
            if _SWALLOWED_MOVE.search(each):
                raise ValueError(f"{UNCLOSED}: {short}[{shown(each.decode('utf-8', 'replace'))}]")
    if short in node:
        node[short] += values
    else:
        node[short] = values
    return short


@lru_cache(maxsize=1000)
def _short(name: bytes) -> str:
    """Lower-case letters in names are old spelling and count for nothing."""
    return (name if name.isupper() else name.translate(None, _LOWER)).decode("ascii")


def plain_game(text: bytes) -> tuple[PropertyMap, bytes, bytes] | None:
    """The root, the nodes up to the first with a comment without spaces, and the rest as it is written.

    `plain_play` sees whether the nodes are as plain as it can read. None where there must be more to the record.
    """
    found = _root_and_rest(text)
    if found is None:
        return None
    root, nodes = found
    comment = nodes.find(b"C[")
    cut = len(nodes) if comment < 0 else nodes.rfind(b";", 0, comment)
    pieces = nodes[:cut].split()
    if not _ENDS.issuperset([piece[-1] for piece in pieces]):
        return None  # a space inside a property
    return root, b"".join(pieces), nodes[cut:]


def annotated_game(text: bytes) -> tuple[PropertyMap, list[tuple[bytes, bytes]]] | None:
    """The root and, of each node behind it, the move and all further properties as they are written.

    None where there are variations, or nodes without a move.
    """
    found = _root_and_rest(text)
    nodes = None if found is None else annotated_nodes(found[1])
    return None if found is None or nodes is None else (found[0], nodes)


def annotated_nodes(written: bytes) -> list[tuple[bytes, bytes]] | None:
    """The move of each node, and all further properties as they are written; None where a node is none with a move."""
    nodes = _NODE.findall(written)
    if not all(move for _, move, _, _ in nodes):
        return None
    return [(move, before + behind) for before, move, behind, _ in nodes]


def _root_and_rest(text: bytes) -> tuple[PropertyMap, bytes] | None:
    """The root, and from the next node on what stands before the last bracket."""
    start = _START.search(text)
    end = text.rfind(b")")
    if start is None or end < 0:
        return None
    behind = _ROOT_END.match(text, start.end())
    assert behind is not None, "it matches nothing at least"
    rest = text[behind.end() : end]
    return (properties(text[start.end() : behind.end()]), rest) if rest.startswith(b";") else None


def properties(written: bytes) -> PropertyMap:
    """The properties of one node."""
    node: PropertyMap = {}
    for _, name, value, more, _ in _TOKEN.findall(written):
        _add(node, name, value, more)
    return node


@cache
def known_moves(size: int) -> dict[bytes, RecordedMove]:
    """Meanings of `B[pd]` and the like; each move is one object, however many games it is in."""
    return {b"%b[%b]" % (letter, point): move for letter, point, move in _spelt_moves(size)}


@cache
def cut_moves(size: int) -> tuple[dict[bytes, RecordedMove], dict[bytes, RecordedMove]]:
    """Meanings of `;B[pd` and of `B[pd`: where the text of nodes was cut at each closing bracket."""
    known = known_moves(size)
    return {b";" + text[:-1]: move for text, move in known.items()}, {
        text[:-1]: move for text, move in known.items()
    }


def _spelt_moves(size: int) -> Iterator[tuple[bytes, bytes, RecordedMove]]:
    for colour in Colour:
        letter = colour.letter.upper().encode("ascii")
        for index in range(size * size + 1):
            yield letter, format_sgf(index, size).encode("ascii"), (colour, index)
        if size <= 19:
            yield letter, b"tt", (colour, pass_index(size))
