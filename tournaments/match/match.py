"""A match between two players, networks or other programs: planned, played, kept on disk game by game, and rated.

The folder of a match is its state, see `tournaments.match.folder`: whatever is missing there is played when the same
match is run again. Between networks, a game that is played again is exactly what it would have been.
"""

from __future__ import annotations

import datetime
import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from engines.evaluator.devices import process_count
from engines.evaluator.load import EvaluatorPlan
from engines.search.searcher import Limits
from lzeval.errors import UserError
from lzeval.go.openings import EMPTY_BOARD, Book, game_of, game_seed, komi_for, load_book, uneven
from lzeval.go.rules import REFEREES, Rules
from lzeval.records.record import GameRecord
from lzeval.system.bundled import resolve_network
from lzeval.system.files import remove_leftovers
from lzeval.system.locks import locked
from lzeval.system.machine import software
from lzeval.version import __version__
from tournaments.games.network_games import GameJob, GameSettings
from tournaments.games.thinking import ThinkingOf
from tournaments.gomill.write_control_file import write_control_file
from tournaments.match.folder import MatchFolder
from tournaments.match.options import LIMITS, MatchOptions
from tournaments.match.players import MatchPlayer, is_program, match_players, program_of
from tournaments.match.record_writer import RecordWriter
from tournaments.match.terms import EqualTime
from tournaments.plan.competition import Additions, Competition, MatchupSpec
from tournaments.plan.stopping import Gatekeeper, PairedTest, StoppingRule, counted
from tournaments.rating.rating_table import RatingTable, build_table
from tournaments.report.csv_files import write_ratings
from tournaments.report.terms import PlayerTerms, in_words
from tournaments.runner import runner
from tournaments.runner.machines import THIS_MACHINE, Machines, NetworkPlay
from tournaments.runner.network_backend import network_player
from tournaments.runner.progress import Listener, Progress, Watcher
from tournaments.runner.tournament import RunOptions, prepare
from tournaments.store.folder import counted_games, history

MOST_ROUNDING, MOST_SPREAD = 0.05, 0.1
"""Beyond these, a match at equal time is told to be doubtful."""
MATCHUP = "0"
"""The id of the only matchup, as gomill counts them."""


