"""Filters: the games and positions that are taken, and the games that are held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lzeval.compiled.arrays import Ints64

HOLDOUT_STEPS = 1_000_000
"""Resolution of the share of games that is held out."""
SPREAD = 0x9E3779B97F4A7C15
"""An odd number that spreads keys over 64 bits (2**64 divided by the golden ratio)."""


@dataclass(frozen=True)
class Selection:
    """Filters; the defaults take everything."""

    min_moves: int = 0
    min_rank: float | None = None
    """The lowest rank of both players, as `rank_number` counts."""
    handicap: tuple[int, int] | None = None
    """Fewest and most stones."""
    komi: tuple[float, float] | None = None
    """Smallest and largest."""
    sample: int = 1
    """Take one in so many positions, the same ones whatever else is packed."""
    from_move: int = 1
    to_move: int | None = None
    """First and last move whose positions are taken, counted from 1."""
    holdout: float = 0.0
    """Share of games, 0 to 1, that is kept apart. Which ones depends on the games alone."""

    def refuses(
        self, moves: int, komi: float, handicap: float, black_rank: float, white_rank: float
    ) -> str | None:
        """The reason not to take a game; None if it is taken. Facts that are not known (NaN) do not meet a filter."""
        if moves < self.min_moves:
            return f"fewer than {self.min_moves} moves"
        if self.min_rank is not None and not (black_rank >= self.min_rank and white_rank >= self.min_rank):
            return "a rank too low or unknown"
        if self.handicap is not None and not self.handicap[0] <= handicap <= self.handicap[1]:
            return "another handicap"
        if self.komi is not None and not self.komi[0] <= komi <= self.komi[1]:
            return "another komi or none given"
        return None

    def plies(self, count: int, key: int) -> Ints64 | None:
        """Choose those of a game's `count` positions that are taken, ascending; None: all."""
        if self.sample == 1 and self.from_move <= 1 and self.to_move is None:
            return None
        plies = np.arange(
            max(0, self.from_move - 1), count if self.to_move is None else min(count, self.to_move)
        )
        if self.sample > 1:
            words = (plies.astype(np.uint64) + np.uint64(key)) * np.uint64(SPREAD)
            plies = plies[(words >> np.uint64(32)) % np.uint64(self.sample) == 0]
        return plies

    def holds_out(self, key: int) -> bool:
        """Tell whether the game of that `game_key` belongs to the holdout."""
        step = (key * SPREAD % 2**64 >> 32) % HOLDOUT_STEPS
        return step < round(self.holdout * HOLDOUT_STEPS)
