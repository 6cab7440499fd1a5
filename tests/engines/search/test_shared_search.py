from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from engines.evaluator.base import Evaluator, NetworkAnswer, Planes
from engines.gtp.engine import Move, never
from engines.player.arguments import EngineArguments
from engines.player.player import NetworkPlayer
from engines.search.batcher import EvaluatorQueue
from engines.search.shared_search import (
    SearchClosedError,
    SearchSlot,
    SharedEvaluator,
    SharedSearch,
    SharedTree,
)
from engines.search.single_tree import Lane
from lzeval.go.colour import Colour
from lzeval.go.rules import Rules
from tests.support.fakes.evaluators import HashEvaluator, SteadyEvaluator

SIZE, MOVES = 5, 12


def options(seed: int, visits: int = 40) -> EngineArguments:
    return EngineArguments("net", visits, noise=seed % 2 == 0, random_moves=seed, seed=seed)


def game(player: NetworkPlayer) -> list[Move]:
    """The first moves of a game of the player with itself."""
    moves: list[Move] = []
    for number in range(MOVES):
        colour = Colour.BLACK if number % 2 == 0 else Colour.WHITE
        move = player.genmove(colour)
        moves.append(move)
        if not isinstance(move, int):
            break
        player.play(colour, move)
    return moves


def player_in(
    shared: SharedSearch, slot: SearchSlot, how: EngineArguments, answer_s: float | None = None
) -> NetworkPlayer:
    with shared.lock:
        tree_search = SharedTree(slot, how.most_nodes, answer_s)
        return NetworkPlayer(SharedEvaluator(slot, answer_s), how, tree_search=tree_search)


