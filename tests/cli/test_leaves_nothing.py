"""Commands that write, given what they cannot read: one line, status 2, and nothing more on the disk than before."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lzeval.cli.main import application
from lzeval.errors import LzevalError
from lzeval.system.bundled import bundled_networks

GAME = "(;GM[1]SZ[19]KM[6.5]RE[B+R];B[pd];W[dd];B[pp];W[dp];B[jj];W[cf];B[qf])"
FILES = {
    "empty": b"",
    "garbage": bytes(range(256)),
    "cut.txt.gz": gzip.compress(b"1\n0.5 0.5\n"),
    "empty.sgf": b"",
    "text.sgf": b"no record",
    "game.sgf": GAME.encode(),
    "no-winner.sgf": GAME.replace("RE[B+R]", "").encode(),
    "bad.ctl": b"players = {",
    "nobody.ctl": b"competition_type = 'playoff'\nplayers = {}\nmatchups = []\n",
}
NETWORKS = ("absent.txt.gz", "empty", "garbage", "cut.txt.gz", "folder")
RECORDS = ("absent.sgf", "empty.sgf", "text.sgf", "folder", "garbage")

COMMAND_LINES = [
    *(f"pool add new.pool {net}" for net in NETWORKS),
    *(f"pool add new.pool small {net}" for net in NETWORKS),
    "pool add new.pool small small",
    "pool add new.pool small --size 9",
    "pool add new.pool small --openings absent",
    "pool add new.pool small --name a/b",
    "pool create new.pool --openings absent",
    "pool create new.pool --visits -3",
    *(f"gauntlet {net} --against small" for net in NETWORKS),
    *(f"gauntlet small --against {net}" for net in NETWORKS),
    *(f"gauntlet {net} --against small --pool new.pool" for net in NETWORKS),
    "gauntlet big --against small --without nobody --pool new.pool",
    "gauntlet big --against small --size 9 --pool new.pool",
    *(f"match {net} small --out new" for net in NETWORKS),
    *(f"match small {net} --games 2 --visits 1" for net in NETWORKS),
    "match small big --out new --openings absent",
    "match small big --out new --games -2",
    "match small cmd:absent-program --out new --games 2",
    *(f"tournament run {ctl}" for ctl in ("absent.ctl", "bad.ctl", "nobody.ctl", "folder")),
    *(f"data pack {records} --out deep/new" for records in RECORDS),
    *(f"data pack {records} --out new --holdout 50%" for records in RECORDS),
    *(f"data chunks {records} --out deep/new" for records in (*RECORDS, "no-winner.sgf")),
    "data chunks game.sgf --out deep/new --version v3",
    *(f"export {net} new.txt.gz" for net in NETWORKS),
    "export small big new.txt.gz",
    *(f"weights convert {net} new.txt.gz" for net in NETWORKS),
    *(f"weights average {net} small new.txt.gz" for net in NETWORKS),
    *(f"weights quantize {net} new.txt.gz --digits 3" for net in NETWORKS),
    *(f"weights symmetrize {net} new.txt.gz" for net in NETWORKS),
    *(
        f"review {game} --out new.sgf --net small --plot new.png"
        for game in ("absent.sgf", "empty.sgf", "text.sgf")
    ),
    "review game.sgf --out new.sgf --net absent.txt.gz",
    *(f"rate {records} --plot new.png --report new.html" for records in ("absent", "text.sgf", "folder")),
    *(f"eval {net} game.sgf --plot new.png" for net in NETWORKS),
    "eval small absent.sgf --plot new.png",
    *(f"train data.train={records} max_positions=8 run=deep/new" for records in RECORDS),
    *(f"train data.train=game.sgf max_positions=8 init={net} run=deep/new" for net in NETWORKS),
    "train data.train=game.sgf max_positions=8 pool.file=absent/new.pool run=new",
    "train --multirun data.train=absent.sgf max_positions=8 seed=1,2 run=new",
    "train --multirun data.train=game.sgf max_positions=8 init=small network=small,nothing run=new",
    "train --multirun data.train=game.sgf max_positions=8 init=big network=big,small run=new",
    "train --resume absent max_positions=8",
    "runs show absent --plot new.html",
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def files(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "folder").mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    monkeypatch.setenv("LZEVAL_CACHE_DIR", str(cache))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_what_cannot_be_done_leaves_nothing(line: str, files: Path) -> None:
    before = sorted(files.rglob("*"))
    arguments = line.split(" ")
    outcome = CliRunner().invoke(application(arguments[0]), arguments)
    assert isinstance(outcome.exception, (LzevalError, SystemExit)), outcome.exception
    assert outcome.exit_code in (1, 2)
    assert "\n" not in str(outcome.exception)
    assert sorted(files.rglob("*")) == before


def test_the_bundled_networks_are_meant() -> None:
    assert {"small", "big"} <= set(bundled_networks())
