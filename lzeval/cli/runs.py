"""`lzeval runs`: what training runs there are, and how they went."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from trainer.runs import Listing, Run


class _ListByDefault(TyperGroup):
    """`runs FOLDER` is `runs list FOLDER`; a folder that is called `show` has to be written `./show`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in front where it is left out."""
        if not args or not (args[0] in self.commands or args[0] == "--help"):
            args = ["list", *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(
    cls=_ListByDefault,
    help="Training runs and how they went; [bold]lzeval runs [FOLDER][/] lists them.",
    epilog="Example: [bold]lzeval runs[/]",
    rich_markup_mode="rich",
)


@app.command("list", epilog="Example: [bold]lzeval runs /data/runs --json[/]")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="A folder of runs.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs in a folder, the one that changed last first. The word `list` can be left out.

    running?: not finished, and it wrote something within ten minutes. broken: its settings cannot be read.

    The loss in training is the policy's, over the last 10 batches logged; the rest is measured on the holdout.
    """
    from trainer.runs import find_runs

    listing = find_runs(folder)
    if as_json:
        content = {"runs": [run.as_dict() for run in listing.runs], "no_runs": list(listing.foreign)}
        typer.echo(json.dumps(content, indent=1))
        return
    if listing.runs:
        _print_table(listing)
    else:
        typer.echo(f"no runs in {folder}")
    for run in listing.runs:
        for problem in run.problems:
            typer.echo(f"{run.name}: {problem}", err=True)
    if listing.foreign:
        typer.echo(f"no runs, as config.yaml is missing: {', '.join(listing.foreign)}", err=True)


def list_sweep(folder: Path, failures: Mapping[str, str]) -> None:
    """The runs of a sweep in `folder`; those that failed, and why, by name."""
    from trainer.runs import Listing, find_runs

    listing = find_runs(folder) if folder.is_dir() else Listing((), ())
    _print_table(listing, failures)


@app.command(epilog="Example: [bold]lzeval runs show runs/small-2026-01-31-120000 --plot small.html[/]")
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its name in runs/.")],
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the curves: .png, .svg, or .html for a page of its own."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one run's key figures, and draw how it learned."""
    from trainer.runs import open_run

    found = open_run(run)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=1))
    elif plot is None:
        _print_run(found)
    if plot is not None:
        _draw(found, plot)
        typer.echo(f"wrote {plot}", err=as_json)
    for problem in found.problems:
        typer.echo(f"{found.name}: {problem}", err=True)


def _draw(run: Run, path: Path) -> None:
    from trainer.curves import plot_run
    from trainer.page import write_page
    from trainer.plots import check_plot

    check_plot(path, (".png", ".svg", ".html"))
    if path.suffix.lower() == ".html":
        write_page(run, path)
    else:
        plot_run(run, path)


def _print_run(run: Run) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from trainer.page import describe, key_figures

    console = Console()
    console.print(escape(f"{run.name}: {describe(run)}"), highlight=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    for heading in ("Holdout, best", "At positions", "Holdout, last", "Train"):
        table.add_column(heading, justify="right")
    for row in key_figures(run):
        table.add_row(*row)
    console.print(table)


def _print_table(listing: Listing, failures: Mapping[str, str] | None = None) -> None:
    """A line for each run, and for each of those that failed, whether they left a run behind or not."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Run", overflow="fold")
    table.add_column("Net", no_wrap=True)
    table.add_column("Positions", justify="right", no_wrap=True)
    table.add_column("Train\nloss", justify="right", no_wrap=True)
    for heading in ("Top 1, %", "Policy loss", "Value MSE/4"):
        table.add_column(f"{heading}\nbest last", justify="right")
    table.add_column("Changed", justify="right", no_wrap=True)
    table.add_column("State", no_wrap=True)
    now, failed = time.time(), failures or {}
    for run in listing.runs:
        loss = run.train_mean("policy_loss")
        table.add_row(
            escape(run.name),
            run.network,
            "?" if run.positions is None else f"{run.positions:,}",
            "" if loss is None else f"{loss:.3f}",
            _best_and_last(run, "top1", 100, "{:.1f}"),
            _best_and_last(run, "policy_loss", 1, "{:.3f}"),
            _best_and_last(run, "value_mse4", 1, "{:.4f}"),
            _ago(now - run.changed),
            "failed" if run.name in failed else run.state.value,
        )
    for name in sorted(failed.keys() - {run.name for run in listing.runs}):
        table.add_row(escape(name), *[""] * (len(table.columns) - 2), "failed")
    Console().print(table)


def _best_and_last(run: Run, measure: str, factor: float, form: str) -> str:
    """On the holdout."""
    from trainer.logs import LOWER_IS_BETTER, NOTHING

    series = run.holdout.get(measure, NOTHING)
    best = series.best(LOWER_IS_BETTER[measure])
    numbers = (best[0] if best is not None else None, series.last)
    return " ".join(form.format(number * factor) for number in numbers if number is not None)


def _ago(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return "now"
