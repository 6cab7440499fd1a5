"""The judge that a command line names, opened."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from engines.evaluator.load import plan_evaluator
from engines.katago.arguments import COMMAND, parse_player
from engines.katago.start import start_katago
from lzeval.system.machine import available_cores
from tournaments.openings.judges import Judge, NetworkJudge
from tournaments.openings.katago_judge import KataGoJudge

AT_ONCE = 16
"""Positions that KataGo searches side by side."""
SILENCE_S = 600.0
"""Longest time without a word while it starts."""


@contextmanager
def open_judge(text: str, size: int, komi: float, warn: Callable[[str], None]) -> Iterator[Judge]:
    """The judge `text`: `katago:FILE`, with options as players have them, or a network of ours for this board.

    `warn` hears of KataGo's warnings. Raises UserError, and EngineError where KataGo fails.
    """
    kind, _, katagos = text.partition(":")
    if kind != COMMAND or Path(text).is_file():
        yield NetworkJudge(plan_evaluator(text, board_size=size), size, komi, available_cores())
        return
    arguments = replace(parse_player(katagos), symmetry="fixed")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "judge.cfg"
        katago = start_katago(arguments, config, AT_ONCE, largest_board=size, silence_s=SILENCE_S, warn=warn)
        try:
            yield KataGoJudge(katago, arguments, size, komi, AT_ONCE)
        finally:
            katago.process.close()
