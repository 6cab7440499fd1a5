"""Benchmark of search: what it costs beside the network.

    python -m benchmarks.search_overhead --networks big --networks small

First with an evaluator that answers at once: what is left is search alone, in playouts a second on one core.
Then with real networks: how many positions a second they answer in a match, in percent of what the same evaluator
answers when it is called in a bare loop. The two loops take turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Annotated

import numpy as np
import typer

from benchmarks.report import present, run
from engines.evaluator.base import Evaluator, EvaluatorInfo, NetworkAnswer, Planes
from engines.evaluator.load import plan_evaluator, sample_planes
from engines.search.choice import MovePolicy, choose
from engines.search.searcher import BatchInput, Limits, Searcher
from lzeval.go.game import Game
from lzeval.go.openings import Book, load_book
from tournaments.games.network_games import GameJob, GameSettings, NetworkGames, PlayerSettings

SIZE = 19
SLICE_S = 1.0
"""Seconds that one of two loops runs before the other takes its turn."""
LONGEST_GAME = 300
CONCENTRATION = 4.0
"""Standard deviation of made-up logits: few moves are likely, as with a trained network."""


class InstantEvaluator:
    """Answers that were made up beforehand: a policy in which few moves are likely, a value near 0."""

    def __init__(self, batch_size: int, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.info = EvaluatorInfo("instant", "", 0, 0, SIZE, "none", "cpu", "fp32")
        self.batch_size = batch_size
        logits = CONCENTRATION * random.standard_normal((batch_size, SIZE * SIZE + 1))
        policy = np.exp(logits - logits.max(1, keepdims=True))
        self._policy = (policy / policy.sum(1, keepdims=True)).astype(np.float32)
        self._value = (0.1 * random.standard_normal(batch_size)).astype(np.float32)

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        """Answer a batch without looking at its planes, see `Evaluator.evaluate`."""
        del planes
        return NetworkAnswer(self._policy, self._value)


def search_moves(searcher: Searcher, evaluator: Evaluator, games: Sequence[Game], visits: int) -> int:
    """Search every game's position, a batch of trees at a time, and play the best moves. Returns the playouts."""
    trees = np.arange(len(games), dtype=np.int32)
    limits = np.full(len(games), visits, np.int32)
    waiting = BatchInput.of_size(evaluator.batch_size, SIZE)
    for tree, game in enumerate(games):
        searcher.follow(tree, game, game.to_move)
        searcher.make_room(tree, visits)
    already = sum(searcher.visits(tree) for tree in range(len(games)))
    step = evaluator.batch_size
    groups = [trees[start : start + step] for start in range(0, len(trees), step)]
    while groups:
        going_on = []
        for group in groups:
            leaves = searcher.gather(group, limits[: len(group)])
            group, leaves = group[leaves >= 0], leaves[leaves >= 0]
            if len(group):
                searcher.write_planes(group, leaves, waiting)
                answer = evaluator.evaluate(waiting.planes)
                searcher.apply(group, leaves, waiting, answer.policy, answer.value)
                going_on.append(group)
        groups = going_on
    playouts = sum(searcher.visits(tree) for tree in range(len(games))) - already
    for tree, game in enumerate(games):
        chosen = choose(
            searcher.root_moves(tree, untried=False),
            searcher.visits(tree),
            game,
            game.to_move,
            MovePolicy(resign=0),
        )
        game.play(game.to_move, chosen.move)
    return playouts


def begun_games(book: Book, trees: int, seed: int) -> list[Game]:
    """A game for each tree, after an opening of the book."""
    games = []
    for opening in book.chosen(trees, seed):
        game = Game(SIZE)
        for move in opening.moves:
            game.play(game.to_move, move)
        games.append(game)
    return games


def playouts_a_second(book: Book, trees: int, batch: int, visits: int, seconds: float) -> float:
    """Playouts in a second of processor time, by search alone; moves and the reuse of trees are included."""
    evaluator, searcher = InstantEvaluator(batch), Searcher(trees, SIZE, visits + 1)
    search_moves(searcher, evaluator, begun_games(book, trees, 0), min(visits, 16))  # compiles
    games, done, elapsed, rounds = begun_games(book, trees, 1), 0, 0.0, count(2)
    while elapsed < seconds:
        started = time.process_time()
        done += search_moves(searcher, evaluator, games, visits)
        elapsed += time.process_time() - started
        if len(games[0].moves) > LONGEST_GAME or any(game.passes for game in games):
            games = begun_games(book, trees, next(rounds))
    return done / elapsed


