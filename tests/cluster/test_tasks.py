"""Results in order, whatever is lost: with tasks that are made up, and with Ray's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest

from lzeval.cluster import tasks as tasks_module
from lzeval.cluster.connection import connected
from lzeval.cluster.tasks import (
    LOOK_AGAIN_S,
    MOST_LOSSES,
    TASKS_A_CORE,
    WAITING_A_TASK,
    TaskLostError,
    in_order,
    ordered,
)
from lzeval.errors import UserError
from tests.support.paths import ROOT
from tests.support.ray_cluster import RayCluster, running_cluster


class FakeTasks:
    """Tasks that square numbers, end in random order, and now and then get lost; time is counted in looks."""

    def __init__(self, cores: int = 2, losses: float = 0.0, seed: int = 1) -> None:
        self.count = cores
        self.losses = losses
        self.random = Random(seed)
        self.running: dict[int, int] = {}
        self.starts: list[int] = []
        self.cancelled: list[int] = []
        self.silent: set[int] = set()
        """Handles of tasks that never end."""
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def cores(self) -> int:
        return self.count

    def start(self, item: int) -> int:
        assert len(self.running) < max(1, TASKS_A_CORE * self.count), "more tasks than wanted"
        handle = len(self.starts)
        self.starts.append(item)
        self.running[handle] = item
        return handle

    def finished(self, handles: Sequence[int], within_s: float) -> Sequence[int]:
        assert set(handles) == set(self.running)
        self.now += within_s
        able = [handle for handle in handles if handle not in self.silent]
        return self.random.sample(able, self.random.randint(min(1, len(able)), len(able)))

    def result(self, handle: int) -> int:
        item = self.running.pop(handle)
        if self.random.random() < self.losses:
            raise TaskLostError("the node died")
        if item < 0:
            raise ValueError(f"{item} is negative")
        return item * item

    def cancel(self, handle: int) -> None:
        if self.running.pop(handle, None) is not None:
            self.cancelled.append(handle)


def numbers(count: int, taken: list[int]) -> Iterator[int]:
    for number in range(count):
        taken.append(number)
        yield number


@pytest.mark.parametrize("cores", [1, 2, 7])
@pytest.mark.parametrize("seed", range(5))
def test_results_come_in_order_and_lost_ones_are_done_again(
    cores: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_module, "MOST_LOSSES", 10**6)
    fake, taken = FakeTasks(cores, 0.3, seed), list[int]()
    found = []
    for result in in_order(fake, numbers(60, taken), clock=fake.clock):
        found.append(result)
        assert len(taken) - len(found) <= WAITING_A_TASK * TASKS_A_CORE * cores, "the input is read too early"
    assert found == [number * number for number in range(60)]
    assert len(fake.starts) > 60
    assert not fake.running


def test_an_item_that_ends_its_process_three_times_is_named() -> None:
    fake = FakeTasks(losses=1.0)
    with pytest.raises(
        UserError, match=r"task \d+ was lost 3 times, the last time because of: the node died;"
    ):
        list(in_order(fake, range(9), clock=fake.clock))
    assert max(fake.starts.count(item) for item in range(9)) == MOST_LOSSES
    assert not fake.running


def test_what_a_task_raises_is_raised_and_the_others_are_cancelled() -> None:
    fake = FakeTasks(3)
    with pytest.raises(ValueError, match="-1 is negative"):
        list(in_order(fake, [1, 2, -1, *range(50)], clock=fake.clock))
    assert not fake.running
    assert fake.cancelled


def test_whoever_stops_listening_cancels_what_is_out() -> None:
    fake = FakeTasks(3)
    results = in_order(fake, range(50), clock=fake.clock)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert fake.cancelled
    assert not fake.running


def test_a_silent_task_is_given_a_second_time_and_the_first_answer_counts() -> None:
    fake = FakeTasks(2)
    results = in_order(fake, range(40), clock=fake.clock)
    fake.silent = {0}
    assert list(results) == [number * number for number in range(40)]
    assert fake.starts.count(0) == 2
    assert fake.cancelled == [0]
    assert fake.now >= tasks_module.SILENT_S


@pytest.mark.parametrize("seed", range(20))
def test_both_copies_may_end_at_once(seed: int) -> None:
    fake = FakeTasks(2, seed=seed)
    fake.silent = {0}

    def clock() -> float:
        if fake.starts.count(0) == 2:
            fake.silent.clear()
        return fake.now

    found = list(in_order(fake, range(40), clock=clock))
    assert found == [number * number for number in range(40)]
    assert fake.starts.count(0) == 2
    assert not fake.running


def test_no_second_copies_where_none_are_wanted() -> None:
    fake = FakeTasks(2)
    fake.silent = {0}
    results = in_order(fake, range(40), copies=False, clock=fake.clock)

    class LongEnoughError(Exception):
        pass

    def clock() -> float:
        if fake.now > 50 * tasks_module.SILENT_S:
            raise LongEnoughError
        return fake.now

    results = in_order(fake, range(40), copies=False, clock=clock)
    with pytest.raises(LongEnoughError):
        list(results)
    assert fake.starts.count(0) == 1


def test_cores_that_come_later_are_used() -> None:
    fake, most = FakeTasks(1), 0
    for number, _ in enumerate(in_order(fake, range(200), clock=fake.clock)):
        fake.count = 1 if number < 20 else 4
        most = max(most, len(fake.running))
        if number == 20:
            assert most == TASKS_A_CORE
    assert most == TASKS_A_CORE * 4


def test_without_any_core_it_ends() -> None:
    fake = FakeTasks(0)
    with pytest.raises(UserError, match="no machine with a core is left"):
        list(in_order(fake, range(3), clock=fake.clock))
    assert fake.now <= tasks_module.NO_CORES_S + 2 * LOOK_AGAIN_S


# On Ray


def squared(folder: Path, number: int) -> int:
    """The square of `number`; leaves a file for each time that it is called."""
    (folder / f"{number}-{time.time_ns()}").touch()
    time.sleep(0.3)
    return number * number


def deadly(folder: Path, number: int) -> int:
    """Like `squared`; number 2 kills its process as often as the file `deaths` says."""
    deaths = folder / "deaths"
    if number == 2 and int(deaths.read_text()):
        deaths.write_text(str(int(deaths.read_text()) - 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return squared(folder, number)


def refusing(number: int) -> int:
    raise UserError(f"{number} is not wanted")


def test_on_three_nodes(ray_cluster: RayCluster, tmp_path: Path) -> None:
    with connected(ray_cluster.address) as cluster:
        assert list(ordered(cluster, partial(squared, tmp_path), range(12))) == [n * n for n in range(12)]
        assert len(list(tmp_path.iterdir())) == 12
        with pytest.raises(UserError, match=r"[012] is not wanted"):
            list(ordered(cluster, refusing, range(3)))
        (tmp_path / "deaths").write_text("1")
        assert list(ordered(cluster, partial(deadly, tmp_path), range(4))) == [0, 1, 4, 9]
        (tmp_path / "deaths").write_text("9")
        with pytest.raises(
            UserError, match=r"task 3 was lost 3 times, the last time because of: .*worker died"
        ):
            list(ordered(cluster, partial(deadly, tmp_path), range(4)))


@pytest.mark.slow
def test_a_node_is_killed_and_one_is_added(ray_cluster: RayCluster, tmp_path: Path) -> None:
    with connected(ray_cluster.address) as cluster:
        found = []
        for result in ordered(cluster, partial(squared, tmp_path), range(60)):
            found.append(result)
            if len(found) == 5:
                ray_cluster.remove_node(ray_cluster.nodes[-1])
                ray_cluster.add_node()
        assert found == [number * number for number in range(60)]


def test_another_version_is_refused(ray_cluster: RayCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks_module, "__version__", "9.9")
    with (
        connected(ray_cluster.address) as cluster,
        pytest.raises(UserError, match="this machine 9"),
    ):
        list(ordered(cluster, refusing, range(3)))


def own_node(number: int) -> str:
    import ray

    time.sleep(0.3)
    return str(ray.get_runtime_context().get_node_id())


@pytest.mark.slow
def test_work_is_spread(ray_cluster: RayCluster) -> None:
    with connected(ray_cluster.address) as cluster:
        used = list(ordered(cluster, own_node, range(18)))
        assert set(used) == {node.id for node in cluster.nodes()}


DRIVER = """
import sys
from operator import neg
from lzeval.cluster.connection import connected
from lzeval.cluster.tasks import ordered
from lzeval.errors import UserError
try:
    with connected(sys.argv[1]) as cluster:
        for result in ordered(cluster, neg, range(10**9)):
            print(result, flush=True)
except UserError as exc:
    print(exc, file=sys.stderr)
    sys.exit(2)
"""


@pytest.mark.slow
def test_without_its_head_the_cluster_is_left(tmp_path: Path) -> None:
    """In a process of its own, which Ray would end after a minute."""
    with running_cluster(tmp_path, nodes=2) as cluster:
        command = [sys.executable, "-c", DRIVER, cluster.address]
        driver = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert driver.stdout is not None
        assert [driver.stdout.readline() for _ in range(3)] == ["0\n", "-1\n", "-2\n"]
        cluster.nodes[0].kill_gcs_server()
        _, errors = driver.communicate(timeout=120)
    assert driver.returncode == 2
    assert errors.splitlines()[-1] == (
        "the cluster: its head has not answered for 20 s; the same command goes on, there or without it"
    )
