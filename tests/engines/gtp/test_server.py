from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sgfmill import sgf

from engines.gtp.client.client import Deadlines, GtpClient
from engines.gtp.engine import (
    RESIGN,
    UNLIMITED,
    Engine,
    Heatmap,
    Move,
    Reports,
    Restriction,
    Stop,
    Symmetry,
    TimeLeft,
    TimeSettings,
    never,
)
from engines.gtp.heatmap import parse_heatmap
from engines.gtp.server.commands import COMMANDS, command_reference
from engines.gtp.server.error_stream import ErrorStream
from engines.gtp.server.server import GtpServer
from lzeval.errors import EngineError, UserError, WeightsError
from lzeval.go.colour import Colour
from lzeval.go.points import parse_vertex
from lzeval.go.rules import Rules
from tests.support.fakes.random_engine import RandomEngine
from tests.support.golden_files import Golden
from tests.support.paths import ROOT

SERVER = [sys.executable, "-m", "tests.support.fakes.random_engine"]
WITH_PATH = {"PYTHONPATH": str(ROOT)}
ANSWERS = re.compile(rb"(?:[=?][0-9]*(?: [^\n]*)?\n(?:[^\n]+\n)*\n)*")


class Talk:
    """A server in this process, and what came out of it."""

    def __init__(self, commands: str | bytes, engine: Engine | None = None) -> None:
        self.engine = engine or RandomEngine(seed=1)
        self.raw, self.stderr = converse(commands, self.engine)
        assert ANSWERS.fullmatch(self.raw), self.raw
        self.answers = self.raw.decode().split("\n\n")[:-1]


def converse(commands: str | bytes, engine: Engine) -> tuple[bytes, str]:
    data = commands.encode() if isinstance(commands, str) else commands
    output, errors = io.BytesIO(), io.BytesIO()
    GtpServer(
        lambda: engine, io.BytesIO(data), output, ErrorStream(errors), name="Random", version="1.0"
    ).serve()
    return output.getvalue(), errors.getvalue().decode()


def answers(*commands: str, engine: Engine | None = None) -> list[str]:
    """What is said to each command, `= ` left out."""
    return [text.removeprefix("= ") for text in Talk("\n".join(commands), engine).answers]


def stones_after(*commands: str) -> dict[Colour, list[int]]:
    """Indices of the stones of each colour, after commands that all succeed."""
    engine = RandomEngine()
    assert not [answer for answer in answers(*commands, engine=engine) if answer.startswith("?")]
    return {c: [index for index, stone in enumerate(engine.stones()) if stone == c] for c in Colour}


# Transcripts


TRANSCRIPT = """\
1 protocol_version
2 name
3 version
known_command genmove
known_command analyze
# a comment alone
boardsize 9 9
clear_board
komi 6.5
get_komi
4 play b E5 # the middle
play WHITE e4
move_history
last_move
final_score
showboard
final_status_list alive
final_status_list dead
final_status_list seki
undo
undo
5 undo
last_move
move_history
help komi
fixed_handicap 4
showboard
gomill-describe_engine
gomill-explain_last_move
quit
name
"""


def test_transcript(golden: Golden) -> None:
    talk = Talk(TRANSCRIPT)
    golden.check_text("gtp_transcript.txt", talk.raw.decode())
    assert len(talk.answers) == len(TRANSCRIPT.splitlines()) - 2, "no answer to a comment, nor after quit"


def test_the_page_about_gtp_is_made_from_the_table(golden: Golden) -> None:
    golden.check_text(ROOT / "docs" / "gtp.md", command_reference())


def test_every_listed_command_is_known_explained_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
    names = answers("list_commands")[0].split("\n")
    assert len(names) == len(set(names)) > 30
    for name in names:
        entry = COMMANDS[name]
        assert entry.help
        words = ["1"] * entry.fewest_arguments
        known, explained, ran = answers(f"known_command {name}", f"help {name}", " ".join([name, *words]))
        assert known == "true"
        assert explained.startswith(entry.usage)
        assert "internal error" not in ran
        assert "unknown command" not in ran


