"""Results in CSV: a line a game, or a line of counts for each pair of players."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from lzeval.go.colour import Colour
from lzeval.records.info import parse_komi
from lzeval.records.input.encoding import text_of
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import Skipped
from lzeval.records.result import JIGO, GameResult, Outcome, win
from lzeval.records.result_check import settled
from lzeval.records.words import normalised
from lzeval.system.archives import read_sources
from lzeval.text.decimals import parse_number
from tournaments.collect.tournament_state import UNKNOWN_SIZE

GAME_COLUMNS = ("black", "white", "result")
COUNT_COLUMNS = ("player_a", "player_b", "a_black_wins", "a_black_losses", "a_white_wins", "a_white_losses")
MOST_GAMES = 5_000_000
"""Games of one file of counts."""
MOST_QUOTED = 60
"""Letters of a cell in a message."""
LONGEST_HEADER = 65536
"""Letters that are looked at for the separator."""
NO_RESULT = GameResult(Outcome.UNKNOWN, note="result is empty")
NO_NOTES: Mapping[int, str] = {}
_SEPARATOR = re.compile(r'"?sep=([,;\t|])?"?', re.IGNORECASE)
_WHOLE = re.compile(r"([+-]?\d{1,18})(?:[.,](0*))?", re.ASCII)
T = TypeVar("T")
Reader = Callable[[list[str], int], Sequence[GameRecord]]
"""A function from a line's cells and its number to games."""


def read_table(path: Path) -> Iterator[GameRecord | Skipped]:
    """The games of the CSV file `path`, plain or compressed; a line that tells of none is a Skipped with its number.

    The first line names the columns, in any letter case and order: GAME_COLUMNS and, if there are, `date`, `size`,
    `komi`, `handicap`, `rules` and those of `results.csv`; or COUNT_COLUMNS. Others are ignored. Before it may stand
    Excel's `sep=;`.
    """
    for source in read_sources([path]):
        if source.problem:
            yield Skipped(Path(source.name), source.problem)
        if source.content or not source.problem:
            yield from _games(source.content, Path(source.name))


def _games(content: bytes, path: Path) -> Iterator[GameRecord | Skipped]:
    text = text_of(content)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        columns = _columns(lines)
        problem = _problem_of(columns)
        if problem:
            yield Skipped(path, problem, max(1, lines.line_num))
            return
        read, left = _reader(columns, path), MOST_GAMES
        first = lines.line_num + 1
        for cells in lines:
            begun, first = first, lines.line_num + 1
            if not any(map(str.strip, cells)):
                continue
            try:
                if lines.line_num > begun:
                    _check_quotes(text, begun, lines.line_num)
                if len(cells) > len(columns):
                    _check_surplus(cells, columns)
                games = read(cells, lines.line_num)
                left -= len(games)
                if left < 0:
                    raise ValueError(f"more than {MOST_GAMES:,} games in one file")
            except ValueError as exc:
                yield Skipped(path, str(exc), lines.line_num)
            else:
                yield from games
    except csv.Error as exc:
        yield Skipped(path, f"no CSV: {exc}", lines.line_num)


def _check_quotes(text: str, first: int, last: int) -> None:
    """Raise ValueError if the cells of the lines `first` to `last`, from 1, hang together by an open quotation mark."""
    spanned = "".join(list(io.StringIO(text, newline=""))[first - 1 : last])
    if spanned.count('"') % 2:
        raise ValueError(
            f"a quotation mark in line {first} is never closed; lines {first} to {last} are not read"
        )


def _delimiter(text: str) -> str:
    """The separator that Excel's line `sep=;` names, else the most frequent one in the first line with any text."""
    first = next((line for line in text[:LONGEST_HEADER].splitlines() if line.strip()), "")
    told = _SEPARATOR.fullmatch(first)
    return told[1] if told and told[1] else max(",;\t", key=first.count)


