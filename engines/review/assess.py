"""The cost of each move of a game, by the winrates that searches find before it, after it and after the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engines.evaluator.base import Evaluator
from engines.search.position_search import (
    PositionAnalysis,
    SearchPosition,
    position_seed,
    search_all,
)
from lzeval.go.board import BLACK
from lzeval.go.game import Game

SURPRISE = 0.05
"""An answer that lowers a move's winrate by so much has shown what the search overlooked, and counts."""


@dataclass(frozen=True)
class MoveReview:
    """One move; winrates are 0 to 1, for the player who made it."""

    number: int
    """Number of the move, from 1."""
    colour: int
    move: int
    best: int
    """The move that the search before it prefers."""
    before: float
    after: float
    answered: float | None
    """Winrate after the game's next move; None after the last."""
    visits: int
    """The position before the move."""

    @property
    def is_refuted(self) -> bool:
        """True if the answer was stronger than the search had expected."""
        return self.answered is not None and self.after - self.answered >= SURPRISE

    @property
    def outcome(self) -> float:
        """The winrate that the move led to."""
        return self.answered if self.answered is not None and self.is_refuted else self.after

    @property
    def loss(self) -> float:
        """The winrate that the move cost; negative where its sequel looks better than was expected."""
        return self.before - self.outcome

    @property
    def winrate_of_black(self) -> float:
        """Black's winrate after the move."""
        return self.after if self.colour == BLACK else 1 - self.after


def analyse_game(
    evaluator: Evaluator,
    game: Game,
    *,
    visits: int,
    places: int = 16,
    seed: int = 1,
    on_progress: Callable[[], None] = lambda: None,
) -> list[PositionAnalysis]:
    """Search every position of `game`, which has moves, from the first to the one after its last move.

    `on_progress` is called after each.
    """
    players = [colour for colour, _ in game.moves]
    players.append(players[-1].opponent)
    positions = []
    for turn, to_move in enumerate(players):
        earlier = game.at_turn(turn)
        positions.append(SearchPosition(earlier, to_move, visits, position_seed(seed, earlier)))
    found: dict[int, PositionAnalysis] = {}
    for report in search_all(evaluator, positions, places):
        assert report.analysis is not None
        found[report.ticket] = report.analysis
        on_progress()
    return [found[turn] for turn in range(len(positions))]


def review_moves(game: Game, analyses: Sequence[PositionAnalysis]) -> list[MoveReview]:
    """Each move of `game`, from what was found before and after it."""
    reviews = []
    for number, (colour, move) in enumerate(game.moves, 1):
        before = analyses[number - 1]
        winrates = [found.winrate_of(colour) for found in analyses[number - 1 : number + 2]]
        reviews.append(
            MoveReview(
                number,
                colour,
                move,
                best=before.moves[0].move if before.moves else game.pass_move,
                before=winrates[0],
                after=winrates[1],
                answered=winrates[2] if len(winrates) > 2 else None,
                visits=before.visits,
            )
        )
    return reviews


def worst_moves(reviews: Sequence[MoveReview], most: int = 10) -> list[MoveReview]:
    """The moves that cost most, dearest first; not those that the search itself would have made."""
    costly = [review for review in reviews if review.loss > 0 and review.move != review.best]
    return sorted(costly, key=lambda review: -review.loss)[:most]
