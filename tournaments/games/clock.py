"""A clock for both players that the tournament keeps: engines are told what it shows, and lose when it runs out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from engines.gtp.engine import TimeLeft, TimeSettings
from lzeval.go.colour import Colour

LAG_S = 0.1
"""Seconds of each move that are not counted: what pipes and a busy machine may take."""


@dataclass
class _Side:
    """One player's clock."""

    main_s: float
    overtime_s: float
    """Seconds left of the byo-yomi period going on."""
    stones: int
    """Moves still to be made in the period, or Japanese periods left."""


class GameClock:
    """Absolute time, Japanese or Canadian byo-yomi, or Fischer, as the settings have it."""

    def __init__(self, settings: TimeSettings, lag_s: float = LAG_S) -> None:
        self.settings = settings
        self.lag_s = lag_s
        stones = settings.periods or settings.byo_yomi_stones
        self._sides = {c: _Side(settings.main_s, settings.byo_yomi_s, stones) for c in Colour}

    def left(self, colour: Colour) -> TimeLeft:
        """The time shown before the player's next move."""
        side = self._sides[colour]
        if side.main_s > 0 or not side.stones:
            return TimeLeft(side.main_s, 0)
        return TimeLeft(side.overtime_s, side.stones)

    def patience_s(self, colour: Colour) -> float:
        """Seconds that the next move may take at most."""
        side, settings = self._sides[colour], self.settings
        if settings.unlimited:
            return math.inf
        periods = side.stones if settings.periods else min(side.stones, 1)
        return side.main_s + periods * side.overtime_s + self.lag_s

    def spend(self, colour: Colour, seconds: float) -> bool:
        """A move took so long. Returns whether it came in time; the clock then stands for the next one."""
        if seconds > self.patience_s(colour):
            return False
        if not self.settings.unlimited:
            self._spend(self._sides[colour], max(0.0, seconds - self.lag_s))
        return True

    def _spend(self, side: _Side, used_s: float) -> None:
        settings = self.settings
        over_s = used_s - side.main_s
        side.main_s = max(0.0, -over_s)
        if over_s < 0 or not settings.byo_yomi_s:
            side.main_s += settings.increment_s
        elif settings.periods:
            side.stones -= max(0, math.ceil(over_s / settings.byo_yomi_s) - 1)
        elif over_s > 0 or used_s == 0:
            self._spend_canadian(side, over_s)

    def _spend_canadian(self, side: _Side, used_s: float) -> None:
        side.overtime_s -= used_s
        side.stones -= 1
        if side.stones == 0:
            side.overtime_s, side.stones = self.settings.byo_yomi_s, self.settings.byo_yomi_stones


# Telling engines


@dataclass(frozen=True)
class ClockTalk:
    """The way in which one engine is told of the clock."""

    start: str | None
    """The command before a game; None if the engine takes none."""
    tells_left: bool
    """True if it wants to know before each move."""
    folds_periods: bool = False
    """True if Japanese periods but the last are shown as main time, to an engine that knows none."""

    def time_left(self, colour: Colour, clock: GameClock) -> str:
        left, settings = clock.left(colour), clock.settings
        if self.folds_periods:
            left = _folded(left, settings)
        return f"time_left {colour.letter} {int(left.seconds)} {left.stones}"


def clock_talk(settings: TimeSettings, knows: Callable[[str], bool]) -> ClockTalk:
    """The best form that an engine understands: plain GTP where that says all, else KGS's or KataGo's."""
    start, folds = _start_command(settings, knows)
    return ClockTalk(start, knows("time_left"), folds)


def _start_command(settings: TimeSettings, knows: Callable[[str], bool]) -> tuple[str | None, bool]:
    kind = _kind(settings)
    if kind == "byoyomi":
        for prefix in ("kgs", "kata"):
            if knows(f"{prefix}-time_settings"):
                return f"{prefix}-time_settings {_in_words(settings)}", False
    if kind == "fischer" and knows("kata-time_settings"):
        return f"kata-time_settings {_in_words(settings)}", False
    if not knows("time_settings"):
        return None, kind == "byoyomi"
    main_s, overtime_s, stones = settings.main_s, settings.byo_yomi_s, settings.byo_yomi_stones
    if kind == "byoyomi":
        main_s, stones = main_s + (settings.periods - 1) * overtime_s, 1
    return f"time_settings {main_s:g} {overtime_s:g} {stones}", kind == "byoyomi"


def _folded(left: TimeLeft, settings: TimeSettings) -> TimeLeft:
    """A Japanese clock for an engine that knows one period only."""
    if left.stones == 1:
        return left
    spare = (left.stones or settings.periods) - 1
    return TimeLeft(spare * settings.byo_yomi_s + (0 if left.stones else left.seconds), 0)


def _kind(settings: TimeSettings) -> str:
    if settings.unlimited:
        return "none"
    if settings.periods:
        return "byoyomi"
    if settings.increment_s:
        return "fischer"
    return "canadian" if settings.byo_yomi_stones else "absolute"


def _in_words(settings: TimeSettings) -> str:
    """The arguments of `kata-time_settings`."""
    kind = _kind(settings)
    numbers: dict[str, tuple[float, ...]] = {
        "absolute": (settings.main_s,),
        "fischer": (settings.main_s, settings.increment_s),
        "canadian": (settings.main_s, settings.byo_yomi_s, settings.byo_yomi_stones),
        "byoyomi": (settings.main_s, settings.byo_yomi_s, settings.periods),
    }
    return " ".join([kind, *(f"{number:g}" for number in numbers.get(kind, ()))])


# In the record


def sgf_settings(settings: TimeSettings) -> dict[str, str]:
    """SGF's TM and OT."""
    overtime = {
        "byoyomi": f"{settings.periods}x{settings.byo_yomi_s:g} byo-yomi",
        "canadian": f"{settings.byo_yomi_stones}/{settings.byo_yomi_s:g} Canadian",
        "fischer": f"{settings.increment_s:g} fischer",
    }
    kind = _kind(settings)
    if kind == "none":
        return {}
    return {"TM": f"{settings.main_s:g}"} | ({"OT": overtime[kind]} if kind in overtime else {})


def sgf_left(colour: Colour, left: TimeLeft) -> dict[str, str]:
    """SGF's BL and OB, or WL and OW, of a node: what the clock shows after the move."""
    letter = colour.letter.upper()
    shown = {f"{letter}L": f"{left.seconds:.3f}".rstrip("0").rstrip(".")}
    return shown | ({f"O{letter}": str(left.stones)} if left.stones else {})
