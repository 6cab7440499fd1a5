"""Settings in a control file's `lzeval = dict(...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from lzeval.go.rules import REFEREES, Rules
from tournaments.gomill.control import settings
from tournaments.plan.competition import Consequence, PlayerSpec, Timeouts


def known_player(value: object, players: Mapping[str, PlayerSpec]) -> str:
    if not isinstance(value, str) or value not in players:
        raise ValueError(f"there is no player {settings.brief(value)} in 'players'")
    return value


def addition_checks(
    players: Mapping[str, PlayerSpec], resolved: Callable[[str], str]
) -> dict[str, settings.Check]:
    """Every setting there is, with its check; `resolved` finds a path from the control file's folder."""

    def player(value: object) -> str:
        return known_player(value, players)

    def openings(value: object) -> str:
        name = settings.plain_text(value)
        return name if name in ("default", "none") else resolved(name)

    return {
        "openings": openings,
        "time_control": settings.or_none(settings.time_control),
        "timeouts": _timeouts,
        "rules": _rules,
        "referee": settings.or_none(player),
        "seed": settings.whole_number,
        "anchor": settings.or_none(player),
        "faults": _faults,
        "attempts": settings.positive_number,
        "patience": settings.positive_number,
        "in_process": settings.boolean,
    }


def _rules(value: object) -> Rules:
    return REFEREES[str(settings.one_of(*REFEREES)(value))]


def _timeouts(value: object) -> Timeouts:
    found: dict[str, float | None] = {}
    for name, limit in settings.pairs(value):
        if name not in ("start", "new_game", "move", "quit"):
            raise ValueError(f"has no {settings.brief(name)}; there are start, new_game, move and quit")
        found[f"{name}_s"] = settings.or_none(settings.seconds)(limit)
    return Timeouts(**found)


def _faults(value: object) -> dict[str, Consequence]:
    from tournaments.games.faults import CHOOSABLE

    consequence = settings.one_of("void", "forfeit")
    if isinstance(value, str):
        return {"technical": cast("Consequence", consequence(value))}
    names = ["technical", *(fault.value for fault in CHOOSABLE)]
    found: dict[str, Consequence] = {}
    for name, choice in settings.pairs(value):
        if not isinstance(name, str) or name not in names:
            raise ValueError(f"has no {settings.brief(name)}; there are {', '.join(names)}")
        found[name] = cast("Consequence", consequence(choice))
    return found
