"""A network that plays in a pool while it is trained: what is logged, and that training does not notice."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lzeval.errors import UserError
from tests.support.paths import ROOT
from tests.support.tiny_runs import (
    BATCH,
    STEPS,
    assert_same_training,
    logged,
    resume,
    settings,
    state,
)
from trainer.settings.bounds import check
from trainer.settings.compose import compose
from trainer.settings.config import PoolConfig, TrainConfig
from trainer.training import pool_callback
from trainer.training.pool_callback import PoolRatings
from trainer.training.run import train

EVERY = 8 * BATCH
SCRIPT = """
import json, pathlib, sys
arguments = sys.argv[1:]
with open("told.txt", "a") as file:
    file.write(json.dumps(arguments) + "\\n")
if arguments[0] == "pool":
    pathlib.Path(arguments[2]).write_text("")
elif WORKS:
    elo = None if "none" in arguments[1] else 12.5
    found = {"elo": elo, "low": -100.0, "high": 120.0, "sentence": "a sentence"}
    print(json.dumps({"gauntlet": found}))
else:
    print("lzeval: the disk is full", file=sys.stderr)
    sys.exit(2)
"""


@pytest.fixture(scope="module")
def plain(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a pool."""
    run = tmp_path_factory.mktemp("plain")
    train(settings(records, run))
    return run


def with_pool(records: Path, folder: Path, steps: int = STEPS) -> TrainConfig:
    pool = PoolConfig(str(folder / "nets.pool"), every=EVERY, games=2, visits=2, threads=1, device="cpu")
    return settings(records, folder / "run", steps, pool=pool)


def pretend(monkeypatch: pytest.MonkeyPatch, folder: Path, *, works: bool = True) -> None:
    """Let a script take the place of `lzeval`."""
    script = folder / "lzeval.py"
    script.write_text(f"WORKS = {works}\n{SCRIPT}")
    command = PoolRatings._command

    def pretended(self: PoolRatings, weights: Path) -> list[str]:
        words = command(self, weights)
        assert words[words.index("-m") - 1 : words.index("-m") + 2] == [sys.executable, "-m", "lzeval"]
        return [sys.executable, str(script), *words[words.index("lzeval") + 1 :]]

    monkeypatch.setattr(PoolRatings, "_command", pretended)
    monkeypatch.chdir(folder)


def told(folder: Path) -> list[list[str]]:
    """The commands that were run, without `lzeval`."""
    return [json.loads(line) for line in (folder / "told.txt").read_text().splitlines()]


def test_training_is_what_it_is_without_a_pool(
    records: Path, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, tmp_path)
    train(with_pool(records, tmp_path))
    run = tmp_path / "run"
    assert logged(run, "train/policy_loss") == logged(plain, "train/policy_loss")
    assert_same_training(state(run / "latest.ckpt"), state(plain / "latest.ckpt"))
    first, second = told(tmp_path)
    assert first[:2] == ["pool", "add"]
    assert first[-2:] == ["--openings", "none"]
    assert second[0] == "gauntlet"
    assert second[second.index("--name") + 1] == f"run-{2 * EVERY}"
    assert second[second.index("--positions") + 1] == str(2 * EVERY)
    assert second[second.index("--visits") + 1] == "2"
    assert logged(run, "pool/elo") == [12.5]
    assert logged(run, "pool/low") == [-100.0]
    assert logged(run, "pool/positions") == [2 * EVERY]
    assert [file.name for file in sorted((run / "pool").iterdir())] == [
        f"tiny-{EVERY}.json",
        f"tiny-{2 * EVERY}.json",
    ]


def test_an_interrupted_run_with_a_pool_ends_alike(
    records: Path, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, tmp_path)
    train(with_pool(records, tmp_path, STEPS // 2))
    resume(tmp_path / "run", f"max_positions={STEPS * BATCH}")
    assert logged(tmp_path / "run", "train/policy_loss") == logged(plain, "train/policy_loss")
    assert_same_training(state(tmp_path / "run" / "latest.ckpt"), state(plain / "latest.ckpt"))
    assert [command[0] for command in told(tmp_path)] == ["pool", "gauntlet"]


def test_what_fails_is_a_warning_and_is_tried_again(
    records: Path,
    plain: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "nets.pool").write_text("")
    with monkeypatch.context() as patch:
        pretend(patch, tmp_path, works=False)
        train(with_pool(records, tmp_path))
    warning = f"warning: tiny-{EVERY}.txt.gz has no rating from"
    text = " ".join(capsys.readouterr().err.split())
    assert warning in text
    assert "the disk is full" in text
    assert logged(tmp_path / "run", "train/policy_loss") == logged(plain, "train/policy_loss")
    with monkeypatch.context() as patch:
        pretend(patch, tmp_path)
        resume(tmp_path / "run")  # over already, but for the pool
    assert logged(tmp_path / "run", "pool/positions") == [EVERY, 2 * EVERY]


def test_a_program_that_cannot_start_is_a_warning(
    records: Path, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PoolRatings, "_command", lambda *_: [str(tmp_path / "absent")])
    train(with_pool(records, tmp_path))
    assert_same_training(state(tmp_path / "run" / "latest.ckpt"), state(plain / "latest.ckpt"))


def test_ctrl_c_ends_the_playing(records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        PoolRatings, "_command", lambda *_: [sys.executable, "-c", "import time; time.sleep(600)"]
    )

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        pool_callback, "time", SimpleNamespace(sleep=interrupt)
    )  # waiting, after the last step
    with pytest.raises(KeyboardInterrupt):
        train(with_pool(records, tmp_path))
    assert state(tmp_path / "run" / "latest.ckpt")["lzeval"]["positions"] == STEPS * BATCH
    assert sorted(file.suffix for file in (tmp_path / "run" / "pool").iterdir()) == [".gz", ".gz", ".log"]


def test_it_really_plays(records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    train(with_pool(records, tmp_path))
    from tournaments.pool.store import RatingPool

    with RatingPool.open(tmp_path / "nets.pool") as pool:
        assert [network.positions for network in pool.networks()] == [EVERY, 2 * EVERY]
        assert pool.count() == 2
        assert pool.settings.visits == 2
    found = json.loads((tmp_path / "run" / "pool" / f"tiny-{2 * EVERY}.json").read_text())
    assert found["network"] == f"run-{2 * EVERY}"
    assert found["games"] == 2


def test_settings(tmp_path: Path) -> None:
    given = ["data.train=x.sgf", "max_positions=10", "pool.file=a b.pool", "pool.every=100", "pool.games=4"]
    pool = compose(given).pool
    assert (pool.file, pool.every, pool.games, pool.visits) == ("a b.pool", 100, 4, None)
    assert compose(given[:2]).pool.file is None
    for change, complaint in (
        ("pool.games=3", "pool.games=3: must be an even number"),
        ("pool.every=0", "pool.every=0: must be at least 1"),
        ("pool.device=tpu", "pool.device=tpu: choose one of"),
    ):
        with pytest.raises(UserError, match=complaint):
            compose([*given, change])
    check(compose(given))
