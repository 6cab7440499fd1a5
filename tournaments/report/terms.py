"""The terms on which players meet: how much each may think, in the words that tables, pages, JSON and the API share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tournaments.report.settings import find_description

LIMITS = ("visits", "playouts")


@dataclass(frozen=True)
class PlayerTerms:
    """How much one player may think."""

    code: str
    visits: int | None = None
    """A move; None: no limit."""
    playouts: int | None = None
    search: Sequence[str] = ()
    """Settings of its search that are not at their defaults, as `puct 0.8`."""
    takes_visits: bool = True
    """False: limits are nothing to it."""


def in_words(a: PlayerTerms, b: PlayerTerms, equal_ms: float | None = None) -> str:
    """A phrase such as `at 100 visits each`, which follows the players' names; empty where neither has limits.

    `equal_ms` is what a move costs either of them, in milliseconds, where their visits were chosen for equal time.
    """
    limited = [player for player in (a, b) if player.takes_visits]
    if not limited:
        return ""
    amounts = [words for limit in LIMITS if (words := _amount(limited, limit))]
    if equal_ms is not None:
        text = f"at equal time ({', '.join(amounts)}, measured {equal_ms:.3g} ms a move)"
    elif len(limited) == 1:
        text = f"at {' and '.join(amounts)} of {limited[0].code}"
    elif all(getattr(a, limit) == getattr(b, limit) for limit in LIMITS):
        text = f"at {' and '.join(amounts)} each"
    else:
        text = f"at {' and '.join(amounts)}"
    return text + _of_search(limited)


def _amount(players: Sequence[PlayerTerms], limit: str) -> str:
    """`100 visits`, or `100 (big) v 250 (small) visits`: tables and sentences have players in other orders."""
    numbers = [getattr(player, limit) for player in players]
    if not any(numbers):
        return ""
    words = ["unlimited" if number is None else str(number) for number in numbers]
    if len({*words}) > 1:
        words = [f"{word} ({player.code})" for word, player in zip(words, players, strict=True)]
    return f"{' v '.join(dict.fromkeys(words))} {limit}"


def _of_search(players: Sequence[PlayerTerms]) -> str:
    searches = [", ".join(player.search) for player in players]
    if not any(searches):
        return ""
    if len({*searches}) == 1 and len(players) > 1:
        return f" (both with {searches[0]})"
    named = zip(players, searches, strict=True)
    return f" ({'; '.join(f'{player.code} with {words}' for player, words in named if words)})"


def terms_of(description: Mapping[str, Any] | None) -> str:
    """The terms of a match by the content of its match.json; those before this was kept there had common limits."""
    if description is None:
        return ""
    told = description.get("terms")
    if isinstance(told, str):
        return told
    try:
        settings = dict(description["settings"])
        names, limits = settings["players"], {name: settings[name] for name in LIMITS}
        if any("command" in player for player in names):
            return ""
        one, other = (PlayerTerms(str(player["code"]), **limits) for player in names)
    except (KeyError, TypeError, ValueError):
        return ""
    return in_words(one, other)


def terms_beside(sources: Sequence[Path]) -> str:
    """The terms of the match that all of `sources` belong to; empty if there is none, or several."""
    return terms_of(find_description(sources))
