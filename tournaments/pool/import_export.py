"""Games into a pool from records and matches, and out of it as records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from engines.katago.arguments import COMMAND as KATAGO
from engines.katago.arguments import KataGoArguments
from engines.player.options import parse_words
from lzeval.errors import UserError
from lzeval.network.weights_file.weights import is_checkpoint
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import Skipped, read_games, record_name, write_game
from lzeval.records.writer import serialise_game
from tournaments.pool.networks import Candidate, katago_candidate, katago_identity, numbers_of, sha_of
from tournaments.pool.store import RatingPool

DESCRIPTION = "match.json"
_VISITS = re.compile(r"\b(\d+) visits\b")


@dataclass
class Imported:
    """Outcome of an import."""

    added: int = 0
    known: int = 0
    """Games that the pool had already."""
    skipped: list[Skipped] = field(default_factory=list)
    new_players: list[str] = field(default_factory=list)


def import_games(
    pool: RatingPool, paths: Sequence[Path], *, trust: bool = False, take_players: bool = False
) -> Imported:
    """Take games of the folders of matches and of the SGF files `paths` into `pool`; those it has are left out.

    `trust`: records that do not say under how many visits they were played count as played under the pool's.
    `take_players`: players who are not in the pool become members that cannot play; those of a match that still have
    their weights can. Raises UserError for a source without games, and for games that cannot be compared with the
    pool's; then nothing is imported.
    """
    found = Imported()
    batches = [
        _of_match(pool, path) if _description(path) else _of_records(pool, path, trust) for path in paths
    ]
    for batch in batches:
        if all(isinstance(game, Skipped) for game in batch.games):
            reasons = {game.why for game in batch.games if isinstance(game, Skipped)}
            raise UserError(
                f"{batch.source}: no games to import ({', '.join(sorted(reasons)) or 'it is empty'})"
            )
        found.skipped += [game for game in batch.games if isinstance(game, Skipped)]
        _require_players(pool, batch, take_players)
    for batch in batches:
        found.new_players += _admit(pool, batch)
        games = [game for game in batch.games if isinstance(game, GameRecord)]
        added = pool.import_games(games, str(batch.source))
        found.added += added
        found.known += len(games) - added
    return found


@dataclass
class _Batch:
    """Games of one source, under the names that the pool knows their players by."""

    source: Path
    games: list[GameRecord | Skipped]
    candidates: dict[str, Candidate]
    """Players who are not in the pool, by name."""


def _description(path: Path) -> dict[str, Any] | None:
    """Content of match.json, in the folder of a match or in that of its games."""
    for folder in (path, path.parent) if path.is_dir() else ():
        file = folder / DESCRIPTION
        if file.is_file():
            try:
                content = json.loads(file.read_text(encoding="utf-8"))
                return dict(content)
            except (OSError, ValueError, TypeError) as exc:
                raise UserError(f"{file}: cannot be read ({exc})") from exc
    return None


def _of_match(pool: RatingPool, path: Path) -> _Batch:
    """The games of a match between networks."""
    content = _description(path)
    assert content is not None
    try:
        settings = content["settings"]
        players = {str(player["code"]): dict(player) for player in settings["players"]}
        files = [Path(file) for file in content.get("files", [])]
    except (KeyError, TypeError, AttributeError) as exc:
        raise UserError(f"{path}: its {DESCRIPTION} is not one of lzeval match") from exc
    identities = {code: _identity(path, code, player) for code, player in players.items()}
    _require_settings(pool, path, settings, players)
    names, candidates = {}, {}
    by_sha = {network.sha256: network.name for network in pool.networks()}
    for number, (code, player) in enumerate(players.items()):
        sha, katago = identities[code], _katago(player)
        names[code] = by_sha.get(sha, code)
        if sha not in by_sha and katago is not None:
            candidates[code] = _katago_candidate(code, sha, katago)
        elif sha not in by_sha:
            file = files[number] if number < len(files) else None
            still_there = (
                file is not None and file.is_file() and not is_checkpoint(file) and sha_of(file) == sha
            )
            candidate = Candidate(
                code,
                sha,
                file if still_there else None,
                None,
                player.get("blocks"),
                player.get("filters"),
                numbers_sha256=_numbers(content, number)
                or (numbers_of(file) if file and still_there else None),
            )
            member = pool.same_network(candidate)
            if member is not None:
                names[code] = member.name
            else:  # what cannot play is not to keep the same network out that can
                candidates[code] = candidate if still_there else replace(candidate, numbers_sha256=None)
    _require_two_networks(path, content, list(identities.values()))
    games = list(read_games([path]))
    for game in games:
        if isinstance(game, GameRecord):
            _require_board(pool, game)
    renamed = [
        replace(game, black=names.get(game.black, game.black), white=names.get(game.white, game.white))
        if isinstance(game, GameRecord)
        else game
        for game in games
    ]
    return _Batch(path, renamed, candidates)


def _katago(player: Mapping[str, Any]) -> KataGoArguments | None:
    """The options of a match's player that is `katago:NET`; None for any other."""
    command = [str(word) for word in player.get("command", ())]
    if KATAGO not in command[1:4]:
        return None
    return parse_words(KataGoArguments, command[command.index(KATAGO, 1) + 1 :])


