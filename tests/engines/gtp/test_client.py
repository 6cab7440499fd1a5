from __future__ import annotations

import sys
import time
from collections import deque
from pathlib import Path

import pytest

from engines.gtp.client.client import Deadlines, GtpClient
from engines.gtp.client.pipes import PeerClosedError, StderrLog
from engines.gtp.client.transport import SubprocessPeer
from engines.gtp.engine import RESIGN
from engines.gtp.errors import EngineGone, EngineRefused, EngineTimeout, MalformedMove, NotGtp
from lzeval.errors import EngineError, UserError
from lzeval.go.colour import Colour
from lzeval.go.points import parse_vertex
from tests.support.paths import MISBEHAVING
from tests.support.waiting import is_alive, wait_until

QUICK = Deadlines(start_s=20, new_game_s=20, move_s=20, command_s=20, quit_s=20)


class ScriptedPeer:
    """Expects commands in order and says what the script says; complains about any other command."""

    def __init__(self, script: list[tuple[str, str]]) -> None:
        self._script = deque(script)
        self._said: deque[str] = deque()
        self.closed_after_s: float | None = None

    @property
    def finished(self) -> bool:
        return not self._script and not self._said

    def send(self, line: str) -> None:
        expected, answer = self._script.popleft()
        assert line == expected
        self._said.extend(answer.splitlines())

    def receive_lines(self, timeout_s: float) -> list[str]:  # noqa: ARG002
        if not self._said:
            raise TimeoutError
        line = self._said.popleft()
        if line == "EOF":
            raise PeerClosedError
        return [line]

    def has_said(self) -> bool:
        return bool(self._said)

    def stderr_text(self, since: int = 0) -> str:  # noqa: ARG002
        return ""

    def stderr_mark(self) -> int:
        return 0

    def wait(self, timeout_s: float) -> int | None:  # noqa: ARG002
        return None

    def close(self, timeout_s: float) -> None:
        assert self.closed_after_s is None, "closed twice"
        self.closed_after_s = timeout_s


def scripted(*script: tuple[str, str]) -> tuple[GtpClient, ScriptedPeer]:
    peer = ScriptedPeer(list(script))
    return GtpClient(peer, "engine", Deadlines(quit_s=7)), peer


def misbehaving(*flags: str, deadlines: Deadlines = QUICK) -> GtpClient:
    return GtpClient.launch([sys.executable, str(MISBEHAVING), *flags], "engine", deadlines=deadlines)


# What is said


def test_answers_may_have_many_lines_and_noise_before_them() -> None:
    client, peer = scripted(("list_commands", "tuning 1\n\ntuning 2\n=  name\nversion \n\n"))
    assert client.ask("list_commands") == "name\nversion "
    assert peer.finished


def test_refusal_names_the_engine_the_command_and_the_reason() -> None:
    client, peer = scripted(("play b A1", "? illegal move\n\n"), ("name", "= Go\n\n"))
    with pytest.raises(EngineRefused, match=r"^engine: 'play b A1': illegal move$") as caught:
        client.ask("play b A1")
    assert caught.value.reason == "illegal move"
    assert client.ask("name") == "Go", "a refusal does not end the conversation"
    assert peer.finished


def test_a_game_is_played_in_indices() -> None:
    client, peer = scripted(
        ("boardsize 9", "= \n\n"),
        ("clear_board", "=\n\n"),
        ("komi 6.5", "=\n\n"),
        ("play b J9", "=\n\n"),
        ("genmove w", "= a1 \n\n"),
        ("genmove b", "= PASS\n\n"),
        ("genmove w", "= Resign\n\n"),
        ("genmove b", "= T19\n\n"),
    )
    client.new_game(9, 6.5)
    client.play(Colour.BLACK, parse_vertex("J9", 9))
    assert client.genmove(Colour.WHITE) == 0
    assert client.genmove(Colour.BLACK) == 81
    assert client.genmove(Colour.WHITE) is RESIGN
    with pytest.raises(MalformedMove, match="'T19' is no move"):
        client.genmove(Colour.BLACK)
    assert peer.finished


def test_known_commands_are_asked_for_once() -> None:
    client, peer = scripted(("known_command a", "= true\n\n"), ("known_command b", "? what\n\n"))
    assert client.knows("a")
    assert client.knows("a")
    assert not client.knows("b")
    assert peer.finished


def test_an_answer_out_of_turn_ends_the_conversation() -> None:
    client, peer = scripted(("name", "= Go\n\n= Go\n\n"))
    assert client.ask("name") == "Go"
    with pytest.raises(NotGtp, match="'version': not a GTP answer: '= Go'"):
        client.ask("version")
    assert peer.closed_after_s == 0
    with pytest.raises(EngineGone):
        client.ask("version")


