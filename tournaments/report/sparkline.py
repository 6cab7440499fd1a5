"""The running score as a line of small blocks."""

from __future__ import annotations

from collections.abc import Sequence

from lzeval.text.terminal import GAP, Column, ScreenTable, name_column
from tournaments.report.over_time import running_scores
from tournaments.report.summary import GamesSummary

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 40
SMALLEST_RANGE = 0.2
"""Scores closer together than this, 0 to 1, are not blown up to fill the height."""
MOST_PLAYERS = 10
FEWEST_GAMES = 8
"""The fewest games that have a course to show."""


def sparkline(values: Sequence[float], width: int = WIDTH) -> tuple[str, float, float]:
    """`values` as at most `width` blocks, and which values the lowest and the highest block stand for."""
    count = min(width, len(values))
    chosen = [values[(len(values) * (place + 1) - 1) // count] for place in range(count)]
    low, high = _range(chosen)
    steps = len(BLOCKS) - 1
    return "".join(BLOCKS[round((v - low) / (high - low) * steps)] for v in chosen), low, high


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The range of `values`, widened to SMALLEST_RANGE within 0 to 1."""
    low, high = min(values), max(values)
    if high - low >= SMALLEST_RANGE:
        return low, high
    low = min(max((low + high - SMALLEST_RANGE) / 2, 0.0), 1 - SMALLEST_RANGE)
    return low, low + SMALLEST_RANGE


def score_table(summary: GamesSummary, width: int) -> ScreenTable | None:
    """A line for each player (of two: for the stronger) on a screen of `width` columns; None for short matches."""
    from rich.cells import cell_len

    players = summary.players[:1] if summary.is_duel else summary.players[:MOST_PLAYERS]
    scores = running_scores(summary, players)
    shown = {name: score for name, score in scores.items() if len(score) >= FEWEST_GAMES}
    room = width - max(map(cell_len, shown), default=0) - 2 * GAP
    if not shown or room < FEWEST_GAMES:
        return None
    columns = [
        name_column("Player"),
        Column("Running score", is_text=True, is_kept=True),
        Column("Lowest to highest block"),
    ]
    return ScreenTable(columns, (_cells(name, score, min(WIDTH, room)) for name, score in shown.items()))


def _cells(name: str, score: Sequence[float], width: int) -> list[str]:
    line, low, high = sparkline(score, width)
    return [name, line, f"{100 * low:.0f} to {100 * high:.0f} %"]
