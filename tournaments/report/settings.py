"""The conditions of the games as far as they are known: match.json beside them, else what the records say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tournaments.report.summary import GamesSummary

DESCRIPTION = "match.json"
_LABELS = {
    "visits": "Visits a move",
    "playouts": "Playouts a move",
    "komi": "Komi",
    "size": "Board size",
    "move_limit": "Move limit",
    "resign_percent": "Resigns below a winrate of",
    "seed": "Seed",
}


def find_description(sources: Iterable[Path]) -> Mapping[str, Any] | None:
    """The match.json of the match that all `sources` belong to; None if there is none, or several."""
    found = {path for source in sources if (path := _beside(source)) is not None}
    if len(found) != 1:
        return None
    try:
        content = json.loads(found.pop().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _beside(source: Path) -> Path | None:
    folders = [source, source.parent] if source.is_dir() else [source.parent, source.parent.parent]
    return next((path.resolve() for folder in folders if (path := folder / DESCRIPTION).is_file()), None)


def describe_settings(summary: GamesSummary, description: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Label and value, line by line; paths of files are nobody's business and left out."""
    if description is None:
        return list(_from_records(summary))
    return [*_from_match(description), *_machine(description)]


def _from_match(description: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    settings = _mapping(description.get("settings"))
    players = settings.get("players")
    for player in map(_mapping, players if isinstance(players, list) else []):
        yield f"Player {player.get('code', '')}", _player(player)
    if isinstance(description.get("terms"), str) and description["terms"]:
        yield "Terms", description["terms"]
    for name, label in _LABELS.items():
        if settings.get(name) is not None:
            yield label, _value(name, settings[name])
    openings = _mapping(settings.get("openings"))
    if openings:
        yield "Openings", f"{openings.get('name', '')}, {str(openings.get('sha256') or '')[:16]}".rstrip(", ")


def _value(name: str, value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} %" if name.endswith("_percent") else text


def _player(player: Mapping[str, Any]) -> str:
    """A network, or the program of another player; beside programs, less is kept of a network."""
    parts = []
    command = player.get("command")
    if isinstance(command, list) and command:
        parts.append(f"program {Path(str(command[0])).name}")
    if "blocks" in player:
        parts.append(f"{player['blocks']} blocks of {player.get('filters')} filters")
    if "precision" in player:
        parts.append(f"{player['precision']} on {player.get('device')}")
    parts += [f"{player[name]} {name}" for name in ("visits", "playouts") if player.get(name) is not None]
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in _mapping(player.get("search")).items()]
    if player.get("sha256"):
        parts.append(f"SHA-256 {str(player['sha256'])[:16]}")
    return ", ".join(parts)


def _machine(description: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    machine = _mapping(description.get("machine"))
    if machine:
        yield "Machine", f"{machine.get('processor')}, {machine.get('cores')} cores, {machine.get('system')}"
    if description.get("processes") is not None:
        yield "Processes", str(description["processes"])
    versions = _mapping(description.get("versions"))
    if versions:
        yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items())


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _from_records(summary: GamesSummary) -> Iterable[tuple[str, str]]:
    games = summary.games
    yield "Board size", _values(str(game.size) for game in games)
    yield "Komi", _values("not given" if game.komi is None else f"{game.komi:g}" for game in games)
    yield "Handicap", _values(str(game.handicap or "none") for game in games)
    rules = _values(game.properties.get("RU", "not given") for game in games)
    yield "Rules", rules


def _values(values: Iterable[str]) -> str:
    """`7.5`, or `7.5 (40 games), 6.5 (2 games)`: the five most frequent."""
    counts = Counter(values)
    if len(counts) == 1:
        return next(iter(counts))
    shown = [f"{value} ({count:,})" for value, count in counts.most_common(5)]
    return ", ".join(shown) + (", ..." if len(counts) > 5 else "")
