"""Results rated: who is stronger, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lzeval.api import html
from lzeval.records.record import GameRecord

if TYPE_CHECKING:
    import pandas as pd

    from lzeval.records.record_folder import Skipped
    from tournaments.rating.bradley_terry import Rating
    from tournaments.rating.rating_table import RatingTable


class Rated:
    """Ratings of players, as `lzeval rate` prints them. In a notebook it draws its table."""

    def __init__(self, table: RatingTable) -> None:
        self._table = table

    @property
    def players(self) -> list[str]:
        """Strongest first."""
        return [row.rating.player for row in self._table.rows]

    def elo(self, player: str) -> float | None:
        """The player's rating; None where the games fix none. Raises KeyError for somebody who played no game."""
        return self._rating(player).elo

    def interval(self, player: str) -> tuple[float | None, float | None]:
        """Ends of the 95 % interval in Elo; None for an end that the games do not bound."""
        rating = self._rating(player)
        return rating.low, rating.high

    def _rating(self, player: str) -> Rating:
        return {row.rating.player: row.rating for row in self._table.rows}[player]

    @property
    def finding(self) -> str:
        """A sentence on which of two players is stronger; empty for more players."""
        return self._table.headline

    @property
    def terms(self) -> str:
        """Terms of the players' thinking, such as `at 100 visits each`; empty where it is not known."""
        return self._table.terms

    def to_frame(self) -> pd.DataFrame:
        """One row a player, strongest first: elo, low, high, games, wins, losses, jigos, score (0 to 1) and note."""
        from tournaments.report.csv_files import ratings_frame

        columns = ["player", "elo", "low", "high", "games", "wins", "losses", "jigos", "score", "note"]
        return ratings_frame(self._table).rename(columns={"low_95": "low", "high_95": "high"})[columns]

    def as_dict(self) -> dict[str, object]:
        """Return everything in the form of `lzeval rate --json`."""
        return self._table.as_dict()

    def write_csv(self, path: str | Path) -> Path:
        """Write the table as `lzeval rate --out` does. Raises UserError where it cannot be written."""
        from tournaments.report.csv_files import write_ratings

        write_ratings(self._table, Path(path))
        return Path(path)

    def _repr_html_(self) -> str:
        header = ("#", "Player", "Elo", "95 % interval", "Games", "Wins", "Losses", "Jigos", "Score")
        rows = [
            (
                *(n, r.rating.player, _elo(r.rating.elo), f"{_elo(r.rating.low)} to {_elo(r.rating.high)}"),
                *(r.total.games, r.total.wins, r.total.losses, r.total.jigos, _share(r.total.score)),
            )
            for n, r in enumerate(self._table.rows, 1)
        ]
        remark = html.paragraph(self.finding) if self.finding else ""
        return f"<div>{html.table(header, rows)}{remark}</div>"

    def __repr__(self) -> str:
        return self.finding or f"<Rated: {', '.join(self.players)}>"


def _elo(elo: float | None) -> str:
    return "?" if elo is None else f"{elo:+.0f}"


def _share(score: float | None) -> str:
    return "" if score is None else f"{score:.1%}"


def rate(
    games: str | Path | Iterable[str | Path | GameRecord],
    *,
    anchors: Mapping[str, float] | None = None,
    origin: str | None = None,
    prior: bool = True,
    aliases: Mapping[str, str] | None = None,
) -> Rated:
    """Rate the players of games by Bradley and Terry's model, with 95 % intervals, as `lzeval rate` does.

    `games` are records, or files and folders of records, logs and tables of results. `anchors` fix players' Elo;
    `origin` is the player from whom intervals are measured; with `prior` a weak prior places players that games of one
    side only join; `aliases` give players other names. Identical games count once. Raises UserError where no game was
    decided.
    """
    from tournaments.collect.aliases import renamed
    from tournaments.collect.collect import collect_games
    from tournaments.rating.rating_table import build_table
    from tournaments.report.terms import terms_beside

    given = [games] if isinstance(games, (str, Path)) else list(games)
    records = [game for game in given if isinstance(game, GameRecord)]
    everything: list[GameRecord | Skipped] = [*renamed(records, dict(aliases or {}))]
    paths = [Path(game) for game in given if not isinstance(game, GameRecord)]
    if paths:
        collected = collect_games(paths, aliases=aliases)
        everything += [*collected.games, *collected.skipped]
    table = build_table(everything, anchors or {}, origin=origin, prior=prior)
    terms = "" if records else terms_beside(paths)
    return Rated(replace(table, terms=terms))
