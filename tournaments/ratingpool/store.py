"""A rating pool: one SQLite file with networks, their games, and what every game was played under.

Every game is a transaction of its own, so that whatever ends a process takes no finished game with it. Several
processes may play at once: each takes a pair of games for itself before it begins, and pairs of a process that has died
are taken over.
"""

from __future__ import annotations

import datetime
import gzip
import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from lzeval.core.errors import UserError
from lzeval.core.files import write_bytes_atomically
from lzeval.core.weights import text_sha256
from tournaments.openings import Book, Opening
from tournaments.ratingpool import codec, database
from tournaments.ratingpool.settings import PoolSettings, book_text, kept_book, parse_settings, pool_name
from tournaments.results import GameRecord, format_result

LOST_AFTER_S = 60.0
"""A process that has not reported for so long is taken for dead."""


@dataclass(frozen=True)
class Network:
    """A member of a pool."""

    id: int
    name: str
    sha256: str
    path: str | None
    is_copied: bool
    """Its weights are in the pool."""
    blocks: int | None = None
    filters: int | None = None
    run: str | None = None
    """The training run it is a checkpoint of."""
    positions: int | None = None
    """That it was trained on by then."""

    @property
    def can_play(self) -> bool:
        """Whether anything is known of its weights; of the players of imported games it may not be."""
        return self.is_copied or self.path is not None

    def as_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "sha256": self.sha256,
            "path": self.path,
            "copied": self.is_copied,
            "blocks": self.blocks,
            "filters": self.filters,
            "run": self.run,
            "positions": self.positions,
        }


@dataclass(frozen=True)
class Candidate:
    """A network on its way into a pool."""

    name: str
    sha256: str
    """Of the weights file's uncompressed text."""
    path: Path | None
    weights: bytes | None = None
    """The weights file itself, compressed or not, to be kept in the pool."""
    blocks: int | None = None
    filters: int | None = None
    run: str | None = None
    positions: int | None = None


@dataclass(frozen=True)
class Pair:
    """Two games that this process has taken."""

    id: int
    one: Network
    other: Network
    number: int
    """Among the pairs of these two."""
    seed: int
    places: tuple[int, ...]
    """Which of the two games are missing; in game 0 `one` has Black."""


