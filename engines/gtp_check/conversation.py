"""One client's conversation with the engine: commands out, answers in, and notes of what the client cannot bear."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from engines.gtp.client.pipes import PeerClosedError
from engines.gtp.protocol import parse_answer, starts_answer
from engines.gtp_check.analysis import LineCheck
from engines.gtp_check.engine import CheckedEngine
from engines.gtp_check.findings import Effect, Finding, breaks
from lzeval.go.points import parse_vertex

_MOST_LINES = 5000
"""Lines of noise, or of one answer; an engine that says more is taken for broken."""
_SETTLE_S = 0.3
"""Time for what nobody has asked for to arrive."""
_STOP_S = 1.0
"""An analysis that goes on longer after input makes its user wait."""
_LONGEST_QUOTE = 160


class SessionOverError(Exception):
    """The client can do nothing more with this engine; why is among the findings."""


@dataclass(frozen=True)
class ClientQuirks:
    """A client's way of writing commands and reading answers."""

    numbered: bool = False
    """True if it puts an id before each command."""
    line_end: str = ""
    """Characters that it writes before the line feed."""
    silence: str = "waits for ever"
    """Its reaction to a missing answer."""
    noise: Effect | None = None
    """Its reaction to a line that belongs to no answer; None where it passes over it."""
    blank: Effect | None = None
    """The same for an empty line between answers."""
    wrong_id: Effect = field(default_factory=lambda: breaks("cannot tell which command was answered"))
    """Its reaction where the id of its command is not sent back."""


@dataclass(frozen=True)
class Sent:
    """A command on its way."""

    line: str
    """The line as it was written, with its id."""
    id: str | None


@dataclass(frozen=True)
class Reply:
    """An answer, and the command that it answers."""

    sent: Sent
    ok: bool
    """`=` rather than `?`."""
    text: str

    @property
    def quoted(self) -> str:
        """The text as it came, on one line."""
        return f"{'=' if self.ok else '?'}{self.sent.id or ''} {self.text}".strip().replace("\n", " / ")


