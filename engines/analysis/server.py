"""The analysis engine over standard streams: every line in is one query, every line out one answer.

A thread reads, so that queries and terminations are seen while positions are searched; everything else happens on
one thread, between two batches.
"""

from __future__ import annotations

import json
import queue
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

from engines.analysis.engine import AnalysisEngine, QueryAnswer, Writer
from engines.gtp.protocol import UTF16, is_utf16
from engines.gtp.server.error_stream import ErrorStream
from engines.gtp.server.stdio import protocol_streams
from lzeval.errors import UserError


def serve(
    make_engine: Callable[[Writer], AnalysisEngine], source: BinaryIO, target: BinaryIO, log: ErrorStream
) -> None:
    """Answer until the input ends and all that was asked for is done, or until nobody reads the answers.

    Raises UserError, after an answer, where the input is UTF-16.
    """
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(source, lines), name="analysis-stdin", daemon=True).start()

    def write(answer: QueryAnswer) -> None:
        target.write(json.dumps(answer, allow_nan=False).encode() + b"\n")
        target.flush()

    with suppress(BrokenPipeError, KeyboardInterrupt):
        engine = make_engine(write)
        log.say("ready to begin handling requests")
        is_open = is_first = True
        while is_open or engine.is_busy:
            for line in _arrived(lines, wait=not engine.is_busy) if is_open else ():
                if line is None:
                    is_open = False
                elif is_first and is_utf16(line):
                    write({"error": UTF16})
                    raise UserError(UTF16)
                else:
                    _handle(engine, line, write, log)
                is_first = False
            engine.work()


def _handle(engine: AnalysisEngine, line: bytes, write: Writer, log: ErrorStream) -> None:
    """Let the engine take a line; a defect of ours costs that one and is told on the error stream."""
    try:
        engine.handle(line)
    except BrokenPipeError:
        raise
    except Exception as error:
        log.write("".join(traceback.format_exception(error)))
        write({"error": f"internal error: {type(error).__name__}: {error}"})


def _read(source: BinaryIO, lines: queue.SimpleQueue[bytes | None]) -> None:
    """Hand on lines, and None at their end."""
    with suppress(OSError, ValueError):
        for line in iter(source.readline, b""):
            lines.put(line)
    lines.put(None)


def _arrived(lines: queue.SimpleQueue[bytes | None], *, wait: bool) -> Iterator[bytes | None]:
    """The lines that are there; with `wait`, at least one."""
    with suppress(queue.Empty):
        yield lines.get(block=wait)
        while True:
            yield lines.get_nowait()


def serve_stdio(make_engine: Callable[[Writer], AnalysisEngine]) -> None:
    """Serve over this process's standard streams.

    From here on standard output is the protocol's alone: what anything else prints goes to standard error.
    """
    with suppress(BrokenPipeError), protocol_streams() as (source, target, log):
        serve(make_engine, source, target, log)
