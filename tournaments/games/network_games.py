"""Many games between networks in one process, their positions evaluated in common batches.

A game depends on its job alone: its trees have their own random numbers, batches have one fixed size, and the answer to
a position does not depend on what else is in the batch. So games may run beside any others, in any order.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engines.evaluator.base import Evaluator
from engines.search.choice import RESIGN, Choice, MovePolicy, choose, suffice
from engines.search.forest import HISTORY, NONE
from engines.search.searcher import Limits, Searcher, Waiting, opponent
from lzeval.go.board import BLACK, Game
from lzeval.go.colour import Colour
from lzeval.go.openings import Opening
from lzeval.records.record import GameRecord
from lzeval.records.result import JIGO, GameResult, Outcome, win


@dataclass(frozen=True)
class PlayerSettings:
    """Who plays, and how."""

    code: str
    engine: str
    """Name and version, as GTP would tell them."""
    description: str
    limits: Limits = Limits()
    move_policy: MovePolicy = MovePolicy()


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
    """Which player has Black, by index."""
    white: int

    @property
    def seats(self) -> tuple[int, int]:
        """Both players, the one with the lower index first: a seat has its own tree and random numbers."""
        return min(self.black, self.white), max(self.black, self.white)

    @property
    def black_seat(self) -> int:
        """0 or 1."""
        return int(self.black > self.white)


@dataclass
class _LiveGame:
    """A board at which a game is going on."""

    job: GameJob
    game: Game
    started: datetime.datetime
    winrates: list[float | None] = field(default_factory=list)

    @property
    def mover(self) -> int:
        """The seat of the player to move."""
        return self.job.black_seat if self.game.to_move == BLACK else 1 - self.job.black_seat


class NetworkGames:
    """Tables at which games go on, each between two of some players, and the evaluators that the players ask."""

    def __init__(
        self,
        players: Sequence[PlayerSettings],
        evaluators: Sequence[Evaluator],
        settings: GameSettings,
        tables: int,
    ) -> None:
        """`evaluators[i]` answers for `players[i]`; one object may answer for several, and then gets fuller batches."""
        self.players = players
        self.settings = settings
        self.evaluations = 0
        """Positions answered so far."""
        self._evaluators = list(evaluators)
        self._searcher = Searcher(2 * tables, settings.size, (players[0].limits.visits or 128) + 1)
        self._tables: list[_LiveGame | None] = [None] * tables
        self._player_of = [0] * (2 * tables)
        """By tree: whose it is."""
        self._trees = np.zeros(tables, np.int32)
        """By table: the tree of the player to move."""
        self._limits = np.zeros(tables, np.int32)
        """By table: root visits that end the present search."""
        self._queues: list[list[tuple[int, int]]] = [[] for _ in evaluators]
        """By evaluator: trees and nodes that wait for it, first come first."""
        first = {id(evaluator): number for number, evaluator in reversed(list(enumerate(evaluators)))}
        self._queue_of = [self._queues[first[id(evaluator)]] for evaluator in evaluators]
        """By player: the queue of the first who has the same evaluator."""
        sizes = {evaluator.batch_size for evaluator in evaluators}
        self._buffers = {size: Waiting(size, settings.size) for size in sizes}
        """By batch size: where a batch's input goes."""
        self._finished: list[GameRecord] = []

    def warm_up(self) -> None:
        """Compile or load all that a game of the first two players calls, and let their evaluators allocate."""
        for evaluator in self._evaluators[:2]:
            evaluator.evaluate(self._buffers[evaluator.batch_size].planes)
        job = GameJob(0, "", 0, Opening("", ()), 0, 0, 1)
        full, self.players = self.players, [replace(p, limits=Limits(visits=2)) for p in self.players]
        self.seat(job)
        while any(table is not None and len(table.game.moves) <= HISTORY for table in self._tables):
            self.step()
        self.players, self.evaluations, self._finished = full, 0, []
        self._tables = [None] * len(self._tables)
        for queue in self._queues:
            queue.clear()

    @property
    def playing(self) -> set[int]:
        """Players who are at a table."""
        return {player for table in self._tables if table is not None for player in table.job.seats}

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
        table = _LiveGame(job, game, datetime.datetime.now())
        for move in job.opening.moves:
            game.play(game.to_move, move)
            table.winrates.append(None)
        self._tables[number] = table
        for seat, player in enumerate(job.seats):
            tree = 2 * number + seat
            self._player_of[tree] = player
            self._searcher.forget(tree)
            self._searcher.seed(tree, tree_seed(job.seed, seat))
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
        evaluator = self._evaluators[number]
        waiting = self._buffers[evaluator.batch_size]
        batch = self._queues[number][: evaluator.batch_size]
        del self._queues[number][: evaluator.batch_size]
        trees = np.array([tree for tree, _ in batch], np.int32)
        leaves = np.array([leaf for _, leaf in batch], np.int32)
        self._searcher.write_planes(trees, leaves, waiting)
        answer = evaluator.evaluate(waiting.planes)
        self._searcher.apply(trees, leaves, waiting, answer.policy, answer.value)
        self.evaluations += len(batch)
        self._run([int(tree) // 2 for tree in trees])

    def _think(self, number: int, table: _LiveGame) -> None:
        """Begin the search for the mover at table `number`."""
        tree = 2 * number + table.mover
        limits = self.players[self._player_of[tree]].limits
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
                    self._queue_of[self._player_of[tree]].append((tree, leaf))
                elif self._move(number, tree):
                    going_on.append(number)
            numbers = going_on

    def _move(self, number: int, tree: int) -> bool:
        """Make the move that the search chose. Returns whether the game goes on."""
        table = self._tables[number]
        assert table is not None
        game, colour = table.game, table.game.to_move
        player = self.players[self._player_of[tree]]
        moves = self._searcher.root_moves(tree, untried=False)
        if not suffice(moves, game, colour):
            moves = self._searcher.root_moves(tree)
        choice = choose(moves, self._searcher.visits(tree), game, colour, player.move_policy)
        result = self._play(table, choice, colour)
        if result is None:
            self._think(number, table)
            return True
        self._finished.append(self._record(table, result))
        self._tables[number] = None
        return False

    def _play(self, table: _LiveGame, choice: Choice, colour: int) -> GameResult | None:
        game = table.game
        if choice.move == RESIGN:
            return win(Colour(opponent(colour)), "R")
        game.play(colour, choice.move)
        table.winrates.append(choice.winrate if colour == BLACK else 1 - choice.winrate)
        if game.passes >= 2:
            return counted(game)
        if len(game.moves) >= self.settings.move_limit:
            return GameResult(Outcome.VOID, note="hit move limit")
        return None

    def _record(self, table: _LiveGame, result: GameResult) -> GameRecord:
        job = table.job
        black, white = self.players[job.black], self.players[job.white]
        return GameRecord(
            game_id=job.game_id,
            black=black.code,
            white=white.code,
            result=result,
            moves=tuple((Colour(colour), move) for colour, move in table.game.moves),
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
    return win(Colour.BLACK if score > 0 else Colour.WHITE, abs(score))


def tree_seed(game_seed: int, seat: int) -> int:
    """What the random numbers of seat 0 or 1 start from in a game."""
    state = np.random.SeedSequence((game_seed, seat)).generate_state(1, np.uint64)
    return int(state[0])
