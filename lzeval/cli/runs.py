"""`lzeval runs`: what training runs there are, and how they went."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from lzeval.text.terminal import Column, name_column, print_table, say, say_json

if TYPE_CHECKING:
    from trainer.runs.folders import Listing, TrainingRun


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
    from trainer.runs.folders import find_runs

    listing = find_runs(folder)
    if as_json:
        content = {"runs": [run.as_dict() for run in listing.runs], "no_runs": list(listing.foreign)}
        say_json(content, indent=1)
        return
    if listing.runs:
        _print_table(listing)
    else:
        say(f"no runs in {folder}")
    for run in listing.runs:
        for problem in run.problems:
            say(f"{run.name}: {problem}", err=True)
    if listing.foreign:
        say(f"no runs, as config.yaml is missing: {', '.join(listing.foreign)}", err=True)


def list_sweep(folder: Path, failures: Mapping[str, str]) -> None:
    """The runs of a sweep in `folder`; those that failed, and why, by name."""
    from trainer.runs.folders import Listing, find_runs

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
    from trainer.runs.folders import open_run

    found = open_run(run)
    if as_json:
        say_json(found.as_dict(), indent=1)
    elif plot is None:
        _print_run(found)
    if plot is not None:
        _draw(found, plot)
        say(f"wrote {plot}", err=as_json)
    for problem in found.problems:
        say(f"{found.name}: {problem}", err=True)


def _draw(run: TrainingRun, path: Path) -> None:
    from lzeval.text.plots import check_plot
    from trainer.runs.curves import plot_run
    from trainer.runs.page import write_page

    check_plot(path, (".png", ".svg", ".html"))
    if path.suffix.lower() == ".html":
        write_page(run, path)
    else:
        plot_run(run, path)


def _print_run(run: TrainingRun) -> None:
    from trainer.runs.page import describe, key_figures

    say(f"{run.name}: {describe(run)}")
    headings = ("Holdout, best", "At positions", "Holdout, last", "Train")
    print_table([name_column(""), *map(Column, headings)], key_figures(run))


FAILED = "failed"
COLUMNS = (
    name_column("Run"),
    Column("State", is_text=True),
    Column("Positions"),
    *(Column(f"{heading}\nbest last") for heading in ("Top 1, %", "Policy loss", "Value MSE/4")),
    Column("Train\nloss"),
    Column("Changed"),
    Column("Net", is_text=True),
)


def _print_table(listing: Listing, failures: Mapping[str, str] | None = None) -> None:
    """A line for each run, and for each of those that failed, whether they left a run behind or not."""
    now, failed = time.time(), failures or {}
    rows = [_cells(run, now, failed=run.name in failed) for run in listing.runs]
    lost = sorted(failed.keys() - {run.name for run in listing.runs})
    rows += [[name, FAILED, *[""] * (len(COLUMNS) - 2)] for name in lost]
    print_table(COLUMNS, rows)


def _cells(run: TrainingRun, now: float, *, failed: bool) -> list[str]:
    loss = run.train_mean("policy_loss")
    return [
        run.name,
        FAILED if failed else run.state.value,
        "?" if run.positions is None else f"{run.positions:,}",
        _best_and_last(run, "top1", 100, "{:.1f}"),
        _best_and_last(run, "policy_loss", 1, "{:.3f}"),
        _best_and_last(run, "value_mse4", 1, "{:.4f}"),
        "" if loss is None else f"{loss:.3f}",
        _ago(now - run.changed),
        run.network,
    ]


def _best_and_last(run: TrainingRun, measure: str, factor: float, form: str) -> str:
    """A measure's best and last value on the holdout."""
    from trainer.runs.logs import LOWER_IS_BETTER, NOTHING

    series = run.holdout.get(measure, NOTHING)
    best = series.best(LOWER_IS_BETTER[measure])
    numbers = (best[0] if best is not None else None, series.last)
    return " ".join(form.format(number * factor) for number in numbers if number is not None)


def _ago(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return "now"
