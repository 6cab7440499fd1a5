"""Loading and allocating for a first search, done before anybody waits for it."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import numpy as np

from engines.evaluator.base import EvaluatorInfo, NetworkAnswer, Planes
from engines.gtp.engine import Analysis, Reports, never
from engines.player.arguments import EngineArguments
from engines.player.player import NetworkPlayer
from engines.search.single_tree import VISITS_A_PLACE, Lane
from lzeval.go.colour import Colour

SIZE = 5
WIDE = 4
"""Positions of a large batch; small ones, so that a small search has them."""


class _Indifferent:
    """An evaluator to which all moves are alike."""

    def __init__(self, batch_size: int) -> None:
        self.info = EvaluatorInfo("none", "", 1, 1, SIZE, "none", "cpu", "fp32")
        self.batch_size = batch_size

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        moves = SIZE * SIZE + 1
        policy = np.full((len(planes), moves), 1 / moves, np.float32)
        return NetworkAnswer(policy, np.zeros(len(planes), np.float32))


def _ignore(_analysis: Analysis) -> None:
    pass


def warm_up(lanes: Sequence[Lane]) -> None:
    """Load what a search, its reports and a game's score call, and let the evaluators of `lanes` allocate."""
    for lane in lanes:
        for evaluator in filter(None, (lane.single, lane.wide)):
            size = evaluator.info.board_size
            evaluator.evaluate(np.zeros((evaluator.batch_size, 18, size, size), np.uint8))
    single = _Indifferent(1)
    options = EngineArguments("none", visits=2 * WIDE * VISITS_A_PLACE)
    player = NetworkPlayer(single, options, [Lane(single, _Indifferent(WIDE))])
    for colour in Colour:
        player.genmove(colour, never, Reports(_ignore, 1.0, fewest_moves=1))
    player.final_score()
    player.close()
    gc.collect()
    gc.freeze()  # what has been loaded stays: looking at it again would hold up reports for a tenth of a second
