"""Comparison of what games depend on with what earlier ones were played under, so that no run mixes different games."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lzeval.errors import UserError
from lzeval.go.openings import Book
from lzeval.system.files import file_sha256
from tournaments.plan.competition import Competition, MatchupSpec, PlayerSpec

TournamentSettings = Mapping[str, Any]


def settings_of(competition: Competition, books: Mapping[int, Book]) -> dict[str, Any]:
    """Players, matchups and conditions in plain values; `books` are the openings by board size."""
    additions = competition.lzeval
    clock = None if additions.time_control is None else asdict(additions.time_control)
    return {
        "players": {code: _player(player) for code, player in competition.players.items()},
        "matchups": {matchup.id: _matchup(matchup) for matchup in competition.matchups},
        "conditions": {
            "ko": "superko" if additions.rules.superko else "simple",
            "suicide": additions.rules.suicide,
            "clock": clock,
            "openings": {str(size): book.sha256 for size, book in books.items()},
            "seed": additions.seed,
            "referee": additions.referee,
        },
    }


def _player(player: PlayerSpec) -> dict[str, Any]:
    return {
        "command": list(player.command),
        "cwd": None if player.cwd is None else str(player.cwd),
        "environ": dict(player.environ),
        "startup_gtp_commands": list(player.startup_gtp_commands),
        "gtp_aliases": dict(player.gtp_aliases),
        "is_reliable_scorer": player.is_reliable_scorer,
        "allow_claim": player.allow_claim,
        "files": {str(file): [file.stat().st_size, sha256_of(file)] for file in named_files(player)},
    }


def _matchup(matchup: MatchupSpec) -> dict[str, Any]:
    settings = asdict(matchup)
    for free in ("id", "name", "has_own_name", "number_of_games"):
        del settings[free]
    return settings


def named_files(player: PlayerSpec) -> Iterator[Path]:
    """The files that a player's command names, such as its weights; the program too where it is given by its path."""
    program, *words = player.command
    folder = player.cwd or Path.cwd()
    names = [program] if "/" in program or "\\" in program else []
    for word in words:
        names += [word, word.partition("=")[2]]
    for name in names:
        try:
            path = folder / Path(name).expanduser()
            if name and path.is_file():
                yield path
        except (OSError, ValueError, RuntimeError):
            continue  # no name that a file could have


def sha256_of(path: Path, most_bytes: int | None = None) -> str:
    """SHA-256 of the file, or of its first bytes, in hexadecimal."""
    try:
        return file_sha256(path, most_bytes)
    except OSError as exc:
        raise UserError(f"{path}: cannot be read ({exc.strerror})") from exc


def check_unchanged(
    earlier: TournamentSettings | None, now: TournamentSettings, played: Collection[str], hint: str
) -> None:
    """Raise UserError, with the differences, if games of the matchups `played` would not be comparable any more.

    Players and matchups may be added, and those without games may change.
    """
    if earlier is None or not played:
        return
    differences = list(_differences(earlier, now, played))
    if differences:
        raise UserError(f"games have been played under other settings: {'; '.join(differences)}; {hint}")


def _differences(
    earlier: TournamentSettings, now: TournamentSettings, played: Collection[str]
) -> Iterator[str]:
    yield from _compare("", earlier["conditions"], now["conditions"])
    codes: set[str] = {str(code) for code in (earlier["conditions"]["referee"],) if code}
    for matchup_id in sorted(played):
        before, after = earlier["matchups"].get(matchup_id), now["matchups"].get(matchup_id)
        if before is not None and after is not None:
            yield from _compare(f"matchup {matchup_id}: ", before, after)
            codes |= {before["player_1"], before["player_2"]}
    for code in sorted(codes):
        before, after = earlier["players"].get(code), now["players"].get(code)
        if before is not None and after is not None:
            yield from _compare(f"player {code}: ", before, after)


def changes(
    before: TournamentSettings, after: TournamentSettings, shown: Callable[[object], str]
) -> Iterator[str]:
    """A phrase for each setting of `after` that is another one than before."""
    for name, value in after.items():
        if before.get(name) != value:
            yield f"{name} was {shown(before.get(name))}, is {shown(value)}"


def _compare(whose: str, before: TournamentSettings, after: TournamentSettings) -> Iterator[str]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new or (name == "openings" and _agree(old, new)):
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            compare = _compare_files if name == "files" else _compare
            yield from compare(f"{whose}{name} ", old, new)
        else:
            yield f"{whose}{name} was {_short(old)}, is {_short(new)}"


def _compare_files(whose: str, before: TournamentSettings, after: TournamentSettings) -> Iterator[str]:
    """Files with other content; what engines write themselves, new files and ones that have only grown, may differ."""
    for name in sorted({*before} & {*after}):
        (old_size, old), (new_size, new) = before[name], after[name]
        has_grown = new_size >= old_size and sha256_of(Path(name), old_size) == old
        if not has_grown:
            yield f"{whose.removesuffix('files ')}{name} had sha256 {old[:12]}, has {new[:12]}"


def _agree(old: Any, new: Any) -> bool:
    """Tell whether two sets of books are the same for the board sizes that both have."""
    return all(old[size] == new[size] for size in {*old} & {*new})


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:24]}...{text[-24:]}"
