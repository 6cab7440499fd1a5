"""Names out of bytes: as records say what they are in, and as they look where none says."""

from __future__ import annotations

from pathlib import Path

import pytest

from lzeval.records.input.detection import guess
from lzeval.records.input.encoding import as_utf8, codec
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games

NAMES = {
    "utf-8": "李世石 é あ",
    "latin-1": "Rémi Jürgen",
    "gb2312": "柯洁 古力",
    "gb18030": "朴廷桓 申真谞",
    "shift_jis": "井山裕太 ソ表能",
    "cp932": "一力遼 ソ",
    "big5": "周俊勳 功許",
}
"""The Japanese and the Big5 ones have letters whose second byte is a backslash."""


def record(name: str, encoding: str, declared: str = "") -> bytes:
    ca = f"CA[{declared}]" if declared else ""
    text = f"(;FF[4]GM[1]SZ[9]{ca}PB[{name}]PW[white]RE[B+R]C[{name}];B[aa];W[bb]C[{name}])"
    return text.encode(encoding)


def players(folder: Path, content: bytes) -> list[str]:
    (folder / "game.sgf").write_bytes(content)
    games = list(read_games([folder / "game.sgf"]))
    assert all(isinstance(game, GameRecord) for game in games), games
    return [game.black for game in games if isinstance(game, GameRecord)]


@pytest.mark.parametrize("encoding", NAMES)
def test_what_ca_says(encoding: str, tmp_path: Path) -> None:
    name = NAMES[encoding]
    assert players(tmp_path, record(name, encoding, encoding) * 2) == [name, name]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "李世石"),
        ("latin-1", "Rémi Jürgen"),
        ("cp1252", "Ångström – Zoë"),
        ("gb2312", "柯洁"),
        ("gbk", "柯潔，賀詞"),
        ("shift_jis", "いやま ゆうた ソ"),
        ("shift_jis", "カタカナ"),
    ],
)
@pytest.mark.parametrize("declared", ["", "no-such-encoding", "UTF-8", "hex", "utf-16"])
def test_where_ca_is_missing_or_wrong(encoding: str, name: str, declared: str, tmp_path: Path) -> None:
    assert players(tmp_path, record(name, encoding, declared)) == [name]


def test_files_with_a_mark_at_their_beginning(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        assert players(tmp_path, record("李世石 é", encoding)) == ["李世石 é"]


def test_each_game_of_a_collection_has_its_own_encoding(tmp_path: Path) -> None:
    content = (
        record("柯洁", "gb2312", "GB2312") + record("Rémi", "latin-1", "ISO-8859-1") + record("é", "utf-8")
    )
    assert players(tmp_path, content) == ["柯洁", "Rémi", "é"]


@pytest.mark.parametrize("content", [record("x", "ascii", "shift_jis"), record("李", "utf-8")])
def test_plain_files_stay_as_they_are(content: bytes) -> None:
    assert as_utf8(content) is content


def test_no_codec_that_is_no_text() -> None:
    assert (codec("hex"), codec("utf-16"), codec("rot13"), codec(" latin1 ")) == ("", "", "", "iso8859_1")
    assert guess(b"\x81") == "latin-1"
