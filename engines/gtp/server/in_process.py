"""An engine of this process behind the interface of a program at the other end of pipes.

Commands go through the same table as those of `lzeval gtp`, and are done on the thread that sends them.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from engines.gtp.client.pipes import PeerClosedError, StderrLog
from engines.gtp.engine import Engine
from engines.gtp.errors import LOST_TOGETHER, EngineTimeout, LostTogether
from engines.gtp.protocol import Command, Response, format_answer, format_line, parse_command
from engines.gtp.server.command_table import CommandTable, Streaming
from engines.gtp.server.commands import COMMANDS
from engines.gtp.server.error_stream import ErrorStream
from engines.gtp.server.session import GtpSession
from lzeval.errors import EngineError, IllegalMoveError, LzevalError

CRASHED, KILLED = 1, -9
"""Exit statuses, as a program of its own would have had them."""


class EnginePeer:
    """A `Peer`. What goes wrong in the engine ends it, as it would end a program; a TimeoutError makes it hang."""

    def __init__(
        self,
        engine: Engine,
        *,
        name: str,
        version: str,
        tell_searches: bool = False,
        lock: AbstractContextManager[object] | None = None,
        commands: CommandTable = COMMANDS,
        search_s: Callable[[], float] = float,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        """`lock` is held while a command is at work.

        `search_s` tells the time in seconds that somebody else has worked for the engine; `release` is called once, at
        the end.
        """
        self.is_closed = False
        self._log: Callable[[str], None] | None = None
        self._sender_s = 0.0
        """Processor time of the threads that have sent commands."""
        self._search_s = search_s
        self._engine = engine
        self._commands = commands
        self._lock = lock or nullcontext()
        self._release = release
        self._stderr = StderrLog()
        self._session = GtpSession(lambda: engine, name, version, _Notes(self._stderr))
        self._session.tells_searches = tell_searches
        self._session.interrupted = lambda: self._status is not None
        self._session.input_waiting = lambda: True  # an analysis ends with its first report
        self._lines: list[str] = []
        self._status: int | None = None
        self._late: EngineTimeout | None = None
        """Why a command will not be answered."""
        self._closing = threading.Lock()

    @property
    def own_cpu_s(self) -> float:
        """Processor time that the engine has taken, in seconds."""
        return self._sender_s + self._search_s()

    @property
    def pid(self) -> int:
        return os.getpid()

    def log_to(self, log: Callable[[str], None] | None) -> None:
        """Write the conversation down from here on, or no longer."""
        self._log = log

    def send(self, line: str) -> None:
        """Do the command. Raises PeerClosedError if the engine has ended."""
        if self._log is not None:
            self._log(f">> {line}\n")
        if self._status is not None:
            raise PeerClosedError
        command = parse_command(line)
        if command is None:
            return
        began_s = time.thread_time()
        try:
            with self._lock:
                text = self._answer(command)
        except TimeoutError:
            pass  # without an answer it counts as hanging
        except EngineTimeout as error:  # the engine leans on a program, which hangs
            self._late = error
        except EngineError as error:  # it has lost that program
            self._stderr.add(f"{str(error).removeprefix(f'{error.engine}: ')}\n")
            self._status = LOST_TOGETHER if isinstance(error, LostTogether) else CRASHED
        except Exception as error:
            self._stderr.add("".join(traceback.format_exception(error)))
            self._status = CRASHED
        else:
            self._lines += text.split("\n")[:-1]
        finally:
            self._sender_s += time.thread_time() - began_s

    def _answer(self, command: Command) -> str:
        try:
            said = self._commands[command.name].run(self._session, command.args)
            if isinstance(said, Streaming):
                lines = [f"={command.id or ''}\n"]
                said.run(lambda line: lines.append(format_line(line)))
                return "".join([*lines, "\n"])
        except EngineError:
            raise
        except IllegalMoveError:
            return format_answer(Response(False, "illegal move", command.id))
        except LzevalError as error:
            return format_answer(Response(False, str(error), command.id))
        return format_answer(Response(True, said, command.id))

    def has_said(self) -> bool:
        return bool(self._lines) or self._status is not None

    def receive_lines(self, timeout_s: float) -> list[str]:  # noqa: ARG002  (what is to be said has been said already)
        if self._status is not None:
            raise PeerClosedError
        if self._late is not None:
            raise self._late
        if not self._lines:
            raise TimeoutError
        lines, self._lines = self._lines, []
        if self._log is not None:
            for line in lines:
                self._log(f"<< {line}\n")
        return lines

    def stderr_text(self, since: int = 0) -> str:
        return self._stderr.text(since)

    def stderr_mark(self) -> int:
        return self._stderr.mark()

    def wait(self, timeout_s: float) -> int | None:  # noqa: ARG002  (it has ended, or nothing will end it)
        return self._status

    def close(self, timeout_s: float) -> None:  # noqa: ARG002
        with self._closing:
            if self.is_closed:
                return
            self.is_closed = True
        if self._status is None:
            self._status = 0
        with self._lock:
            self._engine.close()
        self._release()

    def kill(self) -> None:
        """End, from another thread: a search under way stops, and no answer is given any more."""
        self._status = KILLED


class _Notes(ErrorStream):
    """Standard error that is kept instead of written."""

    def __init__(self, log: StderrLog) -> None:
        super().__init__(None)
        self._log = log

    def write(self, text: str) -> None:
        self._log.add(text)
