"""What is taken in: every kind of source, each game once, nothing dropped without a word."""

from __future__ import annotations

import bz2
import csv
import dataclasses
import gc
import gzip
import io
import lzma
import tarfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lzeval.errors import RecordError, UserError
from lzeval.go.colour import Colour
from lzeval.records.find_files import FileKind, find
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import Skipped, read_games, write_game
from lzeval.records.result import VOID, GameResult, Outcome, win
from lzeval.records.result_check import settled
from lzeval.records.writer import serialise_game, serialise_void_game
from lzeval.system import archives as core_sources
from tournaments.collect import read_records
from tournaments.collect.aliases import look_alikes, parse_aliases
from tournaments.collect.collect import CollectedGames, collect_games
from tournaments.collect.csv_tables import read_table
from tournaments.collect.filters import Filters, parse_day, span_of
from tournaments.collect.summary import cases_of, lines_of
from tournaments.collect.without_gc import no_collection
from tournaments.games.faults import Fault, Incident
from tournaments.gomill.files import history_line
from tournaments.report.csv_files import write_results
from tournaments.store.game_log import FinishedGame, GameLog, encode_game, encode_incident

CONTROL_FILE = """competition_type = 'playoff'
players = {'one': Player('one-engine'), 'two': Player('two-engine')}
board_size = 9
komi = 7.5
matchups = [Matchup('one', 'two', id='0', alternating=True, number_of_games=100)]
"""


def game(number: int, result: GameResult | None = None, **facts: object) -> GameRecord:
    """Game `number` of the competition X; each has moves of its own."""
    moves = (
        (Colour.BLACK, number),
        (Colour.WHITE, 40),
        (Colour.BLACK, 60),
        (Colour.WHITE, 20 + number),
    )
    result = result or win(Colour.WHITE if number % 2 else Colour.BLACK, "R")
    record = GameRecord(f"0_{number:02}", "one", "two", result, moves, 9, 7.5, event="X")
    return dataclasses.replace(record, **facts)  # type: ignore[arg-type]


GAMES = [game(number) for number in range(6)]


def sgf(
    black: str = "a", white: str = "b", result: str = "B+R", more: str = "", moves: str = ";B[aa]"
) -> str:
    return f"(;GM[1]SZ[9]PB[{black}]PW[{white}]RE[{result}]{more}{moves})"


def write_log(path: Path, games: Sequence[GameRecord], voids: Sequence[str] = ()) -> Path:
    log = GameLog(path)
    for game_id in voids:
        log.append({"kind": "start", "game": game_id, "black": "one", "white": "two", "attempt": 1})
        hung = encode_incident(Incident("one", Fault.HANG, "no answer", "void"))
        log.append({"kind": "void", "game": game_id, "incidents": [hung], "attempt": 1})
    for record in games:
        log.append(encode_game(FinishedGame("0", int(record.game_id[2:]), record)))
    log.close()
    return path


def write_folder(folder: Path, games: Sequence[GameRecord]) -> Path:
    folder.mkdir(parents=True)
    for record in games:
        write_game(record, folder)
    return folder


def write_history(path: Path, games: Sequence[GameRecord]) -> Path:
    path.write_text("".join(f"{history_line(record)}\n" for record in games))
    return path


@pytest.fixture
def competition(tmp_path: Path) -> Path:
    """A folder with everything of the competition X: two games in each of three sources alone, two in all."""
    (tmp_path / "X.ctl").write_text(CONTROL_FILE)
    write_log(tmp_path / "X.played", [GAMES[0], GAMES[1], GAMES[2]], voids=["0_03", "0_03"])
    write_folder(tmp_path / "X.games", [GAMES[0], GAMES[1], GAMES[3]])
    write_history(tmp_path / "X.hist", [GAMES[0], GAMES[1], GAMES[4]])
    (tmp_path / "X.void").mkdir()
    (tmp_path / "X.void" / "0_03.sgf").write_bytes(serialise_void_game(game(3, VOID), "one: no answer"))
    return tmp_path


