"""Results in CSV: a line a game, or a line of counts for each pair of players."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from lzeval.core.decimals import parse_integer, parse_number
from lzeval.core.sources import read_sources
from lzeval.records.detection import guess
from lzeval.records.result import JIGO, GameResult, Outcome, win
from tournaments.claims import settled
from tournaments.intake.state import UNKNOWN_SIZE
from tournaments.records import Skipped
from tournaments.results import GameRecord

GAME_COLUMNS = ("black", "white", "result")
COUNT_COLUMNS = ("player_a", "player_b", "a_black_wins", "a_black_losses", "a_white_wins", "a_white_losses")
MOST_GAMES = 5_000_000
"""Of one file of counts."""
NO_NOTES: Mapping[int, str] = {}
T = TypeVar("T")
Number = TypeVar("Number", int, float)
Reader = Callable[[list[str], int], Sequence[GameRecord]]
"""From a line's cells and its number to games."""


def read_table(path: Path) -> Iterator[GameRecord | Skipped]:
    """The games of the CSV file `path`, plain or compressed; a line that tells of none is a Skipped with its number.

    The first line names the columns, in any letter case and order: GAME_COLUMNS and, if there are, `date`, `size`,
    `komi`, `handicap`, `rules` and those of `results.csv`; or COUNT_COLUMNS. Others are ignored.
    """
    for source in read_sources([path]):
        if source.problem:
            yield Skipped(Path(source.name), source.problem)
        if source.content or not source.problem:
            yield from _games(source.content, Path(source.name))


def _games(content: bytes, path: Path) -> Iterator[GameRecord | Skipped]:
    text = content.decode("utf-8-sig" if guess(content) == "utf-8" else guess(content), "replace")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        columns = [name.strip().lower() for name in next(lines, [])]
        read = _reader(columns, path)
        if read is None:
            yield Skipped(path, f"its first line must name the columns {', '.join(GAME_COLUMNS)}")
            return
        left = MOST_GAMES
        for cells in lines:
            if not any(map(str.strip, cells)):
                continue
            try:
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


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _reader(columns: Sequence[str], path: Path) -> Reader | None:
    if set(GAME_COLUMNS) <= set(columns):
        return _GameReader(columns, path)
    if not set(COUNT_COLUMNS) <= set(columns):
        return None
    return lambda cells, line: _counted(dict(zip(columns, cells, strict=False)), path, line)


class _Meanings(dict[str, T]):
    """What cells of one column mean; each text is parsed once, and its meaning is one object."""

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
        """By how many cells a line has."""
        self._texts = _Meanings(str.strip)
        self._names = _Meanings(lambda text: text if text.strip() else "")
        self._results = _Meanings(lambda text: settled([text.strip()]))
        self._sizes = _Meanings(lambda text: _number("size", text, parse_integer) or UNKNOWN_SIZE)
        self._komis = _Meanings(lambda text: _number("komi", text, parse_number))
        self._handicaps = _Meanings(lambda text: _number("handicap", text, parse_integer) or 0)
        self._pairs = _Meanings(lambda text: _number("pair", text, parse_integer))
        self._seeds = _Meanings(lambda text: _number("seed", text, parse_integer))
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


def _checked(record: GameRecord, winner: str) -> GameRecord:
    """Held against the column `winner`, where there is one."""
    named = record.result.winner
    if named is None or winner in ("", record.player(named).strip()):
        return record
    note = f"contradictory: result says {named.upper()}+, winner says {winner}"
    return replace(record, result=GameResult(Outcome.UNKNOWN, note=note))


def _number(name: str, text: str, kind: Callable[[str], Number]) -> Number | None:
    """What the cell `text` of the column `name` holds; None if nothing. Raises ValueError if it is no number."""
    text = text.strip()
    if not text:
        return None
    try:
        number = kind(text.replace(",", "."))
        if math.isfinite(number):
            return number
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{name} is {text!r}, which is no number")


def _counted(row: Mapping[str, str], path: Path, line: int) -> list[GameRecord]:
    """As many games as are counted; those that tell the same are one object."""
    a, b = row["player_a"], row["player_b"]
    kinds: dict[str, tuple[str, str, GameResult]] = {
        "a_black_wins": (a, b, win("b")),
        "a_black_losses": (a, b, win("w")),
        "a_white_wins": (b, a, win("w")),
        "a_white_losses": (b, a, win("b")),
        "a_black_jigos": (a, b, JIGO),
        "a_white_jigos": (b, a, JIGO),
    }
    games: list[GameRecord] = []
    for name, (black, white, result) in kinds.items():
        count = _number(name, row.get(name, ""), parse_integer) or 0
        if not 0 <= count <= MOST_GAMES:
            raise ValueError(f"{name} is {count}, which cannot be")
        record = GameRecord(f"{path.name}:{line}", black, white, result, size=UNKNOWN_SIZE, path=path)
        games += [record] * count
    return games
