"""`lzeval tune`: the best parameters of an engine, from the control file of one of gomill's tuning events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lzeval.cli.status import FAULTY
from lzeval.errors import UserError
from lzeval.text.terminal import say, say_json

if TYPE_CHECKING:
    from tournaments.plan.competition import Competition


def tune(
    control_file: Annotated[Path, typer.Argument(metavar="X.ctl", help="gomill's control file.")],
    method: Annotated[
        str, typer.Option(help="model: ours; mc, cem: gomill's, where the control file is for it.")
    ] = "model",
    games: Annotated[
        int | None, typer.Option(help="Games in all; if not given, what the control file says.")
    ] = None,
    parallel: Annotated[
        int | None, typer.Option("-j", "--parallel", help="Games at a time; measured if not given.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the response to each parameter (.png or .svg).")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Play nothing; print what is known.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start every engine anew for every game.")] = False,
    log_gtp: Annotated[
        bool, typer.Option("--log-gtp", help="Keep every conversation in CODE.gtplogs.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but warnings.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what happens as lines of JSON.")] = False,
) -> None:
    """Look for the parameters of an engine that win most.

    Every finished game is kept at once. Interrupted or killed, the same command goes on where it stopped; more --games
    play on. Exit status: 0 all is played, 1 an engine failed or was suspended, 2 a mistake in what was asked, 130
    Ctrl-C.
    """
    from lzeval.system.machine import one_thread_for_libraries

    with one_thread_for_libraries():
        from lzeval.cli.tuning import ending, facts, run_tuning, tell_ending
    from tournaments.gomill.control_file import read_control_file
    from tournaments.runner.tournament import RunOptions
    from tournaments.tuning.tuning_run import prepare_tuning, tuning_state

    if plot is not None:
        from lzeval.text.plots import check_plot

        check_plot(plot)
    competition = read_control_file(control_file)
    for note in competition.notes:
        say(f"{control_file}: {note}", err=True)
    wanted = _wanted(competition, method, games)
    progress = None
    if not show:
        options = RunOptions(parallel, None, fresh, log_gtp)
        planned = prepare_tuning(competition, options, None if method != "model" else method, wanted)
        progress = run_tuning(planned, quiet=quiet, as_json=as_json)
    state = tuning_state(competition, method)
    if as_json:
        said = {} if progress is None else ending(progress)
        say_json({"event": "end", **facts(state, competition), **said})
    elif not quiet or show:
        say(state.text.rstrip())
        if progress is not None:
            tell_ending(progress)
    if plot is not None:
        _plot(competition, plot)
    raise typer.Exit(0 if progress is None or progress.is_clean else FAULTY)


def _wanted(competition: Competition, method: str, games: int | None) -> int | None:
    """Games in all of the model. Raises UserError for a method that the control file does not have."""
    from tournaments.plan.tuning import MonteCarlo
    from tournaments.tuning.tuning_run import gomills_method

    if competition.tuning is None:
        raise UserError(
            f"{competition.path}: a {competition.competition_type} tunes nothing; "
            "the competition_type of a tuning event is 'mc_tuner' or 'ce_tuner'"
        )
    if method not in ("model", "mc", "cem"):
        raise UserError(f"--method {method}: must be model, mc or cem")
    if games is not None and games < 1:
        raise UserError(f"--games {games}: must be at least 1")
    own = gomills_method(competition)
    if method not in ("model", own):
        raise UserError(f"--method {method}: {competition.path.name} has the settings of {own} alone")
    if method != "model" and games is not None:
        name = "number_of_games" if own == "mc" else "number_of_generations"
        raise UserError(f"--games: the number of games of --method {method} is {name} of the control file")
    settings = competition.tuning.settings
    if games is not None:
        return games
    if isinstance(settings, MonteCarlo):
        return settings.number_of_games
    return settings.number_of_generations * settings.samples_per_generation * settings.batch_size


def _plot(competition: Competition, path: Path) -> None:
    """Draw what the model has learnt of all games, whatever method chose them."""
    from tournaments.tuning.model_tuner import METHOD, ModelTuner
    from tournaments.tuning.plot import plot_response
    from tournaments.tuning.tuning_run import tuning_state

    tuner = tuning_state(competition, METHOD).tuner
    assert isinstance(tuner, ModelTuner)
    plot_response(tuner, competition, path)
    say(f"plot: {path}", err=True)
