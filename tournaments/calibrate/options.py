"""Options of a calibration, the settings that can be calibrated, and which are refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from lzeval.errors import UserError
from tournaments.calibrate.scale import DOUBLINGS, Scale
from tournaments.match.options import MatchOptions, PlayerOptions
from tournaments.match.players import HIGHEST_LEVEL, is_program

MOST_ELO = 600.0
"""Where the wanted score is 97 %, pairs tell too little."""
NARROWEST = 0.2
"""Width of an interval in units."""
AHEAD = 8


@dataclass(frozen=True)
class Setting:
    """A setting of a player that its strength grows with."""

    scale: Scale
    lowest: int
    highest: int | None
    """The highest value that there is; None: no end."""
    usual: tuple[int, int]
    """Bounds where none are given."""
    kinds: frozenset[str]
    """Kinds of players that have it; the empty word is for networks."""
    applied: Callable[[PlayerOptions, int], PlayerOptions]
    """Gives a player the setting."""
    letter: str = ""
    """Behind the value in a player's name; empty where the name tells the value by itself."""


SETTINGS = {
    "visits": Setting(
        DOUBLINGS,
        1,
        None,
        (1, 1600),
        frozenset({"", "leelaz", "katago", "katago-gtp"}),
        lambda player, value: replace(player, visits=value, playouts=None),
        "v",
    ),
    "playouts": Setting(
        DOUBLINGS,
        1,
        None,
        (1, 1600),
        frozenset({"", "leelaz"}),
        lambda player, value: replace(player, visits=None, playouts=value),
        "p",
    ),
    "level": Setting(
        Scale("a step of 3 levels", "steps of 3 levels", 3.0),
        0,
        HIGHEST_LEVEL,
        (0, HIGHEST_LEVEL),
        frozenset({"gnugo"}),
        lambda player, value: replace(player, text=f"gnugo:{value}"),
    ),
}


@dataclass(frozen=True)
class CalibrationOptions:
    """Options of a calibration, as `lzeval calibrate` takes them."""

    match: MatchOptions
    """How games are played; `games` are the most, and the second player is the one that is calibrated."""
    setting_name: str
    bounds: tuple[int, int]
    elo: float = 0.0
    """What the second player is to be worth over the first."""
    width: float = 1.0
    """Width of the 95 % interval that is wanted, in units of the setting's scale."""

    @property
    def setting(self) -> Setting:
        return SETTINGS[self.setting_name]

    @property
    def levels(self) -> tuple[int, ...]:
        return self.setting.scale.ladder(*self.bounds)

    def options_at(self, value: int) -> MatchOptions:
        """Options of a match with the second player at one value of its setting.

        A player whose searches nothing limits has the other one's limits, as in any match.
        """
        a, b = self.match.players
        b = self.setting.applied(b, value)
        if not _searches(a):
            a = replace(a, visits=b.visits, playouts=b.playouts)
        if not _searches(b):
            b = replace(b, visits=a.visits, playouts=a.playouts)
        return replace(self.match, players=(a, b))

    def check(self) -> None:
        """Raise UserError for what cannot be calibrated."""
        self.options_at(self.bounds[0]).check()
        for option, value in zip(("--from", "--to"), self.bounds, strict=True):
            self._check_bound(option, value)
        low, high = self.bounds
        if not low < high:
            raise UserError(f"--from {low} --to {high}: the first must be less than the second")
        if not math.isfinite(self.elo) or abs(self.elo) > MOST_ELO:
            raise UserError(f"--elo {self.elo:g}: must be from {-MOST_ELO:g} to {MOST_ELO:g}")
        if not self.width >= NARROWEST:
            least = f"{NARROWEST:g} {self.setting.scale.units}"
            raise UserError(f"--width: an interval narrower than {least} takes more games than anybody has")
        a, b = self.match.players
        if (a.text, a.search) == (b.text, b.search) and self.elo == 0 and self.setting_name != "level":
            raise UserError(
                f"A and B are both {a.text}: B scores 50 % with A's own setting; give another player, or --elo"
            )

    def _check_bound(self, option: str, value: int) -> None:
        lowest, highest = self.setting.lowest, self.setting.highest
        if value < lowest:
            raise UserError(f"{option} {value}: must be at least {lowest}")
        if highest is not None and value > highest:
            raise UserError(f"{option} {value}: must be at most {highest}")


def _kind(player: str) -> str:
    """The word before the colon of a program; empty for a network."""
    return player.partition(":")[0] if is_program(player) else ""


def _searches(player: PlayerOptions) -> bool:
    """Tell whether visits end its searches."""
    return _kind(player.text) in SETTINGS["visits"].kinds


def choose_setting(player: str, name: str | None) -> str:
    """The setting `name` of the player, or its first if None. Raises UserError for one that it does not have."""
    able = [known for known, setting in SETTINGS.items() if _kind(player) in setting.kinds]
    if not able:
        raise UserError(
            f"{player}: has no setting that could be calibrated; B must be a network, leelaz:, katago: or gnugo"
        )
    if name is None:
        return able[0]
    if name not in SETTINGS:
        raise UserError(f"--setting {name}: must be one of {', '.join(SETTINGS)}")
    if name not in able:
        raise UserError(f"--setting {name}: {player} does not have it, but {' and '.join(able)}")
    return name
