"""Decimals to float32: Python's `float`, and NumPy's reader of texts, are the judges."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lzeval.network.weights_file.numbers import MOST_JUDGED, Row, rows_of_blocks, rows_of_text

usual = settings(max_examples=150, deadline=None)


def in_blocks(text: bytes, length: int) -> Iterator[bytes]:
    return (text[start : start + length] for start in range(0, len(text), length))


def both(text: bytes, length: int = 1 << 18) -> list[Row]:
    """The rows that both readers agree on, to the last bit."""
    plain, compiled = list(rows_of_text(text)), list(rows_of_blocks(in_blocks(text, length)))
    assert len(plain) == len(compiled)
    for one, other in zip(plain, compiled, strict=True):
        assert one.numbers.dtype == other.numbers.dtype == np.float32
        assert one.numbers.tobytes() == other.numbers.tobytes()
        assert (one.spoilt, one.has_more, one.boundless) == (other.spoilt, other.has_more, other.boundless)
    return plain


def expected(text: str) -> bytes:
    with np.errstate(over="ignore"):
        return np.float32(float(text)).tobytes()


DIGITS = st.text("0123456789", min_size=1, max_size=45)
SIGNS = st.sampled_from(["", "-", "+"])


@st.composite
def decimals(draw: st.DrawFn) -> str:
    """Anything that the grammar allows, with many digits and wide exponents."""
    whole, fraction = draw(DIGITS | st.just("0")), draw(st.just("") | DIGITS)
    mantissa = draw(st.sampled_from([f"{whole}.{fraction}", whole, f".{fraction or '0'}"]))
    letter = draw(st.sampled_from(["", "e", "E"]))
    exponent = f"{letter}{draw(SIGNS)}{draw(st.integers(0, 130))}" if letter else ""
    return draw(SIGNS) + mantissa + exponent


def _midpoints(bits: int) -> list[str]:
    """Halfway between two float32s, and as near to it as 60 digits go on either side."""
    low, high = (Decimal(float(value)) for value in np.array([bits, bits + 1], np.uint32).view(np.float32))
    middle = (low + high) / 2
    tiny = middle.scaleb(-45)
    return [
        str(middle),
        str(middle + tiny),
        str(middle - tiny),
        f"{float(middle):.17g}",
        f"{float(middle):.18e}",
    ]


@usual
@given(st.lists(decimals(), min_size=1, max_size=12), st.integers(9, 99))
@example(
    ["0.000000000000000000000000000000000000000000001", "1e-45", "7e-46", "-0", "1e23", "9007199254740993"], 5
)
@example(["16777217", "16777217.0000000000000000000000001", "0.500000029802322387695312500000000001"], 3)
def test_every_decimal_is_rounded_as_python_rounds(texts: list[str], length: int) -> None:
    (row,) = both(" ".join(texts).encode(), length)
    assert row.spoilt is None
    assert [number.tobytes() for number in row.numbers] == [expected(text) for text in texts]


@usual
@given(st.integers(0, 0x7F7FFFFE))
def test_halves_between_two_floats_are_rounded_as_python_rounds(bits: int) -> None:
    texts = _midpoints(bits)
    (row,) = both(" ".join(texts).encode())
    assert [number.tobytes() for number in row.numbers] == [expected(text) for text in texts]


@usual
@given(st.integers(0, 0x7F7FFFFF), st.integers(1, 20))
def test_floats_as_programs_write_them(bits: int, digits: int) -> None:
    value = np.array([bits], np.uint32).view(np.float32)[0]
    texts = [
        str(value),
        repr(float(value)),
        f"{value:.{digits}g}",
        f"{value:.{digits}e}",
        f"{value:.{digits}f}",
    ]
    (row,) = both(" ".join(texts).encode())
    assert [number.tobytes() for number in row.numbers] == [expected(text) for text in texts]


@usual
@given(st.text("0123456789.-+eE_,naif x\n\r\t\v\f", max_size=120), st.integers(1, 30))
def test_both_readers_agree_about_anything(text: str, length: int) -> None:
    content = text.encode()
    rows = both(content, length)
    lines = content.split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    assert [len(row.numbers) for row in rows] == [len(line.split()) for line in lines]


@pytest.mark.parametrize(
    "text",
    [
        "7_5",
        "0x10",
        "1e",
        "1e+",
        ".",
        "-",
        "+-1",
        "1.2.3",
        "0.5-0.3",
        "1,5",
        "1e5.",
        "١",
        "1d5",
        "infx",
        "--1",
    ],
)
def test_what_is_no_decimal(text: str) -> None:
    (row,) = both(f"1 2 {text} 4 {text}".encode())
    assert row.spoilt is not None
    assert (row.spoilt.number, row.spoilt.text.decode(), row.has_more) == (3, text, True)
    assert row.numbers.tolist() == [1, 2, 1, 4, 1]


@pytest.mark.parametrize("text", ["nan", "NaN", "-inf", "Infinity", "1e39", "-3.5e38", "1e400", "9" * 60])
def test_what_is_no_finite_float32(text: str) -> None:
    (row,) = both(f"1 {text} 3e38 {text}".encode())
    assert row.spoilt is None
    assert row.boundless is not None
    assert (row.boundless.number, row.boundless.text.decode()) == (2, text)
    assert np.isfinite(row.numbers).tolist() == [True, False, True, False]


def test_rows_end_where_lines_do() -> None:
    text = b"1 2\r\n\r\r\n 3\t4 \n5\v6\f7\r\r\n\n8"
    for length in (1, 2, 3, 100):
        assert [row.numbers.tolist() for row in both(text, length)] == [
            [1, 2],
            [],
            [3, 4],
            [5, 6, 7],
            [],
            [8],
        ]
        assert [row.numbers.tolist() for row in both(text[:-1] + b" ", length)][-1] == []


def test_a_row_of_many_bad_numbers_keeps_its_length() -> None:
    text = b"0,5 " * (3 * MOST_JUDGED) + b"\n1 2"
    one, other = both(text, 1000)
    assert (len(one.numbers), other.numbers.tolist()) == (3 * MOST_JUDGED, [1, 2])


def test_real_networks_read_as_numpy_reads_them(shared: Path) -> None:
    for name in ("lz-5x64-46-c83e1b6e.gz", "lz-0k-crlf.txt.gz", "othello-8x8-8b64f-200gen.txt.gz"):
        content = gzip.decompress((shared / "networks" / name).read_bytes()).partition(b"\n")[2]
        for row, line in zip(both(content), content.splitlines(), strict=True):
            assert row.numbers.tobytes() == np.fromstring(line, np.float32, sep=" ").tobytes()