def _identity(path: Path, code: str, player: Mapping[str, Any]) -> str:
    """The SHA-256 by which a pool knows a player of a match. Raises UserError for one that is no network."""
    katago = _katago(player)
    if "sha256" not in player or (katago is None and "command" in player):
        raise UserError(f"{path}: {code} is a program, and a pool is of networks")
    sha = str(player["sha256"])
    return sha if katago is None else katago_identity(sha, katago)


def _katago_candidate(code: str, identity: str, found: KataGoArguments) -> Candidate:
    """A player of a match that can play on if its file is what it was."""
    with suppress(UserError):
        candidate = katago_candidate(found, code)
        if candidate.sha256 == identity:
            return candidate
    return Candidate(code, identity, None)


def _require_two_networks(path: Path, content: Mapping[str, Any], identities: Sequence[str]) -> None:
    count = len(identities)
    numbers = [_numbers(content, number) for number in range(count)]
    if len({*identities}) < count or (None not in numbers and len({*numbers}) < count):
        raise UserError(f"{path}: both players are the same network; their games tell a pool nothing")


def _numbers(description: Mapping[str, Any], number: int) -> str | None:
    """The SHA-256 of a player's numbers, which older descriptions of matches lack."""
    try:
        return str(description["networks"][number]["numbers_sha256"]) or None
    except (KeyError, IndexError, TypeError):
        return None


def _require_settings(
    pool: RatingPool, path: Path, settings: Mapping[str, Any], players: Mapping[str, Mapping[str, Any]]
) -> None:
    ours = pool.settings
    wanted = {
        "visits": settings.get("visits"),
        "komi": settings.get("komi"),
        "size": settings.get("size"),
        "resign": settings.get("resign_percent"),
        "move_limit": settings.get("move_limit"),
    }
    changes = ours.changes(wanted)
    if settings.get("playouts") is not None:
        changes.append(f"no limit of playouts, not {settings['playouts']}")
    if ours.precision != "auto":
        played = {str(player.get("precision")) for player in players.values() if _katago(player) is None}
        changes += [f"precision {ours.precision}, not {other}" for other in sorted(played - {ours.precision})]
    if changes:
        raise UserError(f"{path}: cannot be compared with {pool.path}, whose games have {'; '.join(changes)}")


def _of_records(pool: RatingPool, path: Path, trust: bool) -> _Batch:
    """Games of anybody's SGF files."""
    games = list(read_games([path]))
    for game in games:
        if isinstance(game, GameRecord):
            _require_board(pool, game)
            _require_visits(pool, game, trust)
    known = {network.name for network in pool.networks()}
    players = {name for game in games if isinstance(game, GameRecord) for name in (game.black, game.white)}
    unknown = {name: Candidate(name, f"unknown: {name}", None) for name in sorted(players - known) if name}
    return _Batch(path, games, unknown)


