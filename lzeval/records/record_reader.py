"""The main line of a game of SGF as a GameRecord, with what players' programs write beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lzeval.go.colour import Colour
from lzeval.records.nodes import PropertyMap
from lzeval.records.reader import first, read_game, simple_text, text_of
from lzeval.records.record import GameRecord
from lzeval.records.result_check import settled
from lzeval.records.root_comment import facts_of_comment

_KNOWN = frozenset(
    [
        *("AB", "AE", "AP", "AW", "B", "C", "CA", "DT", "EV", "FF"),
        *("GM", "GN", "HA", "KM", "PB", "PL", "PW", "RE", "SZ", "W"),
    ]
)
"""Root properties that have a field in GameRecord, or that say nothing of the game."""
_PROGRAMS_WITH_CODES = (b"gomill:", b"lzeval:")
"""Programs that write the players' codes into the root comment."""


def parse_game(text: bytes, path: Path | None = None, game_id: str = "") -> GameRecord:
    """The main line of one game of SGF in UTF-8, out of the file `path`.

    `game_id` is taken if the record does not tell its own. A result that the record itself contradicts is unknown, with
    a note. Raises ValueError, saying why, for a game that cannot be read or that is not Go on a square board.
    """
    game = read_game(text)
    size, play, info, nodes = game
    root = nodes[0]
    notes = {number: text_of(comment) for number, comment in play.comments.items()}
    ending = notes.pop(len(play.moves) - 1, "") if play.moves else ""
    black, white = _name(root, "PB"), _name(root, "PW")
    further = {
        name: _simple(root, name) for name, values in root.items() if name not in _KNOWN and len(values) == 1
    }
    comment = text_of(root["C"][0]) if "C" in root else ""
    like_gomill = first(root, "AP").startswith(_PROGRAMS_WITH_CODES)
    fields: dict[str, Any] = {
        "game_id": game_id,
        "black": black,
        "white": white,
        "result": settled(_results(nodes), further, filter(None, (comment, ending)), like_gomill=like_gomill),
        "moves": play.moves,
        "size": size,
        "komi": info.komi,
        "handicap": info.handicap,
        "setup_black": tuple(index for index, colour in play.setup.items() if colour is Colour.BLACK),
        "setup_white": tuple(index for index, colour in play.setup.items() if colour is Colour.WHITE),
        "date": _simple(root, "DT"),
        "event": _simple(root, "EV"),
        "black_engine": black,
        "white_engine": white,
        "end_comment": ending,
        "black_winrates": play.chances if any(chance is not None for chance in play.chances) else (),
        "move_notes": notes,
        "properties": further,
        "path": path,
        "remarks": game.remarks,
    }
    if like_gomill:
        fields |= facts_of_comment(comment, fields)
    return GameRecord(**fields)


def _results(nodes: Sequence[PropertyMap]) -> list[str]:
    """All values of RE, wherever they stand."""
    return [simple_text(value) for node in nodes for value in node.get("RE", ())]


def _simple(node: PropertyMap, name: str) -> str:
    return simple_text(node[name][0]).strip() if name in node else ""


def _name(node: PropertyMap, name: str) -> str:
    """A player's name, with the spaces around it: whoever rates tells of names that differ in nothing else."""
    found = simple_text(node[name][0]) if name in node else ""
    return "" if found.isspace() else found
