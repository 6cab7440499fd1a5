"""Weights files that are broken as people's files are: cut, saved by other programs, packed, or of another kind."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lzeval.network.weights_file import weights as weights_module
from lzeval.network.weights_file.layout import NetworkShape, tensor_layout
from lzeval.network.weights_file.weights import check_weights, read_weights
from tests.support.fakes.weights_files import as_lines, tiny_weights, with_number, write_lines
from tests.support.weights import assert_same, quick

SOON_S = 2.0


def lengths_as_lines(shape: NetworkShape) -> list[str]:
    return ["1", *(" ".join(["0.5"] * spec.length) for spec in tensor_layout(shape))]


# Cut


@pytest.mark.parametrize("filters", [16, 32, 48, 64])
@pytest.mark.parametrize("rows", [5, 19, 20, 21, 27, 33])
def test_a_file_that_was_cut_in_its_tower_is_told_so(tmp_path: Path, filters: int, rows: int) -> None:
    """9 C^2 numbers of a convolution may be 256 S^2 of a value layer: 64 filters, 12x12."""
    shape = NetworkShape(4, filters)
    path = write_lines(tmp_path / "net.txt", lengths_as_lines(shape)[: rows + 1])
    spec = tensor_layout(shape)[rows]
    (problem,) = check_weights(path)
    assert problem.line == rows + 2
    assert problem.message.startswith(
        f"the file was cut short: it ends after {rows} rows; a network of this width"
    )
    assert f"goes on with {spec.name}, {spec.length} numbers" in problem.message


@pytest.mark.parametrize("rows", [40, 41, 44, 45, 46, 48])
def test_a_file_that_was_cut_in_its_heads_is_told_so(tmp_path: Path, rows: int) -> None:
    shape = NetworkShape(4, 8)
    path = write_lines(tmp_path / "net.txt", lengths_as_lines(shape)[: rows + 1])
    (problem,) = check_weights(path)
    assert f"goes on with {tensor_layout(shape)[rows].name}, " in problem.message


def test_a_variance_of_which_a_digit_is_left_is_cut_short_and_no_more(tmp_path: Path) -> None:
    """With one filter, `0` of `0.5` is a whole row."""
    text = "\n".join(lengths_as_lines(NetworkShape(1, 1, 5))[:9])
    (tmp_path / "net.txt").write_text(text.removesuffix(".5"))
    (problem,) = check_weights(tmp_path / "net.txt", 5)
    assert "was cut short" in problem.message


@quick
@given(blocks=st.integers(1, 4), filters=st.integers(1, 24), data=st.data())
def test_a_text_that_was_cut_anywhere_in_its_tower_is_cut_short(
    tmp_path: Path, blocks: int, filters: int, data: st.DataObject
) -> None:
    lines = lengths_as_lines(NetworkShape(blocks, filters, 5))
    first = len("\n".join(lines[:6]))
    last = len("\n".join(lines[:-14])) - 4
    text = "\n".join(lines)[: data.draw(st.integers(first, last))]
    last_row = text.rpartition("\n")[2].split()
    assume(
        filters == 1 or len(last_row) != filters
    )  # so many numbers of a convolution may be a row of biases
    (tmp_path / "net.txt").write_text(text)
    (problem,) = check_weights(tmp_path / "net.txt", 5)
    assert problem.message.startswith("the file was cut short: it ends ")


def test_a_number_that_was_cut_is_the_cuts_fault(tmp_path: Path) -> None:
    text = "\n".join(as_lines(tiny_weights())[:14])
    for kept, end in ((40, "within block2.conv1.weight, after 41 of its 81 numbers"), (80, "after 13 rows")):
        numbers = text.splitlines()[-1].split()[:kept]
        (tmp_path / "net.txt").write_text(text[: text.rindex("\n") + 1] + " ".join([*numbers, "-"]))
        (problem,) = check_weights(tmp_path / "net.txt", 5)
        assert problem.message.startswith(f"the file was cut short: it ends {end}")


# Characters


ODD: dict[str, tuple[Callable[[str], str], str]] = {
    "decimal comma": (lambda text: text.replace(".", ","), "with a decimal comma: write '0.5'"),
    "no-break space": (lambda text: text.replace(" ", "\u00a0"), "U+00A0 (NO-BREAK SPACE) is no space"),
    "narrow space": (lambda text: text.replace(" ", "\u202f", 1), "U+202F (NARROW NO-BREAK SPACE) is no space"),
    "zero-width space": (lambda text: text.replace(" ", " \u200b", 1), "U+200B (ZERO WIDTH SPACE) is no space"),
    "minus": (lambda text: text.replace("0.5", "\u22120.5", 1), "U+2212 (MINUS SIGN) is no minus"),
    "full width": (lambda text: text.replace("0.5", "\uff10.5", 1), "U+FF10 (FULLWIDTH DIGIT ZERO) belongs to no"),
    "commas between": (lambda text: text.replace(" ", ","), "spaces are to separate numbers, not ','"),
    "semicolons": (lambda text: text.replace(" ", ";"), "spaces are to separate numbers, not ';'"),
    "commas and spaces": (lambda text: text.replace(" ", ", "), "number 1 is '0.5,': spaces are to separate"),
    "grouped": (lambda text: text.replace("0.5", "7_5", 1), "number 1 is '7_5': digits are not grouped"),
    "hexadecimal": (lambda text: text.replace("0.5", "0x1p3", 1), "number 1 is '0x1p3'"),
    "too large": (lambda text: text.replace("0.5", "1e39", 1), "is inf, not a finite float32: the file has '1e39'"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), ODD.values(), ids=ODD.keys())
def test_odd_characters_are_named(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    lines = lengths_as_lines(NetworkShape(1, 3, 5))
    lines[3] = change(lines[3])
    problem = check_weights(write_lines(tmp_path / "net.txt", lines), 5)[0]
    assert problem.line == 4
    assert message in problem.message


def test_a_space_of_windows_is_named(tmp_path: Path) -> None:
    text = "\n".join(lengths_as_lines(NetworkShape(1, 3, 5)))
    (tmp_path / "net.txt").write_bytes(text.replace(" ", "\u00a0").encode("latin-1"))
    problem = check_weights(tmp_path / "net.txt", 5)[0]
    assert "byte 0xa0 is no space, but a no-break space" in problem.message


FIRST_LINES: dict[str, tuple[Callable[[str], bytes], str]] = {
    "byte order mark": (
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        "starts with a byte order mark (BOM) before '1'",
    ),
    "UTF-16": (
        lambda text: text.encode("utf-16"),
        "text in UTF-16, as PowerShell writes it: save it as UTF-8",
    ),
    "empty line": (lambda text: b"\n" + text.encode(), "its first line is empty"),
    "CR": (lambda text: text.replace("\n", "\r").encode(), "its lines end in CR alone"),
    "empty lines": (
        lambda text: text.replace("\n", "\n\n").encode(),
        "an empty line: remove it, and all others",
    ),
    "one line": (
        lambda text: text.replace("\n", " ").encode(),
        "hold the version alone, and further numbers follow",
    ),
    "no version": (lambda text: text[2:].encode(), "put it, 1 as a rule, on a line of its own before"),
    "odd space": (lambda text: text.replace("\n", "\u00a0\n", 1).encode(), "U+00A0 (NO-BREAK SPACE)"),
    "version 3": (lambda text: b"3" + text[1:].encode(), "version '3' of the format is unknown"),
}


@pytest.mark.parametrize(("change", "message"), FIRST_LINES.values(), ids=FIRST_LINES.keys())
def test_first_lines_that_are_no_version(
    tmp_path: Path, change: Callable[[str], bytes], message: str
) -> None:
    (tmp_path / "net.txt").write_bytes(change("\n".join(lengths_as_lines(NetworkShape(1, 3, 5)))))
    (problem,) = check_weights(tmp_path / "net.txt", 5)
    assert message in problem.message


@pytest.mark.parametrize(
    ("space", "start", "end"),
    [("\t", "", "\n"), ("  ", " ", " \n"), (" ", "\t", "\t\r\r\n"), ("\v", "", "\f\n"), (" \r", "", "\r\n")],
)
def test_white_space_that_leelaz_skips_does_no_harm(tmp_path: Path, space: str, start: str, end: str) -> None:
    expected = tiny_weights()
    lines = [start + line.replace(" ", space) for line in as_lines(expected)]
    assert_same(read_weights(write_lines(tmp_path / "net.txt", lines, end)), expected)


# Other files


def zipped(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, "1\n0.5 0.5\n")
    return content.getvalue()


def tarred() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("net.txt"), io.BytesIO())
    return content.getvalue()


FOREIGN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "an empty file"),
    "empty gzip": (gzip.compress(b""), "an empty file"),
    "zip": (zipped("net.txt"), "a zip archive: unpack it, and give the weights file that is in it"),
    "empty zip": (b"PK\x05\x06" + bytes(18), "an empty zip archive"),
    "half a checkpoint": (
        zipped("latest/data.pkl")[:60],
        "a checkpoint: `lzeval export` makes weights of it if",
    ),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7z archive: unpack it"),
    "rar": (b"Rar!\x1a\x07\x01\x00", "a rar archive: unpack it"),
    "xz": (b"\xfd7zXZ\x00\x00\x04", "an xz archive: unpack it"),
    "tar": (tarred(), "a tar archive: unpack it"),
    "tar.gz": (gzip.compress(tarred()), "a tar archive: unpack it"),
    "gzip twice": (gzip.compress(gzip.compress(b"1\n")), "a gzip file in a gzip file: unpack it"),
    "KataGo": (
        gzip.compress(b"g170-b6c96\n8\n22\n2\nconv1\n3 3 22 96 1 1\n@BIN@\x00\x01"),
        "a KataGo network",
    ),
    "Lc0": (gzip.compress(b"\x0d\xc0\x01\x00\x00\x12\x05"), "an Lc0 network"),
    "web page": (
        b"\n<!DOCTYPE html>\n<html>Not found</html>\n",
        "it starts with '<!DOCTYPE html>'; download",
    ),
    "game record": (b"(;GM[1]FF[4]SZ[19];B[pd];W[dd])\n", "a game record (SGF)"),
    "old torch": (b"\x80\x02\x8a\x0a", "a pickle, as torch used to save"),
    "Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        "a pointer of Git LFS",
    ),
    "binary": (b"1\n0.5 \x00 0.5\n", "binary data"),
}


@pytest.mark.parametrize(("content", "message"), FOREIGN.values(), ids=FOREIGN.keys())
def test_other_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "net.txt.gz").write_bytes(content)
    (problem,) = check_weights(tmp_path / "net.txt.gz")
    assert problem.message.startswith("not a Leela Zero weights file, but ")
    assert message in problem.message


@pytest.mark.parametrize("kept", [3, 9, 11, 40])
def test_a_gzip_file_that_was_cut_is_told_so(tmp_path: Path, kept: int) -> None:
    (tmp_path / "net.gz").write_bytes(gzip.compress(b"1\n0.5 0.25 0.125 0.75 0.875 3.5\n" * 9)[:kept])
    (problem,) = check_weights(tmp_path / "net.gz")
    assert problem.message == "the gzip file is cut short; copy or download it again"


def test_a_gzip_file_may_have_parts_and_padding(tmp_path: Path) -> None:
    expected = tiny_weights()
    text = write_lines(tmp_path / "net.txt", as_lines(expected)).read_bytes()
    packed = gzip.compress(text[:1000]) + gzip.compress(b"") + gzip.compress(text[1000:]) + bytes(100)
    (tmp_path / "net.gz").write_bytes(packed)
    assert_same(read_weights(tmp_path / "net.gz"), expected)
    (tmp_path / "net.gz").write_bytes(packed + b"\0 not gzip")
    (problem,) = check_weights(tmp_path / "net.gz")
    assert problem.message.startswith("the gzip file is damaged")


# Soon


LARGE: dict[str, list[str]] = {
    "commas": [line.replace(".", ",") for line in lengths_as_lines(NetworkShape(0, 4))],
    "words": ["1", " ".join(["x"] * 260_000)],
    "a row a number": ["1", *["0.5"] * 260_000],
    "empty lines": ["1", *[""] * 260_000],
    "rows shuffled": ["1", *lengths_as_lines(NetworkShape(40, 3, 5))[:0:-1]],
    "every second row spoilt": [
        line if number % 2 else line + " 1" for number, line in enumerate(lengths_as_lines(NetworkShape(40, 3)), 1)
    ],
    "a digit too many": ["1", "0." + "0" * 3_000_000],
}  # fmt: skip


@pytest.mark.parametrize("lines", LARGE.values(), ids=LARGE.keys())
@pytest.mark.parametrize("compiled", [False, True])
def test_broken_files_are_named_soon(
    tmp_path: Path, lines: list[str], compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiled:
        monkeypatch.setattr(weights_module, "_LARGE_FILE", 0)
        check_weights(write_lines(tmp_path / "small.txt", ["1", "0.5"]))  # compiles
    path = write_lines(tmp_path / "net.txt", lines)
    begun = time.process_time()
    assert check_weights(path)
    assert time.process_time() - begun < SOON_S


@pytest.mark.parametrize("number", [1, 260_642])
def test_the_compiled_reader_serves_as_the_plain_one(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = NetworkShape(1, 3)
    expected = tiny_weights(shape=shape)
    sound = write_lines(tmp_path / "net.txt", as_lines(expected))
    broken = write_lines(tmp_path / "broken.txt", with_number(18, number, "0,5")(as_lines(expected)))
    plainly = check_weights(broken)
    monkeypatch.setattr(weights_module, "_LARGE_FILE", 0)
    assert_same(read_weights(sound), expected)
    assert check_weights(broken) == plainly
    assert (
        plainly[0].message == f"policy.fc.weight: number {number} is '0,5', with a decimal comma: write '0.5'"
    )
