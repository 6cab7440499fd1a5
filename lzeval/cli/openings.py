"""`lzeval openings`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lzeval.cli.status import INTERRUPTED
from lzeval.text.terminal import progress_bar, say, say_json
from lzeval.text.wording import counted

app = typer.Typer(no_args_is_help=True, help="Books of even openings, from which pairs of games begin.")


@app.command(
    epilog="Example: [bold]lzeval openings make --size 9 --judge katago:kata1.bin.gz --out openings-9.txt[/]",
    no_args_is_help=True,
)
def make(
    size: Annotated[int, typer.Option(min=5, max=19, help="Board size.")],
    judge: Annotated[
        str,
        typer.Option(
            help="Who finds openings even or not: katago:FILE, or a network of ours for this board."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The book to write.")],
    records: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RECORDS]...",
            help="Game records whose first moves are the candidates; not given: moves plausible to the judge.",
        ),
    ] = None,
    komi: Annotated[float, typer.Option(help="For which the openings are to be even.")] = 7.0,
    openings_count: Annotated[int, typer.Option(min=1, help="Openings at most.")] = 200,
    visits: Annotated[int, typer.Option(min=1, help="Of the search that judges an opening.")] = 32,
    lean: Annotated[
        float, typer.Option(min=0, max=50, help="Largest distance of Black's winrate from 50, in percent.")
    ] = 5.0,
    apart: Annotated[
        int, typer.Option(min=1, help="Points in which any two openings differ at least, turned or not.")
    ] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a book: even openings, none like another, judged by a search.

    Interrupted or killed, the same command goes on: what has been judged is kept beside the book until it is written.
    """
    from rich.progress import MofNCompleteColumn, TaskID, TimeRemainingColumn

    from tournaments.openings.make import BookOptions, make_book
    from tournaments.openings.opening_judge import open_judge

    options = BookOptions(size, komi, openings_count, visits, lean / 100, apart, tuple(records or ()))
    options.check()
    bar = progress_bar(MofNCompleteColumn(), TimeRemainingColumn(), transient=True)
    tasks: dict[str, TaskID] = {}

    def warn(text: str) -> None:
        say(f"warning: {text}", err=True)

    def watch(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=total or None)
        bar.update(tasks[what], completed=done)

    try:
        with open_judge(judge, size, komi, warn) as opened, bar:
            made = make_book(options, opened, judge, out, watch)
    except KeyboardInterrupt as exc:
        say("lzeval: interrupted; the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED) from exc
    if as_json:
        content = {"book": str(out), "candidates": made.candidates, "openings": len(made.openings)}
        say_json({**content, **made.balance()}, indent=1)
        return
    taken = f"{counted(len(made.openings), 'opening')} of {made.candidates:,}"
    say(f"{out}: {taken}; {'; '.join(made.balance_lines())}")
