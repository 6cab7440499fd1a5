"""The reader and the scanner held against each other and against sgfmill, over all encodings and broken text."""

from __future__ import annotations

import re
from itertools import groupby

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sgfmill import sgf, sgf_moves

from lzeval.go.board import EMPTY
from lzeval.go.colour import COLOURS, Colour
from lzeval.records.input.detection import is_in
from lzeval.records.input.encoding import as_utf8
from lzeval.records.input.split_games import split_games
from lzeval.records.input.text import as_sgf
from lzeval.records.reader import read_game
from lzeval.records.scanner import NO_GAME, OK, new_record, read_record, refusal

Move = tuple[str, int]

ENCODINGS = {
    "gb18030": "柯洁古力黒誠昞玕踈芈郾围棋胜负黑白中盘",
    "big5": "許功蓋餐周俊勳黑白勝負圍棋台灣育",
    "shift_jis": "ソ表能井山裕太一力遼カタカナ芸予十構申暴",
    "euc_jp": "井山裕太一力遼カタカナ表能黒白勝",
    "cp949": "이창호똠뾔곂펲방각하흑백불계승",
    "latin-1": "éüößÅçñ",
    "utf-8": "李世石Ōé한글あ",
    "utf-16": "李世石Ōé한글あ",
}
PIECES = st.sampled_from(
    [
        *("(;", ";", "(", ")", "[", "]", "\\", " ", "\n", "x", ":", "()", "[ee]", "C[x]", "C[a\\]b]", "C[(;]"),
        *("B", "W", "B[aa]", ";B[aa]", ";W[bb]", ";B[]", ";W[ bb ]", "B[cc]W[dd]", "Bl[aa]", "GameName[z]", "PL[W]"),
        *("AB[aa][cc]", "AW[dd]", "AE[aa]", "AB[aa:bb]", "SZ[9]", "SZ[13]", "GM[1]", "GM[2]", "FF[4]"),
        *("KM[7]", "HA[2]", "RE[B+R]"),
    ]
)  # fmt: skip
BROKEN = st.lists(PIECES, max_size=16).map("".join)


def read(text: bytes) -> tuple[int, list[Move], dict[int, str], tuple[str, ...]] | None:
    """The first game as the reader has it; None if it refuses it."""
    try:
        game = read_game(text)
    except ValueError as error:
        return None if str(error) else pytest.fail("refused without a reason")
    return game.size, list(game.play.moves), dict(game.play.setup), game.remarks


def scan(text: bytes) -> tuple[int, list[Move], dict[int, str]] | None:
    """The first game as the scanner has it; None if it refuses it."""
    record = new_record()
    _, problem = read_record(np.frombuffer(text, np.uint8), 0, record)
    if problem == NO_GAME:
        return None
    kind, _ = refusal(problem, text, record) if problem != OK else ("", "")
    if problem != OK:
        assert kind, "a reason in words"
        return None
    if b"GM[2]" in text.split(b";B")[0]:
        return None
    stones: dict[int, Colour] = {}
    for colour, index in record.setup[: record.counts[1]].tolist():
        stones.pop(index, None)
        if colour != EMPTY:
            stones[index] = Colour(colour)
    moves = [(Colour(colour), index) for colour, index in record.moves[: record.counts[0]].tolist()]
    return int(record.facts[0]), moves, stones


def sets_up_in_two_orders(text: str) -> bool:
    """Whether a node tells a set-up property twice with another one between: the reader takes both where the first is.

    It matters only for a point that two of them name, which SGF forbids.
    """
    for node in re.split("[;()]", text):
        names = [name for name, _ in groupby(re.findall(r"A[BWE](?=\s*\[)", node))]
        if len(set(names)) < len(names):
            return True
    return False