def ids(intake: CollectedGames) -> list[str]:
    return sorted(game.game_id for game in intake.games if game.result.is_decided)


def whys(intake: CollectedGames) -> list[tuple[str, str]]:
    return [(Path(one.path).name, one.why) for one in intake.skipped]


# Sources


def test_a_game_counts_once_whatever_tells_of_it(competition: Path) -> None:
    found = collect_games([competition])
    assert ids(found) == ["0_00", "0_01", "0_02", "0_03", "0_04"]
    assert found.duplicates == 5  # two records, two lines of the history, and the record of a void game
    voids = [game for game in found.games if game.result.outcome is Outcome.VOID]
    assert [(void.black, void.white, void.result.note) for void in voids] == [("one", "two", "one: hang")] * 2


def test_naming_things_twice_changes_nothing(competition: Path) -> None:
    once = collect_games([competition])
    paths = [
        competition,
        competition / "X.games",
        competition / "X.hist",
        competition / "X.games" / "0_00.sgf",
    ]
    again = collect_games([*paths, competition / "X.ctl"])
    assert ids(again) == ids(once)
    assert len(again.games) == len(once.games)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("X.played", ["0_00", "0_01", "0_02"]),
        ("X.games", ["0_00", "0_01", "0_03"]),
        ("X.hist", ["0_00", "0_01", "0_04"]),
        ("X.void", []),
        ("X.ctl", ["0_00", "0_01", "0_02"]),
    ],
)
def test_each_source_by_itself(name: str, expected: list[str], competition: Path) -> None:
    found = collect_games([competition / name])
    assert ids(found) == expected
    assert not found.skipped
    assert not found.duplicates


def test_a_control_file_that_gomill_has_played(competition: Path) -> None:
    (competition / "X.played").unlink()
    found = collect_games([competition / "X.ctl"])
    assert ids(found) == ["0_00", "0_01", "0_03", "0_04"]
    assert [game.size for game in found.games if game.result.is_decided] == [9] * 4
    assert [game.game_id for game in found.games if game.result.outcome is Outcome.VOID] == ["0_03"]


def test_sources_that_contradict_each_other(tmp_path: Path) -> None:
    write_folder(tmp_path / "X.games", [GAMES[0], GAMES[1]])
    write_history(tmp_path / "X.hist", [GAMES[0], game(1, win(Colour.BLACK, 2.5))])
    found = collect_games([tmp_path])
    assert ids(found) == ["0_00"]
    (case,) = cases_of(found)
    assert (case.kind, case.game) == ("unknown result", "0_01")
    assert case.why == "contradictory: 0_01.sgf says one - two W+R, X.hist says one - two B+2.5"


def test_a_history_of_records_that_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    write_folder(tmp_path / "X.games", GAMES[:2])
    write_history(tmp_path / "copy" / "X.hist", GAMES[:3])
    found = collect_games([tmp_path])
    assert ids(found) == ["0_00", "0_01", "0_02"]
    assert found.duplicates == 2


def test_copies_are_dropped_and_repetitions_kept(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", GAMES[:2])
    write_folder(tmp_path / "b", [GAMES[0], dataclasses.replace(GAMES[1], game_id="0_07")])
    found = collect_games([tmp_path])
    assert ids(found) == ["0_00", "0_01", "0_07"]
    assert found.duplicates == 1


def test_the_folder_of_a_match(tmp_path: Path) -> None:
    folder = tmp_path / "a-b"
    records = [
        dataclasses.replace(record, path=folder / "match.games" / f"{record.game_id}.sgf") for record in GAMES
    ]
    write_folder(folder / "match.games", records[:5])
    write_results(records, folder / "results.csv")
    found = collect_games([folder])
    assert ids(found) == [record.game_id for record in GAMES]
    assert found.duplicates == 5


def test_a_history_with_a_line_twice(tmp_path: Path) -> None:
    path = write_history(tmp_path / "X.hist", [GAMES[0], game(0, win(Colour.WHITE, "R")), GAMES[1]])
    assert [game.result.winner for game in collect_games([path]).games] == [Colour.WHITE] * 2


def test_damaged_logs_are_told(tmp_path: Path) -> None:
    path = write_log(tmp_path / "X.played", GAMES[:3])
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2][:-9] + b"x" * 9
    path.write_bytes(b"\n".join(lines))
    (tmp_path / "Y.played").write_bytes(b"not\na log\n")
    (tmp_path / "Y.hist").write_bytes(b"history of Rome\n")
    found = collect_games([tmp_path])
    assert ids(found) == ["0_00", "0_02"]
    assert whys(found) == [
        ("X.played", "a damaged line"),
        ("Y.hist", "no history of gomill's"),
        ("Y.played", "is no log of a tournament; move it away"),
    ]


