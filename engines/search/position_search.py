"""Many positions searched at once: each in a tree of its own, all of them answered in common batches.

What is found at a position depends on the position, its seed and its visits, and not on what else is searched:
a tree draws from its own random numbers, and the evaluator's batches have one size (see docs/architecture.md).
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engines.evaluator.base import Evaluator
from engines.gtp.engine import Restriction
from engines.search.batcher import Batcher
from engines.search.choice import RootMove, ranked
from engines.search.forest import NODE
from engines.search.searcher import SPARE_NODES, Searcher
from lzeval.compiled.arrays import Floats32
from lzeval.go.board import BLACK
from lzeval.go.game import Game

FIRST_NODES = 512
"""Nodes that a tree has room for before it grows."""
FOREST_BYTES = 1 << 30
"""Memory that all trees together may fill."""


@dataclass(frozen=True)
class SearchPosition:
    """A position to search, and how long."""

    game: Game
    """The game at the position; later moves in it would change that."""
    to_move: int
    visits: int
    seed: int
    priority: int = 0
    """Higher ones first; among equals the order of arrival decides."""
    max_s: float | None = None
    """End the search after so many seconds; what is found then depends on the machine."""
    report_every_s: float | None = None
    """Report what is found so far, again and again."""
    restrictions: Sequence[Restriction] = ()


@dataclass(frozen=True)
class PositionAnalysis:
    """The findings of a search at a position; winrates are 0 to 1."""

    to_move: int
    visits: int
    winrate: float
    """Mean over the visits, for the side to move."""
    raw_winrate: float
    """The network's own opinion, for the side to move."""
    moves: Sequence[RootMove]
    """The moves that were tried, best first."""
    lines: Sequence[Sequence[int]]
    """The principal variation of each of `moves`, which begins with it."""
    priors: Floats32
    """`[size * size + 1]`: the network's policy over the moves that the search may look at, or might without
    restrictions; -1 for others."""

    def winrate_of(self, colour: int) -> float:
        return self.winrate if colour == self.to_move else 1 - self.winrate


@dataclass(frozen=True)
class SearchReport:
    """News of one position."""

    ticket: int
    analysis: PositionAnalysis | None
    """None where the search was stopped before it knew anything."""
    is_final: bool