@pytest.mark.parametrize(
    ("commands", "failure"),
    [
        ("analyze", "unknown command"),
        ("NAME", "unknown command"),
        ("12", "unknown command"),
        ("help nothing", "unknown command"),
        ("play b", "syntax error"),
        ("play b D4 E5", "syntax error"),
        ("play red D4", "syntax error"),
        ("play b I5", "syntax error"),
        ("play b A0", "syntax error"),
        ("play b T19", "illegal move"),
        ("play b D4\nplay w D4", "illegal move"),
        ("play b A2\nplay b B1\nplay w A1", "illegal move"),
        ("genmove", "syntax error"),
        ("genmove green", "syntax error"),
        ("boardsize nine", "syntax error"),
        ("boardsize -9", "syntax error"),
        ("boardsize 1", "unacceptable size"),
        ("boardsize 26", "unacceptable size"),
        ("boardsize 9 13", "unacceptable size"),
        ("komi much", "syntax error"),
        ("komi nan", "syntax error"),
        ("komi inf", "syntax error"),
        ("komi 7_5", "syntax error"),
        ("komi 0x7", "syntax error"),
        ("komi ７", "syntax error"),
        ("komi 1e999", "syntax error"),
        ("boardsize 1_9", "syntax error"),
        ("boardsize 9.0", "syntax error"),
        ("time_settings 6_0 0 0", "syntax error"),
        ("time_left b ٣ 0", "syntax error"),
        ("kata-time_settings fischer inf 1", "syntax error"),
        ("lz-analyze 1_0", "syntax error"),
        ("lz-analyze minmoves 1_0", "syntax error"),
        ("play b 3,3", "syntax error"),
        ("play b (3,3", "syntax error"),
        ("play b (-1,3)", "syntax error"),
        ("play b (9,3)", "illegal move"),
        ("play b (1_0,3)", "syntax error"),
        ("genmove\u3000b", "unknown command"),
        ("undo", "cannot undo"),
        ("fixed_handicap 2\nundo", "cannot undo"),
        ("fixed_handicap 1", "invalid number of stones"),
        ("fixed_handicap 10", "invalid number of stones"),
        ("boardsize 8\nfixed_handicap 5", "invalid number of stones"),
        ("boardsize 6\nplace_free_handicap 2", "invalid number of stones"),
        ("place_free_handicap 81", "invalid number of stones"),
        ("play b D4\nfixed_handicap 2", "board not empty"),
        ("play b D4\nplace_free_handicap 2", "board not empty"),
        ("set_free_handicap D4", "bad vertex list"),
        ("set_free_handicap D4 D4", "bad vertex list"),
        ("set_free_handicap D4 pass", "bad vertex list"),
        ("set_free_handicap D4 Q16", "bad vertex list"),
        ("set_free_handicap", "syntax error"),
        ("time_settings 1 2", "syntax error"),
        ("time_settings 1 2 x", "syntax error"),
        ("time_left b nan 0", "syntax error"),
        ("final_status_list lively", "syntax error"),
        ("heatmap 8", "syntax error"),
        ("heatmap mean", "syntax error"),
        ("last_move", "no previous move known"),
        ("lz-analyze red", "syntax error"),
        ("lz-analyze interval", "syntax error"),
        ("lz-analyze -5", "syntax error"),
        ("lz-analyze nan", "syntax error"),
        ("lz-analyze avoid b D4", "syntax error"),
        ("lz-analyze allow b D44 1", "syntax error"),
        ("kata-analyze ownership", "syntax error"),
        ("kata-set-rules japanese", "no rules this engine can play by: japanese"),
        ('kata-set-rules {"suicide": 1}', "this engine cannot play with suicide 1"),
        ('kata-set-rules {"ko": "SITUATIONAL"}', "this engine cannot play with ko SITUATIONAL"),
        ("kata-set-rules {", "syntax error"),
        ('kata-set-rules {"a":' + '{"a":' * 5000, "syntax error"),
        ('kata-set-rules {"komi": 7.5}', "no rule is called komi"),
        ('kata-set-rules {"suicide": NaN}', "this engine cannot play with suicide NaN"),
        ("kata-set-rules koSIMPLEscoreTERRITORY", "no rules this engine can play by: koSIMPLEscoreTERRITORY"),
        ("kata-set-rules koSIMPLEsui2", "no rules this engine can play by: koSIMPLEsui2"),
        ("kata-set-rules ancient territory", "no rules this engine can play by: ancient territory"),
        ("kata-set-rule komi 7.5", "no rule is called komi"),
        ("kgs-rules japanese", "no rules this engine can play by: japanese"),
        ("kgs-time_settings fischer 1 2", "syntax error"),
        ("kgs-time_settings canadian 1 2", "syntax error"),
        ("kata-time_settings absolute x", "syntax error"),
        ("gg-undo 1", "cannot undo"),
        ("gg-undo x", "syntax error"),
        ("gogui-setup b", "syntax error"),
        ("gogui-setup b A1 w A1", "illegal move"),
        ("gogui-play_sequence b A1 w", "syntax error"),
        ("gogui-play_sequence b A1 w A1", "illegal move"),
        ("lz-setoption name Visits value 3", "options are given on the command line"),
        ("loadsgf nowhere.sgf", "cannot load file"),
        ("printsgf no/such/folder/game.sgf", "cannot write file"),
    ],
)
def test_failures_have_their_words(commands: str, failure: str) -> None:
    assert re.match(rf"\?(12)? {re.escape(failure)}", Talk(commands).answers[-1])


# Play


def test_any_order_of_colours_is_playable() -> None:
    stones = stones_after("play b A1", "play b C1", "play w J9", "play w pass", "play w J8")
    assert stones == {Colour.BLACK: [0, 2], Colour.WHITE: [71, 80]}


def test_a_refused_move_changes_nothing() -> None:
    talk = answers("play b D4", "play w D4", "move_history", "undo", "undo")
    assert talk == ["", "? illegal move", "black D4", "", "? cannot undo"]


def test_genmove_plays_and_reg_genmove_does_not() -> None:
    engine = RandomEngine(seed=3)
    first, history, second, after = answers(
        "reg_genmove b", "move_history", "genmove w", "move_history", engine=engine
    )
    assert re.fullmatch("[A-J][1-9]", first)
    assert history == ""
    assert after == f"white {second}"
    assert engine.stones()[parse_vertex(second, 9)] == Colour.WHITE


class Resigner(RandomEngine):
    def genmove(
        self,
        colour: Colour,  # noqa: ARG002
        stop: Stop = never,  # noqa: ARG002
        reports: Reports | None = None,  # noqa: ARG002
        restrictions: Sequence[Restriction] = (),  # noqa: ARG002
    ) -> Move:
        return RESIGN


def test_resigning_is_an_answer_and_no_move() -> None:
    assert answers("genmove b", "move_history", engine=Resigner()) == ["resign", ""]


def test_handicap_stones_stay_when_moves_are_taken_back() -> None:
    placed, *_, refused, history = answers(
        "fixed_handicap 3", "play w E5", "undo", "play w E6", "undo", "undo", "move_history"
    )
    assert placed == "C3 G7 C7"
    assert refused == "? cannot undo"
    assert history == ""
    stones = stones_after("fixed_handicap 2", "play w E5", "undo")
    assert stones == {Colour.BLACK: [20, 60], Colour.WHITE: []}


