"""How a tournament stands while it is played, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lzeval.records.record import GameRecord
from tournaments.games.faults import Incident
from tournaments.store.game_log import FinishedGame


@dataclass
class LiveGame:
    """A game in progress."""

    game_id: str
    black: str
    white: str
    began_s: float
    """By the monotonic clock."""
    moves: int = 0


@dataclass
class Progress:
    """How a run stands, for whoever shows it; changes while it is looked at."""

    wanted: int | None
    """Games in all, earlier runs' included; None: no end."""
    games: list[FinishedGame]
    slots: dict[int, LiveGame] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)
    """Of this run."""
    suspended: dict[str, str] = field(default_factory=dict)
    abandoned: list[str] = field(default_factory=list)
    """Ids of games that were void too often."""
    played_now: int = 0
    seconds: float = 0.0
    parallel: int = 1

    @property
    def records(self) -> list[GameRecord]:
        return [game.record for game in self.games]

    @property
    def seconds_left(self) -> float | None:
        """Until the last game ends, at the speed of this run; None before its first game, and without an end."""
        if not self.played_now or self.wanted is None:
            return None
        return max(0, self.wanted - len(self.games)) * self.seconds / self.played_now

    @property
    def is_clean(self) -> bool:
        """Whether no engine failed: time losses and illegal moves are play, bad as it is."""
        technical = [incident for incident in self.incidents if incident.fault.is_technical]
        return not (technical or self.suspended or self.abandoned)


Event = Mapping[str, Any]
"""Something that happened, in plain values; `event` says what."""
Listener = Callable[[Event], None]
