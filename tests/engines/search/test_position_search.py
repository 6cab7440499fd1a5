from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.evaluator.base import NetworkAnswer, Planes
from engines.search.position_search import (
    FIRST_NODES,
    PositionAnalysis,
    PositionSearch,
    SearchPosition,
    SearchReport,
    most_visits,
    position_seed,
    search_all,
)
from engines.search.searcher import SPARE_NODES
from lzeval.go.board import BLACK, WHITE
from lzeval.go.game import Game
from tests.support.fakes.evaluators import HashEvaluator
from tests.support.positions import random_game
from tests.support.reference_search import ReferenceSearch

SIZE = 5


def position(number: int, visits: int | None = None, priority: int = 0) -> SearchPosition:
    game = random_game(SIZE, 2 + number % 9, number)
    wanted = 5 + 7 * (number % 6) if visits is None else visits
    return SearchPosition(game, game.to_move, wanted, seed=number, priority=priority)


def facts(analysis: PositionAnalysis | None) -> object:
    """All of it, so that two can be compared."""
    assert analysis is not None
    return (
        analysis.to_move,
        analysis.visits,
        analysis.winrate,
        analysis.raw_winrate,
        analysis.moves,
        analysis.lines,
        analysis.priors.tobytes(),
    )


def results(positions: Sequence[SearchPosition], places: int, batch: int) -> list[object]:
    """By number, each reported once."""
    found = {}
    for report in search_all(HashEvaluator(SIZE, batch), positions, places):
        assert report.is_final
        assert report.ticket not in found
        found[report.ticket] = facts(report.analysis)
    return [found[number] for number in range(len(positions))]


POSITIONS = [position(number) for number in range(14)]


@pytest.fixture(scope="module")
def alone() -> list[object]:
    """Each in a search of its own."""
    return [results([one], 1, 1)[0] for one in POSITIONS]


@pytest.mark.parametrize(("places", "batch"), [(1, 4), (2, 1), (3, 4), (8, 4), (14, 8), (16, 3)])
def test_a_position_does_not_depend_on_its_company(places: int, batch: int, alone: list[object]) -> None:
    assert results(POSITIONS, places, batch) == alone


def test_nor_on_the_order(alone: list[object]) -> None:
    assert results(POSITIONS[::-1], 4, 4) == alone[::-1]


def test_seeds_make_a_difference() -> None:
    first, second = (SearchPosition(Game(SIZE), BLACK, 30, seed) for seed in (1, 2))
    found = results([first, second], 2, 2)
    assert found[0] != found[1]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_it_finds_what_the_reference_search_finds(number: int, visits: int) -> None:
    """The same tree as the slow search in plain Python, from the same random numbers."""
    wanted = position(number, visits)
    [report] = search_all(HashEvaluator(SIZE, 3), [wanted], 5)
    judge = ReferenceSearch(HashEvaluator(SIZE).opinion, wanted.seed)
    judge.think(wanted.game, wanted.to_move, visits)
    assert report.analysis is not None
    assert report.analysis.visits == visits
    if report.analysis.moves:
        assert report.analysis.moves[0].move == judge.best()


def test_what_an_analysis_says() -> None:
    [report] = search_all(HashEvaluator(SIZE), [position(3, 80)])
    found = report.analysis
    assert found is not None
    assert found.visits == 80 == 1 + sum(move.visits for move in found.moves)
    assert all(move.visits for move in found.moves)
    assert [line[0] for line in found.lines] == [move.move for move in found.moves]
    tried = sum(move.visits * move.winrate for move in found.moves)
    assert found.winrate == pytest.approx((tried + found.raw_winrate) / 80)
    assert (
        found.winrate_of(found.to_move)
        == found.winrate
        == pytest.approx(1 - found.winrate_of(3 - found.to_move))
    )
    assert found.priors[found.priors >= 0].sum() == pytest.approx(1, abs=1e-5)
    game = position(3).game
    stones = np.flatnonzero(np.frombuffer(game.stones[:-1], np.int8))
    assert len(stones)
    assert (found.priors[stones] == -1).all()