def _require_board(pool: RatingPool, game: GameRecord) -> None:
    wanted = {"size": game.size, "komi": pool.settings.komi if game.komi is None else game.komi}
    changes = pool.settings.changes(wanted)
    if game.handicap or game.setup_black or game.setup_white:
        changes.append("no handicap or set-up stones")
    if not game.black or not game.white or game.black == game.white:
        changes.append("two different players with names")
    if changes:
        raise UserError(
            f"{_place(game)}: cannot be compared with {pool.path}, whose games have {'; '.join(changes)}"
        )


def _require_visits(pool: RatingPool, game: GameRecord, trust: bool) -> None:
    said = [_VISITS.search(text) for text in (game.black_description, game.white_description)]
    for match in said:
        if match is not None and int(match[1]) != pool.settings.visits:
            raise UserError(
                f"{_place(game)}: played with {match[1]} visits a move; {pool.path} has {pool.settings.visits}"
            )
    if not trust and None in said:
        raise UserError(
            f"{_place(game)}: does not say how many visits a move it was played with; add --trust if it was"
            f" {pool.settings.visits}, as in {pool.path}"
        )


def _place(game: GameRecord) -> str:
    return f"{game.path or 'a record'}, game {game.game_id}"


def _require_players(pool: RatingPool, batch: _Batch, take: bool) -> None:
    names = {network.name for network in pool.networks()}
    taken = [name for name in batch.candidates if name in names]
    if taken:
        raise UserError(
            f"{batch.source}: {taken[0]} is another network than the one that {pool.path} calls so"
        )
    if batch.candidates and not take:
        raise UserError(
            f"{batch.source}: {', '.join(batch.candidates)} not in {pool.path}; add them first, or with --players take"
            " them in as they are"
        )


def _admit(pool: RatingPool, batch: _Batch) -> list[str]:
    here = {network.name for network in pool.networks()}
    new = [candidate for name, candidate in batch.candidates.items() if name not in here]
    for candidate in new:
        pool.add_network(candidate)
    return [candidate.name for candidate in new]


def export_games(pool: RatingPool, folder: Path) -> int:
    """Write every game to `folder`/<pool>.games as gomill would, which `lzeval rate` reads; returns how many are new.

    A pair of networks is a matchup, counted from 0 as in gomill's playoffs. Games are never altered, so that those
    which are there already stay. Raises UserError where the folder holds something else.
    """
    target = folder / f"{pool.name}.games"
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UserError(f"{target}: cannot be created ({exc.strerror})") from exc
    written = 0
    for game in with_gomill_ids(pool.games()):
        file = target / record_name(game.game_id)
        if not file.exists():
            write_game(game, file)
            written += 1
        elif file.read_bytes() != serialise_game(game):
            raise UserError(f"{file}: is no game of {pool.path}; choose another folder")
    return written


def with_gomill_ids(games: Iterable[GameRecord]) -> list[GameRecord]:
    """Give games ids such as `3_0007`: the matchup, and the game's place in it; games 2k and 2k + 1 are pair k.

    Games that belong to no pair are counted apart, as `3u_0000`.
    """
    everything = list(games)
    matchups: dict[frozenset[str], int] = {}
    for game in everything:
        matchups.setdefault(frozenset((game.black, game.white)), len(matchups))
    single = count()
    numbered = []
    for game in everything:
        matchup = matchups[frozenset((game.black, game.white))]
        if game.pair is None:
            game_id = f"{matchup}u_{next(single):04d}"
        else:
            game_id = f"{matchup}_{2 * game.pair + int(game.black > game.white):04d}"
        numbered.append(replace(game, game_id=game_id))
    return numbered
