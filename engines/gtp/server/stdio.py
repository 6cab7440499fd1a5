"""A process's standard streams, given over to a protocol."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from engines.gtp.server.error_stream import ErrorStream

STDIN, STDOUT, STDERR = 0, 1, 2


@contextmanager
def protocol_streams() -> Iterator[tuple[BinaryIO, BinaryIO, ErrorStream]]:
    """Standard input, the former standard output, standard error; the parent may have closed any of them.

    Inside, what anything else prints goes to standard error.
    """
    # not sys.stdin's own buffer: Python would wait at its end for a thread that reads it
    input_stream = open(STDIN, "rb", closefd=False) if sys.stdin else io.BytesIO()  # noqa: SIM115
    has_stderr = sys.stderr is not None
    with open(os.dup(STDOUT), "wb") as output_stream:  # noqa: PTH123  (a descriptor, not a path)
        elsewhere = os.dup(STDERR) if has_stderr else os.open(os.devnull, os.O_WRONLY)
        os.dup2(elsewhere, STDOUT)
        os.close(elsewhere)
        log = ErrorStream(io.FileIO(STDERR, "w", closefd=False) if has_stderr else None)
        try:
            yield input_stream, output_stream, log
        finally:
            _close_quietly(output_stream)


def _close_quietly(stream: BinaryIO) -> None:
    try:
        stream.close()
    except OSError:
        return  # nobody reads what was still to be said