def test_batches_are_full_and_no_larger() -> None:
    evaluator = HashEvaluator(SIZE, 4)
    wanted = [SearchPosition(Game(SIZE), BLACK, 20, seed) for seed in range(8)]
    assert len(list(search_all(evaluator, wanted, 8))) == 8
    assert evaluator.calls <= -(-len(evaluator.seen) // 4) + 1


def final_order(search: PositionSearch) -> list[int]:
    order = []
    while search.is_busy:
        order += [report.ticket for report in search.step() if report.is_final]
    return order


def test_priority_then_order_of_arrival() -> None:
    search = PositionSearch(HashEvaluator(SIZE), places=1)
    for number, priority in enumerate([0, 5, -1, 5, 0]):
        assert search.add(position(number, 4, priority)) == number
    assert final_order(search) == [1, 3, 0, 4, 2]


def test_a_free_place_is_taken_before_the_others_are_done() -> None:
    search = PositionSearch(HashEvaluator(SIZE, 2), places=2)
    for visits in (100, 3, 3, 3):
        search.add(position(1, visits))
    assert final_order(search) == [1, 2, 3, 0]


def test_removing() -> None:
    search = PositionSearch(HashEvaluator(SIZE, 2), places=2)
    tickets = [search.add(position(number, 50)) for number in range(1, 6)]
    for _ in range(5):
        assert search.step() == []
    searched, waiting = search.remove(tickets[0]), search.remove(tickets[3])
    assert searched.is_final
    assert waiting == SearchReport(tickets[3], None, is_final=True)
    assert searched.analysis is not None
    assert 1 <= searched.analysis.visits < 50
    with pytest.raises(KeyError):
        search.remove(tickets[0])
    assert sorted(final_order(search)) == [1, 2, 4]


def test_removing_does_not_disturb_the_others(alone: list[object]) -> None:
    search = PositionSearch(HashEvaluator(SIZE, 4), places=4)
    for one in POSITIONS:
        search.add(one)
    gone, found = set(), {}
    for step in range(10_000):
        if not search.is_busy:
            break
        for report in search.step():
            found[report.ticket] = facts(report.analysis)
        if step in (3, 9, 20):
            ticket = next(number for number in range(14) if number not in found and number not in gone)
            search.remove(ticket)
            gone.add(ticket)
    assert len(gone) == 3
    assert found == {number: alone[number] for number in range(14) if number not in gone}


class Clock:
    """One second passes whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_reports_during_the_search() -> None:
    search = PositionSearch(HashEvaluator(SIZE), places=1, clock=Clock())
    game = Game(SIZE)
    search.add(SearchPosition(game, BLACK, 60, seed=1, report_every_s=10))
    reports = []
    while search.is_busy:
        reports += search.step()
    assert [report.is_final for report in reports] == [False] * (len(reports) - 1) + [True]
    assert len(reports) > 5
    visits = [report.analysis.visits for report in reports if report.analysis]
    assert visits == sorted(set(visits))
    assert visits[-1] == 60
    quiet = results([SearchPosition(game, BLACK, 60, seed=1)], 1, 1)
    assert facts(reports[-1].analysis) == quiet[0], "looking does not change what is found"


def test_time_ends_a_search_that_knows_something() -> None:
    search = PositionSearch(HashEvaluator(SIZE), places=2, clock=Clock())
    search.add(SearchPosition(Game(SIZE), BLACK, 10_000, seed=1, max_s=40))
    search.add(SearchPosition(Game(SIZE), BLACK, 10_000, seed=1, max_s=0))
    reports = []
    while search.is_busy:
        reports += search.step()
    visits = [report.analysis.visits for report in reports if report.analysis]
    assert len(visits) == 2
    assert visits[0] == 1
    assert 1 < visits[1] < 100


def test_a_tree_grows_as_it_is_needed() -> None:
    many = 3 * FIRST_NODES
    found = results([SearchPosition(Game(SIZE), BLACK, many, seed=4), position(2)], 2, 2)
    assert isinstance(found[0], tuple)
    assert found[0][1] == many
    assert found[1] == results([position(2)], 1, 1)[0]


def test_memory_ends_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.search.position_search.FOREST_BYTES", 1_000_000)
    most = most_visits(SIZE, 4)
    assert 100 < most < 10_000
    search = PositionSearch(HashEvaluator(SIZE), places=4)
    search.add(SearchPosition(Game(SIZE), BLACK, 10**9, seed=1))
    reports = []
    while search.is_busy:
        reports += search.step()
    assert reports[0].analysis is not None
    assert reports[0].analysis.visits == most
    forest = search._searcher.forest
    assert forest.nodes.shape[1] <= most * 3 // 2 + 2 * SPARE_NODES


class Failing(HashEvaluator):
    def evaluate(self, planes: Planes) -> NetworkAnswer:
        if self.calls == 5:
            raise MemoryError
        return super().evaluate(planes)


def test_a_failure_is_the_callers() -> None:
    with pytest.raises(MemoryError):
        list(search_all(Failing(SIZE), [position(1, 100)]))


def test_a_game_as_it_was() -> None:
    game = random_game(SIZE, 20, seed=8)
    again = Game(SIZE)
    for turn in range(len(game.moves) + 1):
        earlier = game.at_turn(turn)
        assert earlier.moves == again.moves
        assert earlier.hashes == again.hashes
        assert earlier.stones == again.stones
        assert (earlier.ko, earlier.to_move, earlier.passes) == (again.ko, again.to_move, again.passes)
        if turn < len(game.moves):
            again.play(*game.moves[turn])


def test_seeds_of_positions() -> None:
    games = [random_game(SIZE, 12, seed) for seed in range(30)]
    assert len({position_seed(1, game) for game in games}) == len({game.hashes[-1] for game in games})
    assert position_seed(1, games[0]) == position_seed(1, games[0].at_turn(len(games[0].moves)))
    assert position_seed(1, games[0]) != position_seed(2, games[0])


def test_either_side_may_be_next() -> None:
    for colour in (BLACK, WHITE):
        [report] = search_all(HashEvaluator(SIZE), [SearchPosition(Game(SIZE), colour, 20, seed=1)])
        assert report.analysis is not None
        assert report.analysis.to_move == colour