def test_free_handicap_is_at_most_the_fixed_one() -> None:
    assert answers("place_free_handicap 20")[0] == answers("fixed_handicap 9")[0]
    assert answers("boardsize 8", "place_free_handicap 3")[1] == "C3 F6 C6"
    assert stones_after("set_free_handicap A1 b1 C1")[Colour.BLACK] == [0, 1, 2]


def test_komi_and_time_survive_a_new_board() -> None:
    engine = RandomEngine()
    commands = ["komi 0.5", "time_settings 600 30 5", "boardsize 13", "clear_board", "get_komi"]
    assert answers(*commands, "time_left w 12.5 3", "time_left b -1 0", engine=engine)[4] == "0.5"
    assert engine.time_settings == TimeSettings(600, 30, 5)
    assert engine.time_left == {Colour.WHITE: TimeLeft(12.5, 3), Colour.BLACK: TimeLeft(0, 0)}


def test_a_new_board_forgets_the_moves() -> None:
    for command in ("clear_board", "boardsize 9"):
        assert answers("play b D4", command, "move_history", "undo")[2:] == ["", "? cannot undo"]


def test_processor_time_is_a_number() -> None:
    assert all(float(text) > 0 for text in answers("cputime", "gomill-cpu_time"))


# Looking


def test_the_heatmap_goes_to_standard_error() -> None:
    engine = RandomEngine(size=5)
    talk = Talk("heatmap\nheatmap average\n", engine)
    assert talk.answers == ["= ", "= "]
    first, second = (part + "\n" for part in talk.stderr.removesuffix("\n").split("\n 20 ", 1))
    assert first.startswith(" 20  21  22  23  24 \n 15 ")
    assert first.endswith("pass: 7\nwinrate: 0.250000\n")
    assert parse_heatmap(second.replace("21", " 20  21", 1), 5) == engine.heatmap("average")


def test_clear_cache_reaches_the_engine() -> None:
    engine = RandomEngine()
    answers("clear_cache", "kgs-game_over", engine=engine)
    assert engine.caches_cleared == 1


def test_chains_are_listed_a_line_each() -> None:
    alive = answers(
        "play b A1", "play b A2", "play w B1", "play b C1", "play b B2", "final_status_list alive"
    )[-1]
    assert alive.split("\n") == ["A1 A2 B2", "C1"], "B1 was taken"


# Records


def test_a_record_can_be_written_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "the game.sgf"
    written = answers(
        "komi 5.5", "fixed_handicap 2", "play w E5", "play b pass", f"printsgf {path}", "printsgf"
    )
    game = sgf.Sgf_game.from_bytes(path.read_bytes())
    assert written[-1] == path.read_text(encoding="utf-8").strip()
    assert (game.get_size(), game.get_komi(), game.get_handicap()) == (9, 5.5, 2)
    assert game.get_root().get_setup_stones() == ({(2, 2), (6, 6)}, set(), set())
    assert [node.get_move() for node in game.get_main_sequence()[1:]] == [("w", (4, 4)), ("b", None)]
    read = answers(
        "boardsize 13", "play b A1", f"loadsgf {path}", "get_komi", "move_history", "undo", "undo", "undo"
    )
    assert read[2:5] == ["", "5.5", "black pass\nwhite E5"]
    assert read[-1] == "? cannot undo"


@pytest.mark.parametrize(
    ("move", "history"), [("", "white D4\nblack C3"), ("2", "black C3"), ("1", ""), ("9", "*")]
)
def test_a_record_is_loaded_up_to_a_move(tmp_path: Path, move: str, history: str) -> None:
    path = tmp_path / "game.sgf"
    path.write_text("(;SZ[9];B[cg];W[df])")
    assert answers(f"loadsgf {path} {move}", "move_history")[1] == history.replace("*", "white D4\nblack C3")


@pytest.mark.parametrize(
    "record",
    [
        "",
        "no record",
        "(;SZ[30])",
        "(;SZ[9];B[ee];W[ee])",
        "(;SZ[9];B[zz])",
        "(;SZ[9];B[ee];AB[aa])",
    ],
)
def test_a_failed_load_leaves_the_game_as_it_was(tmp_path: Path, record: str) -> None:
    path = tmp_path / "game.sgf"
    path.write_text(record)
    engine = RandomEngine()
    talk = Talk(f"komi 3.5\nfixed_handicap 2\nplay w E5\nloadsgf {path}\nmove_history\nget_komi\n", engine)
    assert talk.answers[-3:] == ["? cannot load file", "= white E5", "= 3.5"]
    assert sum(stone > 0 for stone in engine.stones()) == 3
    assert talk.stderr.count("\n") == 1


def test_a_position_with_white_stones_is_set_up(tmp_path: Path) -> None:
    path = tmp_path / "problem.sgf"
    path.write_text("(;SZ[5]AB[aa][ba]AW[ab][bb]PL[W];W[ca])")
    engine = RandomEngine()
    Talk(f"loadsgf {path}", engine)
    taken = [stone for stone in engine.stones() if stone == Colour.BLACK]
    assert not taken
    assert "AW[ab:bb]" in answers(f"loadsgf {path}", "printsgf")[1].replace("[ab][bb]", "[ab:bb]")


# Trouble


class Broken(RandomEngine):
    def genmove(
        self,
        colour: Colour,  # noqa: ARG002
        stop: Stop = never,  # noqa: ARG002
        reports: Reports | None = None,  # noqa: ARG002
        restrictions: Sequence[Restriction] = (),  # noqa: ARG002
    ) -> Move:
        raise ZeroDivisionError("a defect\n\nof some kind")

    def heatmap(self, symmetry: Symmetry) -> Heatmap:  # noqa: ARG002
        raise UserError("no heatmap here")


