"""`lzeval calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lzeval.cli.device_option import Device
from lzeval.cli.komi_option import Komi
from lzeval.cli.search_options import takes_search_settings
from lzeval.cli.status import FAULTY, INTERRUPTED
from lzeval.text.terminal import say, say_json, screen

if TYPE_CHECKING:
    from tournaments.calibrate.calibration import Calibration, CalibrationResult
    from tournaments.calibrate.course import Course
    from tournaments.calibrate.options import CalibrationOptions
    from tournaments.runner.progress import Watcher


@takes_search_settings
def calibrate(
    a: Annotated[
        str,
        typer.Argument(metavar="A", help="The opponent: a network or a program, as in `lzeval match`."),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B",
            help="The player whose setting is sought: a network, leelaz:FILE, katago:NET or gnugo.",
        ),
    ],
    setting: Annotated[
        str | None, typer.Option(help="visits, playouts or level (gnugo); the first that B has if not given.")
    ] = None,
    lowest: Annotated[int | None, typer.Option("--from", help="Lowest value of the setting.")] = None,
    highest: Annotated[
        int | None, typer.Option("--to", help="Highest value; 1600 visits if not given.")
    ] = None,
    elo: Annotated[float, typer.Option(help="What B is to be worth over A; 0: a score of 50 %.")] = 0.0,
    width: Annotated[
        str,
        typer.Option(
            metavar="DOUBLINGS|PERCENT",
            help="Stop when the 95 % interval is so narrow: 1, or 100%, from 16 to 32 for example.",
        ),
    ] = "1",
    games: Annotated[
        int, typer.Option(help="The most; each opening is played twice, colours swapped.")
    ] = 400,
    visits: Annotated[int, typer.Option(help="Visits a move of A, reused ones included; 0: no limit.")] = 100,
    playouts: Annotated[
        int | None, typer.Option(help="New playouts a move of A, as a limit besides.")
    ] = None,
    komi: Komi = None,
    size: Annotated[int, typer.Option(help="Board size.")] = 19,
    move_limit: Annotated[
        int | None, typer.Option(help="Longer games are void; twice the board's points if not given.")
    ] = None,
    resign: Annotated[float, typer.Option(help="Resign below this winrate, in percent; 0: never.")] = 10.0,
    seed: Annotated[
        int, typer.Option(help="The same seed gives the same games, however many run at once.")
    ] = 1,
    openings: Annotated[
        str, typer.Option(help="default (for 9x9, 13x13 and 19x19), none, or a file with one opening a line.")
    ] = "default",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    device: Device = "auto",
    parallel: Annotated[
        int | None, typer.Option(help="Games at a time; as many as there is room for if not given.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Folder; calibrations/A-B-<setting>-<date> if not given.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the response curve: .png or .svg.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the finding as JSON.")] = False,
    search: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
) -> None:
    """Find the number of visits, or another setting, at which B scores 50 % against A.

    Pairs of games are played where they tell most, until the 95 % interval is narrow enough. Every finished game is
    kept at once. Interrupted or killed, the same command goes on where it stopped.
    """
    from lzeval.cli.live_view import CourseView
    from lzeval.text.plots import check_plot
    from tournaments.calibrate.calibration import plan_calibration, play_calibration
    from tournaments.calibrate.options import SETTINGS, CalibrationOptions, choose_setting
    from tournaments.calibrate.scale import parse_width
    from tournaments.match.options import MatchOptions, player_options

    if plot is not None:
        check_plot(plot)
    name = choose_setting(b, setting)
    usual = SETTINGS[name].usual
    bounds = usual[0] if lowest is None else lowest, usual[1] if highest is None else highest
    players = player_options(a, b, (visits or None, None), (playouts, None), search)
    match = MatchOptions(
        players, games, komi, size, move_limit, resign, seed, openings, precision, device, parallel, out
    )
    options = CalibrationOptions(match, name, bounds, elo, parse_width(width, SETTINGS[name].scale))
    options.check()
    planned = plan_calibration(options)
    warnings = planned.warnings()
    for warning in warnings:
        say(f"warning: {warning}", err=True)
    say(_expectation(options), err=True)
    view = CourseView(f"{planned.names[1]} v {planned.names[0]}", games)

    def watch(course: Course) -> Watcher:
        view.course = course
        return view.show

    try:
        with view.live:
            result = play_calibration(planned, watch, view.tell)
    except KeyboardInterrupt as exc:
        say(
            f"lzeval: interrupted; finished games are in {planned.folder.path}, the same command goes on",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from exc
    if plot is not None:
        from tournaments.calibrate.plot import plot_curve

        plot_curve(result.course, plot, planned.names[1])
    if as_json:
        say_json(_as_dict(planned, result, warnings), indent=2)
    else:
        _print(planned, result)
    raise typer.Exit(FAULTY if result.problems else 0)


def _expectation(options: CalibrationOptions) -> str:
    """Number of games to expect, in one line."""
    from tournaments.calibrate.stopping import expected_games

    scale = options.setting.scale
    numbers = ", ".join(f"{expected_games(slope, options.width)} at {slope}" for slope in (50, 100, 200))
    return f"games to expect by the Elo that {scale.one} is worth: {numbers}; {options.match.games} at most"


def _as_dict(planned: Calibration, result: CalibrationResult, warnings: list[str]) -> dict[str, object]:
    content: dict[str, object] = {"calibration": str(planned.folder.path), "settings": planned.settings()}
    content["width"] = planned.options.width
    if result.problems:
        content["problems"] = result.problems
    if warnings:
        content["warnings"] = warnings
    uncounted = len(result.games) - 2 * result.course.pairs
    return {**content, **result.course.as_dict(), "uncounted_games": max(uncounted, 0)}


def _print(planned: Calibration, result: CalibrationResult) -> None:
    from rich.table import Table

    from tournaments.calibrate.finding import level_rows

    found = result.course.finding()
    for line in result.course.verdict_lines():
        say(line)
    table = Table(box=None, padding=(0, 2))
    for name in (found.setting.capitalize(), "Pairs", "Score", "By the curve", "Elo"):
        table.add_column(name, justify="right")
    for row in level_rows(found):
        table.add_row(*row)
    screen().print(table)
    for problem in result.problems:
        say(problem)
    say(f"games and tables: {planned.folder.path}")
