"""`lzeval review`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lzeval.cli.device_option import Device
from lzeval.text.terminal import Column, print_table, progress_bar, say, say_json

if TYPE_CHECKING:
    from rich.progress import Progress

    from engines.evaluator.base import EvaluatorInfo
    from engines.review.assess import MoveReview
    from engines.review.record import ReviewedRecord


def review(
    game: Annotated[Path, typer.Argument(metavar="GAME.sgf", help="A record of one game.")],
    net: Annotated[str, typer.Option(help="Weights file, checkpoint, or bundled name.")] = "big",
    visits: Annotated[int, typer.Option(min=2, help="Visits of each position.")] = 400,
    variations: Annotated[int, typer.Option(min=0, help="Best moves shown at each position, at most.")] = 3,
    length: Annotated[int, typer.Option(min=1, help="Moves of a variation, at most.")] = 10,
    out: Annotated[
        Path | None, typer.Option(help="The reviewed record; GAME-reviewed.sgf if not given.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the winrate (.png or .svg) as well.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every move as JSON, not a table.")] = False,
    positions: Annotated[int, typer.Option(min=1, max=1024, help="Positions searched at once.")] = 16,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    device: Device = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads for the network.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same review.")] = 1,
) -> None:
    """Review a game: each move's cost, better moves as variations, and the winrate where Sabaki draws it.

    What the record holds already is kept.
    """
    from dataclasses import replace

    from engines.evaluator.load import plan_evaluator
    from engines.review.assess import analyse_game, review_moves
    from engines.review.plot import plot_winrate
    from engines.review.record import annotate, read_record, serialise
    from lzeval.errors import UserError
    from lzeval.go.board import BLACK
    from lzeval.system.files import write_bytes_atomically
    from lzeval.text.plots import check_plot

    out = out if out is not None else game.with_name(f"{game.stem}-reviewed.sgf")
    if not out.parent.is_dir():
        raise UserError(f"cannot write {out}: there is no folder {out.parent}")
    if plot is not None:
        check_plot(plot)
    record = read_record(game)
    for remark in record.remarks:
        say(f"lzeval: {game}: {remark}", err=True)
    plan = plan_evaluator(net, precision=precision, device=device, board_size=record.game.size)
    plan = replace(plan, batch_size=min(plan.batch_size, positions))
    with _progress(len(record.game.moves) + 1) as progress:
        analyses = analyse_game(
            plan.build(threads),
            record.game,
            visits=visits,
            places=positions,
            seed=seed,
            on_progress=lambda: progress.advance(progress.task_ids[0]),
        )
    reviews = review_moves(record.game, analyses)
    annotate(record, analyses, reviews, network=plan.info.network, variations=variations, longest=length)
    write_bytes_atomically(out, serialise(record))
    if plot is not None:
        plot_winrate(analyses[0].winrate_of(BLACK), reviews, record.players, plan.info.network, plot)
    if as_json:
        say_json(_summary(record, out, reviews, plan.info), indent=2)
    else:
        _print_worst(record, reviews, f"{plan.info.network}, {visits} visits")
        say(f"reviewed record: {out}")


def _progress(positions: int) -> Progress:
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    bar = progress_bar(MofNCompleteColumn(), TimeRemainingColumn())
    bar.add_task("positions", total=positions)
    return bar


def _summary(
    record: ReviewedRecord, out: Path, reviews: list[MoveReview], info: EvaluatorInfo
) -> dict[str, Any]:
    """The review as JSON; winrates are 0 to 1, for the player who made the move."""
    from lzeval.go.points import format_vertex

    size = record.game.size
    moves = [
        {
            "number": review.number,
            "colour": "bw"[review.colour - 1],
            "move": format_vertex(review.move, size),
            "best": format_vertex(review.best, size),
            "winrate_before": round(review.before, 4),
            "winrate": round(review.after, 4),
            "winrate_answered": None if review.answered is None else round(review.answered, 4),
            "loss": round(review.loss, 4),
            "visits": review.visits,
        }
        for review in reviews
    ]
    return {"record": str(record.path), "reviewed": str(out), "network": info.as_dict(), "moves": moves}


def _print_worst(record: ReviewedRecord, reviews: list[MoveReview], source: str) -> None:
    from engines.review.assess import worst_moves
    from lzeval.go.points import format_vertex

    size = record.game.size
    say(f"Moves that cost most ({source})")
    columns = [
        *(Column("Move", is_kept=True), Column("Player", is_text=True, is_kept=True)),
        *(Column("Played", is_text=True, is_kept=True), Column("Loss"), Column("Best", is_text=True)),
        *(Column("Before"), Column("After")),
    ]
    rows = (
        [
            *(str(review.number), ("Black", "White")[review.colour - 1]),
            *(format_vertex(review.move, size), f"{review.loss:.1%}", format_vertex(review.best, size)),
            *(f"{review.before:.1%}", f"{review.outcome:.1%}"),
        ]
        for review in worst_moves(reviews)
    )
    print_table(columns, rows)
