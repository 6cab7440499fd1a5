"""`lzeval tournament`: gomill's ringmaster, for today's Python and for engines that misbehave."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from lzeval.cli.cluster_options import ClusterOption, programs_of
from lzeval.cli.komi_option import Komi
from lzeval.cli.rating_options import Prior
from lzeval.cli.status import FAULTY, INTERRUPTED
from lzeval.errors import UserError
from lzeval.text.terminal import say, say_json, say_prose, screen

if TYPE_CHECKING:
    from tournaments.gomill.ringmaster import Action
    from tournaments.plan.competition import Competition
    from tournaments.runner.progress import Progress
    from tournaments.runner.tournament import RunOptions

WATCH_EVERY_S = 1.0
LOOKING_SHARE = 5.0
"""Time until the next look at a tournament, as a multiple of the time that the last look took."""

app = typer.Typer(
    no_args_is_help=True,
    help="Play a tournament between any GTP engines, from gomill's control file.",
    epilog="Start with: [bold]lzeval tournament new x.ctl big small[/], then "
    "[bold]lzeval tournament run x.ctl[/]",
    rich_markup_mode="rich",
)

ControlFile = Annotated[Path, typer.Argument(metavar="X.ctl", help="gomill's control file.")]
Trust = Annotated[bool, typer.Option("--trust", help="Execute the control file as Python, as gomill does.")]


def _read(control_file: Path, trust: bool) -> Competition:
    from tournaments.gomill.control_file import read_control_file

    if trust:
        say(f"lzeval: --trust runs {control_file} as a program, with all that you may do", err=True)
    competition = read_control_file(control_file, trust=trust)
    for note in competition.notes:
        say(f"{control_file}: {note}", err=True)
    return competition


@app.command(epilog="Example: [bold]lzeval tournament run x.ctl --parallel 4[/]", no_args_is_help=True)
def run(
    control_file: ControlFile,
    parallel: Annotated[
        int | None, typer.Option("-j", "--parallel", help="Games at a time; measured if not given.")
    ] = None,
    max_games: Annotated[
        int | None, typer.Option("-g", "--max-games", help="Play so many games in this run at most.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start every engine anew for every game.")] = False,
    log_gtp: Annotated[
        bool, typer.Option("--log-gtp", help="Keep every conversation in CODE.gtplogs.")
    ] = False,
    runner: Annotated[str, typer.Option(help="own, or ringmaster: gomill's, if it is installed.")] = "own",
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but warnings.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what happens as lines of JSON.")] = False,
    prior: Prior = True,
    trust: Trust = False,
    cluster: ClusterOption = "",
) -> None:
    """Play what is missing of the tournament.

    Every finished game is kept at once. Interrupted or killed, the same command goes on where it stopped.
    Exit status: 0 all is played, 1 an engine failed or was suspended, 2 a mistake in what was asked, 130 Ctrl-C.
    """
    if runner == "ringmaster":
        _ringmaster(control_file, "run", parallel, max_games, quiet, log_gtp)
        return
    if runner != "own":
        raise UserError(f"--runner {runner}: must be own or ringmaster")
    from tournaments.runner.tournament import RunOptions

    competition = _read(control_file, trust)
    if competition.tuning is not None:
        from lzeval.cli.tuning import play_tuning

        if cluster:
            raise UserError("--cluster: a tuning event plays on this machine alone; leave it out")
        options = RunOptions(parallel, max_games, fresh, log_gtp)
        play_tuning(competition, options, quiet=quiet, as_json=as_json)
    try:
        with programs_of(cluster) as elsewhere:
            options = RunOptions(parallel, max_games, fresh, log_gtp, elsewhere)
            progress = _play(competition, options, quiet=quiet, as_json=as_json, prior=prior)
    except KeyboardInterrupt as exc:
        say("lzeval: interrupted; finished games are kept, the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED) from exc
    if as_json:
        say_json(_summary(progress, prior))
    elif not quiet:
        _print_tables(competition, progress, prior)
    raise typer.Exit(0 if progress.is_clean else FAULTY)


def _play(
    competition: Competition, options: RunOptions, *, quiet: bool, as_json: bool, prior: bool
) -> Progress:
    import sys

    from lzeval.cli.live_view import StandingsView, tell, tell_if_grave
    from tournaments.runner.tournament import prepare

    planned = prepare(competition, options)
    _warn(competition)
    if as_json:
        return planned.play(say_json)
    if quiet:
        return planned.play(tell_if_grave)
    if not sys.stderr.isatty():
        return planned.play(tell)
    view = StandingsView(competition.code, competition.lzeval.anchor, prior=prior)
    with view.live:
        return planned.play(view.tell, view.show)


def _warn(competition: Competition) -> None:
    """Say what makes one doubt the games before they are played."""
    from tournaments.runner.tournament import doubts

    for warning in doubts(competition):
        say(f"warning: {warning}", err=True)


def _summary(progress: Progress, prior: bool) -> dict[str, object]:
    from lzeval.cli.live_view import standings

    table = standings(progress.games, prior=prior)
    return {
        "event": "end",
        "games": len(progress.games),
        "played_now": progress.played_now,
        "seconds": round(progress.seconds, 3),
        "suspended": progress.suspended,
        "abandoned": progress.abandoned,
        "faults": [[i.player, i.fault.value, i.message] for i in progress.incidents],
        "standings": None if table is None else table.as_dict(),
    }


def _print_tables(competition: Competition, progress: Progress, prior: bool) -> None:
    """Gomill's report, and what it does not tell: how sure one may be."""
    from lzeval.cli.live_view import standings
    from tournaments.gomill.report import report_text
    from tournaments.report.terminal import render, standings_grid

    say(report_text(competition, progress.games).rstrip())
    table = standings(progress.games, prior=prior)
    if table is not None:
        render(table, console := screen())
        if competition.lzeval.anchor is not None:
            say_prose(f"With {competition.lzeval.anchor} at 0:", console)
            console.print(standings_grid(table, competition.lzeval.anchor))
    for code, why in progress.suspended.items():
        say(f"suspended: {code}: {why}")
    for game_id in progress.abandoned:
        say(f"left out: {game_id}")


