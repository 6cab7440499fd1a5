"""The time to think about a move, by what the clock shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from engines.gtp.engine import UNLIMITED, TimeLeft, TimeSettings
from lzeval.go.colour import Colour

MOVES_A_POINT = 0.7
"""Moves of a whole game, by both sides, for each point of the board."""
FEWEST_MOVES_LEFT = 15
"""Own moves that main time must always still be enough for."""
INCREMENT_SHARE = 0.9
"""The share of a Fischer increment that is spent at once."""
LEAST_S = 0.01


@dataclass
class Clock:
    """Clocks of both players, as far as the controller has shown them."""

    lag_s: float = 0.5
    """Seconds a move loses on its way to the controller."""
    settings: TimeSettings = UNLIMITED
    _left: dict[Colour, TimeLeft] = field(default_factory=dict)

    def set(self, settings: TimeSettings) -> None:
        """Start both clocks anew."""
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Back to what the settings say, for a new game."""
        self._left.clear()

    def show(self, colour: Colour, left: TimeLeft) -> None:
        """Take over what the controller's clock shows."""
        self._left[colour] = left

    def left(self, colour: Colour) -> TimeLeft:
        """The time that the clock shows; at the start, byo-yomi if there is no main time."""
        if colour not in self._left:
            settings = self.settings
            in_byo_yomi = settings.main_s <= 0 and settings.byo_yomi_s > 0
            overtime = TimeLeft(settings.byo_yomi_s, settings.periods or settings.byo_yomi_stones)
            self._left[colour] = overtime if in_byo_yomi else TimeLeft(settings.main_s, 0)
        return self._left[colour]

    def spend(self, colour: Colour, seconds: float) -> None:
        """A move has taken so long; wrong at once where the controller tells what its own clock shows."""
        settings, left = self.settings, self.left(colour)
        if settings.unlimited:
            return
        rest = left.seconds - seconds
        if left.stones == 0:
            if rest <= 0 < settings.byo_yomi_s:
                stones = settings.periods or settings.byo_yomi_stones
                self._left[colour] = TimeLeft(settings.byo_yomi_s, stones)
            else:
                most = max(settings.most_main_s, rest)
                self._left[colour] = TimeLeft(min(max(rest, 0.0) + settings.increment_s, most), 0)
        elif settings.periods:
            lost = int(max(0.0, -rest) // settings.byo_yomi_s) + (rest < 0)
            self._left[colour] = TimeLeft(settings.byo_yomi_s, max(1, left.stones - lost))
        elif left.stones == 1:
            self._left[colour] = TimeLeft(settings.byo_yomi_s, settings.byo_yomi_stones)
        else:
            self._left[colour] = TimeLeft(max(rest, 0.0), left.stones - 1)

    def seconds_for(self, colour: Colour, played: int, points: int) -> float | None:
        """Seconds to think about a move after `played` moves on a board of `points`; None: as long as one likes."""
        settings, left = self.settings, self.left(colour)
        if settings.unlimited:
            return None
        if left.stones:
            moves = 1 if settings.periods else left.stones
            return max((left.seconds - self.lag_s) / moves, LEAST_S)
        moves = max(FEWEST_MOVES_LEFT, int(MOVES_A_POINT * points - played) // 2)
        most = left.seconds - self.lag_s
        wanted = most / moves + INCREMENT_SHARE * settings.increment_s
        if settings.byo_yomi_s:
            overtime = settings.byo_yomi_s / (1 if settings.periods else settings.byo_yomi_stones)
            wanted += max(0.0, overtime - self.lag_s)
            most += overtime
        # what a move that takes no time would bring above the limit costs nothing
        lost = left.seconds + settings.increment_s - settings.most_main_s
        wanted = max(wanted, min(lost, settings.increment_s) - self.lag_s)
        most = min(most, settings.most_a_move_s - self.lag_s)
        return max(min(wanted, most), LEAST_S)