def test_a_defect_costs_one_command_and_keeps_its_traceback() -> None:
    talk = Talk("1 genmove b\n2 name\n3 heatmap\n", Broken())
    assert talk.answers == [
        "?1 internal error: ZeroDivisionError: a defect\nof some kind",
        "=2 Random",
        "?3 no heatmap here",
    ]
    assert "Traceback (most recent call last)" in talk.stderr
    assert "in genmove" in talk.stderr


def test_the_end_of_input_quits_and_the_engine_is_closed() -> None:
    engine = RandomEngine()
    Talk("clear_board", engine)
    assert engine.closed


def slow_server(
    commands: str, ready: threading.Event, made: Engine | Exception
) -> tuple[GtpServer, io.BytesIO, io.BytesIO]:
    def make() -> Engine:
        ready.wait(10)
        if isinstance(made, Exception):
            raise made
        return made

    output, errors = io.BytesIO(), io.BytesIO()
    source = io.BytesIO(commands.encode())
    return GtpServer(make, source, output, ErrorStream(errors), name="Slow", version="2"), output, errors


def test_some_answers_do_not_wait_for_the_network() -> None:
    never = threading.Event()
    server, output, _ = slow_server(
        "name\nversion\nlist_commands\nknown_command play\nquit\n", never, RandomEngine()
    )
    began = time.monotonic()
    server.serve()
    assert time.monotonic() - began < 5
    assert output.getvalue().startswith(b"= Slow\n\n= 2\n\n= protocol_version\n")
    never.set()


def test_other_answers_wait_for_the_network() -> None:
    ready = threading.Event()
    server, output, _ = slow_server("name\nclear_board\n", ready, RandomEngine())
    thread = threading.Thread(target=server.serve)
    thread.start()
    time.sleep(0.2)
    assert output.getvalue() == b"= Slow\n\n"
    ready.set()
    thread.join(10)
    assert output.getvalue() == b"= Slow\n\n= \n\n"


def test_a_network_that_does_not_load_is_told_once() -> None:
    ready = threading.Event()
    ready.set()
    problem = WeightsError("net.txt", "too short", line=3)
    server, output, errors = slow_server("clear_board\nname\ngenmove b\n", ready, problem)
    server.serve()
    failure = "? net.txt, line 3: too short"
    assert output.getvalue().decode().split("\n\n") == [failure, "= Slow", failure, ""]
    assert errors.getvalue() == b"lzeval: net.txt, line 3: too short\n"


def test_a_defect_while_loading_is_told_once_with_its_traceback() -> None:
    ready = threading.Event()
    ready.set()
    server, output, errors = slow_server("clear_board\nkomi 6\ngenmove b\n", ready, RuntimeError("odd"))
    server.serve()
    assert (
        output.getvalue() == b"? internal error: RuntimeError: odd\n\n" * 3
        or b"cannot undo" in output.getvalue()
    )
    assert errors.getvalue().count(b"Traceback") == 1


class Stuck:
    """A stream that nobody reads."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.writes = 0

    def write(self, data: bytes, /) -> int:
        self.writes += 1
        self.free.wait(20)
        return len(data)


class Closed:
    def write(self, data: bytes, /) -> int:  # noqa: ARG002
        raise BrokenPipeError


def test_a_stuck_error_stream_costs_a_moment_once() -> None:
    stream = Stuck()
    errors = ErrorStream(stream, patience_s=0.1)
    began = time.monotonic()
    for _ in range(50):
        errors.say("something")
    assert time.monotonic() - began < 2
    assert stream.writes == 1
    stream.free.set()


@pytest.mark.parametrize("stream", [None, Closed()])
def test_a_missing_or_broken_error_stream_does_not_matter(stream: Closed | None) -> None:
    errors = ErrorStream(stream)
    errors.say("nobody hears this")
    errors.write("nor this")


# Whatever is sent


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff# said by an editor\n\ufeff"])
def test_a_mark_before_utf8_is_skipped(mark: str) -> None:
    assert answers(f"{mark}1 name", "2 komi 1e1", "get_komi") == ["=1 Random", "=2 ", "10.0"]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_told_once(codec: str) -> None:
    output = io.BytesIO()
    source = io.BytesIO("name\nplay b D4\n".encode(codec))
    server = GtpServer(RandomEngine, source, output, ErrorStream(None), name="Random", version="1.0")
    with pytest.raises(UserError, match="UTF-16"):
        server.serve()
    assert re.fullmatch(rb"\? [^\n]*UTF-16[^\n]*\n\n", output.getvalue())


def test_coordinates_count_from_the_top_left() -> None:
    assert stones_after("play b (0,0)", "play w (2,3)", "play b pss") == {
        Colour.BLACK: [72],
        Colour.WHITE: [5 * 9 + 2],
    }


LINES = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda name, words: " ".join([name, *words]).encode(),
        st.sampled_from([entry.name for entry in COMMANDS if entry.name != "quit"]),
        st.lists(
            st.sampled_from(
                ["b", "white", "D4", "pass", "9", "-1", "1e9", "Z25", "nan", "average", "A1", "x"]
            )
        ),
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, max_size=12))
@example([b"\xff\xfe genmove b", b"\x00\x1b", b"7 " * 3000, b"help \xc2\x85x", b"komi 1" + b"0" * 5000])
@example([b"1" * 6000 + b" genmove b", b"boardsize 99999999999999999999", b"loadsgf \x00", b"loadsgf ."])
def test_no_input_stops_the_server_or_makes_it_say_what_is_not_gtp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)  # printsgf may write
    lines = [line for line in lines if b"quit" not in line]
    raw, errors = converse(b"\n".join([*lines, b"987654321 protocol_version"]), RandomEngine(size=5))
    assert ANSWERS.fullmatch(raw)
    assert raw.endswith(b"=987654321 2\n\n")
    assert b"internal error" not in raw
    assert "Traceback" not in errors


# As a program


def run_server(commands: bytes, command: list[str] | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command or SERVER,
        input=commands,
        env={**os.environ, **WITH_PATH},
        cwd=ROOT,
        timeout=200,
        check=False,
        capture_output=True,
    )


def test_as_a_program_it_speaks_gtp_with_unix_line_ends() -> None:
    done = run_server(b"1 name\r\n2 genmove b\r\n")
    assert re.fullmatch(rb"=1 Random\n\n=2 [A-J][1-9]\n\n", done.stdout)
    assert (done.returncode, done.stderr) == (0, b"")


def test_our_client_and_our_server_play_a_game() -> None:
    deadlines = Deadlines(start_s=60, command_s=60, move_s=60, quit_s=20)
    with GtpClient.launch(SERVER, "random", cwd=ROOT, environment=WITH_PATH, deadlines=deadlines) as client:
        client.new_game(5, 7.5)
        colour, last, move = Colour.BLACK, None, None
        for _ in range(300):
            last, move = move, client.genmove(colour)
            colour = colour.opponent
            if last == move == 25:
                break
        assert last == move == 25, "random play that fills no eyes ends"
        assert re.fullmatch(r"[BW]\+[0-9.]+|0", client.ask("final_score"))
        assert client.heatmap() == RandomEngine(size=5).heatmap(0)


PRINTING = """\
import os, sys
from engines.gtp.server.server import serve_stdio
from tests.support.fakes.random_engine import RandomEngine

