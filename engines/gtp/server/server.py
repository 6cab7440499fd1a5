"""The engine's side of GTP: lines in, answers out, whatever happens in between."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from typing import BinaryIO

from engines.gtp.engine import Engine
from engines.gtp.protocol import UTF16, Command, Response, format_answer, format_line, is_utf16, parse_command
from engines.gtp.server.command_table import CommandTable, Streaming
from engines.gtp.server.commands import COMMANDS
from engines.gtp.server.error_stream import ErrorStream
from engines.gtp.server.input_reader import InputReader
from engines.gtp.server.session import GtpSession
from engines.gtp.server.stdio import protocol_streams
from lzeval.errors import IllegalMoveError, LzevalError, UserError


class GtpServer:
    """Answers commands until `quit` or the end of the input.

    `make_engine` is called at once on a thread of its own. Commands about the program are answered meanwhile;
    the first that needs the engine waits for it. If it fails, that is told once on the error stream, and
    every such command fails with the same reason.
    """

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        input_stream: BinaryIO,
        output_stream: BinaryIO,
        log: ErrorStream,
        *,
        name: str,
        version: str,
        commands: CommandTable = COMMANDS,
        ponder: bool = False,
        tell_searches: bool = False,
    ) -> None:
        self._input = input_stream
        self._output = output_stream
        self._log = log
        self._commands = commands
        self._ponders = ponder
        self._loaded: Future[Engine] = Future()
        self._session = GtpSession(self._loaded.result, name, version, log)
        self._session.tells_searches = tell_searches
        threading.Thread(target=self._load, args=(make_engine,), name="gtp-load", daemon=True).start()

    def _load(self, make_engine: Callable[[], Engine]) -> None:
        try:
            engine = make_engine()
        except Exception as error:
            self._tell(error)
            self._loaded.set_exception(error)
        else:
            self._loaded.set_result(engine)

    def _tell(self, error: Exception) -> None:
        """A line for what went wrong outside, a traceback for what is wrong with us."""
        if isinstance(error, LzevalError):
            self._log.say(str(error))
        else:
            self._log.write("".join(traceback.format_exception(error)))

    def serve(self) -> None:
        """Answer until `quit`, the end of the input or an interrupt, or until nobody reads the answers.

        Raises UserError, after a `?`, where the input is not even ASCII.
        """
        reader = InputReader(self._input)
        self._session.input_waiting, self._session.interrupted = reader.has_more, reader.is_interrupted
        is_first = True
        try:
            while True:
                self._ponder(reader)
                line = reader.take()
                if line is None:
                    break
                if is_first and is_utf16(line):
                    self._write(format_answer(Response(False, UTF16)))
                    raise UserError(UTF16)
                is_first = False
                command = parse_command(line.decode("utf-8", "replace"))
                if command is None:
                    continue
                self._reply(command)
                if command.name == "quit":
                    break
        except (KeyboardInterrupt, BrokenPipeError):
            pass
        finally:
            self._close_engine()

    def _ponder(self, reader: InputReader) -> None:
        """Think on the opponent's time until something comes."""
        if not (self._ponders and self._session.may_ponder) or reader.has_more():
            return
        try:
            self._session.engine.ponder(reader.has_more)
        except Exception as error:
            self._session.may_ponder = False
            self._tell(error)

    def _reply(self, command: Command) -> None:
        answer = self.answer(command)
        if isinstance(answer, Response):
            self._write(format_answer(answer))
        else:
            self._stream(command, answer)

    def _stream(self, command: Command, answer: Streaming) -> None:
        self._write(f"={command.id or ''}\n")
        try:
            answer.run(lambda line: self._write(format_line(line)))
        except BrokenPipeError:
            raise
        except Exception as error:
            self._tell(error)
        self._write("\n")

    def _write(self, text: str) -> None:
        self._output.write(text.encode("utf-8", "replace"))
        self._output.flush()

    def _close_engine(self) -> None:
        if self._loaded.done() and self._loaded.exception() is None:
            self._loaded.result().close()

    def answer(self, command: Command) -> Response | Streaming:
        """Do one command, or begin one that answers bit by bit. No exception leaves this method but an interrupt."""
        try:
            answer = self._commands[command.name].run(self._session, command.args)
            return answer if isinstance(answer, Streaming) else Response(True, answer, command.id)
        except IllegalMoveError:
            return Response(False, "illegal move", command.id)
        except LzevalError as error:
            return Response(False, str(error), command.id)
        except Exception as error:
            if not self._is_load_failure(error):
                self._tell(error)
            return Response(False, f"internal error: {type(error).__name__}: {error}", command.id)

    def _is_load_failure(self, error: Exception) -> bool:
        return self._loaded.done() and self._loaded.exception() is error


def serve_stdio(
    make_engine: Callable[[], Engine],
    *,
    name: str,
    version: str,
    ponder: bool = False,
    tell_searches: bool = False,
) -> None:
    """Serve over this process's standard streams.

    From here on standard output is the protocol's alone: what anything else prints goes to standard error.
    """
    with protocol_streams() as (input_stream, output_stream, log):
        GtpServer(
            make_engine,
            input_stream,
            output_stream,
            log,
            name=name,
            version=version,
            ponder=ponder,
            tell_searches=tell_searches,
        ).serve()
