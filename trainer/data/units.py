"""Records and chunks, cut into units of whole games, and each unit packed, by threads or on a cluster."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from lzeval.cluster.connection import Cluster
from lzeval.cluster.tasks import ordered
from lzeval.compiled.arrays import Ints64, Unsigned8
from lzeval.go.board import BLACK, WHITE, empty_board, geometry, new_scratch
from lzeval.go.points import format_vertex, symmetry_tables
from lzeval.records.info import GameInfo, NotGoError
from lzeval.records.input.split_games import break_in
from lzeval.records.input.text import as_sgf
from lzeval.records.result import Outcome
from lzeval.records.scanner import (
    LONGEST,
    NO_GAME,
    OK,
    ScannedRecord,
    begins_twice,
    end_of_games,
    info_of,
    new_record,
    read_record,
    refusal,
)
from lzeval.system.archives import Source, read_sources
from trainer.data.chunks.binary import read_v2
from trainer.data.chunks.kind import chunk_kind
from trainer.data.chunks.rows import rows_from_chunks
from trainer.data.chunks.text import read_v1
from trainer.data.rows import (
    JIGO,
    PACKED,
    VERDICTS,
    Soft,
    game_key,
    pack_game,
    row_bytes,
    winner_of,
)
from trainer.data.selection import Selection

UNIT_BYTES = 1 << 21
"""Bytes of SGF text, about, of one unit."""
_WINNERS = {Outcome.BLACK: BLACK, Outcome.WHITE: WHITE, Outcome.JIGO: JIGO}


@dataclass(frozen=True)
class Unit:
    """Some whole games of one source."""

    source: str
    kind: str
    """`sgf`, `v1` or `v2`."""
    content: Unsigned8
    problem: str = ""
    """Fault of the file."""
    first: bool = True
    """True if the source begins with this unit."""
    share: float = 1.0
    """Bytes of its source that have been read at the unit's end."""


@dataclass
class Packed:
    """The games of one unit, packed."""

    rows: list[Unsigned8] = field(default_factory=list)
    """Rows of each game."""
    games: list[tuple[float, int, int, float, float, int]] = field(default_factory=list)
    """Facts of each game: komi, handicap, winner, ranks and key."""
    remarks: list[tuple[str, int]] = field(default_factory=list)
    """Departures from what is written, in words, each with the number of the game in the unit."""
    learn: list[Ints64 | None] = field(default_factory=list)
    """Rows to be learnt from of each game, counted in the game; None: all."""
    soft: list[Soft | None] = field(default_factory=list)
    """Policies of each game that are more than one move; their rows are counted in the game."""
    skipped: list[tuple[str, int, str]] = field(default_factory=list)
    """Reason, number of the game or position in the unit, and further words on the place."""
    seen: int = 0
    """Games or positions in the unit, good or bad."""


def units_of(sources: Iterator[Source]) -> Iterator[Unit]:
    """Cut every source into units."""
    for source in sources:
        kind = chunk_kind(source.content) or "sgf"
        text = np.frombuffer(as_sgf(source.content) if kind == "sgf" else source.content, np.uint8)
        start, first = 0, True
        while first or start < len(text):
            end = len(text) if kind != "sgf" else int(end_of_games(text, start, start + UNIT_BYTES))
            share = end / max(1, len(text))
            yield Unit(source.name, kind, text[start:end], source.problem if first else "", first, share)
            start, first = end, False


def pack_unit(unit: Unit, size: int, selection: Selection) -> Packed:
    """Pack one unit's games for boards of `size` lines."""
    return _pack_sgf(unit, size, selection) if unit.kind == "sgf" else _pack_chunk(unit, size, selection)


def _pack_sgf(unit: Unit, size: int, selection: Selection) -> Packed:
    made, at, text = Packed(), 0, unit.content.tobytes()
    record, scratch, stones = new_record(), new_scratch(size), empty_board(size)
    rows = np.zeros((LONGEST, row_bytes(size)), np.uint8)
    tables = symmetry_tables(size)
    while True:
        start = at
        at, problem = read_record(unit.content, start, record)
        if problem == NO_GAME:
            return made
        made.seen += 1
        if text.count(b"(", start, at) > 1:
            broken = break_in(text, start, at, sound=problem == OK and not begins_twice(record))
            if broken is not None:
                made.skipped.append((broken[0], made.seen, ""))
                at = broken[1]
                continue
        try:
            info = _facts(text, record, problem, size)
        except _RefusedError as refused:
            made.skipped.append((refused.kind, made.seen, refused.place))
            continue
        made.remarks += [(remark, made.seen) for remark in info.remarks]
        record.facts[1] = _WINNERS.get(info.result.outcome, 0)
        record.facts[2] = bool(info.suicide)
        count, verdict = pack_game(geometry(size), scratch, stones, record, rows)
        komi = math.nan if info.komi is None else info.komi
        if verdict != PACKED:
            made.skipped.append((VERDICTS[verdict], made.seen, _move_at(record, count, size)))
        elif reason := selection.refuses(count, komi, info.handicap, info.black_rank, info.white_rank):
            made.skipped.append((reason, made.seen, ""))
        else:
            key = int(game_key(rows[:count], tables))
            made.rows.append(rows[:count].copy())
            facts = komi, info.handicap, int(record.facts[1]), info.black_rank, info.white_rank
            made.games.append((*facts, key))
            made.learn.append(selection.plies(count, key))
            made.soft.append(None)