class Conversation:
    """The means to write a session with. Every method notes what it finds; none raises but SessionOverError."""

    def __init__(self, engine: CheckedEngine, quirks: ClientQuirks, size: int, timeout_s: float) -> None:
        self.size = size
        self.findings: list[Finding] = []
        self.commands: frozenset[str] = frozenset()
        """Commands that the engine says it knows, once `list_commands` has been called."""
        self._engine = engine
        self._quirks = quirks
        self._timeout_s = timeout_s
        self._last_id = 0
        self._sent_last = Sent("", None)
        self._kept: str | None = None
        self._has_been_noisy = False
        self._has_been_blank = False

    # Asking

    def ask(self, command: str, refused: Effect | None = None) -> Reply:
        """Send one command and wait. A `?` is a finding where `refused` says what it does to the client."""
        return self.pipeline([command], refused)[0]

    def pipeline(
        self, commands: Sequence[str], refused: Effect | None = None, *, comment: str = ""
    ) -> list[Reply]:
        """Send several commands before the first is answered; before them, a `comment`, which has no answer."""
        self._note_what_nobody_asked_for()
        if comment:
            self._write(comment)
        return [self._answer(sent, refused) for sent in [self._send(command) for command in commands]]

    def ask_for_move(self, command: str, no_move: Effect, *, comment: str = "") -> None:
        """`genmove` and its relatives: the answer has to be a move."""
        [answer] = self.pipeline([command], no_move, comment=comment)
        if answer.ok:
            self.expect(self._is_move(answer.text), answer, no_move)

    def list_commands(self, refused: Effect | None = None) -> None:
        """Ask for the table of commands and keep it."""
        self.keep_commands(self.ask("list_commands", refused))

    def keep_commands(self, answer: Reply) -> None:
        if answer.ok:
            self.commands = frozenset(line.strip() for line in answer.text.splitlines())

    def expect(self, holds: bool, answer: Reply, otherwise: Effect) -> None:
        """Note the answer to the last command unless it is what the client needs."""
        if not holds:
            self.note(otherwise, answer.quoted, answer.sent.line)

    def note(self, effect: Effect, received: str, about: str) -> None:
        """Add a finding about a command as it was sent, or about whatever else `about` names."""
        self.findings.append(Finding(effect.severity, about, _shortened(received), effect.then))

    # Analysis

    def analyse(
        self,
        command: str,
        stop: str,
        check: LineCheck,
        *,
        refused: Effect,
        unreadable: Effect,
        unclosed: Effect | None,
        slow: Effect,
    ) -> None:
        """Start an analysis, wait for its first line, and stop it with the command `stop`.

        `unreadable` is for a line that `check` objects to and for there being none, `unclosed` for a missing
        empty line at the end, `slow` for an analysis that outlives the command by more than a second.
        """
        self._note_what_nobody_asked_for()
        sent = self._send(command)
        if not self._begins(sent, refused):
            return
        line = self._first_info(sent, unreadable)
        if not line:
            return
        if problem := check(line, self.size):
            self.note(unreadable, f"{problem}: {line}", sent.line)
        self._stop_analysis(sent, stop, unclosed, slow)

    def _begins(self, sent: Sent, refused: Effect) -> bool:
        """Read the `=` of an analysis; a `?` is read to its end and noted."""
        answer = self._parsed(sent, [self._first_line(sent, self._deadline())])
        if not answer.ok:
            while self._receive(sent, self._deadline()):
                pass
            self.note(refused, answer.quoted, sent.line)
        return answer.ok

    def _first_info(self, sent: Sent, missing: Effect) -> str:
        end = self._deadline()
        for _ in range(_MOST_LINES):
            line = self._receive(sent, end, "no line of analysis")
            if line.startswith("info "):
                return line
            if not line:
                self.note(missing, "the analysis ended without a line", sent.line)
                return ""
        raise self._over(sent, f"{_MOST_LINES} lines that are no analysis, the last: {line}")

    def _stop_analysis(self, analysis: Sent, stop: str, unclosed: Effect | None, slow: Effect) -> None:
        stopped, began = self._send(stop), time.monotonic()
        end = self._deadline()
        line = "info"
        while line and not starts_answer(line):
            line = self._receive(analysis, end, f"the analysis goes on after `{stopped.line}`")
        if time.monotonic() - began > _STOP_S:
            self.note(slow, f"the analysis went on for {time.monotonic() - began:.1f} s", stopped.line)
        if line:
            self._kept = line
            if unclosed is not None:
                self.note(unclosed, f"no empty line between the analysis and `{line}`", stopped.line)
        self._answer(stopped, None)

    def genmove_analyse(self, command: str, check: LineCheck, unreadable: Effect, no_move: Effect) -> None:
        """A search that reports while it runs and ends with `play VERTEX`."""
        self._note_what_nobody_asked_for()
        sent = self._send(command)
        if not self._begins(sent, no_move):
            return
        played, end = "", self._deadline()
        for _ in range(_MOST_LINES):
            line = self._receive(sent, end, "a search without an empty line at its end")
            if not line:
                break
            if line.startswith("play "):
                played = line
            elif line.startswith("info ") and (problem := check(line, self.size)):
                self.note(unreadable, f"{problem}: {line}", sent.line)
                check = _anything
        if not self._is_move(played.removeprefix("play ")):
            self.note(no_move, played or "no line `play VERTEX`", sent.line)

    # Ending

    def quit(self, within_s: float, silent: Effect | None, stays: Effect) -> None:
        """Say quit; `silent` is for no answer in time, `stays` for a program that has not ended by then."""
        self._note_what_nobody_asked_for(wait_s=_SETTLE_S)
        sent, end = self._send("quit"), time.monotonic() + within_s
        try:
            while not starts_answer(self._engine.receive(end - time.monotonic())):
                pass
        except (TimeoutError, PeerClosedError):
            if silent is not None:
                self.note(silent, "no answer", sent.line)
        if self._engine.wait(max(end - time.monotonic(), 0)) is None:
            self.note(stays, f"the program still runs after {within_s:g} s", sent.line)

    def end_input(self, within_s: float, stays: Effect) -> None:
        """Close the engine's input without a word."""
        self._note_what_nobody_asked_for(wait_s=_SETTLE_S)
        self._engine.end_input()
        if self._engine.wait(within_s) is None:
            self.note(stays, f"the program still runs {within_s:g} s later", "(the end of the input)")

    def stderr_lines(self) -> list[str]:
        """The last lines of standard error."""
        return self._engine.stderr_text().splitlines()

    @property
    def stderr_count(self) -> int:
        """The number of lines of standard error so far."""
        return self._engine.stderr_mark()

    # The wire

    def _deadline(self) -> float:
        return time.monotonic() + self._timeout_s

    def _send(self, command: str) -> Sent:
        identity = None
        if self._quirks.numbered:
            self._last_id += 1
            identity = str(self._last_id)
        self._sent_last = Sent(f"{identity} {command}" if identity else command, identity)
        self._write(self._sent_last.line)
        return self._sent_last

    def _write(self, line: str) -> None:
        try:
            self._engine.send(line + self._quirks.line_end)
        except PeerClosedError:
            raise self._over(self._sent_last, self._how_it_ended(), "has lost its engine") from None

    def _answer(self, sent: Sent, refused: Effect | None) -> Reply:
        end = self._deadline()
        lines = [self._first_line(sent, end)]
        while said := self._receive(sent, end, "an answer without an empty line at its end"):
            lines.append(said)
            if len(lines) > _MOST_LINES:
                raise self._over(sent, f"an answer of more than {_MOST_LINES} lines")
        answer = self._parsed(sent, lines)
        if not answer.ok and refused is not None:
            self.note(refused, answer.quoted, sent.line)
        return answer

    def _first_line(self, sent: Sent, end: float) -> str:
        """The next line that can begin an answer; what comes before is noise."""
        for _ in range(_MOST_LINES):
            said = self._receive(sent, end)
            if starts_answer(said):
                return said
            self._note_noise(sent, said)
        raise self._over(sent, f"{_MOST_LINES} lines that are no answer, the last: {said}")

    def _note_noise(self, sent: Sent, said: str) -> None:
        """Note the first line of noise, and the first empty one: they tend to come in crowds."""
        if said and self._quirks.noise is not None and not self._has_been_noisy:
            self.note(self._quirks.noise, f"{said!r}, which belongs to no answer", sent.line)
        if not said and self._quirks.blank is not None and not self._has_been_blank:
            self.note(self._quirks.blank, "an empty line that ends no answer", sent.line)
        self._has_been_noisy |= bool(said)
        self._has_been_blank |= not said

    def _note_what_nobody_asked_for(self, wait_s: float = 0.0) -> None:
        end = time.monotonic() + wait_s
        try:
            for _ in range(_MOST_LINES):
                said = self._engine.receive(end - time.monotonic())
                if starts_answer(said):
                    raise self._over(
                        self._sent_last, f"a second answer: {said}", "takes it for the next command's"
                    )
                self._note_noise(self._sent_last, said)
        except (TimeoutError, PeerClosedError):
            return
        raise self._over(self._sent_last, f"{_MOST_LINES} lines that nobody asked for, the last: {said}")

    def _parsed(self, sent: Sent, lines: list[str]) -> Reply:
        """The answer, whose id has to be the command's; who sends no ids takes one for text."""
        answer = parse_answer(lines)
        if not self._quirks.numbered:
            return Reply(sent, answer.ok, f"{answer.id or ''} {answer.text}".strip())
        if answer.id != sent.id:
            self.note(self._quirks.wrong_id, f"`{lines[0]}`, where the id should be {sent.id}", sent.line)
            raise SessionOverError
        return Reply(sent, answer.ok, answer.text)

    def _receive(self, sent: Sent, end: float, problem: str = "no answer") -> str:
        if self._kept is not None:
            line, self._kept = self._kept, None
            return line
        try:
            if time.monotonic() > end:  # however much there is to read
                raise TimeoutError
            return self._engine.receive(end - time.monotonic())
        except TimeoutError:
            raise self._over(sent, f"{problem} within {self._timeout_s:g} s") from None
        except PeerClosedError:
            raise self._over(sent, self._how_it_ended(), "has lost its engine") from None

    def _how_it_ended(self) -> str:
        status = self._engine.wait(_SETTLE_S)
        last_words = self._engine.stderr_text().strip().rpartition("\n")[2]
        ended = (
            "the program closed its output" if status is None else f"the program ended with status {status}"
        )
        return f"{ended}, last saying {last_words!r}" if last_words else ended

    def _over(self, sent: Sent, received: str, then: str = "") -> SessionOverError:
        """Note what ends the session."""
        self.note(breaks(then or self._quirks.silence), received, sent.line)
        return SessionOverError()

    def _is_move(self, text: str) -> bool:
        if text.lower() == "resign":
            return True
        try:
            parse_vertex(text, self.size)
        except ValueError:
            return False
        return True


def _anything(_line: str, _size: int) -> str:
    return ""


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "..."
