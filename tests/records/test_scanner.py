from __future__ import annotations

import lzma
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sgfmill.sgf import Sgf_game

from lzeval.go.board import BLACK, WHITE
from lzeval.go.points import format_sgf, format_vertex
from lzeval.records.info import GameInfo
from lzeval.records.scanner import (
    BAD_POINT,
    BAD_SIZE,
    BAD_STONE,
    LATE_SETUP,
    LONGEST,
    MIXED_UP,
    NEXT_GAME,
    NO_GAME,
    OK,
    SMALL_NAME,
    SWALLOWED,
    TOO_LONG,
    TRUNCATED,
    TWO_MOVES,
    info_of,
    new_record,
    read_record,
)
from tests.support.make_games import COLOURS, Move, holdout_texts, random_game, sgf_text


@dataclass(frozen=True)
class Scanned:
    problem: int
    size: int
    komi: float
    handicap: int
    winner: int
    moves: list[Move]
    setup: list[Move]

    @property
    def vertices(self) -> str:
        return " ".join(format_vertex(index, self.size) for _, index in self.moves)


def scan_all(text: str | bytes) -> list[Scanned]:
    """Every game tree of the text, to its end."""
    content = np.frombuffer(text.encode() if isinstance(text, str) else text, np.uint8)
    record, at = new_record(), 0
    found: list[Scanned] = []
    while True:
        following, problem = read_record(content, at, record)
        if problem == NO_GAME:
            return found
        assert following > at
        at = following
        moves = [(int(c), int(i)) for c, i in record.moves[: record.counts[0]]]
        setup = [(int(c), int(i)) for c, i in record.setup[: record.counts[1]]]
        info = info_of(content.tobytes(), record) if problem == OK else GameInfo()
        komi = np.nan if info.komi is None else info.komi
        winner = info.result.winner or 0
        found.append(Scanned(problem, int(record.facts[0]), komi, info.handicap, winner, moves, setup))


def scan(text: str | bytes) -> Scanned:
    (game,) = scan_all(text)
    return game


def as_judged(text: bytes) -> Scanned:
    """The main line as sgfmill reads it."""
    game = Sgf_game.from_bytes(text)
    size, root = game.get_size(), game.get_root()
    moves: list[Move] = []
    for node in game.get_main_sequence():
        letter, place = node.get_move()
        if letter is not None:
            moves.append((COLOURS[letter], size * size if place is None else place[0] * size + place[1]))
    points = zip((BLACK, WHITE), root.get_setup_stones()[:2], strict=True)
    setup = [(colour, row * size + column) for colour, stones in points for row, column in sorted(stones)]
    winner = COLOURS[game.get_winner()]
    return Scanned(OK, size, game.get_komi(), game.get_handicap() or 0, winner, moves, setup)


def test_real_games_as_sgfmill_reads_them(shared: Path) -> None:
    for text in holdout_texts(shared, 30):
        assert scan(text) == as_judged(text.encode())


def test_real_handicap_games_small_boards_and_line_breaks(shared: Path) -> None:
    with lzma.open(shared / "data" / "holdout.sgf.xz", "rb") as stream:
        handicaps = [line for _, line in zip(range(4000), stream, strict=False) if b"]AB[" in line][:10]
    with lzma.open(shared / "references" / "aeb-9x9-13x13.sgf.xz", "rb") as stream:
        small = [line for _, line in zip(range(30), stream, strict=False) if line.startswith(b"(;")][:10]
    broken = [
        file.read_bytes() for file in sorted((shared / "references/lz-selfplay-sgf").glob("*.sgf"))[:10]
    ]
    for text in handicaps + small + broken:
        found, expected = scan(text), as_judged(text)
        assert (found.moves, sorted(found.setup)) == (expected.moves, sorted(expected.setup))
        assert (found.size, found.komi, found.winner) == (expected.size, expected.komi, expected.winner)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(3, 25),
    st.integers(0, 60),
    st.integers(0, 2**32),
    st.sampled_from(["B+R", "W+0.5", "0", "Void"]),
)
def test_written_games_are_read_back(size: int, length: int, seed: int, result: str) -> None:
    game = random_game(min(size, 19), length, Random(seed), passes=0.1)
    text = sgf_text(game.size, game.moves, result)
    assert scan(text) == as_judged(text.encode())


ROOT = "(;GM[1]FF[4]SZ[9]"


