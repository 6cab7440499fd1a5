"""SGF in: collections into games, and the main line of a game into a GameRecord.

sgfmill reads the syntax. What stands here is what a folder of other people's records needs beyond that: one
broken game costs no other, and everything that can be wrong with a game is one ValueError with a reason.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from sgfmill import sgf_grammar

from lzeval.core.points import LARGEST, SMALLEST, parse_sgf
from tournaments.results import Colour, GameRecord, parse_result

PropertyMap = dict[str, list[bytes]]
"""One node: each property's values as they stand in the file, between the brackets."""

ANOTHER_GAME = "another game begins in the middle of the game"
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


_TO_COLOUR: dict[str, Colour] = {"B": "b", "W": "w"}
_ROOT_ONLY = frozenset({"FF", "GM", "SZ", "CA", "AP"})
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
_PROGRAMS_WITH_CODES = ("gomill:", "lzeval:")
"""Who writes the players' codes into the root comment."""


def parse_game(text: bytes) -> GameRecord:
    """The main line of one SGF game. `game_id` is empty if the record does not tell.

    Raises ValueError, saying why, for a game that cannot be read or that is not Go on a square board.
    """
    nodes: list[PropertyMap] = list(sgf_grammar.main_sequence_iter(sgf_grammar.parse_sgf_game(text)))
    root = nodes[0]
    if any(len(root[name]) > 1 for name in _ROOT_ONLY.intersection(root)):
        raise ValueError(ANOTHER_GAME)
    decode = _decoder(root)
    if _first(root, "GM", b"1").strip() not in (b"1", b""):
        raise ValueError("a record of another game than Go")
    size = _board_size(_first(root, "SZ", b"19"))
    record = GameRecord(
        game_id="",
        black=_simple(root, "PB", decode),
        white=_simple(root, "PW", decode),
        result=parse_result(_simple(root, "RE", decode)),
        size=size,
        komi=_komi(_first(root, "KM", b"")),
        handicap=_handicap(_first(root, "HA", b"0")),
        date=_simple(root, "DT", decode),
        event=_simple(root, "EV", decode),
        black_engine=_simple(root, "PB", decode),
        white_engine=_simple(root, "PW", decode),
        properties={
            name: _simple(root, name, decode)
            for name, values in root.items()
            if name not in _KNOWN and len(values) == 1
        },
    )
    record = _with_moves(record, nodes, decode)
    if _first(root, "AP", b"").decode("latin-1").startswith(_PROGRAMS_WITH_CODES):
        return _with_facts_of_comment(record, _comment(root, decode))
    return record


Decoder = Callable[[bytes], str]


def _decoder(root: PropertyMap) -> Decoder:
    """Decodes text of this record: as CA says, as UTF-8 if it says nothing usable."""
    name = _first(root, "CA", b"utf-8").decode("ascii", "replace").strip() or "utf-8"
    try:
        codec = codecs.lookup(name)
        codec.decode(b"", "replace")
    except (LookupError, ValueError):
        codec = codecs.lookup("utf-8")
    return lambda raw: codec.decode(raw, "replace")[0]


def _first(node: PropertyMap, name: str, default: bytes) -> bytes:
    return node[name][0] if name in node else default


def _simple(node: PropertyMap, name: str, decode: Decoder) -> str:
    return decode(sgf_grammar.simpletext_value(_first(node, name, b""))).strip()


def _comment(node: PropertyMap, decode: Decoder) -> str:
    return decode(sgf_grammar.text_value(_first(node, "C", b"")))


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