class RatingPool:
    """A pool that is open; close it, or use it as a context."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        with self._reading():
            rows = connection.execute("SELECT name, value FROM settings")
            stored = {row["name"]: row["value"] for row in rows}
        try:
            self.settings: PoolSettings = parse_settings(json.loads(stored["settings"]))
            self._book_text: str = stored["book"]
        except (KeyError, TypeError, ValueError) as exc:
            raise UserError(f"{path}: its settings cannot be read ({exc}); go back to a copy") from exc

    @classmethod
    def create(cls, path: Path, settings: PoolSettings) -> RatingPool:
        """A new pool without networks. Raises UserError where `path` exists or cannot be written."""
        name, text = book_text(settings.openings, settings.size)
        content = {"settings": json.dumps(settings.as_dict() | {"openings": name}), "book": text}
        connection = database.create(path)
        with database.complaints(path):
            connection.executemany("INSERT INTO settings VALUES (?, ?)", content.items())
            connection.execute("COMMIT")
        return cls(path, connection)

    @classmethod
    def open(cls, path: Path) -> RatingPool:
        """Raises UserError where `path` is no pool of this version's."""
        return cls(path, database.connect(path))

    def __enter__(self) -> RatingPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with database.complaints(self.path):
            yield self._connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is committed at the end, or has never been."""
        with database.complaints(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has ended it already
                    self._connection.execute("ROLLBACK")
                raise

    @property
    def name(self) -> str:
        return pool_name(self.path)

    @cached_property
    def book(self) -> Book:
        return kept_book(self.settings.openings, self._book_text, self.settings.size)

    def require(self, wanted: Mapping[str, object]) -> None:
        """Raise UserError unless the pool's games are played as `wanted` says; None: no matter."""
        changes = self.settings.changes({k: v for k, v in wanted.items() if v is not None})
        if changes:
            raise UserError(
                f"{self.path}: all its games have {'; '.join(changes)}; games that differ in that cannot be compared:"
                " make another pool"
            )

    # Networks

    def networks(self) -> list[Network]:
        """In the order in which they came."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, name, sha256, path, weights IS NOT NULL AS copied, blocks, filters, run, positions"
                " FROM networks ORDER BY id"
            )
            return [
                Network(
                    row["id"], row["name"], row["sha256"], row["path"], bool(row["copied"]), row["blocks"],
                    row["filters"], row["run"], row["positions"],
                )
                for row in rows
            ]  # fmt: skip

    def anchors(self) -> dict[str, float]:
        """The network whose Elo is fixed, and what it is: the one that was named, else the first, at 0."""
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM settings WHERE name = 'anchor'").fetchone()
        if row is not None:
            name, elo = json.loads(row["value"])
            return {name: elo}
        return {network.name: 0.0 for network in self.networks()[:1]}

    def set_anchor(self, name: str, elo: float) -> None:
        """From now on, `name` has this Elo. Raises UserError where it is no member."""
        if self.network(name) is None:
            raise UserError(f"{self.path}: no network {name!r} in it; lzeval pool list shows them")
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO settings VALUES ('anchor', ?)", (json.dumps([name, elo]),)
            )

    def network(self, name: str) -> Network | None:
        return next((network for network in self.networks() if network.name == name), None)

    def add_network(self, new: Candidate) -> Network:
        """Add a network. Raises UserError where its name is taken, or it is here under another name."""
        weights = None if new.weights is None else _compressed(new.weights)
        with self._writing() as connection:
            for row in connection.execute(
                "SELECT name, sha256 FROM networks WHERE name = ? OR sha256 = ?", (new.name, new.sha256)
            ):
                if row["sha256"] == new.sha256:
                    raise UserError(f"{self.path}: this network is here already, as {row['name']}")
                raise UserError(f"{self.path}: another network is called {new.name}; add --name NAME")
            connection.execute(
                "INSERT INTO networks (name, sha256, path, blocks, filters, run, positions, added, weights)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    new.name, new.sha256, None if new.path is None else str(new.path.resolve()), new.blocks,
                    new.filters, new.run, new.positions, _now(), weights,
                ),
            )  # fmt: skip
        added = self.network(new.name)
        assert added is not None
        return added

    def weights_file(self, network: Network, folder: Path) -> Path:
        """A file to play `network` from; weights in the pool are written to `folder` first, once.

        Raises UserError if there are none, or the file is not what it was.
        """
        if network.is_copied:
            target = folder / f"{network.sha256}.txt.gz"
            if not target.is_file() or sha_of(target) != network.sha256:
                with self._reading() as connection:
                    row = connection.execute(
                        "SELECT weights FROM networks WHERE id = ?", (network.id,)
                    ).fetchone()
                folder.mkdir(parents=True, exist_ok=True)
                write_bytes_atomically(target, row["weights"])
            return target
        if network.path is None:
            raise UserError(f"{network.name}: its games were imported without its weights; it cannot play")
        path = Path(network.path)
        if not path.is_file():
            raise UserError(f"{network.name}: {path} is gone; put it back, or play without this network")
        found = sha_of(path)
        if found != network.sha256:
            raise UserError(
                f"{network.name}: {path} has changed since it was added (sha256 was {network.sha256[:12]}, is"
                f" {found[:12]}); put the old file back, or add the new one under another name"
            )
        return path

    # Playing

    def begin_sitting(self, machine: Mapping[str, object]) -> int:
        """Take note that this process plays; returns its number, by which it takes pairs."""
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT INTO sittings (host, pid, begun, seen, machine) VALUES (?, ?, ?, ?, ?)",
                (platform.node(), os.getpid(), _now(), time.time(), json.dumps(machine)),
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def report(self, sitting: int, *, ended: bool = False) -> None:
        """Say that the process is alive, or that it plays no more."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE sittings SET seen = ?, ended = ? WHERE id = ?", (time.time(), int(ended), sitting)
            )

    def take_pair(self, sitting: int, one: Network, other: Network) -> Pair:
        """Take the next pair of games between two networks."""
        one, other = sorted((one, other), key=lambda network: network.id)
        with self._writing() as connection:
            (number,) = connection.execute(
                "SELECT coalesce(max(number) + 1, 0) FROM pairs WHERE one = ? AND other = ?",
                (one.id, other.id),
            ).fetchone()
            seed = self._number(one, other, str(number))
            cursor = connection.execute(
                "INSERT INTO pairs (one, other, number, seed, sitting) VALUES (?, ?, ?, ?, ?)",
                (one.id, other.id, number, seed, sitting),
            )
            assert cursor.lastrowid is not None
            return Pair(cursor.lastrowid, one, other, number, seed, (0, 1))

    def take_lost_pair(self, sitting: int, names: Sequence[str], *, of: str | None = None) -> Pair | None:
        """Take a pair between two of `names` that its process has left unfinished; `of` demands one of the two."""
        networks = {network.id: network for network in self.networks() if network.name in names}
        with self._writing() as connection:
            rows = connection.execute(
                "SELECT pairs.*, sittings.host, sittings.pid, sittings.seen, sittings.ended,"
                " (SELECT group_concat(place) FROM games WHERE pair = pairs.id) AS played"
                " FROM pairs JOIN sittings ON sittings.id = pairs.sitting"
                " WHERE (SELECT count(*) FROM games WHERE pair = pairs.id) < 2 AND sitting != ? ORDER BY pairs.id",
                (sitting,),
            ).fetchall()
            for row in rows:
                if not {row["one"], row["other"]} <= networks.keys() or _is_alive(row):
                    continue
                one, other = networks[row["one"]], networks[row["other"]]
                if of is not None and of not in (one.name, other.name):
                    continue
                connection.execute("UPDATE pairs SET sitting = ? WHERE id = ?", (sitting, row["id"]))
                played = {int(place) for place in (row["played"] or "").split(",") if place}
                missing = tuple(place for place in (0, 1) if place not in played)
                return Pair(row["id"], one, other, row["number"], row["seed"], missing)
        return None

    def _number(self, one: Network, other: Network, more: str = "") -> int:
        """A number below 2^53 that is the same wherever these two meet in a pool of this seed."""
        digest = sha256(f"{self.settings.seed}/{one.sha256}/{other.sha256}/{more}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 11

    def opening(self, pair: Pair) -> Opening:
        """What both games of a pair begin with: two networks meet in each opening once before any comes again."""
        order = self._number(pair.one, pair.other)
        return self.book.chosen(pair.number + 1, order)[pair.number]

    def add_game(
        self, pair: Pair, place: int, game: GameRecord, sitting: int, precision: str, device: str
    ) -> bool:
        """Keep a game that was played here. Returns whether it is new: a lost pair may have been played twice."""
        row = self._row(game) | {
            "pair": pair.id,
            "place": place,
            "sitting": sitting,
            "precision": precision,
            "device": device,
        }
        with self._writing() as connection:
            return _insert(connection, row) == 1

    def import_games(self, games: Sequence[GameRecord], source: str) -> int:
        """Keep games that were played elsewhere, between members; those that are here already are left out.

        Games with one `pair` number and the same two players stay a pair. Returns how many are new.
        """
        pairs: dict[tuple[object, ...], int] = {}
        added = 0
        with self._writing() as connection:
            for game in games:
                row = self._row(game)
                known = connection.execute("SELECT 1 FROM games WHERE fingerprint = ?", (row["fingerprint"],))
                if known.fetchone() is not None:
                    continue
                if game.pair is not None:
                    one, other = sorted((row["black"], row["white"]))
                    key = (one, other, game.pair, game.opening, game.event, game.path and game.path.parent)
                    if key not in pairs:
                        pairs[key] = _new_pair(connection, one, other)
                    row["pair"], row["place"] = pairs[key], int(row["black"] == other)
                row["source"] = source
                if not _insert(connection, row):  # a third game of a pair belongs to none
                    _insert(connection, row | {"pair": None, "place": None})
                added += 1
        return added

    def _row(self, game: GameRecord) -> dict[str, Any]:
        ids = {network.name: network.id for network in self.networks()}
        return {
            "black": ids[game.black],
            "white": ids[game.white],
            "result": format_result(game.result),
            "note": game.result.note,
            "moves": codec.write_moves(game),
            "winrates": codec.write_winrates(game),
            "opening": game.opening,
            "seed": game.seed,
            "date": game.date,
            "visits": self.settings.visits,
            "komi": self.settings.komi,
            "size": self.settings.size,
            "rules": self.settings.rules,
            "fingerprint": codec.fingerprint(game),
            "further": codec.write_further(game),
        }

    # Reading

    def games(self) -> list[GameRecord]:
        """All of them, in the order in which they were kept."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT games.*, pairs.number, one.name AS black_name, other.name AS white_name FROM games"
                " LEFT JOIN pairs ON pairs.id = games.pair JOIN networks AS one ON one.id = games.black"
                " JOIN networks AS other ON other.id = games.white ORDER BY games.id"
            ).fetchall()
        return [codec.read_record(row, self.name) for row in rows]

    def results(self) -> list[tuple[str, str, str, int | None]]:
        """Of every game: Black, White, its result as SGF has it, and the id of its pair."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT one.name, other.name, games.result, games.pair FROM games"
                " JOIN networks AS one ON one.id = games.black JOIN networks AS other ON other.id = games.white"
                " ORDER BY games.id"
            )
            return [(row[0], row[1], row[2], row[3]) for row in rows]

    def count(self) -> int:
        """Games that are kept."""
        with self._reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM games").fetchone()
            return int(count)


