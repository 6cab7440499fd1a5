"""A calibration: planned, played as a tournament whose order of games is its course, kept on disk, and told.

Every level of the ladder is a player of its own, with another command line, and a matchup against the same opponent.
The folder is the state, as with a match: the log of the tournament has every game, and what is missing is played when
the same calibration is run again.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from engines.evaluator.load import EvaluatorPlan
from lzeval.errors import UserError
from lzeval.go.openings import EMPTY_BOARD, load_book, uneven
from lzeval.records.record import GameRecord
from lzeval.system.locks import locked
from lzeval.system.machine import software
from lzeval.version import __version__
from tournaments.calibrate.course import Course, Level, places_of
from tournaments.calibrate.curve import Curves
from tournaments.calibrate.finding import amount
from tournaments.calibrate.options import AHEAD, CalibrationOptions
from tournaments.match.folder import MatchFolder
from tournaments.match.match import Match
from tournaments.match.options import LIMITS
from tournaments.match.players import MatchPlayer, match_players
from tournaments.plan.competition import Competition
from tournaments.runner.machines import THIS_MACHINE, Machines
from tournaments.runner.progress import Listener, Progress, Watcher
from tournaments.runner.tournament import RunOptions, prepare
from tournaments.store.folder import history

NAME = "calibration"


@dataclass(frozen=True)
class Calibration:
    """A calibration ready to be played."""

    options: CalibrationOptions
    lowest: Match
    """A match at the lowest level."""
    levels: tuple[Level, ...]
    competition: Competition
    folder: MatchFolder
    machines: Machines = THIS_MACHINE

    @property
    def names(self) -> tuple[str, str]:
        """The opponent's code, and the name of the player that is calibrated without its setting."""
        return self.competition.matchups[0].player_1, _name(self.lowest.players[1])

    def course(self, played: list[tuple[str, int]] | None = None) -> Course:
        """A new course, in which the games `played` keep their levels."""
        options = self.options
        positions = options.setting.scale.positions(options.levels)
        curves = Curves(positions, options.elo, options.width)
        return Course(
            self.names[1],
            self.levels,
            options.setting_name,
            options.setting.scale,
            curves,
            options.width,
            options.match.games // 2,
            AHEAD,
            played or (),
            self._opponent,
        )

    @property
    def _opponent(self) -> str:
        """The opponent with the limits of its search, such as `big (8 visits)`."""
        given = self.options.match.players[0]
        limits = [amount(name, str(value)) for name in LIMITS if (value := getattr(given, name)) is not None]
        takes_them = limits and self.lowest.players[0].takes_visits
        return f"{self.names[0]} ({', '.join(limits)})" if takes_them else self.names[0]

    def settings(self) -> dict[str, Any]:
        """Settings that games and levels depend on; what ends the calibration is none of them."""
        options, match = self.options, self.options.match
        book = self.lowest.book
        return {
            "players": [
                {"code": code, **player.facts}
                for code, player in zip(self.names, self.lowest.players, strict=True)
            ],
            "visits": match.players[0].visits,
            "playouts": match.players[0].playouts,
            "setting": options.setting_name,
            "from": options.bounds[0],
            "to": options.bounds[1],
            "elo": options.elo,
            "komi": self.lowest.komi,
            "size": match.size,
            "move_limit": self.lowest.move_limit,
            "resign_percent": match.resign,
            "seed": match.seed,
            "openings": {"name": book.name, "sha256": book.sha256},
        }

    def stopping(self) -> dict[str, Any]:
        return {"width": self.options.width}

    def description(self) -> dict[str, Any]:
        """The content of calibration.json."""
        return {
            "games": self.options.match.games,
            "stopping": self.stopping(),
            "settings": self.settings(),
            "versions": software(),
            **self.machines.describe(),
        }

    def warnings(self) -> list[str]:
        """Reasons to doubt, before it is played, what it will tell."""
        found = []
        if self.lowest.book.name == EMPTY_BOARD:
            found.append(
                "without openings every game begins from the empty board: many games may be alike, and repeats"
                " count once"
            )
        if warning := uneven(self.lowest.book, self.lowest.komi):
            found.append(warning)
        if self.folder.was_begun_under_another_rule(self.stopping()):
            found.append("the games in the folder were begun for an interval of another width")
        return found


@dataclass(frozen=True)
class CalibrationResult:
    """The outcome of a calibration."""

    course: Course
    games: list[GameRecord]
    """Finished games by number, those after the deciding pair too."""
    problems: tuple[str, ...] = ()
    """Reasons why games are missing."""


