"""Ratings and results as tables of pandas, and as CSV files; pandas is loaded where a table is made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lzeval.records.record import GameRecord
from lzeval.records.result import format_result
from lzeval.system.files import write_text_atomically
from tournaments.rating.rating_table import RatingTable

if TYPE_CHECKING:
    from pandas import DataFrame

RESULT_COLUMNS = (
    *("game_id", "black", "white", "result", "winner", "moves", "size", "komi"),
    *("handicap", "opening", "pair", "seed", "date", "path"),
)


def ratings_frame(table: RatingTable) -> DataFrame:
    """One row a player, in the order of the table; NaN where there is no rating; scores 0 to 1.

    A last column has the terms, where they are known.
    """
    from pandas import DataFrame

    terms = {"terms": table.terms} if table.terms else {}
    return DataFrame([{**row.as_dict(), **terms} for row in table.rows])


def results_frame(games: Iterable[GameRecord]) -> DataFrame:
    """One row a game; `winner` is a player, `jigo`, `void` or `unknown`."""
    from pandas import DataFrame

    # Of dtype object: where some games have a pair and a seed and others none, integers would become floats.
    frame = DataFrame(map(_result_row, games), columns=list(RESULT_COLUMNS), dtype=object)
    return frame.astype({"komi": float})


def _result_row(game: GameRecord) -> tuple[object, ...]:
    winner = game.result.winner
    return (
        *(game.game_id, game.black, game.white, format_result(game.result)),
        game.result.outcome.value if winner is None else game.player(winner),
        *(len(game.moves), game.size, game.komi, game.handicap, game.opening),
        *(game.pair, game.seed, game.date, game.path),
    )


def write_ratings(table: RatingTable, path: str | Path) -> None:
    """Write `ratings_frame` to a CSV file, with empty cells where there is no rating."""
    _write(ratings_frame(table), path)


def write_results(games: Iterable[GameRecord], path: str | Path) -> None:
    """Write `results_frame` to a CSV file."""
    _write(results_frame(games), path)


def _write(frame: DataFrame, path: str | Path) -> None:
    write_text_atomically(path, frame.to_csv(index=False, lineterminator="\n", float_format=_decimals))


def _decimals(number: object) -> str:
    return f"{number:.4f}".rstrip("0").rstrip(".")
