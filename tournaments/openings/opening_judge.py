"""The judge that a command line names, opened."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.evaluator.load import plan_evaluator
from engines.katago.arguments import KataGoArguments
from engines.katago.start import start_katago
from lzeval.system.machine import available_cores
from tournaments.openings.judges import Judge, NetworkJudge
from tournaments.openings.katago_judge import KataGoJudge

KATAGO = "katago:"
"""Before the file of a network of KataGo's."""
AT_ONCE = 16
"""Positions that KataGo searches side by side."""
SMALLEST_BUFFER = 9
"""Lines of the smallest board that KataGo's buffers are made for; large buffers cost time on small boards."""
SILENCE_S = 600.0
"""Longest time without a word while it starts."""


@contextmanager
def open_judge(text: str, size: int, komi: float) -> Iterator[Judge]:
    """The judge `text`: `katago:FILE`, or a network of ours for this board.

    Raises UserError, and EngineError where KataGo fails.
    """
    if not text.startswith(KATAGO):
        yield NetworkJudge(plan_evaluator(text, board_size=size), size, komi, available_cores())
        return
    side = max(size, SMALLEST_BUFFER)
    arguments = KataGoArguments(
        text.removeprefix(KATAGO),
        symmetry="fixed",
        settings=f"maxBoardXSizeForNNBuffer={side};maxBoardYSizeForNNBuffer={side}",
    )
    with tempfile.TemporaryDirectory() as folder:
        katago = start_katago(arguments, Path(folder) / "judge.cfg", AT_ONCE, silence_s=SILENCE_S)
        try:
            yield KataGoJudge(katago, arguments, size, komi, AT_ONCE)
        finally:
            katago.process.close()
