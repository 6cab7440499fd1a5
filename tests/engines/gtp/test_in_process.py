"""An engine in this process, as whoever speaks to it by pipes would see it."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Sequence

import pytest

from engines.gtp.client.client import Deadlines, GtpClient
from engines.gtp.engine import Move, Reports, Restriction, Stop, never
from engines.gtp.errors import EngineGone, EngineTimeout
from engines.gtp.protocol import Response, parse_command
from engines.gtp.server.error_stream import ErrorStream
from engines.gtp.server.in_process import EnginePeer
from engines.gtp.server.server import GtpServer
from lzeval.go.colour import Colour
from tests.support.fakes.random_engine import RandomEngine
from tournaments.games.faults import Fault, fault_of

COMMANDS = """
protocol_version|name|version|known_command genmove|known_command tickle|list_commands|boardsize 9|boardsize 99
clear_board|komi 6.5|komi x|play b C3|play w C3|play b|play b Z9|genmove b|genmove w|undo|final_score|fixed_handicap 2
final_status_list dead|gomill-explain_last_move|gomill-describe_engine|showboard|tickle|time_left b 3 1|lz-analyze b 5
gomill-genmove_ex b claim
"""
SENTENCES = [line for part in COMMANDS.split("\n") for line in part.split("|") if line]


def peer(engine: RandomEngine | None = None, **others: object) -> EnginePeer:
    return EnginePeer(engine or RandomEngine(9), name="r", version="1", **others)  # type: ignore[arg-type]


def client(peer: EnginePeer) -> GtpClient:
    return GtpClient(peer, "engine", Deadlines(move_s=0.5, command_s=0.5))


@pytest.mark.parametrize("seed", range(4))
def test_it_says_what_the_server_says(seed: int) -> None:
    """The judge is the server of `lzeval gtp`, over another engine of the same seed."""
    server = GtpServer(
        lambda: RandomEngine(9), io.BytesIO(), io.BytesIO(), ErrorStream(None), name="r", version="1"
    )
    chosen = random.Random(seed).choices([s for s in SENTENCES if "analyze" not in s], k=60)
    with client(peer()) as asked:
        for sentence in chosen:
            command = parse_command(sentence)
            assert command is not None
            wanted = server.answer(command)
            assert isinstance(wanted, Response)
            found = asked.attempt(sentence)
            assert (found.ok, found.text.rstrip()) == (wanted.ok, wanted.text.rstrip()), sentence


def test_an_analysis_ends_with_its_first_report() -> None:
    with client(peer()) as asked:
        assert asked.ask("lz-analyze b 5").count("info move A1") == 1
        assert asked.ask("name") == "r"


class Spoilt(RandomEngine):
    """Goes wrong while it looks for a move."""

    def __init__(self, problem: Exception) -> None:
        super().__init__(9)
        self._problem = problem

    def _draw(self, colour: Colour) -> Move:  # noqa: ARG002
        raise self._problem


@pytest.mark.parametrize(
    ("problem", "fault"), [(ZeroDivisionError("oh"), Fault.CRASH), (MemoryError(), Fault.MEMORY)]
)
def test_an_exception_is_the_end_of_the_engine(problem: Exception, fault: Fault) -> None:
    engine = Spoilt(problem)
    spoken_to = peer(engine)
    asked = client(spoken_to)
    assert asked.ask("name") == "r"
    with pytest.raises(EngineGone) as caught:
        asked.ask("genmove b")
    assert fault_of(caught.value, spoken_to.stderr_text(), was_ready=True) is fault
    assert "in genmove" in spoken_to.stderr_text()
    assert spoken_to.wait(0) == 1
    assert engine.closed
    with pytest.raises(EngineGone):
        asked.ask("name")


def test_a_network_that_does_not_answer_makes_it_hang() -> None:
    spoken_to = peer(Spoilt(TimeoutError()))
    with pytest.raises(EngineTimeout) as caught:
        client(spoken_to).ask("genmove b")
    assert fault_of(caught.value, "", was_ready=True) is Fault.HANG


class Endless(RandomEngine):
    """Thinks until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(9)
        self.thinks = threading.Event()

    def genmove(
        self,
        colour: Colour,  # noqa: ARG002
        stop: Stop = never,
        reports: Reports | None = None,  # noqa: ARG002
        restrictions: Sequence[Restriction] = (),  # noqa: ARG002
    ) -> Move:
        self.thinks.set()
        while not stop():
            pass
        return 0


def test_a_strike_ends_a_search_and_the_engine() -> None:
    engine = Endless()
    spoken_to = peer(engine)

    def kill() -> None:
        engine.thinks.wait(10)
        spoken_to.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(EngineGone):
        client(spoken_to).ask("genmove b")
    thread.join()
    assert spoken_to.wait(0) == -9


def test_the_monitor_is_held_by_commands_and_let_go_of_after_each() -> None:
    monitor = threading.Lock()
    released: list[int] = []
    spoken_to = peer(lock=monitor, release=lambda: released.append(1))
    with client(spoken_to) as asked:
        assert asked.ask("name") == "r"
        assert not monitor.locked()
        monitor.acquire()
        threading.Timer(0.2, monitor.release).start()
        assert asked.ask("genmove b")
    assert released == [1]
    spoken_to.close(0)
    assert released == [1]


def test_a_conversation_can_be_written_down() -> None:
    said: list[str] = []
    spoken_to = peer()
    with client(spoken_to) as asked:
        spoken_to.log_to(said.append)
        asked.ask("name")
        spoken_to.log_to(None)
        asked.ask("version")
    assert said == [">> name\n", "<< = r\n", "<< \n"]


def test_its_time_is_that_of_its_own_commands_and_its_desk() -> None:
    spoken_to = peer(search_s=lambda: 7.0)
    with client(spoken_to) as asked:
        asked.ask("genmove b")
        assert 7.0 < spoken_to.own_cpu_s < 8.0