class _RefusedError(Exception):
    """A game that is not packed: the kind of reason, by which games are counted, and further words on the place."""

    def __init__(self, kind: str, place: str = "") -> None:
        self.kind, self.place = kind, place
        super().__init__(kind + place)


def _facts(text: bytes, record: ScannedRecord, problem: int, size: int) -> GameInfo:
    """A record's facts. Raises _RefusedError if it cannot be packed for boards of `size` lines."""
    if problem != OK:
        kind, detail = refusal(problem, text, record)
        raise _RefusedError(kind, detail and f": {detail}")
    if record.facts[0] != size:
        raise _RefusedError(f"another board size than {size}")
    try:
        return info_of(text, record)
    except NotGoError as error:
        raise _RefusedError(error.kind, f": {error.written}") from error


def _move_at(record: ScannedRecord, number: int, size: int) -> str:
    """The move `number`, from 1, in words; empty where there is none."""
    if not 0 < number <= record.counts[0]:
        return ""
    colour, move = record.moves[number - 1].tolist()
    return f", move {number}, {'Black' if colour == BLACK else 'White'} {format_vertex(move, size)}"


def _pack_chunk(unit: Unit, size: int, selection: Selection) -> Packed:
    """A chunk knows nothing of its games but the boards, so that filters by komi or rank refuse them all."""
    made = Packed()
    content = unit.content.tobytes()
    if unit.kind == "v2" and size != 19:
        made.skipped.append((f"another board size than {size}", 1, ""))
        return made
    positions, problems = read_v1(content, size) if unit.kind == "v1" else read_v2(content)
    made.seen = len(positions.winner) + len(problems)
    made.skipped = [(reason, number, "") for number, reason in problems]
    packed = rows_from_chunks(positions, size)
    tables = symmetry_tables(size)
    nan = float("nan")
    for start, length in packed.games.tolist():
        inside = packed.learn[slice(*np.searchsorted(packed.learn, (start, start + length)))] - start
        if refused := selection.refuses(len(inside), nan, 0, nan, nan):
            first_position = int(np.searchsorted(packed.learn, start)) + 1
            made.skipped.append((refused, first_position, ""))
            continue
        rows = packed.rows[start : start + length]
        key = int(game_key(rows, tables))
        wanted = selection.plies(length, key)
        made.rows.append(rows)
        made.games.append((nan, 0, winner_of(int(rows[-1, -2])), nan, nan, key))
        made.learn.append(inside if wanted is None else np.intersect1d(inside, wanted))
        first, last = np.searchsorted(packed.soft.rows, (start, start + length))
        made.soft.append(_cut(packed.soft, int(first), int(last), start) if last > first else None)
    return made


def _cut(soft: Soft, first: int, last: int, start: int) -> Soft:
    """The policies `first` to `last` of a chunk's, for the game whose rows begin at `start`."""
    entries = slice(soft.starts[first], soft.starts[last])
    starts = soft.starts[first : last + 1] - soft.starts[first]
    return Soft(soft.rows[first:last] - start, starts, soft.points[entries], soft.shares[entries])


def packed_units(
    files: Sequence[Path],
    size: int,
    selection: Selection,
    *,
    first: int = 0,
    threads: int | None = None,
    cluster: Cluster | None = None,
) -> Iterator[tuple[int, float, Unit, Packed]]:
    """Every unit of `files` from number `first` on, in order, packed on `threads` (all cores), or on a cluster.

    Its number, how much of the files has been read at its end (0 to 1), itself, and what was made of it.
    """
    units = islice(enumerate(_units_with_shares(files)), first, None)
    made = partial(pack_unit, size=size, selection=selection)
    if cluster is not None:
        yield from _packed_on(cluster, made, units)
        return
    threads = threads or os.cpu_count() or 1
    waiting: deque[tuple[int, float, Unit, Future[Packed]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for number, (share, unit) in units:
                waiting.append((number, share, unit, pool.submit(made, unit)))
                if len(waiting) >= 2 * threads:
                    yield _finished(waiting.popleft())
            while waiting:
                yield _finished(waiting.popleft())
        finally:
            for *_, future in waiting:
                future.cancel()


def _packed_on(
    cluster: Cluster, made: Callable[[Unit], Packed], units: Iterator[tuple[int, tuple[float, Unit]]]
) -> Iterator[tuple[int, float, Unit, Packed]]:
    """`packed_units` on a cluster: a unit's bytes travel to a node, and its rows come back."""
    waiting: deque[tuple[int, float, Unit]] = deque()

    def given() -> Iterator[Unit]:
        for number, (share, unit) in units:
            waiting.append((number, share, unit))
            yield unit

    for packed in ordered(cluster, made, given()):
        yield *waiting.popleft(), packed


def _finished(waiting: tuple[int, float, Unit, Future[Packed]]) -> tuple[int, float, Unit, Packed]:
    number, share, unit, future = waiting
    return number, share, unit, future.result()


def _units_with_shares(files: Sequence[Path]) -> Iterator[tuple[float, Unit]]:
    """Units in order, each with the share of the files' bytes that has been read; an archive counts when it is over."""
    sizes = [file.stat().st_size if file.is_file() else 0 for file in files]
    before, total = 0, max(1, sum(sizes))
    for file, size in zip(files, sizes, strict=True):
        for unit in units_of(read_sources([file])):
            share = unit.share if unit.source == str(file) else 0.0
            yield (before + share * size) / total, unit
        before += size
