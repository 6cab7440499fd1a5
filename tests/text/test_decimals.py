from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

from lzeval.cli.main import COMMANDS, application
from lzeval.text.decimals import parse_integer, parse_number
from lzeval.text.json_text import DEEPEST, parse_json

NO_NUMBERS = [
    "",
    " ",
    "7_5",
    "1_9",
    "nan",
    "-inf",
    "infinity",
    "0x7",
    "1e",
    "e1",
    ".",
    "+",
    "--1",
    "1 2",
    "1,5",
]
NO_NUMBERS += ["٣", "７", "1\n", "\t1", "\u00a01", "1" * 401, "1e999", "0b1", "1L", "1j", "½", "²"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number(text: str) -> None:
    for parse in (parse_integer, parse_number):
        with pytest.raises(ValueError, match="is not a"):
            parse(text)


@pytest.mark.parametrize("text", ["7.0", "1e1", ".5", "7."])
def test_what_is_no_whole_number(text: str) -> None:
    assert parse_number(text) == float(text)
    with pytest.raises(ValueError, match="not a whole number"):
        parse_integer(text)


@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_printed_is_read(whole: int, number: float) -> None:
    assert parse_integer(str(whole)) == whole
    assert parse_integer(f" {whole:+d} ") == whole
    assert math.copysign(1, parse_number(repr(number))) == math.copysign(1, number)
    assert parse_number(repr(number)) == number


@given(st.text(alphabet="0123456789+-._eE xnaif٣", max_size=8))
def test_python_takes_whatever_is_taken(text: str) -> None:
    for parse, judge in ((parse_integer, int), (parse_number, float)):
        try:
            found = parse(text)
        except ValueError:
            continue
        assert found == judge(text)
        assert "_" not in text
        assert text.isascii()


# JSON


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, -2.5e1, true, null, "x"]}', {"a": [1, -25.0, True, None, "x"]}),
        ("[NaN, -Infinity, 1e999]", ["NaN", "-Infinity", "1e999"]),
        ("9" * 5000, "9" * 5000),
        ("[" * DEEPEST + "1" + "]" * DEEPEST, None),
    ],
)
def test_json_is_read(text: str, value: Any) -> None:
    assert value is None or parse_json(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{'a': 1}",
        "[1,]",
        "1_0",
        "01",
        "[٣]",
        '"\x01"',
        "[" * 100_000,
        "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
        '{"a":' * 9999,
    ],
)
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"character|within each other") as caught:
        parse_json(text)
    assert len(str(caught.value)) < 80


# The command line


def number_options(command: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The words up to and with each option of `command`, and of those below it, that takes a number."""
    kinds = ("IntParamType", "IntRange", "FloatParamType", "FloatRange")
    own = [(*path, one.opts[-1]) for one in command.params if type(one.type).__name__ in kinds]
    below = getattr(command, "commands", {}).items()
    return own + [words for name, sub in below for words in number_options(sub, (*path, name))]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_reads_decimal_numbers_alone(name: str) -> None:
    app = application(name)
    for words in number_options(get_command(app), ()):
        for text in ("7_5", "nan", "٣", "0x7"):
            outcome = CliRunner().invoke(app, [*words, text])
            assert outcome.exit_code == 2, words
            assert "is not a" in outcome.output, (words, outcome.output)


def test_most_commands_have_options_that_take_numbers() -> None:
    assert len(number_options(get_command(application()), ())) > 80
