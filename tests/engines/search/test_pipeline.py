from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from engines.evaluator.base import IN_FLIGHT
from engines.evaluator.in_thread import InThread, asynchronous
from engines.search.batcher import Batcher
from engines.search.pipeline import Pipeline, PipelineClosedError, PipelinedBatcher
from engines.search.searcher import Searcher
from lzeval.errors import UserError
from lzeval.go.game import Game
from tests.support.fakes.evaluators import HashEvaluator
from tests.support.fakes.slow_device import SlowDevice

SIZE, VISITS = 5, 24


def new_searcher(trees: int, first_seed: int) -> Searcher:
    """Trees at the empty board, each with a seed of its own."""
    searcher = Searcher(trees, SIZE, VISITS + 1)
    game = Game(SIZE, 7.5)
    for tree in range(trees):
        searcher.seed(tree, first_seed + tree)
        searcher.follow(tree, game, game.to_move)
    return searcher


def search_all(batcher: Batcher, queues: list[int], add: Callable[[int], object]) -> list[list[object]]:
    """Search all trees to VISITS visits, asking for tree `t` the evaluator `queues[t]`; returns their roots' moves."""
    searcher = batcher.searcher
    added = {number: batcher.add_queue(add(number)) for number in sorted(set(queues))}  # type: ignore[arg-type]
    trees = list(range(len(queues)))
    while trees or any(batcher.waiting):
        limits = np.full(len(trees), VISITS, np.int32)
        batcher.gather(trees, limits, [added[queues[tree]] for tree in trees])
        trees = batcher.step()
    return [list(searcher.root_moves(tree)) for tree in range(len(queues))]


