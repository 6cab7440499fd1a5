"""Playing in a pool: which pair of games is next, and each finished game kept at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engines.evaluator.load import EvaluatorPlan
from engines.search.searcher import Limits
from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import parse_result
from lzeval.system.machine import hardware, software
from tournaments.games.network_games import GameJob, GameSettings, PlayerSettings
from tournaments.pool.matchmaking import PairStandings
from tournaments.pool.networks import Network
from tournaments.pool.sessions import Pair
from tournaments.pool.store import RatingPool
from tournaments.runner import runner
from tournaments.runner.backend import Backend
from tournaments.runner.machines import THIS_MACHINE, Machines, NetworkPlay
from tournaments.runner.network_backend import network_player
from tournaments.runner.progress import Progress, Watcher

REPORT_EVERY_S = 10.0
GAMES_A_PAIR = 2


@dataclass(frozen=True)
class Entrant:
    """A network that is to play: its settings, and how it is evaluated."""

    settings: PlayerSettings
    plan: EvaluatorPlan
    file: Path
    """The network's weights."""

    @property
    def precision(self) -> str:
        return self.plan.precision

    @property
    def device(self) -> str:
        return self.plan.device

    @property
    def note(self) -> str:
        """A remark on the network, for the user; may be empty."""
        return self.plan.info.note


class PoolPlayer(Protocol):
    """A member that plays in a session, with what each of its games keeps about it."""

    @property
    def precision(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def note(self) -> str: ...


PairChooser = Callable[[PairStandings], tuple[str, str] | None]
"""Names the two players of the next pair of games; None: no pair."""


def standing_of(pool: RatingPool, names: Sequence[str]) -> PairStandings:
    """Results so far between the networks `names`."""
    standing = PairStandings(names)
    for black, white, text, _ in pool.results():
        result = parse_result(text)
        if result.is_decided and black != white:
            standing.add(black, white, result.score(Colour.BLACK))
    return standing


def entrants(
    pool: RatingPool,
    networks: Sequence[Network],
    cache: Path,
    device: str,
    machines: Machines = THIS_MACHINE,
) -> dict[str, Entrant]:
    """Load `networks`; by name, in the order of the pool, since a game depends on which of its players comes first.

    Raises UserError for one that cannot play here.
    """
    found = {}
    for network in sorted(networks, key=lambda network: network.id):
        file = pool.weights_file(network, cache)
        settings = pool.settings
        plan = machines.plan(file, precision=settings.precision, device=device, board_size=settings.size)
        player = network_player(network.name, plan, Limits(settings.visits), settings.resign)
        found[network.name] = Entrant(player, plan, file)
    return found


def network_play(
    pool: RatingPool, players: Sequence[Entrant], threads: int | None, games: int
) -> NetworkPlay:
    """What is needed to open a backend for so many games of `players`."""
    settings = pool.settings
    return NetworkPlay(
        [entrant.settings for entrant in players],
        [entrant.plan for entrant in players],
        [entrant.file for entrant in players],
        GameSettings(settings.size, settings.komi, settings.move_limit, event=pool.name),
        games // GAMES_A_PAIR,
        threads,
    )


@dataclass
class PoolSession:
    """One process's playing in a pool: the source of its games, and the pool to keep them in."""

    pool: RatingPool
    backend: Backend[GameJob, GameRecord]
    players: Mapping[str, PoolPlayer]
    """Players by name, in the order in which the backend has them."""
    choose: PairChooser
    progress: Progress
    """`wanted` is the number of games of this session, at most."""
    is_enough: Callable[[Progress], bool] = lambda _: False
    """Asked after each finished game; games under way are finished all the same."""
    only: str | None = None
    """Finish lost pairs of this network only; None: of any."""

    def play(self, watch: Watcher | None = None) -> None:
        """Play until there are as many games as wanted, or it is enough, or no pair is left to play.

        Raises UserError when nothing more can be kept. Whatever ends it, finished games are in the pool.
        """
        self._begun = 0
        self._under_way: dict[str, tuple[Pair, int]] = {}
        self._standings = standing_of(self.pool, list(self.players))
        self._reported_s = time.monotonic()
        try:
            self._session = self.pool.begin_session({**hardware(), "versions": software()})
            try:
                runner.play(self.backend, self, self.progress, watch)
            finally:
                with suppress(UserError):
                    self.pool.report(self._session, ended=True)
        finally:
            self.backend.stop()

    def next(self, free: int) -> list[GameJob]:
        """The missing games of the next pair."""
        assert self.progress.wanted is not None
        if self._begun >= self.progress.wanted or free < GAMES_A_PAIR:
            return []
        pair = self._next_pair()
        if pair is None:
            return []
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
        self._begun += len(jobs)
        self._under_way |= {job.game_id: (pair, job.number) for job in jobs}
        self._standings.expect(pair.one.name, pair.other.name, len(jobs))
        return jobs

    def _next_pair(self) -> Pair | None:
        lost = self.pool.take_lost_pair(self._session, list(self.players), of=self.only)
        if lost is not None:
            return lost
        chosen = self.choose(self._standings)
        if chosen is None:
            return None
        one, other = (self.pool.network(name) for name in chosen)
        assert one is not None
        assert other is not None
        return self.pool.take_pair(self._session, one, other)

    def keep(self, played: GameRecord) -> None:
        """Put the game into the pool."""
        pair, place = self._under_way.pop(played.game_id)
        black, white = self.players[played.black], self.players[played.white]
        precision = f"{black.precision}, {white.precision}"
        self._standings.expect(pair.one.name, pair.other.name, -1)
        is_new = self.pool.add_game(
            pair, place, played, self._session, precision, black.device or white.device
        )
        if is_new and played.result.is_decided:
            self._standings.add(played.black, played.white, played.score(played.black))
        self.progress.add(played)
        self.progress.is_stopping = self.progress.is_stopping or self.is_enough(self.progress)

    def tick(self) -> None:
        """Tell other processes that this one is alive."""
        if time.monotonic() - self._reported_s > REPORT_EVERY_S:
            self.pool.report(self._session)
            self._reported_s = time.monotonic()
