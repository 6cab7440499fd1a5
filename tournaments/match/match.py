"""A match between two networks: planned, played on all cores, kept on disk game by game, and rated.

The folder of a match is its state. `match.json` says what is played, `match.games/` holds every finished game;
whatever is missing there is played, or played again exactly as before, when the same match is run again.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engines.evaluator.load import EvaluatorPlan, plan_evaluator
from engines.player.arguments import engine_command
from engines.search.choice import MovePolicy
from engines.search.searcher import Limits
from lzeval.errors import UserError
from lzeval.go.openings import DEFAULT, EMPTY_BOARD, Book, game_of, game_seed, load_book
from lzeval.go.points import LARGEST, SMALLEST
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from lzeval.system.bundled import resolve_network
from lzeval.system.files import remove_leftovers, write_text_atomically
from lzeval.system.locks import locked
from lzeval.system.machine import hardware, process_count, software
from lzeval.version import __version__
from tournaments.games.network_games import GameJob, GameSettings, PlayerSettings
from tournaments.gomill.write_control_file import CtlPlayer, game_ids, write_match_ctl
from tournaments.plan.stopping import Gatekeeper, PairedTest, StoppingRule, counted
from tournaments.rating.sprt import Sprt
from tournaments.report.rating_table import RatingTable, build_table, write_ratings, write_results
from tournaments.runner.processes import WorkerReport, Workers, WorkerTask, share_jobs

BEGUN_DIFFERENTLY = (
    "the games in the folder were begun under another rule for stopping; error rates and intervals hold only"
    " for a rule that was fixed before the first game"
)
LOCK = ".lock"
"""Held by whoever plays in the folder."""


@dataclass(frozen=True)
class MatchOptions:
    """What the user asked for."""

    player_a: str
    """A weights file, a checkpoint or a bundled name; Black in even-numbered games."""
    player_b: str
    games: int = 400
    visits: int | None = 100
    playouts: int | None = None
    komi: float = 7.5
    size: int = 19
    move_limit: int | None = None
    """None: twice the points of the board."""
    resign: float = 10.0
    """Percent."""
    seed: int = 1
    openings: str = DEFAULT
    precision: str = "auto"
    device: str = "auto"
    threads: int | None = None
    """Processes, one thread each; None: one for each core."""
    out: str | None = None
    sprt: Sprt | None = None
    """Stop as soon as this test has decided; `games` is the cap."""
    until_decided: float | None = None
    """Stop when the games that are left cannot change whether player A makes this share, 0 to 1, of the points."""
    prior: bool = True
    """Let a prior give the players of the table a rating where one of them won every game."""

    def check(self) -> None:
        """Raise UserError for what cannot be played."""
        if self.games < 2 or self.games % 2:
            raise UserError(
                f"--games {self.games}: must be an even number, 2 or more; each opening is played with either colour"
            )
        if self.sprt is not None and self.until_decided is not None:
            raise UserError("--sprt and --until-decided: a match can have only one of them")
        if self.visits is None and self.playouts is None:
            raise UserError("a limit is needed: --visits or --playouts")
        for name in ("visits", "playouts", "move_limit", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"--{name.replace('_', '-')} {value}: must be at least 1")
        if not 0 <= self.resign < 50:
            raise UserError(f"--resign {self.resign:g}: must be a percentage from 0 (never) to below 50")
        if not SMALLEST <= self.size <= LARGEST:
            raise UserError(f"--size {self.size}: must be from {SMALLEST} to {LARGEST}")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: must be 0 or more")
        if not math.isfinite(self.komi) or self.komi * 2 != int(self.komi * 2):
            raise UserError(f"--komi {self.komi:g}: must be whole or half points")


@dataclass(frozen=True)
class PlannedMatch:
    """What all matches have, whoever plays them."""

    options: MatchOptions
    codes: tuple[str, str]
    book: Book
    folder: Path

    @property
    def games_folder(self) -> Path:
        return self.folder / "match.games"

    @property
    def move_limit(self) -> int:
        return self.options.move_limit or 2 * self.options.size**2

    def stopping_rule(self) -> StoppingRule | None:
        """A new one, that has not seen a game yet."""
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
        """What the games depend on, the number of games apart: equal settings, equal games."""
        options = self.options
        return {
            "visits": options.visits,
            "playouts": options.playouts,
            "komi": options.komi,
            "size": options.size,
            "move_limit": self.move_limit,
            "resign_percent": options.resign,
            "seed": options.seed,
            "openings": {"name": self.book.name, "sha256": self.book.sha256},
        }


@dataclass(frozen=True)
class Match(PlannedMatch):
    """A match between networks, ready to be played."""

    plans: tuple[EvaluatorPlan, EvaluatorPlan]

    def jobs(self) -> list[GameJob]:
        """Every game of the match, in order; game n is the same whatever the number of games."""
        openings = self.book.chosen(self.options.games // 2, self.options.seed)
        ids = game_ids(self.options.games)
        return [
            GameJob(n, ids[n], n // 2, openings[n // 2], game_seed(self.options.seed, n), n % 2, 1 - n % 2)
            for n in range(self.options.games)
        ]

    def settings(self) -> dict[str, Any]:
        """As PlannedMatch's, with the players."""
        return {
            "players": [
                {
                    "code": code,
                    "sha256": plan.info.sha256,
                    "blocks": plan.info.blocks,
                    "filters": plan.info.filters,
                    "precision": plan.precision,
                    "batch_size": plan.batch_size,
                    "device": plan.device,
                }
                for code, plan in zip(self.codes, self.plans, strict=True)
            ],
            **super().settings(),
        }