def test_the_main_line_is_the_first_of_all_variations() -> None:
    text = f"{ROOT};B[aa](;W[bb];B[cc](;W[dd])(;W[ee]))(;W[ff](;B[gg])(;B[hh])))"
    assert scan(text).vertices == "A9 B8 C7 D6"
    assert scan(text).problem == OK
    assert scan(text).moves == as_judged(text.encode()).moves


def test_syntax_inside_of_values_is_text() -> None:
    text = rf"{ROOT}C[a \] ; B[aa\] ( \\];B[aa]C[);W[cc\]]N[x\\];W[bb])"
    assert scan(text).vertices == "A9 B8"
    assert scan(text).moves == as_judged(text.encode()).moves


def test_foreign_properties_and_encodings() -> None:
    text = (ROOT + "PB[Ō]BL[12.3]XB[ii]BW[hh]ABC[gg];B[aa]BL[9]WL[8]OB[1];W[bb]KO[])").encode("utf-8")
    assert scan(text).vertices == "A9 B8"
    assert scan(text.replace("Ō".encode(), b"\xff\x8a")).vertices == "A9 B8"


@pytest.mark.parametrize("gap", ["\n", "\r\n", "\r", " ", "\t\n "])
def test_white_space_between_everything(gap: str) -> None:
    parts = ["(", ";", "SZ", "[9]", "AB", "[aa]", "[bb]", ";", "W", "[cc]", ";", "B", "[]", ")"]
    found = scan(gap + gap.join(parts) + gap)
    assert (found.size, found.vertices) == (9, "C7 pass")
    assert [format_vertex(index, 9) for _, index in found.setup] == ["A9", "B8"]


def test_old_long_property_names() -> None:
    text = "(;GaMe[1]SiZe[13]KoMi[0.5]HAndicap[2]REsult[W+3]AddBlack[aa][mm];White[bb];Black[tt])"
    found = scan(text)
    assert (found.size, found.komi, found.handicap, found.winner) == (13, 0.5, 2, WHITE)
    assert found.moves == [(WHITE, 11 * 13 + 1), (BLACK, 169)]
    assert found.setup == [(BLACK, 12 * 13), (BLACK, 12)]


@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 8), st.integers(0, 8))
def test_rectangles_of_set_up_stones(left: int, right: int, low: int, high: int) -> None:
    left, right, low, high = min(left, right), max(left, right), min(low, high), max(low, high)
    corners = format_sgf(high * 9 + left, 9) + ":" + format_sgf(low * 9 + right, 9)
    found = scan(f"{ROOT}AW[{corners}])")
    assert found.setup == [(WHITE, r * 9 + c) for r in range(low, high + 1) for c in range(left, right + 1)]
    if corners[:2] != corners[3:]:
        assert sorted(found.setup) == as_judged(f"{ROOT}AW[{corners}])".encode()).setup


