"""Players under one name: aliases that were asked for, and names that may be the same player's."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from lzeval.errors import UserError
from lzeval.records.input.encoding import marked_text
from lzeval.records.record import GameRecord
from lzeval.text.wording import command_line

EXAMPLE = "write OLD=NEW, the name in the records first"


def parse_aliases(given: Iterable[str], file: Path | None = None) -> dict[str, str]:
    """Aliases from `OLD=NEW` and a file of such lines, where `#` begins a comment. Raises UserError for others."""
    aliases: dict[str, str] = {}
    for place, text in [*_lines(file), *((f"--alias {text}", text) for text in given)]:
        old, sign, new = text.partition("=")
        if not (old.strip() and sign and new.strip()):
            raise UserError(f"{place}: {EXAMPLE}")
        if aliases.setdefault(old, new) != new:
            raise UserError(f"{place}: {old!r} was to become {aliases[old]!r} already")
    return {old: _end_of(old, aliases) for old in aliases}


def _lines(file: Path | None) -> list[tuple[str, str]]:
    if file is None:
        return []
    try:
        content = file.read_bytes()
        marked = marked_text(content)
        text = content.decode("utf-8") if marked is None else marked
    except OSError as exc:
        raise UserError(f"{file}: cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise UserError(f"{file}: is not UTF-8 text") from exc
    lines = enumerate(text.splitlines(), start=1)
    return [
        (f"{file}, line {number}", line)
        for number, line in lines
        if line.strip() and not line.startswith("#")
    ]


def _end_of(name: str, aliases: Mapping[str, str]) -> str:
    passed = {name}
    while name in aliases and aliases[name] != name:
        name = aliases[name]
        if name in passed:
            raise UserError(f"aliases lead in a circle: {' = '.join(sorted(passed))}")
        passed.add(name)
    return name


def renamed(games: Sequence[GameRecord], aliases: Mapping[str, str]) -> list[GameRecord]:
    """The games with players called by their new names."""
    if not aliases:
        return list(games)
    return [
        replace(game, black=aliases.get(game.black, game.black), white=aliases.get(game.white, game.white))
        if game.black in aliases or game.white in aliases
        else game
        for game in games
    ]


def names_in(games: Sequence[GameRecord]) -> Counter[str]:
    """Number of games of each player."""
    found: Counter[str] = Counter()
    for colour in ("black", "white"):
        found.update(map(attrgetter(colour), games))
    del found[""]
    return found


def look_alikes(names: Counter[str]) -> list[str]:
    """A line for names that differ only in case and spaces, with the aliases that would make them one."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        alike[" ".join(name.split()).casefold()].append(name)
    return [_warning(group, names) for group in alike.values() if len(group) > 1]


def _warning(group: list[str], games: Counter[str]) -> str:
    """The name that is kept is one without odd spaces, and of those the one with the most games."""
    chosen = min(group, key=lambda name: (name != " ".join(name.split()), -games[name]))
    aliases = command_line(
        *(word for name in group if name != chosen for word in ("--alias", f"{name}={chosen}"))
    )
    listed = ", ".join(f"'{name}'" for name in group)
    return f"{listed} are rated apart; if they are one player: {aliases}"