def _now() -> str:
    return datetime.datetime.now().isoformat(" ", "seconds")


def _compressed(content: bytes) -> bytes:
    return content if content.startswith(b"\x1f\x8b") else gzip.compress(content, 6, mtime=0)


def sha_of(path: Path) -> str:
    """As `text_sha256`; of a file that is no text at all, something that no network has."""
    try:
        return text_sha256(path)
    except UserError:
        return sha256(path.read_bytes()).hexdigest()


def _insert(connection: sqlite3.Connection, row: Mapping[str, Any]) -> int:
    """Insert into `games`; returns how many rows that made: none if that game of that pair is there already."""
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    statement = f"INSERT INTO games ({names}) VALUES ({marks}) ON CONFLICT (pair, place) DO NOTHING"  # noqa: S608
    return connection.execute(statement, tuple(row.values())).rowcount


def _new_pair(connection: sqlite3.Connection, one: int, other: int) -> int:
    """A pair for games that were played elsewhere; it takes a number, which no pair of ours will have then."""
    cursor = connection.execute(
        "INSERT INTO pairs (one, other, number)"
        " SELECT ?1, ?2, coalesce(max(number) + 1, 0) FROM pairs WHERE one = ?1 AND other = ?2",
        (one, other),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _is_alive(sitting: Mapping[str, Any]) -> bool:
    """Whether the process of a sitting may still finish what it has taken."""
    if sitting["ended"] or time.time() - sitting["seen"] > LOST_AFTER_S:
        return False
    if sitting["host"] != platform.node() or sys.platform == "win32":
        return True  # where nothing can be known, time decides
    try:
        os.kill(sitting["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