def tarred(mode: str, names: Sequence[str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name in names:
            content = sgf(moves=f";C[{name}]").encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_archives_and_other_names(tmp_path: Path) -> None:
    for name, mode in (("a.tar", "w"), ("b.tar.gz", "w:gz"), ("c.tar.xz", "w:xz"), ("d.tgz", "w:gz")):
        (tmp_path / name).write_bytes(tarred(mode, ["x/1.sgf", "readme.txt"]))
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr("x.SGF", sgf() + sgf(result="W+R"))
        archive.writestr("notes.txt", "(; no game")
    (tmp_path / "f.mgt").write_text("\ufeff\n " + sgf(), encoding="utf-8")
    (tmp_path / "g.txt").write_text("a list of (;things")
    (tmp_path / ".h.sgf").write_text(sgf())
    (tmp_path / "i.sgf.bz2").write_bytes(bz2.compress(sgf().encode()))
    games = list(read_games([tmp_path]))
    assert all(isinstance(game, GameRecord) for game in games)
    assert [game.game_id for game in games if isinstance(game, GameRecord)] == [
        *["1"] * 4,
        "x",
        "x#2",
        "f",
        "i",
    ]


def test_an_archive_without_records_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tarred("w", ["readme.txt"]))
    assert whys(collect_games([tmp_path])) == [("a.tar", "no game record in it")]


# What cannot be read


def test_every_unreadable_thing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_sources, "ALWAYS_UNPACKED", 1 << 16)
    (tmp_path / "bomb.sgf.gz").write_bytes(gzip.compress(bytes(1 << 22)))
    (tmp_path / "cut.sgf").write_text(sgf() + sgf()[:-4])
    (tmp_path / "cut.sgf.xz").write_bytes(lzma.compress(sgf().encode())[:-9])
    (tmp_path / "empty.sgf").write_bytes(b"")
    (tmp_path / "locked.sgf").write_text(sgf())
    (tmp_path / "odd.sgf").write_text(sgf(moves=";B[zz]"))
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "locked.sgf":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    found = collect_games([tmp_path])
    assert len(found.games) == 1
    assert whys(found) == [
        ("bomb.sgf.gz", "unpacks to more than 0 MB, far too much for its size; the rest is not read"),
        ("cut.sgf", "the record ends in the middle of the game"),
        ("cut.sgf.xz", "truncated xz"),
        ("empty.sgf", "no game record in it"),
        ("locked.sgf", "cannot be read (Permission denied)"),
        ("odd.sgf", "move 1, B[zz], is no point of a 9x9 board"),
    ]
    assert [case.game for case in cases_of(found)][:2] == ["1", "2"]
    lines = list(lines_of(found))
    assert "Unreadable: 1 - the record ends in the middle of the game (cut.sgf#2)" in lines


