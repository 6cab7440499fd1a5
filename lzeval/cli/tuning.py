"""Tuning events on the command line: played, looked at, told of."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from lzeval.cli.live_view import StandingsView, tell, tell_if_grave
from lzeval.cli.status import FAULTY, INTERRUPTED
from lzeval.text.terminal import say, say_json
from tournaments.tuning.findings import findings
from tournaments.tuning.model_tuner import ModelTuner
from tournaments.tuning.tuning_run import TuningRun, TuningState, prepare_tuning, tuning_state

if TYPE_CHECKING:
    from tournaments.plan.competition import Competition
    from tournaments.runner.progress import Progress
    from tournaments.runner.tournament import RunOptions
    from tournaments.tuning.tuner import Tuner

WATCH_EVERY_S = 1.0


class TuningView(StandingsView):
    """Games in progress, the best parameters so far, and faults."""

    tuner: Tuner | None = None
    _told_of = -1
    """Number of games that the standing is of."""

    def refresh(self, progress: Progress) -> None:
        from rich.text import Text

        if self.tuner is not None and self._told_of != len(progress.games):
            self._told_of = len(progress.games)
            self.table = Text(self.tuner.standing())


def play_tuning(competition: Competition, options: RunOptions, *, quiet: bool, as_json: bool) -> NoReturn:
    """Play what is missing of gomill's tuning event, print its report, and end with the run's exit status."""
    planned = prepare_tuning(competition, options)
    progress = run_tuning(planned, quiet=quiet, as_json=as_json)
    if as_json:
        say_json({"event": "end", **facts(tuning_state(competition), competition), **ending(progress)})
    elif not quiet:
        say(tuning_state(competition).text.rstrip())
        tell_ending(progress)
    raise typer.Exit(0 if progress.is_clean else FAULTY)


def run_tuning(planned: TuningRun, *, quiet: bool, as_json: bool) -> Progress:
    """Play, and show it; Ctrl-C ends with status 130."""
    try:
        if as_json:
            return planned.play(say_json)
        if quiet:
            return planned.play(tell_if_grave)
        if not sys.stderr.isatty():
            return planned.play(tell)
        view = TuningView(planned.competition.code)

        def show(progress: Progress) -> None:
            view.tuner = planned.tuner
            view.show(progress)

        with view.live:
            return planned.play(view.tell, show)
    except KeyboardInterrupt as exc:
        say("lzeval: interrupted; finished games are kept, the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED) from exc


def ending(progress: Progress) -> dict[str, Any]:
    """A run's end, for JSON."""
    return {
        "played_now": progress.played_now,
        "seconds": round(progress.seconds, 3),
        "suspended": progress.suspended,
        "faults": [[i.player, i.fault.value, i.message] for i in progress.incidents],
    }


def tell_ending(progress: Progress) -> None:
    for code, why in progress.suspended.items():
        say(f"suspended: {code}: {why}")


def facts(state: TuningState, competition: Competition) -> dict[str, Any]:
    """A tuning event's state, for JSON."""
    tuning = competition.tuning
    assert tuning is not None
    best = state.tuner.best()
    found = findings(state.tuner, competition) if isinstance(state.tuner, ModelTuner) else None
    return {
        "games": len(state.games),
        "wanted": state.tuner.wanted,
        "parameters": {
            parameter.code: value
            for parameter, value in zip(tuning.parameters, tuning.engine_values(best), strict=True)
        },
        **({} if found is None else found.to_dict()),
        "report": state.text,
    }


def show_tuning(competition: Competition, *, as_json: bool) -> None:
    """Print how the event stands."""
    state = tuning_state(competition)
    if as_json:
        say_json(facts(state, competition), indent=2)
    else:
        say(state.text.rstrip())


def report_tuning(competition: Competition) -> Path:
    """Write CODE.report."""
    from lzeval.system.files import write_text_atomically
    from tournaments.store.folder import TournamentFiles

    path = TournamentFiles.of(competition).report
    write_text_atomically(path, tuning_state(competition).text)
    return path


def watch_tuning(competition: Competition) -> None:
    """Print the report anew while a run goes on elsewhere, until it ends."""
    from rich.live import Live
    from rich.text import Text

    from lzeval.text.terminal import screen
    from tournaments.store.folder import is_running

    with Live(console=screen(err=True), auto_refresh=False, transient=True) as live:
        while is_running(competition):
            live.update(Text(tuning_state(competition).text), refresh=True)
            time.sleep(WATCH_EVERY_S)
    say(tuning_state(competition).text.rstrip())
