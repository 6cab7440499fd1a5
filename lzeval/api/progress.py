"""Progress of long calls: a bar in a notebook and on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Update = Callable[[int, str], None]
"""Is told how many of the whole are done, and a remark."""


def in_notebook() -> bool:
    """Tell whether a Jupyter kernel runs this process."""
    return "ipykernel" in sys.modules


@contextmanager
def progress(total: int, title: str, *, shown: bool = True) -> Iterator[Update]:
    """Show how far something of `total` parts is, by the function that is given."""
    if not shown or not (in_notebook() or sys.stderr.isatty()):
        yield lambda *_: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from lzeval.text.terminal import progress_bar

    columns = (MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[remark]}", markup=False))
    if in_notebook():
        bar = Progress(TextColumn("{task.description}", markup=False), BarColumn(bar_width=20), *columns)
    else:
        bar = progress_bar(*columns)
    with bar:
        task = bar.add_task(title, total=total, remark="")
        yield lambda done, remark: bar.update(task, completed=done, remark=remark)