def test_noise_between_commands_is_none_of_our_business() -> None:
    client, peer = scripted(("name", "= Go\n\nponder\n\n\n"), ("version", "= 1\n\n"))
    client.ask("name")
    assert client.ask("version") == "1"
    assert peer.finished


def test_output_that_ends_without_an_answer() -> None:
    client, _ = scripted(("name", "usage: chess\nEOF"))
    with pytest.raises(NotGtp, match="usage: chess"):
        client.ask("name")
    client, _ = scripted(("name", "= Go\n\n"), ("version", "= 1\nEOF"))
    client.ask("name")
    with pytest.raises(EngineGone, match="'version': the program ended"):
        client.ask("version")


def test_closing_says_quit_once_and_waits() -> None:
    client, peer = scripted(("quit", "= \n\n"))
    with client:
        pass
    client.close()
    assert peer.closed_after_s == 7


@pytest.mark.parametrize("line", ["", "# comment", "play b\nA1", "name\r"])
def test_only_a_single_command_can_be_asked(line: str) -> None:
    client, _ = scripted()
    with pytest.raises(ValueError, match="not one GTP command"):
        client.ask(line)


def test_each_kind_of_command_has_its_deadline() -> None:
    deadlines = Deadlines(start_s=1, new_game_s=2, move_s=3, command_s=4)
    commands = ["boardsize", "clear_board", "genmove", "reg_genmove", "kgs-genmove_cleanup", "play", "name"]
    assert [deadlines.of(name) for name in commands] == [2, 2, 3, 3, 3, 4, 4]


def test_the_error_log_forgets_its_beginning_and_keeps_its_marks() -> None:
    log = StderrLog(most_characters=30)
    for number in range(20):
        log.add(f"line {number:2d}\n")
    mark = log.mark()
    assert log.text() == "line 17\nline 18\nline 19\n"
    assert log.text(mark) == ""
    log.add("more\n")
    assert log.text(mark) == "more\n"
    assert log.text(2) == log.text()


# What real programs do


def test_a_well_behaved_engine_is_driven_and_ends() -> None:
    with misbehaving() as client:
        assert client.ask("name") == "Misbehaving"
        client.new_game(19, 7.5)
        assert client.genmove(Colour.BLACK) == 361
    with pytest.raises(EngineGone):
        client.ask("name")


def test_windows_line_ends_and_a_talkative_start_do_no_harm() -> None:
    with misbehaving("--crlf", "--banner", "500") as client:
        assert client.ask("name") == "Misbehaving"
        assert client.ask("clear_board") == ""


@pytest.mark.parametrize("command", ["name", "genmove"])
def test_a_hanging_engine_is_killed_at_the_deadline(command: str) -> None:
    deadlines = Deadlines(start_s=20 if command == "genmove" else 0.5, move_s=0.5, quit_s=1)
    client = misbehaving("--hang-on", command, deadlines=deadlines)
    if command == "genmove":
        client.ask("name")
    began = time.monotonic()
    with pytest.raises(EngineTimeout, match=r"no answer within 0\.5 s") as caught:
        client.ask(command)
    assert caught.value.command == command
    assert time.monotonic() - began < 15
    with pytest.raises(EngineGone):
        client.ask("name")


def test_a_deadline_can_be_set_for_one_command() -> None:
    with misbehaving("--hang-on", "final_score") as client:
        client.ask("name")
        with pytest.raises(EngineTimeout):
            client.ask("final_score", timeout_s=0.3)


def test_a_crash_tells_the_status_and_the_last_words() -> None:
    with misbehaving("--crash-on", "genmove") as client:
        client.ask("name")
        with pytest.raises(EngineGone, match="status 3, last saying 'out of memory, or so'") as caught:
            client.genmove(Colour.WHITE)
    assert caught.value.exit_status == 3


def test_a_program_that_ends_at_once() -> None:
    with misbehaving("--crash-silently-at-start") as client, pytest.raises(EngineGone, match="status 4"):
        client.ask("name")


@pytest.mark.parametrize("wait_s", [0.0, 0.5])
def test_a_program_of_another_kind_is_recognised(wait_s: float) -> None:
    client = misbehaving("--not-gtp")
    time.sleep(wait_s)
    with pytest.raises(NotGtp, match="usage: something else"):
        client.ask("name")


def test_endless_garbage_does_not_fill_the_memory() -> None:
    with misbehaving("--garbage-on", "genmove") as client:
        client.ask("name")
        with pytest.raises(NotGtp, match=r"thinking\.\.\."):
            client.genmove(Colour.BLACK)