class PositionSearch:
    """Searches what is added, at most `places` positions at a time, one batch a step."""

    def __init__(
        self,
        evaluator: Evaluator,
        places: int = 16,
        longest_line: int = 20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.info = evaluator.info
        self.most_visits = most_visits(evaluator.info.board_size, places)
        """Most visits of one position; a search that is asked for more ends there."""
        self._longest_line = longest_line
        self._clock = clock
        self._batcher = Batcher(Searcher(places, evaluator.info.board_size, FIRST_NODES))
        self._searcher = self._batcher.searcher
        self._queue = self._batcher.add_queue(evaluator)
        self._next_ticket = 0
        self._order: list[tuple[int, int]] = []
        """The most urgent first; it may still name what was removed from `_later`."""
        self._later: dict[int, SearchPosition] = {}
        """Positions that wait for a tree, by ticket."""
        self._positions: dict[int, SearchPosition] = {}
        """Positions that have a tree, by ticket."""
        self._tickets: list[int | None] = [None] * places
        """Ticket of each tree's position."""
        self._limits = np.zeros(places, np.int32)
        self._ends = np.full(places, np.inf)
        self._next_reports = np.full(places, np.inf)
        self._turn = 0
        """The tree whose leaf is the first to be answered."""

    @property
    def is_busy(self) -> bool:
        return bool(self._later or self._positions)

    def add(self, position: SearchPosition) -> int:
        """Queue a position; its ticket names it in reports."""
        ticket = self._next_ticket
        self._next_ticket += 1
        self._later[ticket] = position
        heapq.heappush(self._order, (-position.priority, ticket))
        return ticket

    def remove(self, ticket: int) -> SearchReport:
        """Stop searching a position and report what is known of it. Raises KeyError if it is not there."""
        if ticket in self._later:
            del self._later[ticket]
            return SearchReport(ticket, None, is_final=True)
        if ticket not in self._positions:
            raise KeyError(ticket)
        return self._finish(self._tickets.index(ticket))

    def step(self) -> list[SearchReport]:
        """Answer one batch of waiting leaves, each tree in its turn; returns the news since the last call."""
        trees = len(self._tickets)
        self._queue.leaves.sort(key=lambda leaf: (leaf[0] - self._turn) % trees)
        answered = self._batcher.step()
        if answered:
            self._turn = answered[-1] + 1
        return [*self._run(), *self._finish_late(), *self._due_reports()]

    def _run(self) -> list[SearchReport]:
        """Let every tree run until it waits for an answer; trees that become free are taken at once."""
        reports: list[SearchReport] = []
        while True:
            self._take_trees()
            trees = [
                tree
                for tree, ticket in enumerate(self._tickets)
                if ticket is not None and not self._batcher.waiting[tree]
            ]
            at_rest = self._batcher.gather(trees, self._limits[trees], [self._queue] * len(trees))
            if not at_rest:
                return reports
            reports += [self._finish(tree) for tree in at_rest if not self._grow(tree)]

    def _take_trees(self) -> None:
        """Give free trees to positions that wait, the most urgent first."""
        while self._order and None in self._tickets:
            _, ticket = heapq.heappop(self._order)
            position = self._later.pop(ticket, None)
            if position is not None:
                self._begin(self._tickets.index(None), ticket, position)

    def _begin(self, tree: int, ticket: int, position: SearchPosition) -> None:
        self._tickets[tree] = ticket
        self._positions[ticket] = position
        self._searcher.forget(tree)
        self._searcher.seed(tree, position.seed)
        self._searcher.follow(tree, position.game, position.to_move, restrictions=position.restrictions)
        self._limits[tree] = min(position.visits, self.most_visits)
        now = self._clock()
        self._ends[tree] = now + (np.inf if position.max_s is None else position.max_s)
        self._next_reports[tree] = now + (
            np.inf if position.report_every_s is None else position.report_every_s
        )

    def _grow(self, tree: int) -> bool:
        """Tell whether a tree that stopped goes on, with more room."""
        visits = self._searcher.visits(tree)
        if visits >= self._limits[tree]:
            return False
        self._searcher.make_room(tree, min(2 * visits, int(self._limits[tree])))
        return True

    def _finish_late(self) -> list[SearchReport]:
        """End the searches whose time is up and that know something."""
        late = np.flatnonzero(self._ends <= self._clock())
        return [self._finish(int(tree)) for tree in late if self._searcher.visits(int(tree))]

    def _due_reports(self) -> list[SearchReport]:
        now = self._clock()
        reports = []
        for tree in np.flatnonzero(self._next_reports <= now).tolist():
            ticket = self._tickets[tree]
            assert ticket is not None
            every = self._positions[ticket].report_every_s
            assert every is not None
            self._next_reports[tree] = now + every
            analysis = self._analysis(tree)
            if analysis is not None:
                reports.append(SearchReport(ticket, analysis, is_final=False))
        return reports

    def _finish(self, tree: int) -> SearchReport:
        """Free a tree, and say what was found in it."""
        ticket = self._tickets[tree]
        assert ticket is not None
        report = SearchReport(ticket, self._analysis(tree), is_final=True)
        self._tickets[tree] = None
        del self._positions[ticket]
        self._searcher.forget(tree)
        self._batcher.drop(tree)
        self._ends[tree] = self._next_reports[tree] = np.inf
        return report

    def _analysis(self, tree: int) -> PositionAnalysis | None:
        root = self._searcher.forest.nodes[tree, 0]
        visits = int(root["visits"])
        if not visits:
            return None
        is_black = int(root["to_move"]) == BLACK
        black, raw = float(root["black"]) / visits, float(root["value"])
        moves = ranked([move for move in self._searcher.root_moves(tree, untried=False) if move.visits])
        lines = [self._searcher.principal_variation(tree, move.move, self._longest_line) for move in moves]
        return PositionAnalysis(
            to_move=int(root["to_move"]),
            visits=visits,
            winrate=black if is_black else 1 - black,
            raw_winrate=raw if is_black else 1 - raw,
            moves=moves,
            lines=lines,
            priors=self._searcher.root_policy(tree),
        )


def search_all(
    evaluator: Evaluator, positions: Sequence[SearchPosition], places: int = 16
) -> Iterator[SearchReport]:
    """Search all of `positions`; reports come as they are made, their tickets the positions' numbers."""
    search = PositionSearch(evaluator, min(places, max(1, len(positions))))
    for position in positions:
        search.add(position)
    while search.is_busy:
        yield from search.step()


def most_visits(size: int, places: int) -> int:
    """The most visits of a position where `places` are searched at once."""
    points = size * size + 1
    node_bytes = NODE.itemsize + points * (np.dtype(np.int8).itemsize + np.dtype(np.float32).itemsize)
    return FOREST_BYTES // (node_bytes * places) - 2 * SPARE_NODES


def position_seed(seed: int, game: Game) -> int:
    """The seed of a position's random numbers: the same for the same stones, another for others."""
    return int(np.random.SeedSequence((seed, game.hashes[-1])).generate_state(1, np.uint64)[0])
