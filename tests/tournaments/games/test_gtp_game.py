from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sgfmill.boards import Board
from sgfmill.sgf import Sgf_game

from engines.gtp.engine import TimeSettings
from lzeval.errors import EngineError
from lzeval.go.colour import Colour
from lzeval.go.openings import Opening
from lzeval.go.points import parse_vertex
from lzeval.go.rules import DEFAULT_RULES
from lzeval.records.record import describe_result
from lzeval.records.result import format_result
from lzeval.records.writer import serialise_game
from tests.support.paths import MISBEHAVING, ROOT
from tests.support.waiting import is_alive, wait_until
from tournaments.games.arbiter import Arbiter
from tournaments.games.faults import Consequence, Fault, Policy
from tournaments.games.gtp_game import GameConditions, GameTask, PlayedGame, play_game
from tournaments.games.gtp_player import GameContext, GtpPlayer, launch
from tournaments.games.process_guard import Guard
from tournaments.plan.competition import MatchupSpec, PlayerSpec, Timeouts

B, W = Colour.BLACK, Colour.WHITE
PATIENT = Timeouts(start_s=20, new_game_s=20, move_s=20, quit_s=5)
HASTY = Timeouts(start_s=1.5, new_game_s=1.0, move_s=1.0, quit_s=0.5)
ON_LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks at processes as Linux shows them"
)
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


def player(code: str, *flags: str, **others: object) -> PlayerSpec:
    return PlayerSpec(code, (sys.executable, str(MISBEHAVING), *flags), **others)  # type: ignore[arg-type]


def scoring(code: str, score: str, *flags: str) -> PlayerSpec:
    return player(code, "--answer", f"final_score={score}", *flags)


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.close()


class Table:
    """Two engines and what is played between them."""

    def __init__(
        self, guard: Guard, black: PlayerSpec, white: PlayerSpec, timeouts: Timeouts = PATIENT
    ) -> None:
        self.players = (black, white)
        self.seats: Mapping[Colour, GtpPlayer] = {
            colour: launch(spec, GameContext("0_0", 3, 17), timeouts, guard)
            for colour, spec in zip(Colour, self.players, strict=True)
        }

    def play(
        self, conditions: GameConditions | None = None, opening: Opening | None = None, **matchup: object
    ) -> PlayedGame:
        settings: dict[str, object] = {"board_size": 9, "komi": 7.5, "move_limit": 50, **matchup}
        black, white = self.players
        spec = MatchupSpec("0", "a v b", black.code, white.code, **settings)  # type: ignore[arg-type]
        task = GameTask("0_0", spec, 0, black, white, seed=17, event="test", opening=opening)
        return play_game(task, self.seats, conditions or GameConditions(), slot=3)

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        for seat in self.seats.values():
            seat.close()


def fault(played: PlayedGame) -> tuple[str, Fault] | None:
    if not played.incidents:
        return None
    (incident,) = played.incidents
    return incident.player, incident.fault


# A game as it should be


def test_a_game_from_start_to_score(guard: Guard, tmp_path: Path) -> None:
    said = tmp_path / "said"
    black = scoring("a", "W+7.5", "--moves", "C3 D4", "--write-to", str(said))
    with Table(guard, black, scoring("b", "W+7.5", "--moves", "G7 f6")) as table:
        played = table.play()
    assert played.incidents == ()
    assert not played.is_void
    assert describe_result(played.record) == "b beat a W+7.5"
    moves = [
        (colour, parse_vertex(v, 9))
        for colour, v in zip([*Colour] * 3, ("C3", "G7", "D4", "F6", "pass", "pass"), strict=True)
    ]
    assert list(played.record.moves) == moves
    assert played.record.black_engine == "Misbehaving:1"
    assert played.record.end_comment == ""
    commands = [line.split(" ", 1)[1] for line in said.read_text().splitlines()]
    of_the_game = [line for line in commands if not line.startswith("known_command")]
    assert of_the_game == [
        *("protocol_version", "name", "version", "boardsize 9", "clear_board", "komi 7.5"),
        *("genmove b", "play w G7", "genmove b", "play w F6", "genmove b", "play w pass"),
        *("final_score", "quit"),
    ]


