"""Output of benchmarks: a small table or JSON, and one line for a user's mistake."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import typer

from lzeval.errors import LzevalError

Row = Mapping[str, object]


def run(command: Callable[..., None]) -> None:
    """Run a benchmark's command line as lzeval's own: a user's mistake is one line and status 2."""
    try:
        typer.run(command)
    except LzevalError as exc:
        typer.echo(f"benchmark: {exc}", err=True)
        raise SystemExit(2) from exc


def present(rows: Sequence[Row], facts: Row, *, as_json: bool) -> None:
    """Print `rows`, which share their keys, as a table with `facts` below it; or both as one JSON object."""
    if as_json:
        typer.echo(json.dumps({**facts, "rows": list(rows)}, indent=1))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(rows[0]):
        table.add_column(spelt(heading), justify="right" if number else "left")
    for row in rows:
        table.add_row(*(readable(value) for value in row.values()))
    console = Console()
    console.print(table)
    for name, value in facts.items():
        console.print(f"{spelt(name)}: {readable(value)}", highlight=False, markup=False, soft_wrap=True)


def spelt(key: str) -> str:
    """A key as a person reads it: `moves_an_hour` is `moves/h`."""
    return key.replace("_a_second", "/s").replace("_an_hour", "/h").replace("_", " ")


def readable(value: object) -> str:
    """A cell: numbers with as many digits as one reads."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def available_cores() -> int:
    """Cores that this process may use."""
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def restrict_to(cores: int) -> None:
    """Keep this process and all that it starts to `cores` cores, where the system can."""
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    restrict: Callable[[int, Any], None] | None = getattr(os, "sched_setaffinity", None)
    if affinity is not None and restrict is not None:
        restrict(0, sorted(affinity(0))[:cores])
