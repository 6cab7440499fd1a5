"""A match in which another program plays: planned and kept as one of two networks, played by the tournament runner.

Networks of ours play in this process. The folder of the match is that of a tournament whose control file is
`match.ctl`, with the files of a match beside it: `match.json`, `results.csv`, `ratings.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from lzeval.errors import UserError
from lzeval.go.openings import EMPTY_BOARD, game_of, load_book
from lzeval.system.bundled import network_name, resolve_network
from lzeval.system.files import remove_leftovers
from lzeval.system.locks import locked
from lzeval.version import __version__
from tournaments.gomill.control_file import read_control_file
from tournaments.gomill.write_control_file import CtlPlayer, write_match_ctl
from tournaments.match.match import (
    BEGUN_DIFFERENTLY,
    LOCK,
    MatchOptions,
    MatchResult,
    PlannedMatch,
    Progress,
    Watcher,
    begun_differently,
    book_argument,
    check_folder,
    create_folder,
    folder_of,
    gtp_command,
    outcome,
    player_codes,
    software_and_machine,
    write_description,
    write_results_of,
)
from tournaments.match.players import Program, Strength, is_program, program_of
from tournaments.plan.competition import Competition
from tournaments.plan.settings_check import sha256_of
from tournaments.plan.stopping import Gatekeeper
from tournaments.runner.progress import Event
from tournaments.runner.tournament import RunOptions, TournamentRun, prepare
from tournaments.store.folder import ask_to_stop, counted_games, history

Tell = Callable[[Event], None]


@dataclass(frozen=True)
class Side:
    """A player of the match."""

    player: CtlPlayer
    facts: dict[str, Any]
    """What its games depend on."""
    counts_dead_stones: bool
    plays_on: bool


@dataclass(frozen=True)
class ProgramMatch(PlannedMatch):
    """A match ready to be played."""

    sides: tuple[Side, Side]

    @property
    def control_file(self) -> Path:
        return self.folder / "match.ctl"

    @property
    def referee(self) -> str | None:
        """Who decides where the players do not agree on the score."""
        if self.counts_area:
            return None
        able = [code for code, side in zip(self.codes, self.sides, strict=True) if side.counts_dead_stones]
        return able[0] if able else None

    @property
    def counts_area(self) -> bool:
        """Whether both players go on until every stone on the board is alive."""
        return all(side.plays_on for side in self.sides)

    def settings(self) -> dict[str, Any]:
        """As PlannedMatch's, with the players."""
        players = [{"code": code, **side.facts} for code, side in zip(self.codes, self.sides, strict=True)]
        return {"players": players, **super().settings()}


def is_program_match(options: MatchOptions) -> bool:
    """Whether somebody in it is no network of ours."""
    return is_program(options.player_a) or is_program(options.player_b)


def plan_program_match(options: MatchOptions) -> ProgramMatch:
    """Load and check everything that the match needs, its folder too. Writes nothing; raises UserError."""
    options.check()
    if options.until_decided is not None:
        Gatekeeper(options.until_decided, options.games, "")  # which checks it
    book = load_book(options.openings, options.size)
    named = [_side(player, options) for player in (options.player_a, options.player_b)]
    codes = player_codes(named[0][0], named[1][0])
    folder = folder_of(options, codes)
    match = ProgramMatch(options, codes, book, folder, (named[0][1], named[1][1]))
    check_folder(match)
    return match


def _side(text: str, options: MatchOptions) -> tuple[str, Side]:
    """A name for the player, and the player."""
    if not is_program(text):
        return _network_side(text, options)
    program = program_of(text, Strength(options.visits, options.playouts, options.resign, options.device))
    return program.name, _program_side(program)


def _network_side(text: str, options: MatchOptions) -> tuple[str, Side]:
    from engines.evaluator.load import plan_evaluator

    plan = plan_evaluator(
        text, precision=options.precision, device=options.device, batch_size=1, board_size=options.size
    )
    command = [*gtp_command(options, text), "--device", options.device]
    facts = {"sha256": plan.info.sha256, "precision": plan.precision, "device": plan.device}
    side = Side(CtlPlayer(command), facts, counts_dead_stones=False, plays_on=True)
    return network_name(resolve_network(text)), side


