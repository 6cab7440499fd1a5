"""Playing a pool's games: whose turn it is, taken, played and kept, until it is enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engines.evaluator.load import EvaluatorPlan, plan_evaluator
from engines.search.choice import MovePolicy
from engines.search.searcher import Limits
from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import parse_result
from lzeval.system.machine import hardware, process_count, software
from lzeval.version import __version__
from tournaments.games.network_games import GameJob, GameSettings, PlayerSettings
from tournaments.pool.backend import Backend, ProcessBackend
from tournaments.pool.matchmaking import PairStandings
from tournaments.pool.networks import Network
from tournaments.pool.sessions import Pair
from tournaments.pool.settings import PoolSettings
from tournaments.pool.store import RatingPool
from tournaments.runner.processes import WorkerTask

REPORT_EVERY_S = 10.0
GAMES_A_PAIR = 2


@dataclass(frozen=True)
class Entrant:
    """A network as it sits down to play."""

    settings: PlayerSettings
    plan: EvaluatorPlan


PairChooser = Callable[[PairStandings], tuple[str, str] | None]
"""Who is to meet next; None: nobody."""


@dataclass
class Progress:
    """How playing stands, for whoever shows it and for whoever decides whether it goes on."""

    wanted: int
    """Games of this sitting, at most."""
    standing: PairStandings
    played: int = 0
    begun: int = 0
    """Games given to the crew, finished ones among them."""
    evaluations: int = 0
    seconds: float = 0.0
    met: list[tuple[str, str]] = field(default_factory=list)
    """Of each finished game."""

    @property
    def seconds_left(self) -> float | None:
        """Until the last game ends, at the speed of this sitting; None before its first."""
        return (self.wanted - self.played) * self.seconds / self.played if self.played else None


Watcher = Callable[[Progress], None]


def standing_of(pool: RatingPool, names: Sequence[str]) -> PairStandings:
    """Results so far between the members `names`."""
    standing = PairStandings(names)
    for black, white, text, _ in pool.results():
        result = parse_result(text)
        if result.is_decided and black != white:
            standing.add(black, white, result.score(Colour.BLACK))
    return standing


def entrants(pool: RatingPool, networks: Sequence[Network], cache: Path, device: str) -> dict[str, Entrant]:
    """`networks` ready to sit down, by name, in the order of the pool; a game depends on who of two comes first.

    Raises UserError for one that cannot play here.
    """
    found = {}
    for network in sorted(networks, key=lambda network: network.id):
        file = pool.weights_file(network, cache)
        settings = pool.settings
        plan = plan_evaluator(file, precision=settings.precision, device=device, board_size=settings.size)
        player = PlayerSettings(
            code=network.name,
            engine=f"{network.name}:lzeval {__version__}",
            description=_describe(plan, settings),
            limits=Limits(settings.visits),
            move_policy=MovePolicy(resign=settings.resign / 100),
        )
        found[network.name] = Entrant(player, plan)
    return found


def _describe(plan: EvaluatorPlan, settings: PoolSettings) -> str:
    info = plan.info
    network = f"{info.blocks} blocks x {info.filters} filters, {info.sha256[:16]}"
    return f"{network}, {settings.visits} visits, {plan.precision}"


def start_crew(
    pool: RatingPool, players: Sequence[Entrant], threads: int | None, games: int
) -> ProcessBackend:
    """Processes for `players`, no more than the games need; `stop` them. Raises UserError."""
    settings = pool.settings
    plans = [entrant.plan for entrant in players]
    game = GameSettings(settings.size, settings.komi, settings.move_limit, event=pool.name)
    task = WorkerTask([entrant.settings for entrant in players], plans, game)
    count = min(process_count(threads, plans[0].device), max(1, games // GAMES_A_PAIR))
    crew = ProcessBackend(task, count)
    crew.start()
    return crew


@dataclass
class PoolSession:
    """One process's playing in a pool."""

    pool: RatingPool
    crew: Backend
    players: dict[str, Entrant]
    """In the order in which the crew has them."""
    choose: PairChooser
    progress: Progress
    is_enough: Callable[[Progress], bool] = lambda _: False
    """Asked after each finished game; games under way are finished all the same."""
    only: str | None = None
    """Finish lost pairs of this network only; None: anybody's."""

    def play(self, watch: Watcher | None = None) -> None:
        """Play until there are as many games as wanted, or it is enough, or nobody is left to meet.

        Raises UserError when nothing more can be kept. Whatever ends it, finished games are in the pool.
        """
        sitting = self.pool.begin_sitting({**hardware(), "versions": software()})
        try:
            self._play(sitting, watch)
        finally:
            with suppress(UserError):
                self.pool.report(sitting, ended=True)

    def _play(self, sitting: int, watch: Watcher | None) -> None:
        under_way: dict[str, tuple[Pair, int]] = {}
        begun_at, reported_at, enough = time.monotonic(), time.monotonic(), False
        while True:
            while (
                not enough and self.progress.begun < self.progress.wanted and self.crew.free >= GAMES_A_PAIR
            ):
                pair = self._next(sitting)
                if pair is None:
                    break
                under_way |= self._begin(pair)
            if not under_way:
                return
            for game in self.crew.finished(1.0):
                pair, place = under_way.pop(game.game_id)
                self._keep(pair, place, game, sitting)
                enough = enough or self.is_enough(self.progress)
            if time.monotonic() - reported_at > REPORT_EVERY_S:
                self.pool.report(sitting)
                reported_at = time.monotonic()
            self.progress.seconds = time.monotonic() - begun_at
            self.progress.evaluations = self.crew.evaluations
            if watch is not None:
                watch(self.progress)

    def _next(self, sitting: int) -> Pair | None:
        lost = self.pool.take_lost_pair(sitting, list(self.players), of=self.only)
        if lost is not None:
            return lost
        chosen = self.choose(self.progress.standing)
        if chosen is None:
            return None
        one, other = (self.pool.network(name) for name in chosen)
        assert one is not None
        assert other is not None
        return self.pool.take_pair(sitting, one, other)

    def _begin(self, pair: Pair) -> dict[str, tuple[Pair, int]]:
        """Give the missing games of a pair to the crew; returns them by id."""
        players = list(self.players)
        two = players.index(pair.one.name), players.index(pair.other.name)
        opening = self.pool.opening(pair)
        jobs = [
            GameJob(
                place,
                f"{pair.id}_{place}",
                pair.number,
                opening,
                pair.seed + place,
                two[place],
                two[1 - place],
            )
            for place in pair.places
        ]
        self.crew.give(jobs)
        self.progress.begun += len(jobs)
        self.progress.standing.expect(pair.one.name, pair.other.name, len(jobs))
        return {job.game_id: (pair, job.number) for job in jobs}

    def _keep(self, pair: Pair, place: int, game: GameRecord, sitting: int) -> None:
        black, white = self.players[game.black].plan, self.players[game.white].plan
        precision = f"{black.precision}, {white.precision}"
        self.progress.standing.expect(pair.one.name, pair.other.name, -1)
        if self.pool.add_game(pair, place, game, sitting, precision, black.device) and game.result.is_decided:
            self.progress.standing.add(game.black, game.white, game.score(game.black))
        self.progress.played += 1
        self.progress.met.append((game.black, game.white))