def _ringmaster(
    control_file: Path, action: str, parallel: int | None, max_games: int | None, quiet: bool, log_gtp: bool
) -> None:
    from tournaments.gomill.ringmaster import run_ringmaster

    ended = run_ringmaster(
        control_file,
        cast("Action", action),
        processes=parallel,
        max_games=max_games,
        quiet=quiet,
        log_gtp=log_gtp,
    )
    raise typer.Exit(ended.exit_status or (FAULTY if ended.halted else 0))


@app.command(epilog="Example: [bold]lzeval tournament check x.ctl[/]", no_args_is_help=True)
def check(control_file: ControlFile, trust: Trust = False) -> None:
    """Read the control file and start every engine once. Exit status 1 if one of them cannot play."""
    from tournaments.games.process_guard import Guard
    from tournaments.runner.engine_check import try_out
    from tournaments.runner.tournament import prepare

    competition = _read(control_file, trust)
    if competition.tuning is None:
        prepare(competition)
    _warn(competition)
    guard = Guard()
    try:
        tried = try_out(competition, guard)
    finally:
        guard.close()
    for player in tried:
        said = "; ".join(player.problems) or "; ".join(["ok", *player.notes])
        say(f"{player.player}: {player.engine + ': ' if player.engine else ''}{said}")
    raise typer.Exit(FAULTY if any(player.problems for player in tried) else 0)


def _progress(competition: Competition) -> Progress:
    """The state of the tournament as its log has it."""
    from tournaments.plan.schedule import Schedule
    from tournaments.runner.progress import Progress
    from tournaments.store.folder import counted_games, history

    past = history(competition)
    games = [game.record for game in counted_games(competition, past)]
    progress = Progress(Schedule(competition.matchups, set(past.games)).wanted, games)
    progress.incidents, progress.suspended = past.incidents, past.suspended
    now = time.time()
    for start in past.started.values():
        began_s = time.monotonic() - (now - start["time"])
        progress.begin(start["game"], start["black"], start["white"], began_s)
    return progress


@app.command(epilog="Example: [bold]lzeval tournament show x.ctl[/]", no_args_is_help=True)
def show(
    control_file: ControlFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    prior: Prior = True,
    trust: Trust = False,
) -> None:
    """Print how the tournament stands: gomill's report and ratings with 95 % intervals."""
    competition = _read(control_file, trust)
    if competition.tuning is not None:
        from lzeval.cli.tuning import show_tuning

        show_tuning(competition, as_json=as_json)
        return
    progress = _progress(competition)
    if as_json:
        say_json(_summary(progress, prior), indent=2)
    else:
        _print_tables(competition, progress, prior)


