"""Many games between two networks in one process, their positions evaluated in common batches.

A game depends on its job alone: its trees have their own random numbers, batches have one fixed size, and the answer to
a position does not depend on what else is in the batch. So games may run beside any others, in any order.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engines.evaluator.base import Evaluator
from engines.search.choice import RESIGN, Choice, Habits, choose, suffice
from engines.search.forest import HISTORY, NONE
from engines.search.searcher import Limits, Searcher, Waiting, opponent
from lzeval.core.board import BLACK, Game
from tournaments.openings import Opening
from tournaments.results import JIGO, Colour, GameRecord, GameResult, Outcome, win

LETTERS: dict[int, Colour] = {1: "b", 2: "w"}


@dataclass(frozen=True)
class PlayerSettings:
    """One side of a match."""

    code: str
    engine: str
    """Name and version, as GTP would tell them."""
    description: str
    limits: Limits = Limits()
    habits: Habits = Habits()


@dataclass(frozen=True)
class GameSettings:
    size: int = 19
    komi: float = 7.5
    move_limit: int = 722
    """The game is void when it has so many moves."""
    event: str = ""


@dataclass(frozen=True)
class GameJob:
    """One game to play."""

    number: int
    game_id: str
    pair: int
    opening: Opening
    seed: int
    black: int
    """Which of the two players has Black, 0 or 1."""


@dataclass
class _Table:
    """A board at which a game is going on."""

    job: GameJob
    game: Game
    started: datetime.datetime
    winrates: list[float | None] = field(default_factory=list)

    @property
    def mover(self) -> int:
        """The player to move, 0 or 1."""
        return self.job.black if self.game.to_move == BLACK else 1 - self.job.black


class Room:
    """Tables at which games go on, and the two evaluators their players ask."""

    def __init__(
        self,
        players: Sequence[PlayerSettings],
        evaluators: Sequence[Evaluator],
        settings: GameSettings,
        tables: int,
    ) -> None:
        """`evaluators[i]` answers for `players[i]`; both may be the same object, which then gets fuller batches."""
        self.players = players
        self.settings = settings
        self.evaluations = 0
        """Positions answered so far."""
        self._evaluators = list(evaluators)
        self._searcher = Searcher(2 * tables, settings.size, (players[0].limits.visits or 128) + 1)
        self._tables: list[_Table | None] = [None] * tables
        self._trees = np.zeros(tables, np.int32)
        """By table: the tree of the player to move."""
        self._limits = np.zeros(tables, np.int32)
        """By table: root visits that end the present search."""
        self._queues: list[list[tuple[int, int]]] = [[] for _ in evaluators]
        """By evaluator: trees and nodes that wait for it, first come first."""
        self._buffers = [Waiting(evaluator.batch_size, settings.size) for evaluator in evaluators]
        self._finished: list[GameRecord] = []

    def warm_up(self) -> None:
        """Compile or load all that a game will call, and let the evaluators allocate what they need."""
        for evaluator, waiting in zip(self._evaluators, self._buffers, strict=True):
            evaluator.evaluate(waiting.planes)
        job = GameJob(0, "", 0, Opening("", ()), 0, 0)
        full, self.players = self.players, [replace(p, limits=Limits(visits=2)) for p in self.players]
        self.seat(job)
        while any(table is not None and len(table.game.moves) <= HISTORY for table in self._tables):
            self.step()
        self.players, self.evaluations, self._finished = full, 0, []
        self._tables = [None] * len(self._tables)
        self._queues = [[] for _ in self._queues]

    @property
    def free_tables(self) -> int:
        return self._tables.count(None)

    @property
    def is_busy(self) -> bool:
        return any(table is not None for table in self._tables)

    def seat(self, job: GameJob) -> None:
        """Begin a game at a free table."""
        number = self._tables.index(None)
        game = Game(self.settings.size, self.settings.komi)
        table = _Table(job, game, datetime.datetime.now())
        for move in job.opening.moves:
            game.play(game.to_move, move)
            table.winrates.append(None)
        self._tables[number] = table
        for player in (0, 1):
            self._searcher.forget(2 * number + player)
            self._searcher.seed(2 * number + player, tree_seed(job.seed, player))
        self._think(number, table)
        self._run([number])

    def step(self) -> list[GameRecord]:
        """Answer one batch of waiting positions; returns the games that ended since the last call.

        The evaluator with the most waiting positions is asked. With twice as many tables as a batch has places,
        its batch is always full.
        """
        if any(self._queues):
            number = max(range(len(self._queues)), key=lambda e: len(self._queues[e]))
            self._answer(number)
        finished, self._finished = self._finished, []
        return finished

    def _answer(self, number: int) -> None:
        evaluator, waiting = self._evaluators[number], self._buffers[number]
        batch = self._queues[number][: evaluator.batch_size]
        del self._queues[number][: evaluator.batch_size]
        trees = np.array([tree for tree, _ in batch], np.int32)
        leaves = np.array([leaf for _, leaf in batch], np.int32)
        self._searcher.write_planes(trees, leaves, waiting)
        answer = evaluator.evaluate(waiting.planes)
        self._searcher.apply(trees, leaves, waiting, answer.policy, answer.value)
        self.evaluations += len(batch)
        self._run([int(tree) // 2 for tree in trees])

    def _think(self, number: int, table: _Table) -> None:
        """Begin the search for the mover at table `number`."""
        tree = 2 * number + table.mover
        limits = self.players[table.mover].limits
        self._searcher.follow(tree, table.game, table.game.to_move)
        limit = limits.root_visits(self._searcher.visits(tree))
        self._searcher.make_room(tree, limit)
        self._trees[number], self._limits[number] = tree, limit

    def _run(self, numbers: list[int]) -> None:
        """Search on at these tables until each waits for an evaluator, making moves as searches end."""
        while numbers:
            trees = self._trees[numbers]
            leaves = self._searcher.gather(trees, self._limits[numbers])
            going_on = []
            for number, tree, leaf in zip(numbers, trees.tolist(), leaves.tolist(), strict=True):
                if leaf != NONE:
                    self._queue_of(tree % 2).append((tree, leaf))
                elif self._move(number, tree):
                    going_on.append(number)
            numbers = going_on

    def _queue_of(self, player: int) -> list[tuple[int, int]]:
        shared = self._evaluators[0] is self._evaluators[1]
        return self._queues[0 if shared else player]

    def _move(self, number: int, tree: int) -> bool:
        """Make the move that the search chose. Returns whether the game goes on."""
        table = self._tables[number]
        assert table is not None
        game, colour = table.game, table.game.to_move
        player = self.players[table.mover]
        moves = self._searcher.root_moves(tree, untried=False)
        if not suffice(moves, game, colour):
            moves = self._searcher.root_moves(tree)
        choice = choose(moves, self._searcher.visits(tree), game, colour, player.habits)
        result = self._play(table, choice, colour)
        if result is None:
            self._think(number, table)
            return True
        self._finished.append(self._record(table, result))
        self._tables[number] = None
        return False

    def _play(self, table: _Table, choice: Choice, colour: int) -> GameResult | None:
        game = table.game
        if choice.move == RESIGN:
            return win(LETTERS[opponent(colour)], "R")
        game.play(colour, choice.move)
        table.winrates.append(choice.winrate if colour == BLACK else 1 - choice.winrate)
        if game.passes >= 2:
            return counted(game)
        if len(game.moves) >= self.settings.move_limit:
            return GameResult(Outcome.VOID, note="hit move limit")
        return None

    def _record(self, table: _Table, result: GameResult) -> GameRecord:
        job = table.job
        black, white = self.players[job.black], self.players[1 - job.black]
        return GameRecord(
            game_id=job.game_id,
            black=black.code,
            white=white.code,
            result=result,
            moves=tuple((LETTERS[colour], move) for colour, move in table.game.moves),
            size=self.settings.size,
            komi=self.settings.komi,
            date=table.started.strftime("%Y-%m-%d"),
            event=self.settings.event,
            opening=job.opening.name,
            pair=job.pair,
            seed=job.seed,
            black_engine=black.engine,
            white_engine=white.engine,
            black_description=black.description,
            white_description=white.description,
            black_winrates=tuple(table.winrates),
        )


def counted(game: Game) -> GameResult:
    """The result by Tromp-Taylor area count, every stone alive."""
    score = game.area_score()
    if score == 0:
        return JIGO
    return win("b" if score > 0 else "w", abs(score))


def tree_seed(game_seed: int, player: int) -> int:
    """What a player's random numbers start from in a game."""
    state = np.random.SeedSequence((game_seed, player)).generate_state(1, np.uint64)
    return int(state[0])