def _program_side(program: Program) -> Side:
    files = {word: sha256_of(Path(word)) for word in program.command[1:] if Path(word).is_file()}
    facts = {"command": list(program.command), "files": files}
    # one that plays on counts every stone as alive
    reliable = not program.plays_on
    player = CtlPlayer(program.command, program.startup_gtp_commands, is_reliable_scorer=reliable)
    return Side(player, facts, program.counts_dead_stones, program.plays_on)


def doubts(match: ProgramMatch) -> list[str]:
    """Reasons to doubt, before it is played, that the match will tell anything."""
    found = []
    if match.book.name == EMPTY_BOARD:
        found.append(
            "without openings every game begins from the empty board: many games may be alike, and repeats count once"
        )
    if begun_differently(match):
        found.append(BEGUN_DIFFERENTLY)
    return found


def play_program_match(
    match: ProgramMatch, watch: Watcher | None = None, tell: Tell | None = None
) -> MatchResult:
    """Play what is missing of the match and rate it; `tell` hears what the tournament says.

    With a rule for stopping, no game is begun once it has decided; those after the deciding pair are not counted.
    Raises UserError as `play_match` does. Interrupted at any moment, even killed, it loses no finished game.
    """
    check_folder(match)
    create_folder(match)
    with locked(match.folder / LOCK):
        remove_leftovers(match.games_folder)
        write_description(match, software_and_machine())
        competition = _competition(match)
        progress = Progress(match.options.games, rule=match.stopping_rule())
        _add(progress, [game.record for game in counted_games(competition, history(competition))], match)
        problems: list[str] = []
        if not progress.is_over:
            run = prepare(competition, RunOptions(parallel=match.options.threads))
            try:
                run.play(partial(_listen, match, competition, run, progress, watch, tell))
            except BaseException:
                with suppress(UserError):  # what stopped the match is the better reason
                    write_results_of(match, progress)
                raise
            problems += [f"{code} is suspended: {why}" for code, why in run.progress.suspended.items()]
            problems += [f"game {game} could not be played" for game in run.progress.abandoned]
        try:
            return replace(outcome(match, progress), problems=tuple(problems))
        except UserError as exc:
            if problems:
                raise UserError(f"nothing has been played that could be rated: {problems[0]}") from exc
            raise


def _competition(match: ProgramMatch) -> Competition:
    """Write the control file, and what it says."""
    additions: dict[str, object] = {
        "openings": book_argument(match.options.openings),
        "seed": match.options.seed,
    }
    if match.referee is not None:
        additions["referee"] = match.referee
    write_match_ctl(
        match.control_file,
        players={code: side.player for code, side in zip(match.codes, match.sides, strict=True)},
        board_size=match.options.size,
        komi=match.options.komi,
        number_of_games=match.options.games,
        description=f"{match.codes[0]} against {match.codes[1]}, by lzeval {__version__}",
        move_limit=match.move_limit,
        scorer="internal" if match.counts_area else "players",
        settings={"lzeval": additions},
    )
    return read_control_file(match.control_file)


def _add(progress: Progress, records: Collection[Any], match: ProgramMatch) -> None:
    """Those that are new, and that the match still has."""
    known = {game.game_id for game in progress.games}
    for record in records:
        number = game_of(record.game_id)
        if record.game_id not in known and number is not None and number < match.options.games:
            progress.add(record)


def _listen(
    match: ProgramMatch,
    competition: Competition,
    run: TournamentRun,
    progress: Progress,
    watch: Watcher | None,
    tell: Tell | None,
    event: Event,
) -> None:
    if event["event"] == "game":
        _add(progress, run.progress.records, match)
        if progress.rule is not None and progress.rule.is_decided:
            ask_to_stop(competition)
    progress.played_now, progress.seconds = run.progress.played_now, run.progress.seconds
    if watch is not None and event["event"] in ("game", "tick"):
        watch(progress)
    if tell is not None:
        tell(event)
