"""The commands of `lzeval pool`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.cli.cluster_options import ClusterOption
from lzeval.cli.device_option import Device
from lzeval.cli.komi_option import Komi
from lzeval.cli.pool.joining import add_all, candidate
from lzeval.cli.pool.opening import create_pool, open_and_join, open_pool
from lzeval.cli.pool.playing import playable, run_session
from lzeval.cli.pool.printing import print_networks, rules, show_table
from lzeval.cli.rating_options import Origin, Prior, parse_anchors
from lzeval.errors import UserError
from lzeval.text.terminal import say, say_json
from lzeval.text.wording import command_line, counted

if TYPE_CHECKING:
    from tournaments.runner.progress import Progress

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Keep networks and their games in one file, so that ratings stay comparable.",
    epilog="Example: [bold]lzeval pool add nets.pool big small[/], then [bold]lzeval pool play nets.pool[/]",
)

PoolFile = Annotated[Path, typer.Argument(metavar="POOL", help="The pool's file.")]
Visits = Annotated[int | None, typer.Option(help="Visits a move; 50 in a new pool.")]
Size = Annotated[int | None, typer.Option(help="Board size; 19 in a new pool.")]
Precision = Annotated[str | None, typer.Option(help="auto, fp32 or bf16; auto in a new pool.")]
Openings = Annotated[
    str | None, typer.Option(help="Of a new pool: default, none, or a file with one opening a line.")
]
Without = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Leave this member alone; may be given again.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Cores to use; all if not given.")]
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
        say(f"{pool}: {rules(made)}")


@app.command(epilog="Example: [bold]lzeval pool add nets.pool big runs/small/latest.ckpt[/]")
def add(
    pool: PoolFile,
    networks: Annotated[
        list[str],
        typer.Argument(metavar="NET...", help="Weights files, checkpoints, bundled names, katago:NET."),
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
    katago:NET.bin.gz[,option=value...] is a network of KataGo's, which plays it.
    """
    if len(networks) > 1 and (name is not None or positions is not None):
        raise UserError("--name and --positions are of one network; add them one by one")
    given = {"visits": visits, "komi": komi, "size": size, "precision": precision, "openings": openings}
    candidates = [candidate(source, name, copy, positions, run) for source in networks]
    opened, _ = open_and_join(pool, given, lambda made: add_all(made, candidates))
    opened.close()


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
    cluster: ClusterOption = "",
    prior: Prior = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Play games between the members, each next pair where it tells most, and print the table.

    Every finished game is in the pool at once. Interrupted or killed, playing goes on; half a pair is completed first.
    """
    from tournaments.pool.rating import quick_pool

    if until is not None and not until > 0:
        raise UserError(f"--until {until:g}: must be more than 0 Elo")
    with open_pool(pool) as opened:
        opened.require({"visits": visits})
        members = playable(opened, without or [])
        if len(members) < 2:
            raise UserError(
                f"{pool}: {counted(len(members), 'network')} to play with; "
                f"{command_line('lzeval', 'pool', 'add', pool)} NET adds another"
            )
        names = [network.name for network in members]

        def is_enough(progress: Progress) -> bool:
            if until is None or progress.played_now % 4:
                return False
            ratings = quick_pool(opened)
            known = [ratings.ratings.get(name) for name in names] if ratings else [None]
            from tournaments.pool.gauntlet import is_narrow

            return all(is_narrow(rating, until) for rating in known)

        run_session(
            opened,
            members,
            lambda standing: standing.best_pairing(names),
            games=games,
            threads=threads,
            device=device,
            cluster=cluster,
            is_enough=is_enough,
            again=lambda left: f"to go on: {command_line('lzeval', 'pool', 'play', pool, '--games', left)}",
        )
        show_table(opened, as_json=as_json, prior=prior)


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
    origin: Origin = None,
    prior: Prior = True,
) -> None:
    """Rate the members: Elo with 95 % intervals, on the pool's scale."""
    if plot is not None and not over_time:
        raise UserError("--plot draws what --over-time shows; give both")
    with open_pool(pool) as opened:
        show_table(
            opened, as_json=as_json, csv=csv, report=report, over_time=over_time, plot=plot, origin=origin,
            prior=prior,
        )  # fmt: skip


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
            say_json(content, indent=1)
            return
        print_networks(networks)
        say(f"{counted(count, 'game')}; {rules(opened)}")


@app.command(epilog="Example: [bold]lzeval pool anchor nets.pool big=2000[/]")
def anchor(
    pool: PoolFile,
    anchored: Annotated[
        str, typer.Argument(metavar="NAME=ELO", help="The network whose rating is fixed, and at what.")
    ],
) -> None:
    """Fix the scale by one network's Elo: numbers move, intervals and games do not.

    At first the first network has 0.
    """
    ((name, elo),) = parse_anchors([anchored]).items()
    with open_pool(pool) as opened:
        opened.set_anchor(name, elo)
    say(f"{pool}: {name} is {elo:g} Elo", err=True)


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
    from tournaments.pool.import_export import import_games

    with open_pool(pool) as opened:
        found = import_games(opened, sources, trust=trust, take_players=players)
    for skipped in found.skipped:
        say(f"{skipped.path}, game {skipped.number}: left out, {skipped.why}", err=True)
    for name in found.new_players:
        say(f"{name}: new in the pool", err=True)
    say(f"{counted(found.added, 'game')} imported, {found.known:,} there already")


@app.command(epilog="Example: [bold]lzeval pool export nets.pool records[/]")
def export(pool: PoolFile, folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to.")]) -> None:
    """Write all games as SGF files that `lzeval rate` and gomill's tools read."""
    from tournaments.pool.import_export import export_games

    with open_pool(pool) as opened:
        written = export_games(opened, folder)
        say(f"{folder / (opened.name + '.games')}: {counted(written, 'game')} written")
