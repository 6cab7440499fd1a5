"""The state of a match, a tournament or a pool while it is played."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lzeval.go.openings import game_of
from lzeval.records.record import GameRecord
from tournaments.games.faults import Incident
from tournaments.games.thinking import ThinkingOf

if TYPE_CHECKING:
    from tournaments.plan.stopping import StoppingRule


@dataclass
class LiveGame:
    """A game in progress."""

    game_id: str
    black: str
    white: str
    began_s: float
    """Time of its beginning by the monotonic clock."""
    moves: int = 0
    row: int = 0
    """Line of the display, the same from the game's beginning to its end."""


@dataclass
class NodeProgress:
    """A node's share in a run."""

    kind: str
    slots: int = 0
    """Games that it plays at a time; 0: it does not play."""
    playing: int = 0
    games: int = 0
    """Finished games that counted."""
    evaluations: int = 0


@dataclass
class Progress:
    """State of a run; other threads may look at it while it changes."""

    wanted: int | None
    """Number of games in all, those in `games` at the start included; None: no end."""
    games: list[GameRecord] = field(default_factory=list)
    """Finished games that count, in the order in which they ended."""
    rule: StoppingRule | None = None
    """Is shown every game that `add` takes, and stops the run when it has decided."""
    live: dict[str, LiveGame] = field(default_factory=dict)
    """Games in progress by id, as far as they are followed."""
    incidents: list[Incident] = field(default_factory=list)
    """Faults in this run."""
    suspended: dict[str, str] = field(default_factory=dict)
    """Players who play no more, and why."""
    abandoned: list[str] = field(default_factory=list)
    """Ids of games that were void too often."""
    nodes: dict[str, NodeProgress] = field(default_factory=dict)
    """Shares of a cluster's nodes, by name; empty where this machine plays alone."""
    played_now: int = 0
    """Games finished in this run."""
    evaluations: int = 0
    """Positions evaluated in this run."""
    thinking: ThinkingOf = field(default_factory=dict)
    """Thinking of the players in this run, as far as it is counted."""
    seconds: float = 0.0
    """Since this run began to play."""
    is_stopping: bool = False
    """Whether no more games are to begin."""

    def add(self, game: GameRecord, *, is_new: bool = True) -> None:
        """Count a finished game; one of an earlier run is not new."""
        self.games.append(game)
        self.played_now += is_new
        number = game_of(game.game_id)
        if self.rule is not None and number is not None:
            self.rule.add(number, game)
            self.is_stopping = self.is_stopping or self.rule.is_decided

    def begin(self, game_id: str, black: str, white: str, began_s: float) -> LiveGame:
        """Follow a game that begins now, in the first row of the display that is free."""
        rows = {game.row for game in self.live.values()}
        row = next(row for row in range(len(rows) + 1) if row not in rows)
        game = self.live[game_id] = LiveGame(game_id, black, white, began_s, row=row)
        return game

    def moved(self, game_id: str, moves: int) -> None:
        """Note the number of moves of a game in progress."""
        game = self.live.get(game_id)
        if game is not None:
            game.moves = moves

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to play."""
        return self.is_stopping or (self.wanted is not None and len(self.games) >= self.wanted)

    @property
    def seconds_left(self) -> float | None:
        """Time until the last game ends, at this run's speed; None before its first game, and without an end."""
        if not self.played_now or self.wanted is None:
            return None
        return max(0, self.wanted - len(self.games)) * self.seconds / self.played_now

    @property
    def is_clean(self) -> bool:
        """Whether no engine failed: time losses and illegal moves are play, bad as it is."""
        technical = [incident for incident in self.incidents if incident.fault.is_technical]
        return not (technical or self.suspended or self.abandoned)


Watcher = Callable[[Progress], None]
"""Is shown the progress of a run every now and then."""
Event = Mapping[str, Any]
"""Something that happened in a tournament, in plain values; `event` says what."""
Listener = Callable[[Event], None]
