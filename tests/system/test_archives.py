"""Files, archives and compressions, whole and broken: what can be read is read, and the rest is named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from functools import cache
from pathlib import Path
from random import Random

import pytest

from lzeval.errors import UserError
from lzeval.system import archives as core_sources
from lzeval.system.archives import Source, read_bytes, read_sources
from tests.support.make_games import random_game, sgf_text
from trainer.data.pack import pack
from trainer.data.sources import record_files

TEXT = sgf_text(9, random_game(9, 60, Random(1)).moves).encode()


@pytest.fixture(scope="module")
def many() -> bytes:
    return b"".join(sgf_text(9, random_game(9, 60, Random(seed)).moves).encode() for seed in range(200))


def sources(*files: Path) -> list[Source]:
    return list(read_sources(files))


def written(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def twice_compressed(content: bytes) -> bytes:
    return gzip.compress(lzma.compress(content))


def zipped(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(mode: str, *members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            facts = tarfile.TarInfo(name)
            facts.size = len(content)
            archive.addfile(facts, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "compressed",
    [TEXT, gzip.compress(TEXT), lzma.compress(TEXT), bz2.compress(TEXT), gzip.compress(lzma.compress(TEXT))],
)
def test_compressions(tmp_path: Path, compressed: bytes) -> None:
    file = written(tmp_path, "games", compressed)
    assert sources(file) == [Source(str(file), TEXT)]
    assert read_bytes(file) == TEXT


def test_compressed_bytes_that_look_like_a_record(tmp_path: Path) -> None:
    content = Random(1).randbytes(400_000)
    compressed = bz2.compress(content)
    assert b"(;" in compressed
    assert sources(written(tmp_path, "games", compressed)) == [Source(str(tmp_path / "games"), content)]


def test_text_that_begins_like_bzip2(tmp_path: Path) -> None:
    text = b"BZh9 is how some files begin " + TEXT
    assert sources(written(tmp_path, "games", text)) == [Source(str(tmp_path / "games"), text)]


def test_an_empty_bzip2_file(tmp_path: Path) -> None:
    assert sources(written(tmp_path, "games", bz2.compress(b""))) == [Source(str(tmp_path / "games"), b"")]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_tar_archives(tmp_path: Path, mode: str) -> None:
    file = written(tmp_path, "a.tar", tarred(mode, ("x/1.sgf", TEXT), ("2.sgf.gz", gzip.compress(TEXT))))
    assert sources(file) == [Source(f"{file}:x/1.sgf", TEXT), Source(f"{file}:2.sgf.gz", TEXT)]


def test_zip_archives_and_archives_in_them(tmp_path: Path) -> None:
    inner = zipped(("3.sgf", TEXT))
    file = written(tmp_path, "a.zip", zipped(("1.sgf", TEXT), ("b.zip", inner)))
    assert [source.name for source in sources(file)] == [f"{file}:1.sgf", f"{file}:b.zip:3.sgf"]
    with pytest.raises(UserError, match="an archive of several files"):
        read_bytes(file)


def test_archives_inside_each_other_come_to_an_end(tmp_path: Path) -> None:
    content = TEXT
    for _ in range(9):
        content = zipped(("deeper.zip", content))
    (found,) = sources(written(tmp_path, "a.zip", content))
    assert found.problem == "too many archives inside each other"


@pytest.mark.parametrize(
    ("kind", "compress"), [("gzip", gzip.compress), ("xz", lzma.compress), ("bzip2", bz2.compress)]
)
def test_what_a_truncated_file_still_has_is_taken(
    tmp_path: Path, kind: str, compress: object, many: bytes
) -> None:
    whole = compress(many)  # type: ignore[operator]
    (found,) = sources(written(tmp_path, "games", whole[: len(whole) * 2 // 3]))
    assert found.problem == f"truncated {kind}"
    assert many.startswith(found.content)
    if kind != "bzip2":  # which comes in blocks larger than these games
        assert len(found.content) > len(many) // 4


def test_damage_in_the_middle_is_named(tmp_path: Path, many: bytes) -> None:
    whole = bytearray(gzip.compress(many))
    whole[-6] ^= 0xFF  # of the checksum
    (found,) = sources(written(tmp_path, "games", bytes(whole)))
    assert (found.problem, found.content) == ("damaged gzip", many)
    with pytest.raises(UserError, match="damaged gzip"):
        read_bytes(tmp_path / "games")


def test_a_bad_member_costs_itself(tmp_path: Path) -> None:
    members = ("1.sgf", TEXT), ("2.sgf.gz", gzip.compress(TEXT)[:40]), ("3.sgf", TEXT)
    for content in (zipped(*members), tarred("w", *members)):
        found = sources(written(tmp_path, "a", content))
        assert [(source.name[-5:], source.problem) for source in found] == [
            ("1.sgf", ""),
            ("gf.gz", "truncated gzip"),
            ("3.sgf", ""),
        ]


def test_a_tar_that_is_cut_short_keeps_its_first_members(tmp_path: Path, many: bytes) -> None:
    content = tarred("w", ("1.sgf", TEXT), ("2.sgf", many))
    found = sources(written(tmp_path, "a.tar", content[: len(content) // 2]))
    assert found[0].content == TEXT
    assert found[-1].problem == "truncated tar"


def test_a_zip_that_is_none(tmp_path: Path) -> None:
    (found,) = sources(written(tmp_path, "a.zip", b"PK\x03\x04 and no more"))
    assert found.problem == "damaged zip"


def test_one_bad_file_never_costs_the_run(tmp_path: Path) -> None:
    written(tmp_path, "1.sgf", TEXT)
    written(tmp_path, "2.sgf.xz", lzma.compress(TEXT)[:50])
    written(tmp_path, "3.zip", b"PK\x03\x04")
    written(tmp_path, "4.sgf", TEXT)
    report = pack([tmp_path], tmp_path / "packed", 9)
    assert report.games == 2
    assert report.skipped["truncated xz"] == report.skipped["damaged zip"] == 1
    assert report.examples["damaged zip"] == str(tmp_path / "3.zip")


def test_folders_hold_what_looks_like_records(tmp_path: Path) -> None:
    for name in ("b.sgf", "a.SGF", "c.zip", "notes.txt", "d.0.gz"):
        written(tmp_path, name, TEXT)
    assert [file.name for file in record_files([tmp_path])] == ["a.SGF", "b.sgf", "c.zip", "d.0.gz"]
    assert [file.name for file in record_files([tmp_path / "notes.txt"])] == ["notes.txt"]


def zeros(megabytes: int) -> bytes:
    return bytes(megabytes << 20)


@cache
def bombs() -> dict[str, bytes]:
    """Files that unpack to 4 MB or more of zeros from a few thousand bytes."""
    return {
        "gzip": gzip.compress(zeros(4)),
        "xz": lzma.compress(zeros(4)),
        "bzip2": bz2.compress(zeros(4)),
        "gzip in gzip": gzip.compress(gzip.compress(zeros(4))),
        "zip": zip_deflated([zeros(4)]),
        "many members": zip_deflated([zeros(1)] * 4),
        "zip in zip": zip_deflated([zip_deflated([zeros(1)] * 4)]),
        "tar": gzip.compress(tarred("w", ("1.sgf", zeros(2)), ("2.sgf", zeros(2)))),
    }


def zip_deflated(members: list[bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(members):
            archive.writestr(f"{number}.sgf", content)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", list(bombs()))
def test_bombs_are_not_unpacked(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_sources, "ALWAYS_UNPACKED", 3 << 20)
    monkeypatch.setattr(core_sources, "BLOCK", 1 << 16)
    file = written(tmp_path, "bomb", bombs()[kind])
    found = sources(file)
    assert sum(len(source.content) for source in found) <= 3 << 20
    assert found[-1].problem.startswith("unpacks to more than 3 MB, far too much for its size")
    with pytest.raises(UserError):
        read_bytes(file)


def test_a_bomb_costs_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: bytes) -> None:
    monkeypatch.setattr(core_sources, "ALWAYS_UNPACKED", 1 << 20)
    bomb, good = written(tmp_path, "a", bombs()["gzip"]), written(tmp_path, "b", gzip.compress(many))
    assert [source.content for source in sources(bomb, good)] == [b"", many]


def test_well_packed_text_is_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: bytes) -> None:
    monkeypatch.setattr(core_sources, "ALWAYS_UNPACKED", 0)
    assert sources(written(tmp_path, "a", lzma.compress(many)))[0].content == many
