from __future__ import annotations

import dataclasses
import gzip
import json
import lzma
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sgfmill import sgf, sgf_grammar

from lzeval.errors import RecordError, UserError
from lzeval.go.colour import COLOURS, Colour
from lzeval.go.points import parse_vertex
from lzeval.records.info import HUNDREDFOLD
from lzeval.records.input.split_games import split_games
from lzeval.records.input.text import as_sgf
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import Skipped, read_games, write_game
from lzeval.records.record_reader import parse_game
from lzeval.records.result import JIGO, UNKNOWN, VOID, GameResult, Outcome, win
from lzeval.records.writer import serialise_game
from tests.support.competitions import players, playoff
from tournaments.gomill.write_control_file import write_control_file


def played(text: str, size: int = 9) -> tuple[tuple[Colour, int], ...]:
    """`b E5  w pass` as moves."""
    words = text.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    return tuple((COLOURS[colour], parse_vertex(vertex, size)) for colour, vertex in pairs)


FULL = GameRecord(
    game_id="0_07",
    black="small",
    white="big",
    result=win(Colour.WHITE, 2.5, "players disagreed"),
    moves=played("b E5 w C3 b pass w pass"),
    size=9,
    komi=7.5,
    date="2024-05-31 23:59",
    event="match",
    opening="two spaces] and \\ signs",
    pair=3,
    seed=-12,
    black_engine="Leela Zero:0.17",
    black_description="Leela Zero:0.17\nplayouts 10",
    white_cpu_s=1.25,
    black_cpu_s=0.5,
    end_comment="small final_score: B+1\nbig final_score: W+2.5",
    black_winrates=(0.5, 0.25, None, 1.0),
    move_notes={1: "a shape move [really]"},
    properties={"RU": "Chinese"},
)


def test_sgfmill_reads_what_we_write(tmp_path: Path) -> None:
    path = write_game(FULL, tmp_path)
    judge = sgf.Sgf_game.from_bytes(path.read_bytes())
    root = judge.get_root()
    assert path.name == "0_07.sgf"
    assert (judge.get_size(), judge.get_komi(), judge.get_winner()) == (9, 7.5, "w")
    assert (judge.get_player_name("b"), judge.get_player_name("w")) == ("Leela Zero:0.17", "big")
    assert (root.get("RE"), root.get("DT"), root.get("EV")) == ("W+2.5", "2024-05-31", "match")
    assert root.get("GN") == "match 0_07"
    moves = [node.get_move() for node in judge.get_main_sequence()[1:]]
    assert moves == [("b", (4, 4)), ("w", (2, 2)), ("b", None), ("w", None)]
    assert judge.get_last_node().get("C").splitlines() == [
        "big beat small W+2.5 (players disagreed)",
        "small final_score: B+1",
        "big final_score: W+2.5",
    ]
    assert root.get("C").splitlines() == [
        "Event: match",
        "Game id 0_07",
        "Date 2024-05-31 23:59",
        "Result big beat small W+2.5 (players disagreed)",
        "Opening two spaces] and \\ signs",
        "Pair 3",
        "Seed -12",
        "small cpu time: 0.50s",
        "big cpu time: 1.25s",
        "Black small Leela Zero:0.17",
        "playouts 10",
        "White big",
    ]


def test_passes_are_tt_and_lines_are_short() -> None:
    text = serialise_game(dataclasses.replace(FULL, moves=FULL.moves * 30, black_winrates=()))
    assert text.count(b"[tt]") == 60
    assert text.startswith(b"(;FF[4]AP[lzeval:")
    assert max(map(len, text.splitlines())) <= 79


def test_every_fact_comes_back(tmp_path: Path) -> None:
    path = write_game(FULL, tmp_path / "any-name.sgf")
    assert list(read_games([path])) == [FULL]
    assert next(read_games([path])).path == path


def test_a_game_without_moves_keeps_its_facts() -> None:
    bare = dataclasses.replace(
        FULL, moves=(), black_winrates=(), move_notes={}, result=GameResult(Outcome.VOID, note="it hung")
    )
    assert parse_game(serialise_game(bare)) == bare


