"""The games of a pool: kept as rows, imported, and read again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lzeval.records.record import GameRecord
from lzeval.records.result import format_result
from tournaments.pool.rows import fingerprint, read_record, write_further, write_moves, write_winrates
from tournaments.pool.settings import PoolSettings


def row_of(game: GameRecord, ids: Mapping[str, int], settings: PoolSettings) -> dict[str, Any]:
    """A game's columns, where it was played apart; `ids` are the networks', by name."""
    return {
        "black": ids[game.black],
        "white": ids[game.white],
        "result": format_result(game.result),
        "note": game.result.note,
        "moves": write_moves(game),
        "winrates": write_winrates(game),
        "opening": game.opening,
        "seed": game.seed,
        "date": game.date,
        "visits": settings.visits,
        "komi": settings.komi,
        "size": settings.size,
        "rules": settings.rules,
        "fingerprint": fingerprint(game),
        "further": write_further(game),
    }


def insert_new(
    connection: sqlite3.Connection,
    games: Sequence[GameRecord],
    row_of_game: Callable[[GameRecord], dict[str, Any]],
    source: str,
) -> int:
    """Keep games that were played elsewhere and are not here already. Returns how many are new.

    Games with one `pair` number and the same two players stay a pair.
    """
    pairs: dict[tuple[object, ...], int] = {}
    added = 0
    for game in games:
        row = row_of_game(game)
        known = connection.execute("SELECT 1 FROM games WHERE fingerprint = ?", (row["fingerprint"],))
        if known.fetchone() is not None:
            continue
        if game.pair is not None:
            one, other = sorted((row["black"], row["white"]))
            key = (one, other, game.pair, game.opening, game.event, game.path and game.path.parent)
            if key not in pairs:
                pairs[key] = _new_pair(connection, one, other)
            row["pair"], row["place"] = pairs[key], int(row["black"] == other)
        row["source"] = source
        if not insert(connection, row):  # a third game of a pair belongs to none
            insert(connection, row | {"pair": None, "place": None})
        added += 1
    return added


def insert(connection: sqlite3.Connection, row: Mapping[str, Any]) -> int:
    """Insert into `games`; returns how many rows that made: none if that game of that pair is there already."""
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    statement = f"INSERT INTO games ({names}) VALUES ({marks}) ON CONFLICT (pair, place) DO NOTHING"  # noqa: S608
    return connection.execute(statement, tuple(row.values())).rowcount


def _new_pair(connection: sqlite3.Connection, one: int, other: int) -> int:
    """A pair for games that were played elsewhere; it takes a number, which no pair of ours will have then."""
    cursor = connection.execute(
        "INSERT INTO pairs (one, other, number)"
        " SELECT ?1, ?2, coalesce(max(number) + 1, 0) FROM pairs WHERE one = ?1 AND other = ?2",
        (one, other),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def read_games(connection: sqlite3.Connection, pool_name: str) -> list[GameRecord]:
    """All of them, in the order in which they were kept."""
    rows = connection.execute(
        "SELECT games.*, pairs.number, one.name AS black_name, other.name AS white_name FROM games"
        " LEFT JOIN pairs ON pairs.id = games.pair JOIN networks AS one ON one.id = games.black"
        " JOIN networks AS other ON other.id = games.white ORDER BY games.id"
    ).fetchall()
    return [read_record(row, pool_name) for row in rows]


def read_results(connection: sqlite3.Connection) -> list[tuple[str, str, str, int | None]]:
    """Black, White, the result as SGF has it and the id of the pair, of every game."""
    rows = connection.execute(
        "SELECT one.name, other.name, games.result, games.pair FROM games"
        " JOIN networks AS one ON one.id = games.black JOIN networks AS other ON other.id = games.white"
        " ORDER BY games.id"
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
