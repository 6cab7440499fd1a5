"""The nodes of a game's main line, fast: what `sgfmill` would find, or nothing where the record is odd.

Whoever gets None asks sgfmill, which tells what is wrong.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from sgfmill import sgf_grammar

from lzeval.core.points import format_sgf, pass_index
from tournaments.results import Colour

PropertyMap = dict[str, list[bytes]]
"""One node: each property's values as they stand in the file, between the brackets."""
Move = tuple[Colour, int]

_INSIDE = rb"[^\\\]]*(?:\\.[^\\\]]*)*"
_VALUE = rb"\[" + _INSIDE + rb"\]"
_NAME = rb"[A-Za-z]{1,64}"
_PROPERTIES = rb"(?:\s*" + _NAME + rb"(?:\s*" + _VALUE + rb")+)*"
_TOKEN = re.compile(
    rb"\s*(?:([;()])|(" + _NAME + rb")\s*\[(" + _INSIDE + rb")\]((?:\s*" + _VALUE + rb")*)|(\S))", re.DOTALL
)
"""A sign, or a property with its first value and whatever further ones follow, or something that is neither."""
_VALUES = re.compile(rb"\[(" + _INSIDE + rb")\]", re.DOTALL)
_START = re.compile(rb"\(\s*;")
_ROOT_END = re.compile(_PROPERTIES + rb"\s*", re.DOTALL)
_NODE = re.compile(
    rb"\s*(?:;(" + _PROPERTIES + rb"?)\s*([BW]\[[a-z]{0,2}\])(" + _PROPERTIES + rb")|(\S))", re.DOTALL
)
"""A node with a move, and what stands before and behind that; or something that is none."""
_ENDS = frozenset(b"];")
"""What stands before a space that is not inside a property."""
_LOWER = bytes(range(ord("a"), ord("z") + 1))


def main_line(text: bytes) -> list[PropertyMap]:
    """The nodes of the main line of the first game in `text`. Raises ValueError, saying what is wrong."""
    found = fast_main_line(text)
    if found is None:
        return list(sgf_grammar.main_sequence_iter(sgf_grammar.parse_sgf_game(text)))
    return found


def fast_main_line(text: bytes) -> list[PropertyMap] | None:
    """The same by one pass over the text; None where that does not understand it."""
    start = _START.search(text)
    if start is None:
        return None
    nodes: list[PropertyMap] = []
    is_main, depth, expected = True, 1, b";"
    """`expected` is what must come next: a node, nothing but a bracket, or (empty) anything."""
    for sign, name, value, more, junk in _TOKEN.findall(text, start.start() + 1):
        if name:
            if expected:
                return None
            if is_main:
                _add(nodes[-1], name, value, more)
        elif sign == b";":
            if expected == b")":
                return None
            expected = b""
            if is_main:
                nodes.append({})
        elif junk or expected == b";":
            return None
        elif sign == b"(":
            depth, expected = depth + 1, b";"
        else:
            depth, expected, is_main = depth - 1, b")", False
            if depth == 0:
                return nodes
    return None


def _add(node: PropertyMap, name: bytes, value: bytes, more: bytes) -> None:
    short = _short(name)
    values = [value, *_VALUES.findall(more)] if more else [value]
    if short in node:
        node[short] += values
    else:
        node[short] = values


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
def known_moves(size: int) -> dict[bytes, Move]:
    """What `B[pd]` and the like mean; each move is one object, however many games it is in."""
    colours: tuple[Colour, Colour] = ("b", "w")
    moves = {
        f"{colour.upper()}[{format_sgf(index, size)}]".encode("ascii"): (colour, index)
        for colour in colours
        for index in range(size * size + 1)
    }
    if size <= 19:
        moves |= {f"{colour.upper()}[tt]".encode("ascii"): (colour, pass_index(size)) for colour in colours}
    return moves


@cache
def cut_moves(size: int) -> tuple[dict[bytes, Move], dict[bytes, Move]]:
    """What `;B[pd` and what `B[pd` mean: where the text of nodes was cut at each closing bracket."""
    known = known_moves(size)
    return {b";" + text[:-1]: move for text, move in known.items()}, {
        text[:-1]: move for text, move in known.items()
    }
