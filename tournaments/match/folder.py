"""The folder of a match or a calibration: `match.json` says what is played, `match.games` holds every finished game.

A match in which other programs play is a tournament besides, whose control file is `match.ctl`: its log is kept there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lzeval.errors import UserError
from lzeval.go.openings import game_of
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from lzeval.system.files import write_text_atomically
from tournaments.match.options import LIMITS
from tournaments.match.terms import EqualTime, parse_equal_time
from tournaments.plan.settings_check import changes
from tournaments.report.csv_files import write_results

LONGEST_FACT = 60
"""Characters of a fact about a player that a message repeats."""


@dataclass(frozen=True)
class MatchFolder:
    """The folder that a match is kept in, or a calibration, which its files are named for."""

    path: Path
    name: str = "match"

    @property
    def games(self) -> Path:
        return self.path / f"{self.name}.games"

    @property
    def lock(self) -> Path:
        """The file that is held by the process that plays in the folder."""
        return self.path / ".lock"

    @property
    def _json(self) -> Path:
        return self.path / f"{self.name}.json"

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise UserError if one with these settings cannot be kept here, as far as looking can tell."""
        try:
            if self._json.exists():
                self._check_settings(settings)
            elif self.path.exists() and not all(map(self._is_left_at_start, self.path.iterdir())):
                raise UserError(f"{self.path}: is not empty and holds no {self.name}; choose another --out")
        except OSError as exc:
            raise UserError(
                f"{self.path}: cannot hold a {self.name} ({exc.strerror}); choose another --out"
            ) from exc

    def _is_left_at_start(self, entry: Path) -> bool:
        """Tell whether a match that was killed before it wrote its description leaves such a file."""
        return entry == self.lock or (entry == self.games and not any(entry.glob("[!.]*")))

    def _check_settings(self, settings: Mapping[str, Any]) -> None:
        try:
            earlier = dict(json.loads(self._json.read_text(encoding="utf-8"))["settings"])
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise UserError(f"{self._json}: cannot be read ({exc}); choose another --out") from exc
        found = list(_changes(earlier, settings))
        if found:
            raise UserError(
                f"{self.path}: holds a different {self.name}: {'; '.join(found)}; choose another --out"
            )

    def plans(self) -> dict[str, dict[str, Any]]:
        """Precision and batch size of the networks in match.json by their SHA-256; empty where it cannot be read."""
        try:
            players = json.loads(self._json.read_text(encoding="utf-8"))["settings"]["players"]
            return {
                player["sha256"]: {
                    name: player[name] for name in ("precision", "batch_size") if name in player
                }
                for player in players
                if "precision" in player
            }
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def equal_time(self) -> EqualTime | None:
        """The visits that were measured for the match that is kept here; None where there is no match yet.

        Raises UserError for a match that is not at equal time.
        """
        if not self._json.exists():
            return None
        try:
            content = json.loads(self._json.read_text(encoding="utf-8")).get("equal_time")
            return parse_equal_time(content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise UserError(
                f"{self.path}: holds a match that is not at equal time; choose another --out"
            ) from exc

    def was_begun_under_another_rule(self, stopping: Mapping[str, Any] | None) -> bool:
        """Tell whether an earlier run had another rule for stopping."""
        try:
            content = json.loads(self._json.read_text(encoding="utf-8"))
            return bool(content.get("stopping") != stopping)
        except (OSError, ValueError, AttributeError):
            return False

    def create(self) -> None:
        """Make the folder, if it is not there. Raises UserError."""
        try:
            self.games.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise UserError(f"{self.path}: cannot be created ({exc.strerror}); choose another --out") from exc

    def write_description(self, content: Mapping[str, Any]) -> None:
        """Write match.json, or what it is called."""
        write_text_atomically(self._json, json.dumps(content, indent=1) + "\n")

    def records(self, is_ours: Callable[[int, GameRecord], bool]) -> Iterator[tuple[int, GameRecord]]:
        """Numbers and records of finished games. Raises UserError for a file that is not of this match."""
        for file in sorted(self.games.glob("*.sgf")):
            record = next(iter(read_games([file])), None)
            if not isinstance(record, GameRecord):
                raise UserError(f"{file}: cannot be read; remove it, and the game is played again")
            number = game_of(record.game_id)
            if number is None or not is_ours(number, record):
                raise UserError(f"{file}: is not of this match; choose another --out")
            yield number, record

    def write_results(self, games: Sequence[GameRecord]) -> dict[int, GameRecord]:
        """Write results.csv, if there are any games; returns them by number, in order."""
        numbered = {number: game for game in games if (number := game_of(game.game_id)) is not None}
        ordered = dict(sorted(numbered.items()))
        if ordered:
            write_results(list(ordered.values()), self.path / "results.csv")
        return ordered


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """A phrase for each setting that is another one than before; of the same programs, for each fact about them."""
    old, new = before.get("players"), after.get("players")
    if isinstance(old, list) and isinstance(new, list) and _programs(old) == _programs(new) != []:
        for was, now in zip(old, new, strict=True):
            yield from _player_changes(was, now)
        before = {**before, "players": new}
    yield from changes(before, after, _short)


def _programs(players: Sequence[Mapping[str, Any]]) -> list[str]:
    """The codes of players that have a command; empty if one has none."""
    return [player["code"] for player in players] if all("command" in player for player in players) else []


def _player_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*old, *new}):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if name == "files":
            both = (was or {}).keys() | (now or {}).keys()
            changed = sorted(file for file in both if (was or {}).get(file) != (now or {}).get(file))
            yield from (f"{new['code']}: {Path(file).name} is another file" for file in changed)
            continue
        if name == "command":
            words, others = old.get(name, ()), new.get(name, ())
            was, now = _words_apart(words, others), _words_apart(others, words)
        short = [text if len(text) <= LONGEST_FACT else text[:LONGEST_FACT] for text in map(str, (was, now))]
        yield f"{new['code']}: {name} was {short[0]}, is {short[1]}"


def _words_apart(command: Sequence[str], other: Sequence[str]) -> str:
    return " ".join(word for word in command if word not in other) or "without it"


def _short(value: object) -> str:
    if isinstance(value, list):
        return " v ".join(map(_short_player, value))
    return str(value["name"]) if isinstance(value, dict) else str(value)


def _short_player(player: Mapping[str, Any]) -> str:
    about = [str(player.get(name))[:8] for name in ("sha256", "precision") if name in player]
    about += [f"{player[name]} {name}" for name in LIMITS if player.get(name) is not None]
    about += [f"{name} {value:g}" for name, value in player.get("search", {}).items()]
    return f"{player.get('code')} ({', '.join(about) or ' '.join(player.get('command', []))})"
