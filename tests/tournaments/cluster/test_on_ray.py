"""Matches on a real Ray cluster: whatever happens to it, games and tables are those of this machine alone."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from tests.support.command_line import Outcome, environment, program, run_here
from tests.support.fakes.weights_files import lived_in_network
from tests.support.paths import FAKES
from tests.support.ray_cluster import RayCluster, running_cluster
from tests.support.waiting import wait_until

GAMES = 16
OPTIONS = ["--size", 9, "--resign", 0, "--move-limit", 120, "--openings", "book.txt", "--precision", "fp32"]
PLACE = re.compile(rb"PC\[[^]]*\]")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two networks and a book."""
    folder = tmp_path_factory.mktemp("cluster")
    for name, seed in (("one", 1), ("two", 2)):
        write_network(lived_in_network(seed, NetworkShape(1, 4, 9)), folder / f"{name}.txt")
    (folder / "book.txt").write_text("C3 G7\nE5\nC7 G3 C3\nD4 F6\nC3\nG7 G3\nE3\nD5\n")
    return folder


def words(out: str, games: int = GAMES, visits: int = 4) -> list[object]:
    return ["match", "one.txt", "two.txt", *OPTIONS, "--games", games, "--visits", visits, "--out", out]


def lzeval(place: Path, *arguments: object) -> Outcome:
    return run_here(*arguments, cwd=place, XDG_CACHE_HOME=str(place / "cache"))


def games(folder: Path) -> dict[str, bytes]:
    """Records by name, on one line each and without the kind of machine that played them."""
    return {
        file.name: PLACE.sub(b"", file.read_bytes().replace(b"\n", b""))
        for file in sorted((folder / "match.games").glob("*.sgf"))
    }


def check_alike(place: Path, ours: str, expected: str) -> None:
    assert games(place / ours) == games(place / expected)
    assert (place / ours / "ratings.csv").read_text() == (place / expected / "ratings.csv").read_text()


def test_a_match_of_networks_and_what_nodes_have(ray_cluster: RayCluster, place: Path) -> None:
    assert lzeval(place, *words("here")).returncode == 0
    there = lzeval(place, *words("there"), "--cluster", ray_cluster.address)
    assert there.returncode == 0, there.stderr
    check_alike(place, "there", "here")
    records = [file.read_bytes() for file in (place / "there" / "match.games").glob("*.sgf")]
    assert all(PLACE.search(record.replace(b"\n", b"")) for record in records)
    nodes = json.loads((place / "there" / "match.json").read_text())["nodes"]
    assert len(nodes) == 3
    told = lzeval(place, "cluster", "check", "--cluster", ray_cluster.address, "--json")
    assert told.returncode == 0
    assert {entry["node"] for entry in json.loads(told.stdout)["nodes"]} == set(nodes)


def test_a_tournament_of_programs_and_a_network(ray_cluster: RayCluster, place: Path) -> None:
    toy = f"{sys.executable} {FAKES / 'toy_engine.py'}"
    net = "lzeval gtp one.txt --visits 4 --seed 3"
    for name in ("here", "there"):
        (place / f"{name}.ctl").write_text(
            "competition_type = 'playoff'\nboard_size = 9\nkomi = 7.5\n"
            f"players = {{'toy': Player('{toy} x {{seed}}'), 'net': Player('{net}')}}\n"
            "matchups = [Matchup('toy', 'net', alternating=True, number_of_games=6, scorer='internal')]\n"
        )
    assert lzeval(place, "tournament", "run", "here.ctl", "-q").returncode == 0
    run = lzeval(place, "tournament", "run", "there.ctl", "-q", "--log-gtp", "--cluster", ray_cluster.address)
    assert run.returncode == 0, run.stderr
    found = {
        name: {
            file.name: re.findall(rb";[BW]\[[a-z]*\]", file.read_bytes().replace(b"\n", b""))
            for file in sorted((place / f"{name}.games").glob("*.sgf"))
        }
        for name in ("here", "there")
    }
    assert len(found["there"]) == 6
    assert found["there"] == found["here"]
    assert "genmove" in (place / "there.gtplogs" / "0_0.log").read_text()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("auto", "ray start --head"),
        ("ray://host:10001", "not through Ray's client"),
        ("127.0.0.1:1", "--cluster 127.0.0.1:1: not reached"),
        ("10.0.0.1", "must be auto or HOST:PORT"),
    ],
)
def test_no_cluster(place: Path, monkeypatch: pytest.MonkeyPatch, address: str, told: str) -> None:
    ray = pytest.importorskip("ray")

    def refuse(**_options: object) -> None:
        raise ConnectionError("no such host")

    monkeypatch.setattr(ray, "init", refuse)
    found = lzeval(place, *words("nowhere"), "--cluster", address)
    assert found.returncode == 2
    assert told in found.stderr
    assert found.stderr.count("\n") == 1


