"""The fast reader against sgfmill: what it understands it reads alike, and the rest it leaves to sgfmill."""

from __future__ import annotations

import lzma
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sgfmill import sgf, sgf_grammar

from lzeval.go.colour import COLOURS, Colour
from lzeval.records import nodes, reader
from lzeval.records.input.split_games import split_games
from lzeval.records.nodes import main_line, plain_game
from lzeval.records.play import plain_play
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from lzeval.records.record_reader import parse_game
from lzeval.records.result import win
from lzeval.records.writer import serialise_game

SYNTAX = [b"(", b")", b"(;", b";", b";;", b"[", b"]", b"\\", b"\n", b"x", b"(;FF[4]", b"B[aa", b"W[a[]"]
PROPERTIES = [
    b"B",
    b"W",
    b"AB[ab][cc]",
    b"C[x]",
    b"C[a\\]b]",
    b"C[(;]",
    b"RE[B+R]",
    b"RE[W+1]",
    b"SZ[9]",
    b"PB[y]",
]
MOVES = [
    b";B[aa]",
    b";W[bb]",
    b";B[]",
    b";W[tt]",
    b"BL[1]",
    b"SBKV[50]",
    b"Bl[3]",
    b"GameName[z]",
    b"KM[6.5]",
]
PIECES = st.sampled_from([*SYNTAX, *PROPERTIES, *MOVES])
BROKEN = st.lists(PIECES, max_size=14).map(b"".join)
WHOLE = st.builds(
    lambda root, moves: b"(;" + b"".join(root) + b"".join(moves) + b")",
    st.lists(
        st.sampled_from([b"SZ[9]", b"PB[x]", b"RE[B+R]", b"C[a\\]]", b" AB[aa][bb]", b"KM[7]"]), max_size=5
    ),
    st.lists(
        st.sampled_from(
            [
                b";B[aa]",
                b";W[bb]",
                b"\n;W[]",
                b";B[tt]",
                b";B [cc]",
                b"; B[dd] ",
                b";W[a a]",
                b";B[zz]",
                b";",
                b"C[x]",
            ]
        ),
        max_size=8,
    ),
)


WITH_WINRATES = st.builds(
    lambda bare, turns, end: b"(;SZ[9]" + b"".join([*bare, *turns, end]) + b")",
    st.lists(st.sampled_from([b";B[aa]", b";W[bb]", b"\n;W[]"]), max_size=3),
    st.lists(
        st.sampled_from(
            [
                *[b";B[cc]SBKV[50.00];SBKV[48.10]W[dd]"] * 3,
                b";SBKV[99.90]W[ee]\n;B[ff]\nSBKV[1.00]",
                b";B[]SBKV[50.00]",
                b";SBKV[0.00]W[ab]",
                b";W[ab]SBKV[3.00]",
                b";SBKV[101]B[ba]",
                b";B[ca]",
                b";B[da]W[ea]",
                b"SBKV[5.1]",
                b";SBKV[.]W[ac]",
                b";",
            ]
        ),
        max_size=6,
    ),
    st.sampled_from([b"", b";C[end]SBKV[7.00]W[hh]", b";B[hh]C[a;b]SBKV[7.00]", b"C[x]", b"(;B[hh])"]),
)


def slowly(text: bytes) -> list[nodes.PropertyMap]:
    return list(sgf_grammar.main_sequence_iter(sgf_grammar.parse_sgf_game(text)))


@given(st.one_of(BROKEN, WHOLE))
@example(b"(;B[aa](;W[bb])(;W[cc];B[dd]))")
@example(b"(;B[aa]();W[bb])")
@example(b"(;B[aa](;W[bb]);W[cc])")
def test_the_nodes_are_sgfmills(text: bytes) -> None:
    """Of any text that sgfmill takes."""
    try:
        judged = slowly(text)
    except ValueError:
        return
    assert main_line(text) == judged


def read(text: bytes) -> GameRecord | None:
    try:
        return parse_game(text)
    except ValueError:
        return None


@given(st.one_of(BROKEN, WHOLE, WITH_WINRATES))
def test_all_ways_make_the_same_record(text: bytes) -> None:
    quickest = read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "plain_game", lambda _: None)
        assert read(text) == quickest
        patch.setattr(reader, "annotated_game", lambda _: None)
        assert read(text) == quickest


def test_a_plain_game_takes_the_shortest_way() -> None:
    found = plain_game(b"(;SZ[9]C[two\nlines]\n;B[aa]\n;W[bb];B[])\n")
    assert found == ({"SZ": [b"9"], "C": [b"two\nlines"]}, b";B[aa];W[bb];B[]", b"")
    assert plain_game(b"(;SZ[9];B[a a])") is None
    play = plain_play(*found, 9)
    assert play is not None
    assert play[0].moves == ((Colour.BLACK, 72), (Colour.WHITE, 64), (Colour.BLACK, 81))


@pytest.mark.parametrize("without", [0, 3, 4])
@pytest.mark.parametrize("count", [4, 5, 7, 8])
def test_our_own_games_take_the_shortest_way(count: int, without: int) -> None:
    moves: list[tuple[Colour, int]] = [
        (Colour.WHITE if number % 2 else Colour.BLACK, number) for number in range(count)
    ]
    chances = tuple(None if number < without else number / 100 for number in range(count))
    record = GameRecord("0_1", "a", "b", win(Colour.BLACK, "R"), tuple(moves), 9, 7.5, black_winrates=chances)
    text = serialise_game(record)
    found = plain_game(text)
    assert found is not None
    assert found[1]
    assert plain_play(*found, 9) is not None
    assert parse_game(text).black_winrates == (chances if count > without else ())
    assert parse_game(text).moves == record.moves


def test_real_records_are_read_as_sgfmill_reads_them(shared: Path) -> None:
    with lzma.open(shared / "data" / "holdout.sgf.xz") as file:
        texts = [text for text, _ in islice(split_games(file.read(1_500_000)), 500)]
    texts += [path.read_bytes() for path in (shared / "references" / "lz-selfplay-sgf").glob("*.sgf")]
    assert sum(plain_game(text) is not None for text in texts) > 450
    for text in texts:
        record, judge = parse_game(text), sgf.Sgf_game.from_bytes(text)
        size = judge.get_size()
        moves = [node.get_move() for node in judge.get_main_sequence() if node.get_move()[0]]
        assert [(c.letter, None if i == size * size else divmod(i, size)) for c, i in record.moves] == moves
        assert (record.black, record.white) == (
            judge.get_player_name("b") or "",
            judge.get_player_name("w") or "",
        )
        assert record.komi is None or record.komi == judge.get_komi()
        if not record.result.note:
            assert record.result.winner == COLOURS.get(judge.get_winner())
        assert record.handicap == (judge.get_handicap() or 0)
        assert sorted(record.setup_black) == sorted(
            row * size + column for row, column in judge.get_root().get_setup_stones()[0]
        )


def test_a_comment_of_a_megabyte(tmp_path: Path) -> None:
    comment = b"a [b\\] (;c\\\\" * 80_000
    path = tmp_path / "long.sgf"
    path.write_bytes(b"(;SZ[9]PB[x]PW[y]RE[B+R]C[" + comment + b"];B[aa];W[bb]C[" + comment + b"])" * 1)
    (game,) = read_games([path])
    assert isinstance(game, GameRecord)
    assert len(game.moves) == 2
    assert len(game.end_comment) == len("a [b] (;c\\") * 80_000