def plan_match(options: MatchOptions) -> Match:
    """Load and check everything that the match needs, its folder too. Writes nothing; raises UserError."""
    options.check()
    if options.until_decided is not None:
        Gatekeeper(options.until_decided, options.games, "")  # which checks it
    book = load_book(options.openings, options.size)
    plans = tuple(
        plan_evaluator(player, precision=options.precision, device=options.device, board_size=options.size)
        for player in (options.player_a, options.player_b)
    )
    codes = player_codes(plans[0].info.network, plans[1].info.network)
    folder = folder_of(options, codes)
    match = Match(options, codes, book, folder, (plans[0], plans[1]))
    check_folder(match)
    return match


def doubts(match: Match) -> list[str]:
    """Reasons to doubt, before it is played, that the match will tell anything."""
    found = []
    if match.plans[0].info.is_same_network(match.plans[1].info):
        found.append("both players are the same network: whoever wins, wins by chance")
    if match.book.name == EMPTY_BOARD:
        found.append(
            "without openings every game begins from the empty board, and the players differ from game to game only in"
            " how they turn the board: many games may be alike, and repeats count once"
        )
    if begun_differently(match):
        found.append(BEGUN_DIFFERENTLY)
    return found


def begun_differently(match: PlannedMatch) -> bool:
    """Whether an earlier run in the folder had another rule for stopping."""
    try:
        content = json.loads((match.folder / "match.json").read_text(encoding="utf-8"))
        return bool(content.get("stopping") != match.stopping())
    except (OSError, ValueError, AttributeError):
        return False


def folder_of(options: MatchOptions, codes: tuple[str, str]) -> Path:
    """Where the match is kept."""
    today = datetime.date.today().isoformat()
    return Path(options.out) if options.out else Path("matches") / f"{codes[0]}-{codes[1]}-{today}"


def player_codes(first: str, second: str) -> tuple[str, str]:
    """The players' names as gomill allows them, and different."""
    one, two = (re.sub(r"[^-A-Za-z0-9.+_]", "_", name) or "player" for name in (first, second))
    return (f"{one}.a", f"{two}.b") if one == two else (one, two)


@dataclass
class Progress:
    """How a match stands, for whoever shows it."""

    wanted: int
    games: list[GameRecord] = field(default_factory=list)
    """Finished, earlier runs' among them."""
    played_now: int = 0
    evaluations: int = 0
    seconds: float = 0.0
    """Since this run began to play."""
    rule: StoppingRule | None = None

    def add(self, game: GameRecord) -> None:
        self.games.append(game)
        if self.rule is not None:
            self.rule.add(_number(game), game)

    @property
    def is_over(self) -> bool:
        return len(self.games) >= self.wanted or (self.rule is not None and self.rule.is_decided)

    @property
    def seconds_left(self) -> float | None:
        """Until the last game ends, at the speed of this run; None before its first game. A rule may stop it sooner."""
        if not self.played_now:
            return None
        return (self.wanted - len(self.games)) * self.seconds / self.played_now


Watcher = Callable[[Progress], None]


@dataclass(frozen=True)
class MatchResult:
    """What a match has come to."""

    table: RatingTable
    """Of the games that count."""
    rule: StoppingRule | None
    """With its verdict, where the match had one."""
    uncounted: int
    """Finished games that come after the one that decided."""
    problems: tuple[str, ...] = ()
    """Why games are missing, where other programs play."""