def make():
    print("progress of a talkative library")
    os.write(1, b"and of one written in C\\n")
    return RandomEngine()

serve_stdio(make, name="Talkative", version="1")
"""


def test_what_others_print_goes_to_standard_error() -> None:
    done = run_server(b"clear_board\nquit\n", [sys.executable, "-u", "-c", PRINTING])
    assert done.stdout == b"= \n\n= \n\n"
    assert sorted(done.stderr.splitlines()) == [
        b"and of one written in C",
        b"progress of a talkative library",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2>&- <&-"])
def test_closed_standard_streams_do_not_matter(redirection: str) -> None:
    if "full" in redirection and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    shell = ["sh", "-c", f"exec {sys.executable} -m tests.support.fakes.random_engine {redirection}"]
    done = run_server(b"heatmap\nname\nquit\n", shell)
    assert done.stdout == (b"" if "<&-" in redirection else b"= \n\n= Random\n\n= \n\n")


def test_it_ends_when_nobody_reads_its_answers() -> None:
    process = subprocess.Popen(
        SERVER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **WITH_PATH},
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(b"name\nname\nname\n")
        process.stdin.flush()
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


# Clocks, rules, set-ups


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        ("time_settings 60 30 5", TimeSettings(60, 30, 5)),
        ("kgs-time_settings none", UNLIMITED),
        ("kgs-time_settings absolute 60", TimeSettings(60)),
        ("kgs-time_settings canadian 60 30 5", TimeSettings(60, 30, 5)),
        ("kgs-time_settings byoyomi 60 30 5", TimeSettings(60, 30, periods=5)),
        ("kata-time_settings fischer 60 5", TimeSettings(60, increment_s=5)),
        (
            "kata-time_settings fischer-capped 60 5 100 30",
            TimeSettings(60, increment_s=5, most_main_s=100, most_a_move_s=30),
        ),
        ("kata-time_settings fischer-capped 60 5 100 -1", TimeSettings(60, increment_s=5, most_main_s=100)),
        ("kata-time_settings fischer-capped 60 5 -1 -1", TimeSettings(60, increment_s=5)),
    ],
)
def test_every_kind_of_clock_is_understood(command: str, settings: TimeSettings) -> None:
    engine = RandomEngine()
    assert answers(command, engine=engine) == [""]
    assert engine.time_settings == settings


def test_rules_are_set_and_told() -> None:
    engine = RandomEngine()
    said = answers(
        "kata-set-rules chinese",
        "kata-get-rules",
        'kata-set-rules {"ko":"POSITIONAL","scoring":"AREA","suicide":false}',
        "kata-get-rules",
        engine=engine,
    )
    assert [json.loads(text)["ko"] for text in (said[1], said[3])] == ["SIMPLE", "POSITIONAL"]
    assert engine.rules.superko


@pytest.mark.parametrize(
    ("command", "superko", "suicide"),
    [
        ("kata-set-rules tromp-taylor", True, True),
        ("kata-set-rules New Zealand", True, True),
        ("kata-set-rules chinese", False, False),
        ('kata-set-rules {"ko": "SIMPLE", "suicide": true}', False, True),
        ('kata-set-rules {"suicide": false}', True, False),
        ("kata-set-rule suicide true", True, True),
        ("kata-set-rules TrompTaylor", True, True),
        ("kata-set-rules nz", True, True),
        ("kata-set-rules chinese_kgs", True, False),
        ("kata-set-rules koSIMPLEscoreAREAtaxNONEsui1whbNfpok1", False, True),
        ('kata-set-rules {"score": "area", "suicide": "TRUE", "friendlyPassOk": true}', True, True),
        (
            'kata-set-rules {"friendlyPassOk":true,"hasButton":false,"ko":"SIMPLE","scoring":"AREA","suicide":false,'
            '"tax":"NONE","whiteHandicapBonus":"N"}',
            False,
            False,
        ),
        ("kata-set-rule friendlyPassOk true", True, False),
        ("kata-set-rule hasButton False", True, False),
        ("kata-set-rule ko simple", False, False),
        ("kata-set-rule scoring area", True, False),
        ("kgs-rules new_zealand", True, True),
    ],
)
def test_suicide_is_one_of_the_rules(command: str, superko: bool, suicide: bool) -> None:
    engine = RandomEngine()
    said = answers(command, "kata-get-rules", engine=engine)
    assert said[0] == ""
    assert engine.rules == Rules(superko, suicide)
    told = json.loads(said[1])
    assert (told["ko"], told["suicide"]) == ("POSITIONAL" if superko else "SIMPLE", suicide)
    assert answers(f"kata-set-rules {said[1]}", "kata-get-rules", engine=RandomEngine())[1] == said[1]


@pytest.mark.parametrize(
    "command",
    [
        "kata-set-rules japanese",
        'kata-set-rules {"suicide": true, "tax": "ALL"}',
        'kata-set-rules {"ko": "SITUATIONAL"}',
        "kata-set-rule suicide perhaps",
        "kata-set-rule scoring TERRITORY",
        "kata-set-rule whiteHandicapBonus N",
        "kgs-rules japanese",
    ],
)
def test_refused_rules_change_nothing(command: str) -> None:
    engine = RandomEngine()
    engine.rules = Rules(suicide=True)
    assert answers(command, engine=engine)[0].startswith("? ")
    assert engine.rules == Rules(suicide=True)


SUICIDE = "gogui-play_sequence b A9 b A8 w B9 w B8 w C9 w A6 w B7"
"""After it, Black at A7 takes three black stones off."""


def test_suicide_is_played_taken_back_and_kept_in_records(tmp_path: Path) -> None:
    record = tmp_path / "suicide.sgf"
    said = answers(
        SUICIDE,
        "play b A7",
        "kata-set-rule suicide true",
        "play b A7",
        "gogui-rules_board",
        f"printsgf {record}",
        "undo",
        "gogui-rules_board",
        "kata-set-rule suicide false",
        f"loadsgf {record}",
        "kata-get-rules",
        "gogui-rules_board",
    )
    assert said[1] == "? illegal move"
    assert [text for text in said if text.startswith("?")] == ["? illegal move"]
    assert (said[4].count("X"), said[7].count("X"), said[11].count("X")) == (0, 2, 0)
    assert "RU[Tromp-Taylor]" in record.read_text()
    assert json.loads(said[10])["suicide"]


@pytest.mark.parametrize(
    ("rules", "before", "after"),
    [
        ("RU[NZ]", False, True),
        ("RU[New Zealand]", False, True),
        ("RU[GOE]", False, True),
        ("RU[tromp-taylor]", False, True),
        ("RU[koPOSITIONALscoreAREAtaxNONEsui1whbN]", False, True),
        ("RU[koSIMPLEscoreAREAtaxNONEsui0whbN]", True, False),
        ("RU[Japanese]", True, False),
        ("RU[of the house]", True, True),
        ("", True, True),
        ("", False, False),
    ],
)
def test_a_record_says_whether_suicide_is_allowed(
    tmp_path: Path, rules: str, before: bool, after: bool
) -> None:
    engine = RandomEngine()
    engine.rules = Rules(suicide=before)
    record = tmp_path / "game.sgf"
    record.write_text(f"(;GM[1]SZ[9]{rules};B[aa];W[bb])")
    assert answers(f"loadsgf {record}", "move_history", engine=engine) == ["", "white B8\nblack A9"]
    assert engine.rules.suicide is after


def test_a_failed_load_restores_a_game_that_todays_rules_forbid(tmp_path: Path) -> None:
    record = tmp_path / "broken.sgf"
    record.write_text("(;GM[1]SZ[9]RU[NZ];B[aa];W[aa])")
    said = answers(
        "kata-set-rule suicide true",
        SUICIDE,
        "play b A7",
        "kata-set-rule suicide false",
        "move_history",
        f"loadsgf {record}",
        "move_history",
        "gogui-rules_board",
        "kata-get-rules",
    )
    assert said[5] == "? cannot load file"
    assert said[6] == said[4]
    assert said[7].count("X") == 0
    assert not json.loads(said[8])["suicide"]


def test_a_position_is_set_up_and_a_failed_one_leaves_all_as_it_was() -> None:
    talk = Talk("play b C3\ngogui-setup b D4 w E5\ngogui-setup b A1 b A1\ngogui-rules_board\nmove_history")
    assert talk.answers[1] == "= "
    assert talk.answers[3].count("X") == talk.answers[3].count("O") == 1
    assert talk.answers[4] == "= "


def test_sequences_are_played_and_taken_back_whole_or_not_at_all() -> None:
    said = answers(
        "gogui-play_sequence b A1 w B2 b C3",
        "gogui-play_sequence b D4 w D4",
        "move_history",
        "gg-undo 4",
        "gg-undo 2",
        "move_history",
        "gogui-rules_side_to_move",
    )
    assert said[1].startswith("? illegal")
    assert said[2] == "black C3\nwhite B2\nblack A1"
    assert said[3] == "? cannot undo"
    assert said[4:] == ["", "black A1", "white"]


# Analysis, and input that comes meanwhile


INFO = re.compile(
    r"info move (\S+) visits (\d+) winrate (\d+) prior (\d+) lcb (\d+) order (\d+) "
    r"pv ((?:[A-T]\d+|pass| )+?)(?= info|$)"
)


def test_an_analysis_is_one_line_of_integers_a_report() -> None:
    (said,) = Talk("7 lz-analyze b interval 1 minmoves 3").answers
    head, *lines = said.split("\n")
    assert head == "=7"
    assert lines
    for line in lines:
        moves = INFO.findall(line)
        assert len(moves) == 81
        assert [int(move[5]) for move in moves] == list(range(81))
        assert moves[3][:5] == ("D1", "3", "5000", "1250", "2500")


def test_katas_analysis_has_floats_and_the_root() -> None:
    (said,) = Talk("kata-analyze w 1 rootInfo true ownership true maxmoves 2").answers
    line = said.split("\n")[1]
    assert line.startswith(
        "info move A1 visits 0 winrate 0.5 prior 0.125 lcb 0.25 order 0 pv A1 pass info move B1"
    )
    assert line.endswith("rootInfo visits 3240 winrate 0.5")
    assert line.count("info move") == 2
    assert "ownership" not in line


class Restricted(RandomEngine):
    """Keeps what a search was to be restricted to."""

    def analyse(
        self, colour: Colour, stop: Stop, reports: Reports, restrictions: Sequence[Restriction] = ()
    ) -> None:
        self.restrictions = restrictions
        super().analyse(colour, stop, reports)

    def genmove(
        self,
        colour: Colour,
        stop: Stop = never,
        reports: Reports | None = None,
        restrictions: Sequence[Restriction] = (),
    ) -> Move:
        self.restrictions = restrictions
        return super().genmove(colour, stop, reports)


@pytest.mark.parametrize(
    "command", ["lz-analyze", "kata-analyze", "lz-genmove_analyze", "kata-genmove_analyze"]
)
def test_restrictions_have_a_colour_moves_and_a_depth(command: str) -> None:
    engine = Restricted(size=5)
    answers(f"{command} w avoid b a1:b2 3 30 allow W C3,pass,resign 150 minmoves 2", engine=engine)
    assert engine.restrictions == (
        Restriction(Colour.BLACK, frozenset({0, 1, 5, 6}), allowed=False, until=3),
        Restriction(Colour.WHITE, frozenset({12, 25}), allowed=True, until=150),
    )


def test_rectangles_and_lists_restrict_an_analysis() -> None:
    (said,) = Talk("lz-analyze allow b C3:D4,pass 1 1").answers
    assert [move[0] for move in INFO.findall(said.split("\n")[1])] == ["C3", "D3", "C4", "D4"]


class Lines:
    """A controller's end of a pipe, and what the server answers, as it comes."""

    def __init__(self, engine: Engine, *, ponder: bool = False) -> None:
        reader, self._writer = os.pipe()
        answers, output = os.pipe()
        self._answers = os.fdopen(answers, "rb")
        self._output, self._input = os.fdopen(output, "wb", buffering=0), os.fdopen(reader, "rb")
        server = GtpServer(
            lambda: engine,
            self._input,
            self._output,
            ErrorStream(io.BytesIO()),
            name="x",
            version="1",
            ponder=ponder,
        )
        self._thread = threading.Thread(target=server.serve, daemon=True)
        self._thread.start()

    def send(self, text: str) -> None:
        os.write(self._writer, text.encode())

    def line(self) -> str:
        return self._answers.readline().decode()

    def close(self) -> None:
        os.close(self._writer)
        self._thread.join(20)
        assert not self._thread.is_alive()
        for stream in (self._answers, self._output, self._input):
            stream.close()