@dataclass(frozen=True)
class Rates:
    """Positions a second that one evaluator answered."""

    network: str
    precision: str
    batch: int
    """Positions an evaluation."""
    bare: float
    in_a_match: float

    def row(self) -> dict[str, object]:
        return {
            "network": self.network,
            "precision": self.precision,
            "batch": self.batch,
            "bare_evals_a_second": self.bare,
            "match_evals_a_second": self.in_a_match,
            "percent": 100 * self.in_a_match / self.bare,
        }


def compare_rates(
    network: str,
    book: Book,
    tables: int | None,
    batch: int | None,
    visits: int,
    seconds: float,
    precision: str,
) -> Rates:
    """Run both loops over one evaluator, in turn, for about `seconds` each."""
    plan = plan_evaluator(network, precision=precision, device="cpu", batch_size=batch)
    evaluator = plan.build(threads=1)
    step_of = _bare_loop(evaluator), _match_loop(evaluator, book, tables or 2 * plan.batch_size, visits)
    done, elapsed = [0, 0], [0.0, 0.0]
    while min(elapsed) < seconds:
        for number, step in enumerate(step_of):
            started = time.perf_counter()
            while time.perf_counter() - started < min(SLICE_S, seconds):
                done[number] += step()
            elapsed[number] += time.perf_counter() - started
    bare, in_a_match = (positions / spent for positions, spent in zip(done, elapsed, strict=True))
    return Rates(plan.info.network, plan.precision, plan.batch_size, bare, in_a_match)


Step = Callable[[], int]
"""Does one batch and returns how many positions were answered."""


def _bare_loop(evaluator: Evaluator) -> Step:
    planes = sample_planes(SIZE, evaluator.batch_size)
    evaluator.evaluate(planes)

    def step() -> int:
        evaluator.evaluate(planes)
        return evaluator.batch_size

    return step


def _match_loop(evaluator: Evaluator, book: Book, tables: int, visits: int) -> Step:
    """A match of the network against itself, in which a new game begins where one has ended."""
    player = PlayerSettings("network", "", "", Limits(visits))
    games = NetworkGames(
        (player, player), (evaluator, evaluator), GameSettings(SIZE, event="benchmark"), tables
    )
    games.warm_up()
    jobs = _jobs(book)

    def step() -> int:
        while games.free_slots:
            games.start(next(jobs))
        before = games.evaluations
        games.step()
        return games.evaluations - before

    step()
    return step


def _jobs(book: Book) -> Iterator[GameJob]:
    """Games without end."""
    for number in count():
        opening = book.chosen(1, number)[0]
        yield GameJob(number, f"0_{number}", number, opening, number, number % 2, 1 - number % 2)


def main(
    networks: Annotated[
        list[str] | None, typer.Option(help="Give it once a network; big and small else.")
    ] = None,
    trees: Annotated[int, typer.Option(min=1, help="Trees of the search alone.")] = 16,
    tables: Annotated[
        int | None,
        typer.Option(min=1, help="Of the match; two for each place of a batch if not given."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Positions an evaluation; as in a match if not given.")
    ] = None,
    visits: Annotated[int, typer.Option(min=2, help="Visits a move.")] = 100,
    seconds: Annotated[float, typer.Option(help="Of each loop.")] = 20.0,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    openings: Annotated[str, typer.Option(help="As for lzeval match.")] = "default",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure search alone, then a match's evaluations against the bare evaluator's, on one core."""
    book = load_book(openings, SIZE)
    playouts = playouts_a_second(book, trees, batch or (trees + 1) // 2, visits, seconds)
    rates = [
        compare_rates(network, book, tables, batch, visits, seconds, precision)
        for network in networks or ["big", "small"]
    ]
    facts = {
        "trees": trees,
        "visits": visits,
        "playouts_a_second_of_search_alone": playouts,
        "microseconds_a_playout": 1e6 / playouts,
    }
    present([found.row() for found in rates], facts, as_json=as_json)


if __name__ == "__main__":
    run(main)