@dataclass(frozen=True)
class Match:
    """A match ready to be played."""

    options: MatchOptions
    players: tuple[MatchPlayer, MatchPlayer]
    book: Book
    folder: MatchFolder
    machines: Machines = THIS_MACHINE
    equal_time: EqualTime | None = None
    """Of a match at equal time; None: it has still to be measured."""

    @property
    def codes(self) -> tuple[str, str]:
        return self.players[0].spec.code, self.players[1].spec.code

    @property
    def plans(self) -> list[EvaluatorPlan]:
        """Evaluator plans of the networks among the players."""
        return [player.plan for player in self.players if player.plan is not None]

    @property
    def is_of_networks(self) -> bool:
        """True if both players are networks, and so play in processes that batch across games."""
        return len(self.plans) == 2

    @property
    def counts_area(self) -> bool:
        """True if both players go on until every stone on the board is alive."""
        return all(player.plays_on for player in self.players)

    @property
    def referee(self) -> str | None:
        """The player that decides where the two do not agree on the score."""
        able = [player.spec.code for player in self.players if player.counts_dead_stones]
        return None if self.counts_area or not able else able[0]

    @property
    def rules(self) -> Rules | None:
        """The rules of the games, where one of the players has been told to play by some."""
        return next((player.rules for player in self.players if player.rules is not None), None)

    @property
    def komi(self) -> float:
        return komi_for(self.book, self.options.komi)

    @property
    def move_limit(self) -> int:
        return self.options.move_limit or 2 * self.options.size**2

    @cached_property
    def competition(self) -> Competition:
        """The match as a tournament of one matchup, in which colours alternate."""
        options = self.options
        matchup = MatchupSpec(
            id=MATCHUP,
            name=" v ".join(self.codes),
            player_1=self.codes[0],
            player_2=self.codes[1],
            board_size=options.size,
            komi=float(self.komi),
            alternating=True,
            number_of_games=options.games,
            move_limit=self.move_limit,
            scorer="internal" if self.counts_area else "players",
        )
        return Competition(
            code="match",
            path=(self.folder.path / "match.ctl").absolute(),
            competition_type="playoff",
            players={player.spec.code: player.spec for player in self.players},
            matchups=(matchup,),
            description=f"{self.codes[0]} against {self.codes[1]}, by lzeval {__version__}",
            lzeval=Additions(
                openings=options.book_argument,
                seed=options.seed,
                referee=self.referee,
                rules=self.rules or REFEREES["gomill"],
            ),
        )

    def write_control_file(self) -> None:
        """Write the match as a control file that the real ringmaster can play."""
        additions = self.competition.lzeval
        settings: dict[str, object] = {"openings": additions.openings, "seed": additions.seed}
        if self.is_of_networks:
            write_control_file(self.competition, {**settings, "openings": self.book.name})
            return
        if additions.referee is not None:
            settings["referee"] = additions.referee
        if self.rules is not None:
            settings["rules"] = next(name for name, rules in REFEREES.items() if rules == self.rules)
        write_control_file(self.competition, {"lzeval": settings})

    def jobs(self) -> list[GameJob]:
        """Every game of a match between networks, in order; game n is the same whatever the number of games."""
        (matchup,) = self.competition.matchups
        openings = self.book.chosen(self.options.games // 2, self.options.seed)
        return [
            GameJob(
                n,
                matchup.game_id(n),
                n // 2,
                openings[n // 2],
                game_seed(self.options.seed, n),
                n % 2,
                1 - n % 2,
            )
            for n in range(self.options.games)
        ]

    def network_play(self, most: int) -> NetworkPlay:
        """Games between networks as this match has them, `most` of them."""
        options = self.options
        players = [
            network_player(code, plan, Limits(player.visits, player.playouts), options.resign, player.search)
            for code, plan, player in zip(self.codes, self.plans, options.players, strict=True)
        ]
        settings = GameSettings(options.size, self.komi, self.move_limit, event="match")
        files = [player.text for player in options.players]
        return NetworkPlay(players, self.plans, files, settings, most, options.threads, "the match")

    @property
    def terms(self) -> str:
        """Terms of the players' thinking, in words that follow their names."""
        a, b = (
            PlayerTerms(
                player.spec.code, given.visits, given.playouts, given.search.words(), player.takes_visits
            )
            for player, given in zip(self.players, self.options.players, strict=True)
        )
        return in_words(a, b, None if self.equal_time is None else 1000 * self.equal_time.seconds_a_move)

    def stopping_rule(self) -> StoppingRule | None:
        """A new rule, that has not seen a game yet; None: all games are played."""
        if self.options.sprt is not None:
            return PairedTest(self.options.sprt, *self.codes)
        if self.options.until_decided is not None:
            return Gatekeeper(self.options.until_decided, self.options.games, self.codes[0])
        return None

    def stopping(self) -> dict[str, Any] | None:
        """The rule as match.json has it; it is no part of the settings, because no game depends on it."""
        if self.options.sprt is not None:
            return {"sprt": asdict(self.options.sprt)}
        return {"until_decided": self.options.until_decided} if self.options.until_decided else None

    def settings(self) -> dict[str, Any]:
        """Settings that the games depend on, the number of games apart: equal settings, equal games."""
        options = self.options
        return {
            "players": [{"code": player.spec.code, **player.facts} for player in self.players],
            **{limit: getattr(options.players[0], limit) for limit in LIMITS if options.common(limit)},
            "komi": self.komi,
            "size": options.size,
            "move_limit": self.move_limit,
            "resign_percent": options.resign,
            "seed": options.seed,
            "openings": {"name": self.book.name, "sha256": self.book.sha256},
            **({} if self.rules is None else {"rules": json.loads(self.rules.as_json())}),
        }

    def description(self) -> dict[str, Any]:
        """The content of match.json: also what one may want to know of a result years later."""
        content = {
            "games": self.options.games,
            "stopping": self.stopping(),
            "terms": self.terms,
            **({} if self.equal_time is None else {"equal_time": self.equal_time.as_dict()}),
            "settings": self.settings(),
        }
        where = {"versions": software(), **self.machines.describe()}
        if not self.is_of_networks:
            return {**content, **where}
        networks = [plan.info.as_dict() | {"precision": plan.precision} for plan in self.plans]
        files = [str(resolve_network(player.text)) for player in self.options.players]
        return {**content, "networks": networks, "files": files, **where, "processes": self.processes}

    @property
    def processes(self) -> int:
        """Number of processes that a match between networks may have."""
        return process_count(self.options.threads, self.plans[0].device)

    @property
    def _are_alike(self) -> bool:
        """True if both players are the same network under the same limits and settings."""
        a, b = self.options.players
        are_same = self.is_of_networks and self.plans[0].info.is_same_network(self.plans[1].info)
        return are_same and replace(a, text=b.text) == b

    def warnings(self) -> list[str]:
        """Reasons to doubt, before the match is played, that it will tell anything."""
        found = []
        if self._are_alike:
            found.append("both players are the same network: whoever wins, wins by chance")
        if self.rules is not None:
            found += [
                f"{player.spec.code} plays by Leela Zero's rules alone, and so both do here: area, positional"
                f" superko, no suicide; it does not know that komi is {self.komi:g}"
                for player in self.players
                if player.plan is not None
            ]
        if self.equal_time is not None:
            found += _doubts_of(self.equal_time, self.codes[1])
        if self.book.name == EMPTY_BOARD:
            alike = ", and the players differ from game to game only in how they turn the board"
            found.append(
                f"without openings every game begins from the empty board{alike if self.is_of_networks else ''}:"
                " many games may be alike, and repeats count once"
            )
        if warning := uneven(self.book, self.komi):
            found.append(warning)
        if self.folder.was_begun_under_another_rule(self.stopping()):
            found.append(
                "the games in the folder were begun under another rule for stopping; error rates and intervals hold"
                " only for a rule that was fixed before the first game"
            )
        return found


def _doubts_of(found: EqualTime, code: str) -> Iterator[str]:
    if found.rounding > MOST_ROUNDING:
        yield (
            f"visits of {code}: {found.visits[1]} a move; as they are whole numbers, its time may differ by"
            f" {found.rounding:.0%}; more --visits mend that"
        )
    if found.spread > MOST_SPREAD:
        yield f"times of a move differed by {found.spread:.0%} while they were measured; was the machine busy?"


# Planning


def check_options(options: MatchOptions) -> None:
    """Raise UserError for mistakes that can be seen without any machine that plays."""
    options.check()
    load_book(options.openings, options.size)
    for player in options.players:
        if is_program(player.text):
            program_of(player, options)
        else:
            resolve_network(player.text)


def plan_match(options: MatchOptions, machines: Machines = THIS_MACHINE) -> Match:
    """Load and check everything that the match needs, its folder too. Writes nothing; raises UserError."""
    options.check()
    book = load_book(options.openings, options.size)
    players = match_players(options, machines.plan)
    today = datetime.date.today().isoformat()
    name = "-".join([*(player.spec.code for player in players), today])
    folder = MatchFolder(Path(options.out or Path("matches") / name))
    if options.precision == "auto" and (recorded := folder.plans()):
        players = match_players(options, partial(_plan_as_recorded, machines, recorded))
    match = Match(options, players, book, folder, machines)
    if options.equal_time and (measured := folder.equal_time()) is not None:
        if measured.visits[0] != options.players[0].visits:
            raise UserError(
                f"{folder.path}: holds a match at equal time of {measured.visits[0]} visits, not"
                f" {options.players[0].visits}; choose another --out"
            )
        match = replace(with_visits(match, measured.visits[1]), equal_time=measured)
    match.folder.check(match.settings())
    return match


def with_visits(match: Match, visits: int) -> Match:
    """The match with other visits for B."""
    a, b = match.options.players
    options = replace(match.options, players=(a, replace(b, visits=visits)))
    plans = {
        given.text: player.plan
        for given, player in zip((a, b), match.players, strict=True)
        if player.plan is not None
    }
    return replace(
        match, options=options, players=match_players(options, lambda network, **_: plans[network])
    )


def _plan_as_recorded(
    machines: Machines, recorded: Mapping[str, Mapping[str, Any]], network: str | Path, **options: Any
) -> EvaluatorPlan:
    """The plan for a network as its match was begun with, perhaps on other machines: its precision and batches."""
    plan = machines.plan(network, **options)
    begun = recorded.get(plan.info.sha256, {})
    if all(getattr(plan, name) == value for name, value in begun.items()):
        return plan
    return machines.plan(network, **{**options, **begun})


# Playing


@dataclass(frozen=True)
class MatchResult:
    """The outcome of a match."""

    table: RatingTable
    """Ratings from the games that count."""
    rule: StoppingRule | None
    """The rule for stopping with its verdict, where the match had one."""
    uncounted: int
    """Number of finished games that come after the one that decided."""
    problems: tuple[str, ...] = ()
    """Reasons why games are missing, where other programs play."""
    thinking: ThinkingOf = field(default_factory=dict)
    """Thinking of the players in this run, as far as it is counted."""


def play_match(match: Match, watch: Watcher | None = None, listen: Listener | None = None) -> MatchResult:
    """Play what is missing of the match and rate it; `listen` hears of faults where other programs play.

    With a rule for stopping, no game is begun once it has decided. Networks drop the games under way then, other
    programs finish them; those after the deciding pair are kept on disk and not counted.

    Raises UserError if the folder holds a different match, if another process plays in it, or when nothing more can be
    written. Interrupted at any moment, even killed, it loses no finished game.
    """
    folder = match.folder
    folder.check(match.settings())
    folder.create()
    with locked(folder.lock):
        remove_leftovers(folder.games)
        progress = Progress(match.options.games, rule=match.stopping_rule())
        for game in _records(match) if match.is_of_networks else _logged_games(match):
            progress.add(game, is_new=False)
        folder.write_description(match.description())
        match.write_control_file()
        try:
            if progress.is_over:
                pass
            elif match.is_of_networks:
                _play_networks(match, progress, watch, listen)
            else:
                elsewhere = match.machines.open_programs
                options = RunOptions(parallel=match.options.threads, elsewhere=elsewhere)
                run = prepare(match.competition, options)
                run.play(listen, watch, progress)
        except BaseException:
            with suppress(UserError):  # what stopped the match is the better reason
                folder.write_results(progress.games)
            raise
        return _result(match, progress)


def _logged_games(match: Match) -> list[GameRecord]:
    """The games of a match with programs in its log; those beyond the wanted number are left out."""
    games = counted_games(match.competition, history(match.competition))
    return [game.record for game in games if game.number < match.options.games]


def _records(match: Match) -> list[GameRecord]:
    """The games of a match between networks in its folder; those beyond the wanted number are left out.

    Raises UserError for a file that is not of this match.
    """
    jobs = {job.number: job for job in match.jobs()}

    def is_ours(number: int, record: GameRecord) -> bool:
        job = jobs.get(number)
        return job is None or (record.seed, record.black) == (job.seed, match.codes[job.black])

    # with another number of games, ids have another length: a game is its number
    return list({number: game for number, game in match.folder.records(is_ours) if number in jobs}.values())


def _result(match: Match, progress: Progress) -> MatchResult:
    """Write the tables of the games that there are. Raises UserError if none of them was decided."""
    games = match.folder.write_results(progress.games)
    counting = counted(progress.rule, games)
    problems = [
        *(f"{code} is suspended: {why}" for code, why in progress.suspended.items()),
        *(f"game {game} could not be played" for game in progress.abandoned),
    ]
    try:
        table = replace(build_table(counting, prior=match.options.prior), terms=match.terms)
    except UserError as exc:
        if problems:
            raise UserError(f"nothing has been played that could be rated: {problems[0]}") from exc
        raise UserError(f"{exc}; the games are in {match.folder.games}") from exc
    write_ratings(table, match.folder.path / "ratings.csv")
    return MatchResult(
        table, progress.rule, len(games) - len(counting), tuple(problems), dict(progress.thinking)
    )


# Networks


def _play_networks(match: Match, progress: Progress, watch: Watcher | None, listen: Listener | None) -> None:
    play = match.network_play(match.options.games - len(progress.games))

    def tell(message: str) -> None:
        if listen is not None:
            listen({"event": "warning", "message": message})

    backend = match.machines.open_networks(play, progress, tell)
    games = _NetworkMatch(match, progress)
    try:
        runner.play(backend, games, progress, watch, drops_begun=True)
        games.finish()
        if watch is not None:
            watch(progress)
    finally:
        with suppress(UserError):  # what stopped the match is the better reason
            games.finish()


class _NetworkMatch:
    """The games that a match between networks lacks, and its folder to keep them in."""

    def __init__(self, match: Match, progress: Progress) -> None:
        played = {game_of(game.game_id) for game in progress.games}
        self._missing = deque(job for job in match.jobs() if job.number not in played)
        self._writer = RecordWriter(match.folder.games)
        self._progress = progress

    def next(self, free: int) -> list[GameJob]:
        return [self._missing.popleft()] if free and self._missing else []

    def keep(self, played: GameRecord) -> None:
        self._writer.write(played)

    def tick(self) -> None:
        """Count the games that have come to disk. Raises UserError where one cannot be written."""
        try:
            for record in self._writer.written():
                self._progress.add(record)
        except UserError as exc:
            raise UserError(f"the match has stopped: {exc}; mend that, and the same command goes on") from exc

    def finish(self) -> None:
        """Wait until every game is on disk, and count them."""
        self._writer.close()
        self.tick()