@pytest.mark.parametrize("input_text", ["\n", "name\n", "# a comment\n"])
def test_an_analysis_goes_on_until_input_comes(input_text: str) -> None:
    lines = Lines(RandomEngine())
    lines.send("1 lz-analyze 1\n")
    assert lines.line() == "=1\n"
    for _ in range(5):
        assert lines.line().startswith("info move")
    lines.send(input_text)
    began = time.monotonic()
    while lines.line() != "\n":
        assert time.monotonic() - began < 5
    if "name" in input_text:
        assert (lines.line(), lines.line()) == ("= x\n", "\n")
    lines.close()


class Endless(RandomEngine):
    """Thinks about a move until it is told to stop."""

    def genmove(
        self,
        colour: Colour,
        stop: Stop = never,
        reports: Reports | None = None,
        restrictions: Sequence[Restriction] = (),
    ) -> Move:
        while not stop():
            time.sleep(0.001)
        return super().genmove(colour, stop, reports, restrictions)


def test_only_an_interrupt_ends_a_search_for_a_move() -> None:
    lines = Lines(Endless())
    lines.send("genmove b\n1 name\n")
    time.sleep(0.2)
    lines.send("# interrupt\n")
    assert re.fullmatch(r"= [A-J]\d\n", lines.line())
    assert [lines.line() for _ in range(3)] == ["\n", "=1 x\n", "\n"]
    lines.send("# interrupt\ngenmove w\n")  # too late for the one, and not meant for the other
    time.sleep(0.2)
    lines.send("name\n# interrupt\n")
    assert re.fullmatch(r"= [A-J]\d\n", lines.line())
    lines.close()


