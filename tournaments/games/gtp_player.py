"""One player's engine, alive from its first game to its last, or to its first crash."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engines.gtp.client.client import Deadlines, GtpClient
from engines.gtp.client.pipes import LoggedOutput
from engines.gtp.client.transport import SubprocessPeer
from engines.gtp.errors import EngineRefused
from engines.gtp.protocol import Response
from lzeval.errors import EngineError, UserError
from lzeval.text.decimals import parse_number
from tournaments.games.process_guard import Guard
from tournaments.games.process_guard_program import MARK, end_marked
from tournaments.plan.competition import PlayerSpec, Timeouts

if TYPE_CHECKING:
    from engines.gtp.server.in_process import EnginePeer

FOR_EVER_S = 4e6
LONGEST_VERSION = 32
"""A longer one is left out of an engine's title."""
LONGEST_TIDY_VERSION = 64
Say = Callable[[str], None]


def deadlines(timeouts: Timeouts) -> Deadlines:
    """Deadlines for the GTP client; its other commands have the time of those between games."""

    def seconds(value: float | None) -> float:
        return FOR_EVER_S if value is None else value

    new_game_s = seconds(timeouts.new_game_s)
    return Deadlines(
        start_s=seconds(timeouts.start_s),
        new_game_s=new_game_s,
        move_s=seconds(timeouts.move_s),
        command_s=new_game_s,
        quit_s=seconds(timeouts.quit_s),
    )


@dataclass(frozen=True)
class GameContext:
    """Facts about the game that an engine is started for."""

    game_id: str = ""
    slot: int = 0
    seed: int = 0

    def environment(self) -> dict[str, str]:
        return {
            "GOMILL_GAME_ID": self.game_id,
            "LZEVAL_SLOT": str(self.slot),
            "LZEVAL_SEED": str(self.seed),
        }

    def fill(self, text: str) -> str:
        """`text` with `{game_id}`, `{slot}` and `{seed}` in it replaced."""
        for name, value in (("game_id", self.game_id), ("slot", self.slot), ("seed", self.seed)):
            text = text.replace(f"{{{name}}}", str(value))
        return text

    @classmethod
    def concern(cls, text: str) -> bool:
        """Tell whether `fill` would change anything."""
        return cls().fill(text) != text


def fits_one_game_only(player: PlayerSpec) -> bool:
    """Tell whether the command itself names the game, so that each game needs a new process."""
    return any(map(GameContext.concern, player.command))


def _log_line(log: Say, line: str) -> None:
    log(f"<< {line}\n")


class GuardedPeer(SubprocessPeer):
    """A program under guard, whose conversation can be written down."""

    def __init__(
        self, command: list[str], cwd: Path | None, environment: Mapping[str, str], guard: Guard
    ) -> None:
        self._mark = guard.new_mark()
        super().__init__(command, cwd, {**environment, MARK: self._mark})
        self._guard = guard
        self._log: Say | None = None
        self.is_closed = False
        self.own_cpu_s: float | None = None
        """A program is asked for it."""
        guard.watch(self.pid)

    def send(self, line: str) -> None:
        if self._log is not None:
            self._log(f">> {line}\n")
        super().send(line)

    def log_to(self, log: Say | None) -> None:
        """Write the conversation down from here on, or no longer."""
        self._log = log
        output = self._output.plain if isinstance(self._output, LoggedOutput) else self._output
        self._output = LoggedOutput(output, partial(_log_line, log)) if log else output

    def close(self, timeout_s: float) -> None:
        self.is_closed = True
        super().close(timeout_s)
        self._guard.release(self.pid)

    def _finish_reading(self) -> bool:
        if not super()._finish_reading():  # somebody has left the group, and holds a pipe
            end_marked(self._mark)
            return super()._finish_reading()
        return True

    def kill(self) -> None:
        """Kill the program and nothing else: whoever waits for its answer is told that it has gone."""
        if sys.platform == "win32":
            self._process.kill()
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


