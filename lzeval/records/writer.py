"""Our game records as SGF, in gomill's layout: its users and their tools find everything where they expect it.

What gomill has no place for is a line of its own in the root comment:

    Opening <name of the opening>
    Pair <number>
    Seed <number>

and Black's chance of winning in percent is the property SBKV of the move, where Sabaki looks for it.

A tournament of fast engines writes many a second, so that this is plain joining of bytes; sgfmill is the judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from lzeval.go.points import format_sgf
from lzeval.records.record import GameRecord, describe_result
from lzeval.records.result import format_result
from lzeval.system.files import utf8
from lzeval.version import __version__

if TYPE_CHECKING:
    from lzeval.records.nodes import PropertyMap

LINE_BYTES = 79


def serialise_game(record: GameRecord, clocks: Sequence[Mapping[str, str]] = (), note: str = "") -> bytes:
    """The record as SGF FF[4]: FF first, the others alphabetical, no line broken later than byte 79.

    `clocks` are properties to add to each move, or none at all; `note` is a line of the root comment.
    """
    nodes = [_root_node(record, note=note), *_move_nodes(record)]
    _add_comment(nodes[-1], _ending(record))
    if clocks:
        for node, shown in zip(nodes[1:], clocks, strict=True):
            node.update({name: [value.encode("ascii")] for name, value in shown.items()})
    return serialise_nodes(nodes)


def serialise_void_game(record: GameRecord, reason: str) -> bytes:
    """The record of a game that was broken off: RE is Void, and after a move the last comment says why, not who won."""
    nodes = [_root_node(record, tells_result=False), *_move_nodes(record)]
    nodes[0]["RE"] = [b"Void"]
    if record.moves:
        _add_comment(nodes[-1], abort_message(reason))
    else:
        _add_comment(nodes[0], _ending(record))
    return serialise_nodes(nodes)


def _ending(record: GameRecord) -> str:
    return "\n".join(filter(None, (describe_result(record), record.end_comment)))


def abort_message(reason: str) -> str:
    """The words of gomill for a game that it breaks off."""
    return f"aborting game due to error:\n{reason}"


def serialise_nodes(nodes: Iterable[PropertyMap]) -> bytes:
    """A game without variations, given by its nodes, as SGF: FF first in each node, the others alphabetical."""
    return _lines(_pieces(nodes))


def _pieces(nodes: Iterable[PropertyMap]) -> Iterator[bytes]:
    """Pieces that no line may break; the last line feed counts as a byte of its line, as in gomill."""
    yield b"("
    for node in nodes:
        yield b";"
        for name in node if len(node) == 1 else sorted(node, key=_place):
            yield b"%s[%s]" % (name.encode("ascii"), b"][".join(node[name]))
    yield b")"
    yield b"\n"


def _place(name: str) -> str:
    return "" if name == "FF" else name


def _lines(pieces: Iterable[bytes]) -> bytes:
    lines: list[bytes] = []
    line: list[bytes] = []
    used = 0
    for piece in pieces:
        used += len(piece)
        if used > LINE_BYTES:
            lines.append(b"".join(line))
            line, used = [], len(piece)
        line.append(piece)
    return b"\n".join([*lines, b"".join(line)])


def text_value(value: str) -> bytes:
    """A value of Text or SimpleText, escaped."""
    return utf8(value).replace(b"\\", b"\\\\").replace(b"]", b"\\]")


def real_value(value: float) -> bytes:
    """Write a number without `.0`, and never with an exponent."""
    text = str(int(value)) if value == int(value) else repr(float(value))
    return b"0" if "e-" in text else text.encode("ascii")


@lru_cache(maxsize=2048)
def point_value(index: int, size: int) -> bytes:
    """A point, or `tt` for the pass where the board is small enough for that."""
    return (format_sgf(index, size) or ("tt" if size <= 19 else "")).encode("ascii")


def _add_comment(node: PropertyMap, text: str) -> None:
    if "C" in node:
        node["C"] = [node["C"][0] + b"\n\n" + text_value(text)]
    else:
        node["C"] = [text_value(text)]


def _root_node(record: GameRecord, *, tells_result: bool = True, note: str = "") -> PropertyMap:
    node: PropertyMap = {name: [text_value(value)] for name, value in record.properties.items()}
    node |= {"FF": [b"4"], "GM": [b"1"], "CA": [b"UTF-8"], "AP": [f"lzeval:{__version__}".encode("ascii")]}
    node["SZ"] = [b"%d" % record.size]
    node["RE"] = [text_value(format_result(record.result))]
    node["PB"] = [text_value(record.black_engine or record.black)]
    node["PW"] = [text_value(record.white_engine or record.white)]
    node["GN"] = [text_value(f"{record.event} {record.game_id}".strip())]
    if record.komi is not None:
        node["KM"] = [real_value(record.komi)]
    if record.date:
        node["DT"] = [text_value(record.date[:10])]
    if record.event:
        node["EV"] = [text_value(record.event)]
    if record.handicap:
        node["HA"] = [b"%d" % record.handicap]
    for name, stones in (("AB", record.setup_black), ("AW", record.setup_white)):
        if stones:
            node[name] = [point_value(index, record.size) for index in stones]
    node["C"] = [text_value("\n".join(_root_comment(record, tells_result, note)))]
    return node


def _root_comment(record: GameRecord, tells_result: bool, note: str) -> Iterator[str]:
    if record.event:
        yield f"Event: {record.event}"
    yield f"Game id {record.game_id}"
    if record.date:
        yield f"Date {record.date}"
    if record.moves and tells_result:
        yield f"Result {describe_result(record)}"
    if record.opening:
        yield f"Opening {record.opening}"
    if record.pair is not None:
        yield f"Pair {record.pair}"
    if record.seed is not None:
        yield f"Seed {record.seed}"
    if note:
        yield note
    for player, seconds in ((record.black, record.black_cpu_s), (record.white, record.white_cpu_s)):
        if seconds is not None:
            yield f"{player} cpu time: {seconds:.2f}s"
    yield f"Black {record.black} {record.black_description or record.black_engine}".rstrip()
    yield f"White {record.white} {record.white_description or record.white_engine}".rstrip()


def _move_nodes(record: GameRecord) -> Iterator[PropertyMap]:
    size, notes, chances = record.size, record.move_notes, record.black_winrates
    for number, (colour, index) in enumerate(record.moves):
        node: PropertyMap = {colour.letter.upper(): [point_value(index, size)]}
        if number in notes:
            node["C"] = [text_value(notes[number])]
        chance = chances[number] if chances else None
        if chance is not None:
            node["SBKV"] = [f"{100 * chance:.2f}".encode("ascii")]
        yield node
