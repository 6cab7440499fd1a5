"""gomill's files, out and in: the real ringmaster is the judge of every line."""

from __future__ import annotations

import os
import pickle
import random
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sgfmill import sgf

from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games, write_game
from lzeval.records.result import VOID, GameResult, Outcome, parse_result, win
from lzeval.records.writer import abort_message, serialise_void_game
from tests.support.gomill_files import FAKE, SCRIPTED, written
from tests.support.gomill_judge import ask_gomill
from tournaments.gomill.files import GomillFiles, history_line, open_event_log, write_history, write_report
from tournaments.gomill.report import report_text
from tournaments.gomill.ringmaster import run_ringmaster
from tournaments.gomill.status_file import UnknownPickleError, plain_data, read_status
from tournaments.gomill.takeover import games_of_gomill
from tournaments.plan.competition import Competition
from tournaments.rating.rating_table import build_table

PLAYOFF = """competition_type = 'playoff'
description = 'Grüße: 囲碁'
players = {'a': Player('x'), 'long-name': Player('y'), 'c?': Player('z')}
board_size = 9
komi = 7.5
matchups = [
    Matchup('a', 'long-name', number_of_games=11, alternating=True),
    Matchup('long-name', 'a', id='h', name='handicap games', handicap=2, komi=-0.5),
    Matchup('c?', 'c?', id='self', number_of_games=3, alternating=True, board_size=19),
    Matchup('a', 'c?', number_of_games=0),
]
"""
ALLPLAYALL = """competition_type = 'allplayall'
players = dict((c, Player('x')) for c in ['gnugo-l1', 'gnugo-l2', 'b', 'x?'])
competitors = ['gnugo-l1', 'gnugo-l2', 'b', 'x?']
board_size = 9
komi = 6
rounds = {rounds}
"""


# Random results, judged by gomill's own modules


def random_game(draw: random.Random) -> list[Any]:
    """Winner, RE, detail and both processor times, as gomill might have got them."""
    winner = draw.choice(["b", "w"])
    ending = draw.choice(["+3.5", "+R", "+R", "+12", "+", "+F", "0", "?", "Void"])
    detail = {
        "+": "unknown margin",
        "+F": "forfeit by x: attempted move to occupied point C3",
        "?": "players disagreed",
        "Void": "hit move limit",
    }.get(ending)
    times = [draw.choice([None, 0.0, round(draw.uniform(0, 300), 2)]) for _ in "bw"]
    if ending.startswith("+"):
        return [winner, winner.upper() + ending, detail, *times]
    return [None, ending, detail, *times]


def random_case(folder: Path, number: int) -> tuple[Competition, list[list[Any]]]:
    draw = random.Random(number)
    text = draw.choice([PLAYOFF, ALLPLAYALL.format(rounds=4), ALLPLAYALL.format(rounds=None)])
    competition = written(folder, text, f"case{number}.ctl")
    endless = any(matchup.number_of_games is None for matchup in competition.matchups)
    most = 60 if endless else sum(matchup.number_of_games or 0 for matchup in competition.matchups)
    return competition, [random_game(draw) for _ in range(draw.randint(1, most))]


def as_records(games: Sequence[list[Any]], jobs: Sequence[Sequence[str]]) -> list[GameRecord]:
    records = []
    for (_, text, detail, cpu_black, cpu_white), (game_id, black, white) in zip(games, jobs, strict=True):
        said = ["" if code.endswith("?") else f"engine of {code}" for code in (black, white)]
        result = replace(parse_result(text), note=detail or "")
        records.append(
            GameRecord(
                game_id,
                black,
                white,
                result,
                black_description=said[0],
                white_description=said[1],
                black_cpu_s=cpu_black,
                white_cpu_s=cpu_white,
            )
        )
    return records


