from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from engines.evaluator.base import IN_FLIGHT
from engines.evaluator.load import EvaluatorPlan
from engines.search.searcher import Limits
from lzeval.errors import EngineError
from lzeval.network.leela import write_network
from lzeval.network.weights_file.weights import NetworkShape
from tests.support.command_line import environment, program
from tests.support.fakes.evaluators import fake_info
from tests.support.fakes.weights_files import lived_in_network
from tests.support.network_games import SETTINGS, player
from tournaments.games.network_player import NODE_BYTES
from tournaments.runner import network_backend
from tournaments.runner.network_backend import (
    GAMES_A_PLACE,
    TREES_BYTES,
    NetworkBackend,
    WorkerReport,
    WorkerTask,
)

PLAYERS = (player("a"), player("b"))


def task(device: str, *batches: int, cores: int | None = None) -> WorkerTask:
    plans = [EvaluatorPlan(fake_info(5), device, "fp32", batch, None, "net.txt") for batch in batches]
    return WorkerTask(PLAYERS, plans, SETTINGS, cores)


def test_a_gpu_has_games_for_the_batches_under_way_as_well() -> None:
    assert task("cpu", 4, 16).games == task("torch", 4, 16).games == GAMES_A_PLACE * 16
    assert task("cuda", 4, 16).games == GAMES_A_PLACE * 16 * IN_FLIGHT


def test_large_trees_leave_room_for_fewer_games() -> None:
    searches = [replace(player(code), limits=Limits(visits)) for code, visits in (("a", 100), ("b", 100_000))]
    assert replace(task("cuda", 512), players=searches).games == TREES_BYTES // (2 * NODE_BYTES * 100_000)
    assert replace(task("cuda", 512), players=searches[:1]).games == GAMES_A_PLACE * 512 * IN_FLIGHT
    endless = [replace(player("a"), limits=Limits(None, 10**9))]
    assert replace(task("cuda", 512), players=endless).games == 1
    assert replace(task("cpu", 16), players=endless).games == GAMES_A_PLACE * 16


def test_a_worker_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_backend, "SILENT_S", 0.2)
    backend = NetworkBackend(task("cpu", 4), 2)
    ours, theirs = zip(*(Pipe() for _ in range(2)), strict=True)
    backend._links.extend(ours)
    backend._busy[0] = backend._busy[1] = 1

    def listen() -> None:
        for _ in range(200):
            theirs[0].send(WorkerReport("progress", 1))
            time.sleep(0.01)
            backend.finished(0)

    with pytest.raises(EngineError, match="worker 1: has not answered"):
        listen()
    for link in theirs:
        link.close()


def test_a_worker_without_games_need_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_backend, "SILENT_S", 0.05)
    backend = NetworkBackend(task("cpu", 4), 1)
    ours, theirs = Pipe()
    backend._links.append(ours)
    for _ in range(10):
        assert backend.finished(0.02) == []
    theirs.close()


class _Done:
    """A process that has done its work when it has been started."""

    def __init__(self, target: Callable[..., None], args: Sequence[Any], daemon: bool) -> None:
        assert daemon
        self.start = lambda: target(*args)

    def join(self, seconds: float) -> None:
        pass

    def is_alive(self) -> bool:
        return False


def test_each_worker_knows_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def work(given: WorkerTask, link: Connection, number: int, count: int) -> None:
        seen.append((given.cores, number, count))
        link.send(WorkerReport("ready"))

    monkeypatch.setattr(network_backend, "_work", work)
    backend = NetworkBackend(task("cuda", 4, 4, cores=8), 3)
    monkeypatch.setattr(type(backend._context), "Process", _Done)
    backend.start()
    assert sorted(seen) == [(8, 0, 3), (8, 1, 3), (8, 2, 3)]
    backend.stop()


@pytest.mark.parametrize(("cores", "count", "threads"), [(8, 2, 4), (2, 4, 1), (1, 1, 1), (None, 1, 6)])
def test_workers_share_gpus_and_cores(
    cores: int | None, count: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[list[str], int]] = []

    class Games:
        playing = frozenset[int]()

        def __init__(self, _: object, evaluators: Sequence[Any], __: object, ___: int, of: int) -> None:
            made.append(([evaluator._plan.device for evaluator in evaluators], of))

        def warm_up(self) -> None:
            pass

    monkeypatch.setattr(network_backend, "PipelinedGames", Games)
    monkeypatch.setattr(network_backend, "available_cores", lambda: 6)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    for number in range(count):
        network_backend._open_pipeline(task("cuda", 4, cores=cores), number, count)
    assert made == [([f"cuda:{number}"], threads) for number in range(count)]


PRETENDS_TO_HAVE_TWO_GPUS = """
import lzeval.system.devices
lzeval.system.devices.ON_CORES = ()
import engines.evaluator.devices, engines.evaluator.batch_size
engines.evaluator.devices.count = lambda device: 2
engines.evaluator.batch_size.SIZES = (4,)
"""
"""Python runs it at the start of every process that finds it as sitecustomize.py: the CPU counts as a GPU."""


def test_games_on_gpus_are_those_of_the_cpu(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 2)):
        write_network(lived_in_network(seed, NetworkShape(1, 4, 9)), tmp_path / f"{name}.txt")
    (tmp_path / "book.txt").write_text("C3 G7\nE5\nC7 G3 C3\nD4 F6\n")
    (tmp_path / "pretends").mkdir()
    (tmp_path / "pretends" / "sitecustomize.py").write_text(PRETENDS_TO_HAVE_TWO_GPUS)
    options = ["--games", 4, "--visits", 4, "--size", 9, "--resign", 0, "--move-limit", 250]
    options += ["--openings", "book.txt", "--precision", "fp32", "--device", "cpu", "--threads", 4]
    plain = environment(XDG_CACHE_HOME=str(tmp_path / "cache"))
    pretending = {**plain, "PYTHONPATH": f"{tmp_path / 'pretends'}{os.pathsep}{plain['PYTHONPATH']}"}
    for out, variables in (("cores", plain), ("gpus", pretending)):
        ran = subprocess.run(
            program("match", "one.txt", "two.txt", *options, "--out", out),
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
    told = [json.loads((tmp_path / out / "match.json").read_text()) for out in ("cores", "gpus")]
    assert [each["processes"] for each in told] == [4, 2]
    assert told[0]["settings"] == told[1]["settings"]
    cores, gpus = (
        {
            file.name: re.sub(r"DT\[[^]]*\]|Date [-\d]+", "", file.read_text())
            for file in (tmp_path / out / "match.games").iterdir()
        }
        for out in ("cores", "gpus")
    )
    assert cores == gpus
    assert len(gpus) == 4