class GtpPlayer:
    """A running engine and what is known of it.

    Its methods raise EngineError as the GTP client does; an engine that has ended is replaced by a new GtpPlayer.
    """

    def __init__(self, player: PlayerSpec, peer: GuardedPeer | EnginePeer, timeouts: Timeouts) -> None:
        """`peer` is the program, which need not have said anything yet, or the engine in this process."""
        self.player = player
        self.is_ready = False
        """True if it has introduced itself."""
        self.name = self.version = ""
        self.games = 0
        self._peer = peer
        self._aliases = player.gtp_aliases
        self._deadlines = deadlines(timeouts)
        self._client = GtpClient(self._peer, player.code, self._deadlines)
        self._stderr_mark = 0
        self._cpu_before_s: float | None = 0.0
        """Seconds used up to the end of the game before; None where they are not known."""

    @property
    def pid(self) -> int:
        return self._peer.pid

    @property
    def is_in_process(self) -> bool:
        """True if it is no program; such a one is for a single game."""
        return not isinstance(self._peer, GuardedPeer)

    @property
    def is_alive(self) -> bool:
        return not self._peer.is_closed and self._peer.wait(0) is None

    @property
    def move_s(self) -> float:
        """The deadline for a move where no clock sets one."""
        return self._deadlines.move_s

    # Talking

    def attempt(self, command: str, *words: object, timeout_s: float | None = None) -> Response:
        """The answer to a command by its standard name, `?` or not."""
        return self._client.attempt(self._line(command, words), timeout_s)

    def ask(self, command: str, *words: object, timeout_s: float | None = None) -> str:
        """The text of the answer. Raises EngineRefused for `?`."""
        answer = self._client.attempt(self._line(command, words), timeout_s)
        if not answer.ok:
            raise EngineRefused(self.player.code, " ".join([command, *map(str, words)]), answer.text)
        return answer.text

    def _line(self, command: str, words: tuple[object, ...]) -> str:
        name = self._aliases.get(command, command)
        return " ".join([name, *map(str, words)]) if words else name

    def knows(self, command: str) -> bool:
        return self._client.knows(self._aliases.get(command, command))

    def ask_if_known(self, command: str) -> str | None:
        """The text of the answer; None where the engine does not know the command or refuses it."""
        if not self.knows(command):
            return None
        answer = self.attempt(command)
        return answer.text if answer.ok else None

    def log_to(self, log: Say | None) -> None:
        """Write the conversation down from here on, or no longer."""
        self._peer.log_to(log)

    # A game

    def introduce(self) -> None:
        """Once: who it is, and the start-up commands that hold for all games."""
        if self.is_ready:
            return
        protocol = self.attempt("protocol_version")
        if protocol.ok and protocol.text.strip() not in ("2", "2.0", ""):
            raise EngineRefused(
                self.player.code, "protocol_version", f"speaks version {protocol.text}, not 2"
            )
        self.name = self._word("name") or self.player.code
        self.version = _tidy(self._word("version"), self.name)
        for line in self.player.startup_gtp_commands:
            if not GameContext.concern(line):
                self._say_line(line)
        self.is_ready = True

    def _word(self, command: str) -> str:
        answer = self.attempt(command)
        return answer.text.strip() if answer.ok else ""

    def _say_line(self, line: str) -> None:
        command, *words = line.split()
        self.ask(command, *words)

    def begin(self, size: int, komi: float, context: GameContext) -> None:
        """Set up an empty board, and send the start-up commands that depend on the game."""
        self.games += 1
        self._stderr_mark = self._peer.stderr_mark() if self.games > 1 else 0
        self.introduce()
        for line in self.player.startup_gtp_commands:
            if GameContext.concern(line):
                self._say_line(context.fill(line))
        self.ask("boardsize", size)
        self.ask("clear_board")
        self.ask("komi", float(komi))

    @property
    def title(self) -> str:
        """Name and version as gomill writes them."""
        if not self.version or len(self.version) > LONGEST_VERSION:
            return self.name
        return f"{self.name}:{self.version}"

    def describe(self) -> str:
        """The engine's description of itself, for the record of a game."""
        told = (self.ask_if_known("gomill-describe_engine") or "").strip()
        if told:
            return told
        if len(self.version) > LONGEST_VERSION:
            return f"{self.name}\n{self.version}".strip()
        return self.title

    def cpu_s(self) -> float | None:
        """Processor time since the last call, or since its start; None if neither the engine nor the system tells."""
        before, self._cpu_before_s = self._cpu_before_s, self._cpu_s()
        now = self._cpu_before_s
        return None if now is None or before is None else max(0.0, now - before)

    def _cpu_s(self) -> float | None:
        if self._peer.own_cpu_s is not None:
            return self._peer.own_cpu_s
        told = self.ask_if_known("gomill-cpu_time")
        with contextlib.suppress(ValueError):
            return parse_number(told or "")
        return _cpu_of_process_s(self.pid)

    def stderr_of_game(self) -> str:
        """Standard error since the game began, the last part of it if that is much."""
        return self._peer.stderr_text(self._stderr_mark)

    # The end

    def close(self) -> None:
        """Say quit and wait, then kill."""
        self._client.close()

    def kill(self) -> None:
        """End the program from another thread; the one that talks to it finds it gone."""
        self._peer.kill()


class EngineHost(Protocol):
    """Engines of this process, for players that need no program of their own."""

    def host(self, player: PlayerSpec, context: GameContext) -> EnginePeer | None:
        """An engine for one game; None if the player needs a program. Raises EngineError if it cannot be had."""

    def close(self) -> None:
        """Release what the engines share; one that still plays has crashed. May be called from any thread."""


def launch(
    player: PlayerSpec,
    context: GameContext,
    timeouts: Timeouts,
    guard: Guard,
    hosts: Sequence[EngineHost] = (),
) -> GtpPlayer:
    """Start an engine as a program, for which it does not wait, or have the first of `hosts` that can play for it.

    Raises EngineError, not UserError, where it cannot be started.
    """
    found = (host.host(player, context) for host in hosts)
    peer: GuardedPeer | EnginePeer | None = next((each for each in found if each is not None), None)
    if peer is None:
        command = [context.fill(word) for word in player.command]
        environment = {**context.environment(), **player.environ}
        try:
            peer = GuardedPeer(command, player.cwd, environment, guard)
        except UserError as error:
            raise EngineError(player.code, str(error)) from error
    return GtpPlayer(player, peer, timeouts)


def _cpu_of_process_s(pid: int) -> float | None:
    """Processor time of a process and of its children that have ended, by Linux's account."""
    if sys.platform == "win32":
        return None
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 (once a game and player)
            text = file.read()
    except OSError:
        return None
    return sum(map(int, text.rpartition(b")")[2].split()[11:15])) / os.sysconf("SC_CLK_TCK")


def _tidy(version: str, name: str) -> str:
    """A version without the engine's name before it, and without the instructions that some add for KGS."""
    if version.lower().startswith(name.lower()):
        version = version[len(name) :].lstrip()
    return version.split()[0] if len(version) > LONGEST_TIDY_VERSION else version
