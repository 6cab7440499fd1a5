"""`lzeval pool`: networks and their games in one file, so that ratings of today and of last month compare."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lzeval.cli.status import INTERRUPTED
from lzeval.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress as Bar

    from tournaments.ratingpool.play import Progress
    from tournaments.ratingpool.rating import Rated
    from tournaments.ratingpool.standing import Standing
    from tournaments.ratingpool.store import Candidate, Network, RatingPool

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Keep networks and their games in one file, so that ratings stay comparable.",
    epilog="Example: [bold]lzeval pool add nets.pool big small[/], then [bold]lzeval pool play nets.pool[/]",
)

PoolFile = Annotated[Path, typer.Argument(metavar="POOL", help="The pool's file.")]
Visits = Annotated[int | None, typer.Option(help="Visits a move; 50 in a new pool.")]
Komi = Annotated[float | None, typer.Option(help="Points for White; 7.5 in a new pool.")]
Size = Annotated[int | None, typer.Option(help="Board size; 19 in a new pool.")]
Precision = Annotated[str | None, typer.Option(help="auto, fp32 or bf16; auto in a new pool.")]
Openings = Annotated[
    str | None, typer.Option(help="Of a new pool: default, none, or a file with one opening a line.")
]
Without = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Leave this member alone; may be given again.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Cores to use; all if not given.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(epilog="Example: [bold]lzeval pool create nets.pool --visits 100[/]")
def create(
    pool: PoolFile,
    visits: Visits = None,
    komi: Komi = None,
    size: Size = None,
    precision: Precision = None,
    openings: Openings = None,
    move_limit: Annotated[
        int | None, typer.Option(help="Longer games are void; twice the board's points if not given.")
    ] = None,
    resign: Annotated[
        float | None, typer.Option(help="Resign below this winrate, in percent; 10 if not given.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="1 if not given.")] = None,
) -> None:
    """Make a pool, and fix for good how its games are played.

    `lzeval pool add` makes one, too, with what it is given and these defaults.
    """
    given = {
        "visits": visits, "komi": komi, "size": size, "precision": precision, "openings": openings,
        "move_limit": move_limit, "resign": resign, "seed": seed,
    }  # fmt: skip
    with create_pool(pool, given) as made:
        typer.echo(f"{pool}: {_rules(made)}")


@app.command(epilog="Example: [bold]lzeval pool add nets.pool big runs/small/latest.ckpt[/]")
def add(
    pool: PoolFile,
    networks: Annotated[
        list[str], typer.Argument(metavar="NET...", help="Weights files, checkpoints, bundled names.")
    ],
    name: Annotated[str | None, typer.Option(help="What to call it; its file's name if not given.")] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Keep the weights in the pool; checkpoints always are.")
    ] = False,
    positions: Annotated[
        int | None, typer.Option(min=0, help="It was trained on; of a checkpoint, read from it.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="The training run it is of.")] = None,
    visits: Visits = None,
    komi: Komi = None,
    size: Size = None,
    precision: Precision = None,
    openings: Openings = None,
) -> None:
    """Add networks to a pool, which is made if it is not there.

    A network is known by the SHA-256 of its weights: it comes in once, and a file that has changed since is refused.
    """
    if len(networks) > 1 and (name is not None or positions is not None):
        raise UserError("--name and --positions are of one network; add them one by one")
    given = {"visits": visits, "komi": komi, "size": size, "precision": precision, "openings": openings}
    with open_or_create(pool, given) as opened:
        candidates = [candidate(source, name, copy, positions, run) for source in networks]
        for network, board_size in candidates:
            add_to(opened, network, board_size)


@app.command(epilog="Example: [bold]lzeval pool play nets.pool --games 200[/]")
def play(
    pool: PoolFile,
    games: Annotated[int, typer.Option(min=2, help="How many to play, an even number.")] = 100,
    until: Annotated[
        float | None,
        typer.Option(
            metavar="ELO", help="Stop when all intervals reach no further than this to either side."
        ),
    ] = None,
    without: Without = None,
    visits: Visits = None,
    threads: Threads = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Play games between the members, each next pair where it tells most, and print the table.

    Every finished game is in the pool at once. Interrupted or killed, playing goes on; half a pair is completed first.
    """
    from tournaments.ratingpool.rating import quick_pool

    if until is not None and not until > 0:
        raise UserError(f"--until {until:g}: must be more than 0 Elo")
    with open_pool(pool) as opened:
        opened.require({"visits": visits})
        members = playable(opened, without or [])
        if len(members) < 2:
            raise UserError(f"{pool}: {len(members)} network in it; lzeval pool add {pool} NET adds another")
        names = [network.name for network in members]
        zero = next(iter(opened.anchors()), None)

        def is_enough(progress: Progress) -> bool:
            if until is None or progress.played % 4:
                return False
            ratings = quick_pool(opened)
            known = [ratings.ratings.get(name) for name in names] if ratings else [None]
            from tournaments.gauntlet import is_narrow

            return all(is_narrow(rating, until) for rating in known)

        run_session(
            opened,
            members,
            lambda standing: standing.best_pairing(zero, names),
            games=games,
            threads=threads,
            device=device,
            is_enough=is_enough,
            again=lambda left: f"lzeval pool play {pool} --games {left} goes on",
        )
        show_table(opened, as_json=as_json)