def test_engines_stay_alive_between_games(guard: Guard, tmp_path: Path) -> None:
    said = tmp_path / "said"
    with Table(guard, player("a", "--moves", "C3", "--write-to", str(said)), player("b")) as table:
        games = [table.play().record.moves for _ in range(3)]
    assert games[0] == games[1] == games[2]
    lines = said.read_text().splitlines()
    assert len({line.split()[0] for line in lines}) == 1
    assert sum("clear_board" in line for line in lines) == 3
    assert sum("known_command" in line for line in lines) == len(
        {line for line in lines if "known_command" in line}
    ), "what it knows is asked once"


def test_startup_commands_and_what_depends_on_the_game(guard: Guard, tmp_path: Path) -> None:
    said = tmp_path / "said"
    black = player(
        "a",
        *("--write-to", str(said)),
        startup_gtp_commands=("level 3", "set_random_seed {seed}", "tell {game_id} {slot}"),
    )
    with Table(guard, black, player("b")) as table:
        table.play()
        table.play()
    commands = [line.split(" ", 1)[1] for line in said.read_text().splitlines()]
    assert commands.count("level 3") == 1
    assert commands.count("set_random_seed 17") == 2
    assert commands.count("tell 0_0 3") == 2


@ON_LINUX
def test_the_environment_tells_the_game(guard: Guard) -> None:
    with Table(guard, player("a", environ={"MINE": "x"}), player("b")) as table:
        assert wait_until(lambda: b"GOMILL" in Path(f"/proc/{table.seats[B].pid}/environ").read_bytes())
        text = Path(f"/proc/{table.seats[B].pid}/environ").read_bytes().split(b"\0")
    assert {b"GOMILL_GAME_ID=0_0", b"LZEVAL_SLOT=3", b"LZEVAL_SEED=17", b"MINE=x"} <= set(text)


def test_aliases(guard: Guard, tmp_path: Path) -> None:
    said = tmp_path / "said"
    black = player("a", "--write-to", str(said), gtp_aliases={"clear_board": "wipe"})
    with Table(guard, black, player("b")) as table:
        table.play()
    assert "wipe" in said.read_text()
    assert "clear_board" not in said.read_text()


def test_an_opening_is_played_by_both(guard: Guard, tmp_path: Path) -> None:
    said = [tmp_path / "a", tmp_path / "b"]
    opening = Opening("two corners", (parse_vertex("C3", 9), parse_vertex("G7", 9)))
    with Table(guard, *(player(f.name, "--write-to", str(f)) for f in said)) as table:
        record = table.play(opening=opening).record
    assert record.opening == "two corners"
    assert [colour for colour, _ in record.moves] == [*Colour, *Colour]
    for file in said:
        assert re.findall("play . ..", file.read_text())[:2] == ["play b C3", "play w G7"]


def test_move_limit_and_resignation(guard: Guard) -> None:
    with Table(guard, player("a", "--moves", "A1 A2 A3 A4"), player("b", "--moves", "J1 J2 J3 J4")) as table:
        played = table.play(move_limit=5)
    assert describe_result(played.record) == "a vs b Void (hit move limit)"
    assert len(played.record.moves) == 5
    assert not played.is_void, "it has been played, and is not played again"
    with Table(guard, player("a"), player("b", "--move", "RESIGN")) as table:
        assert format_result(table.play().record.result) == "B+R"


def test_a_claim(guard: Guard) -> None:
    claiming = player("a", "--answer", "gomill-genmove_ex=claim", allow_claim=True)
    with Table(guard, claiming, player("b")) as table:
        assert describe_result(table.play().record) == "a beat b B+ (claim)"


@pytest.mark.parametrize("size", [9, 19])
def test_fixed_handicap(guard: Guard, size: int) -> None:
    points = {9: "C3 G7", 19: "D4 Q16"}[size]
    engines = [player(code, "--answer", f"fixed_handicap={points}") for code in "ab"]
    with Table(guard, *engines) as table:
        played = table.play(board_size=size, handicap=2)
    assert played.incidents == ()
    assert played.record.handicap == 2
    assert set(played.record.setup_black) == {parse_vertex(point, size) for point in points.split()}
    assert [colour for colour, _ in played.record.moves] == [Colour.WHITE, Colour.BLACK]


