"""Hosting other programs' engines: every answer has a deadline, and no answer's form is trusted."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from engines.gtp.client.pipes import PeerClosedError
from engines.gtp.client.transport import Peer, SubprocessPeer
from engines.gtp.engine import RESIGN, Heatmap, Move, Symmetry
from engines.gtp.errors import EngineGone, EngineRefused, EngineTimeout, MalformedMove, NotGtp
from engines.gtp.heatmap import parse_heatmap
from engines.gtp.protocol import Response, parse_answer, parse_command, starts_answer
from lzeval.go.colour import Colour
from lzeval.go.points import format_vertex, parse_vertex

_MOST_NOISE = 2000
"""Lines before the `=`: an engine that tunes itself for its hardware says much, but not this much."""
_MOST_ANSWER_LINES = 5000
_SHORT = 16
"""Characters of an answer that is worth remembering, such as a move."""
_LAST_WORDS_S = 0.5
_STDERR_POLL_S = 0.02


@dataclass(frozen=True)
class Deadlines:
    """Seconds after which an engine counts as hung."""

    start_s: float = 120.0
    """Time for the first answer: loading and tuning are part of it."""
    new_game_s: float = 60.0
    """boardsize, clear_board, loadsgf."""
    move_s: float = 600.0
    """genmove and its relatives."""
    command_s: float = 30.0
    """Anything else."""
    quit_s: float = 5.0
    """Seconds from quit to the program's end, after which the program is killed."""

    def of(self, name: str) -> float:
        """The deadline for a command by its name."""
        if "genmove" in name:
            return self.move_s
        return self.new_game_s if name in ("boardsize", "clear_board", "loadsgf") else self.command_s


@lru_cache(maxsize=4096)
def _name_in(line: str) -> str:
    """The name of the command in `line`. Raises ValueError if that is not one command."""
    if line.isascii() and line.isprintable() and line[:1].isalpha():
        return line.partition(" ")[0]
    command = parse_command(line)
    if command is None or "\n" in line or "\r" in line:
        raise ValueError(f"{line!r} is not one GTP command")
    return command.name


@lru_cache(maxsize=4096)
def _short_answer(line: str) -> Response:
    return parse_answer([line])


def _answer_in(line: str) -> Response:
    """The answer in a single line; most of the short ones have been given before."""
    return _short_answer(line) if len(line) <= _SHORT else parse_answer([line])


