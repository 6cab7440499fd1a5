"""Numbers, counts and command lines as people read them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lzeval.system.files import utf8, write_text_atomically
from lzeval.text.wording import command_line, counted, signed


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 games"), (1, "1 game"), (2, "2 games"), (1200, "1,200 games")]
)
def test_plurals(number: int, text: str) -> None:
    assert counted(number, "game") == text


def test_a_plural_of_its_own() -> None:
    assert [counted(number, "match", "matches") for number in (1, 2)] == ["1 match", "2 matches"]


@given(st.floats(-1e6, 1e6), st.integers(0, 3))
def test_nothing_is_minus_zero(value: float, digits: int) -> None:
    text = signed(value, digits)
    assert abs(float(text) - value) <= 0.5001 * 10**-digits
    assert text[0] in "+-"
    assert float(text) != 0 or text[0] == "+"


@pytest.mark.skipif(sys.platform == "win32", reason="its programs split their command lines themselves")
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_a_command_is_taken_apart_into_its_words(words: list[str]) -> None:
    assert shlex.split(command_line(*words)) == words


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("caf\udcc3\udca9", "café"),
        ("caf\udce9", "caf\N{REPLACEMENT CHARACTER}"),
        ("网", "网"),
        ("\ud800", "?"),
    ],
)
def test_files_are_utf8_whatever_names_of_files_are(name: str, text: str, tmp_path: Path) -> None:
    """The first is what a name in UTF-8 is to Python in a locale of another encoding."""
    write_text_atomically(tmp_path / "file", name)
    assert (tmp_path / "file").read_bytes() == utf8(name) == text.encode()
