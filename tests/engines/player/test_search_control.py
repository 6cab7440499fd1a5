from __future__ import annotations

import threading
from contextlib import nullcontext

import pytest

from engines.evaluator.base import NetworkAnswer, Planes
from engines.gtp.engine import Analysis, Reports
from engines.player.arguments import EngineArguments
from engines.player.player import NetworkPlayer
from engines.player.search_control import Reporter
from lzeval.go.colour import Colour
from tests.support.fakes.evaluators import HashEvaluator

SIZE = 9
PATIENCE_S = 60


class HeldUpEvaluator(HashEvaluator):
    """Answers the first position at once, and no other before `released` is set."""

    def __init__(self) -> None:
        super().__init__(SIZE)
        self.released = threading.Event()

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        if self.calls:
            assert self.released.wait(PATIENCE_S), "no reports came"
        return super().evaluate(planes)


@pytest.mark.parametrize("thinks", [False, True], ids=["analyse", "genmove"])
def test_reports_come_while_a_batch_takes_its_time(thinks: bool) -> None:
    evaluator = HeldUpEvaluator()
    seen: list[Analysis] = []

    def send(analysis: Analysis) -> None:
        seen.append(analysis)
        if len(seen) == 3:
            evaluator.released.set()

    player = NetworkPlayer(evaluator, EngineArguments("net"))
    stop = evaluator.released.is_set
    if thinks:
        player.genmove(Colour.BLACK, stop, Reports(send, 0.001))
    else:
        player.analyse(Colour.BLACK, stop, Reports(send, 0.001))
    assert [analysis.visits for analysis in seen[:3]] == [1, 1, 1]


def test_what_goes_wrong_with_a_report_ends_the_search_and_is_raised() -> None:
    def send(analysis: Analysis) -> None:
        raise OSError(f"nobody reads of {analysis.colour.name}")

    player = NetworkPlayer(HashEvaluator(SIZE), EngineArguments("net"))
    with pytest.raises(OSError, match="nobody reads of BLACK"):
        player.analyse(Colour.BLACK, lambda: False, Reports(send, 0.001))


def test_a_searchs_own_failure_comes_before_a_reports() -> None:
    sent = threading.Event()

    def send() -> None:
        sent.set()
        raise OSError("nobody reads")

    with pytest.raises(ZeroDivisionError), Reporter(send, 0.001, nullcontext()):  # noqa: PT012
        assert sent.wait(PATIENCE_S)
        raise ZeroDivisionError


def test_nothing_is_sent_afterwards_nor_while_the_tree_moves() -> None:
    moving, sent = threading.Lock(), threading.Semaphore(0)
    with moving, Reporter(sent.release, 0.001, moving):
        assert not sent.acquire(timeout=0.05), "it looked at a tree that moved"
    assert not sent.acquire(timeout=0.05), "it was over before the tree stood still"
    with Reporter(sent.release, 0.001, moving) as reporter:
        assert sent.acquire(timeout=PATIENCE_S)
    assert reporter.has_reported