def _columns(lines: Iterator[list[str]]) -> list[str]:
    """The names in the first line that has any, in lower case."""
    for cells in lines:
        if any(map(str.strip, cells)) and not _SEPARATOR.fullmatch(cells[0].strip()):
            return [name.strip().lower() for name in cells]
    return []


def _problem_of(columns: Sequence[str]) -> str:
    """A reason why a table with these columns cannot be read; empty if it can."""
    if not {*GAME_COLUMNS} <= {*columns} and not {*COUNT_COLUMNS} <= {*columns}:
        wanted = COUNT_COLUMNS if {"player_a", "player_b"} & {*columns} else GAME_COLUMNS
        found = ", ".join(name for name in columns if name)[:MOST_QUOTED]
        return f"its first line must name the columns {', '.join(wanted)}; it names {found or 'none'}"
    twice = [name for name, times in Counter(columns).items() if times > 1 and name in KNOWN_COLUMNS]
    return (
        f"its first line names the column {', '.join(twice)} twice; which of them is meant?" if twice else ""
    )


def _check_surplus(cells: Sequence[str], columns: Sequence[str]) -> None:
    """Raise ValueError for text behind the last column: the cells before it may be in wrong ones as well."""
    if any(map(str.strip, cells[len(columns) :])):
        raise ValueError(
            f"{len(cells)} cells for {len(columns)} columns; text that holds the separator (a decimal comma?) "
            "is to stand in quotes"
        )


def _reader(columns: Sequence[str], path: Path) -> Reader:
    if set(GAME_COLUMNS) <= set(columns):
        return _GameReader(columns, path)
    return lambda cells, line: _counted(dict(zip(columns, cells, strict=False)), path, line)


class _Meanings(dict[str, T]):
    """Values of the cells of one column; each text is parsed once, and its value is one object."""

    def __init__(self, parse: Callable[[str], T]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, text: str) -> T:
        meaning = self[text] = self._parse(text)
        return meaning


class _Draft:
    """A GameRecord in the making. It becomes one when all is in it: four times as fast as making a frozen one."""

    __slots__ = GameRecord.__slots__


class _GameReader:
    """Makes a game of a line's cells."""

    COLUMNS = (
        *("game_id", "black", "white", "result", "winner", "size", "komi"),
        *("handicap", "date", "event", "opening", "pair", "seed", "rules"),
    )

    def __init__(self, columns: Sequence[str], path: Path) -> None:
        self._columns, self._path = columns, path
        self._name = path.name
        self._pickers: dict[int, Callable[[list[str]], tuple[str, ...]]] = {}
        """Pickers by the number of cells in a line."""
        self._texts = _Meanings(str.strip)
        self._names = _Meanings(lambda text: text if text.strip() else "")
        self._results = _Meanings(lambda text: settled([text.strip()]) if text.strip() else NO_RESULT)
        self._sizes = _Meanings(lambda text: _whole("size", text) or UNKNOWN_SIZE)
        self._komis = _Meanings(_komi)
        self._handicaps = _Meanings(lambda text: _whole("handicap", text) or 0)
        self._pairs = _Meanings(lambda text: _whole("pair", text))
        self._seeds = _Meanings(lambda text: _whole("seed", text))
        self._properties = _Meanings(lambda text: {"RU": text.strip()} if text.strip() else {})

    def __call__(self, cells: list[str], line: int) -> tuple[GameRecord]:
        """Raises ValueError for a cell that must hold a number and does not."""
        pick = self._pickers.get(len(cells))
        if pick is None:
            pick = self._pickers[len(cells)] = self._picker(len(cells))
        cells.append("")
        game_id, black, white, result, winner, size, komi, *others = pick(cells)
        handicap, date, event, opening, pair, seed, rules = others
        game: Any = _Draft()
        game.game_id = game_id.strip() or f"{self._name}:{line}"
        game.black = self._names[black]
        game.white = self._names[white]
        game.result = self._results[result]
        game.size = self._sizes[size]
        game.komi = self._komis[komi]
        game.handicap = self._handicaps[handicap]
        game.date = self._texts[date]
        game.event = self._texts[event]
        game.opening = self._texts[opening]
        game.pair = self._pairs[pair]
        game.seed = self._seeds[seed]
        game.properties = self._properties[rules]
        game.path = self._path
        game.moves = game.setup_black = game.setup_white = game.black_winrates = ()
        game.black_engine = game.white_engine = game.black_description = game.white_description = ""
        game.black_cpu_s = game.white_cpu_s = None
        game.end_comment = ""
        game.move_notes = NO_NOTES
        game.remarks = ()
        game.__class__ = GameRecord
        return (_checked(game, winner.strip()) if winner else game,)

    def _picker(self, length: int) -> Callable[[list[str]], tuple[str, ...]]:
        """Takes the cells of COLUMNS out of a line of `length` cells and an empty one, which is every missing one."""
        places = dict(zip(self._columns, range(length), strict=False))
        return itemgetter(*(places.get(name, length) for name in self.COLUMNS))


