"""Our own engine: a network, a search and one game, as GTP knows an engine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from engines.evaluator.base import Evaluator, NetworkAnswer
from engines.gtp.engine import (
    RESIGN,
    AnalysedMove,
    Analysis,
    Heatmap,
    Move,
    Reports,
    Restriction,
    Stop,
    Symmetry,
    TimeLeft,
    TimeSettings,
    never,
)
from engines.player.arguments import EngineArguments
from engines.player.board_player import BoardPlayer
from engines.player.search_control import Reporter, SearchControl, SearchLimits
from engines.player.time_manager import Clock
from engines.search import choice
from engines.search.input_planes import fill_planes
from engines.search.searcher import Searcher
from engines.search.single_tree import TREE, Lane, SingleTree, TreeSearch
from lzeval.errors import UserError
from lzeval.go.colour import EMPTY, WALL, Colour
from lzeval.go.points import SYMMETRIES, format_vertex, symmetry_tables

NOISE_SHARE = 0.25
"""Share of noise in the root's priors, as in AlphaGo Zero (D. Silver et al., 2017)."""
NOISE_TOTAL = 0.03 * 361
"""Sum of the Dirichlet distribution's parameters over all points; AlphaGo Zero has 0.03 for each of 361."""
POLL_S = 0.01


class NetworkPlayer(BoardPlayer):
    """An `engines.gtp.engine.Engine` that asks an evaluator."""

    def __init__(
        self,
        evaluator: Evaluator,
        options: EngineArguments,
        lanes: Sequence[Lane] | None = None,
        tree_search: TreeSearch | None = None,
    ) -> None:
        """`evaluator` answers about single positions; `lanes`, one for each thread, are what searches ask instead.

        With `tree_search`, the player's tree is that one's.
        """
        super().__init__(evaluator.info.board_size)
        self._evaluator = evaluator
        self._options = options
        self._size = evaluator.info.board_size
        self._tree_search = tree_search or SingleTree(
            Searcher(1, self._size, 2048), lanes or [Lane(evaluator)], options.most_nodes
        )
        self._searcher = self._tree_search.searcher
        self._searcher.configure(TREE, options.search)
        self._planes = np.zeros((evaluator.batch_size, 18, self._size, self._size), np.uint8)
        self._clock = Clock(options.lag)
        self._explanation = ""
        self._searched_for: Colour | None = None
        """The colour of the last search for a move, while its tree is as it was then."""
        self.clear()

    def set_board_size(self, size: int) -> None:
        if size != self._size:
            raise UserError(f"this network plays on {self._size}x{self._size} alone")
        self.clear()

    def clear(self) -> None:
        super().clear()
        self._explanation = ""
        self._searched_for = None
        self._random = np.random.default_rng(self._options.seed)
        self._searcher.forget(TREE)
        self._searcher.seed(TREE, self._options.seed)

    def genmove(
        self,
        colour: Colour,
        stop: Stop = never,
        reports: Reports | None = None,
        restrictions: Sequence[Restriction] = (),
    ) -> Move:
        self._searched_for = None
        opening_move = self.next_of(self._options.opening)
        if opening_move is not None and not restrictions:
            self._explanation = "opening"
            return opening_move
        started = time.monotonic()
        self._think(colour, stop, reports, restrictions)
        moves, visits = self._searcher.root_moves(TREE), self._searcher.visits(TREE)
        move_policy = self._options.move_policy
        if restrictions:  # a pass in place of the search's move may be a forbidden one
            move_policy = replace(move_policy, dumb_pass=True)
        chosen = choice.choose(moves, visits, self._game, colour, move_policy)
        if len(self._game.moves) < self._options.random_moves and chosen.move != choice.RESIGN:
            chosen = choice.drawn(moves, chosen, self._game, colour, self._options.temperature, self._random)
        seconds = time.monotonic() - started
        self._clock.spend(colour, seconds)
        self._explanation = self._explain(moves, chosen, seconds)
        self._searched_for = colour
        return RESIGN if chosen.move == choice.RESIGN else chosen.move

    def _think(
        self,
        colour: Colour,
        stop: Stop,
        reports: Reports | None,
        restrictions: Sequence[Restriction] = (),
    ) -> None:
        """Search as long as limits and clock allow."""
        seconds = self._clock.seconds_for(colour, len(self._game.moves), self._size**2)
        limits = self._options.limits if seconds is None else self._options.clock_limits
        self._follow(colour, restrictions)
        self._mix_noise()
        limit = limits.root_visits(self._searcher.visits(TREE))
        control = SearchControl(
            self._searcher, TREE, stop, SearchLimits(limit, seconds, not self._options.full_time)
        )
        if reports is None:
            self._grow(limit, control, impatient=seconds is not None)
            return
        with self._reporter(colour, reports) as reporter:
            self._grow(limit, lambda: control() or reporter.problem is not None, impatient=True)
        reports.send(self.analysis(colour, reports.fewest_moves))

    def _reporter(self, colour: Colour, reports: Reports) -> Reporter:
        """A reporter of the search for `colour`, whose root is expanded first: before, there is nothing to tell."""
        self._expand_root()
        return Reporter(
            lambda: reports.send(self.analysis(colour, reports.fewest_moves)),
            reports.interval_s,
            self._tree_search.lock,
        )

    def _follow(self, colour: Colour, restrictions: Sequence[Restriction] = ()) -> None:
        """Make the game's position the root."""
        self._searcher.follow(
            TREE,
            self._game,
            colour,
            dumb_pass=self._options.move_policy.dumb_pass,
            restrictions=restrictions,
        )

    def _mix_noise(self) -> None:
        if self._options.noise:
            self._expand_root()
            points = self._size**2 + 1
            noise = self._random.dirichlet(np.full(points, NOISE_TOTAL / points))
            self._searcher.mix_root(TREE, noise, NOISE_SHARE)

    def _grow(self, limit: int | None, control: Stop, *, impatient: bool) -> None:
        self._searched_for = None
        with self._forgetting_what_fails():
            self._tree_search.run(limit, control, impatient=impatient)

    def _expand_root(self) -> None:
        with self._forgetting_what_fails():
            self._tree_search.expand_root()

    @contextmanager
    def _forgetting_what_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._searcher.forget(TREE)  # a node in it waits for an answer that will not come
            raise

    def last_analysis(self) -> Analysis | None:
        return self.analysis(self._searched_for) if self._searched_for is not None else None

    def genmove_cleanup(self, colour: Colour, stop: Stop = never) -> Move:
        dead = set(self.dead_stones())
        opponents = [point for point in dead if self.stones()[point] == colour.opponent]
        self._think(colour, stop, None)
        moves = self._searcher.root_moves(TREE)
        chosen = choice.removing(moves, opponents, self._game, colour, self._options.move_policy)
        self._explanation = self._explain(moves, choice.Choice(chosen, self._searcher.winrate(TREE), 0), 0.0)
        return chosen

    def analyse(
        self, colour: Colour, stop: Stop, reports: Reports, restrictions: Sequence[Restriction] = ()
    ) -> None:
        self._follow(colour, restrictions)
        if restrictions:
            self._check_moves()
        with self._reporter(colour, reports) as reporter:

            def is_over() -> bool:
                return stop() or reporter.problem is not None

            self._grow(self._options.analysis_visits, is_over, impatient=True)
            while not is_over():
                time.sleep(POLL_S)
        if not reporter.has_reported:
            reports.send(self.analysis(colour, max(1, reports.fewest_moves)))

    def _check_moves(self) -> None:
        """Raise UserError where restrictions have left none."""
        self._expand_root()
        if not self._searcher.root_moves(TREE):
            raise UserError("no move is left to look at")

    def ponder(self, stop: Stop) -> None:
        colour = self._game.to_move
        self._follow(colour)
        self._mix_noise()
        self._grow(None, stop, impatient=True)

    def analysis(self, colour: Colour, fewest_moves: int = 0) -> Analysis:
        """The findings of the search at the root."""
        searcher = self._searcher
        moves = self._ranked(searcher.root_moves(TREE, untried=fewest_moves > 0))
        shown = [m for number, m in enumerate(moves) if m.visits or number < fewest_moves]
        analysed = tuple(
            AnalysedMove(
                m.move,
                m.visits,
                m.winrate,
                max(0.0, m.lcb),
                m.prior,
                tuple(searcher.principal_variation(TREE, m.move)),
            )
            for m in shown
        )
        return Analysis(colour, searcher.visits(TREE), searcher.winrate(TREE), analysed)

    def _ranked(self, moves: Sequence[choice.RootMove]) -> list[choice.RootMove]:
        return choice.ranked(moves, self._options.search.lcb_share)

    def _explain(self, moves: Sequence[choice.RootMove], chosen: choice.Choice, seconds: float) -> str:
        best = next((move.move for move in self._ranked(moves)), self._game.pass_move)
        line = self._searcher.principal_variation(TREE, best)
        words = " ".join(format_vertex(move, self._size) for move in line)
        return f"winrate {chosen.winrate:.2%}, {chosen.visits} visits, {seconds:.1f} s, {words}"

    def heatmap(self, symmetry: Symmetry) -> Heatmap:
        symmetries = list(range(SYMMETRIES)) if symmetry == "average" else [int(symmetry)]
        policy, value = self._raw(symmetries)
        empty = [cell in (EMPTY, WALL) for cell in self._game.stones]
        thousandths = [int(share * 1000) * is_empty for share, is_empty in zip(policy, empty, strict=True)]
        return Heatmap(thousandths[:-1], thousandths[-1], (1 + value) / 2)

    def _raw(self, symmetries: Sequence[int]) -> tuple[Sequence[float], float]:
        """Policy and the mover's value of the position, averaged over symmetries; the search tree is forgotten."""
        self._searched_for = None
        self._searcher.forget(TREE)
        self._searcher.follow(TREE, self._game, self._game.to_move)
        self._searcher.forget(TREE)
        tables = symmetry_tables(self._size)
        total, value = np.zeros(self._size**2 + 1), 0.0
        for symmetry in symmetries:
            fill_planes(self._searcher.forest, TREE, 0, tables[symmetry], self._planes[0].reshape(18, -1))
            answer: NetworkAnswer = self._evaluator.evaluate(self._planes)
            total[tables[symmetry]] += answer.policy[0]
            value += float(answer.value[0])
        return list(total / len(symmetries)), value / len(symmetries)

    def describe(self) -> str:
        info, limits = self._evaluator.info, self._options.limits
        amounts = []
        if limits.visits is not None:
            amounts.append(f"{limits.visits} visits")
        if limits.playouts is not None:
            amounts.append(f"{limits.playouts} playouts")
        amounts += self._options.search.words()
        return (
            f"lzeval, network {info.network} ({info.blocks} blocks x {info.filters} filters, {info.sha256[:16]}), "
            f"{', '.join(amounts)}, {info.backend} on {info.device}, {info.precision}"
        )

    def explain_last_move(self) -> str:
        return self._explanation

    def set_time_settings(self, settings: TimeSettings) -> None:
        self._clock.set(settings)

    def restart_clocks(self) -> None:
        self._clock.reset()

    def set_time_left(self, colour: Colour, left: TimeLeft) -> None:
        self._clock.show(colour, left)

    def clear_cache(self) -> None:
        self._searcher.forget(TREE)

    def close(self) -> None:
        self._tree_search.close()