def test_a_flood_of_errors_blocks_nobody_and_its_end_is_kept() -> None:
    with misbehaving("--flood-stderr") as client:
        for _ in range(3):
            assert client.ask("name") == "Misbehaving"
        assert wait_until(lambda: client.stderr_text().endswith("warning 19999: all is well\n"))
        assert len(client.stderr_text()) < 300_000


def test_a_refusal_and_a_lie() -> None:
    with misbehaving("--refuse", "komi", "--say", "no such thing", "--move", "Z99") as client:
        with pytest.raises(EngineRefused, match=r"'komi 7\.5': no such thing"):
            client.new_game(19, 7.5)
        with pytest.raises(MalformedMove, match="Z99"):
            client.genmove(Colour.BLACK)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX's")
def test_nothing_is_left_running(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    client = misbehaving("--ignore-quit", "--child-pid-to", str(note), deadlines=Deadlines(quit_s=0.3))
    client.ask("name")
    grandchild = int(note.read_text())
    assert is_alive(grandchild)
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 5
    assert wait_until(lambda: not is_alive(grandchild))


def test_a_program_that_is_not_there_is_the_users_mistake(tmp_path: Path) -> None:
    for command in ([str(tmp_path / "nothing")], [str(tmp_path)], []):
        with pytest.raises(UserError, match="cannot start"):
            SubprocessPeer(command)


def test_environment_and_folder_reach_the_program(tmp_path: Path) -> None:
    program = (
        "import os; input(); print('=', os.environ['KEY'], os.getcwd(), bool(os.environ.get('PATH')));print()"
    )
    command = [sys.executable, "-c", program]
    with GtpClient.launch(command, cwd=tmp_path, environment={"KEY": "value"}, deadlines=QUICK) as client:
        assert client.ask("name").split() == ["value", str(tmp_path.resolve()), "True"]


@pytest.mark.parametrize("kind", [EngineTimeout, EngineRefused, MalformedMove])
def test_errors_are_engine_errors_and_name_the_command(
    kind: type[EngineTimeout | EngineRefused | MalformedMove],
) -> None:
    flags = {EngineTimeout: ["--hang-on", "genmove"], EngineRefused: ["--refuse", "genmove"]}
    with misbehaving(*flags.get(kind, ["--move", "nowhere"])) as client:
        client.ask("name")
        with pytest.raises(EngineError, match=r"^engine: 'genmove b': ") as caught:
            client.genmove(Colour.BLACK, timeout_s=1)
    assert type(caught.value) is kind
    assert (caught.value.engine, caught.value.command) == ("engine", "genmove b")


# Real engines


@pytest.mark.engine
def test_gnugo_plays_a_whole_game_with_itself(gnugo: str) -> None:
    command = [gnugo, "--mode", "gtp", "--level", "0", "--chinese-rules", "--seed", "1"]
    with GtpClient.launch(command, "gnugo", deadlines=QUICK) as client:
        assert client.ask("name") == "GNU Go"
        assert client.ask("protocol_version") == "2"
        assert client.knows("final_score")
        assert not client.knows("lz-analyze")
        client.new_game(5, 7.5)
        client.play(Colour.BLACK, parse_vertex("C3", 5))
        with pytest.raises(EngineRefused, match="illegal move"):
            client.play(Colour.WHITE, parse_vertex("C3", 5))
        colour, passes, moves = Colour.WHITE, 0, 0
        while passes < 2 and moves < 100:
            move = client.genmove(colour)
            if move is RESIGN:
                break
            passes = passes + 1 if move == 25 else 0
            colour, moves = colour.opponent, moves + 1
        assert moves < 100
        assert client.ask("final_score")[:2] in ("B+", "W+")


@pytest.mark.engine
def test_leelaz_shows_its_policy_on_standard_error(leelaz: str, shared: Path) -> None:
    weights = shared / "networks" / "lz-5x64-46-c83e1b6e.gz"
    command = [leelaz, "--cpu-only", "--gtp", "-w", str(weights), "-t", "1", "-v", "1", "--noponder"]
    with GtpClient.launch(command, "leelaz", deadlines=Deadlines(command_s=60)) as client:
        client.play(Colour.BLACK, parse_vertex("D4", 19))
        client.play(Colour.WHITE, parse_vertex("Q16", 19))
        first, again = client.heatmap(0), client.heatmap(0)
        average = client.heatmap("average")
    assert first == again
    assert average != first
    total = sum(first.policy) + first.pass_policy
    assert 1000 - 362 < total <= 1000, "each of 362 numbers is rounded down by less than 1"
    assert first.policy[parse_vertex("D4", 19)] == 0
    best = sorted(range(361), key=first.policy.__getitem__)[-2:]
    assert {parse_vertex(name, 19) for name in ("D16", "Q4")} == set(best)
