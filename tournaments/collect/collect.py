"""Collect games from files and folders: each once, under the right name, and what was left out with reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from lzeval.records.find_files import FileKind, Found, find
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import Skipped
from tournaments.collect.aliases import look_alikes, names_in, renamed
from tournaments.collect.csv_tables import read_table
from tournaments.collect.deduplicate import SourcedGame, merged
from tournaments.collect.filters import Filters
from tournaments.collect.read_records import Listener, read_records
from tournaments.collect.tournament_state import read_competition, read_history, read_played
from tournaments.collect.without_gc import no_collection

_READERS = {
    FileKind.LOG: read_played,
    FileKind.HISTORY: read_history,
    FileKind.STATE: read_competition,
    FileKind.TABLE: read_table,
}


@dataclass(frozen=True)
class CollectedGames:
    """Games that were read, and what could not be, or was not wanted."""

    games: list[GameRecord]
    """Games in order, void and unknown ones among them."""
    skipped: list[Skipped]
    """Games and files that could not be read."""
    duplicates: int
    """Games that another source had told of."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Games that were not wanted, by option and reason."""
    warnings: Sequence[str] = ()
    """Lines for the user."""

    @property
    def is_in_order(self) -> bool:
        """True if the order of the games is theirs. Counted games are one object, and nobody knows when each was."""
        return not any(one is other for one, other in pairwise(self.games))


def collect_games(
    paths: Sequence[str | Path],
    choice: Filters | None = None,
    aliases: Mapping[str, str] | None = None,
    listener: Listener | None = None,
    processes: int | None = None,
) -> CollectedGames:
    """All games of files and folders. Raises UserError for a path that is not there, or a control file with mistakes.

    Of a choice, players are meant by their new names. `listener` and `processes` are `read_records`'.
    """
    skipped: list[Skipped] = []
    with no_collection():
        games, duplicates = merged(_told(find(paths), skipped, listener, processes))
    aliases, choice = aliases or {}, choice or Filters()
    names = names_in(games)
    games = renamed(games, aliases)
    new_names = names_in(games) if aliases else names
    kept, left_out = choice.chosen(games)
    kept_names = names_in(kept) if left_out else new_names
    warnings = [
        *(f"--alias {old}={new}: no game names {old!r}" for old, new in aliases.items() if old not in names),
        *(
            f"--player {name}: no game names {name!r}"
            for name in sorted(choice.players)
            if name not in new_names
        ),
        *look_alikes(kept_names),
    ]
    return CollectedGames(kept, skipped, duplicates, dict(Counter(left_out).most_common()), warnings)


def _told(
    files: Sequence[Found], skipped: list[Skipped], listener: Listener | None, processes: int | None
) -> Iterator[SourcedGame]:
    """Every game and who tells of it; what cannot be read goes to `skipped`."""
    records = [found.path for found in files if found.kind is FileKind.RECORD]
    for game in read_records(records, listener, processes):
        if isinstance(game, Skipped):
            skipped.append(game)
        else:
            assert game.path is not None, "it was read from a file"
            yield Found(game.path, FileKind.RECORD), game
    for found in files:
        if found.kind is not FileKind.RECORD:
            for game in _READERS[found.kind](found.path):
                if isinstance(game, Skipped):
                    skipped.append(game)
                else:
                    yield found, game