def search_in_threads(
    devices: list[SlowDevice] | list[InThread], threads: int, trees: int
) -> tuple[list[list[object]], int]:
    """The same by `threads` threads with `trees` trees each. Returns moves by tree, and evaluations."""
    pipeline = Pipeline()
    batchers = [PipelinedBatcher(new_searcher(trees, trees * n), pipeline) for n in range(threads)]
    found: list[list[list[object]]] = [[] for _ in batchers]
    problems: list[BaseException] = []

    def search(number: int) -> None:
        try:
            with pipeline.taking_part():
                queues = [(tree + number) % len(devices) for tree in range(trees)]
                found[number] = search_all(batchers[number], queues, lambda device: devices[device])
                with pipeline.waiting():
                    pass  # nothing more to add: the others' batches need not wait for this thread
        except PipelineClosedError as closed:
            problems.append(closed.__cause__ or closed)

    running = [threading.Thread(target=search, args=(number,), daemon=True) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
        assert not thread.is_alive()
    pipeline.close()
    if problems:
        raise problems[0]
    return [moves for of_thread in found for moves in of_thread], sum(b.evaluations for b in batchers)


def alone(threads: int, trees: int, count: int) -> tuple[list[list[object]], int]:
    """The same by a `Batcher` alone."""
    moves, evaluations = [], 0
    for number in range(threads):
        batcher = Batcher(new_searcher(trees, trees * number))
        evaluators = [HashEvaluator(SIZE, 4, salt) for salt in range(count)]
        queues = [(tree + number) % count for tree in range(trees)]
        moves += search_all(batcher, queues, lambda each: evaluators[each])  # noqa: B023
        evaluations += batcher.evaluations
    return moves, evaluations


@pytest.mark.parametrize(
    ("threads", "trees", "batch", "count"),
    [(1, 1, 4, 1), (1, 9, 2, 2), (2, 8, 4, 1), (3, 7, 4, 2), (4, 3, 8, 3)],
)
def test_trees_are_those_of_a_thread_that_searches_alone(
    threads: int, trees: int, batch: int, count: int
) -> None:
    """So every row has been answered, and by its own answer; as many as there have to be."""
    devices = [SlowDevice(HashEvaluator(SIZE, batch, salt)) for salt in range(count)]
    assert search_in_threads(devices, threads, trees) == alone(threads, trees, count)
    assert all(not device.under_way for device in devices)


def test_every_row_is_answered_once() -> None:
    """In a batch that is always full no row is left over from an earlier one."""
    evaluator = HashEvaluator(SIZE, 1)
    _, evaluations = search_in_threads([SlowDevice(evaluator)], 3, 5)
    asked = Counter(evaluator.seen)
    assert asked.total() == evaluations
    known = HashEvaluator(SIZE, 1)
    for number in range(3):
        search_all(Batcher(new_searcher(5, 5 * number)), [0] * 5, lambda _: known)
    assert asked == Counter(known.seen)


def test_two_batches_are_under_way_and_no_third() -> None:
    """The device begins with the first when it has two; later ones come while it answers."""
    overlapping = []

    def before(number: int) -> None:
        if number < 6:
            device.wait_for(number + IN_FLIGHT)
        overlapping.append(len(device.submitted) - number)

    device = SlowDevice(HashEvaluator(SIZE, 2), before)
    search_in_threads([device], 2, 6)
    assert overlapping[:6] == [IN_FLIGHT] * 6
    assert device.most_under_way == IN_FLIGHT


def test_threads_search_while_the_device_answers() -> None:
    """The first batch is answered only when another thread has written the next."""
    device = SlowDevice(HashEvaluator(SIZE, 3), lambda number: device.wait_for(min(number + 2, 3)))
    search_in_threads([device], 2, 3)
    assert len(device.submitted) > 3


def test_a_batch_that_nobody_fills_is_not_waited_for() -> None:
    device = SlowDevice(HashEvaluator(SIZE, 64))
    _, evaluations = search_in_threads([device], 3, 2)
    assert evaluations > len(device.submitted) > VISITS // 2


def test_batches_of_two_networks_under_way() -> None:
    one, other = (SlowDevice(HashEvaluator(SIZE, 2, salt)) for salt in (1, 2))
    search_in_threads([one, other], 2, 8)
    assert one.submitted
    assert other.submitted
    assert one.most_under_way <= IN_FLIGHT


@pytest.mark.parametrize("at", [0, 1, 7])
@pytest.mark.parametrize(
    "problem", [MemoryError("of 1 GiB"), UserError("cuda has too little memory"), KeyError("a defect")]
)
def test_what_goes_wrong_on_the_device_ends_all_threads(at: int, problem: Exception) -> None:
    def before(number: int) -> None:
        if number == at:
            raise problem

    with pytest.raises(type(problem)) as caught:
        search_in_threads([SlowDevice(HashEvaluator(SIZE, 2), before)], 3, 4)
    assert caught.value is problem


@pytest.mark.parametrize("what", ["submit", "make_planes"])
def test_a_device_that_takes_nothing(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    device = SlowDevice(HashEvaluator(SIZE, 2))
    problem = UserError("too little memory")

    def refuse(*_: object) -> None:
        raise problem

    monkeypatch.setattr(device, what, refuse)
    pipeline = Pipeline()
    batcher = PipelinedBatcher(new_searcher(4, 1), pipeline)
    with pytest.raises((PipelineClosedError, UserError)) as caught, pipeline.taking_part():
        search_all(batcher, [0] * 4, lambda _: device)
    assert problem in (caught.value, caught.value.__cause__)
    pipeline.close()
    pipeline.close()


def test_closed_while_a_thread_waits() -> None:
    gate = threading.Event()
    device = SlowDevice(HashEvaluator(SIZE, 2), lambda _: gate.wait(60) and None)
    pipeline = Pipeline()
    batcher = PipelinedBatcher(new_searcher(2, 1), pipeline)
    ended = threading.Event()

    def search() -> None:
        with pytest.raises(PipelineClosedError), pipeline.taking_part():
            search_all(batcher, [0, 0], lambda _: device)
        ended.set()

    threading.Thread(target=search, daemon=True).start()
    device.wait_for(1)
    closing = threading.Thread(target=pipeline.close)
    closing.start()
    assert ended.wait(60)
    gate.set()  # what is under way is waited for: its memory is in use
    closing.join(60)
    assert not closing.is_alive()


def test_any_evaluator_may_be_on_a_thread_of_its_own() -> None:
    device = asynchronous(HashEvaluator(SIZE, 4))
    assert isinstance(device, InThread)
    assert asynchronous(device) is device
    found, expected = search_in_threads([device], 2, 5), alone(2, 5, 1)
    assert found == expected
    planes = device.make_planes()
    tickets = [device.submit(planes), device.submit(planes)]
    answers = [ticket.result() for ticket in tickets]
    assert not any(np.isnan(answer.policy).any() for answer in answers)  # which the next call spoils
