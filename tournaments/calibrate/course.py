"""The course of a calibration: pairs of games in their order, each at the level that tells most, until it is enough.

Pairs count in the order of their numbers, and the level of pair k is chosen by the results of the pairs before number
k - `ahead` and by nothing else: neither which game happens to end first, nor how many are played at once, has a say
in levels or verdict. The pairs between are known by their levels, which the choice allows for.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lzeval.records.record import GameRecord
from tournaments.calibrate.curve import Curves, Posterior
from tournaments.calibrate.finding import Finding, find, sentences, standing
from tournaments.calibrate.scale import Scale
from tournaments.calibrate.stopping import GOING_ON, endings, expected_pairs_left
from tournaments.plan.competition import MatchupSpec
from tournaments.plan.schedule import Place
from tournaments.rating.pairs import DistinctPairs
from tournaments.runner.progress import Progress


@dataclass(frozen=True)
class Level:
    """A level of the ladder as a matchup: the player that is calibrated at one setting, and its opponent."""

    value: int
    matchup: MatchupSpec


class Course:
    """The schedule of a calibration's games, and its rule for stopping. Games 2k and 2k + 1 are pair k."""

    def __init__(
        self,
        player: str,
        levels: Sequence[Level],
        setting: str,
        scale: Scale,
        curves: Curves,
        width: float,
        pairs: int,
        ahead: int,
        played: Collection[Place] = (),
        opponent: str = "",
    ) -> None:
        """`curves` are at the levels; `width` is wanted, in units; `pairs` are played at most, `played` are games.

        `opponent` is how it is called in sentences, with its visits; its code if not given.
        """
        self.levels, self.setting, self.scale = levels, setting, scale
        self.width, self.wanted, self._ahead = width, 2 * pairs, ahead
        self.progress: Progress | None = None
        """The run whose games these are, which knows of games that cannot be played."""
        self.pairs = 0
        """Pairs that have been looked at: all with smaller numbers."""
        self.verdict = GOING_ON
        self.posterior: Posterior = curves.posterior(np.zeros((1, len(levels), 5)))
        self._name = player
        self.opponent = opponent or levels[0].matchup.player_1
        """The opponent in words, with how much it may think."""
        self._places = {level.matchup.id: place for place, level in enumerate(levels)}
        self._chosen = {number // 2: self._places[matchup] for matchup, number in played}
        """Place in the ladder by the number of the pair."""
        self._issued = {number for _, number in played}
        self._returned: list[int] = []
        self._finished: dict[int, GameRecord] = {}
        self._distinct = DistinctPairs()
        for pair in range(ahead):
            self._choose(pair)

    # Schedule

    def next(self, suspended: Collection[str] = ()) -> tuple[MatchupSpec, int] | None:
        """The next game, now in progress; None where there is none, or a player is suspended."""
        self._look()
        if suspended or self.is_decided:
            return None
        number = heapq.heappop(self._returned) if self._returned else self._first_new()
        if number is None:
            return None
        self._issued.add(number)
        return self.levels[self._chosen[number // 2]].matchup, number

    def give_back(self, matchup: MatchupSpec, number: int) -> None:
        """The game has not been played after all."""
        del matchup
        heapq.heappush(self._returned, number)

    def _first_new(self) -> int | None:
        end = min(2 * (self.pairs + self._ahead), self.wanted)
        return next((number for number in range(2 * self.pairs, end) if number not in self._issued), None)

    def _choose(self, pair: int) -> None:
        """Choose the level of a pair by the pairs that have been looked at; those between have theirs."""
        if pair in self._chosen:
            return
        pending = np.zeros((1, len(self.levels)))
        for earlier in range(self.pairs, pair):
            pending[0, self._chosen[earlier]] += 1
        self._chosen[pair] = int(self.posterior.next_level(pending)[0])

    # Rule for stopping

    @property
    def games(self) -> int:
        return 2 * self.pairs

    @property
    def is_decided(self) -> bool:
        return self.verdict != GOING_ON

    def add(self, number: int, game: GameRecord) -> None:
        """Take game `number`, and look at the pairs that are complete."""
        self._finished[number] = game
        self._look()

    def _look(self) -> None:
        while not self.is_decided and self.pairs < self.wanted // 2 and self._is_settled(self.pairs):
            first, second = (self._finished.get(2 * self.pairs + game) for game in (0, 1))
            self.pairs += 1
            if first is not None and second is not None:
                self._count(self.pairs - 1, first, second)
            self._choose(self.pairs - 1 + self._ahead)

    def _is_settled(self, pair: int) -> bool:
        """Tell whether both games have ended, or cannot be played."""
        return all(
            number in self._finished or self._is_abandoned(pair, number)
            for number in (2 * pair, 2 * pair + 1)
        )

    def _is_abandoned(self, pair: int, number: int) -> bool:
        if self.progress is None:
            return False
        return self.levels[self._chosen[pair]].matchup.game_id(number) in self.progress.abandoned

    def _count(self, pair: int, first: GameRecord, second: GameRecord) -> None:
        level = self._chosen[pair]
        half_points = self._distinct.half_points(first, second, self.levels[level].matchup.player_2)
        if half_points is None:
            return
        counts = self.posterior.counts.copy()
        counts[0, level, half_points] += 1
        self.posterior = self.posterior.curves.posterior(counts)
        self.verdict = int(
            endings(self.posterior.curves, self.posterior.interval(), counts.sum(axis=(1, 2)), self.width)[0]
        )

    def pairs_left(self) -> float:
        """Number of pairs that are still to be expected."""
        if self.is_decided:
            return 0.0
        left = expected_pairs_left(self.posterior, self.width)
        return min(left, self.wanted / 2 - self.pairs)

    # What is told

    def finding(self) -> Finding:
        values = tuple(level.value for level in self.levels)
        return find(self.posterior, values, self.scale, self.setting, self.verdict)

    def standing(self) -> str:
        return standing(self.finding())

    def verdict_lines(self) -> list[str]:
        return sentences(self.finding(), self._name, self.opponent, self.scale, self.width)

    def as_dict(self) -> dict[str, Any]:
        return {**self.finding().as_dict(), "games": self.games}


def places_of(games: Mapping[Place, object], levels: Sequence[Level]) -> list[Place]:
    """Those of `games` that are of the levels."""
    ids = {level.matchup.id for level in levels}
    return [place for place in games if place[0] in ids]
