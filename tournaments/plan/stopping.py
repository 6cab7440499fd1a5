"""Rules that stop a match before its last game: a sequential test, or a gatekeeper that is certain.

A rule takes the games in the order of their numbers, whatever order they end in, and looks after each pair or game. The
verdict is therefore the same however many games are played at once, and a game's length has no say in it. Games after
the deciding one, finished or under way, do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, Protocol

from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from lzeval.text import wording
from tournaments.rating.elo import estimate
from tournaments.rating.pairs import DistinctPairs, score_of
from tournaments.rating.sequential import StoppedEstimate, after_stop, plan
from tournaments.rating.sprt import Sprt, Verdict

ROUNDING = 1e-9
"""0.55 of 20 points is a hair more than 11, as a processor multiplies."""


class StoppingRule(Protocol):
    """A rule that a match asks after every game."""

    @property
    def games(self) -> int:
        """Number of games that have been looked at: all whose numbers are less than this."""
        ...

    @property
    def is_decided(self) -> bool: ...

    def add(self, number: int, game: GameRecord) -> None:
        """Take game `number` of the match, and look at what can be looked at now."""

    def standing(self) -> str:
        """The state of the rule, for the line of progress."""

    def verdict_lines(self) -> list[str]:
        """The outcome in words."""

    def as_dict(self) -> dict[str, Any]: ...


class PairedTest:
    """A sequential test fed with pairs of games: 2k and 2k + 1 of the match are pair k.

    A pair counts as it does in the match's estimate: not if one of its games was void, nor if one repeats a game of an
    earlier pair.
    """

    def __init__(self, test: Sprt, player: str, opponent: str) -> None:
        self.test, self.player, self.opponent = test, player, opponent
        self.games = 0
        self.counts = [0] * 5
        self.llr = 0.0
        self.verdict: Verdict = "undecided"
        self._waiting: dict[int, GameRecord] = {}
        self._distinct = DistinctPairs()

    @property
    def is_decided(self) -> bool:
        return self.verdict != "undecided"

    def add(self, number: int, game: GameRecord) -> None:
        self._waiting[number] = game
        while not self.is_decided and {self.games, self.games + 1} <= self._waiting.keys():
            self._look_at(self._waiting.pop(self.games), self._waiting.pop(self.games + 1))
            self.games += 2

    def _look_at(self, first: GameRecord, second: GameRecord) -> None:
        half_points = self._distinct.half_points(first, second, self.player)
        if half_points is None:
            return
        self.counts[half_points] += 1
        self.llr = self.test.llr(self.counts)
        self.verdict = self.test.verdict(self.llr)

    @property
    def stopped(self) -> StoppedEstimate | None:
        """Estimate that allows for when the match stopped; None without a single pair."""
        return after_stop(self.test, self.counts) if any(self.counts) else None

    def standing(self) -> str:
        return f"LLR {wording.signed(self.llr, 2)} ({self.test.lower:.2f} to {self.test.upper:+.2f})"

    def verdict_lines(self) -> list[str]:
        test = self.test
        facts = f"after {wording.counted(self.games, 'game')}, {self.standing()}"
        likelier = {
            "accepted": f": {test.elo1:+g} Elo is likelier than {test.elo0:+g}",
            "rejected": f": {test.elo0:+g} Elo is likelier than {test.elo1:+g}",
            "undecided": "; the cap of games came first",
        }[self.verdict]
        lines = [f"SPRT {test.describe()}: {self.verdict} {facts}{likelier}"]
        if self.stopped is not None:
            found = self.stopped.describe()
            lines.append(f"{self.player} over {self.opponent}: {found}, allowing for when the match stopped")
        return lines

    def as_dict(self) -> dict[str, Any]:
        found = estimate(self.counts) if self.stopped is not None else None
        return {
            **asdict(self.test),
            "lower": self.test.lower,
            "upper": self.test.upper,
            "player": self.player,
            "games": self.games,
            "counts": self.counts,
            "llr": self.llr,
            "verdict": self.verdict,
            "elo": found and found.elo,
            "elo95": found and found.elo95,
            "los": found and found.los,
            "median_unbiased": self.stopped and self.stopped.as_dict(),
        }


class Gatekeeper:
    """Ends a match of a fixed number of games when the rest can no longer change who passes.

    The player passes with at least `threshold`, 0 to 1, of the points of the decided games; a jigo is half a point.
    Games that are still to come may be won, lost or void.
    """

    def __init__(self, threshold: float, wanted: int, player: str) -> None:
        if not 0 < threshold < 1:
            raise UserError(f"--until-decided {threshold:g}: must be a share of wins above 0 and below 1")
        self.threshold, self.wanted, self.player = threshold, wanted, player
        self.games = self.decided = 0
        self.points = 0.0
        self._waiting: dict[int, GameRecord] = {}

    @property
    def verdict(self) -> Literal["passed", "failed", "undecided"]:
        left = self.wanted - self.games
        if self.decided + left == 0:
            return "undecided"
        needed = self.threshold * (self.decided + left) - ROUNDING
        if self.points >= needed:
            return "passed"
        return "failed" if self.points + left < needed else "undecided"

    @property
    def is_decided(self) -> bool:
        return self.verdict != "undecided"

    def add(self, number: int, game: GameRecord) -> None:
        self._waiting[number] = game
        while not self.is_decided and self.games in self._waiting:
            self._look_at(self._waiting.pop(self.games))
            self.games += 1

    def _look_at(self, game: GameRecord) -> None:
        if game.result.is_decided:
            self.decided += 1
            self.points += score_of(game, self.player)

    def standing(self) -> str:
        return f"{self.points:g} of {self.decided} points, {100 * self.threshold:g} % wanted"

    def verdict_lines(self) -> list[str]:
        line = (
            f"{self.player} {self.verdict}: {self.points:g} {'point' if self.points == 1 else 'points'} of"
            f" {wording.counted(self.decided, 'decided game')},"
            f" {100 * self.threshold:g} % wanted"
        )
        if self.games == self.wanted:
            return [line]
        return [
            f"{line}; stopped after {self.games} of {wording.counted(self.wanted, 'game')}, "
            "and the estimate is conditional on that"
        ]

    def as_dict(self) -> dict[str, Any]:
        return {
            "threshold": self.threshold,
            "player": self.player,
            "wanted": self.wanted,
            "games": self.games,
            "decided": self.decided,
            "points": self.points,
            "verdict": self.verdict,
        }


def counted(rule: StoppingRule | None, games: Mapping[int, GameRecord]) -> list[GameRecord]:
    """The games that count, in order: all of them without a rule, or where it came to no decision."""
    numbers = sorted(games)
    if rule is not None and rule.is_decided:
        numbers = [number for number in numbers if number < rule.games]
    return [games[number] for number in numbers]


def expected_length(test: Sprt, cap: int) -> str:
    """Expected length of a test of at most `cap` games, in one line."""
    rows = plan(test, [test.elo0, (test.elo0 + test.elo1) / 2, test.elo1], cap=cap)
    lengths = ", ".join(f"{row.games:.0f} at {row.elo:+g}" for row in rows)
    undecided = max(row.undecided for row in rows)
    return f"games to expect by true Elo: {lengths}; up to {100 * undecided:.0f} % end undecided at {cap}"