def test_free_handicap(guard: Guard, tmp_path: Path) -> None:
    said = tmp_path / "said"
    black = player("a", "--answer", "place_free_handicap=E5 E6")
    with Table(guard, black, player("b", "--write-to", str(said))) as table:
        played = table.play(handicap=2, handicap_style="free")
    assert played.incidents == ()
    assert "set_free_handicap E5 E6" in said.read_text()


@pytest.mark.parametrize(
    ("style", "answer", "message"),
    [
        ("fixed", "fixed_handicap=C3 G6", "other points"),
        ("fixed", "fixed_handicap=C3 Z9", "'Z9' is not"),
        ("free", "place_free_handicap=C3 pass", "are no handicap stones"),
        ("free", "place_free_handicap=C3 C3", "are no handicap stones"),
        ("free", "place_free_handicap=", "are no handicap stones"),
    ],
)
def test_wrong_handicap(guard: Guard, style: str, answer: str, message: str) -> None:
    with Table(
        guard, player("a", "--answer", answer), player("b", "--answer", "fixed_handicap=C3 G7")
    ) as table:
        played = table.play(handicap=2, handicap_style=style)
    assert fault(played) == ("a", Fault.SETUP)
    assert message in played.incidents[0].message
    assert played.is_void


# Who spoils a game, and how


SPOILERS = [
    (("--hang-on", "protocol_version"), Fault.START, "void"),
    (("--crash-silently-at-start",), Fault.START, "void"),
    (("--not-gtp",), Fault.GARBAGE, "void"),
    (("--hang-on", "boardsize"), Fault.HANG, "void"),
    (("--refuse", "boardsize"), Fault.SETUP, "void"),
    (("--refuse", "komi"), Fault.SETUP, "void"),
    (("--hang-on", "genmove"), Fault.HANG, "void"),
    (("--hang-on", "play"), Fault.HANG, "void"),
    (("--hang-on", "genmove", "--deaf", "--ignore-quit"), Fault.HANG, "void"),
    (("--half-a-line-on", "genmove"), Fault.HANG, "void"),
    (("--half-a-line-on", "genmove", "--exit-then"), Fault.CRASH, "void"),
    (("--crash-on", "play"), Fault.MEMORY, "void"),
    (("--garbage-on", "genmove"), Fault.GARBAGE, "void"),
    (("--answer-twice", "genmove"), Fault.GARBAGE, "void"),
    (("--refuse", "genmove"), Fault.REFUSED, "B+F"),
    (("--refuse", "play", "--say", "cannot"), Fault.REFUSED, "B+F"),
    (("--refuse", "play", "--say", "illegal move"), Fault.REFUSED, "B+F"),
    (("--move", "E5"), Fault.ILLEGAL, "B+F"),
    (("--move", "white C3"), Fault.ILLEGAL, "B+F"),
    (("--move", "Z9"), Fault.ILLEGAL, "B+F"),
    (("--move", ""), Fault.ILLEGAL, "B+F"),
    (("--moves", "C3 C3"), Fault.ILLEGAL, "B+F"),
]
if sys.platform != "win32":
    SPOILERS += [
        (("--stop-on", "genmove"), Fault.HANG, "void"),
        (("--stop-on", "quit", "--move", "E5"), Fault.ILLEGAL, "B+F"),
        (("--kill-on", "genmove"), Fault.MEMORY, "void"),
    ]