class GtpClient:
    """One engine and the conversation with it; as a context manager it ends the engine.

    Commands raise EngineRefused for a `?` answer. EngineGone, EngineTimeout and NotGtp mean that the
    conversation is over and the program has been killed; what is asked afterwards raises EngineGone.
    """

    def __init__(self, peer: Peer, name: str, deadlines: Deadlines | None = None) -> None:
        """`name` is what errors call the engine."""
        self.name = name
        self._peer = peer
        self._deadlines = deadlines or Deadlines()
        self._started = False
        self._closed = False
        self._known: dict[str, bool] = {}
        self._unread: deque[str] = deque()
        """Lines that have come and that nobody has looked at yet."""
        self._size = 19

    @classmethod
    def launch(
        cls,
        command: Sequence[str],
        name: str | None = None,
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        deadlines: Deadlines | None = None,
    ) -> GtpClient:
        """Start the program `command`. Raises UserError if it cannot be started."""
        peer = SubprocessPeer(command, cwd, environment)
        return cls(peer, name or Path(command[0]).name, deadlines)

    def __enter__(self) -> GtpClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Talking

    def ask(self, line: str, timeout_s: float | None = None) -> str:
        """The text of the answer to the command `line`. Raises EngineRefused for `?`."""
        answer = self.attempt(line, timeout_s)
        if not answer.ok:
            raise EngineRefused(self.name, line, answer.text)
        return answer.text

    def attempt(self, line: str, timeout_s: float | None = None) -> Response:
        """The answer, `?` or not; `timeout_s` overrides the deadline that the command's name has."""
        name = _name_in(line)
        if self._closed:
            raise EngineGone(self.name, line, None)
        if not timeout_s:
            timeout_s = self._deadlines.of(name) if self._started else self._deadlines.start_s
        noise: list[str] = []
        try:
            if self._unread or self._peer.has_said():
                self._check_silence(line, noise)
            self._peer.send(line)
            answer = self._receive_answer(line, timeout_s, noise)
        except TimeoutError:
            self._fail(EngineTimeout(self.name, line, timeout_s))
        except PeerClosedError:
            self._fail_gone(line, noise)
        self._started = True
        return answer

    def _check_silence(self, line: str, noise: list[str]) -> None:
        """Between two commands nothing may look like an answer: it would be taken for the next one."""
        while self._unread or self._peer.has_said():
            said = self._next_line(0)
            if starts_answer(said):
                self._fail(NotGtp(self.name, line, said))
            noise.append(said)
            if len(noise) >= _MOST_NOISE:
                self._fail(NotGtp(self.name, line, noise[0]))

    def _next_line(self, timeout_s: float) -> str:
        if not self._unread:
            self._unread.extend(self._peer.receive_lines(timeout_s))
        return self._unread.popleft()

    def _receive_answer(self, line: str, timeout_s: float, noise: list[str]) -> Response:
        """The next answer; what comes before is added to `noise`."""
        end = time.monotonic() + timeout_s
        arrived = self._peer.receive_lines(timeout_s)
        if len(arrived) == 2 and not arrived[1] and starts_answer(arrived[0]):
            return _answer_in(arrived[0])  # as nearly always
        self._unread.extend(arrived)
        lines: list[str] = []
        while True:
            said = self._next_line(end - time.monotonic())
            is_empty = not said or said.isspace()
            if lines and is_empty:
                return parse_answer(lines)
            if lines or starts_answer(said):
                lines.append(said)
            elif not is_empty:
                noise.append(said)
            if len(noise) > _MOST_NOISE or len(lines) > _MOST_ANSWER_LINES:
                self._fail(NotGtp(self.name, line, said))

    def _fail_gone(self, line: str, noise: list[str]) -> NoReturn:
        """The program has ended; one that has said something, but never an answer, is no engine."""
        status = self._peer.wait(_LAST_WORDS_S)
        if noise and not self._started:
            self._fail(NotGtp(self.name, line, noise[0]))
        self.kill()
        last_words = self.stderr_text().strip().rpartition("\n")[2]
        raise EngineGone(self.name, line, status, last_words) from None

    def _fail(self, error: EngineTimeout | NotGtp) -> NoReturn:
        self.kill()
        raise error from None

    def close(self) -> None:
        """Say quit, wait as long as the deadline allows, then kill whatever is left. May be called again."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(PeerClosedError):  # it may have ended by itself
            self._peer.send("quit")
        self._peer.close(self._deadlines.quit_s)

    def kill(self) -> None:
        """End the program now, whatever it is doing. May be called again."""
        if not self._closed:
            self._closed = True
            self._peer.close(0)

    def stderr_text(self, since: int = 0) -> str:
        """Text that the engine wrote to standard error, from a mark on; the last part of it if that is much."""
        return self._peer.stderr_text(since)

    # Go

    def knows(self, command: str) -> bool:
        """Tell whether the engine knows `command`; asked once."""
        if command not in self._known:
            answer = self.attempt(f"known_command {command}")
            self._known[command] = answer.ok and answer.text.strip().lower() == "true"
        return self._known[command]

    def new_game(self, size: int, komi: float) -> None:
        """An empty board."""
        self._size = size
        self.ask(f"boardsize {size}")
        self.ask("clear_board")
        self.ask(f"komi {float(komi)}")

    def play(self, colour: Colour, move: int) -> None:
        self.ask(f"play {colour.letter} {format_vertex(move, self._size)}")

    def genmove(self, colour: Colour, timeout_s: float | None = None) -> Move:
        """The engine's move, which it has played. Raises MalformedMove if its answer is none."""
        line = f"genmove {colour.letter}"
        text = self.ask(line, timeout_s).strip()
        if text.lower() == "resign":
            return RESIGN
        try:
            return parse_vertex(text, self._size)
        except ValueError as error:
            raise MalformedMove(self.name, line, text) from error

    def heatmap(self, symmetry: Symmetry = 0) -> Heatmap:
        """The network's policy as Leela Zero shows it, under a symmetry.

        leelaz must not run with `--quiet`: it would print nothing. Raises EngineTimeout if no table comes.
        """
        line, mark = f"heatmap {symmetry}", self._peer.stderr_mark()
        self.ask(line)
        end = time.monotonic() + self._deadlines.command_s
        while True:  # the table comes by another pipe, and may come after the answer
            try:
                return parse_heatmap(self.stderr_text(mark), self._size)
            except ValueError:
                if time.monotonic() > end:
                    self._fail(EngineTimeout(self.name, line, self._deadlines.command_s))
                time.sleep(_STDERR_POLL_S)