@given(st.binary(max_size=300))
def test_no_bytes_are_dropped_without_a_word(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    for name in ("a.sgf", "a.csv", "a.hist", "a.played", "a.zip"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(content)
        found = collect_games([path])
        assert found.games or found.skipped or (name == "a.hist" and not content)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no such file or folder"):
        collect_games([tmp_path / "nowhere"])


def test_large_collections_are_cut_and_stay_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_records, "TASK_BYTES", 3000)
    monkeypatch.setattr(read_records, "FILE_BYTES", 100)
    (tmp_path / "a.sgf").write_text("".join(sgf(black=f"p{n}") for n in range(200)) + sgf()[:-3])
    (tmp_path / "b.sgf.gz").write_bytes(
        gzip.compress("".join(sgf(black=f"q{n}") for n in range(90)).encode())
    )
    for number in range(40):
        (tmp_path / f"c{number:02}.sgf").write_text(sgf(black=f"r{number}"))
    shares: list[float] = []
    files = [found.path for found in find([tmp_path])]
    games = list(read_records.read_records(files, shares.append, processes=1))
    assert games == list(read_games([tmp_path]))
    assert [game.number for game in games if isinstance(game, Skipped)] == [201]
    assert len(games) == 331
    assert len(shares) > 4
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_several_processes_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_records, "TASK_BYTES", 3000)
    (tmp_path / "a.sgf").write_text("".join(sgf(black=f"p{n}") for n in range(200)) + "(;SZ[9]")
    (tmp_path / "b.sgf").write_text(sgf(moves=";B[zz]"))
    files = [found.path for found in find([tmp_path])]
    games = list(read_records.read_records(files, processes=2))
    assert games == list(read_games([tmp_path]))
    assert len(games) == 202


# CSV


def read_csv(folder: Path, content: str | bytes, name: str = "games.csv") -> CollectedGames:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return collect_games([path])


def test_a_quotation_mark_that_is_never_closed(tmp_path: Path) -> None:
    """The lines that it swallows are named; one around a name with a line break is no fault."""
    lines = ["black,white,result", "a,b,B+R", '"a\nz",b,B+R', '"a,b,B+R', "a,b,W+R", "a,b,B+R"]
    found = read_csv(tmp_path, "\n".join(lines) + "\n")
    assert len(found.games) == 2
    assert [one.why for one in found.skipped] == [
        "a quotation mark in line 5 is never closed; lines 5 to 7 are not read"
    ]


def test_a_table_of_games(tmp_path: Path) -> None:
    found = read_csv(
        tmp_path,
        "Black, WHITE ,Result,Date,size,KOMI,handicap,rules,further\n"
        'a,b,B+R,2024-05-31,9,"7,5",2,Chinese,x\n'
        "\n"
        "b,a,W+3.5,,,,,\n"
        "a,b,Void\n"
        "a,b,\n"
        "a,b,0\n"
        "a,b,black\n"
        "a,b,B+R,,nine\n",
    )
    first, second, *rest = found.games
    assert (first.size, first.komi, first.handicap, first.date) == (9, 7.5, 2, "2024-05-31")
    assert (first.properties, first.game_id) == ({"RU": "Chinese"}, "games.csv:2")
    assert (second.black, second.result, second.komi) == ("b", win(Colour.WHITE, 3.5), None)
    assert [game.result.outcome.value for game in rest] == ["void", "unknown", "jigo", "b"]
    assert [(one.number, one.why) for one in found.skipped] == [
        (9, "size is 'nine', which is no whole number")
    ]


@pytest.mark.parametrize(
    "content",
    [
        "black;white;result\na;é;B+R\n".encode("latin-1"),
        "\ufeffblack\twhite\tresult\r\na\té\tB+R\r\n".encode(),
        lzma.compress('"black","white","result"\n"a","é","B+R"'.encode()),
    ],
)
def test_tables_of_other_programs(content: bytes, tmp_path: Path) -> None:
    (game,) = read_csv(tmp_path, content, "t.csv.xz" if content.startswith(b"\xfd7z") else "t.csv").games
    assert (game.black, game.white, game.result) == ("a", "é", win(Colour.BLACK, "R"))


def test_a_table_with_other_columns(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "winner,loser\na,b\n")
    why = "its first line must name the columns black, white, result; it names winner, loser"
    assert whys(found) == [("games.csv", why)]