@pytest.mark.engine
def test_reports_histories_and_states_of_random_competitions(ringmaster: list[str], tmp_path: Path) -> None:
    cases = [random_case(tmp_path, number) for number in range(80)]
    questions = [{"ctl": str(competition.path), "games": games} for competition, games in cases]
    for (competition, games), answer in zip(cases, ask_gomill(ringmaster, questions, tmp_path), strict=True):
        assert "error" not in answer, answer
        places = {matchup.id: matchup for matchup in competition.matchups}
        for game_id, black, white in answer["jobs"]:
            matchup_id, _, number = game_id.rpartition("_")
            matchup = places[matchup_id]
            assert (matchup.game_id(int(number)), matchup.colours(int(number))) == (game_id, (black, white))
        records = as_records(games, answer["jobs"])
        assert report_text(competition, records).split("\n") == answer["report"].split("\n")
        assert [history_line(record) for record in records] == answer["history"]
        taken = games_of_gomill(competition)
        assert [record.game_id for record in taken] == [record.game_id for record in records]
        assert report_text(competition, taken) == answer["report"]
        assert [history_line(record) for record in taken] == answer["history"]


@pytest.mark.engine
def test_a_history_alone_tells_all_but_times_and_engines(ringmaster: list[str], tmp_path: Path) -> None:
    competition, games = random_case(tmp_path, 3)
    (answer,) = ask_gomill(ringmaster, [{"ctl": str(competition.path), "games": games}], tmp_path)
    GomillFiles(competition.path).status.unlink()
    taken = games_of_gomill(competition)
    assert [history_line(record) for record in taken] == answer["history"]
    assert [(r.game_id, r.black, r.white) for r in taken] == [tuple(job) for job in answer["jobs"]]
    assert {record.size for record in taken} <= {9, 19}


# A whole competition, run by the real ringmaster


