from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sgfmill.common import format_vertex as judge_format
from sgfmill.common import move_from_vertex
from sgfmill.sgf_properties import interpret_go_point

from lzeval.go.points import (
    format_sgf,
    format_vertex,
    parse_location,
    parse_sgf,
    parse_vertex,
    symmetry_tables,
)

SIZES = st.integers(2, 25)


def coordinates(index: int, size: int) -> tuple[int, int] | None:
    """As sgfmill writes a move: (row, column) from the bottom left, None for the pass."""
    return None if index == size * size else divmod(index, size)


@given(SIZES, st.data())
def test_names_are_those_of_sgfmill(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size * size))
    assert format_vertex(index, size) == judge_format(coordinates(index, size))
    assert interpret_go_point(format_sgf(index, size).encode(), size) == coordinates(index, size)


@given(SIZES, st.data())
def test_names_lead_back_to_the_index(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size * size))
    assert parse_vertex(format_vertex(index, size), size) == index
    assert parse_vertex(f" {format_vertex(index, size).lower()} ", size) == index
    assert parse_sgf(format_sgf(index, size), size) == index


def or_refusal(read: Callable[[], tuple[int, int] | None]) -> tuple[int, int] | str | None:
    try:
        return read()
    except ValueError:
        return "refused"


@given(SIZES, st.one_of(st.text(max_size=4), st.from_regex(r"[a-zA-Z]-?[0-9]{1,3}", fullmatch=True)))
def test_a_vertex_is_accepted_if_sgfmill_accepts_it(size: int, text: str) -> None:
    expected = or_refusal(lambda: move_from_vertex(text.strip(), size))
    found = or_refusal(lambda: coordinates(parse_vertex(text, size), size))
    if text.isascii() and "_" not in text and "+" not in text and "-" not in text and " " not in text.strip():
        assert found == expected
    else:
        assert found in ("refused", expected)


def test_names_on_19_lines() -> None:
    names = {"A1": 0, "T1": 18, "J1": 8, "A19": 342, "Q16": 15 * 19 + 15, "pass": 361}
    assert {name: parse_vertex(name, 19) for name in names} == names
    assert format_sgf(parse_vertex("Q16", 19), 19) == "pd"


@pytest.mark.parametrize("text", ["", "I5", "T20", "U1", "A0", "A", "5A", "A-1", "A١"])
def test_what_is_no_vertex(text: str) -> None:
    with pytest.raises(ValueError, match=r"vertex|board"):
        parse_vertex(text, 19)


def test_tt_is_a_pass_where_there_is_no_twentieth_line() -> None:
    assert parse_sgf("tt", 19) == parse_sgf("", 19) == 361
    assert parse_sgf("tt", 20) == 19
    for text in ("a", "aaa", "A1", "at"):
        with pytest.raises(ValueError, match="19x19"):
            parse_sgf(text, 19)


@given(SIZES, st.integers(0, 7))
def test_symmetries_are_those_of_an_array(size: int, symmetry: int) -> None:
    """Judge: numpy's transpose and flips of the board as an array `[row, column]`."""
    board = np.arange(size * size).reshape(size, size)
    expected = board.T if symmetry & 4 else board
    expected = expected[:, ::-1] if symmetry & 2 else expected
    expected = expected[::-1] if symmetry & 1 else expected
    table = symmetry_tables(size)[symmetry]
    turned = np.empty(size * size, np.int64)
    turned[table[:-1]] = np.arange(size * size)
    np.testing.assert_array_equal(turned.reshape(size, size), expected)
    assert table[-1] == size * size


def test_the_eight_symmetries_differ() -> None:
    assert len({tuple(table) for table in symmetry_tables(3)}) == 8
    assert not symmetry_tables(9).flags.writeable


@given(SIZES, st.data())
def test_coordinates_lead_to_the_point(size: int, data: st.DataObject) -> None:
    """X from the left, Y from the top, as sgfmill reads SGF's letters."""
    index = data.draw(st.integers(0, size * size - 1))
    row, column = divmod(index, size)
    assert parse_location(f"({column},{size - 1 - row})", size) == index
    assert parse_location(f" ( {column} , {size - 1 - row} ) ", size) == index
    assert parse_location(format_vertex(index, size), size) == index


@pytest.mark.parametrize(
    "text", ["3,3", "(3)", "(3,3", "(3,19)", "(19,3)", "(-1,3)", "(+1,3)", "(1_0,3)", "(٣,3)", "()"]
)
def test_what_is_no_location(text: str) -> None:
    with pytest.raises(ValueError, match=r"vertex|board"):
        parse_location(text, 19)
    assert (parse_location("(3,3)", 19), parse_location("PSS", 19)) == (parse_vertex("D16", 19), 361)
