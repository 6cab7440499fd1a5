from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from engines.evaluator.base import NetworkAnswer, Planes
from engines.search.forest import EXPANDED, WAITING
from engines.search.searcher import Searcher
from engines.search.single_tree import Lane, SingleTree
from lzeval.go.board import BLACK
from lzeval.go.game import Game
from tests.support.fakes.evaluators import HashEvaluator
from tests.support.paths import ROOT

SIZE, TREE, MOST_NODES = 9, 0, 100_000


def grown(
    lanes: list[Lane], visits: int | None, *, most_nodes: int = MOST_NODES, stop_after: int | None = None
) -> Searcher:
    searcher = Searcher(1, SIZE)
    searcher.seed(TREE, 1)
    searcher.follow(TREE, Game(SIZE), BLACK)
    growth = SingleTree(searcher, lanes, most_nodes)
    growth.run(visits, lambda: stop_after is not None and searcher.visits(TREE) >= stop_after)
    growth.close()
    return searcher


def lanes(count: int, batch: int = 8) -> list[Lane]:
    return [Lane(HashEvaluator(SIZE), HashEvaluator(SIZE, batch)) for _ in range(count)]


def assert_whole(searcher: Searcher) -> None:
    """Nothing waits, no virtual loss is left, and each node was visited as often as its children and itself."""
    nodes = searcher.forest.nodes[TREE, : searcher.nodes(TREE)]
    assert not (nodes["virtual"] != 0).any()
    assert not (nodes["state"] == WAITING).any()
    below = np.zeros(len(nodes), np.int64)
    np.add.at(below, nodes["parent"][1:], nodes["visits"][1:])
    expanded = (nodes["state"] == EXPANDED) & (nodes["first"] >= 0)
    assert (nodes["visits"][expanded] == below[expanded] + 1).all()
    assert ((nodes["black"] >= 0) & (nodes["black"] <= nodes["visits"])).all()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_exactly_as_many_visits_as_wanted(count: int) -> None:
    searcher = grown(lanes(count), 1500)
    assert searcher.visits(TREE) == 1500
    assert_whole(searcher)


def test_one_lane_grows_the_same_tree_every_time() -> None:
    one, other = (grown(lanes(1), 800) for _ in range(2))
    assert one.root_moves(TREE) == other.root_moves(TREE)


def test_small_searches_look_at_one_position_at_a_time() -> None:
    class Never(HashEvaluator):
        def evaluate(self, planes: Planes) -> NetworkAnswer:  # noqa: ARG002
            raise AssertionError("a large batch")

    assert grown([Lane(HashEvaluator(SIZE), Never(SIZE, 16))], 200).visits(TREE) == 200


@pytest.mark.parametrize("count", [1, 2])
def test_it_stops_when_told(count: int) -> None:
    searcher = grown(lanes(count), None, stop_after=400)
    assert searcher.visits(TREE) >= 400
    assert count > 1 or searcher.visits(TREE) < 400 + 8, "not before the batch, nor a batch later"
    assert searcher.nodes(TREE) < MOST_NODES
    assert_whole(searcher)


@pytest.mark.parametrize("count", [1, 2])
def test_it_stops_when_the_tree_is_full(count: int) -> None:
    searcher = grown(lanes(count), None, most_nodes=3000)
    assert 2900 < searcher.nodes(TREE) <= 3000 + 8 * count
    assert_whole(searcher)


def test_a_slow_network_is_not_asked_for_large_batches_where_somebody_waits() -> None:
    class Slow(HashEvaluator):
        calls = 0

        def evaluate(self, planes: Planes) -> NetworkAnswer:
            Slow.calls += 1
            time.sleep(0.06)
            return super().evaluate(planes)

    searcher = Searcher(1, SIZE)
    searcher.follow(TREE, Game(SIZE), BLACK)
    growth = SingleTree(searcher, [Lane(HashEvaluator(SIZE), Slow(SIZE, 8))], MOST_NODES)
    growth.run(600, lambda: False, impatient=True)
    assert searcher.visits(TREE) == 600
    assert Slow.calls == 1


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_on_any_thread_ends_the_search_and_is_told(failing: int) -> None:
    class Broken(HashEvaluator):
        def evaluate(self, planes: Planes) -> NetworkAnswer:
            if threading.current_thread() is not threading.main_thread() or not failing:
                raise MemoryError("no room")
            return super().evaluate(planes)

    with pytest.raises(MemoryError):
        grown([Lane(HashEvaluator(SIZE) if failing else Broken(SIZE)), Lane(Broken(SIZE))], None)


def test_warming_up_leaves_nothing_to_load() -> None:
    """In a process of its own, as here all is loaded; with reports, small batches and large ones."""
    program = """
import sys
from engines.search.single_tree import Lane
from lzeval.go.colour import Colour
from engines.gtp.engine import Reports, never
from engines.player.arguments import EngineArguments
from engines.player.player import NetworkPlayer
from engines.player.warm_up import warm_up
from tests.support.fakes.evaluators import HashEvaluator
lane = Lane(HashEvaluator(9), HashEvaluator(9, 4))
warm_up([lane])
assert lane.single.calls == lane.wide.calls == 1
functions = [value for name, module in list(sys.modules.items()) if name.startswith(("engines.", "lzeval."))
             for value in vars(module).values() if hasattr(value, "nopython_signatures")]
loaded = {function: len(function.nopython_signatures) for function in functions}, set(sys.modules)
player = NetworkPlayer(lane.single, EngineArguments("net", visits=200), [lane])
player.genmove(Colour.BLACK, never, Reports(lambda analysis: None, 0.01, 1))
assert lane.wide.calls > 1
assert ({function: len(function.nopython_signatures) for function in functions}, set(sys.modules)) == loaded
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
