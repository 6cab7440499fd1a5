"""Results in CSV: a line a game, or a line of counts for each pair of players."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from lzeval.core.sources import read_sources
from tournaments.claims import settled
from tournaments.intake.state import UNKNOWN_SIZE
from tournaments.records import Skipped
from tournaments.results import JIGO, GameRecord, GameResult, Outcome, win
from tournaments.sgf_text import guess

GAME_COLUMNS = ("black", "white", "result")
COUNT_COLUMNS = ("player_a", "player_b", "a_black_wins", "a_black_losses", "a_white_wins", "a_white_losses")
MOST_GAMES = 5_000_000
"""Of one file of counts."""
T = TypeVar("T", int, float)
Row = Mapping[str, str]


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
        read = _reader(columns)
        if read is None:
            yield Skipped(path, f"its first line must name the columns {', '.join(GAME_COLUMNS)}")
            return
        left = MOST_GAMES
        for cells in lines:
            if not any(map(str.strip, cells)):
                continue
            try:
                games = read(dict(zip(columns, cells, strict=False)), path, lines.line_num)
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


def _reader(columns: Sequence[str]) -> Callable[[Row, Path, int], Sequence[GameRecord]] | None:
    if set(GAME_COLUMNS) <= set(columns):
        return _game
    return _counted if set(COUNT_COLUMNS) <= set(columns) else None


def _game(row: Row, path: Path, line: int) -> list[GameRecord]:
    cell = {name: text.strip() for name, text in row.items()}
    rules = cell.get("rules", "")
    record = GameRecord(
        game_id=cell.get("game_id") or f"{path.name}:{line}",
        black=row.get("black", "") if cell.get("black") else "",
        white=row.get("white", "") if cell.get("white") else "",
        result=settled([cell.get("result", "")]),
        size=_number(cell, "size", int) or UNKNOWN_SIZE,
        komi=_number(cell, "komi", float),
        handicap=_number(cell, "handicap", int) or 0,
        date=cell.get("date", ""),
        event=cell.get("event", ""),
        opening=cell.get("opening", ""),
        pair=_number(cell, "pair", int),
        seed=_number(cell, "seed", int),
        properties={"RU": rules} if rules else {},
        path=path,
    )
    return [_checked(record, cell.get("winner", ""))]


def _checked(record: GameRecord, winner: str) -> GameRecord:
    """Held against the column `winner`, where there is one."""
    named = record.result.winner
    if named is None or winner in ("", record.player(named).strip()):
        return record
    note = f"contradictory: result says {named.upper()}+, winner says {winner}"
    return replace(record, result=GameResult(Outcome.UNKNOWN, note=note))


def _number(cell: Row, name: str, kind: Callable[[str], T]) -> T | None:
    text = cell.get(name, "").strip()
    if not text:
        return None
    try:
        number = kind(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{name} is {text!r}, which is no number") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} is {text!r}, which is no number")
    return number


def _counted(row: Row, path: Path, line: int) -> list[GameRecord]:
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
        count = _number(row, name, int) or 0
        if not 0 <= count <= MOST_GAMES:
            raise ValueError(f"{name} is {count}, which cannot be")
        record = GameRecord(f"{path.name}:{line}", black, white, result, size=UNKNOWN_SIZE, path=path)
        games += [record] * count
    return games