def test_pondering_begins_after_a_move_and_ends_with_input() -> None:
    engine = RandomEngine()
    lines = Lines(engine, ponder=True)
    lines.send("play w A1\n")
    assert (lines.line(), lines.line()) == ("= \n", "\n")
    time.sleep(0.1)
    assert engine.pondered == 0
    lines.send("genmove b\n")
    lines.line()
    deadline = time.monotonic() + 10
    while engine.pondered < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    lines.send("play w B2\n")
    assert [lines.line() for _ in range(3)] == ["\n", "= \n", "\n"]
    pondered = engine.pondered
    time.sleep(0.1)
    assert engine.pondered == pondered >= 3
    lines.close()


def test_a_long_line_is_cut_and_answered() -> None:
    raw, _ = converse(b"1 " + b"x" * (3 << 20) + b"\n2 name\n", RandomEngine())
    assert raw == b"?1 unknown command\n\n=2 Random\n\n"


# Other people's programs


CONTROL_FILE = """\
competition_type = 'playoff'
record_games = True
players = {{
    'one': Player({command!r} + ['1'], cwd={cwd!r}, environ={environment!r}, startup_gtp_commands=['komi 1']),
    'two': Player({command!r} + ['2'], cwd={cwd!r}, environ={environment!r}),
}}
board_size = 9
komi = 6.5
scorer = 'players'
matchups = [
    Matchup('one', 'two', id='even', number_of_games=2, alternating=True),
    Matchup('one', 'two', id='handicap', number_of_games=1, handicap=3, handicap_style='fixed'),
    Matchup('one', 'two', id='free', number_of_games=1, handicap=2, handicap_style='free'),
]
"""


