"""Whatever a controller sends: the engine answers in GTP, goes on, and a refused command changes nothing."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.gtp.protocol import Response, format_answer, parse_command
from engines.gtp.server.command_table import Streaming
from engines.gtp.server.commands import COMMANDS
from engines.gtp.server.error_stream import ErrorStream
from engines.gtp.server.server import GtpServer
from engines.player.arguments import EngineArguments
from engines.player.player import NetworkPlayer
from tests.support.fakes.evaluators import HashEvaluator

SIZE = 5
ANSWER = re.compile(r"[=?][0-9]*(?: [^\n]*)?\n(?:[^\n]+\n)*\n")
WORDS = [
    "b",
    "W",
    "black",
    "red",
    "A1",
    "b2",
    "pass",
    "RESIGN",
    "I3",
    "Z25",
    "0",
    "1",
    "5",
    "-1",
    "26",
    "1000",
]
WORDS += [
    "9" * 400,
    "nan",
    "inf",
    "1e999",
    "0.5",
    "avoid",
    "allow",
    "interval",
    "minmoves",
    "A1:C3,pass",
    "true",
]
WORDS += [
    '{"ko":"SIMPLE"}',
    '{"suicide":true}',
    "tromp-taylor",
    "suicide",
    "fischer-capped",
    "{",
    "chinese",
    "japanese",
    "fischer",
    "byoyomi",
    "canadian",
    "dead",
    "average",
    "x.sgf",
]
NAMES = [entry.name for entry in COMMANDS if entry.name != "quit"]


def lines(seed: int) -> Iterator[bytes]:
    """Commands, sensible or not, some of them mangled, and noise."""
    chance = random.Random(seed)
    while True:
        kind = chance.random()
        if kind < 0.05:
            yield chance.randbytes(chance.randrange(80)).replace(b"\n", b"")
            continue
        words = [chance.choice(NAMES), *chance.choices(WORDS, k=chance.choice([0, 1, 1, 2, 2, 3, 4, 6]))]
        if kind < 0.2:
            words.insert(0, str(chance.randrange(10 ** chance.choice([1, 9, 300]))))
        line = bytearray(" ".join(words).encode())
        while kind < 0.5 and line and chance.random() < 0.6:
            at = chance.randrange(len(line))
            line[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        yield bytes(line).replace(b"\n", b" ")


def facts(server: GtpServer) -> object:
    """All of the state that a command can change."""
    session, engine = server._session, server._session.engine
    assert isinstance(engine, NetworkPlayer)
    return (
        list(session.moves),
        list(session.setup),
        list(engine.stones()),
        engine.komi,
        engine.rules,
        engine._clock.settings,
        dict(engine._clock._left),
    )


@pytest.mark.parametrize(
    "count", [1500, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_refused_commands_change_nothing_and_all_answers_are_gtp(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some commands write files
    errors = io.BytesIO()
    player = NetworkPlayer(HashEvaluator(SIZE), EngineArguments("net", visits=2, seed=1))
    server = GtpServer(lambda: player, io.BytesIO(), io.BytesIO(), ErrorStream(errors), name="x", version="1")
    server._session.input_waiting = lambda: True
    refused = 0
    for line, _ in zip(lines(count), range(count), strict=False):
        command = parse_command(line.decode("utf-8", "replace"))
        if command is None or command.name == "quit":
            continue
        before = facts(server)
        answer = server.answer(command)
        if isinstance(answer, Streaming):
            server._stream(command, answer)
            continue
        assert isinstance(answer, Response)
        text = format_answer(answer)
        assert ANSWER.fullmatch(text), (line, text)
        assert "internal error" not in text, (line, errors.getvalue().decode())
        if not answer.ok:
            refused += 1
            assert facts(server) == before, (line, text)
    assert refused > count / 10
    assert b"Traceback" not in errors.getvalue()
    output = server._output
    assert isinstance(output, io.BytesIO)
    assert re.fullmatch(f"(?:{ANSWER.pattern})*", output.getvalue().decode())
