"""Many games between networks in one process, their positions evaluated in common batches.

A game depends on its job alone: its trees have their own random numbers, batches have one fixed size, and the answer to
a position does not depend on what else is in the batch. So games may run beside any others, in any order.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engines.evaluator.base import Evaluator
from engines.search.batcher import Batcher
from engines.search.choice import RESIGN, Choice, MovePolicy, choose, suffice
from engines.search.forest import HISTORY
from engines.search.searcher import Limits, Searcher
from engines.search.settings import SearchSettings
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.go.openings import Opening
from lzeval.records.record import GameRecord
from lzeval.records.result import JIGO, GameResult, Outcome, win
from tournaments.games.thinking import Thinking, ThinkingLog


@dataclass(frozen=True)
class PlayerSettings:
    """A network as a player: what it is called, and how it searches and moves."""

    code: str
    engine: str
    """Name and version, as GTP would tell them."""
    description: str
    limits: Limits = Limits()
    move_policy: MovePolicy = MovePolicy()
    search: SearchSettings = SearchSettings()


@dataclass(frozen=True)
class GameSettings:
    """Settings common to all games."""

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
    def players(self) -> tuple[int, int]:
        """Both players, the one with the lower index first: each has its own tree and random numbers, by place here."""
        return min(self.black, self.white), max(self.black, self.white)

    @property
    def black_place(self) -> int:
        """Black's place in `players`, 0 or 1."""
        return int(self.black > self.white)


@dataclass
class _LiveGame:
    """A game that is going on."""

    job: GameJob
    game: Game
    started: datetime.datetime
    winrates: list[float | None] = field(default_factory=list)

    @property
    def mover(self) -> int:
        """The place of the player to move."""
        return self.job.black_place if self.game.to_move is Colour.BLACK else 1 - self.job.black_place