@pytest.mark.engine
def test_gomill_runs_our_engine(ringmaster: list[str], tmp_path: Path) -> None:
    control = CONTROL_FILE.format(command=SERVER, environment=WITH_PATH, cwd=str(ROOT))
    (tmp_path / "match.ctl").write_text(control)
    for action in ("check", "run"):
        done = subprocess.run(
            [*ringmaster, "-q", "match.ctl", action],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    records = sorted((tmp_path / "match.games").glob("*.sgf"))
    assert [path.stem for path in records] == ["even_0", "even_1", "free_0", "handicap_0"]
    assert not (tmp_path / "match.void").exists()
    for path in records:
        root = sgf.Sgf_game.from_bytes(path.read_bytes()).get_root()
        assert re.fullmatch(r"[BW]\+\d+\.5", root.get("RE")), "scored by both players, who agree"
        assert {root.get("PB"), root.get("PW")} == {"Random:1.0"}
        comment = root.get("C")
        assert "cpu time" in comment
        assert "Plays legal moves at random." in comment
    handicap = sgf.Sgf_game.from_bytes(records[3].read_bytes())
    assert handicap.get_root().get_setup_stones()[0] == {(2, 2), (6, 6), (6, 2)}


@pytest.mark.engine
def test_gnugo_and_our_engine_keep_the_same_board(gnugo: str) -> None:
    """gnugo judges every move of ours, and its drawing of the stones is compared in the end."""
    engine = RandomEngine(seed=5, size=7)
    command = [gnugo, "--mode", "gtp", "--level", "0", "--chinese-rules", "--positional-superko"]
    with GtpClient.launch(command, "gnugo") as client:
        client.new_game(7, 7.5)
        colour = Colour.BLACK
        for _ in range(80):
            move = engine.genmove(colour)
            assert move is not RESIGN
            engine.play(colour, move)
            client.play(colour, move)
            colour = colour.opponent
        black, white = (client.ask(f"list_stones {colour.word}").split() for colour in Colour)
        with pytest.raises(EngineError, match=r"syntax|invalid"):
            client.ask("play q q")
    theirs = {parse_vertex(name, 7): Colour.BLACK for name in black}
    theirs |= {parse_vertex(name, 7): Colour.WHITE for name in white}
    assert {i: stone for i, stone in enumerate(engine.stones()) if stone} == theirs


# Whose turn it is, and what a handicap is


@pytest.mark.parametrize(
    ("record", "to_move", "kept", "without"),
    [
        ("(;SZ[9]AB[cc][gg]AW[cg][gc]PL[W])", "white", "PL[W]", "HA["),
        ("(;SZ[9]AB[cc][gg]PL[B])", "black", "PL[B]", "HA["),
        ("(;SZ[9]AB[cc][gg]PL[B];B[ee];W[cg])", "black", "PL[B]", "HA["),
        ("(;SZ[9]AB[cc];B[ee];W[cg])", "black", "AB[cc]", "HA["),
        ("(;SZ[9]AB[cc][gg])", "white", "AB[cc][gg]", "HA["),
        ("(;SZ[9]HA[2];AB[cc][gg];W[cg])", "black", "HA[2]", "PL["),
        ("(;SZ[9];B[ee];W[cg]PL[W])", "black", "SZ[9]", "PL["),
        ("(;SZ[9];B[ee];W[cg];PL[W])", "white", "PL[W]", "HA["),
        ("(;SZ[9]PL[white];W[ee])", "black", "PL[W]", "HA["),
        ("(;SZ[9]PL[neither];B[ee])", "white", "SZ[9]", "PL["),
    ],
)
def test_the_player_to_move_and_the_handicap_of_a_record(
    tmp_path: Path, record: str, to_move: str, kept: str, without: str
) -> None:
    """What is printed is loaded again as the same position."""
    path, again = tmp_path / "game.sgf", tmp_path / "again.sgf"
    path.write_text(record)
    asked = ("gogui-rules_side_to_move", "gogui-rules_board", "move_history", "printsgf")
    found = answers(f"loadsgf {path}", f"printsgf {again}", *asked)
    assert found[2] == to_move
    assert kept in found[-1]
    assert without not in found[-1]
    assert answers(f"loadsgf {again}", *asked)[1:] == found[2:]


def test_gogui_says_whose_turn_it_is(tmp_path: Path) -> None:
    found = answers(
        *("boardsize 9", "gogui-setup b C7 b G3", "gogui-setup_player b", "gogui-rules_side_to_move"),
        *("printsgf", "play b E5", "gogui-rules_side_to_move", "gogui-setup_player b", "gogui-rules_side_to_move"),
        *("play b A1", "gogui-rules_side_to_move", "undo", "gogui-rules_side_to_move", "printsgf"),
    )  # fmt: skip
    assert [found[number] for number in (3, 6, 8, 10, 12)] == ["black", "white", "black", "white", "white"]
    assert "PL[B]" in found[4]
    assert "HA[" not in found[4] + found[-1]


def test_a_recorded_game_may_repeat_a_position(tmp_path: Path) -> None:
    """Under rules without superko: a ko is taken back after two passes."""
    path = tmp_path / "game.sgf"
    path.write_text("(;SZ[5];W[ca];B[da];W[bb];B[eb];W[cc];B[dc];W[db];B[cb];W[];B[];W[db])")
    talk = Talk(f"loadsgf {path}\nlast_move\nkata-get-rules")
    assert talk.answers[1] == "= white D4"
    assert '"ko": "SIMPLE"' in talk.answers[2]
    assert "move 11, White D4, is illegal (superko); superko is off" in talk.stderr
