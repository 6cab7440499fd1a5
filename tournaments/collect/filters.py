"""Filters of games, and how many each leaves out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from lzeval.errors import UserError
from lzeval.records.record import GameRecord

_DATE = re.compile(r"([0-9]{4})(?:[-/.]([0-9]{1,2})(?:[-/.]([0-9]{1,2}))?)?")


@dataclass(frozen=True)
class Filters:
    """Conditions on games; None and empty: anything."""

    sizes: frozenset[int] = frozenset()
    komi: tuple[float, float] | None = None
    """Smallest and largest."""
    handicap: tuple[int, int] | None = None
    rules: str | None = None
    """Value of RU, in any letter case."""
    since: date | None = None
    until: date | None = None
    players: frozenset[str] = frozenset()
    """One: it must play; several: both players must be among them."""

    def __post_init__(self) -> None:
        if self.since and self.until and self.since > self.until:
            raise UserError(f"--since {self.since} comes after --until {self.until}")

    def _refusals(self) -> Iterator[tuple[str, Callable[[GameRecord], str]]]:
        """Each filter that is on: its option, and why it refuses a game (empty: it does not)."""
        if self.players:
            yield "--player", self._of_players
        if self.sizes:
            yield "--size", self._of_size
        if self.komi is not None:
            yield "--komi", self._of_komi
        if self.handicap is not None:
            yield "--handicap", self._of_handicap
        if self.rules is not None:
            yield "--rules", self._of_rules
        if self.since or self.until:
            yield "--since, --until", self._of_date

    def chosen(self, games: Iterable[GameRecord]) -> tuple[list[GameRecord], Counter[str]]:
        """The games that are wanted; and of the others how many by the first filter that refuses them, and why."""
        filters = list(self._refusals())
        left_out: Counter[str] = Counter()
        if not filters:
            return list(games), left_out
        kept = []
        for game in games:
            for option, refusal in filters:
                why = refusal(game)
                if why:
                    left_out[f"{option} ({why})"] += 1
                    break
            else:
                kept.append(game)
        return kept, left_out

    def _of_players(self, game: GameRecord) -> str:
        playing = {game.black, game.white} & self.players
        return "" if len(playing) == min(2, len(self.players)) else "other players"

    def _of_size(self, game: GameRecord) -> str:
        if not game.size:
            return "not told"
        return "" if game.size in self.sizes else "another"

    def _of_komi(self, game: GameRecord) -> str:
        if game.komi is None or self.komi is None:
            return "not told"
        return "" if self.komi[0] <= game.komi <= self.komi[1] else "another"

    def _of_handicap(self, game: GameRecord) -> str:
        assert self.handicap is not None, "asked for only then"
        return "" if self.handicap[0] <= game.handicap <= self.handicap[1] else "another"

    def _of_rules(self, game: GameRecord) -> str:
        assert self.rules is not None, "asked for only then"
        rules = game.properties.get("RU", "").strip()
        if not rules:
            return "not told"
        return "" if rules.casefold() == self.rules.strip().casefold() else "others"

    def _of_date(self, game: GameRecord) -> str:
        span = span_of(game.date)
        if span is None:
            return "not told"
        if self.since and span[0] < self.since:
            return "earlier" if span[1] < self.since else "not told exactly"
        if self.until and span[1] > self.until:
            return "later" if span[0] > self.until else "not told exactly"
        return ""


def span_of(text: str) -> tuple[date, date] | None:
    """The first and the last day that a date such as `2024`, `2024-05` or `2024-05-31 23:59` may be; None: no date."""
    match = _DATE.search(text)
    if match is None:
        return None
    year, month, day = (int(part) if part else 0 for part in match.groups())
    try:
        first = date(year, month or 1, day or 1)
        if day:
            return first, first
        after = date(year + (month in (0, 12)), month % 12 + 1 if month else 1, 1)
    except ValueError:
        return None
    return first, after - timedelta(days=1)


def parse_day(option: str, text: str | None, *, last: bool = False) -> date | None:
    """The day that the user means; of a year or a month its first one, or its `last`. Raises UserError."""
    if text is None:
        return None
    span = span_of(text) if _DATE.fullmatch(text.strip()) else None
    if span is None:
        raise UserError(f"{option} {text}: write a date, as 2024-05-31, 2024-05 or 2024")
    return span[1] if last else span[0]
