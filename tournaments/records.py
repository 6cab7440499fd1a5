"""Game records on disk: gomill's way of writing them, and anybody's SGF in.

Our records keep gomill's layout, so that gomill's users and their tools find everything where they expect it.
What gomill has no place for is a line of its own in the root comment:

    Opening <name of the opening>
    Pair <number>
    Seed <number>

and Black's chance of winning in percent is the property SBKV of the move, where Sabaki looks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sgfmill import sgf_grammar, sgf_properties

from lzeval.core.files import write_bytes_atomically
from lzeval.core.points import format_sgf
from lzeval.core.sources import Source, read_sources
from lzeval.version import __version__
from tournaments.intake.finding import Kind, find, is_record_name
from tournaments.results import GameRecord, describe_result, format_result
from tournaments.sgf_nodes import PropertyMap
from tournaments.sgf_reader import parse_game, split_games
from tournaments.sgf_text import with_plain_brackets

NO_GAME = "no SGF game in it"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A game that could not be read."""

    path: Path
    why: str
    number: int = 1
    """Which game of the file it was, from 1."""


# Writing


def record_name(game_id: str) -> str:
    """How gomill names the file: the game's id and `.sgf`."""
    return f"{game_id}.sgf"


def write_game(record: GameRecord, path: str | Path) -> Path:
    """Write `record` to the file `path`, or under gomill's name into the folder `path`. Returns the file.

    The file appears whole or not at all. Raises UserError where it cannot be written.
    """
    target = Path(path)
    if target.is_dir():
        target = target / record_name(record.game_id)
    write_bytes_atomically(target, serialise_game(record))
    return target


def serialise_game(record: GameRecord) -> bytes:
    """The record as SGF FF[4]: FF first, the others alphabetical, no line broken later than byte 79."""
    nodes = [_root_node(record), *_move_nodes(record)]
    ending = "\n".join(filter(None, (describe_result(record), record.end_comment)))
    _add_comment(nodes[-1], ending)
    tree = sgf_grammar.Coarse_game_tree()
    tree.sequence = nodes
    text: bytes = sgf_grammar.serialise_game_tree(tree)
    return text


def _text(value: str) -> bytes:
    escaped: bytes = sgf_grammar.escape_text(value.encode("utf-8"))
    return escaped


def _real(value: float) -> bytes:
    written: bytes = sgf_properties.serialise_real(value)
    return written


def _point(index: int, size: int) -> bytes:
    """A point, or `tt` for the pass where the board is small enough for that."""
    return (format_sgf(index, size) or ("tt" if size <= 19 else "")).encode("ascii")


def _add_comment(node: PropertyMap, text: str) -> None:
    if "C" in node:
        node["C"] = [node["C"][0] + b"\n\n" + _text(text)]
    else:
        node["C"] = [_text(text)]


def _root_node(record: GameRecord) -> PropertyMap:
    node: PropertyMap = {name: [_text(value)] for name, value in record.properties.items()}
    node |= {"FF": [b"4"], "GM": [b"1"], "CA": [b"UTF-8"], "AP": [f"lzeval:{__version__}".encode("ascii")]}
    node["SZ"] = [b"%d" % record.size]
    node["RE"] = [_text(format_result(record.result))]
    node["PB"] = [_text(record.black_engine or record.black)]
    node["PW"] = [_text(record.white_engine or record.white)]
    node["GN"] = [_text(f"{record.event} {record.game_id}".strip())]
    if record.komi is not None:
        node["KM"] = [_real(record.komi)]
    if record.date:
        node["DT"] = [_text(record.date[:10])]
    if record.event:
        node["EV"] = [_text(record.event)]
    if record.handicap:
        node["HA"] = [b"%d" % record.handicap]
    for name, stones in (("AB", record.setup_black), ("AW", record.setup_white)):
        if stones:
            node[name] = [_point(index, record.size) for index in stones]
    node["C"] = [_text("\n".join(_root_comment(record)))]
    return node


def _root_comment(record: GameRecord) -> Iterator[str]:
    if record.event:
        yield f"Event: {record.event}"
    yield f"Game id {record.game_id}"
    if record.date:
        yield f"Date {record.date}"
    if record.moves:
        yield f"Result {describe_result(record)}"
    if record.opening:
        yield f"Opening {record.opening}"
    if record.pair is not None:
        yield f"Pair {record.pair}"
    if record.seed is not None:
        yield f"Seed {record.seed}"
    for player, seconds in ((record.black, record.black_cpu_s), (record.white, record.white_cpu_s)):
        if seconds is not None:
            yield f"{player} cpu time: {seconds:.2f}s"
    yield f"Black {record.black} {record.black_description or record.black_engine}".rstrip()
    yield f"White {record.white} {record.white_description or record.white_engine}".rstrip()


def _move_nodes(record: GameRecord) -> Iterator[PropertyMap]:
    for number, (colour, index) in enumerate(record.moves):
        node: PropertyMap = {colour.upper(): [_point(index, record.size)]}
        if number in record.move_notes:
            node["C"] = [_text(record.move_notes[number])]
        chance = record.black_winrates[number] if record.black_winrates else None
        if chance is not None:
            node["SBKV"] = [f"{100 * chance:.2f}".encode("ascii")]
        yield node


# Reading


def read_games(paths: Iterable[str | Path]) -> Iterator[GameRecord | Skipped]:
    """Every game of the records `paths`, in order; folders with all below them, sorted by name.

    A file may hold many games, and may be compressed or an archive. A game that cannot be read becomes a Skipped
    and costs no other game. Raises RecordError for a path that does not exist.
    """
    for found in find(paths):
        if found.kind is Kind.RECORD:
            yield from read_record_file(found.path)


def read_record_file(path: Path) -> Iterator[GameRecord | Skipped]:
    """The games of one file, whatever it is called."""
    for source in record_sources(path):
        if isinstance(source, Skipped):
            yield source
        else:
            yield from read_chunks(Path(source.name), split_games(with_plain_brackets(source.content)))


def record_sources(path: Path) -> Iterator[Source | Skipped]:
    """What there is to read in a file: itself, or an archive's members that are called like records."""
    empty = True
    for source in read_sources([path]):
        inside = source.name[len(str(path)) :]
        if inside and not is_record_name(inside):
            continue
        empty = False
        if source.problem:
            yield Skipped(Path(source.name), source.problem)
        if b"(" in source.content:
            yield source
        elif not source.problem:
            yield Skipped(Path(source.name), NO_GAME)
    if empty:
        yield Skipped(path, NO_GAME)


def read_chunks(
    path: Path, chunks: Iterable[tuple[bytes, str]], first: int = 1
) -> Iterator[GameRecord | Skipped]:
    """Games of `path` as `split_games` has found them, the first of which is its `first`."""
    number = first - 1
    for number, (chunk, problem) in enumerate(chunks, start=first):
        yield _read_chunk(chunk, problem, path, number)
    if number == 0:
        yield Skipped(path, NO_GAME)


def _read_chunk(chunk: bytes, problem: str, path: Path, number: int) -> GameRecord | Skipped:
    if problem:
        return Skipped(path, problem, number)
    name = path.name.rpartition(":")[2].split(".")[0]
    try:
        return parse_game(chunk, path, name if number == 1 else f"{name}#{number}")
    except ValueError as exc:
        return Skipped(path, str(exc), number)
