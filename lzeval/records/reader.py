"""One game of SGF in UTF-8, read: its main line, what happened on the board, and its facts.

Every command that reads records reads them here, but for packing, which reads millions: `lzeval.records.scanner`
walks the same main line in compiled code, and the tests hold the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sgfmill.sgf_grammar import simpletext_value, text_value

from lzeval.records.info import INFO, GameInfo, read_info, read_size
from lzeval.records.nodes import PropertyMap, annotated_game, main_line, plain_game
from lzeval.records.play import MOVES, ROOT_ONLY, MainLine, annotated_play, plain_play, play_of

BLANKS = "blanks around points are left out"
_SPECIAL = re.compile(rb"[\\\n\r\t\f\v]")
"""Bytes that do not mean themselves in SimpleText."""
_SPECIAL_IN_TEXT = re.compile(rb"[\\\r\t\f\v]")
"""Bytes that do not mean themselves in Text."""
_READ_INFO = (*INFO, "SZ", "GM")


class ReadGame(NamedTuple):
    """A game as its record has it."""

    size: int
    play: MainLine
    info: GameInfo
    nodes: Sequence[PropertyMap]
    """The root, and those of the other nodes that hold more than a move and a winrate."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Departures from what is written, each in words."""
        return (*self.info.remarks, BLANKS) if self.play.has_blanks else self.info.remarks


def read_game(text: bytes) -> ReadGame:
    """The main line of the first game in `text`, SGF in UTF-8.

    Raises ValueError, saying why in words, for a game that cannot be read or that is not Go on a square board.
    """
    plain = plain_game(text)
    if plain is not None and MOVES.isdisjoint(plain[0]):
        root, written, rest = plain
        size = _size([root])
        read = plain_play(root, written, rest, size)
        if read is not None:
            return _game([root, *read[1]], size, read[0])
    annotated = annotated_game(text)
    if annotated is not None and MOVES.isdisjoint(annotated[0]):
        root, moves_and_more = annotated
        size = _size([root])
        read = annotated_play(root, moves_and_more, size)
        if read is not None:
            return _game([root, *read[1]], size, read[0])
    nodes = main_line(text)
    size = _size(nodes)
    return _game(nodes, size, play_of(nodes, size))


def _game(nodes: list[PropertyMap], size: int, play: MainLine) -> ReadGame:
    values: dict[str, list[str]] = {}
    for node in nodes:
        for name in _READ_INFO:
            if name in node:
                values.setdefault(name, []).extend(map(simple_text, node[name]))
    return ReadGame(size, play, read_info(values, size), nodes)


def _size(nodes: Sequence[PropertyMap]) -> int:
    """The board's, from the nodes before the first move. Raises ValueError if this is no Go on a square board."""
    sizes: list[str] = []
    games: list[str] = []
    for place, node in enumerate(nodes):
        for name, values in node.items():
            if place and name in MOVES:
                return read_size(sizes, games)
            if name in ROOT_ONLY:
                (sizes if name == "SZ" else games if name == "GM" else []).extend(map(simple_text, values))
        if not MOVES.isdisjoint(node):
            break
    return read_size(sizes, games)


def simple_text(raw: bytes) -> str:
    """A value of SGF's SimpleText as it is meant: on one line, without escapes."""
    if _SPECIAL.search(raw):
        raw = simpletext_value(raw)
    return raw.decode("utf-8", "replace")


def text_of(raw: bytes) -> str:
    """A value of SGF's Text as it is meant."""
    if _SPECIAL_IN_TEXT.search(raw):
        raw = text_value(raw)
    return raw.decode("utf-8", "replace")


def first(node: Mapping[str, Sequence[bytes]], name: str, default: bytes = b"") -> bytes:
    """The first value of the property, as it stands in the file."""
    return node[name][0] if name in node else default
