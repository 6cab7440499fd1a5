from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.gtp.engine import Heatmap, TimeSettings
from engines.gtp.heatmap import format_heatmap, parse_heatmap
from engines.gtp.protocol import Command, Response, format_answer, parse_answer, parse_command
from lzeval.go import board
from lzeval.go.colour import Colour, parse_colour
from lzeval.go.drawing import draw_board
from lzeval.go.handicap import fixed_handicap_points, most_fixed_stones
from lzeval.go.points import LARGEST, format_vertex, symmetry_tables


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("name", Command(None, "name")),
        ("  name  \r\n", Command(None, "name")),
        ("12 play b D4", Command("12", "play", ("b", "D4"))),
        ("007 name", Command("007", "name")),
        ("play\tw\tpass # a comment # and more", Command(None, "play", ("w", "pass"))),
        ("na\x07me\x00", Command(None, "name")),
        ("12", Command("12", "")),
        ("12name", Command(None, "12name")),
        ("\u0661 name", Command(None, "\u0661", ("name",))),
        ("loadsgf a\u00a0b.sgf", Command(None, "loadsgf", ("a\u00a0b.sgf",))),
        ("1" * 5000 + " quit", Command("1" * 5000, "quit")),
    ],
)
def test_a_line_is_read_as_the_specification_says(line: str, command: Command) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize("line", ["", "\n", " \t \r\n", "# name", "\x07"])
def test_some_lines_are_no_command(line: str) -> None:
    assert parse_command(line) is None


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Response(True, ""), "= \n\n"),
        (Response(True, "", "3"), "=3 \n\n"),
        (Response(False, "illegal move", "3"), "?3 illegal move\n\n"),
        (Response(True, "a\n\n\nb\r\n"), "= a\nb\n\n"),
        (Response(True, "bell\x07 and \x85next\u2028line"), "= bell and nextline\n\n"),
    ],
)
def test_an_answer_ends_at_its_only_empty_line(answer: Response, text: str) -> None:
    assert format_answer(answer) == text


WORDS = st.text(st.characters(codec="ascii", exclude_categories=["C"], exclude_characters=" #"), min_size=1)
NAMES = WORDS.filter(lambda word: not word.isdigit())


@given(st.none() | st.integers(0, 10**12).map(str), NAMES, st.lists(WORDS).map(tuple))
def test_commands_survive_writing_and_reading(identity: str | None, name: str, args: tuple[str, ...]) -> None:
    line = " ".join([*([identity] if identity else []), name, *args])
    assert parse_command(line) == Command(identity, name, args)


@given(st.booleans(), st.text(), st.none() | st.integers(0).map(str))
def test_any_text_makes_one_readable_answer(ok: bool, text: str, identity: str | None) -> None:
    written = format_answer(Response(ok, text, identity))
    assert written.endswith("\n\n")
    assert "\n\n" not in written[:-1]
    assert len(written[:-2].splitlines()) == written.count("\n") - 1
    read = parse_answer(written[:-2].split("\n"))
    assert read.ok is ok
    if identity is not None:
        assert read.id == identity
        assert format_answer(read).split() == written.split()


def test_what_begins_no_answer_is_not_read_as_one() -> None:
    with pytest.raises(ValueError, match="begins no GTP answer"):
        parse_answer(["Tuning", "= 2"])


@pytest.mark.parametrize("text", ["b", "B", "black", "Black", "BLACK"])
def test_black_has_many_names(text: str) -> None:
    assert parse_colour(text) is Colour.BLACK
    with pytest.raises(ValueError, match="no colour"):
        parse_colour(text + "x")


def test_colours_are_numbered_as_on_the_board() -> None:
    assert (int(Colour.BLACK), int(Colour.WHITE)) == (board.BLACK, board.WHITE)
    assert Colour.BLACK.opponent is Colour.WHITE
    assert Colour.WHITE.opponent is Colour.BLACK


