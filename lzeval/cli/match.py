"""`lzeval match`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lzeval.cli.cluster_options import ClusterOption, machines_of
from lzeval.cli.device_option import Device
from lzeval.cli.komi_option import Komi
from lzeval.cli.rating_options import Prior
from lzeval.cli.search_options import takes_search_settings
from lzeval.cli.status import FAULTY, INTERRUPTED
from lzeval.text.terminal import progress_bar, say, say_json, say_prose, screen
from lzeval.text.wording import counted, signed

if TYPE_CHECKING:
    from lzeval.records.record import GameRecord
    from tournaments.match.match import Match, MatchResult
    from tournaments.rating.sprt import Sprt
    from tournaments.runner.progress import Progress


@takes_search_settings
def match(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="Weights file, checkpoint, or bundled name (big, small); or another program: "
            'gnugo:LEVEL, katago:NET, leelaz:FILE, cmd:"COMMAND LINE".',
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one.")],
    games: Annotated[
        int, typer.Option(help="How many; each opening is played twice, colours swapped.")
    ] = 400,
    visits: Annotated[
        str,
        typer.Option(
            metavar="N or A,B", help="Visits a move, reused ones included, for both or each; 0: no limit."
        ),
    ] = "100",
    playouts: Annotated[
        str | None, typer.Option(metavar="N or A,B", help="New playouts a move, as a limit besides.")
    ] = None,
    equal_time: Annotated[
        bool,
        typer.Option(
            "--equal-time", help="--visits are A's; measure, and give B as many as take the same time."
        ),
    ] = False,
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
    threads: Annotated[int | None, typer.Option(help="Cores to use; with programs, games at a time.")] = None,
    out: Annotated[str | None, typer.Option(help="Folder; matches/A-B-<date> if not given.")] = None,
    sprt: Annotated[
        str | None,
        typer.Option(metavar="ELO0,ELO1", help="Stop as soon as this sequential test of A has decided."),
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Of --sprt: chance of accepting ELO1 wrongly; 0.05 if not given.")
    ] = None,
    beta: Annotated[
        float | None, typer.Option(help="Of --sprt: chance of rejecting ELO1 wrongly; 0.05 if not given.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Of --sprt: logistic (if not given) or normalized Elo.")
    ] = None,
    until_decided: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="Stop when it is certain whether A wins this share, such as 0.55."
        ),
    ] = None,
    cluster: ClusterOption = "",
    prior: Prior = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
    search: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
) -> None:
    """Play two networks, or a network and another program, and say which is stronger, and how sure that is.

    Every finished game is kept at once. Interrupted or killed, the same command goes on where it stopped.
    """
    from lzeval.cli.live_view import BarView
    from tournaments.match.match import check_options, plan_match, play_match
    from tournaments.match.options import MatchOptions, parse_each, player_options

    test = _test(sprt, alpha, beta, model)
    of_a, of_b = parse_each(visits, "--visits")
    new = None if playouts is None else parse_each(playouts, "--playouts")
    options = MatchOptions(
        player_options(a, b, (of_a or None, of_b or None), new, search), games, komi, size, move_limit, resign,
        seed, openings, precision, device, threads, out, test, until_decided, equal_time, prior,
    )  # fmt: skip
    check_options(options)
    with machines_of(cluster) as machines:
        planned = _measured(plan_match(options, machines))
        warnings = planned.warnings()
        for warning in warnings:
            say(f"warning: {warning}", err=True)
        _announce(planned)
        view = BarView(" v ".join(planned.codes), planned.options.games, partial(_standing, planned.codes))
        try:
            with view.live:
                result = play_match(planned, view.show, view.tell)
        except KeyboardInterrupt as exc:
            say(
                f"lzeval: interrupted; finished games are in {planned.folder.path}, the same command goes on",
                err=True,
            )
            raise typer.Exit(INTERRUPTED) from exc
    if as_json:
        say_json(_as_dict(planned, result, warnings), indent=2)
    else:
        _print(planned, result)
    raise typer.Exit(FAULTY if result.problems else 0)


def _measured(planned: Match) -> Match:
    """The match with B's visits measured, where they are wanted and not known yet."""
    if not planned.options.equal_time or planned.equal_time is not None:
        return planned
    from rich.progress import TimeRemainingColumn

    from tournaments.match.equal_time import at_equal_time

    try:
        with progress_bar(TimeRemainingColumn()) as bar:
            line = bar.add_task("measuring what a move costs each player", total=1.0)
            planned = at_equal_time(
                planned,
                lambda message: say_prose(f"warning: {message}", bar.console),
                lambda share: bar.update(line, completed=share),
            )
    except KeyboardInterrupt as exc:
        say(
            "lzeval: interrupted while measuring, of which nothing is kept; the same command begins anew",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from exc
    say(f"{' v '.join(planned.codes)} {planned.terms}", err=True)
    return planned


def _test(sprt: str | None, alpha: float | None, beta: float | None, model: str | None) -> Sprt | None:
    from lzeval.errors import UserError
    from tournaments.rating.sprt import parse_sprt

    if sprt is not None:
        return parse_sprt(
            sprt,
            0.05 if alpha is None else alpha,
            0.05 if beta is None else beta,
            model or "logistic",
            option="--sprt",
        )
    for name, value in (("alpha", alpha), ("beta", beta), ("model", model)):
        if value is not None:
            raise UserError(f"--{name} {value}: says something only of --sprt")
    return None


def _announce(planned: Match) -> None:
    from tournaments.plan.stopping import expected_length

    options = planned.options
    if options.sprt is not None:
        say(f"SPRT {options.sprt.describe()}", err=True)
        say(expected_length(options.sprt, options.games), err=True)
    for plan in planned.plans if planned.is_of_networks else ():
        if plan.info.note:
            say(f"{plan.info.network}: {plan.info.note}", err=True)


def _as_dict(planned: Match, result: MatchResult, warnings: list[str]) -> dict[str, object]:
    from dataclasses import asdict

    from tournaments.rating.sequential import plan, usual_differences

    content: dict[str, object] = {"match": str(planned.folder.path), "settings": planned.settings()}
    if planned.equal_time is not None:
        content["equal_time"] = planned.equal_time.as_dict()
        content["thinking_s"] = {code: round(spent.seconds, 3) for code, spent in result.thinking.items()}
    if result.problems:
        content["problems"] = result.problems
    options, rule = planned.options, result.rule
    if warnings:
        content["warnings"] = warnings
    if rule is not None:
        outcome = {**rule.as_dict(), "uncounted_games": result.uncounted}
        if options.sprt is not None:
            rows = plan(options.sprt, usual_differences(options.sprt), cap=options.games)
            outcome["plan"] = [asdict(row) for row in rows]
        content["until_decided" if options.sprt is None else "sprt"] = outcome
    return {**content, **result.table.as_dict()}


def _print(planned: Match, result: MatchResult) -> None:
    from tournaments.report.terminal import render

    rule = result.rule
    for line in [] if rule is None else rule.verdict_lines():
        say(line)
    if rule is not None and rule.is_decided and rule.games < planned.options.games:
        say(
            f"Below, {counted(rule.games, 'game')} as if the number had been fixed before: "
            "too far from 0, on average."
        )
    render(result.table, screen())
    if result.uncounted:
        say(f"Finished after the deciding one, and so not counted: {counted(result.uncounted, 'game')}.")
    for problem in result.problems:
        say(problem)
    if planned.equal_time is not None and result.thinking:
        say(f"Thinking time in this run: {_shares(result)}.")
    say(f"games and tables: {planned.folder.path}")


def _shares(result: MatchResult) -> str:
    """`big 50.4 %, small 49.6 %`."""
    seconds = {code: spent.seconds for code, spent in result.thinking.items()}
    whole = sum(seconds.values()) or 1.0
    return ", ".join(f"{code} {100 * spent / whole:.1f} %" for code, spent in seconds.items())


def _standing(players: tuple[str, str], progress: Progress) -> list[str]:
    """Score and Elo, and how far the rule for stopping has come."""
    from tournaments.rating.two_players import head_to_head

    parts = []
    decided = [game for game in progress.games if game.result.is_decided]
    if decided:
        parts.append(_score(decided, players[0]))
        found = head_to_head(decided, *players).difference
        if not found.is_unbounded:
            parts.append(f"{signed(found.elo)} Elo ({signed(found.low)} to {signed(found.high)})")
    if progress.rule is not None:
        parts.append(progress.rule.standing())
    return parts


def _score(decided: list[GameRecord], player: str) -> str:
    points = sum(game.score(player) for game in decided)
    return f"{points:g}-{len(decided) - points:g}"
