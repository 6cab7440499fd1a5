"""Judges of openings, and what they say of a position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engines.evaluator.load import EvaluatorPlan
from engines.search.position_search import PositionAnalysis, SearchPosition, position_seed, search_all
from lzeval.go.colour import Colour
from lzeval.go.game import Game

Moves = tuple[int, ...]
"""An opening: indices, Black first, colours alternating."""
LEAST_SHARE = 0.003
"""Moves that have less of the policy are not kept."""


@dataclass(frozen=True)
class Judgement:
    """What a judge says of the position after an opening."""

    winrate: float
    """Black's, 0 to 1; a jigo is half a win."""
    lead: float | None
    """Black's in points, komi counted; None where the judge does not count points."""
    policy: tuple[tuple[int, float], ...]
    """Moves on the board and their shares, LEAST_SHARE or more, the largest first."""


class Judge(Protocol):
    """Anything that knows how even a position is."""

    @property
    def title(self) -> str:
        """Name and hash, by which judgements are the same judge's."""
        ...

    def judged(self, openings: Sequence[Moves], visits: int) -> Iterator[tuple[int, Judgement]]:
        """The judgement of each opening after a search of `visits`, with its place, in any order."""
        ...


def played(moves: Moves, size: int, komi: float = 0.0) -> Game:
    """The game that begins with an opening. Raises IllegalMoveError."""
    game = Game(size, komi)
    for move in moves:
        game.play(game.to_move, move)
    return game


def policy_of(shares: Sequence[float]) -> tuple[tuple[int, float], ...]:
    """A judgement's policy of the shares of all moves, the pass last; those that are illegal have none or -1."""
    likely = [(move, float(share)) for move, share in enumerate(shares[:-1]) if share >= LEAST_SHARE]
    return tuple(sorted(likely, key=lambda item: (-item[1], item[0])))


class NetworkJudge:
    """A network of ours as a judge. It knows no komi: its winrates are for the komi it has learnt from."""

    def __init__(self, plan: EvaluatorPlan, size: int, komi: float, threads: int) -> None:
        self._plan, self._size, self._komi = plan, size, komi
        self._evaluator = plan.build(threads)
        self.title = f"{plan.info.network}, sha256 {plan.info.sha256}"

    def judged(self, openings: Sequence[Moves], visits: int) -> Iterator[tuple[int, Judgement]]:
        positions = []
        for moves in openings:
            game = played(moves, self._size, self._komi)
            positions.append(SearchPosition(game, int(game.to_move), visits, position_seed(1, game)))
        for report in search_all(self._evaluator, positions):
            assert report.analysis is not None
            yield report.ticket, _of_analysis(report.analysis)


def _of_analysis(found: PositionAnalysis) -> Judgement:
    shares = np.clip(found.priors, 0, None)
    return Judgement(found.winrate_of(int(Colour.BLACK)), None, policy_of((shares / shares.sum()).tolist()))
