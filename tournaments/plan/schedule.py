"""The order of a tournament's games: gomill's, whatever has been played, is being played, or was given back."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from tournaments.plan.competition import MatchupSpec

Place = tuple[str, int]
"""A game: its matchup's id and its number in it."""


class GameOrder(Protocol):
    """The order of games: which comes next, whatever has been played or was given back."""

    @property
    def wanted(self) -> int | None:
        """Number of games in all; None: no end."""
        ...

    def next(self, suspended: Collection[str] = ()) -> tuple[MatchupSpec, int] | None:
        """The next game, now in progress, of players who are not `suspended`; None if there is none now."""
        ...

    def give_back(self, matchup: MatchupSpec, number: int) -> None:
        """The game has not been played after all."""
        ...


class Schedule:
    """Hands out the games of all matchups."""

    def __init__(self, matchups: Sequence[MatchupSpec], played: Collection[Place]) -> None:
        self._series = {matchup.id: _Series(matchup, _of(matchup, played)) for matchup in matchups}

    def next(self, suspended: Collection[str] = ()) -> tuple[MatchupSpec, int] | None:
        """The next game, now in progress: of the matchup with the fewest issued games, the first of those.

        None if there is nothing left that players not `suspended` could play.
        """
        able = [
            s for s in self._series.values() if s.can_issue and not set(s.matchup.players) & set(suspended)
        ]
        if not able:
            return None
        series = min(able, key=lambda s: s.issued)  # the first of equals, in the order of the file
        return series.matchup, series.issue()

    def give_back(self, matchup: MatchupSpec, number: int) -> None:
        """The game has not been played after all."""
        self._series[matchup.id].give_back(number)

    @property
    def wanted(self) -> int | None:
        """Number of games in all; None: no end."""
        numbers = [series.matchup.number_of_games for series in self._series.values()]
        return None if None in numbers else sum(number or 0 for number in numbers)


class _Series:
    """The games of one matchup."""

    def __init__(self, matchup: MatchupSpec, played: set[int]) -> None:
        self.matchup = matchup
        self.issued = len(played)
        self._played = played
        self._fresh = 0
        self._returned: list[int] = []
        self._skip_played()

    def _skip_played(self) -> None:
        while self._fresh in self._played:
            self._fresh += 1

    @property
    def can_issue(self) -> bool:
        limit = self.matchup.number_of_games
        return bool(self._returned) or limit is None or self._fresh < limit

    def issue(self) -> int:
        self.issued += 1
        if self._returned:
            return heapq.heappop(self._returned)
        number = self._fresh
        self._fresh += 1
        self._skip_played()
        return number

    def give_back(self, number: int) -> None:
        self.issued -= 1
        heapq.heappush(self._returned, number)


def _of(matchup: MatchupSpec, played: Iterable[Place]) -> set[int]:
    return {number for matchup_id, number in played if matchup_id == matchup.id}
