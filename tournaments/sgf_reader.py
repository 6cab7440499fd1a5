"""SGF in: collections into games, and the main line of a game into a GameRecord.

What stands here is what a folder of other people's records needs: one broken game costs no other, and everything that
can be wrong with a game is one ValueError with a reason. Syntax is `tournaments.sgf_nodes`' and sgfmill's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sgfmill.sgf_grammar import simpletext_value, text_value

from lzeval.core.points import LARGEST, SMALLEST
from tournaments.claims import settled
from tournaments.gomill_comment import facts_of_comment
from tournaments.results import GameRecord
from tournaments.sgf_nodes import PropertyMap, annotated_game, main_line, plain_game
from tournaments.sgf_play import ANOTHER_GAME, MOVES, ROOT_ONLY, Play, annotated_play, plain_play, play_of
from tournaments.sgf_text import Decoder, decoder

_START = re.compile(rb"\(\s*;")
_BRACKET = re.compile(rb"[^()\[]*(?:\[[^\\\]]*(?:\\.[^\\\]]*)*\][^()\[]*)*([()])", re.DOTALL)
"""Anything up to the next round bracket that is not inside a property's value."""
_ROOT = re.compile(
    rb"\(\s*;\s*(?:FF|GM|CA|AP|SZ|EV|GN|PB|PW|RE|DT|KM|HA|RU|RO|PC|SO|US|AN|CP|BR|WR|TM|ST)\s*\["
)
"""What starts a game, not a variation."""


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
        following = _ROOT.search(data, start.end(), len(data) if end is None else end)
        if end is None:
            stop = len(data) if following is None else following.start()
            yield data[start.start() : stop], "the record ends in the middle of the game"
            start = following
        elif following is not None and not _is_whole(data[start.start() : end]):
            yield data[start.start() : following.start()], ANOTHER_GAME
            start = following
        else:
            yield data[start.start() : end], ""
            start = _START.search(data, end)


def _is_one_plain_game(data: bytes) -> bool:
    """Whether all brackets are where they are in a record without variations and comments on brackets."""
    return (
        data.count(b"(") == data.count(b")") == 1
        and data.count(b"[") == data.count(b"]")
        and b"\\" not in data
        and data.rstrip().endswith(b")")
        and _START.match(data) is not None
    )


def _tree_end(data: bytes, start: int) -> int | None:
    """Where the game tree that opens at `start` has closed; None if it has not when another root comes."""
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
    """Whether a tree in whose values another root was seen is nevertheless one readable game."""
    try:
        parse_game(chunk)
    except ValueError:
        return False
    return True


_SPECIAL = re.compile(rb"[\\\n\r\t\f\v]")
"""What SimpleText may hold that does not mean itself."""
_SPECIAL_IN_TEXT = re.compile(rb"[\\\r\t\f\v]")
"""The same of Text."""
_KNOWN = frozenset(
    [
        "AB",
        "AE",
        "AP",
        "AW",
        "B",
        "C",
        "CA",
        "DT",
        "EV",
        "FF",
        "GM",
        "GN",
        "HA",
        "KM",
        "PB",
        "PL",
        "PW",
        "RE",
        "SZ",
        "W",
    ]
)
"""Root properties that have a field in GameRecord, or that say nothing of the game."""
_PROGRAMS_WITH_CODES = (b"gomill:", b"lzeval:")
"""Who writes the players' codes into the root comment."""


def parse_game(text: bytes, path: Path | None = None, game_id: str = "") -> GameRecord:
    """The main line of one SGF game, out of the file `path`. `game_id` is taken if the record does not tell its own.

    A result that the record itself contradicts is unknown, with a note. Raises ValueError, saying why, for a game
    that cannot be read or that is not Go on a square board.
    """
    plain = plain_game(text)
    if plain is not None and MOVES.isdisjoint(plain[0]):
        root, written, rest = plain
        size = _size(root)
        read = plain_play(root, written, rest, size)
        if read is not None:
            return _record(text, [root, *read[1]], size, read[0], path, game_id)
    annotated = annotated_game(text)
    if annotated is not None and MOVES.isdisjoint(annotated[0]):
        root, moves_and_more = annotated
        size = _size(root)
        read = annotated_play(root, moves_and_more, size)
        if read is not None:
            return _record(text, [root, *read[1]], size, read[0], path, game_id)
    nodes = main_line(text)
    size = _size(nodes[0])
    return _record(text, nodes, size, play_of(nodes, size), path, game_id)


