"""What each client's session with our server looks like, line by line, kept as golden files."""

from __future__ import annotations

import contextlib
import os
import sys
from itertools import groupby

import pytest

from engines.gtp_check.clients import CLIENTS, Client
from engines.gtp_check.conversation import Conversation, SessionOverError
from engines.gtp_check.engine import CheckedEngine
from tests.support.golden_files import Golden
from tests.support.paths import ROOT

SERVER = [sys.executable, "-m", "tests.support.fakes.random_engine", "1"]
WIDTH = 100


class Recorded(CheckedEngine):
    """Keeps what was said: `>` by the client, `<` by the engine."""

    def __init__(self) -> None:
        super().__init__(SERVER, cwd=ROOT, environment={**os.environ, "PYTHONPATH": str(ROOT)})
        self.lines: list[str] = []

    def send(self, line: str) -> None:
        self.lines.append(f"> {line}")
        super().send(line)

    def receive(self, timeout_s: float) -> str:
        line = super().receive(timeout_s)
        self.lines.append(f"< {line}")
        return line

    def receive_lines(self, timeout_s: float) -> list[str]:
        lines = super().receive_lines(timeout_s)
        self.lines += [f"< {line}" for line in lines]
        return lines


def shown(lines: list[str]) -> str:
    """The conversation with long lines cut, and of an analysis one report, but none that came after it was stopped."""
    text: list[str] = []
    for is_report, group in groupby(lines, lambda line: line.startswith("< info")):
        if is_report and text[-1].startswith(">"):
            continue
        kept = list(group)[: 1 if is_report else None]
        text += [line.rstrip() if len(line) <= WIDTH else line[:WIDTH] + "..." for line in kept]
    return "\n".join(text) + "\n"


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_a_clients_session_word_for_word(client: Client, golden: Golden) -> None:
    engine = Recorded()
    talk = Conversation(engine, client.quirks, 9, 30)
    with contextlib.suppress(SessionOverError):
        client.session(talk)
    engine.close(5)
    assert not [finding for finding in talk.findings if finding.severity.value == "BREAKS"]
    golden.check_text(f"clients/{client.name}.txt", shown(engine.lines))
