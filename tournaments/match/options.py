"""Options of a match, and which of them are refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from engines.search.settings import SearchSettings
from lzeval.errors import UserError
from lzeval.go.openings import DEFAULT
from lzeval.go.points import LARGEST, SMALLEST
from lzeval.text.decimals import parse_integer
from tournaments.plan.stopping import Gatekeeper
from tournaments.rating.sprt import Sprt

USUAL_VISITS = 100
LIMITS = ("visits", "playouts")
"""Fields of PlayerOptions that end a search."""


@dataclass(frozen=True)
class PlayerOptions:
    """One player of a match, as `lzeval match` takes it."""

    text: str
    """A weights file, a checkpoint, a bundled name or another program, as the command line has it."""
    visits: int | None = USUAL_VISITS
    """A move, reused ones included; None: no limit."""
    playouts: int | None = None
    """New ones a move; None: no limit."""
    search: SearchSettings = SearchSettings()
    """How it searches; for networks alone."""

    def check(self) -> None:
        """Raise UserError for a limit that cannot be, or for none at all."""
        if self.visits is None and self.playouts is None:
            raise UserError("a limit is needed: --visits or --playouts")
        for name in LIMITS:
            _check_count(name, getattr(self, name))
        self.search.check("search setting ")
        if self.search.virtual_loss != SearchSettings.virtual_loss:
            raise UserError(
                f"search setting virtual_loss {self.search.virtual_loss}: changes nothing in a match, whose trees"
                " wait for one answer at a time"
            )


T = TypeVar("T")
Each: TypeAlias = "int | tuple[int | None, int | None] | None"
"""A number for both players, or one for each; None: no limit."""
Settings: TypeAlias = Mapping[str, Any]
"""Values of some search settings by name."""


def player_options(
    a: str,
    b: str,
    visits: Each = USUAL_VISITS,
    playouts: Each = None,
    search: Settings | tuple[Settings, Settings] = MappingProxyType({}),
) -> tuple[PlayerOptions, PlayerOptions]:
    """Options of the players `a` and `b`, with limits and search settings for both or for each.

    Raises UserError for a search setting that there is not.
    """
    visits_a, visits_b = _both(visits)
    playouts_a, playouts_b = _both(playouts)
    search_a, search_b = _both(search)
    return (
        PlayerOptions(a, visits_a, playouts_a, _search_settings(search_a)),
        PlayerOptions(b, visits_b, playouts_b, _search_settings(search_b)),
    )


def _both(value: T | tuple[T, T]) -> tuple[T, T]:
    return value if isinstance(value, tuple) else (value, value)


def _search_settings(values: Settings) -> SearchSettings:
    names = [each.name for each in fields(SearchSettings)]
    for name in values:
        if name not in names:
            raise UserError(f"there is no search setting {name!r}; there are {', '.join(names)}")
    return SearchSettings(**values)


def parse_each(text: str, option: str) -> tuple[int, int]:
    """Numbers of both players from `100`, which is for both, or `100,200`. Raises UserError, with `option`'s name."""
    parts = text.split(",")
    if len(parts) > 2 or not all(part.strip() for part in parts):
        raise UserError(f"{option} {text!r}: one number is wanted, or A's and B's as in {option} 100,200")
    try:
        numbers = [parse_integer(part) for part in parts]
    except ValueError as exc:
        raise UserError(f"{option} {text!r}: {exc}") from exc
    return numbers[0], numbers[-1]


def _check_count(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise UserError(f"--{name.replace('_', '-')} {value}: must be at least 1")


@dataclass(frozen=True)
class MatchOptions:
    """Options of a match, as `lzeval match` takes them."""

    players: tuple[PlayerOptions, PlayerOptions]
    """A and B; A is Black in even-numbered games."""
    games: int = 400
    komi: float | None = None
    """None: that of the openings, see `komi_for`."""
    size: int = 19
    move_limit: int | None = None
    """None: twice the points of the board."""
    resign: float = 10.0
    """Percent."""
    seed: int = 1
    openings: str = DEFAULT
    precision: str = "auto"
    device: str = "auto"
    threads: int | None = None
    """Processes, one thread each; None: one for each core."""
    out: str | None = None
    sprt: Sprt | None = None
    """Stop as soon as this test has decided; `games` is the cap."""
    until_decided: float | None = None
    """Stop when the games that are left cannot change whether player A makes this share, 0 to 1, of the points."""
    equal_time: bool = False
    """Choose B's visits so that a move takes both players the same time; see `tournaments.match.equal_time`."""
    prior: bool = True
    """Let a prior give the players of the table a rating where one of them won every game."""

    def common(self, limit: str) -> bool:
        """Tell whether both players have the same `limit`, one of LIMITS."""
        a, b = self.players
        return bool(getattr(a, limit) == getattr(b, limit))

    @property
    def book_argument(self) -> str:
        """`openings` as it is told to programs in other folders."""
        return str(Path(self.openings).resolve()) if Path(self.openings).is_file() else self.openings

    def _check_equal_time(self) -> None:
        a, b = self.players
        if a.playouts is not None or b.playouts is not None:
            raise UserError("--equal-time chooses visits: leave --playouts out")
        if a.visits != b.visits:
            raise UserError(
                f"--equal-time chooses B's visits: give A's alone, as in --visits {a.visits or USUAL_VISITS}"
            )

    def check(self) -> None:
        """Raise UserError for what cannot be played."""
        if self.games < 2 or self.games % 2:
            raise UserError(
                f"--games {self.games}: must be an even number, 2 or more; each opening is played with either colour"
            )
        if self.sprt is not None and self.until_decided is not None:
            raise UserError("--sprt and --until-decided: a match can have only one of them")
        for player in self.players:
            player.check()
        if self.equal_time:
            self._check_equal_time()
        _check_count("move_limit", self.move_limit)
        _check_count("threads", self.threads)
        if not 0 <= self.resign < 50:
            raise UserError(f"--resign {self.resign:g}: must be a percentage from 0 (never) to below 50")
        if not SMALLEST <= self.size <= LARGEST:
            raise UserError(f"--size {self.size}: must be from {SMALLEST} to {LARGEST}")
        if self.seed < 0:
            raise UserError(f"--seed {self.seed}: must be 0 or more")
        if self.komi is not None and (not math.isfinite(self.komi) or self.komi * 2 != int(self.komi * 2)):
            raise UserError(f"--komi {self.komi:g}: must be whole or half points")
        if self.komi is not None and abs(self.komi) > self.size**2:
            raise UserError(f"--komi {self.komi:g}: is more than the board has points")
        if self.until_decided is not None:
            Gatekeeper(self.until_decided, self.games, "")  # which checks it