def test_a_winner_that_is_not_the_results(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "black,white,result,winner\na,b,B+R,b\na,b,B+R,a\n")
    assert [game.result.note for game in found.games] == ["contradictory: result says B+, winner says b", ""]


def test_a_table_of_counts(tmp_path: Path) -> None:
    head = "player_a,player_b,a_black_wins,a_black_losses,a_white_wins,a_white_losses\n"
    found = read_csv(tmp_path, f"{head}x,y,2,1,0,3\nx,z,0,0,0,-1\nx,z,0,0,0,99999999999\n")
    told = [(game.black, game.white, game.result.winner) for game in found.games]
    assert (
        told == [("x", "y", Colour.BLACK)] * 2 + [("x", "y", Colour.WHITE)] + [("y", "x", Colour.BLACK)] * 3
    )
    assert [one.number for one in found.skipped] == [3, 4]
    assert not found.is_in_order


HEAD = "black,white,result,komi,size"
COUNTS = "player_a,player_b,a_black_wins,a_black_losses,a_white_wins,a_white_losses"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"]
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tables_as_programs_write_them(
    encoding: str, separator: str, declared: bool, end: str, tmp_path: Path
) -> None:
    """Spreadsheets, R, pandas and editors: encodings, separators, line ends, whole numbers as floats."""
    rows = [HEAD.split(","), ["李世石", "b", "B+R", '"6,5"' if separator == "," else "6,5", "19.0"]]
    lines = ([f"sep={separator}"] if declared else [""]) + [separator.join(row) for row in rows]
    found = read_csv(tmp_path, (end.join(lines) + end).encode(encoding))
    assert not found.skipped
    told = [(game.black, game.white, game.result, game.komi, game.size) for game in found.games]
    assert told == [("李世石", "b", win(Colour.BLACK, "R"), 6.5, 19)]
    assert found.games[0].game_id == "games.csv:3"


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        ("", 1, "it names none"),
        ("black,white\na,b\n", 1, "must name the columns black, white, result; it names black, white"),
        ("black,white,result,Black\na,b,B+R,c\n", 1, "names the column black twice"),
        (f"{COUNTS},a_white_wins\nx,y,1,1,1,1,1\n", 1, "names the column a_white_wins twice"),
        (f"{COUNTS[:-4]}\nx,y,1,1,1,1\n", 1, "must name the columns player_a, player_b, a_black_wins"),
        (f"{HEAD}\na,b,B+R,7,5,19\n", 2, "6 cells for 5 columns; text that holds the separator"),
        (f"{HEAD}\na,b,B+R,7.5,nine\n", 2, "size is 'nine', which is no whole number"),
        (f"{HEAD}\na,b,B+R,7.5,9.5\n", 2, "size is '9.5', which is no whole number"),
        (f"{HEAD}\na,b,B+R,x,9\n", 2, "komi is 'x', which is no number"),
        (f"{COUNTS}\n\nx,y,12.5,0,0,1\n", 3, "a_black_wins is '12.5', which is no whole number"),
        (f"{COUNTS}\nx,y,1.000,0,0,1\n", 2, "a_black_wins is '1.000', which may be 1 or 1000"),
        (f"{COUNTS}\nx,y,1,,0,1\n", 2, "a_black_losses is empty; write 0 for none"),
        (f"{COUNTS}\nx,y,1\n", 2, "a_black_losses is empty"),
        (f"{COUNTS}\nx\n", 2, "player_b is empty"),
        (f"{COUNTS}\n ,y,1,1,1,1\n", 2, "player_a is empty"),
    ],
)
def test_lines_of_a_table_that_cannot_be_read(content: str, line: int, why: str, tmp_path: Path) -> None:
    (skipped,) = read_csv(tmp_path, content).skipped
    assert (skipped.path.name, skipped.number) == ("games.csv", line)
    assert why in skipped.why