def _record(
    text: bytes, nodes: list[PropertyMap], size: int, play: Play, path: Path | None, game_id: str
) -> GameRecord:
    root = nodes[0]
    decode = decoder(text, _first(root, "CA", b""))
    notes = {number: decode(_text_bytes(comment)) for number, comment in play.comments.items()}
    ending = notes.pop(len(play.moves) - 1, "") if play.moves else ""
    black, white = _name(root, "PB", decode), _name(root, "PW", decode)
    further = {
        name: _simple(root, name, decode)
        for name, values in root.items()
        if name not in _KNOWN and len(values) == 1
    }
    comment = decode(_text_bytes(root["C"][0])) if "C" in root else ""
    cleared = set(play.setup["AE"])
    like_gomill = _first(root, "AP", b"").startswith(_PROGRAMS_WITH_CODES)
    fields: dict[str, Any] = {
        "game_id": game_id,
        "black": black,
        "white": white,
        "result": settled(
            _results(nodes, decode), further, filter(None, (comment, ending)), like_gomill=like_gomill
        ),
        "moves": play.moves,
        "size": size,
        "komi": _komi(_first(root, "KM", b"")),
        "handicap": _handicap(_first(root, "HA", b"0")),
        "setup_black": tuple(index for index in play.setup["AB"] if index not in cleared),
        "setup_white": tuple(index for index in play.setup["AW"] if index not in cleared),
        "date": _simple(root, "DT", decode),
        "event": _simple(root, "EV", decode),
        "black_engine": black,
        "white_engine": white,
        "end_comment": ending,
        "black_winrates": play.chances if any(chance is not None for chance in play.chances) else (),
        "move_notes": notes,
        "properties": further,
        "path": path,
    }
    if like_gomill:
        fields |= facts_of_comment(comment, fields)
    return GameRecord(**fields)


def _size(root: PropertyMap) -> int:
    """The board's. Raises ValueError if this is no record of one game of Go."""
    if any(len(root[name]) > 1 for name in ROOT_ONLY.intersection(root)):
        raise ValueError(ANOTHER_GAME)
    if _first(root, "GM", b"1").strip() not in (b"1", b""):
        raise ValueError("a record of another game than Go")
    return _board_size(_first(root, "SZ", b"19"))


def _results(nodes: list[PropertyMap], decode: Decoder) -> list[str]:
    """All that RE says, wherever it stands."""
    return [decode(_simple_bytes(value)) for node in nodes for value in node.get("RE", ())]


def _first(node: PropertyMap, name: str, default: bytes) -> bytes:
    return node[name][0] if name in node else default


def _simple(node: PropertyMap, name: str, decode: Decoder) -> str:
    return decode(_simple_bytes(node[name][0])).strip() if name in node else ""


def _name(node: PropertyMap, name: str, decode: Decoder) -> str:
    """A player's name, with the spaces around it: whoever rates tells of names that differ in nothing else."""
    found = decode(_simple_bytes(node[name][0])) if name in node else ""
    return "" if found.isspace() else found


def _simple_bytes(raw: bytes) -> bytes:
    if not _SPECIAL.search(raw):
        return raw
    text: bytes = simpletext_value(raw)
    return text


def _text_bytes(raw: bytes) -> bytes:
    if not _SPECIAL_IN_TEXT.search(raw):
        return raw
    text: bytes = text_value(raw)
    return text


def _board_size(raw: bytes) -> int:
    text = raw.decode("latin-1").strip()
    columns, _, rows = text.partition(":")
    if not columns.isdecimal() or (rows and rows != columns):
        raise ValueError(f"board size {text!r} is not a square board's")
    if not SMALLEST <= int(columns) <= LARGEST:
        raise ValueError(f"board size {text} is not from {SMALLEST} to {LARGEST}")
    return int(columns)


def _komi(raw: bytes) -> float | None:
    try:
        komi = float(raw.decode("latin-1").replace(",", "."))
    except ValueError:
        return None
    return komi if math.isfinite(komi) else None


def _handicap(raw: bytes) -> int:
    text = raw.decode("latin-1").strip()
    return int(text) if text.isdecimal() else 0