@pytest.fixture(scope="module")
def played(ringmaster: list[str], tmp_path_factory: pytest.TempPathFactory) -> Competition:
    """Games that ended in every way there is, one of them broken off at its first attempt."""
    folder = tmp_path_factory.mktemp("played")
    text = SCRIPTED.format(python=sys.executable, fake=str(FAKE), folder=str(folder))
    competition = written(folder, text)
    run = subprocess.run(
        [*ringmaster, "-q", str(competition.path)], capture_output=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    return competition


@pytest.mark.engine
def test_records_alone_give_the_same_report(played: Competition, tmp_path: Path) -> None:
    files = GomillFiles(played.path)
    records = [game for game in read_games([files.games]) if isinstance(game, GameRecord)]
    assert len(records) == 14
    assert len({record.result for record in records}) >= 9
    assert report_text(played, records) == files.report.read_text(encoding="utf-8")


@pytest.mark.engine
def test_all_files_together_give_the_same_report_and_history(played: Competition) -> None:
    files = GomillFiles(played.path)
    taken = games_of_gomill(played)
    assert report_text(played, taken) == files.report.read_text(encoding="utf-8")
    assert "".join(f"{history_line(game)}\n" for game in taken) == files.history.read_text(encoding="utf-8")
    assert all(game.moves and game.size == 9 and game.komi == 7.5 for game in taken)
    assert {game.black_cpu_s for game in taken} == {1.25, 2.5}
    assert {row.rating.player for row in build_table(taken).rows} == {"one", "two"}


@pytest.mark.engine
def test_we_write_the_same_report_and_history(played: Competition, tmp_path: Path) -> None:
    records = games_of_gomill(played)
    theirs = GomillFiles(played.path)
    copy = replace(played, path=tmp_path / "x.ctl")
    assert write_report(copy, records).read_bytes() == theirs.report.read_bytes()
    assert write_history(copy, records).read_bytes() == theirs.history.read_bytes()


@pytest.mark.engine
def test_a_void_game_is_recorded_as_gomill_does(played: Competition) -> None:
    (path,) = GomillFiles(played.path).void.iterdir()
    (found,) = read_games([path])
    assert isinstance(found, GameRecord)
    assert found.result == VOID
    theirs = path.read_bytes()
    comment = sgf.Sgf_game.from_bytes(theirs).get_last_node().get("C")
    note, _, reason = comment.partition("\n\n" + abort_message(""))
    assert note == "move 2"
    ours = serialise_void_game(replace(found, end_comment="", move_notes={1: note}), reason)
    assert ours.split(b"\n", 1)[1] == theirs.split(b"\n", 1)[1]


@pytest.mark.engine
def test_the_log_says_what_gomills_says(played: Competition, tmp_path: Path) -> None:
    theirs = GomillFiles(played.path).log.read_text(encoding="utf-8")
    voids = dict(re.findall(r"game (\S+) -- aborting game due to error:\n((?:(?!starting).*\n)+)", theirs))
    records = {record.game_id: record for record in games_of_gomill(played)}
    with open_event_log(replace(played, path=tmp_path / "x.ctl")) as log:
        log.run_started()
        for game_id in re.findall(r"^starting game (\S+):", theirs, re.MULTILINE):
            log.game_started(game_id, records[game_id].black, records[game_id].white)
            if game_id in voids:
                log.game_aborted(game_id, voids.pop(game_id).rstrip("\n"))
            else:
                log.game_ended(records[game_id])
        log.run_finished()
    ours = (tmp_path / "x.log").read_text(encoding="utf-8")
    times = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    assert re.sub(times, "TIME", ours) == re.sub(times, "TIME", theirs)


@pytest.mark.engine
def test_players_may_not_change_under_games(played: Competition) -> None:
    (matchup, *others) = played.matchups
    changed = replace(played, matchups=(replace(matchup, player_2="one#2"), *others))
    with pytest.raises(UserError, match=r"game 0_\d+ was played by .* of matchup 0 are one and one#2"):
        games_of_gomill(changed)


@pytest.mark.engine
def test_a_deleted_matchup_keeps_its_games(
    ringmaster: list[str], played: Competition, tmp_path: Path
) -> None:
    files = GomillFiles(played.path)
    text = played.path.read_text(encoding="utf-8").replace("Matchup('one', 'two', number_of_games=11)", "")
    copy = written(tmp_path, text)
    (tmp_path / "x.status").write_bytes(files.status.read_bytes())
    subprocess.run([*ringmaster, str(copy.path), "report"], check=True, timeout=60)
    theirs = (tmp_path / "x.report").read_text(encoding="utf-8")
    assert "?? (missing from control file)" in theirs
    assert report_text(copy, games_of_gomill(copy)) == theirs


def test_a_competition_without_games(tmp_path: Path) -> None:
    competition = written(tmp_path, PLAYOFF)
    assert games_of_gomill(competition) == []
    assert report_text(competition, []) == "playoff: x\nGrüße: 囲碁\n\n\n\n"
    everyone = written(tmp_path, ALLPLAYALL.format(rounds=2))
    assert report_text(everyone, []).split("\n")[2:6] == [
        "0/12 games played",
        "",
        "            A   B   C   D",
        "A gnugo-l1     0-0 0-0 0-0",
    ]


def test_a_report_needs_no_gomill(tmp_path: Path) -> None:
    """As in gomill's documentation, with games of our own."""
    competition = written(tmp_path, ALLPLAYALL.format(rounds=2))
    games = [
        GameRecord("AvB_0", "gnugo-l1", "gnugo-l2", win(Colour.BLACK, 3.5), black_engine="GNU Go:3.8"),
        GameRecord("AvB_1", "gnugo-l2", "gnugo-l1", GameResult(Outcome.JIGO)),
        GameRecord("CvD_0", "b", "x?", win(Colour.WHITE, "F", "forfeit by b: ...")),
    ]
    assert report_text(competition, games).split("\n") == [
        "allplayall: x",
        "",
        "3/12 games played",
        "",
        "            A       B       C   D",
        "A gnugo-l1         1.5-0.5 0-0 0-0",
        "B gnugo-l2 0.5-1.5         0-0 0-0",
        "C b        0-0     0-0         0-1",
        "D x?       0-0     0-0     1-0",
        "",
        "gnugo-l1 v gnugo-l2 (2/2 games)",
        "board size: 9   komi: 6.0",
        "           wins              black           white",
        "gnugo-l1    1.5 75.00%       1.5 150.00%     0.5 50.00%",
        "gnugo-l2    0.5 25.00%       0.5  50.00%     0.5 50.00%",
        "                             1.5  75.00%     0.5 25.00%",
        "",
        "b v x? (1/2 games)",
        "board size: 9   komi: 6.0",
        "     wins                   forfeits",
        "b       0   0.00%   (black)        1",
        "x?      1 100.00%   (white)        0",
        "",
        "player b: [no description available]",
        "player gnugo-l1: [no description available]",
        "player gnugo-l2: [no description available]",
        "player x?: [no description available]",
        "",
        "",
    ]


# Void games and logs, without gomill


def test_a_void_record_says_why(tmp_path: Path) -> None:
    game = GameRecord(
        "0_1",
        "a",
        "b",
        VOID,
        moves=((Colour.BLACK, 3), (Colour.WHITE, 4)),
        size=9,
        event="x",
        date="2026-01-31 12:00",
    )
    text = serialise_void_game(game, "engine gone: ] \\ é")
    (tmp_path / "0_1.sgf").write_bytes(text)
    (found,) = read_games([tmp_path])
    assert isinstance(found, GameRecord)
    assert (found.result, found.moves, found.game_id) == (VOID, game.moves, "0_1")
    node = sgf.Sgf_game.from_bytes(text).get_last_node()
    assert node.get("C") == "aborting game due to error:\nengine gone: ] \\ é"
    assert b"\nResult " not in text


def test_a_log_is_added_to(tmp_path: Path) -> None:
    competition = written(tmp_path, PLAYOFF)
    for _ in range(2):
        with open_event_log(competition) as log:
            log.run_started(max_games=3, workers=2)
            log.halting("too many void games")
            log.run_interrupted(["0_2", "0_1"])
    lines = re.sub(
        r"\d{4}-\d\d-\d\d \d\d:\d\d", "T", GomillFiles(competition.path).log.read_text(encoding="utf-8")
    )
    assert lines.splitlines() == 2 * [
        "run started at T with max_games 3",
        "using 2 worker processes",
        "halting competition: too many void games",
        "run interrupted at T",
        "games in progress were: 0_1 0_2",
    ]
    with (
        pytest.raises(UserError, match="cannot write"),
        open_event_log(replace(competition, path=tmp_path / "n/x.ctl")),
    ):
        pass


# Taking over


def test_a_record_knows_more_than_a_history(tmp_path: Path) -> None:
    competition = written(tmp_path, PLAYOFF)
    files = GomillFiles(competition.path)
    files.games.mkdir()
    games = [
        GameRecord(
            "0_00",
            "a",
            "long-name",
            win(Colour.BLACK, "R"),
            moves=((Colour.BLACK, 1), (Colour.WHITE, 2)),
            size=9,
            event="x",
        ),
        GameRecord("0_01", "long-name", "a", win(Colour.BLACK, "R")),
        GameRecord("h_0", "long-name", "a", GameResult(Outcome.JIGO)),
    ]
    write_game(games[0], files.games)
    write_history(competition, [games[2], games[0], games[1]])
    taken = games_of_gomill(competition)
    assert [game.game_id for game in taken] == ["h_0", "0_00", "0_01"]
    assert [(game.size, game.komi, game.handicap) for game in taken] == [
        (9, -0.5, 2),
        (9, None, 0),
        (9, 7.5, 0),
    ]
    assert taken[1].moves == games[0].moves
    assert [game.result for game in taken] == [game.result for game in (games[2], games[0], games[1])]


@given(st.text(max_size=200))
@settings(deadline=None)
def test_a_history_of_anything(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    competition = written(tmp_path_factory.getbasetemp(), PLAYOFF, "text.ctl")
    path = GomillFiles(competition.path).history
    path.write_text(text + "\n    0_01 a beat long-name B+R\n", encoding="utf-8", errors="replace")
    try:
        assert "0_01" in [game.game_id for game in games_of_gomill(competition)]
    except UserError as exc:
        assert "was played by" in str(exc)  # noqa: PT017


# Pickles

REACHED = "REACHED"


class Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {REACHED}",)


class Building:
    def __reduce__(self) -> tuple[object, ...]:
        return defaultdict, (os.system,), None, None, iter([("echo", 1)])


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_nothing_in_a_pickle_is_executed(
    protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for harmful in (Harmful(), Building(), [Harmful()], os.system, Path("x"), {Harmful(): 1}):
        path = tmp_path / "x.status"
        path.write_bytes(pickle.dumps(harmful, protocol))
        with pytest.raises(UserError, match=r"x\.status is not read: it(s operation| names| makes| calls)"):
            read_status(path)
    assert not (tmp_path / REACHED).exists()


def test_plain_pickles_are_data() -> None:
    value = [1, -5, 2**70, 1.5, None, True, "é", ("a", 1, 2, 3, 4), {"k": [1], 3: ()}, []]
    assert plain_data(pickle.dumps(value, 2)) == value
    assert plain_data(pickle.dumps(value, 0)) == value
    shared = [1]
    assert plain_data(pickle.dumps([shared, shared], 2)) == [[1], [1]]
    assert plain_data(b"\x80\x02c__builtin__\nset\n]q\x00(K\x01K\x02e\x85R.") == [1, 2]
    with pytest.raises(UnknownPickleError, match="strings for keys"):
        plain_data(pickle.dumps({(1, 2): 3}, 2))


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=300)
def test_bytes_for_a_state_never_end_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.status"
    path.write_bytes(b"\x80\x02" + data)
    with pytest.raises(UserError):
        read_status(path)


@pytest.mark.engine
def test_a_damaged_state_is_one_line(played: Competition, tmp_path: Path) -> None:
    content = GomillFiles(played.path).status.read_bytes()
    path = tmp_path / "x.status"
    draw = random.Random(5)
    for _ in range(300):
        place = draw.randrange(len(content))
        damaged = bytearray(content[: draw.choice([place, len(content)])])
        if place < len(damaged):
            damaged[place] = draw.randrange(256)
        path.write_bytes(damaged)
        competition = replace(played, path=tmp_path / "x.ctl")
        try:
            games_of_gomill(competition)
        except UserError as exc:
            assert "\n" not in str(exc)  # noqa: PT017


def test_a_state_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.status"
    for value in (3, (0, {}), (1, {"comp_vn": 1}), (0, {"comp_vn": 1, "comp": {"results": [], "x": 1}})):
        path.write_bytes(pickle.dumps(value, 2))
        with pytest.raises(UserError, match="is damaged, or no state of a gomill playoff or allplayall"):
            read_status(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_status(tmp_path)


# The ringmaster itself


def fake_gomill(folder: Path, script: str) -> Any:
    from tournaments.gomill.install import Gomill

    (folder / "ringmaster").write_text(f"#!{sys.executable}\n{script}", encoding="utf-8")
    return Gomill(folder)


def test_the_ringmaster_is_told_what_to_do(tmp_path: Path) -> None:
    competition = written(tmp_path, PLAYOFF)
    gomill = fake_gomill(
        tmp_path, f"import sys; open({str(tmp_path / 'said')!r}, 'w').write(repr(sys.argv[1:]))"
    )
    found = run_ringmaster(
        competition.path, "check", processes=2, max_games=7, quiet=True, log_gtp=True, gomill=gomill
    )
    assert (found.exit_status, found.halted) == (0, None)
    options = "--parallel", "2", "--max-games", "7", "--quiet", "--log-gtp"
    assert (tmp_path / "said").read_text() == repr([str(competition.path), "check", *options])
    with pytest.raises(UserError, match="there is no such control file"):
        run_ringmaster(tmp_path / "nowhere.ctl", gomill=gomill)


def test_why_a_run_halted(tmp_path: Path) -> None:
    competition = written(tmp_path, PLAYOFF)
    log = GomillFiles(competition.path).log
    log.write_text("halting competition: of an earlier run\n")
    add = f"open({str(log)!r}, 'a').write('run started\\nhalting competition: %s\\n')"
    quiet = fake_gomill(tmp_path, "raise SystemExit(4)")
    assert run_ringmaster(competition.path, gomill=quiet).exit_status == 4
    assert run_ringmaster(competition.path, gomill=quiet).halted is None
    voids = fake_gomill(tmp_path, add % "too many void games")
    assert run_ringmaster(competition.path, gomill=voids).halted == "too many void games"
    enough = fake_gomill(tmp_path, add % "max-games reached for this run")
    assert run_ringmaster(competition.path, gomill=enough).halted is None