@pytest.mark.parametrize("twelve", ["12", "12.0", "12.00", "12,0", " 12. ", "+12"])
def test_whole_numbers_however_they_are_written(twelve: str, tmp_path: Path) -> None:
    head = f"{COUNTS},a_black_jigos".replace(",", ";")
    found = read_csv(tmp_path, f"{head}\nx;y;{twelve};0;0.0;0;\n")
    assert not found.skipped
    assert [(game.black, game.result.winner) for game in found.games] == [("x", Colour.BLACK)] * 12


def test_what_is_empty_is_named_by_line_and_column(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "black,white,result\na,b,B+R\n,b,B+R\na,,B+R\na,b,\na,b\nb,a,W+\n")
    lines = list(lines_of(found))
    assert "Without two players: 1 - Black without a name (games.csv:3)" in lines
    assert "Without two players: 1 - White without a name (games.csv:4)" in lines
    assert "Unknown result: 2 - result is empty (games.csv:5, games.csv:6)" in lines


NAMES = ["a", " a", "A ", "", "  ", "é, b", 'say "b"', "two\nlines"]
RESULTS = ["B+R", " w+3,5 ", "B+0", "0", "Void", "?", "", "a wins", "White+T"]
COLUMNS = ["black", "white", "result"]
NO_RESULT = GameResult(Outcome.UNKNOWN, note="result is empty")
NUMBERS = ["", " ", "19", "9 ", "-1", "12.0", "12,", "7,5", "6.5", "nan", "inf", "1e999", "nine", "9" * 400]
CELLS = {
    "black": NAMES,
    "white": NAMES,
    "result": RESULTS,
    "winner": ["", *NAMES],
    "rules": ["", " Chinese "],
    "date": ["2024-05", " x "],
    "game_id": ["", " g1"],
    "event": ["", "cup "],
    "opening": ["", " 4-4"],
    "further": ["", "x"],
} | dict.fromkeys(("size", "komi", "handicap", "pair", "seed"), NUMBERS)


@st.composite
def messy_tables(draw: st.DrawFn) -> tuple[str, list[str], list[list[str]]]:
    """A delimiter, columns and lines: columns in any order, lines too short, too long and empty."""
    others = st.lists(st.sampled_from([*CELLS]).filter(lambda name: name not in COLUMNS), unique=True)
    columns = draw(st.permutations([*COLUMNS, *draw(others)]))
    line = st.tuples(*(st.sampled_from(CELLS[name]) for name in columns), st.just("more"))
    lines = st.lists(st.tuples(line, st.integers(0, len(columns) + 1)).map(lambda cut: [*cut[0][: cut[1]]]))
    return draw(st.sampled_from(",;\t")), columns, draw(lines)


def plain_number(cell: dict[str, str], name: str, kind: type[int] | type[float]) -> float | None:
    text = cell.get(name, "").strip()
    try:
        number = float(text.replace(",", ".")) if text else None
        if number is None or -1e308 < number < 1e308:
            if number is None or kind is float:
                return number
            if number == int(number):
                return int(number)
    except ValueError:
        pass
    raise ValueError(f"{name} is {text[:60]!r}, which is no {'whole ' * (kind is int)}number")


def plainly_read(columns: list[str], cells: list[str], line: int, path: Path) -> GameRecord | Skipped:
    """What a line of a table means, by its columns' names."""
    cell = dict(zip(columns, cells, strict=False))
    said = {name: text.strip() for name, text in cell.items()}
    if any(map(str.strip, cells[len(columns) :])):
        why = f"{len(cells)} cells for {len(columns)} columns; text that holds the separator (a decimal comma?) "
        return Skipped(path, why + "is to stand in quotes", line)
    try:
        record = GameRecord(
            said.get("game_id") or f"{path.name}:{line}",
            cell.get("black", "") if said.get("black") else "",
            cell.get("white", "") if said.get("white") else "",
            settled([said["result"]]) if said.get("result") else NO_RESULT,
            size=int(plain_number(cell, "size", int) or 0),
            komi=plain_number(cell, "komi", float),
            handicap=int(plain_number(cell, "handicap", int) or 0),
            date=said.get("date", ""),
            event=said.get("event", ""),
            opening=said.get("opening", ""),
            pair=plain_number(cell, "pair", int),  # type: ignore[arg-type]
            seed=plain_number(cell, "seed", int),  # type: ignore[arg-type]
            properties={"RU": said["rules"]} if said.get("rules") else {},
        )
    except ValueError as exc:
        return Skipped(path, str(exc), line)
    winner = record.result.winner
    if winner and said.get("winner") and said["winner"] != record.player(winner).strip():
        note = f"contradictory: result says {winner.letter.upper()}+, winner says {said['winner']}"
        return dataclasses.replace(record, result=GameResult(Outcome.UNKNOWN, note=note))
    return record