KNOWN_COLUMNS = frozenset({*_GameReader.COLUMNS, *COUNT_COLUMNS, "a_black_jigos", "a_white_jigos"})


def _checked(record: GameRecord, winner: str) -> GameRecord:
    """Held against the column `winner`, where there is one."""
    named = record.result.winner
    if named is None or winner in ("", record.player(named).strip()):
        return record
    note = f"contradictory: result says {named.letter.upper()}+, winner says {winner}"
    return replace(record, result=GameResult(Outcome.UNKNOWN, note=note))


def _number(name: str, text: str) -> float | None:
    """The number in the cell `text` of the column `name`, None if it is empty. Raises ValueError if it is none."""
    text = text.strip()
    if not text:
        return None
    try:
        return parse_number(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{name} is {text[:MOST_QUOTED]!r}, which is no number") from None


def _komi(text: str) -> float | None:
    """Komi as records write it, too. Raises ValueError if it is none."""
    found = parse_komi(normalised(text)) if text.strip() else None
    return _number("komi", text) if found is None else found


def _whole(name: str, text: str) -> int | None:
    """The whole number in the cell, None if it is empty; calculating programs write 12.0 (or 12,0)."""
    text = text.strip()
    if not text:
        return None
    told = _WHOLE.fullmatch(text)
    if told is None:
        raise ValueError(f"{name} is {text[:MOST_QUOTED]!r}, which is no whole number")
    if told[2] == "000":
        raise ValueError(
            f"{name} is {text!r}, which may be {told[1]} or {told[1]}000; write it with digits alone"
        )
    return int(told[1])


def _counted(row: Mapping[str, str], path: Path, line: int) -> list[GameRecord]:
    """Games, as many as a line of counts says; alike ones are one object. Raises ValueError."""
    for name in COUNT_COLUMNS:
        if not row.get(name, "").strip():
            raise ValueError(f"{name} is empty" + ("" if name.startswith("player") else "; write 0 for none"))
    a, b = row["player_a"], row["player_b"]
    kinds: dict[str, tuple[str, str, GameResult]] = {
        "a_black_wins": (a, b, win(Colour.BLACK)),
        "a_black_losses": (a, b, win(Colour.WHITE)),
        "a_white_wins": (b, a, win(Colour.WHITE)),
        "a_white_losses": (b, a, win(Colour.BLACK)),
        "a_black_jigos": (a, b, JIGO),
        "a_white_jigos": (b, a, JIGO),
    }
    games: list[GameRecord] = []
    for name, (black, white, result) in kinds.items():
        count = _whole(name, row.get(name, "")) or 0
        if not 0 <= count <= MOST_GAMES:
            raise ValueError(f"{name} is {count}, which cannot be")
        record = GameRecord(f"{path.name}:{line}", black, white, result, size=UNKNOWN_SIZE, path=path)
        games += [record] * count
    return games