@app.command(epilog="Example: [bold]lzeval pool table nets.pool --over-time --plot strength.png[/]")
def table(
    pool: PoolFile,
    as_json: Json = False,
    csv: Annotated[Path | None, typer.Option(metavar="CSV", help="Write the table to this file.")] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="HTML", help="Write everything, games included, as one page.")
    ] = None,
    over_time: Annotated[
        bool, typer.Option("--over-time", help="Ratings against positions trained, by run.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of --over-time: draw it (.png, .svg, .pdf).")
    ] = None,
) -> None:
    """Rate the members: Elo with 95 % intervals, on the pool's scale."""
    if plot is not None and not over_time:
        raise UserError("--plot draws what --over-time shows; give both")
    with open_pool(pool) as opened:
        show_table(opened, as_json=as_json, csv=csv, report=report, over_time=over_time, plot=plot)


@app.command("list", epilog="Example: [bold]lzeval pool list nets.pool[/]")
def list_networks(pool: PoolFile, as_json: Json = False) -> None:
    """List the members, and what all games have in common."""
    with open_pool(pool) as opened:
        networks, count = opened.networks(), opened.count()
        if as_json:
            content = {
                "settings": opened.settings.as_dict(),
                "anchors": opened.anchors(),
                "games": count,
                "networks": [network.as_dict() for network in networks],
            }
            typer.echo(json.dumps(content, indent=1, ensure_ascii=False))
            return
        _print_networks(networks)
        typer.echo(f"{count} games; {_rules(opened)}")


@app.command(epilog="Example: [bold]lzeval pool anchor nets.pool big=2000[/]")
def anchor(
    pool: PoolFile,
    anchored: Annotated[
        str, typer.Argument(metavar="NAME=ELO", help="The network whose rating is fixed, and at what.")
    ],
) -> None:
    """Fix the scale: one network's Elo, from which all others are measured. At first the first network has 0."""
    from tournaments.tables import parse_anchors

    ((name, elo),) = parse_anchors([anchored]).items()
    with open_pool(pool) as opened:
        opened.set_anchor(name, elo)
    typer.echo(f"{pool}: {name} is {elo:g} Elo", err=True)