@given(messy_tables())
def test_tables_are_read_as_line_by_line(tmp_path_factory: pytest.TempPathFactory, table: Any) -> None:
    delimiter, columns, lines = table
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    numbers = []
    for cells in lines:
        writer.writerow(cells)
        numbers.append(text.getvalue().count("\n"))
    path = tmp_path_factory.getbasetemp() / "messy.csv"
    path.write_text(text.getvalue(), "utf-8", newline="")
    expected = [
        plainly_read(columns, cells, number, path)
        for cells, number in zip(lines, numbers, strict=True)
        if any(map(str.strip, cells))
    ]
    assert list(read_table(path)) == expected


def test_the_search_for_cycles_rests_and_goes_on() -> None:
    assert gc.isenabled()
    with no_collection():
        with no_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


# Names


def test_names_that_look_alike_are_told_and_not_merged(tmp_path: Path) -> None:
    (tmp_path / "a.sgf").write_text(sgf("Big", "small") + sgf("big ", "small") + sgf("BIG", "Small2") * 2)
    found = collect_games([tmp_path])
    assert {game.black for game in found.games} == {"Big", "big ", "BIG"}
    assert found.warnings == [
        "'BIG', 'Big', 'big ' are rated apart; if they are one player: --alias Big=BIG --alias 'big =BIG'"
    ]
    merged = collect_games([tmp_path], aliases=parse_aliases(["Big=BIG", "big =BIG"]))
    assert {game.black for game in merged.games} == {"BIG"}
    assert not merged.warnings


@given(st.lists(st.sampled_from(["a", "A", " a", "a  b", "A b", "ab", "ß", "ss"]), unique=True))
def test_look_alikes_differ_in_case_and_spaces_alone(names: list[str]) -> None:
    plain = [" ".join(name.split()).casefold() for name in names]
    assert len(look_alikes(Counter(names))) == sum(plain.count(name) > 1 for name in set(plain))