@pytest.mark.parametrize(
    ("size", "stones", "vertices"),
    [
        (19, 2, "D4 Q16"),
        (19, 3, "D4 Q16 D16"),
        (19, 4, "D4 Q16 D16 Q4"),
        (19, 5, "D4 Q16 D16 Q4 K10"),
        (19, 6, "D4 Q16 D16 Q4 D10 Q10"),
        (19, 7, "D4 Q16 D16 Q4 D10 Q10 K10"),
        (19, 8, "D4 Q16 D16 Q4 D10 Q10 K4 K16"),
        (19, 9, "D4 Q16 D16 Q4 D10 Q10 K4 K16 K10"),
        (13, 4, "D4 K10 D10 K4"),
        (9, 5, "C3 G7 C7 G3 E5"),
        (8, 4, "C3 F6 C6 F3"),
        (7, 4, "C3 E5 C5 E3"),
    ],
)
def test_fixed_handicap_stones_are_where_gtp_puts_them(size: int, stones: int, vertices: str) -> None:
    points = fixed_handicap_points(stones, size)
    assert [format_vertex(point, size) for point in points] == vertices.split()


@pytest.mark.parametrize(("size", "most"), [(6, 0), (7, 4), (8, 4), (9, 9), (18, 4), (19, 9), (25, 9)])
def test_small_and_even_boards_have_fewer_places(size: int, most: int) -> None:
    assert most_fixed_stones(size) == most
    for stones in (1, most + 1):
        with pytest.raises(ValueError, match="no fixed places"):
            fixed_handicap_points(stones, size)


@pytest.mark.parametrize("size", range(7, LARGEST + 1))
def test_four_stones_look_the_same_from_every_side(size: int) -> None:
    for stones in {4, most_fixed_stones(size)}:
        points = set(fixed_handicap_points(stones, size))
        assert len(points) == stones
        for table in symmetry_tables(size):
            assert {int(table[point]) for point in points} == points


# As leelaz 0.17 printed it for the 19x19 opening Q16, D4 (cut down to 3x3 by hand).
LEELAZ_FORM = """\
  0   0   0 \n  3 402   1 \n1000  19   0 \npass: 12\nwinrate: 0.659945\n"""
LEELAZ_MAP = Heatmap([1000, 19, 0, 3, 402, 1, 0, 0, 0], 12, 0.659945)


def test_a_heatmap_looks_like_leela_zeros() -> None:
    assert format_heatmap(LEELAZ_MAP, 3) == LEELAZ_FORM


def test_the_last_complete_heatmap_is_found_among_other_lines() -> None:
    text = (
        f"Thinking at most 1 s\n{LEELAZ_FORM.replace('402', '111')}{LEELAZ_FORM}Leela: b\n  0   1 \npass: 1\n"
    )
    assert parse_heatmap(text, 3) == LEELAZ_MAP
    for broken in (LEELAZ_FORM.replace("winrate", "rate"), LEELAZ_FORM[12:], ""):
        with pytest.raises(ValueError, match="no heatmap"):
            parse_heatmap(broken, 3)


@given(st.integers(2, 9), st.data())
def test_heatmaps_survive_writing_and_reading(size: int, data: st.DataObject) -> None:
    thousandths = st.integers(0, 1000)
    policy = data.draw(st.lists(thousandths, min_size=size * size, max_size=size * size))
    heatmap = Heatmap(policy, data.draw(thousandths), data.draw(st.integers(0, 1000)) / 1000)
    assert parse_heatmap(format_heatmap(heatmap, size), size) == heatmap


def test_a_board_is_drawn_with_its_top_row_first() -> None:
    stones = [0] * 81
    stones[4 * 9 + 4], stones[8 * 9], stones[8] = Colour.BLACK, Colour.WHITE, Colour.BLACK
    assert draw_board(stones, 9).splitlines() == [
        "   A B C D E F G H J",
        " 9 O . . . . . . . .  9",
        " 8 . . . . . . . . .  8",
        " 7 . . + . + . + . .  7",
        " 6 . . . . . . . . .  6",
        " 5 . . + . X . + . .  5",
        " 4 . . . . . . . . .  4",
        " 3 . . + . + . + . .  3",
        " 2 . . . . . . . . .  2",
        " 1 . . . . . . . . X  1",
        "   A B C D E F G H J",
    ]


def test_byo_yomi_without_stones_means_no_limit() -> None:
    assert TimeSettings(0, 1, 0).unlimited
    assert not TimeSettings(0, 0, 0).unlimited
    assert not TimeSettings(600, 30, 5).unlimited
