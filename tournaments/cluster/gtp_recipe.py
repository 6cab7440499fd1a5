"""Games between GTP engines on a node: commands as that machine can run them, and the files they name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from engines.katago.arguments import COMMAND as KATAGO
from engines.katago.arguments import parse_katago_command
from engines.katago.program import find_program as find_katago
from engines.player.arguments import parse_command
from engines.player.options import our_command
from lzeval.cluster.connection import Cluster
from lzeval.cluster.nodes import find_program
from lzeval.cluster.shipping import Shipped
from lzeval.errors import UserError
from tournaments.cluster.network_recipe import PLACE
from tournaments.cluster.node_player import Opened
from tournaments.games.faults import Fault
from tournaments.games.gtp_game import GameTask, PlayedGame
from tournaments.plan.competition import Competition, PlayerSpec
from tournaments.runner.open_gtp_backend import open_gtp_backend


@dataclass
class GtpRecipe:
    """Engines of a competition, as many games at a time as a node has room for."""

    competition: Competition
    ours: frozenset[str]
    """Players whose command is `lzeval gtp` or `lzeval katago` of the machine that the competition comes from."""
    files: Mapping[str, Shipped]
    """Files that commands name, by the word that names them; a node that has none in that place gets them."""
    parallel: int | None = None
    """Games at a time on each node; None: as many as it has room for."""
    fresh: bool = False
    precisions: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Precision and device of players of ours, by code: the same on all nodes."""
    logs: bool = False
    """Whether conversations with engines are sent back."""
    _here: dict[str, PlayerSpec] = field(default_factory=dict)
    """Players as this node starts them."""
    _tasks: dict[str, GameTask] = field(default_factory=dict)
    """Games in progress as they came."""
    _log_folder: Path | None = None

    def open(self, cores: int, gpus: int, stack: ExitStack) -> Opened[GameTask, PlayedGame]:
        del gpus  # engines find them for themselves
        unable = {}
        for code, player in self.competition.players.items():
            command = self._command_here(player)
            if command is None:
                is_katago = player.code in self.ours  # as lzeval itself is there
                unable[code] = f"there is no {KATAGO if is_katago else player.command[0]}"
            else:
                is_there = player.cwd is None or player.cwd.is_dir()
                self._here[code] = replace(player, command=command, cwd=player.cwd if is_there else None)
        if self.logs:
            self._log_folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lzeval-")))
        moves: dict[str, int] = {}
        playable = tuple(
            matchup for matchup in self.competition.matchups if unable.keys().isdisjoint(matchup.players)
        )
        competition = replace(
            self.competition, players={**self.competition.players, **self._here}, matchups=playable
        )
        if not playable or self.competition.lzeval.referee in unable:
            competition = self.competition  # nothing is played here, and so nothing is measured
        backend = open_gtp_backend(
            competition,
            stack,
            moves.__setitem__,
            parallel=self.parallel or (None if playable else 1),
            cores=cores,
            fresh=self.fresh,
            log_folder=self._log_folder,
        )
        stack.callback(backend.stop)
        return Opened(backend, backend.free, unable, moves)

    def _command_here(self, player: PlayerSpec) -> tuple[str, ...] | None:
        """The player's command as this machine can start it; None if it lacks the program."""
        words = player.command
        if player.code in self.ours:
            name = next(word for word in words if word in ("gtp", KATAGO))
            if name == KATAGO and not _has_katago(player):
                return None
            start: list[str] = [*our_command(), name]
            rest = words[words.index(name) + 1 :]
        else:
            program = words[0] if os.access(words[0], os.X_OK) else find_program(Path(words[0]).name)
            if program is None:
                return None
            start, rest = [program], words[1:]
        precision = self.precisions.get(player.code)
        fixed = () if precision is None else ("--precision", precision[0], "--device", precision[1])
        return (*start, *map(self._word_here, rest), *fixed)

    def _word_here(self, word: str) -> str:
        file = self.files.get(word)
        return word if file is None else str(file.place())

    def localised(self, job: GameTask) -> GameTask:
        self._tasks[job.game_id] = job
        return replace(
            job,
            black=self._here.get(job.black.code, job.black),
            white=self._here.get(job.white.code, job.white),
        )

    def finished(self, played: PlayedGame, kind: str) -> PlayedGame:
        record = replace(played.record, properties={**played.record.properties, PLACE: kind})
        task = self._tasks.pop(played.game_id)
        return replace(played, task=task, record=record, conversation=self._conversation(played.game_id))

    def _conversation(self, game_id: str) -> str:
        if self._log_folder is None:
            return ""
        path = self._log_folder / f"{game_id}.log"
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:  # an engine could not be started
            return ""
        path.unlink()
        return text

    def digest(self, played: PlayedGame) -> str:
        """Empty: engines need not play the same game twice."""
        del played
        return ""

    def unable_after(self, played: PlayedGame) -> dict[str, str]:
        return {
            incident.player: incident.message
            for incident in played.incidents
            if played.is_void and incident.fault is Fault.START
        }


def gtp_recipe(
    competition: Competition, cluster: Cluster, *, parallel: int | None, fresh: bool, logs: bool
) -> GtpRecipe:
    """The recipe for `competition`, with all files that its commands name. Raises UserError."""
    players = competition.players.values()
    ours = frozenset(
        player.code
        for player in players
        if parse_command(player.command, player.cwd) or parse_katago_command(player.command, player.cwd)
    )
    files = {
        word: cluster.ship(str(path))
        for player in players
        for word in player.command[1:]
        if (path := (player.cwd or Path()) / word).is_file()
    }
    return GtpRecipe(competition, ours, files, parallel, fresh, logs=logs)


def _has_katago(player: PlayerSpec) -> bool:
    """Tell whether this machine has the KataGo of a player whose command is `lzeval katago`."""
    arguments = parse_katago_command((*our_command(), *player.command[player.command.index(KATAGO) :]))
    try:
        find_katago(arguments.program if arguments else None)
    except UserError:
        return False
    return True


def players_of(competition: Competition, task: GameTask) -> tuple[str, ...]:
    """Players whose engines a game needs, the referee among them."""
    referee = competition.lzeval.referee
    return (task.black.code, task.white.code, *([] if referee is None else [referee]))
