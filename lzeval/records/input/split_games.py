"""A file of SGF in UTF-8 cut into its games: one broken game costs no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lzeval.records.nodes import ANOTHER_GAME, ENDS_EARLY
from lzeval.records.reader import read_game

_START = re.compile(rb"\(\s*;")
_BRACKET = re.compile(rb"[^()\[]*(?:\[[^\\\]]*(?:\\.[^\\\]]*)*\][^()\[]*)*([()])", re.DOTALL)
"""Anything up to the next round bracket that is not inside a property's value."""
_ROOT = re.compile(
    rb"\(\s*;\s*(?:FF|GM|CA|AP|SZ|EV|GN|PB|PW|RE|DT|KM|HA|RU|RO|PC|SO|US|AN|CP|BR|WR|TM|ST)\s*\["
)
"""The beginning of a game, not of a variation."""


def split_games(data: bytes) -> Iterator[tuple[bytes, str]]:
    """Each game tree of `data`, with what is wrong with its brackets (empty: nothing).

    After a broken game the search goes on at the next text that looks like the root of a game.
    """
    if _is_one_plain_game(data):
        yield data, ""
        return
    start = _START.search(data)
    while start is not None:
        end = _tree_end(data, start.start())
        following = next_root(data, start.start(), len(data) if end is None else end)
        if end is None:
            yield data[start.start() : following], ENDS_EARLY
        elif following is not None and not _is_whole(data[start.start() : end]):
            yield data[start.start() : following], ANOTHER_GAME
        else:
            yield data[start.start() : end], ""
            following = end
        start = None if following is None else _START.search(data, following)


def next_root(data: bytes, start: int, end: int) -> int | None:
    """Index of a text that looks like the root of a game, behind the one that begins at `start`; None if none does."""
    first = _START.search(data, start, end)
    following = _ROOT.search(data, first.end(), end) if first else None
    return None if following is None else following.start()


def break_in(data: bytes, start: int, end: int, *, sound: bool) -> tuple[str, int] | None:
    """The fault of the tree `data[start:end]` as `split_games` finds it, and where the next game begins; None if none.

    `sound`: whether the tree was read without a fault and begins but once.
    """
    following = next_root(data, start, end)
    if following is None:
        return None
    if _tree_end(data, start) is None:
        return ENDS_EARLY, following
    return None if sound else (ANOTHER_GAME, following)


def _is_one_plain_game(data: bytes) -> bool:
    """Tell whether all brackets are where they are in a record without variations and comments on brackets."""
    return (
        data.count(b"(") == data.count(b")") == 1
        and data.count(b"[") == data.count(b"]")
        and b"\\" not in data
        and data.rstrip().endswith(b")")
        and _START.match(data) is not None
    )


def _tree_end(data: bytes, start: int) -> int | None:
    """End of the game tree that opens at `start`, behind its bracket; None if it has not when another root comes."""
    depth, at = 0, start
    while True:
        match = _BRACKET.match(data, at)
        if match is None:
            return None
        if match[1] == b"(":
            if depth and _ROOT.match(data, match.start(1)):
                return None
            depth += 1
        else:
            depth -= 1
        at = match.end()
        if depth == 0:
            return at


def _is_whole(chunk: bytes) -> bool:
    """Tell whether a tree is one readable game that begins but once, though another root was seen in its values."""
    try:
        root = read_game(chunk).nodes[0]
    except ValueError:
        return False
    return all(len(root[name]) == 1 for name in ("SZ", "GM") if name in root)
