"""A tuning event: checked, taken up from its log, and played by the runner as a tournament is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lzeval.errors import UserError
from lzeval.go.openings import load_book
from lzeval.text.wording import command_line
from tournaments.gomill.files import EventLog
from tournaments.plan.competition import Competition
from tournaments.plan.settings_check import check_unchanged, settings_of
from tournaments.plan.tuning import TUNING, CrossEntropy, MonteCarlo, Tuning
from tournaments.runner.tournament import RunOptions, TournamentRun, damage
from tournaments.store.folder import TournamentFiles
from tournaments.store.game_log import FinishedGame, GameLog, history_of, read_log
from tournaments.tuning.cross_entropy import CrossEntropyTuner
from tournaments.tuning.model_tuner import METHOD, ModelTuner
from tournaments.tuning.monte_carlo import MonteCarloTuner
from tournaments.tuning.tuner import RandomFor, Tuner
from tournaments.tuning.tuning_games import TuningGames, opponent_of, random_for, replay

MakeTuner = Callable[[Competition, RandomFor], Tuner]
PROBES = (0.125, 0.375, 0.625, 0.875)
"""Shares of a parameter's range at which two scales are compared."""


def gomills_tuner(competition: Competition, random: RandomFor) -> Tuner:
    """The method of the control file itself."""
    assert competition.tuning is not None
    if isinstance(competition.tuning.settings, MonteCarlo):
        return MonteCarloTuner(competition, random)
    return CrossEntropyTuner(competition, random)


def gomills_method(competition: Competition) -> str:
    """Name of the control file's own method: `mc` or `cem`."""
    return "mc" if competition.competition_type == "mc_tuner" else "cem"


def tuner_of(method: str, games: int | None) -> MakeTuner:
    """What makes the tuner of a method; the model plays `games` in all, the others what the control file says."""
    if method == METHOD:
        return lambda competition, random: ModelTuner(competition, random, games)
    return gomills_tuner


def prepare_tuning(
    competition: Competition,
    options: RunOptions | None = None,
    method: str | None = None,
    games: int | None = None,
) -> TuningRun:
    """Check what can be checked before anything is written.

    `method` is METHOD or None, the control file's own; with METHOD, `games` are played in all, or without end. Raises
    UserError.
    """
    assert competition.tuning is not None
    options = options or RunOptions()
    options.check()
    if options.elsewhere is not None:
        raise UserError("--cluster: a tuning event plays on this machine alone; leave it out")
    files = TournamentFiles.of(competition)
    entries = read_log(files.played).entries
    past = history_of(entries)
    if past.settings is None and files.status.exists():
        raise UserError(
            f"{files.status}: the state of a tuning event that gomill's ringmaster has begun is not taken over; "
            "go on with the ringmaster, or move it away"
        )
    matchup = competition.matchups[0]
    books = {matchup.board_size: load_book(competition.lzeval.openings, matchup.board_size)}
    name = method or gomills_method(competition)
    settings = {**tuning_settings(competition, settings_of(competition, books), name), "games": games}
    reset = command_line("lzeval", "tournament", "reset", competition.path)
    hint = f"change {competition.path.name} back, or begin anew with: {reset}"
    if past.settings is not None:
        _check_method(past.settings, settings, hint)
        check_unchanged(past.settings, settings, {TUNING} if past.games else (), hint)
    return TuningRun(competition, options, books, settings, make_tuner=tuner_of(name, games))


def tuning_settings(competition: Competition, settings: Mapping[str, Any], method: str) -> dict[str, Any]:
    """The competition's settings without those of the sample candidate, and with those of the parameters."""
    tuning = competition.tuning
    assert tuning is not None
    kept = {tuning.opponent, competition.lzeval.referee}
    batch_size = tuning.settings.batch_size if isinstance(tuning.settings, CrossEntropy) else None
    return {
        **settings,
        "players": {code: player for code, player in settings["players"].items() if code in kept},
        "conditions": {**settings["conditions"], "tuning": _tuned(tuning)},
        "method": method,
        "batch_size": batch_size,
    }


def _tuned(tuning: Tuning) -> dict[str, Any]:
    """What a point means: parameters by code, each as values along its range."""
    found: dict[str, Any] = {"parameters": [parameter.code for parameter in tuning.parameters]}
    for parameter in tuning.parameters:
        span = parameter.high - parameter.low
        values = [parameter.engine_value(parameter.low + share * span) for share in PROBES]
        found[parameter.code] = str(values)
    found["candidate_colour"] = tuning.candidate_colour
    if isinstance(tuning.settings, MonteCarlo):
        found["split"] = list(tuning.settings.splits)
    else:
        found["samples_per_generation"] = tuning.settings.samples_per_generation
    return found


def _check_method(earlier: Mapping[str, Any], now: Mapping[str, Any], hint: str) -> None:
    if now["method"] != METHOD:
        if earlier["method"] != now["method"]:
            raise UserError(
                f"games have been played by --method {earlier['method']}, which {now['method']} cannot go on from; "
                f"{hint.partition(', or ')[2]}"
            )
        if (now["batch_size"] or 0) < (earlier["batch_size"] or 0):
            raise UserError(
                f"batch_size was {earlier['batch_size']}, is {now['batch_size']}; it may only become larger; {hint}"
            )


@dataclass
class TuningRun(TournamentRun):
    """One run of a tuning event."""

    make_tuner: MakeTuner = gomills_tuner

    def games(self, files: TournamentFiles, log: GameLog, events: EventLog) -> tuple[TuningGames, list[str]]:
        competition = self.competition
        self.tuner = self.make_tuner(competition, random_for(competition))
        past = replay(log.content.entries, self.tuner)
        most_games = self.options.most_games
        games = TuningGames(competition, self.tuner, past, self.books, files, log, events, most_games)
        return games, damage(log)


@dataclass
class TuningState:
    """A tuning event as its log has it."""

    tuner: Tuner
    games: list[FinishedGame]
    text: str
    """The text of CODE.report."""


def tuning_state(competition: Competition, method: str | None = None) -> TuningState:
    """The state of a tuning event, also while another process plays; as `method` or else its latest run sees it.

    Raises UserError.
    """
    entries = read_log(TournamentFiles.of(competition).played).entries
    settings = history_of(entries).settings or {}
    make_tuner = tuner_of(method or settings.get("method", ""), settings.get("games"))
    tuner = make_tuner(competition, random_for(competition))
    games = replay(entries, tuner)
    return TuningState(tuner, games, tuner.report(opponent_of(competition, [game.record for game in games])))