CODES = st.text("abcXYZ019-+.", min_size=1, max_size=8)
LINES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@st.composite
def records(draw: st.DrawFn) -> GameRecord:
    size = draw(st.integers(2, 25))
    indices = st.integers(0, size * size)
    moves = draw(st.lists(st.tuples(st.sampled_from(Colour), indices), max_size=30))
    results = st.sampled_from([win(Colour.BLACK, 3), win(Colour.WHITE, "R"), JIGO, VOID, UNKNOWN])
    return GameRecord(
        game_id=draw(CODES),
        black=draw(CODES),
        white=draw(CODES),
        result=draw(results),
        moves=tuple(moves),  # type: ignore[arg-type]
        size=size,
        komi=draw(
            st.one_of(
                st.none(), st.integers(-size * size, size * size).map(lambda halves: halves / 2)
            ).filter(lambda komi: komi is None or abs(komi) not in HUNDREDFOLD)
        ),
        handicap=draw(st.integers(0, 9)),
        setup_white=tuple(draw(st.lists(st.integers(0, size * size - 1), max_size=4, unique=True))),
        date=draw(st.sampled_from(["", "2024-05-31", "2024-05-31 23:59"])),
        event=draw(st.one_of(st.just(""), LINES)),
        opening=draw(st.one_of(st.just(""), LINES)),
        pair=draw(st.one_of(st.none(), st.integers(0, 1000))),
        seed=draw(st.one_of(st.none(), st.integers(-(2**63), 2**64))),
        black_engine=draw(st.one_of(st.just(""), LINES.map(lambda line: f"engine {line}"))),
    )


@given(records())
def test_sgfmill_would_write_the_same_bytes(record: GameRecord) -> None:
    text = serialise_game(record)
    assert sgf_grammar.serialise_game_tree(sgf_grammar.parse_sgf_game(text)) == text


@given(records())
def test_reading_undoes_writing(record: GameRecord) -> None:
    assert parse_game(serialise_game(record)) == record


@given(records())
def test_a_record_survives_json(record: GameRecord) -> None:
    content = json.loads(json.dumps(record.to_dict()))
    assert GameRecord.from_dict(content) == record
    part = {name: content[name] for name in ("game_id", "black", "white", "result", "moves")}
    assert record.to_dict(part) == part
    assert GameRecord.from_dict(part).moves == record.moves


def game_text(moves: str = ";B[ee];W[cc]", root: str = "") -> bytes:
    return f"(;GM[1]FF[4]SZ[9]PB[x]PW[y]RE[B+R]{root}{moves})".encode()


def outcomes(path: Path) -> list[str]:
    """For each game of `path` either its number of moves or why it was skipped."""
    return [g.why if isinstance(g, Skipped) else f"{len(g.moves)} moves" for g in read_games([path])]


def test_the_main_line_of_a_foreign_record() -> None:
    text = b"junk (;GM[1]SZ[9]KM[5,5]HA[2]AB[gc][cg]AW[aa:bb]C[hello]PB[x];W[ee](;B[];W[dd])(;B[ff])) junk"
    record = parse_game(text)
    assert (record.komi, record.handicap, record.black) == (5.5, 2, "x")
    assert record.moves == played("w E5 b pass w D6")
    assert record.setup_black == tuple(parse_vertex(v, 9) for v in ("G7", "C3"))
    assert sorted(record.setup_white) == sorted(parse_vertex(v, 9) for v in ("A9", "B9", "A8", "B8"))