@pytest.mark.parametrize(
    ("flags", "name", "end"), SPOILERS, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_fault_has_a_name_and_a_consequence(
    guard: Guard, flags: tuple[str, ...], name: Fault, end: str
) -> None:
    began_s = time.monotonic()
    with Table(guard, player("a", "--moves", "E5 F5 G5"), player("b", *flags), HASTY) as table:
        played = table.play()
        pids = [seat.pid for seat in table.seats.values()]
    assert fault(played) == ("b", name)
    assert played.is_void == (end == "void")
    assert format_result(played.record.result) == ("Void" if end == "void" else end)
    assert played.record.result.note or end == "void"
    assert "b: " not in played.incidents[0].message
    assert not any(map(is_alive, pids))
    assert time.monotonic() - began_s < 15


TOLERATED = [
    ("--flood-stderr",),
    ("--banner", "50"),
    ("--complete", "--answer", "genmove=pass", "--chatter", "thinking of something else"),
    ("--wrong-ids",),
    ("--crlf",),
    ("--move", "PASS"),
    ("--hang-on", "quit"),
    ("--ignore-quit",),
    ("--deaf", "--ignore-quit"),
]
if sys.platform != "win32":
    TOLERATED.append(("--flee",))


@pytest.mark.parametrize("flags", TOLERATED, ids=" ".join)
def test_what_spoils_nothing(guard: Guard, flags: tuple[str, ...]) -> None:
    timeouts = Timeouts(start_s=20, new_game_s=20, move_s=20, quit_s=0.3)
    with Table(guard, player("a", "--moves", "C3"), player("b", *flags), timeouts) as table:
        games = [table.play() for _ in range(2)]
        pids = [seat.pid for seat in table.seats.values()]
    for played in games:
        assert played.incidents == ()
        assert len(played.record.moves) == 3
    assert not any(map(is_alive, pids))


def test_an_engine_may_leave_after_its_last_pass(guard: Guard) -> None:
    """Nothing that happens to the last `play` matters any more, as with gomill."""
    with Table(guard, player("a", "--crash-on", "play"), scoring("b", "W+7.5")) as table:
        played = table.play()
    assert format_result(played.record.result) == "W+7.5"


def test_a_hang_while_scoring_costs_an_opinion(guard: Guard) -> None:
    hanging = player("a", "--answer", "final_score=B+1", "--hang-on", "final_score")
    with Table(guard, hanging, scoring("b", "W+7.5"), HASTY) as table:
        played = table.play()
    assert format_result(played.record.result) == "W+7.5"
    assert fault(played) == ("a", Fault.HANG)
    assert played.incidents[0].consequence is None


@pytest.mark.parametrize(
    ("chosen", "result"), [({}, "Void"), ({Fault.CRASH: "forfeit"}, "B+F"), ({Fault.HANG: "forfeit"}, "Void")]
)
def test_consequences_can_be_chosen(guard: Guard, chosen: dict[Fault, Consequence], result: str) -> None:
    conditions = GameConditions(policy=Policy(chosen=chosen))
    with Table(guard, player("a"), player("b", "--half-a-line-on", "genmove", "--exit-then")) as table:
        played = table.play(conditions)
    assert format_result(played.record.result) == result
    with Table(guard, player("a"), player("b", "--refuse", "genmove")) as table:
        played = table.play(GameConditions(policy=Policy(chosen={Fault.REFUSED: "void"})))
    assert played.is_void


def test_a_missing_program(guard: Guard) -> None:
    with pytest.raises(EngineError, match="cannot start no-such-engine"):
        launch(PlayerSpec("a", ("no-such-engine",)), GameContext(), PATIENT, guard)


# Rules


def test_superko_is_the_rule_where_rules_are_strict(guard: Guard) -> None:
    """Two that return one: gomill's rules allow it, and the game goes on."""
    black = "A3 B3 A2 B1 C1 B1"
    white = "C3 B2 C2 D1 A1 D4"
    for conditions, expected in (
        (GameConditions(), None),
        (GameConditions(DEFAULT_RULES), ("a", Fault.ILLEGAL)),
    ):
        with Table(guard, player("a", "--moves", black), player("b", "--moves", white)) as table:
            played = table.play(conditions, board_size=4)
        assert fault(played) == expected
    assert "superko" in played.incidents[0].message
    assert describe_result(played.record).startswith("b beat a W+F (a: illegal move: B1 at move 11: superko)")


def test_an_opponent_may_reject_what_strict_rules_forbid(guard: Guard) -> None:
    """White refuses the suicide of a stone, which gomill's rules allow."""
    refusing = player("b", "--moves", "A2 B1", "--refuse-at", "3")
    with Table(guard, player("a", "--moves", "J9 J8 A1"), refusing) as table:
        played = table.play()
    assert fault(played) == ("a", Fault.ILLEGAL)
    assert "A1 at move 5: suicide, says b" in played.incidents[0].message
    assert format_result(played.record.result) == "W+F"


# Scoring


def test_a_dispute_is_reported_and_unknown(guard: Guard) -> None:
    with Table(guard, scoring("a", "B+3"), scoring("b", "W+2")) as table:
        played = table.play()
    assert describe_result(played.record) == "a vs b ? (players disagreed)"
    assert {(incident.player, incident.fault) for incident in played.incidents} == {
        ("a", Fault.DISPUTE),
        ("b", Fault.DISPUTE),
    }
    assert "a final_score: B+3\nb final_score: W+2" in played.record.end_comment


def test_an_unreliable_scorer_is_not_asked(guard: Guard) -> None:
    liar = player("a", "--answer", "final_score=B+300", is_reliable_scorer=False)
    with Table(guard, liar, scoring("b", "W+2")) as table:
        assert format_result(table.play().record.result) == "W+2"


def test_the_internal_scorer_asks_nobody(guard: Guard, tmp_path: Path) -> None:
    said = tmp_path / "said"
    with Table(guard, scoring("a", "B+3", "--write-to", str(said), "--moves", "E5"), player("b")) as table:
        played = table.play(scorer="internal")
    assert format_result(played.record.result) == "B+73.5"
    assert "final_score" not in said.read_text()


@pytest.mark.engine
def test_gnugo_judges_what_is_dead(gnugo: str, guard: Guard) -> None:
    """A lone White stone in Black's area: the players differ, GNU Go takes it off."""
    spec = PlayerSpec("judge", (gnugo, "--mode", "gtp", "--chinese-rules", "--level", "0"))
    arbiter = Arbiter("judge", lambda: launch(spec, GameContext(), PATIENT, guard))
    black = scoring("a", "B+1", "--moves", "D1 D2 D3 D4 D5 D6 D7 D8 D9 B8")
    white = scoring("b", "W+80", "--moves", "E1 E2 E3 E4 E5 E6 E7 E8 E9 B3")
    try:
        with Table(guard, black, white) as table:
            played = table.play(GameConditions(arbiter=arbiter))
    finally:
        arbiter.close()
    board = Board(9)
    for row in range(9):
        board.play(row, 3, "b")
        board.play(row, 4, "w")
    expected = board.area_score() - 7.5
    assert expected < 0
    assert describe_result(played.record) == f"b beat a W+{-expected:g} (players disagreed, judge decided)"
    assert "judge final_score" in played.record.end_comment


@pytest.mark.engine
def test_gnugo_plays_itself(gnugo: str, guard: Guard) -> None:
    """The record is legal on sgfmill's board, and counted as there; the two engines agree."""
    command = (gnugo, "--mode", "gtp", "--chinese-rules", "--capture-all-dead", "--level", "0", "--seed", "7")
    with Table(guard, PlayerSpec("a", command), PlayerSpec("b", command)) as table:
        agreed = table.play(move_limit=300)
        counted = table.play(move_limit=300, scorer="internal")
    assert agreed.incidents == counted.incidents == ()
    assert agreed.record.result.margin is not None
    board = Board(9)
    for colour, move in counted.record.moves:
        if move < 81:
            board.play(*divmod(move, 9), colour.letter)
    lead = board.area_score() - 7.5
    assert format_result(counted.record.result) == f"{'B' if lead > 0 else 'W'}+{abs(lead):g}"
    assert agreed.record.black_engine.startswith("GNU Go:")


# Time


def test_time_is_told_kept_and_written(guard: Guard, tmp_path: Path) -> None:
    said = tmp_path / "said"
    knows = ("--answer", "time_left=", "--answer", "time_settings=")
    black = player("a", "--moves", "C3 D3", "--slow", "0.3", "--write-to", str(said), *knows)
    with Table(guard, black, player("b", "--moves", "G7 G6")) as table:
        played = table.play(GameConditions(clock=TimeSettings(20, 10, 5), lag_s=0.0))
    assert played.incidents == ()
    talk = [line.split(" ", 1)[1] for line in said.read_text().splitlines() if "time_" in line]
    assert [line for line in talk if "known" not in line] == [
        *("time_settings 20 10 5", "time_left b 20 0", "time_left b 19 0", "time_left b 19 0")
    ]
    sgf = Sgf_game.from_bytes(serialise_game(played.record, played.clocks))
    assert sgf.get_root().get("TM") == 20
    assert sgf.get_root().get("OT") == "5/10 Canadian"
    nodes = sgf.get_main_sequence()[1:]
    black_left = [node.get("BL") for node in nodes[::2]]
    assert all(19.7 - 0.3 * n - 0.5 < left <= 19.7 - 0.3 * n for n, left in enumerate(black_left))
    assert all(node.has_property("WL") for node in nodes[1::2])


def test_a_loss_on_time_keeps_the_engine(guard: Guard) -> None:
    """It answers too late, but it answers: it is not killed, and plays the next game."""
    with Table(guard, player("a"), player("b", "--slow", "0.6")) as table:
        lost = table.play(GameConditions(clock=TimeSettings(0.3)))
        pid = table.seats[W].pid
        assert format_result(lost.record.result) == "B+T"
        assert fault(lost) == ("b", Fault.TIME)
        assert not lost.is_void
        assert table.play().incidents == ()
        assert table.seats[W].pid == pid
        assert table.seats[W].is_alive


def test_a_hang_is_a_loss_on_time_where_there_is_a_clock(guard: Guard) -> None:
    with Table(guard, player("a"), player("b", "--hang-on", "genmove")) as table:
        began_s = time.monotonic()
        played = table.play(GameConditions(clock=TimeSettings(0.5)))
        assert time.monotonic() - began_s < 10
        assert not table.seats[W].is_alive
    assert format_result(played.record.result) == "B+T"


# What is left behind


def test_standard_error_is_kept_by_game(guard: Guard) -> None:
    complete = ("--complete", "--answer", "genmove=pass", "--stderr", "hello")
    with Table(guard, player("a", *complete), player("b")) as table:
        first, second = table.play(), table.play()
    assert set(first.stderr) == {"a"}
    assert len(first.stderr["a"].splitlines()) > len(second.stderr["a"].splitlines()) > 2
    with Table(guard, player("a", *complete, discard_stderr=True), player("b")) as table:
        assert table.play().stderr == {}


@POSIX_ONLY
@pytest.mark.parametrize("in_session", [(), ("--child-in-session",)], ids=["group", "session"])
def test_what_an_engine_started_ends_with_it(
    guard: Guard, in_session: tuple[str, ...], tmp_path: Path
) -> None:
    if in_session and not sys.platform.startswith("linux"):
        pytest.skip("only Linux shows what carries the mark")
    pid_file = tmp_path / "pid"
    with Table(guard, player("a", "--child-pid-to", str(pid_file), *in_session), player("b")) as table:
        table.play()
        child = int(pid_file.read_text())
        assert is_alive(child)
    assert wait_until(lambda: not is_alive(child))


RUNNER = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tournaments.plan.competition import PlayerSpec, Timeouts
from tournaments.games.gtp_player import GameContext, launch
from tournaments.games.process_guard import Guard
guard = Guard()
spec = PlayerSpec("a", tuple(sys.argv[3:]))
engine = launch(spec, GameContext(), Timeouts(), guard)
engine.introduce()
Path(sys.argv[2]).write_text(str(engine.pid))
os.kill(os.getpid(), signal.SIGKILL)
"""


@POSIX_ONLY
def test_no_engine_outlives_a_killed_runner(tmp_path: Path) -> None:
    """An engine that is deaf to the end of its input, and a child of its own."""
    pid_file, child_file = tmp_path / "pid", tmp_path / "child"
    flags = ["--ignore-quit", "--deaf", "--child-pid-to", str(child_file)]
    flags += ["--child-in-session"] if sys.platform.startswith("linux") else []
    engine = player("a", *flags).command
    subprocess.run([sys.executable, "-c", RUNNER, str(ROOT), str(pid_file), *engine], check=False, timeout=60)
    pids = [int(file.read_text()) for file in (pid_file, child_file)]
    assert wait_until(lambda: not any(map(is_alive, pids)))