@app.command("import", epilog="Example: [bold]lzeval pool import nets.pool matches/big-small-2026-01-31[/]")
def import_(
    pool: PoolFile,
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SGF|MATCH...", help="Folders of matches, SGF files, folders of them."),
    ],
    trust: Annotated[
        bool,
        typer.Option("--trust", help="Records that do not name their visits were played with the pool's."),
    ] = False,
    players: Annotated[
        bool, typer.Option("--players", help="Take players in who are not in the pool.")
    ] = False,
) -> None:
    """Take games that were played elsewhere, under the pool's settings. What the pool has already is left out."""
    from tournaments.ratingpool.exchange import import_games

    with open_pool(pool) as opened:
        found = import_games(opened, sources, trust=trust, take_players=players)
    for skipped in found.skipped:
        typer.echo(f"{skipped.path}, game {skipped.number}: left out, {skipped.why}", err=True)
    for name in found.new_players:
        typer.echo(f"{name}: new in the pool", err=True)
    typer.echo(f"{found.added} games imported, {found.known} were there already")


@app.command(epilog="Example: [bold]lzeval pool export nets.pool records[/]")
def export(pool: PoolFile, folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to.")]) -> None:
    """Write all games as SGF files that `lzeval rate` and gomill's tools read."""
    from tournaments.ratingpool.exchange import export_games

    with open_pool(pool) as opened:
        written = export_games(opened, folder)
        typer.echo(f"{folder / (opened.name + '.games')}: {written} games written")


# What `lzeval gauntlet` uses as well


def open_pool(path: Path) -> RatingPool:
    from tournaments.ratingpool.store import RatingPool

    return RatingPool.open(path)


def create_pool(path: Path, given: dict[str, Any]) -> RatingPool:
    """A new pool with these settings; None stands for a default."""
    from tournaments.ratingpool.settings import settings_from
    from tournaments.ratingpool.store import RatingPool

    return RatingPool.create(path, settings_from(given))


def open_or_create(path: Path, given: dict[str, Any]) -> RatingPool:
    """The pool at `path`, which has to have the settings that are given, or a new one with them."""
    if not path.exists():
        return create_pool(path, given)
    opened = open_pool(path)
    opened.require(given)
    return opened


def candidate(
    source: str, name: str | None, copy: bool, positions: int | None, run: str | None
) -> tuple[Candidate, int]:
    """The network `source` on its way into a pool, and its board size."""
    from lzeval.core.bundled import network_name, resolve_network
    from lzeval.core.weights import is_checkpoint, weights_info
    from tournaments.ratingpool.store import Candidate

    path = resolve_network(source)
    if is_checkpoint(path):
        return _checkpoint(path, name, positions, run)
    info = weights_info(path)
    run, positions = _training(path, run, positions)
    named = name or _as_code(network_name(path))
    weights = path.read_bytes() if copy else None
    network = Candidate(
        _checked(named),
        info.text_sha256,
        path,
        weights,
        info.shape.blocks,
        info.shape.filters,
        run,
        positions,
    )
    return network, info.shape.board_size


def add_to(pool: RatingPool, network: Candidate, board_size: int) -> Network:
    """Add a network and say so. Raises UserError where it does not fit."""
    if board_size != pool.settings.size:
        raise UserError(
            f"{network.name}: a network for {board_size}x{board_size} boards; {pool.path} is of "
            f"{pool.settings.size}x{pool.settings.size}"
        )
    added = pool.add_network(network)
    trained = "" if added.positions is None else f", {added.positions:,} positions trained"
    kept = "kept in the pool" if added.is_copied else str(added.path)
    typer.echo(f"{added.name}: {added.blocks} blocks x {added.filters} filters{trained}; {kept}", err=True)
    return added


def _checkpoint(
    path: Path, name: str | None, positions: int | None, run: str | None
) -> tuple[Candidate, int]:
    """A checkpoint as the weights file that `lzeval export` would make of it: the next one takes its place soon."""
    from tempfile import TemporaryDirectory

    from lzeval.cli.networks import read_any
    from lzeval.core.bundled import network_name
    from lzeval.core.weights import text_sha256, write_weights
    from tournaments.ratingpool.store import Candidate
    from trainer.logs import read_progress

    weights = read_any(path)
    seen, _ = read_progress(path, [])
    positions = seen if positions is None else positions
    run = path.resolve().parent.name if run is None else run
    stem = f"{run}-{positions}" if positions is not None else f"{run}-{network_name(path)}"
    with TemporaryDirectory() as folder:
        file = Path(folder) / "weights.txt.gz"
        write_weights(weights, file)
        shape = weights.shape
        network = Candidate(
            _checked(name or _as_code(stem)), text_sha256(file), None, file.read_bytes(), shape.blocks, shape.filters,
            run, positions,
        )  # fmt: skip
    return network, shape.board_size


def _training(path: Path, run: str | None, positions: int | None) -> tuple[str | None, int | None]:
    """The run and the positions of a weights file that training exported on its way, as its place and name say."""
    folder = path.resolve().parent
    match = re.search(r"-(\d+)\.txt(?:\.gz)?$", path.name)
    if folder.name == "weights" and (folder.parent / "config.yaml").is_file() and match is not None:
        return run or folder.parent.name, int(match[1]) if positions is None else positions
    return run, positions


def _as_code(name: str) -> str:
    return re.sub(r"[^-A-Za-z0-9.+_]", "_", name) or "network"


def _checked(name: str) -> str:
    from tournaments.ctl import CODE_CHARACTERS

    if not name or not CODE_CHARACTERS.issuperset(name):
        raise UserError(f"--name {name!r}: use letters, digits and -!$%&*+.:;<=>?^_~, without spaces")
    return name


def playable(pool: RatingPool, without: list[str]) -> list[Network]:
    """Members with weights, those in `without` apart. Raises UserError where one of these is no member."""
    networks = pool.networks()
    unknown = set(without) - {network.name for network in networks}
    if unknown:
        raise UserError(
            f"--without {min(unknown)}: no such network in {pool.path}; lzeval pool list shows them"
        )
    idle = [network.name for network in networks if not network.can_play]
    if idle:
        typer.echo(f"without weights, and so not playing: {', '.join(idle)}", err=True)
    return [network for network in networks if network.can_play and network.name not in without]


def run_session(
    pool: RatingPool,
    members: list[Network],
    choose: Callable[[Standing], tuple[str, str] | None],
    *,
    games: int,
    threads: int | None,
    device: str,
    is_enough: Callable[[Progress], bool],
    again: Callable[[int], str],
    only: str | None = None,
) -> None:
    """Play in this machine's processes, with a line of progress; Ctrl-C ends it with what `again` says."""
    import platformdirs

    from tournaments.ratingpool.play import Progress, Session, entrants, standing_of, start_crew

    if games % 2:
        raise UserError(f"--games {games}: must be an even number; each opening is played with either colour")
    cache = Path(platformdirs.user_cache_dir("lzeval", False)) / "pool-networks"
    players = entrants(pool, members, cache, device)
    for entrant in players.values():
        if entrant.plan.info.note:
            typer.echo(f"{entrant.settings.code}: {entrant.plan.info.note}", err=True)
    progress = Progress(games, standing_of(pool, list(players)))
    with _bar(pool.name, games) as bar:
        try:
            crew = start_crew(pool, list(players.values()), threads, games)
            try:
                Session(pool, crew, players, choose, progress, is_enough, only).play(
                    lambda now: _show(bar, now)
                )
            finally:
                crew.stop()
        except KeyboardInterrupt as exc:
            bar.stop()
            left = max(2, games - progress.played + games % 2)
            typer.echo(
                f"lzeval: interrupted after {progress.played} games, which are in {pool.path}; {again(left)}",
                err=True,
            )
            raise typer.Exit(INTERRUPTED) from exc


def _bar(title: str, games: int) -> Bar:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    bar = Progress(
        TextColumn(f"[bold]{escape(title)}[/]"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}"),
        console=Console(stderr=True),
    )
    bar.add_task("", total=games, text="starting (a first time takes a minute)")
    return bar


def _show(bar: Bar, progress: Progress) -> None:
    parts = []
    if progress.met:
        black, white = progress.met[-1]
        parts.append(f"{black} v {white}")
    if progress.seconds:
        parts.append(f"{progress.evaluations / progress.seconds:,.0f} evals/s")
    left = progress.seconds_left
    if left is not None:
        parts.append(f"{left / 60:.0f} min left" if left >= 60 else f"{left:.0f} s left")
    bar.update(bar.task_ids[0], completed=progress.played, text="  ".join(parts))


def show_table(
    pool: RatingPool,
    *,
    as_json: bool,
    csv: Path | None = None,
    report: Path | None = None,
    over_time: bool = False,
    plot: Path | None = None,
) -> None:
    """Rate the pool, write what is wanted, and print."""
    from tournaments.ratingpool.over_time import over_time as points_of
    from tournaments.ratingpool.over_time import plot_over_time
    from tournaments.ratingpool.rating import rate_pool
    from tournaments.tables import write_ratings

    rated, networks = rate_pool(pool), pool.networks()
    if csv is not None:
        write_ratings(rated.table, csv)
    if report is not None:
        _report(pool, rated, report)
    if plot is not None:
        plot_over_time(rated, networks, plot)
    points = points_of(rated, networks) if over_time else []
    if as_json:
        content = as_dict(pool, rated)
        if over_time:
            content["over_time"] = [point.as_dict() for point in points]
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    if over_time:
        _print_points([point.as_dict() for point in points])
    else:
        print_table(rated)
    for path in (csv, report, plot):
        if path is not None:
            typer.echo(f"wrote {path}", err=True)


def as_dict(pool: RatingPool, rated: Rated) -> dict[str, Any]:
    """A pool's table as JSON has it."""
    return {
        "pool": str(pool.path),
        "settings": pool.settings.as_dict(),
        "zero": rated.zero,
        "without_games": [network.name for network in rated.waiting],
        **rated.table.as_dict(),
    }


def print_table(rated: Rated) -> None:
    """The table on the terminal, and who is not in it."""
    from rich.console import Console

    from tournaments.tables import render

    render(rated.table, Console())
    if rated.zero is None:
        typer.echo("The network that the scale is fixed by has no rating yet: 0 is the mean of all.")
    if rated.waiting:
        typer.echo(f"Without games: {', '.join(network.name for network in rated.waiting)}.")


def _print_points(points: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if not points:
        typer.echo("no network whose positions of training are known; add checkpoints, or --positions N")
        return
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, justify in (("Run", "left"), ("Network", "left"), ("Positions", "right"), ("Elo", "right")):
        grid.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    grid.add_column("95 % interval", justify="right", no_wrap=True)
    for point in points:
        elo, low, high = point["elo"], point["low"], point["high"]
        interval = "-" if low is None or high is None else f"{low:+.0f} to {high:+.0f}"
        grid.add_row(
            escape(point["run"]), escape(point["network"]), f"{point['positions']:,}",
            "none" if elo is None else f"{elo:+.0f}", "anchor" if low == high and elo is not None else interval,
        )  # fmt: skip
    Console().print(grid)


def _print_networks(networks: list[Network]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    grid = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("Network", "Size", "Positions", "SHA-256", "Weights"):
        grid.add_column(heading, overflow="fold")
    for network in networks:
        size = "" if network.blocks is None else f"{network.blocks}x{network.filters}"
        weights = "in the pool" if network.is_copied else network.path or "none"
        positions = "" if network.positions is None else f"{network.positions:,}"
        grid.add_row(escape(network.name), size, positions, network.sha256[:12], escape(weights))
    Console().print(grid)


def _rules(pool: RatingPool) -> str:
    settings = pool.settings
    return (
        f"{settings.visits} visits a move, komi {settings.komi:g}, {settings.size}x{settings.size}, openings "
        f"{settings.openings}, resign below {settings.resign:g} %, precision {settings.precision}"
    )


def _report(pool: RatingPool, rated: Rated, path: Path) -> None:
    from tournaments.ratingpool.exchange import with_gomill_ids
    from tournaments.report.facts import gather
    from tournaments.report.page import check_report, write_report

    check_report(path)
    anchors = {rated.zero: pool.anchors()[rated.zero]} if rated.zero is not None else {}
    write_report(gather(with_gomill_ids(rated.games), anchors), [], path)
