"""A new network against a pool: each pair of games where it tells most about the new one's rating."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from lzeval.errors import UserError
from lzeval.records.record import GameRecord
from lzeval.text.wording import counted, signed
from tournaments.pool.matchmaking import PairStandings
from tournaments.pool.rating import Rated, quick_rating
from tournaments.pool.store import RatingPool
from tournaments.rating.bradley_terry import Rating
from tournaments.runner.progress import Progress

ASK_AGAIN = 4
"""Games between two looks at whether the interval is narrow enough."""


@dataclass
class Gauntlet:
    """Choice of a new network's opponents, and of when its rating is known well enough."""

    pool: RatingPool
    new: str
    opponents: list[str]
    until: float | None = None
    """Elo: enough when the 95 % interval reaches no further than this to either side."""

    def __post_init__(self) -> None:
        if self.until is not None and not self.until > 0:
            raise UserError(f"--until {self.until:g}: must be more than 0 Elo")
        if not self.opponents:
            raise UserError(f"{self.pool.path}: nobody in it whom {self.new} could play against")

    def choose(self, standing: PairStandings) -> tuple[str, str] | None:
        """The next two to meet."""
        opponent = standing.best_opponent(self.new, self.opponents)
        return None if opponent is None else (self.new, opponent)

    def is_enough(self, progress: Progress) -> bool:
        """Tell whether the new one's rating is known as well as wanted."""
        return progress.played_now % ASK_AGAIN == 0 and self.is_reached()

    def is_reached(self) -> bool:
        """The same, of the games in the pool."""
        return self.until is not None and is_narrow(quick_rating(self.pool, self.new), self.until)

    def games(self) -> int:
        """Number of games that the new network has in the pool."""
        return sum(self.new in (black, white) for black, white, _, _ in self.pool.results())


def half_width(rating: Rating | None) -> float | None:
    """Half of the width of the 95 % interval, in Elo; None where there is no finite one."""
    if rating is None or rating.elo is None or rating.low is None or rating.high is None:
        return None
    return (rating.high - rating.low) / 2


def is_narrow(rating: Rating | None, until: float) -> bool:
    """Tell whether the interval reaches no further than `until` Elo to either side."""
    half = half_width(rating)
    return half is not None and half <= until and rating is not None and rating.group == 1


def sentence(rated: Rated, new: str, until: float | None = None) -> str:
    """The finding in one line or two."""
    mine = [game for game in rated.games if new in (game.black, game.white) and game.result.is_decided]
    rating = rated.rating(new)
    if rating is None:
        return f"{new}: no decided game, nothing can be said of its strength."
    met = Counter(_opponent(game, new) for game in mine)
    source = f"from {counted(len(mine), 'game')} against {counted(len(met), 'network')}"
    if rating.elo is None:
        return f"{new}: {rating.note}, {source}."
    assert rating.low is not None
    assert rating.high is not None
    scale = f"where {rated.zero} is fixed" if rated.zero else "where 0 is the mean of all"
    bounds = f"{signed(rating.low)} to {signed(rating.high)}"
    text = f"{new}: {signed(rating.elo)} Elo (95 % interval {bounds}), {scale}; {source}."
    if rating.group != 1 or rating.by_prior:
        by_prior = ": placed by a weak prior" if rating.by_prior else ""
        text += f" {rating.note[:1].upper()}{rating.note[1:]}{by_prior}."
    half = half_width(rating)
    if until is not None and half is not None and half > until:
        text += f" The interval is still wider than +-{until:g}."
    return text


def _opponent(game: GameRecord, new: str) -> str:
    return game.white if game.black == new else game.black
