from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from engines.evaluator.base import Evaluator, NetworkAnswer, Planes
from engines.gtp.engine import Move, never
from engines.player.player import NetworkPlayer, PlayerOptions
from engines.search.searcher import Limits
from engines.search.shared_search import (
    EvaluatorQueue,
    SearchClosedError,
    SearchSlot,
    SharedEvaluator,
    SharedSearch,
    SharedTree,
)
from engines.search.single_tree import Lane
from lzeval.go.colour import Colour
from tests.support.fakes.evaluators import HashEvaluator, SteadyEvaluator

SIZE, MOVES = 5, 12


def options(seed: int, visits: int = 40) -> PlayerOptions:
    return PlayerOptions(limits=Limits(visits), seed=seed, noise=seed % 2 == 0, random_moves=seed)


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


def seated(
    desk: SharedSearch, seat: SearchSlot, how: PlayerOptions, answer_s: float | None = None
) -> NetworkPlayer:
    with desk.monitor:
        growth = SharedTree(seat, how.most_nodes, answer_s)
        return NetworkPlayer(SharedEvaluator(seat, answer_s), how, growth=growth)


def games_at(
    desk: SharedSearch, single: EvaluatorQueue, wide: EvaluatorQueue | None, hows: Sequence[PlayerOptions]
) -> list[list[Move]]:
    """All of them at the same time, each on a thread of its own."""
    found: list[list[Move]] = [[] for _ in hows]

    def play(place: int, player: NetworkPlayer) -> None:
        with desk.monitor:
            found[place] = game(player)

    players = [seated(desk, desk.seat(single, wide), how) for how in hows]
    threads = [threading.Thread(target=play, args=(n, player)) for n, player in enumerate(players)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("batch", [1, 4, 7])
def test_games_are_those_that_each_player_plays_alone(batch: int) -> None:
    hows = [options(seed) for seed in range(6)]
    desk = SharedSearch(SIZE, len(hows))
    line = desk.add_line(HashEvaluator(SIZE, batch))
    try:
        found = games_at(desk, line, None, hows)
    finally:
        desk.close()
    assert found == [game(NetworkPlayer(HashEvaluator(SIZE), how)) for how in hows]


@pytest.mark.parametrize("batch", [1, 16])
def test_larger_searches_ask_about_several_positions_of_a_tree(batch: int) -> None:
    hows = [options(seed, visits=350) for seed in (1, 2, 3)]
    desk = SharedSearch(SIZE, len(hows))
    single, wide = desk.add_line(HashEvaluator(SIZE, batch)), desk.add_line(HashEvaluator(SIZE, 8))
    try:
        found = games_at(desk, single, wide, hows)
    finally:
        desk.close()
    lanes = [Lane(HashEvaluator(SIZE), HashEvaluator(SIZE, 8))]
    assert found == [game(NetworkPlayer(HashEvaluator(SIZE), how, lanes)) for how in hows]


def test_positions_of_several_games_go_to_the_network_together() -> None:
    desk = SharedSearch(SIZE, 8)
    evaluator = HashEvaluator(SIZE, 8)
    try:
        games_at(desk, desk.add_line(evaluator), None, [options(seed) for seed in range(1, 9)])
    finally:
        desk.close()
    assert len(evaluator.seen) > 3 * evaluator.calls


def test_two_networks_at_a_desk_do_not_mix() -> None:
    desk = SharedSearch(SIZE, 2)
    lines = [desk.add_line(HashEvaluator(SIZE, 4, salt)) for salt in (1, 2)]
    players = [seated(desk, desk.seat(line, None), options(3)) for line in lines]
    try:
        with desk.monitor:
            found = [game(player) for player in players]
    finally:
        desk.close()
    assert found == [game(NetworkPlayer(HashEvaluator(SIZE, 1, salt), options(3))) for salt in (1, 2)]


def test_a_seat_is_taken_over_empty() -> None:
    desk = SharedSearch(SIZE, 1)
    line = desk.add_line(HashEvaluator(SIZE, 2))
    try:
        found = []
        for _ in range(2):
            seat = desk.seat(line, None)
            player = seated(desk, seat, options(1))
            with desk.monitor:
                player.superko = True
                found.append(game(player))
            assert desk.free_trees == 0
            seat.leave()
        assert desk.free_trees == 1
        again = seated(desk, desk.seat(line, None), options(1))
        with desk.monitor:
            assert game(again) == game(NetworkPlayer(HashEvaluator(SIZE), options(1)))
    finally:
        desk.close()
    assert found[0] == found[1]


def test_dead_stones_and_heatmaps_come_from_the_desk_as_well() -> None:
    desk = SharedSearch(SIZE, 1)
    player = seated(desk, desk.seat(desk.add_line(HashEvaluator(SIZE, 4)), None), options(1))
    alone = NetworkPlayer(HashEvaluator(SIZE), options(1))
    try:
        with desk.monitor:
            for one in (player, alone):
                one.play(Colour.BLACK, 12)
            assert player.final_score() == alone.final_score()
            assert player.heatmap("average") == alone.heatmap("average")
    finally:
        desk.close()


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
    desk = SharedSearch(SIZE, 2)
    bad = Failing(SteadyEvaluator(SIZE))
    players = [
        seated(desk, desk.seat(desk.add_line(evaluator), None), options(1))
        for evaluator in (bad, HashEvaluator(SIZE, 1))
    ]
    try:
        with desk.monitor:
            bad.act = fail
            with pytest.raises(MemoryError, match="no room"):
                players[0].genmove(Colour.BLACK)
            assert game(players[1]) == game(NetworkPlayer(HashEvaluator(SIZE), options(1)))
            bad.act = lambda: None
            assert isinstance(players[0].genmove(Colour.BLACK), int)
    finally:
        desk.close()


def test_a_silent_network_is_not_waited_for_and_its_seat_not_given_away() -> None:
    desk = SharedSearch(SIZE, 1)
    silent, over = Failing(SteadyEvaluator(SIZE)), threading.Event()
    silent.act = lambda: over.wait(30)
    seat = desk.seat(desk.add_line(silent), None)
    player = seated(desk, seat, options(1), answer_s=0.1)
    try:
        with desk.monitor, pytest.raises(TimeoutError):
            player.genmove(Colour.BLACK)
        seat.leave()
        assert desk.free_trees == 0
    finally:
        over.set()
        desk.close()


def test_slow_company_is_not_taken_for_silence() -> None:
    desk = SharedSearch(SIZE, 1)
    slow, pause = Failing(SteadyEvaluator(SIZE)), threading.Event()
    slow.act = lambda: pause.wait(0.02)
    player = seated(desk, desk.seat(desk.add_line(slow), None), options(1), answer_s=0.3)
    try:
        with desk.monitor:
            assert isinstance(player.genmove(Colour.BLACK), int)  # 40 answers, 0.8 s
    finally:
        desk.close()


def test_a_search_ends_when_it_is_told_to() -> None:
    desk = SharedSearch(SIZE, 1)
    player = seated(desk, desk.seat(desk.add_line(HashEvaluator(SIZE, 1)), None), options(1, visits=10**6))
    asked = iter([False] * 5)
    try:
        with desk.monitor:
            assert isinstance(player.genmove(Colour.BLACK, lambda: next(asked, True)), int)
    finally:
        desk.close()


def test_nobody_waits_for_a_closed_desk() -> None:
    desk = SharedSearch(SIZE, 1)
    seat = desk.seat(desk.add_line(HashEvaluator(SIZE, 1)), None)
    player = seated(desk, seat, options(1))
    desk.close()
    with desk.monitor, pytest.raises(SearchClosedError):
        player.genmove(Colour.BLACK, never)


def test_arrays_that_a_seat_sees_are_the_desks_own() -> None:
    desk = SharedSearch(SIZE, 3)
    line = desk.add_line(HashEvaluator(SIZE, 1))
    seats = [desk.seat(line, None) for _ in range(3)]
    player = seated(desk, seats[1], options(1, visits=600))
    try:
        with desk.monitor:
            player.genmove(Colour.BLACK)  # makes the trees grow
        nodes = [seat.forest.nodes for seat in seats]
        assert all(np.shares_memory(one, one.base) for one in nodes)
        assert nodes[0].base is nodes[1].base is nodes[2].base
        assert [seat.visits(0) >= 600 for seat in seats] == [False, True, False]
    finally:
        desk.close()