def _with_moves(record: GameRecord, nodes: list[PropertyMap], decode: Decoder) -> GameRecord:
    moves: list[tuple[Colour, int]] = []
    chances: list[float | None] = []
    notes: dict[int, str] = {}
    setup: dict[str, list[int]] = {"AB": [], "AW": [], "AE": []}
    for place, node in enumerate(nodes):
        if place and not _ROOT_ONLY.isdisjoint(node):
            raise ValueError(ANOTHER_GAME)
        for name, stones in setup.items():
            if name in node:
                if moves:
                    raise ValueError(f"stones are set up after move {len(moves)}")
                stones += _points(node[name], record.size)
        colours = [name for name in ("B", "W") if name in node]
        if len(colours) > 1:
            raise ValueError(f"two moves at once after move {len(moves)}")
        if not colours:
            continue
        moves.append((_TO_COLOUR[colours[0]], _move(node[colours[0]], record.size)))
        chances.append(_percentage(node))
        if "C" in node:
            notes[len(moves) - 1] = _comment(node, decode)
    ending = notes.pop(len(moves) - 1, "") if moves else ""
    cleared = set(setup["AE"])
    return replace(
        record,
        moves=tuple(moves),
        setup_black=tuple(index for index in setup["AB"] if index not in cleared),
        setup_white=tuple(index for index in setup["AW"] if index not in cleared),
        black_winrates=tuple(chances) if any(chance is not None for chance in chances) else (),
        move_notes=notes,
        end_comment=ending,
    )


def _move(values: list[bytes], size: int) -> int:
    if len(values) != 1:
        raise ValueError("a move with more than one point")
    return parse_sgf(values[0].decode("latin-1").strip(), size)


def _points(values: list[bytes], size: int) -> Iterator[int]:
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
        chance = float(_first(node, "SBKV", b"").decode("latin-1")) / 100
    except ValueError:
        return None
    return chance if 0 <= chance <= 1 else None


_FACT = {
    "event": re.compile(r"^Event: (.*)$", re.MULTILINE),
    "game_id": re.compile(r"^Game id (.*)$", re.MULTILINE),
    "date": re.compile(r"^Date (.*)$", re.MULTILINE),
    "opening": re.compile(r"^Opening (.*)$", re.MULTILINE),
    "pair": re.compile(r"^Pair (-?\d+)$", re.MULTILINE),
    "seed": re.compile(r"^Seed (-?\d+)$", re.MULTILINE),
}
_PLAYERS = re.compile(r"^Black (\S+) ?(.*?)\nWhite (\S+) ?(.*)", re.MULTILINE | re.DOTALL)
_NOTE = re.compile(r"^(?:Result )?.+? (?:beat|vs) .+? \((.*)\)$", re.MULTILINE)


def _with_facts_of_comment(record: GameRecord, comment: str) -> GameRecord:
    """What gomill's and our root comments tell beyond the properties."""
    players = _PLAYERS.search(comment)
    if players is None:
        return record
    head = comment[: players.start()]
    black, black_description, white, rest = players.groups()
    white_description, ending = (rest, record.end_comment) if record.moves else _split(rest, "\n\n")
    result_line, end_comment = _split(ending, "\n")
    note = _NOTE.search(result_line)
    found = {name: match[1] for name, pattern in _FACT.items() if (match := pattern.search(head))}
    return replace(
        record,
        game_id=found.get("game_id", ""),
        event=found.get("event", record.event),
        date=found.get("date", record.date),
        opening=found.get("opening", ""),
        pair=int(found["pair"]) if "pair" in found else None,
        seed=int(found["seed"]) if "seed" in found else None,
        black=black,
        white=white,
        black_engine="" if record.black_engine == black else record.black_engine,
        white_engine="" if record.white_engine == white else record.white_engine,
        black_description="" if black_description == record.black_engine else black_description,
        white_description="" if white_description == record.white_engine else white_description,
        black_cpu_s=_cpu_time(black, head),
        white_cpu_s=_cpu_time(white, head),
        result=replace(record.result, note=note[1]) if note else record.result,
        end_comment=end_comment,
    )


def _split(text: str, at: str) -> tuple[str, str]:
    before, _, after = text.partition(at)
    return before, after


def _cpu_time(player: str, comment: str) -> float | None:
    match = re.search(rf"^{re.escape(player)} cpu time: (\d+\.\d+)s$", comment, re.MULTILINE)
    return float(match[1]) if match else None