def test_the_size_counts_wherever_it_stands_in_the_root() -> None:
    found = scan("(;AB[aa]B[ii]SZ[9];W[bb])")
    assert (found.size, found.setup, found.vertices) == (9, [(BLACK, 72)], "J1 B8")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("(;SZ[1];B[aa])", BAD_SIZE),
        ("(;SZ[26];B[aa])", BAD_SIZE),
        ("(;SZ[x];B[aa])", OK),
        ("(;SZ[19:13];B[aa])", BAD_SIZE),
        ("(;SZ[19];B[ss];SZ[9];W[ss])", NEXT_GAME),
        ("(;SZ[19];B[ss];GM[1];W[ss])", NEXT_GAME),
        ("(;SZ[19];B[ss]CA[x];W[aa])", OK),
        ("(;SZ[9];B[aa];W[ja])", BAD_POINT),
        ("(;SZ[9];B[AA])", BAD_POINT),
        ("(;SZ[9];B[a])", BAD_POINT),
        ("(;SZ[9]AB[];B[aa])", OK),
        ("(;SZ[9]PB[abc;B[aa];W[bb])", SWALLOWED),
        ("(;SZ[9];B[aa]C[good\\];W[bb];B[cc])", SWALLOWED),
        ("(;SZ[9];B[aa];w[bb])", SMALL_NAME),
        ("(;SZ[9]AB[aa:jj];B[aa])", BAD_STONE),
        ("(;SZ[9];B[aa];AB[bb];W[cc])", LATE_SETUP),
        ("(;SZ[9];B[aa]AB[bb];W[cc])", OK),
        ("(;SZ[9];B[aa][bb])", TWO_MOVES),
        ("(;SZ[9];B[aa]W[bb]B[cc])", TWO_MOVES),
        ("(;SZ[9];B[aa]W[bb];B[cc])", OK),
        ("(;SZ[9] what? ;B[aa])", MIXED_UP),
        ("(;SZ[9]C[a] b];B[aa])", MIXED_UP),
        ("(;SZ[9];B;W[aa])", MIXED_UP),
        ("(;SZ[9];[aa])", MIXED_UP),
        ("(;SZ[9];B C[aa])", MIXED_UP),
        ("(;SZ[9];B[aa]())", MIXED_UP),
        ("(;SZ[9];B[aa];W[bb]", TRUNCATED),
        ("(;SZ[9];B[aa];W[b", TRUNCATED),
        ("(;SZ[9];B[aa];W[bb\\]", TRUNCATED),
        ("(;", TRUNCATED),
        ("(;SZ[9]" + ";B[aa]" * (LONGEST + 1) + ")", TOO_LONG),
        ("(;SZ[9]" + ";B[aa]" * LONGEST + ")", OK),
        ("(;SZ[9:9];B[aa])", OK),
        ("(;SZ[9])", OK),
    ],
)
def test_problems_and_that_the_next_game_is_read_all_the_same(text: str, problem: int) -> None:
    assert scan(text).problem == problem
    if scan(text + ")").problem == TRUNCATED:
        return  # a value without an end hides what follows
    first, second = scan_all(text + "\n" + sgf_text(9, [(BLACK, 3)]))
    assert first.problem == problem
    assert (second.problem, second.moves) == (OK, [(BLACK, 3)])


def test_a_game_cut_short_in_a_variation_ends_where_the_next_begins() -> None:
    first, second = scan_all(f"{ROOT};B[aa](;W[bb])(;W[cc]\n(;FF[4]SZ[9];B[dd])")
    assert (first.vertices, second.vertices) == ("A9 B8", "D6")


def test_several_games_and_text_between_them() -> None:
    games = [[(BLACK, n), (WHITE, 40)] for n in range(5)]
    texts = [sgf_text(9, game) for game in games]
    for between in ("", "\n\n", " by hand :-( \n", "(see below)"):
        assert [game.moves for game in scan_all(between.join(texts))] == games


def test_facts_do_not_pass_to_the_next_game() -> None:
    first, second = scan_all("(;SZ[9]KM[6.5]HA[3]RE[W+R]AB[aa];W[bb])(;B[cc])")
    assert (first.size, first.komi, first.handicap, first.winner) == (9, 6.5, 3, WHITE)
    assert (second.size, second.handicap, second.winner, second.setup) == (19, 0, 0, [])
    assert np.isnan(second.komi)


@pytest.mark.parametrize(
    ("text", "komi"),
    [("7.5", 7.5), ("-6", -6), (" 0.5 ", 0.5), ("6,5", 6.5), ("3.75", 7.5), ("", np.nan), ("x", np.nan)],
)
def test_komi(text: str, komi: float) -> None:
    assert scan(f"(;SZ[9]KM[{text}])").komi == pytest.approx(komi, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "handicap"), [("2", 2), ("0", 0), ("", 0), ("99999", 0), ("-4", 0), ("9" * 400, 0)]
)
def test_impossible_handicaps_are_none(text: str, handicap: int) -> None:
    assert scan(f"(;SZ[9]HA[{text}])").handicap == handicap


SYNTAX = st.lists(
    st.sampled_from(
        [
            b"(",
            b")",
            b";",
            b"[",
            b"]",
            b"\\",
            b":",
            b"B",
            b"W",
            b"AB[aa:cc]",
            b"SZ[9]",
            b"SZ",
            b"[aa]",
            b"\xff",
        ]
    ),
    max_size=60,
).map(b"".join)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.binary(max_size=300), SYNTAX))
def test_any_bytes_come_to_an_end_and_stay_on_the_board(content: bytes) -> None:
    for game in scan_all(content):
        assert 2 <= game.size <= 25 or game.problem in (BAD_SIZE, TRUNCATED)
        assert all(0 <= index <= game.size**2 for _, index in game.moves)
        assert all(0 <= index < game.size**2 for _, index in game.setup)