def test_old_and_foreign_encodings_are_read() -> None:
    text = "(;GaMe[1]SiZe[19]CA[GB18030]PlayerBlack[李世石]PW[y];Black[pd])".encode("gb18030")
    record = parse_game(as_sgf(text))
    assert (record.black, len(record.moves)) == ("李世石", 1)
    assert parse_game(as_sgf(b"(;CA[no such thing]PB[\xff]PW[y];B[aa])")).black == "\u00ff"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (game_text(";B[zz]"), "move 1, B[zz], is no point of a 9x9 board"),
        (game_text(";B[ee]W[cc]B[aa]"), "two moves of Black at once"),
        (game_text(";B[ee];AB[cc];W[dd]"), "set up after move 1"),
        (game_text(";B[ee][cc]"), "two moves of Black at once, before the first move"),
        (b"(;GM[2]SZ[8])", "another game than Go: GM[2]"),
        (b"(;GM[1]SZ[19:13])", "not square: SZ[19:13]"),
        (b"(;GM[1]SZ[99])", "not 2 to 25 lines: SZ[99]"),
        (b"(;GM[1]SZ[9];B[ee", "ends in the middle"),
        (b"(;GM[1]SZ[9];B[ee]", "ends in the middle"),
        (b"(;GM[1]SZ[9];B[ee\n", "another game begins"),
        (b"(;GM[1]SZ[9]C[an open remark", "another game begins"),
        (b"(;GM[1]SZ[9] what? ;B[ee])", "something between properties, before the first move: what?"),
    ],
)
def test_a_bad_game_costs_no_other(bad: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "many.sgf"
    path.write_bytes(b"\n".join([game_text(";B[aa]"), bad, game_text(";B[aa];W[bb]"), game_text("")]))
    found = outcomes(path)
    assert found[0] == "1 moves"
    assert found[-2:] == ["2 moves", "0 moves"]
    assert len(found) == 4
    if "ends in" not in why:
        assert why in found[1]


@given(
    st.lists(
        st.sampled_from([b"(;GM[1]", b"(;", b";B[aa]", b"]", b"[", b")", b"(", b"\\", b"C[x(;FF[4]]", b"\n"])
    )
)
def test_no_bytes_are_too_strange_to_be_split(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    chunks = [chunk for chunk, _ in split_games(data + b")\n" + game_text(root="C[last]"))]
    assert b"C[last]" in chunks[-1]


def test_names_in_a_comment_do_not_break_a_game() -> None:
    text = game_text(root="C[not a game: (;GM[1\\] (((]")
    assert [problem for _, problem in split_games(text + text)] == ["", ""]


def test_folders_compression_and_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.SGF").write_bytes(game_text(";B[aa];W[bb]"))
    (tmp_path / "a.sgf.xz").write_bytes(lzma.compress(game_text(";B[aa]") + game_text("")))
    (tmp_path / "c.sgf.gz").write_bytes(gzip.compress(game_text(";B[aa];W[bb];B[cc]")))
    (tmp_path / "notes.txt").write_text("no game")
    games = list(read_games([tmp_path]))
    assert [len(g.moves) for g in games if isinstance(g, GameRecord)] == [1, 0, 2, 3]
    assert [g.game_id for g in games if isinstance(g, GameRecord)] == ["a", "a#2", "two", "c"]


def test_files_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    (tmp_path / "cut.sgf.gz").write_bytes(gzip.compress(game_text())[:-9])
    (tmp_path / "cut.sgf.xz").write_bytes(lzma.compress(game_text())[:-9])
    (tmp_path / "empty.sgf").write_bytes(b"")
    skipped = list(read_games([tmp_path]))
    assert [s.path.name for s in skipped if isinstance(s, Skipped)] == [
        "cut.sgf.gz",
        "cut.sgf.xz",
        "empty.sgf",
    ]


def test_a_missing_path_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no such file"):
        list(read_games([tmp_path / "nowhere"]))
    with pytest.raises(UserError, match="cannot write"):
        write_game(FULL, tmp_path / "nowhere" / "g.sgf")


def test_real_records_read_as_sgfmill_reads_them(shared: Path) -> None:
    games = list(read_games([shared / "references" / "lz-selfplay-sgf"]))
    assert len(games) == 17
    for game in games:
        assert isinstance(game, GameRecord)
        assert game.path is not None
        judge = sgf.Sgf_game.from_bytes(game.path.read_bytes())
        theirs = [node.get_move() for node in judge.get_main_sequence() if node.get_move()[0]]
        ours = [(c.letter, None if i == 361 else divmod(i, 19)) for c, i in game.moves]
        assert ours == theirs
        assert (game.komi, game.result.winner) == (judge.get_komi(), COLOURS.get(judge.get_winner()))


@pytest.mark.engine
def test_we_write_what_gomill_writes(gnugo: str, ringmaster: list[str], tmp_path: Path) -> None:
    command = [gnugo, "--mode", "gtp", "--level", "0", "--seed"]
    two = players({"one": [*command, "1"], "two": [*command, "2"]})
    write_control_file(playoff(tmp_path / "match.ctl", two, 2, komi=7.0), {})
    run = subprocess.run(
        [*ringmaster, "-q", str(tmp_path / "match.ctl"), "run"], capture_output=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    games = list(read_games([tmp_path / "match.games"]))
    assert len(games) == 2
    for game in games:
        assert isinstance(game, GameRecord)
        assert game.path is not None
        theirs = game.path.read_bytes()
        ours = serialise_game(game)
        assert theirs.split(b"\n", 1)[0] == b"(;FF[4]AP[gomill:0.8.3]"
        assert ours.split(b"\n", 1)[1] == theirs.split(b"\n", 1)[1]