def play_match(match: Match, watch: Watcher | None = None) -> MatchResult:
    """Play what is missing of the match and rate it.

    With a rule for stopping, games come to an end when it has decided: those under way are dropped, and finished ones
    after the deciding pair are kept on disk and not counted.

    Raises UserError if the folder holds a different match, if another process plays in it, or when nothing more can be
    written. Interrupted at any moment, even killed, it loses no finished game.
    """
    check_folder(match)
    create_folder(match)
    with locked(match.folder / LOCK):
        remove_leftovers(match.games_folder)
        return _play_missing(match, watch)


def _play_missing(match: Match, watch: Watcher | None) -> MatchResult:
    done = _open_folder(match)
    progress = Progress(match.options.games, rule=match.stopping_rule())
    for game in done.values():
        progress.add(game)
    missing = [job for job in match.jobs() if job.number not in done]
    try:
        if missing and not progress.is_over:
            _play(match, missing, progress, watch)
    except BaseException:
        with suppress(UserError):  # what stopped the match is the better reason
            write_results_of(match, progress)
        raise
    return outcome(match, progress)


def outcome(match: PlannedMatch, progress: Progress) -> MatchResult:
    """Write the tables of the games that there are. Raises UserError if none of them was decided."""
    games = write_results_of(match, progress)
    counting = counted(progress.rule, {_number(game): game for game in games})
    table = build_table(counting, prior=match.options.prior)
    write_ratings(table, match.folder / "ratings.csv")
    return MatchResult(table, progress.rule, len(games) - len(counting))


def _number(game: GameRecord) -> int:
    number = game_of(game.game_id)
    assert number is not None
    return number


def write_results_of(match: PlannedMatch, progress: Progress) -> list[GameRecord]:
    """Write results.csv, if there are any; returns the games in order."""
    games = sorted(progress.games, key=_number)
    if games:
        write_results(games, match.folder / "results.csv")
    return games


def create_folder(match: PlannedMatch) -> None:
    try:
        match.games_folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UserError(f"{match.folder}: cannot be created ({exc.strerror}); choose another --out") from exc


def _open_folder(match: Match) -> dict[int, GameRecord]:
    """Begin in the folder, or take it over from an earlier run. Returns the games that are there, by number."""
    done = _finished_games(match)
    write_description(match, _context(match))
    _write_ctl(match)
    return done


def write_description(match: PlannedMatch, context: dict[str, Any]) -> None:
    content = {
        "games": match.options.games,
        "stopping": match.stopping(),
        "settings": match.settings(),
        **context,
    }
    write_text_atomically(match.folder / "match.json", json.dumps(content, indent=1) + "\n")


def check_folder(match: PlannedMatch) -> None:
    """Raise UserError if the match cannot be kept in its folder, as far as looking can tell."""
    folder, description = match.folder, match.folder / "match.json"
    try:
        if description.exists():
            _compare(description, match.settings())
        elif folder.exists() and any(not _left_at_start(match, entry) for entry in folder.iterdir()):
            raise UserError(f"{folder}: is not empty and holds no match; choose another --out")
    except OSError as exc:
        raise UserError(f"{folder}: cannot hold a match ({exc.strerror}); choose another --out") from exc


def _left_at_start(match: PlannedMatch, entry: Path) -> bool:
    """Whether it is there because a match was killed before it wrote its description."""
    if entry == match.games_folder:
        return not any(entry.glob("[!.]*"))
    return entry.name == LOCK


