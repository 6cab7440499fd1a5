"""The options of `lzeval rate` that say which games are taken in, and what is shown while they are read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.cli.ranges import parse_range
from lzeval.cli.status import INTERRUPTED
from lzeval.text.decimals import parse_integer, parse_number
from lzeval.text.terminal import progress_bar, say

if TYPE_CHECKING:
    from tournaments.collect.collect import CollectedGames
    from tournaments.collect.filters import Filters
    from tournaments.collect.read_records import Listener

NAMES, WHICH = "Names", "Which games"
SHOWN_AFTER_S = 1.5

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        help="SGF files (compressed or in archives, too) and folders; X.played; gomill's X.games, X.hist, X.ctl; "
        "CSV with black, white and result.",
        show_default=False,
    ),
]
Alias = Annotated[
    list[str] | None,
    typer.Option(
        "--alias", metavar="OLD=NEW", help="Call a player NEW; again for more.", rich_help_panel=NAMES
    ),
]
Aliases = Annotated[
    Path | None,
    typer.Option("--aliases", metavar="FILE", help="Lines of OLD=NEW.", rich_help_panel=NAMES),
]
Size = Annotated[
    list[int] | None,
    typer.Option("--size", min=2, max=25, help="Board size; again for another.", rich_help_panel=WHICH),
]
Komi = Annotated[str | None, typer.Option("--komi", help="Such as 7.5, or 6.5..7.5.", rich_help_panel=WHICH)]
Handicap = Annotated[
    str | None, typer.Option("--handicap", help="Stones, such as 0, or 2-4.", rich_help_panel=WHICH)
]
Rules = Annotated[
    str | None, typer.Option("--rules", help="As records have it, such as Chinese.", rich_help_panel=WHICH)
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="DATE", help="As 2024-05-31, 2024-05, 2024.", rich_help_panel=WHICH),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="That day included.", rich_help_panel=WHICH)
]
Player = Annotated[
    list[str] | None,
    typer.Option(
        "--player", metavar="NAME", help="Games of NAME; of several, those among them.", rich_help_panel=WHICH
    ),
]


def choose(
    size: Sequence[int] | None,
    komi: str | None,
    handicap: str | None,
    rules: str | None,
    since: str | None,
    until: str | None,
    player: Sequence[str] | None,
) -> Filters:
    """The filters as given. Raises UserError for one that cannot be read."""
    from tournaments.collect.filters import Filters, parse_day

    return Filters(
        sizes=frozenset(size or ()),
        komi=parse_range("--komi", komi, "..", "7.5 or 6.5..7.5", parse_number),
        handicap=parse_range("--handicap", handicap, "-", "0 or 2-4", parse_integer),
        rules=rules,
        since=parse_day("--since", since),
        until=parse_day("--until", until, last=True),
        players=frozenset(player or ()),
    )


def collect(
    paths: Sequence[Path], choice: Filters, alias: Sequence[str] | None, aliases: Path | None
) -> CollectedGames:
    """The games of `paths`, with a bar if reading takes long; warnings go to standard error."""
    from tournaments.collect.aliases import parse_aliases
    from tournaments.collect.collect import collect_games

    names = parse_aliases(alias or (), aliases)
    try:
        with _bar() as listener:
            collected = collect_games(paths, choice, names, listener)
    except KeyboardInterrupt as exc:
        say("lzeval: interrupted while reading", err=True)
        raise typer.Exit(INTERRUPTED) from exc
    for warning in collected.warnings:
        say(f"lzeval: {warning}", err=True)
    return collected


@contextmanager
def _bar() -> Iterator[Listener]:
    """A progress bar with the time left, on a terminal's standard error, once reading has taken a while."""
    from rich.progress import TaskProgressColumn, TimeRemainingColumn

    bar = progress_bar(TaskProgressColumn(), TimeRemainingColumn(), transient=True)
    task = bar.add_task("reading", total=1.0)
    began = time.monotonic()

    def listener(share: float) -> None:
        bar.update(task, completed=share)
        if bar.console.is_terminal and not bar.live.is_started and time.monotonic() - began > SHOWN_AFTER_S:
            bar.start()

    try:
        yield listener
    finally:
        if bar.live.is_started:
            bar.stop()
