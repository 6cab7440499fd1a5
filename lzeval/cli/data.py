"""`lzeval data`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.cli.cluster_options import ClusterOption
from lzeval.cli.ranges import parse_range
from lzeval.cli.status import INTERRUPTED, USER_ERROR
from lzeval.errors import UserError
from lzeval.text.decimals import parse_integer, parse_number
from lzeval.text.terminal import Column, name_column, print_table, say, say_json, screen, text_column
from lzeval.text.wording import counted

if TYPE_CHECKING:
    from collections import Counter

    from trainer.data.lint import Findings
    from trainer.data.selection import Selection

app = typer.Typer(no_args_is_help=True, help="Game records, training chunks and packed positions.")

MOST_FILES = 20
"""Files that are listed one by one, whether anything is wrong with them or not."""

Sources = Annotated[
    list[Path],
    typer.Argument(
        help="SGF files, Leela Zero's training chunks, archives of them, or folders; plain or compressed."
    ),
]
Size = Annotated[int, typer.Option(min=2, max=25, help="Board size; other games are skipped.")]
MinMoves = Annotated[int, typer.Option(min=0, help="Skip games of fewer moves.")]
MinRank = Annotated[str | None, typer.Option(help="Skip games unless both players have this rank, as in 6d.")]
Handicap = Annotated[str | None, typer.Option(help="Take games with so many stones only: 0, or 0-4.")]
Komi = Annotated[str | None, typer.Option(help="Take games with this komi only: 7.5, or 6.5..7.5.")]
Sample = Annotated[int, typer.Option(min=1, help="Take one in so many positions.")]
FromMove = Annotated[int, typer.Option(min=1, help="First move whose position is taken.")]
ToMove = Annotated[int | None, typer.Option(min=1, help="Last move whose position is taken.")]


@app.command(epilog="Example: [bold]lzeval data pack records.sgf --out packed --holdout 2%[/]")
def pack(
    sources: Sources,
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    size: Size = 19,
    holdout: Annotated[str, typer.Option(help="Share of games to keep apart, as in 2%.")] = "0%",
    min_moves: MinMoves = 0,
    min_rank: MinRank = None,
    handicap: Handicap = None,
    komi: Komi = None,
    sample: Sample = 1,
    from_move: FromMove = 1,
    to_move: ToMove = None,
    cluster: ClusterOption = "",
) -> None:
    """Pack game records once, for training and measuring (which also do it by themselves when they must).

    Interrupted, the same command goes on, on a cluster or without one. Which games are held out depends on the games
    alone, so that the share stays the same one when records are added.
    """
    from lzeval.cluster.connection import connected
    from trainer.data.prepare import pack_with_progress

    chosen = _selection(min_moves, min_rank, handicap, komi, sample, from_move, to_move, holdout)
    try:
        with connected(cluster) if cluster else nullcontext() as nodes:
            pack_with_progress([str(source) for source in sources], out, size, chosen, nodes)
    except KeyboardInterrupt as exc:
        say("lzeval: interrupted; the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED) from exc


@app.command(epilog="Example: [bold]lzeval data check records.sgf[/]")
def check(
    sources: Sources,
    size: Size = 19,
    min_moves: MinMoves = 0,
    min_rank: MinRank = None,
    handicap: Handicap = None,
    komi: Komi = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, every file by itself.")] = False,
) -> None:
    """Say what is in game records, chunks and packed data, and what would be skipped, and why.

    The exit status is 2 where nothing could be used or a packed data set is damaged.
    """
    from trainer.data.lint import check_records

    chosen = _selection(min_moves, min_rank, handicap, komi)
    with screen(err=True).status("reading"):
        findings = check_records(sources, size, selection=chosen)
    if as_json:
        say_json(findings.as_dict(), indent=1)
    else:
        _print_findings(findings)
    if findings.damaged or not findings.report.games:
        raise typer.Exit(USER_ERROR)


@app.command(epilog="Example: [bold]lzeval data chunks packed --out chunks/train[/]")
def chunks(
    sources: Sources,
    out: Annotated[Path, typer.Option(help="Where to: OUT.0.gz, OUT.1.gz and so on.")],
    size: Size = 19,
    version: Annotated[str, typer.Option(help="v1 (text) or v2 (binary, for training/tf).")] = "v1",
    positions: Annotated[int, typer.Option(min=1, help="Positions a file.")] = 32768,
) -> None:
    """Write records, or packed data, as Leela Zero's training chunks; games without a winner are left out."""
    from trainer.data.unpack import write_chunks

    made = write_chunks([str(source) for source in sources], out, size, version, positions)
    drawn = f", {made.drawn:,} of them of drawn games" if made.drawn else ""
    without = (
        f"; left out {counted(made.left_out, 'position')} without a winner{drawn}" if made.left_out else ""
    )
    say(
        f"wrote {counted(made.positions, 'position')} to {counted(made.files, 'file')}, {out}.0.gz and on{without}"
    )


