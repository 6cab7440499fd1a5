from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.gtp.client.pipes import (
    LONGEST_LINE,
    Errors,
    LoggedOutput,
    Output,
    PeerClosedError,
    PolledErrors,
    PolledOutput,
    ThreadedErrors,
    ThreadedOutput,
)

OUTPUTS: list[Callable[[IO[bytes]], Output]] = [ThreadedOutput]
ERRORS: list[Callable[[IO[bytes]], Errors]] = [ThreadedErrors]
if sys.platform != "win32":
    OUTPUTS.append(PolledOutput)
    ERRORS.append(PolledErrors)


class Writer:
    """The program's end of the pipe."""

    def __init__(self) -> None:
        reading, self._number = os.pipe()
        self.pipe = os.fdopen(reading, "rb")

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._number, data) :]

    def end(self) -> None:
        with suppress(OSError):
            os.close(self._number)


@pytest.fixture
def writer() -> Iterator[Writer]:
    writer = Writer()
    yield writer
    writer.end()


def all_lines(output: Output, timeout_s: float = 5.0) -> list[str]:
    lines = []
    with suppress(PeerClosedError):
        while True:
            lines.append(output.receive(timeout_s))
    return lines


@pytest.mark.parametrize("kind", OUTPUTS)
def test_lines_come_one_by_one_and_then_the_end(kind: Callable[[IO[bytes]], Output], writer: Writer) -> None:
    output = kind(writer.pipe)
    writer.write("= C3\r\n\n\n= größer\r\r\nunended".encode())
    writer.end()
    assert all_lines(output) == ["= C3", "", "", "= größer", "unended"]
    assert output.has_said(), "the end can be received, too"
    with pytest.raises(PeerClosedError):
        output.receive_lines(0)
    assert output.finish(1)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_a_deadline_holds_while_a_line_is_growing(
    kind: Callable[[IO[bytes]], Output], writer: Writer
) -> None:
    """Whoever says a letter now and then has not answered."""
    output = kind(writer.pipe)
    stop = threading.Event()

    def dribble() -> None:
        while not stop.wait(0.03):
            writer.write(b".")

    thread = threading.Thread(target=dribble)
    thread.start()
    began_s = time.monotonic()
    with pytest.raises(TimeoutError):
        output.receive(0.3)
    assert 0.25 < time.monotonic() - began_s < 3
    stop.set()
    thread.join()
    writer.write(b"\nnext\n")
    assert set(output.receive(5)) == {"."}
    assert output.receive(5) == "next"
    with pytest.raises(TimeoutError):
        output.receive(0)
    assert not output.has_said()
    writer.end()
    assert output.finish(5)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_a_line_without_end_comes_in_pieces(kind: Callable[[IO[bytes]], Output], writer: Writer) -> None:
    output = kind(writer.pipe)
    length = 2 * LONGEST_LINE + 1234
    thread = threading.Thread(target=lambda: (writer.write(b"x" * length), writer.end()))  # type: ignore[func-returns-value]
    thread.start()
    lines = all_lines(output)
    thread.join()
    assert len(lines) == 3
    assert sum(map(len, lines)) == length
    assert output.finish(5)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_somebody_who_holds_the_pipe_is_noticed(kind: Callable[[IO[bytes]], Output], writer: Writer) -> None:
    output = kind(writer.pipe)
    writer.write(b"some\nmore")
    assert not output.finish(0.1)
    writer.end()
    assert output.finish(5)
    assert writer.pipe.closed
    assert output.finish(0), "again"


@pytest.mark.parametrize("kind", OUTPUTS)
def test_what_is_received_can_be_logged(kind: Callable[[IO[bytes]], Output], writer: Writer) -> None:
    said: list[str] = []
    output = LoggedOutput(kind(writer.pipe), said.append)
    writer.write(b"= 1\n\n= 2\n\n")
    writer.end()
    received = [output.receive(5)]
    with suppress(PeerClosedError):
        while True:
            received += output.receive_lines(5)
    assert received == said == ["= 1", "", "= 2", ""]
    assert output.has_said()
    assert output.finish(5)


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_are_read_all_the_time(kind: Callable[[IO[bytes]], Errors], writer: Writer) -> None:
    """More than any pipe holds, and nobody asks; what was written before a mark lies before it."""
    errors = kind(writer.pipe)
    for number in range(40_000):
        writer.write(f"warning {number}\n".encode())
    if kind is not ThreadedErrors:  # which cannot know what is still on its way
        errors.catch_up()
        assert errors.log.text().endswith("warning 39999\n")
        mark = errors.log.mark()
        writer.write(b"new\n")
        errors.catch_up()
        assert errors.log.text(mark) == "new\n"
    writer.write(b"last words")
    writer.end()
    assert errors.finish(5)
    assert errors.log.text().endswith("last words\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot poll pipes")
@given(data=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=6))
@settings(deadline=None, max_examples=300)
def test_it_does_not_matter_how_output_is_cut(data: bytes, cuts: list[int]) -> None:
    writer = Writer()
    output = PolledOutput(writer.pipe)
    lines: list[str] = []
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, end in pairwise(places):
        writer.write(data[start:end])
        with suppress(TimeoutError):
            while True:
                lines.append(output.receive(0))
    writer.end()
    lines += all_lines(output)
    *expected, rest = data.split(b"\n")
    expected += [rest] if rest else []
    assert lines == [line.decode("utf-8", "replace").rstrip("\r") for line in expected]
    assert output.finish(1)