def test_aliases_from_a_file_and_in_chains(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("# one a line\na=b\n\nx y=z\n")
    assert parse_aliases(["b=c"], tmp_path / "names") == {"a": "c", "b": "c", "x y": "z"}


@pytest.mark.parametrize(
    ("given_aliases", "why"),
    [
        (["a"], "--alias a: write OLD=NEW"),
        (["=b"], "write OLD=NEW"),
        (["a= "], "write OLD=NEW"),
        (["a=b", "a=c"], "'a' was to become 'b' already"),
        (["a=b", "b=a"], "in a circle: a = b"),
    ],
)
def test_aliases_that_are_none(given_aliases: list[str], why: str) -> None:
    with pytest.raises(UserError, match=why):
        parse_aliases(given_aliases)


def test_files_of_aliases_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        parse_aliases([], tmp_path / "nowhere")
    (tmp_path / "a").write_text("a=b\nno alias\n")
    with pytest.raises(UserError, match="a, line 2: write OLD=NEW"):
        parse_aliases([], tmp_path / "a")
    (tmp_path / "a").write_bytes(b"\xff=b")
    with pytest.raises(UserError, match="is not UTF-8"):
        parse_aliases([], tmp_path / "a")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_files_of_aliases_as_editors_write_them(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("# 李\r\nold=李世石\r\n".encode(encoding))
    assert parse_aliases([], tmp_path / "a") == {"old": "李世石"}


def test_a_name_that_nobody_has(tmp_path: Path) -> None:
    (tmp_path / "a.sgf").write_text(sgf())
    found = collect_games([tmp_path], Filters(players=frozenset("ae")), aliases={"c": "d"})
    assert found.warnings == ["--alias c=d: no game names 'c'", "--player e: no game names 'e'"]


# Filters


CHOSEN = "".join(
    [
        sgf("a", "b", more="KM[7.5]HA[0]RU[Chinese]DT[2024-05-31]"),
        sgf("a", "c", more="KM[6.5]HA[2]RU[japanese]DT[2024-05]"),
        sgf("b", "c", more="RU[AGA]DT[2023]"),
        sgf("c", "b", more="KM[0.5]DT[2024-06-01,02]").replace("SZ[9]", "SZ[13]"),
    ]
)


@pytest.mark.parametrize(
    ("choice", "kept", "left_out"),
    [
        (Filters(), 4, {}),
        (Filters(sizes=frozenset({9, 19})), 3, {"--size (another)": 1}),
        (Filters(komi=(6.5, 7.5)), 2, {"--komi (not told)": 1, "--komi (another)": 1}),
        (Filters(handicap=(0, 0)), 3, {"--handicap (another)": 1}),
        (Filters(rules="CHINESE"), 1, {"--rules (others)": 2, "--rules (not told)": 1}),
        (Filters(players=frozenset("a")), 2, {"--player (other players)": 2}),
        (Filters(players=frozenset("abc")), 4, {}),
        (Filters(players=frozenset("ab")), 1, {"--player (other players)": 3}),
        (Filters(since=date(2024, 5, 1)), 3, {"--since, --until (earlier)": 1}),
        (
            Filters(since=date(2024, 5, 10), until=date(2024, 5, 31)),
            1,
            {
                "--since, --until (not told exactly)": 1,
                "--since, --until (earlier)": 1,
                "--since, --until (later)": 1,
            },
        ),
    ],
)
def test_filters_count_what_they_leave_out(
    choice: Filters, kept: int, left_out: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "a.sgf").write_text(CHOSEN)
    found = collect_games([tmp_path], choice)
    assert (len(found.games), dict(found.left_out)) == (kept, left_out)
    assert kept + sum(left_out.values()) == 4


def test_players_are_chosen_by_their_new_names(tmp_path: Path) -> None:
    (tmp_path / "a.sgf").write_text(CHOSEN)
    found = collect_games([tmp_path], Filters(players=frozenset({"z"})), {"a": "z"})
    assert [game.black for game in found.games] == ["z", "z"]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2024-05-31 23:59", (date(2024, 5, 31), date(2024, 5, 31))),
        ("2024-02", (date(2024, 2, 1), date(2024, 2, 29))),
        ("2024-12", (date(2024, 12, 1), date(2024, 12, 31))),
        ("played in 1999", (date(1999, 1, 1), date(1999, 12, 31))),
        ("2024-13-01", None),
        ("2024-02-30", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(text: str, span: tuple[date, date] | None) -> None:
    assert span_of(text) == span


def test_days_that_a_user_writes() -> None:
    assert parse_day("--since", "2024") == date(2024, 1, 1)
    assert parse_day("--until", "2024-02", last=True) == date(2024, 2, 29)
    with pytest.raises(UserError, match="--until soon: write a date, as 2024-05-31"):
        parse_day("--until", "soon")
    with pytest.raises(UserError, match="comes after"):
        Filters(since=date(2024, 1, 2), until=date(2024, 1, 1))


def test_what_a_folder_holds(competition: Path) -> None:
    kinds = [found.kind for found in find([competition])]
    assert kinds == [*[FileKind.RECORD] * 3, FileKind.HISTORY, FileKind.LOG, FileKind.RECORD]


def test_serialised_records_are_what_they_were(tmp_path: Path) -> None:
    (tmp_path / "one.sgf").write_bytes(b"".join(map(serialise_game, GAMES)))
    assert collect_games([tmp_path]).games == GAMES