class NetworkGames:
    """Games that go on together, each between two of some players, and the evaluators that the players ask.

    A game has a slot, and slot `n` the trees `2n` and `2n + 1` for the game's two players.
    """

    def __init__(
        self,
        players: Sequence[PlayerSettings],
        evaluators: Sequence[Evaluator],
        settings: GameSettings,
        slots: int,
        batcher: Callable[[Searcher], Batcher] = Batcher,
        clock: Callable[[], float] = time.process_time,
    ) -> None:
        """`evaluators[i]` answers for `players[i]`; one object may answer for several, and then gets fuller batches.

        `clock` times players' thinking, in seconds: where evaluators work on this process's cores, the processor's own,
        as other programs may want them too.
        """
        self._clock = clock
        self.players = players
        self.settings = settings
        self._searcher = Searcher(2 * slots, settings.size, (players[0].limits.visits or 128) + 1)
        self._batcher = batcher(self._searcher)
        different = {id(evaluator): evaluator for evaluator in evaluators}
        queues = {key: self._batcher.add_queue(evaluator) for key, evaluator in different.items()}
        self._queue_of_player = [queues[id(evaluator)] for evaluator in evaluators]
        self._games: list[_LiveGame | None] = [None] * slots
        self._player_of = [0] * (2 * slots)
        """Numbers of players, by tree."""
        self._limits = np.zeros(2 * slots, np.int32)
        """By tree: root visits that end the present search."""
        self._finished: list[GameRecord] = []
        self._log = ThinkingLog(len(players), 2 * slots)

    def warm_up(self) -> None:
        """Compile or load all that a game of the first two players calls, and let their evaluators allocate."""
        size = self.settings.size
        for queue in self._queue_of_player[:2]:
            evaluator = queue.evaluator
            evaluator.evaluate(np.zeros((evaluator.batch_size, 18, size, size), np.uint8))
        job = GameJob(0, "", 0, Opening("", ()), 0, 0, 1)
        full, self.players = self.players, [replace(p, limits=Limits(visits=2)) for p in self.players]
        self.start(job)
        while any(live is not None and len(live.game.moves) <= HISTORY for live in self._games):
            self.step()
        self.players, self._batcher.evaluations, self._finished = full, 0, []
        self._games = [None] * len(self._games)
        self._log = ThinkingLog(len(full), 2 * len(self._games))
        for tree in range(2 * len(self._games)):
            self._batcher.drop(tree)

    @property
    def evaluations(self) -> int:
        """Positions answered so far."""
        return self._batcher.evaluations

    @property
    def thinking(self) -> dict[str, Thinking]:
        """Thinking of two players so far, by code; that of more is of no use, and nobody's."""
        if len(self.players) > 2:
            return {}
        return {player.code: self._log.of(number) for number, player in enumerate(self.players)}

    @property
    def playing(self) -> set[int]:
        """Players who have a game."""
        return {player for live in self._games if live is not None for player in live.job.players}

    @property
    def free_slots(self) -> int:
        return self._games.count(None)

    @property
    def is_busy(self) -> bool:
        return any(live is not None for live in self._games)

    def start(self, job: GameJob) -> None:
        """Begin a game in a free slot."""
        slot = self._games.index(None)
        game = Game(self.settings.size, self.settings.komi)
        live = _LiveGame(job, game, datetime.datetime.now())
        for move in job.opening.moves:
            game.play(game.to_move, move)
            live.winrates.append(None)
        self._games[slot] = live
        for place, player in enumerate(job.players):
            tree = 2 * slot + place
            self._player_of[tree] = player
            self._log.begin_game(tree)
            self._searcher.configure(tree, self.players[player].search)
            self._searcher.forget(tree)
            self._searcher.seed(tree, tree_seed(job.seed, place))
        self._run([self._think(slot, live)])

    def step(self) -> list[GameRecord]:
        """Answer one batch of waiting positions; returns the games that ended since the last call.

        The evaluator with the most waiting positions is asked. With twice as many slots as a batch has places,
        its batch is always full.
        """
        began_s = self._clock()
        trees = self._batcher.step()
        players = [self._player_of[tree] for tree in trees]
        self._log.answered(trees)
        self._run(trees)
        self._log.spent(players, self._clock() - began_s)
        finished, self._finished = self._finished, []
        return finished

    def _think(self, slot: int, live: _LiveGame) -> int:
        """Set up the search for the mover's next move; returns its tree."""
        tree = 2 * slot + live.mover
        limits = self.players[self._player_of[tree]].limits
        self._searcher.follow(tree, live.game, live.game.to_move)
        self._limits[tree] = limit = limits.root_visits(self._searcher.visits(tree))
        self._searcher.make_room(tree, limit)
        return tree

    def _run(self, trees: list[int]) -> None:
        """Search on in these trees until each game waits for an evaluator, making moves as searches end."""
        while trees:
            queues = [self._queue_of_player[self._player_of[tree]] for tree in trees]
            at_rest = self._batcher.gather(trees, self._limits[trees], queues)
            trees = [tree for tree in map(self._move, at_rest) if tree is not None]

    def _move(self, tree: int) -> int | None:
        """Make the move that the search chose. Returns the tree to search next; None if the game is over."""
        live = self._games[tree // 2]
        assert live is not None
        game, colour = live.game, live.game.to_move
        player = self.players[self._player_of[tree]]
        self._log.moved(tree, self._player_of[tree])
        moves = self._searcher.root_moves(tree, untried=False)
        if not suffice(moves, game, colour, player.move_policy):
            moves = self._searcher.root_moves(tree)
        choice = choose(moves, self._searcher.visits(tree), game, colour, player.move_policy)
        result = self._play(live, choice, colour)
        if result is None:
            return self._think(tree // 2, live)
        self._finished.append(self._record(live, result))
        self._games[tree // 2] = None
        return None

    def _play(self, live: _LiveGame, choice: Choice, colour: Colour) -> GameResult | None:
        game = live.game
        if choice.move == RESIGN:
            return win(colour.opponent, "R")
        game.play(colour, choice.move)
        live.winrates.append(choice.winrate if colour is Colour.BLACK else 1 - choice.winrate)
        if game.passes >= 2:
            return counted(game)
        if len(game.moves) >= self.settings.move_limit:
            return GameResult(Outcome.VOID, note="hit move limit")
        return None

    def _record(self, live: _LiveGame, result: GameResult) -> GameRecord:
        job = live.job
        black, white = self.players[job.black], self.players[job.white]
        return GameRecord(
            game_id=job.game_id,
            black=black.code,
            white=white.code,
            result=result,
            moves=tuple(live.game.moves),
            size=self.settings.size,
            komi=self.settings.komi,
            date=live.started.strftime("%Y-%m-%d"),
            event=self.settings.event,
            opening=job.opening.name,
            pair=job.pair,
            seed=job.seed,
            black_engine=black.engine,
            white_engine=white.engine,
            black_description=black.description,
            white_description=white.description,
            black_winrates=tuple(live.winrates),
        )


def counted(game: Game) -> GameResult:
    """The result by Tromp-Taylor area count, every stone alive."""
    score = game.area_score()
    if score == 0:
        return JIGO
    return win(Colour.BLACK if score > 0 else Colour.WHITE, abs(score))


def tree_seed(game_seed: int, place: int) -> int:
    """The seed of the random numbers of the player in place 0 or 1 of a game."""
    state = np.random.SeedSequence((game_seed, place)).generate_state(1, np.uint64)
    return int(state[0])
