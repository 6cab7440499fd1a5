"""Time that players think, from which it is known what a move costs each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Thinking:
    """A player's thinking in some games."""

    seconds: float = 0.0
    """Of search and of its share in batches; processor time where a network works on cores, for others that of a clock.
    """
    answers: int = 0
    """Positions that its network has answered in that time; where those are not counted, moves."""
    moves: int = 0
    """Finished moves; a player's first of a game, which has no tree to go on with, is left out."""
    answers_of_moves: int = 0
    """Answers that went into those."""

    def __add__(self, other: Thinking) -> Thinking:
        return Thinking(
            self.seconds + other.seconds,
            self.answers + other.answers,
            self.moves + other.moves,
            self.answers_of_moves + other.answers_of_moves,
        )

    def __sub__(self, other: Thinking) -> Thinking:
        return self + Thinking(-other.seconds, -other.answers, -other.moves, -other.answers_of_moves)


ThinkingOf: TypeAlias = Mapping[str, Thinking]
"""By the players' codes."""


def total(parts: Iterable[ThinkingOf]) -> dict[str, Thinking]:
    """The sum of what several processes have counted."""
    found: dict[str, Thinking] = defaultdict(Thinking)
    for part in parts:
        for code, thinking in part.items():
            found[code] += thinking
    return dict(found)


class ThinkingLog:
    """Counts the thinking of players in games that share batches."""

    def __init__(self, players: int, trees: int) -> None:
        self._seconds = [0.0] * players
        self._answers = [0] * players
        self._moves = [0] * players
        self._answers_of_moves = [0] * players
        self._answers_of_tree = [0] * trees
        """Answers for the move that each tree thinks about."""
        self._is_first = [True] * trees

    def begin_game(self, tree: int) -> None:
        """A player's next move in this tree is its first."""
        self._answers_of_tree[tree], self._is_first[tree] = 0, True

    def answered(self, trees: Iterable[int]) -> None:
        """A position of each of these trees has been answered."""
        for tree in trees:
            self._answers_of_tree[tree] += 1

    def moved(self, tree: int, player: int) -> None:
        """The player has found its move in this tree."""
        if not self._is_first[tree]:
            self._moves[player] += 1
            self._answers_of_moves[player] += self._answers_of_tree[tree]
        self.begin_game(tree)
        self._is_first[tree] = False

    def spent(self, players: list[int], seconds: float) -> None:
        """A batch with positions of these players, one each, has taken so long; they share the time alike."""
        for player in players:
            self._seconds[player] += seconds / len(players)
            self._answers[player] += 1

    def of(self, player: int) -> Thinking:
        return Thinking(
            self._seconds[player], self._answers[player], self._moves[player], self._answers_of_moves[player]
        )