def games_in(
    shared: SharedSearch, single: EvaluatorQueue, wide: EvaluatorQueue | None, hows: Sequence[EngineArguments]
) -> list[list[Move]]:
    """All of them at the same time, each on a thread of its own."""
    found: list[list[Move]] = [[] for _ in hows]

    def play(place: int, player: NetworkPlayer) -> None:
        with shared.lock:
            found[place] = game(player)

    players = [player_in(shared, shared.take_slot(single, wide), how) for how in hows]
    threads = [threading.Thread(target=play, args=(n, player)) for n, player in enumerate(players)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("batch", [1, 4, 7])
def test_games_are_those_that_each_player_plays_alone(batch: int) -> None:
    hows = [options(seed) for seed in range(6)]
    shared = SharedSearch(SIZE, len(hows))
    queue = shared.add_queue(HashEvaluator(SIZE, batch))
    try:
        found = games_in(shared, queue, None, hows)
    finally:
        shared.close()
    assert found == [game(NetworkPlayer(HashEvaluator(SIZE), how)) for how in hows]


@pytest.mark.parametrize("batch", [1, 16])
def test_larger_searches_ask_about_several_positions_of_a_tree(batch: int) -> None:
    hows = [options(seed, visits=350) for seed in (1, 2, 3)]
    shared = SharedSearch(SIZE, len(hows))
    single, wide = shared.add_queue(HashEvaluator(SIZE, batch)), shared.add_queue(HashEvaluator(SIZE, 8))
    try:
        found = games_in(shared, single, wide, hows)
    finally:
        shared.close()
    lanes = [Lane(HashEvaluator(SIZE), HashEvaluator(SIZE, 8))]
    assert found == [game(NetworkPlayer(HashEvaluator(SIZE), how, lanes)) for how in hows]


def test_positions_of_several_games_go_to_the_network_together() -> None:
    shared = SharedSearch(SIZE, 8)
    evaluator = HashEvaluator(SIZE, 8)
    try:
        games_in(shared, shared.add_queue(evaluator), None, [options(seed) for seed in range(1, 9)])
    finally:
        shared.close()
    assert len(evaluator.seen) > 3 * evaluator.calls


def test_two_networks_of_a_shared_search_do_not_mix() -> None:
    shared = SharedSearch(SIZE, 2)
    queues = [shared.add_queue(HashEvaluator(SIZE, 4, salt)) for salt in (1, 2)]
    players = [player_in(shared, shared.take_slot(queue, None), options(3)) for queue in queues]
    try:
        with shared.lock:
            found = [game(player) for player in players]
    finally:
        shared.close()
    assert found == [game(NetworkPlayer(HashEvaluator(SIZE, 1, salt), options(3))) for salt in (1, 2)]


def test_a_slot_is_taken_over_empty() -> None:
    shared = SharedSearch(SIZE, 1)
    queue = shared.add_queue(HashEvaluator(SIZE, 2))
    try:
        found = []
        for _ in range(2):
            slot = shared.take_slot(queue, None)
            player = player_in(shared, slot, options(1))
            with shared.lock:
                player.rules = Rules()
                found.append(game(player))
            assert shared.free_trees == 0
            slot.release()
        assert shared.free_trees == 1
        again = player_in(shared, shared.take_slot(queue, None), options(1))
        with shared.lock:
            assert game(again) == game(NetworkPlayer(HashEvaluator(SIZE), options(1)))
    finally:
        shared.close()
    assert found[0] == found[1]


def test_dead_stones_and_heatmaps_come_from_the_shared_search_as_well() -> None:
    shared = SharedSearch(SIZE, 1)
    player = player_in(shared, shared.take_slot(shared.add_queue(HashEvaluator(SIZE, 4)), None), options(1))
    alone = NetworkPlayer(HashEvaluator(SIZE), options(1))
    try:
        with shared.lock:
            for one in (player, alone):
                one.play(Colour.BLACK, 12)
            assert player.final_score() == alone.final_score()
            assert player.heatmap("average") == alone.heatmap("average")
    finally:
        shared.close()


class Failing:
    """Answers as another evaluator does, until told to fail."""

    def __init__(self, inner: Evaluator) -> None:
        self.info, self.batch_size, self._inner = inner.info, inner.batch_size, inner
        self.act: Callable[[], object] = lambda: None

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        self.act()
        return self._inner.evaluate(planes)


def fail() -> None:
    raise MemoryError("no room for the batch")


def test_a_failing_network_is_its_players_trouble_alone() -> None:
    shared = SharedSearch(SIZE, 2)
    bad = Failing(SteadyEvaluator(SIZE))
    players = [
        player_in(shared, shared.take_slot(shared.add_queue(evaluator), None), options(1))
        for evaluator in (bad, HashEvaluator(SIZE, 1))
    ]
    try:
        with shared.lock:
            bad.act = fail
            with pytest.raises(MemoryError, match="no room"):
                players[0].genmove(Colour.BLACK)
            assert game(players[1]) == game(NetworkPlayer(HashEvaluator(SIZE), options(1)))
            bad.act = lambda: None
            assert isinstance(players[0].genmove(Colour.BLACK), int)
    finally:
        shared.close()


def test_a_silent_network_is_not_waited_for_and_its_slot_not_given_away() -> None:
    shared = SharedSearch(SIZE, 1)
    silent, over = Failing(SteadyEvaluator(SIZE)), threading.Event()
    silent.act = lambda: over.wait(30)
    slot = shared.take_slot(shared.add_queue(silent), None)
    player = player_in(shared, slot, options(1), answer_s=0.1)
    try:
        with shared.lock, pytest.raises(TimeoutError):
            player.genmove(Colour.BLACK)
        slot.release()
        assert shared.free_trees == 0
    finally:
        over.set()
        shared.close()


def test_slow_company_is_not_taken_for_silence() -> None:
    shared = SharedSearch(SIZE, 1)
    slow, pause = Failing(SteadyEvaluator(SIZE)), threading.Event()
    slow.act = lambda: pause.wait(0.02)
    player = player_in(shared, shared.take_slot(shared.add_queue(slow), None), options(1), answer_s=0.3)
    try:
        with shared.lock:
            assert isinstance(player.genmove(Colour.BLACK), int)  # 40 answers, 0.8 s
    finally:
        shared.close()


def test_a_search_ends_when_it_is_told_to() -> None:
    shared = SharedSearch(SIZE, 1)
    player = player_in(
        shared, shared.take_slot(shared.add_queue(HashEvaluator(SIZE, 1)), None), options(1, visits=10**6)
    )
    asked = iter([False] * 5)
    try:
        with shared.lock:
            assert isinstance(player.genmove(Colour.BLACK, lambda: next(asked, True)), int)
    finally:
        shared.close()


def test_nobody_waits_for_a_closed_search() -> None:
    shared = SharedSearch(SIZE, 1)
    slot = shared.take_slot(shared.add_queue(HashEvaluator(SIZE, 1)), None)
    player = player_in(shared, slot, options(1))
    shared.close()
    with shared.lock, pytest.raises(SearchClosedError):
        player.genmove(Colour.BLACK, never)


def test_arrays_that_a_slot_sees_are_the_shared_ones() -> None:
    shared = SharedSearch(SIZE, 3)
    queue = shared.add_queue(HashEvaluator(SIZE, 1))
    slots = [shared.take_slot(queue, None) for _ in range(3)]
    player = player_in(shared, slots[1], options(1, visits=600))
    try:
        with shared.lock:
            player.genmove(Colour.BLACK)  # makes the trees grow
        nodes = [slot.forest.nodes for slot in slots]
        assert all(np.shares_memory(one, one.base) for one in nodes)
        assert nodes[0].base is nodes[1].base is nodes[2].base
        assert [slot.visits(0) >= 600 for slot in slots] == [False, True, False]
    finally:
        shared.close()