def _compare(description: Path, settings: dict[str, Any]) -> None:
    """Raise UserError if an earlier run in this folder played something else."""
    try:
        earlier = dict(json.loads(description.read_text(encoding="utf-8"))["settings"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise UserError(f"{description}: cannot be read ({exc}); choose another --out") from exc
    changes = [
        f"{key} was {_short(earlier.get(key))}, is {_short(value)}"
        for key, value in settings.items()
        if earlier.get(key) != value
    ]
    if changes:
        raise UserError(
            f"{description.parent}: holds a different match: {'; '.join(changes)}; choose another --out"
        )


def _short(value: object) -> str:
    if isinstance(value, list):
        return " v ".join(map(_short_player, value))
    return str(value["name"]) if isinstance(value, dict) else str(value)


def _short_player(player: dict[str, Any]) -> str:
    about = [str(player.get(name))[:8] for name in ("sha256", "precision") if name in player]
    return f"{player.get('code')} ({', '.join(about) or ' '.join(player.get('command', []))})"


def _finished_games(match: Match) -> dict[int, GameRecord]:
    """The records in the match's folder, by number; those beyond the wanted number of games are left out."""
    jobs = {job.number: job for job in match.jobs()}
    done: dict[int, GameRecord] = {}
    for file in sorted(match.games_folder.glob("*.sgf")):
        record = next(iter(read_games([file])), None)
        if not isinstance(record, GameRecord):
            raise UserError(f"{file}: cannot be read; remove it, and the game is played again")
        number = game_of(record.game_id)
        if number is None:
            raise UserError(f"{file}: is not of this match; choose another --out")
        job = jobs.get(number)
        if job is None:
            continue
        if record.seed != job.seed or record.black != match.codes[job.black]:
            raise UserError(f"{file}: is not of this match; choose another --out")
        done[job.number] = record
    return done


def _context(match: Match) -> dict[str, Any]:
    """What else one may want to know of a result years later."""
    return {
        "networks": [plan.info.as_dict() | {"precision": plan.precision} for plan in match.plans],
        "files": [str(resolve_network(name)) for name in (match.options.player_a, match.options.player_b)],
        **software_and_machine(),
        "processes": _process_count(match),
    }


def software_and_machine() -> dict[str, Any]:
    return {"versions": software(), "machine": hardware()}


def _write_ctl(match: Match) -> None:
    """The match as a gomill control file that the real ringmaster can play."""
    options = match.options
    players = {}
    for code, name in zip(match.codes, (options.player_a, options.player_b), strict=True):
        command = gtp_command(options, name)
        players[code] = CtlPlayer([*command, "--openings", book_argument(options.openings)])
    write_match_ctl(
        match.folder / "match.ctl",
        players=players,
        board_size=options.size,
        komi=options.komi,
        number_of_games=options.games,
        description=f"{match.codes[0]} against {match.codes[1]}, by lzeval {__version__}",
        move_limit=match.move_limit,
        scorer="internal",
        settings={"openings": match.book.name, "seed": options.seed},
    )


def gtp_command(options: MatchOptions, name: str) -> list[str]:
    """The program that plays a network of the match as the match itself does."""
    network = name if not Path(name).exists() else str(resolve_network(name).resolve())
    return engine_command(
        network,
        quiet=True,
        batch=1,
        resign=options.resign,
        visits=options.visits,
        playouts=options.playouts,
        precision=options.precision,
        seed=options.seed,
    )


def book_argument(openings: str) -> str:
    return str(Path(openings).resolve()) if Path(openings).is_file() else openings


def _process_count(match: Match) -> int:
    return process_count(match.options.threads, match.plans[0].device)


def _play(match: Match, jobs: list[GameJob], progress: Progress, watch: Watcher | None) -> None:
    task = _task(match)
    workers = Workers(task, min(_process_count(match), len(jobs)))
    try:
        workers.start()
        started = time.monotonic()
        shares = share_jobs(jobs, workers.count, task.tables)
        for worker, share in enumerate(shares):
            for job in share:
                workers.give(worker, job)
        given = {job.number for share in shares for job in share}
        waiting = [job for job in jobs if job.number not in given]
        evaluations = [0] * workers.count
        while not progress.is_over:
            for report in workers.reports(timeout_s=1.0):
                _take(report, progress, evaluations)
                if report.kind == "game" and waiting and not progress.is_over:
                    workers.give(report.worker, waiting.pop(0))
            progress.seconds = time.monotonic() - started
            if watch is not None:
                watch(progress)
    finally:
        workers.stop()


def _take(report: WorkerReport, progress: Progress, evaluations: list[int]) -> None:
    if report.kind == "stopped":
        raise UserError(f"the match has stopped: {report.reason}; mend that, and the same command goes on")
    evaluations[report.worker] = report.evaluations
    progress.evaluations = sum(evaluations)
    if report.record is not None:
        progress.add(report.record)
        progress.played_now += 1


def _task(match: Match) -> WorkerTask:
    options = match.options
    limits = Limits(options.visits, options.playouts)
    move_policy = MovePolicy(resign=options.resign / 100)
    players = tuple(
        PlayerSettings(
            code=code,
            engine=f"{code}:lzeval {__version__}",
            description=_describe(plan, limits),
            limits=limits,
            move_policy=move_policy,
        )
        for code, plan in zip(match.codes, match.plans, strict=True)
    )
    settings = GameSettings(options.size, options.komi, match.move_limit, event="match")
    return WorkerTask(players, match.plans, settings, str(match.games_folder))


def _describe(plan: EvaluatorPlan, limits: Limits) -> str:
    info = plan.info
    amount = f"{limits.visits} visits" if limits.visits is not None else f"{limits.playouts} playouts"
    return f"{info.blocks} blocks x {info.filters} filters, {info.sha256[:16]}, {amount}, {plan.precision}"