# Faults


LONG = {"games": 40, "visits": 200}
QUICK = {"games": 100, "visits": 10}
"""Its first games end as soon as nodes are ready."""


@pytest.fixture(scope="module")
def expected(place: Path) -> str:
    assert lzeval(place, *words("expected", **LONG)).returncode == 0
    return "expected"


@contextmanager
def running(
    place: Path, out: str, cluster: RayCluster, size: Mapping[str, int]
) -> Iterator[subprocess.Popen[str]]:
    """`lzeval match` on the cluster, in a process of its own; what it says is in OUT.log."""
    with (place / f"{out}.log").open("w") as log:
        process = subprocess.Popen(
            program(*words(out, **size), "--cluster", cluster.address),
            cwd=place,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(XDG_CACHE_HOME=str(place / "cache")),
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def after(place: Path, out: str, count: int) -> Callable[[], bool]:
    """Whether so many games are on disk."""
    return lambda: len(list((place / out / "match.games").glob("*.sgf"))) >= count


def actors(cluster: RayCluster) -> list[psutil.Process]:
    """Actors on the cluster's nodes; other clusters may run on this machine."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):  # it has just ended
            if "NodePlayer" in " ".join(process.info["cmdline"] or ()) and cluster.owns(process):
                found.append(process)
    return found


@pytest.mark.slow
def test_nodes_die_hang_and_come(ray_cluster: RayCluster, place: Path, expected: str, tmp_path: Path) -> None:
    """One node is killed, one stopped, one joins, and one of another version is refused."""
    (tmp_path / "sitecustomize.py").write_text(
        "import lzeval.version\nlzeval.version.__version__ = '0.0.1'\n"
    )
    with running(place, "faults", ray_cluster, LONG) as process:
        assert wait_until(after(place, "faults", 4), 240)
        ray_cluster.remove_node(ray_cluster.nodes[-1])
        ray_cluster.add_node()
        ray_cluster.add_node(PYTHONPATH=f"{tmp_path}:{environment()['PYTHONPATH']}")
        stopped = actors(ray_cluster)[0]
        for each in (stopped, *stopped.children(recursive=True)):
            each.suspend()
        assert process.wait(500) == 0
    log = (place / "faults.log").read_text()
    assert "joins" in log
    assert "has been silent" in log
    assert "has lzeval 0.0.1" in log
    assert "played elsewhere" in log
    check_alike(place, "faults", expected)


@pytest.mark.slow
def test_a_driver_that_is_killed_twenty_times(ray_cluster: RayCluster, place: Path) -> None:
    assert lzeval(place, *words("undisturbed", **QUICK)).returncode == 0
    moments = random.Random(4)
    for _ in range(20):
        with running(place, "killed", ray_cluster, QUICK) as process:
            before = len(games(place / "killed"))
            assert wait_until(after(place, "killed", min(before + 1, QUICK["games"])), 240)
            time.sleep(moments.random())
            process.kill()
    with running(place, "killed", ray_cluster, QUICK) as process:
        assert process.wait(500) == 0
    check_alike(place, "killed", "undisturbed")
    assert wait_until(lambda: not actors(ray_cluster), 60)


@pytest.mark.slow
def test_a_cluster_without_its_head(place: Path, expected: str, tmp_path: Path) -> None:
    with running_cluster(tmp_path, 2) as cluster, running(place, "headless", cluster, LONG) as process:
        assert wait_until(after(place, "headless", 4), 240)
        cluster.kill_head()
        assert process.wait(90) == 2
    log = (place / "headless.log").read_text()
    assert "its head has not answered" in log
    assert "Traceback" not in log
    assert lzeval(place, *words("headless", **LONG)).returncode == 0
    check_alike(place, "headless", expected)
