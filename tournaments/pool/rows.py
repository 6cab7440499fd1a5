"""A game's record as the pool's columns, and back without loss."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from lzeval.go.colour import Colour
from lzeval.go.points import format_sgf
from lzeval.records.record import GameRecord, read_fields
from lzeval.records.result import VOID, GameResult, format_result, parse_result

FURTHER = (
    "handicap", "setup_black", "setup_white", "black_engine", "white_engine", "black_description",
    "white_description", "black_cpu_s", "white_cpu_s", "end_comment", "move_notes", "properties",
)  # fmt: skip
"""Fields of a record that have no column of their own and are kept as JSON."""
_EMPTY = GameRecord("", "", "", VOID).to_dict(FURTHER)


@cache
def _names(size: int) -> tuple[str, ...]:
    return tuple(format_sgf(index, size) for index in range(size * size + 1))


@cache
def _moves(size: int) -> dict[str, tuple[Colour, int]]:
    return {
        colour.letter + name: (colour, index) for colour in Colour for index, name in enumerate(_names(size))
    }


def write_moves(record: GameRecord) -> str:
    names = _names(record.size)
    return " ".join(colour.letter + names[index] for colour, index in record.moves)


def read_moves(text: str, size: int) -> tuple[tuple[Colour, int], ...]:
    known = _moves(size)
    return tuple(known[word] for word in text.split())


def write_winrates(record: GameRecord) -> str:
    return " ".join("-" if chance is None else f"{chance:.4f}" for chance in record.black_winrates)


def read_winrates(text: str) -> tuple[float | None, ...]:
    return tuple(None if word == "-" else float(word) for word in text.split())


def write_further(record: GameRecord) -> str:
    """Fields that have no column, as JSON; those that are as in an empty record are left out."""
    content = record.to_dict(FURTHER)
    told = {name: value for name, value in content.items() if value != _EMPTY[name]}
    return json.dumps(told, ensure_ascii=False)


def fingerprint(record: GameRecord) -> str:
    """Equal for two copies of one game, wherever they are kept."""
    game = [
        record.black,
        record.white,
        format_result(record.result),
        record.opening,
        record.seed,
        record.size,
    ]
    text = json.dumps([*game, write_moves(record), *map(list, (record.setup_black, record.setup_white))])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_record(row: Mapping[str, Any], event: str) -> GameRecord:
    """The record of a row of `games`, joined with the players' names and the pair's number."""
    result = parse_result(row["result"])
    return GameRecord(
        game_id=str(row["id"]),
        black=row["black_name"],
        white=row["white_name"],
        result=GameResult(result.outcome, result.detail, row["note"]),
        moves=read_moves(row["moves"], row["size"]),
        size=row["size"],
        komi=row["komi"],
        date=row["date"],
        event=event,
        opening=row["opening"],
        pair=row["number"],
        seed=row["seed"],
        black_winrates=read_winrates(row["winrates"]),
        **read_fields(json.loads(row["further"])),
    )
