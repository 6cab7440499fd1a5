"""A rating pool: one SQLite file with networks, their games, and what every game was played under.

Every game is a transaction of its own, so that whatever ends a process takes no finished game with it. Several
processes may play at once: each takes a pair of games for itself before it begins, and pairs of a process that has died
are taken over.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lzeval.errors import UserError
from lzeval.go.openings import Book, Opening
from lzeval.records.record import GameRecord
from tournaments.pool import database, networks, sessions
from tournaments.pool import games as stored_games
from tournaments.pool.networks import Candidate, Network
from tournaments.pool.sessions import Pair
from tournaments.pool.settings import PoolSettings, book_text, kept_book, parse_settings, pool_name


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
        """Open the pool at `path`. Raises UserError where it is no pool of this version's."""
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
        """Members in the order in which they came."""
        with self._reading() as connection:
            return networks.read_networks(connection)

    def anchors(self) -> dict[str, float]:
        """The network whose Elo is fixed, and what it is: the one that was named, else the first, at 0."""
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM settings WHERE name = 'anchor'").fetchone()
        if row is not None:
            name, elo = json.loads(row["value"])
            return {name: elo}
        return {network.name: 0.0 for network in self.networks()[:1]}

    def set_anchor(self, name: str, elo: float) -> None:
        """Fix the scale: `name` has this Elo from now on. Raises UserError where it is no member."""
        if self.network(name) is None:
            raise UserError(f"{self.path}: no network {name!r} in it; lzeval pool list shows them")
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO settings VALUES ('anchor', ?)", (json.dumps([name, elo]),)
            )

    def network(self, name: str) -> Network | None:
        return next((network for network in self.networks() if network.name == name), None)

    def same_network(self, other: Candidate) -> Network | None:
        """The member with the weights of `other`: the same text, or the same numbers in another writing."""
        networks = self.networks()
        known = next((network for network in networks if network.sha256 == other.sha256), None)
        if known is not None or other.numbers_sha256 is None:
            return known
        alike = [
            network
            for network in networks
            if network.can_play and (network.blocks, network.filters) == (other.blocks, other.filters)
        ]
        return next((network for network in alike if self._numbers(network) == other.numbers_sha256), None)

    def _numbers(self, network: Network) -> str | None:
        """The SHA-256 of a member's numbers; read from its weights, where it is not known yet, and kept."""
        with self._reading() as connection:
            kept = networks.read_numbers(connection).get(network.id)
        if kept is not None:
            return kept
        with TemporaryDirectory() as folder, suppress(UserError):
            numbers = networks.numbers_of(self.weights_file(network, Path(folder)))
            if numbers is not None:
                with self._writing() as connection:
                    networks.keep_numbers(connection, network.id, numbers)
            return numbers
        return None

    def add_network(self, new: Candidate) -> Network:
        """Add a network. Raises UserError where its name is taken, or it is here under another name."""
        if new.weights is not None:
            new = replace(new, weights=networks.compressed(new.weights))
        here = self.same_network(new)
        if here is not None:
            raise UserError(f"{self.path}: this network is here already, as {here.name}")
        with self._writing() as connection:
            networks.insert_network(connection, self.path, new)
        added = self.network(new.name)
        assert added is not None
        return added

    def weights_file(self, network: Network, folder: Path) -> Path:
        """A file to play `network` from; weights in the pool are written to `folder` first, once.

        Raises UserError if there are none, or the file is not what it was.
        """

        def kept() -> bytes:
            with self._reading() as connection:
                return networks.kept_weights(connection, network)

        return networks.weights_file(network, folder, kept)

    # Playing

    def begin_session(self, machine: Mapping[str, object]) -> int:
        """Take note that this process plays; returns its number, by which it takes pairs."""
        with self._writing() as connection:
            return sessions.begin(connection, machine)

    def report(self, session: int, *, ended: bool = False) -> None:
        """Say that the process is alive, or that it plays no more."""
        with self._writing() as connection:
            sessions.report(connection, session, ended=ended)

    def take_pair(self, session: int, one: Network, other: Network) -> Pair:
        """Take the next pair of games between two networks."""
        one, other = sorted((one, other), key=lambda network: network.id)
        with self._writing() as connection:
            return sessions.take_pair(connection, session, one, other, self.settings.seed)

    def take_lost_pair(self, session: int, names: Sequence[str], *, of: str | None = None) -> Pair | None:
        """Take a pair between two of `names` that its process has left unfinished; `of` demands one of the two."""
        networks = [network for network in self.networks() if network.name in names]
        with self._writing() as connection:
            return sessions.take_lost_pair(connection, session, networks, of)

    def opening(self, pair: Pair) -> Opening:
        """Opening of both games of a pair: two networks meet in each opening once before any comes again."""
        order = sessions.meeting_number(self.settings.seed, pair.one, pair.other)
        return self.book.chosen(pair.number + 1, order)[pair.number]

    def add_game(
        self, pair: Pair, place: int, game: GameRecord, session: int, precision: str, device: str
    ) -> bool:
        """Keep a game that was played here. Returns whether it is new: a lost pair may have been played twice."""
        row = self._row(game) | {
            "pair": pair.id,
            "place": place,
            "sitting": session,
            "precision": precision,
            "device": device,
        }
        with self._writing() as connection:
            return stored_games.insert(connection, row) == 1

    def import_games(self, games: Sequence[GameRecord], source: str) -> int:
        """Keep games that were played elsewhere, between members; those that are here already are left out.

        Games with one `pair` number and the same two players stay a pair. Returns how many are new.
        """
        with self._writing() as connection:
            return stored_games.insert_new(connection, games, self._row, source)

    def _row(self, game: GameRecord) -> dict[str, Any]:
        ids = {network.name: network.id for network in self.networks()}
        return stored_games.row_of(game, ids, self.settings)

    # Reading

    def games(self) -> list[GameRecord]:
        """All of them, in the order in which they were kept."""
        with self._reading() as connection:
            return stored_games.read_games(connection, self.name)

    def results(self) -> list[tuple[str, str, str, int | None]]:
        """Black, White, the result as SGF has it and the id of the pair, of every game."""
        with self._reading() as connection:
            return stored_games.read_results(connection)

    def count(self) -> int:
        """Games that are kept."""
        with self._reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM games").fetchone()
            return int(count)