def plan_calibration(options: CalibrationOptions, machines: Machines = THIS_MACHINE) -> Calibration:
    """Load and check everything that the calibration needs, its folder too. Writes nothing; raises UserError."""
    options.check()
    book = load_book(options.match.openings, options.match.size)
    plan = _once(machines.plan)
    matches = []
    for value in options.levels:
        at = options.options_at(value)
        matches.append(Match(at, match_players(at, plan, over_gtp=True), book, MatchFolder(Path())))
    names = _name(matches[0].players[0]), _name(matches[0].players[1])
    today = datetime.date.today().isoformat()
    default = Path("calibrations") / "-".join([*names, options.setting_name, today])
    folder = MatchFolder(Path(options.match.out or default), NAME)
    levels, competition = _competition(options, matches, folder.path)
    calibration = Calibration(options, matches[0], levels, competition, folder, machines)
    folder.check(calibration.settings())
    return calibration


def _once(planner: Callable[..., EvaluatorPlan]) -> Callable[..., EvaluatorPlan]:
    """The same planner, which looks at each network once for all levels."""

    @cache
    def remembered(network: str | Path, **options: Any) -> EvaluatorPlan:
        return planner(network, **options)

    return remembered


def _name(player: MatchPlayer) -> str:
    """The code of a player of a match, without what tells two of one name apart."""
    code = player.spec.code
    return code[:-2] if code.endswith((".a", ".b")) else code


def _competition(
    options: CalibrationOptions, matches: list[Match], folder: Path
) -> tuple[tuple[Level, ...], Competition]:
    """The levels as matchups of one competition."""
    first = matches[0].competition
    opponent = _name(matches[0].players[0])
    players = {opponent: replace(first.players[matches[0].codes[0]], code=opponent)}
    levels = []
    for value, match in zip(options.levels, matches, strict=True):
        letter = options.setting.letter
        code = _name(match.players[1]) + (f"-{value}{letter}" if letter else "")
        code += ".b" if code == opponent else ""
        players[code] = replace(match.competition.players[match.codes[1]], code=code)
        matchup = replace(
            match.competition.matchups[0],
            id=str(value),
            name=f"{opponent} v {code}",
            player_1=opponent,
            player_2=code,
            number_of_games=None,
        )
        levels.append(Level(value, matchup))
    referee = first.lzeval.referee
    if referee is not None:
        referee = opponent if referee == matches[0].codes[0] else levels[-1].matchup.player_2
    competition = replace(
        first,
        code=NAME,
        path=(folder / f"{NAME}.ctl").absolute(),
        players=players,
        matchups=tuple(level.matchup for level in levels),
        description=f"{options.setting_name} of {_name(matches[0].players[1])} against {opponent},"
        f" by lzeval {__version__}",
        lzeval=replace(first.lzeval, referee=referee),
    )
    return tuple(levels), competition


def play_calibration(
    calibration: Calibration,
    watch: Callable[[Course], Watcher] | None = None,
    listen: Listener | None = None,
) -> CalibrationResult:
    """Play until the setting is known well enough; `watch` gets the course, and returns what is shown progress.

    Raises UserError if the folder holds a different calibration, if another process plays in it, or when nothing more
    can be written. Interrupted at any moment, even killed, it loses no finished game.
    """
    folder, match = calibration.folder, calibration.options.match
    folder.check(calibration.settings())
    folder.create()
    with locked(folder.lock):
        past = history(calibration.competition).games
        places = places_of(past, calibration.levels)
        course = calibration.course(places)
        progress = course.progress = Progress(match.games, rule=course)
        for place in places:
            progress.add(past[place].record, is_new=False)
        folder.write_description(calibration.description())
        try:
            if not (course.is_decided or course.games >= match.games):
                options = RunOptions(
                    parallel=match.threads, drops_begun=True, elsewhere=calibration.machines.open_programs
                )
                run = replace(prepare(calibration.competition, options), schedule=course)
                run.play(listen, None if watch is None else watch(course), progress)
        finally:
            with suppress(UserError):  # what stopped it is the better reason
                games = list(folder.write_results(progress.games).values())
    problems = [
        *(f"{code} cannot play: {why}" for code, why in progress.suspended.items()),
        *(f"game {game} could not be played" for game in progress.abandoned),
    ]
    if problems and not games:
        raise UserError(f"nothing has been played: {problems[0]}")
    return CalibrationResult(course, games, tuple(problems))