@settings(deadline=None, max_examples=400)
@given(BROKEN, st.booleans())
@example("AE[aa]AB[aa][cc]AE[aa]", True)
@example("(;B[aa]AB[bb];W[cc])", False)
@example("(;SZ[9]SZ[13];B[aa])", False)
@example("(;B[aa]()", False)
@example("(;;SZ[9];B[aa])", False)
@example("(;B[aa];SZ[9]W[bb])", False)
@example("(;AB[aa];B[bb]SZ[9])", False)
@example(";SZ[9]B[cc]W[dd]SZ[9]", True)
@example(";FF[4]B[cc]FF[4]", True)
@example(";B[cc]SZ[9]SZ[9]", True)
def test_scanner_and_reader_agree(text: str, as_game: bool) -> None:
    data = (f"(;{text})" if as_game else text).encode()
    (first, problem), *_ = [*split_games(data), (b"", "no game")]
    mine = None if problem else read(first)
    theirs = scan(first) if not problem else None
    if mine is None or theirs is None:
        assert mine is theirs is None or "GM[2]" in text
    elif sets_up_in_two_orders(text):
        assert mine[:2] == theirs[:2]
    else:
        assert mine[:3] == theirs


@st.composite
def games(draw: st.DrawFn) -> tuple[str, str]:
    """A game with letters of an encoding wherever text may stand, and the encoding."""
    encoding = draw(st.sampled_from(sorted(ENCODINGS)))
    letters = st.text(st.sampled_from(ENCODINGS[encoding]), max_size=8)
    moves = draw(st.lists(st.tuples(st.integers(0, 18), st.integers(0, 18)), min_size=1, max_size=12))
    nodes = "".join(
        f";{'BW'[number % 2]}[{chr(97 + column)}{chr(97 + row)}]"
        + draw(st.sampled_from(["", "", f"C[{draw(letters)}]"]))
        for number, (column, row) in enumerate(moves)
    )
    declared = draw(st.sampled_from(["", f"CA[{encoding}]", "CA[utf-8]", "CA[x]"]))
    root = "".join(f"{name}[{draw(letters)}]" for name in ("PB", "PW", "EV", "GN"))
    return f"(;GM[1]FF[4]SZ[19]{declared}{root}KM[6.5]{nodes})", encoding


@settings(deadline=None, max_examples=300)
@given(st.lists(games(), min_size=1, max_size=3))
def test_no_encoding_costs_a_move(written: list[tuple[str, str]]) -> None:
    """Declared rightly, wrongly or not at all, and mixed in one file."""
    if any(encoding == "utf-16" for _, encoding in written):
        written = [(text, "utf-16") for text, _ in written][:1]
    data = b"\n".join(text.encode(encoding, "replace") for text, encoding in written)
    found = [read(text) for text, problem in split_games(as_sgf(data)) if not problem]
    for game, (text, _) in zip(found, written, strict=True):
        judge = sgf.Sgf_game.from_string(text.replace("CA[", "XX["))
        plays = [
            (COLOURS[c], 361 if p is None else p[0] * 19 + p[1])
            for c, p in sgf_moves.get_setup_and_moves(judge)[1]
        ]
        assert game is not None
        assert game[1] == plays
    (first,) = [text for text, _ in written][:1]
    assert scan(as_sgf(data)) is not None
    assert scan(as_sgf(data))[1] == read(first.encode())[1]  # type: ignore[index]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_letter_of_an_encoding_in_a_name(encoding: str) -> None:
    """All letters that end in a backslash or a bracket, declared: none swallows the move behind it."""
    letters = []
    for lead in range(0x81, 0xFF):
        for trail in (0x5B, 0x5C, 0x5D):
            pair = bytes([lead, trail])
            if is_in(pair, encoding) and len(pair.decode(encoding)) == 1:
                letters.append(pair.decode(encoding))
    for letter in letters:
        text = f"(;CA[{encoding}]SZ[19]PB[{letter}];B[pp];W[dd])"
        assert read(as_utf8(text.encode(encoding))) == (
            19,
            [(Colour.BLACK, 72), (Colour.WHITE, 288)],
            {},
            (),
        ), letter


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(st.binary(max_size=200), BROKEN.map(str.encode)), st.sampled_from(["", "\\HS\n", "PMABBQQQQ\n"])
)
def test_no_bytes_are_too_strange(content: bytes, before: str) -> None:
    data = as_sgf(before.encode() + content)
    for text, problem in split_games(data):
        if not problem:
            read(text)
    record, at = new_record(), 0
    scanned = np.frombuffer(data, np.uint8)
    while True:
        following, problem_number = read_record(scanned, at, record)
        if problem_number == NO_GAME:
            break
        assert following > at
        at = following