@app.command(epilog="Example: [bold]lzeval tournament report x.ctl[/]", no_args_is_help=True)
def report(control_file: ControlFile, trust: Trust = False) -> None:
    """Write gomill's report to CODE.report."""
    from tournaments.gomill.files import write_report

    competition = _read(control_file, trust)
    if competition.tuning is not None:
        from lzeval.cli.tuning import report_tuning

        say(str(report_tuning(competition)))
        return
    say(str(write_report(competition, _progress(competition).games)))


@app.command(epilog="Example: [bold]lzeval tournament reset x.ctl[/]", no_args_is_help=True)
def reset(control_file: ControlFile, trust: Trust = False) -> None:
    """Remove every game and file of the tournament but the control file."""
    from tournaments.store.folder import reset as reset_tournament

    for path in reset_tournament(_read(control_file, trust)):
        say(f"removed {path}")


@app.command(epilog="Example: [bold]lzeval tournament stop x.ctl[/]", no_args_is_help=True)
def stop(control_file: ControlFile, trust: Trust = False) -> None:
    """Have a run that goes on elsewhere end after the games in progress."""
    from tournaments.store.folder import ask_to_stop, is_running

    competition = _read(control_file, trust)
    if not is_running(competition):
        raise UserError(f"{control_file}: no run is going on")
    ask_to_stop(competition)


@app.command(epilog="Example: [bold]lzeval tournament watch x.ctl[/]", no_args_is_help=True)
def watch(control_file: ControlFile, prior: Prior = True, trust: Trust = False) -> None:
    """Look at a run that goes on elsewhere, until it ends or Ctrl-C."""
    from lzeval.cli.live_view import StandingsView
    from tournaments.store.folder import is_running

    competition = _read(control_file, trust)
    if competition.tuning is not None:
        from lzeval.cli.tuning import watch_tuning

        watch_tuning(competition)
        return
    view = StandingsView(competition.code, competition.lzeval.anchor, prior=prior)
    began_s, before = time.monotonic(), len(_progress(competition).games)
    with view.live:
        while is_running(competition):
            looked_s = time.monotonic()
            progress = _progress(competition)
            progress.seconds = time.monotonic() - began_s
            progress.played_now = len(progress.games) - before
            view.show(progress)
            time.sleep(max(WATCH_EVERY_S, LOOKING_SHARE * (time.monotonic() - looked_s)))
    _print_tables(competition, _progress(competition), prior)


@app.command(
    epilog="Example: [bold]lzeval tournament new x.ctl big small --rounds 10[/]", no_args_is_help=True
)
def new(
    out: Annotated[Path, typer.Argument(metavar="X.ctl", help="The control file to write.")],
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="PLAYER...",
            help='Weights files, checkpoints, bundled names; or gnugo:LEVEL, katago:NET and others, as in "match".',
        ),
    ],
    engine: Annotated[str, typer.Option(help="Who plays with them: lzeval or leelaz.")] = "lzeval",
    rounds: Annotated[int, typer.Option(help="Games of each pair.")] = 4,
    visits: Annotated[int, typer.Option(help="Visits a move; 0: no limit.")] = 100,
    time_settings: Annotated[str | None, typer.Option(help='GTP\'s three numbers, such as "0 11 1".')] = None,
    size: Annotated[int, typer.Option(help="Board size.")] = 19,
    komi: Komi = None,
    openings: Annotated[
        str, typer.Option(help="default (for 9x9, 13x13 and 19x19), none, or a file.")
    ] = "default",
    seed: Annotated[int, typer.Option(help="Of the openings' order and of the engines.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the control file.")] = False,
) -> None:
    """Write a control file for networks and programs that are to play each other."""
    from tournaments.match.new_control_file import new_control_file

    path = new_control_file(
        out,
        networks,
        engine=cast("Literal['lzeval', 'leelaz']", engine),
        rounds=rounds,
        visits=visits or None,
        time_settings=time_settings,
        board_size=size,
        komi=komi,
        openings=openings,
        seed=seed,
        force=force,
    )
    _warn(_read(path, trust=False))
    say(str(path))
