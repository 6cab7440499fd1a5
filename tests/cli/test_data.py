"""`lzeval data` as it is typed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner, Result

from lzeval.cli.main import application
from lzeval.errors import UserError
from tests.support.make_games import random_game, sgf_text
from trainer.data.chunks.text import read_v1
from trainer.data.packed import HOLDOUT, TRAIN, open_packed


def records(folder: Path, count: int = 30, result: str = "B+R") -> Path:
    texts = [sgf_text(9, random_game(9, 40, Random(seed), passes=0).moves, result) for seed in range(count)]
    (folder / "games.sgf").write_text("".join(texts), encoding="utf-8")
    return folder / "games.sgf"


def lzeval(*arguments: str | Path) -> Result:
    return CliRunner().invoke(application(), ["data", *map(str, arguments), "--size", "9"])


def mistake(*arguments: str | Path) -> str:
    error = lzeval(*arguments).exception
    assert isinstance(error, UserError)
    assert "\n" not in str(error)
    return str(error)


def test_pack_with_filters_and_a_holdout(tmp_path: Path) -> None:
    out = tmp_path / "packed"
    outcome = lzeval(
        "pack", records(tmp_path), "--out", out, "--holdout", "30%", "--from-move", "11", "--to-move", "20"
    )
    assert outcome.exit_code == 0
    parts = [open_packed(out / part) for part in (TRAIN, HOLDOUT)]
    assert sum(len(part) for part in parts) == 300
    assert 3 <= len(parts[1].games) <= 15


def test_check_as_a_table_and_as_json(tmp_path: Path) -> None:
    file = records(tmp_path)
    with file.open("a", encoding="utf-8") as stream:
        stream.write("(;SZ[9];B[aa];W[aa])")
    shown = lzeval("check", file)
    assert shown.exit_code == 0
    assert "30 games, 1,200 positions; 0 games met before" in shown.stdout
    assert "an illegal move" in shown.stdout
    found = json.loads(lzeval("check", file, "--json").stdout)
    assert (found["games"], found["skipped"]) == (30, {"an illegal move": 1})
    assert found["files"][str(file)]["positions"] == 1200


def test_check_fails_where_nothing_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "games.sgf").write_text("no game", encoding="utf-8")
    outcome = lzeval("check", tmp_path / "games.sgf")
    assert outcome.exit_code == 2
    assert "no game record in the file" in outcome.stdout


@pytest.mark.parametrize("packed", [True, False])
def test_chunks_are_written_in_files_and_read_again(tmp_path: Path, packed: bool) -> None:
    source = records(tmp_path)
    if packed:
        lzeval("pack", source, "--out", tmp_path / "packed")
        source = tmp_path / "packed"
    outcome = lzeval("chunks", source, "--out", tmp_path / "new" / "train", "--positions", "500")
    assert "wrote 1,200 positions to 3 files" in outcome.stdout
    files = [tmp_path / "new" / f"train.{number}.gz" for number in range(3)]
    counts = [len(read_v1(gzip.decompress(file.read_bytes()), 9)[0].winner) for file in files]
    assert counts == [500, 500, 200]
    lzeval("pack", *files, "--out", tmp_path / "again")
    lzeval("pack", records(tmp_path), "--out", tmp_path / "direct")
    again, direct = open_packed(tmp_path / "again"), open_packed(tmp_path / "direct")
    assert len(again) == len(direct) == 1200


def test_games_without_a_winner_are_left_out_of_chunks(tmp_path: Path) -> None:
    (tmp_path / "undecided").mkdir()
    undecided = records(tmp_path / "undecided", count=2, result="0")
    outcome = lzeval("chunks", records(tmp_path), undecided, "--out", tmp_path / "train")
    assert "wrote 1,200 positions to 1 file," in outcome.stdout
    assert "left out 80 positions without a winner, 80 of them of drawn games\n" in outcome.stdout
    assert "no game has a winner" in mistake("chunks", undecided, "--out", tmp_path / "other")
    unknown = records(tmp_path / "undecided", count=1, result="?")
    outcome = lzeval("chunks", records(tmp_path), unknown, "--out", tmp_path / "more")
    assert "left out 40 positions without a winner\n" in outcome.stdout


def test_mistakes(tmp_path: Path) -> None:
    file, out = records(tmp_path), tmp_path / "out"
    assert "not a rank" in mistake("pack", file, "--out", out, "--min-rank", "strong")
    assert "write 0 or 0-4" in mistake("pack", file, "--out", out, "--handicap", "few")
    assert "write 7.5 or" in mistake("pack", file, "--out", out, "--komi", "x")
    assert "as 2%" in mistake("pack", file, "--out", out, "--holdout", "some")
    assert "below 100%" in mistake("pack", file, "--out", out, "--holdout", "100%")
    assert "comes before" in mistake("pack", file, "--out", out, "--from-move", "9", "--to-move", "5")
    assert "no such file" in mistake("check", tmp_path / "absent")
    assert "choose one of v1, v2" in mistake("chunks", file, "--out", out, "--version", "v3")
    assert "19x19 only" in mistake("chunks", file, "--out", out, "--version", "v2")
    (tmp_path / "out.0.gz").write_bytes(b"somebody's")
    assert "exists" in mistake("chunks", file, "--out", out)
    assert (tmp_path / "out.0.gz").read_bytes() == b"somebody's"
    assert not out.exists()