def _selection(
    min_moves: int,
    min_rank: str | None,
    handicap: str | None,
    komi: str | None,
    sample: int = 1,
    from_move: int = 1,
    to_move: int | None = None,
    holdout: str = "0%",
) -> Selection:
    """The filters as given. Raises UserError for one that cannot be read."""
    from lzeval.records.info import rank_number
    from trainer.data.selection import Selection

    rank = None if min_rank is None else rank_number(min_rank)
    if rank is not None and rank != rank:  # NaN
        raise UserError(f"--min-rank {min_rank}: not a rank; write 3k, 6d or 1p")
    if to_move is not None and to_move < from_move:
        raise UserError(f"--to-move {to_move} comes before --from-move {from_move}")
    return Selection(
        min_moves=min_moves,
        min_rank=rank,
        handicap=parse_range("--handicap", handicap, "-", "0 or 0-4", parse_integer),
        komi=parse_range("--komi", komi, "..", "7.5 or 6.5..7.5", parse_number),
        sample=sample,
        from_move=from_move,
        to_move=to_move,
        holdout=_share(holdout),
    )


def _share(text: str) -> float:
    try:
        share = parse_number(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as exc:
        raise UserError(f"--holdout {text}: write a share of the games, as 2%") from exc
    if not 0 <= share < 1:
        raise UserError(f"--holdout {text}: a share from 0% to below 100%")
    return share


def _print_findings(findings: Findings) -> None:
    report = findings.report
    _print_files(report.files)
    for heading, reasons in (("Skipped because of", report.skipped), ("Taken, although", report.remarks)):
        if reasons:
            print_table(
                [text_column(heading, is_kept=True), Column("Times", is_kept=True), text_column("First at")],
                (
                    [reason, f"{number:,}", report.examples.get(reason, "")]
                    for reason, number in reasons.most_common()
                ),
            )
    say(
        f"{counted(report.games, 'game')}, {counted(report.positions, 'position')}; "
        f"{counted(findings.duplicates, 'game')} met before"
    )
    facts = ("lengths", "komi", "handicaps", "results", "ranks")
    print_table(
        [name_column(""), text_column("Most common", is_kept=True)],
        ([fact.capitalize(), _common(getattr(findings, fact))] for fact in facts),
    )
    for file in findings.damaged:
        say(f"damaged: {file} is not what was written; pack it again")


def _common(counts: Counter[str]) -> str:
    return ", ".join(f"{key}: {count:,}" for key, count in counts.most_common(8))


def _print_files(files: dict[str, dict[str, int]]) -> None:
    """A line for each file; of many, only those that something is wrong with."""
    rows = []
    for name, counts in files.items():
        bad = sum(number for what, number in counts.items() if what not in ("seen", "games", "positions"))
        if bad or len(files) <= MOST_FILES:
            numbers = counts.get("games", 0), counts.get("positions", 0), bad
            rows.append([name, *(f"{number:,}" for number in numbers)])
    if rows:
        print_table([name_column("File"), *map(Column, ("Games", "Positions", "Skipped"))], rows)
    sound = len(files) - len(rows)
    if sound:
        say(f"not listed: {counted(sound, 'file')} of which nothing was skipped; --json lists all")
