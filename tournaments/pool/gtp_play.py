"""Playing in a pool where KataGo plays as well: engines of this process, asked over GTP, as in matches with programs.

Networks of ours have the same settings as among themselves, but not the same batches: a game between two of them is
another one here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from engines.katago.arguments import RULES, katago_command, text_values
from engines.katago.program import find_program, program_at
from engines.player.arguments import engine_command
from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from lzeval.text.wording import counted
from lzeval.version import __version__
from tournaments.games.gtp_game import GameTask, PlayedGame
from tournaments.games.network_games import GameJob
from tournaments.games.thinking import ThinkingOf
from tournaments.plan.competition import Additions, Competition, PlayerSpec, allplayall_matchups
from tournaments.pool.networks import Network, katago_player
from tournaments.pool.settings import PoolSettings
from tournaments.pool.store import RatingPool
from tournaments.runner.backend import Backend
from tournaments.runner.failures import Failures, attempts_made
from tournaments.runner.machines import THIS_MACHINE
from tournaments.runner.open_gtp_backend import open_gtp_backend, policy_of
from tournaments.runner.progress import Listener, Progress

SEED = "{seed}"
"""Word of a command in whose place the seed of the game is put."""


@dataclass(frozen=True)
class GtpEntrant:
    """A member that is to play as an engine."""

    spec: PlayerSpec
    precision: str
    """Precision of a network of ours; version of KataGo."""
    device: str = ""
    """Device of a network of ours; KataGo finds its own."""
    note: str = ""
    """A remark on the network, for the user."""


def gtp_entrants(
    pool: RatingPool, networks: Sequence[Network], cache: Path, device: str
) -> dict[str, GtpEntrant]:
    """Check `networks`; by name, in the order of the pool. Raises UserError for one that cannot play here."""
    return {
        network.name: _katago(network, pool.settings)
        if network.is_katago
        else _ours(network, pool.weights_file(network, cache), pool.settings, device)
        for network in sorted(networks, key=lambda network: network.id)
    }


def _katago(network: Network, settings: PoolSettings) -> GtpEntrant:
    found = katago_player(network)
    try:
        program = program_at(find_program(found.program))
    except UserError as error:
        raise UserError(f"{network.name}: {error}") from error
    values = {"visits": settings.visits, **text_values(found), "resign": settings.resign}
    command = [*katago_command(found.network, **values, quiet=True), "--seed", SEED]
    return GtpEntrant(PlayerSpec(network.name, tuple(command)), f"KataGo {program.version}")


def _ours(network: Network, file: Path, settings: PoolSettings, device: str) -> GtpEntrant:
    plan = THIS_MACHINE.plan(file, precision=settings.precision, device=device, board_size=settings.size)
    command = engine_command(
        str(file.resolve()),
        visits=settings.visits,
        precision=plan.precision,
        device=device,
        batch=1,
        resign=settings.resign,
        quiet=True,
        name=network.name,
        version_string=f"lzeval {__version__}",
    )
    spec = PlayerSpec(network.name, (*command, "--seed", SEED))
    return GtpEntrant(spec, plan.precision, plan.device, plan.info.note)


def open_pool_backend(
    pool: RatingPool,
    entrants: Mapping[str, GtpEntrant],
    stack: ExitStack,
    progress: Progress,
    threads: int | None,
    listen: Listener,
) -> PoolGtpBackend:
    """A backend for the games of `entrants`, `threads` at a time, or as many as there is room for.

    `stack` closes what it needs besides, and `listen` hears of faults.
    """
    settings = pool.settings
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="lzeval-")))
    specs = {name: entrant.spec for name, entrant in entrants.items()}
    competition = Competition(
        pool.name,
        folder / f"{pool.name}.ctl",
        "allplayall",
        specs,
        allplayall_matchups(
            list(specs),
            None,
            board_size=settings.size,
            komi=float(settings.komi),
            move_limit=settings.move_limit,
            scorer="internal",
        ),
        lzeval=Additions(rules=RULES),
    )
    backend = open_gtp_backend(
        competition,
        stack,
        progress.moved,
        parallel=threads,
        tell=lambda message: listen({"event": "warning", "message": message}),
    )
    return PoolGtpBackend(backend, competition, listen)


class PoolGtpBackend:
    """A pool's games, played as those of a competition; what fails is played again.

    A game that is void too often comes back void. A player that fails too often in a row ends the playing.
    """

    def __init__(
        self, engines: Backend[GameTask, PlayedGame], competition: Competition, listen: Listener
    ) -> None:
        self._engines = engines
        self._competition = competition
        self._listen = listen
        self._policy = policy_of(competition)
        self._failures = Failures(self._policy.patience)
        self._jobs: dict[str, GameJob] = {}
        """Games that have not come back, by id."""
        self._waiting: deque[GameTask] = deque()
        self._problem = ""
        """Why nothing more can be played."""

    @property
    def evaluations(self) -> int:
        return self._engines.evaluations

    @property
    def thinking(self) -> ThinkingOf:
        return self._engines.thinking

    @property
    def free(self) -> int:
        """One more than engines have room for, as games come in pairs: the second one may wait."""
        return 0 if self._problem else self._engines.free + 1 - len(self._waiting)

    def give(self, jobs: Sequence[GameJob]) -> None:
        for job in jobs:
            self._jobs[job.game_id] = job
            self._waiting.append(self._task(job))
        self._begin()

    def _task(self, job: GameJob) -> GameTask:
        codes = list(self._competition.players)
        black, white = codes[job.black], codes[job.white]
        matchup = next(each for each in self._competition.matchups if {*each.players} == {black, white})
        players = self._competition.players
        return GameTask(
            job.game_id,
            matchup,
            job.number,
            players[black],
            players[white],
            seed=job.seed,
            event=self._competition.code,
            opening=job.opening,
            pair=job.pair,
        )

    def _begin(self) -> None:
        """Begin games that wait, as far as there is room."""
        while self._waiting and self._engines.free:
            self._engines.give([self._waiting.popleft()])

    def finished(self, timeout_s: float) -> list[GameRecord]:
        games: list[GameRecord] = []
        if not self._problem:
            ended = map(self._ended, self._engines.finished(timeout_s))
            games = [game for game in ended if game is not None]
        if not self._problem:
            self._begin()
        elif not games:
            raise UserError(self._problem)
        return games

    def _ended(self, played: PlayedGame) -> GameRecord | None:
        """The record of a game; None if it is played again."""
        for incident in played.incidents:
            facts = {"player": incident.player, "fault": incident.fault.value}
            self._listen({"event": "fault", "game": played.game_id, **facts, "message": incident.sentence()})
        for code, why in self._failures.add(played):
            self._problem = (
                f"{code}: {why}; mend that, and the same command goes on, or go on --without {code}"
            )
        if played.is_void:
            attempts = attempts_made(played)
            if self._problem or attempts < self._policy.attempts:
                self._waiting.appendleft(replace(played.task, attempt=attempts + 1))
                return None
            message = f"game {played.game_id} stays void after {counted(attempts, 'attempt')}"
            self._listen({"event": "warning", "message": message})
        job = self._jobs.pop(played.game_id)
        return replace(played.record, pair=job.pair, opening=job.opening.name, seed=job.seed)

    def stop(self) -> None:
        self._engines.stop()
