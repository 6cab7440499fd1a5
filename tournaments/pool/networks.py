"""The networks of a pool: what it knows of them, and how they come in."""

from __future__ import annotations

import datetime
import gzip
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from engines.katago.arguments import COMMAND as KATAGO
from engines.katago.arguments import KataGoArguments, parse_player_text, player_text, playing_options
from lzeval.errors import UserError
from lzeval.network.weights_file.weights import read_weights, text_sha256
from lzeval.system.files import write_bytes_atomically
from tournaments.plan.settings_check import sha256_of


@dataclass(frozen=True)
class Network:
    """A member of a pool."""

    id: int
    name: str
    sha256: str
    """As a candidate's."""
    path: str | None
    """An absolute path; of a network of KataGo's the player's text, with such a path in it."""
    is_copied: bool
    """True if its weights are in the pool."""
    blocks: int | None = None
    filters: int | None = None
    run: str | None = None
    """The training run it is a checkpoint of."""
    positions: int | None = None
    """Number of positions that it had been trained on."""

    @property
    def can_play(self) -> bool:
        """True if anything is known of its weights; of the players of imported games it may not be."""
        return self.is_copied or self.path is not None

    @property
    def is_katago(self) -> bool:
        """True if KataGo plays it."""
        return self.path is not None and self.path.startswith(f"{KATAGO}:")

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
    """SHA-256 of the weights file's uncompressed text; of a network of KataGo's see `katago_identity`."""
    path: Path | None
    weights: bytes | None = None
    """The weights file itself, compressed or not, to be kept in the pool."""
    blocks: int | None = None
    filters: int | None = None
    run: str | None = None
    positions: int | None = None
    numbers_sha256: str | None = None
    """SHA-256 of its numbers, however they are written; None where it is not known."""
    katago: str | None = None
    """Of a network of KataGo's: the player's text, in place of a path."""


def read_networks(connection: sqlite3.Connection) -> list[Network]:
    """Members in the order in which they came."""
    rows = connection.execute(
        "SELECT id, name, sha256, path, weights IS NOT NULL AS copied, blocks, filters, run, positions"
        " FROM networks ORDER BY id"
    )
    return [
        Network(
            row["id"], row["name"], row["sha256"], _path_of(row["path"]), bool(row["copied"]), row["blocks"],
            row["filters"], row["run"], row["positions"],
        )
        for row in rows
    ]  # fmt: skip


def read_numbers(connection: sqlite3.Connection) -> dict[int, str]:
    """The SHA-256 of networks' numbers, by id, as far as it was kept."""
    if not _has_numbers(connection):
        return {}
    rows = connection.execute("SELECT id, numbers_sha256 FROM networks WHERE numbers_sha256 IS NOT NULL")
    return {row["id"]: row["numbers_sha256"] for row in rows}


def keep_numbers(connection: sqlite3.Connection, network_id: int, digest: str | None) -> None:
    """Keep it with a network; a pool that was made without a place for it gets one, which older versions overlook."""
    if not _has_numbers(connection):
        connection.execute("ALTER TABLE networks ADD COLUMN numbers_sha256 TEXT")
    connection.execute("UPDATE networks SET numbers_sha256 = ? WHERE id = ?", (digest, network_id))


def _has_numbers(connection: sqlite3.Connection) -> bool:
    return any(row["name"] == "numbers_sha256" for row in connection.execute("PRAGMA table_info(networks)"))


def insert_network(connection: sqlite3.Connection, pool: Path, new: Candidate) -> None:
    """Add a network. Raises UserError where its name is taken, or it is in the pool under another name."""
    for row in connection.execute(
        "SELECT name, sha256 FROM networks WHERE name = ? OR sha256 = ?", (new.name, new.sha256)
    ):
        if row["sha256"] == new.sha256:
            raise UserError(f"{pool}: this network is here already, as {row['name']}")
        raise UserError(f"{pool}: another network is called {new.name}; add --name NAME")
    path = new.katago or (None if new.path is None else str(new.path.resolve()))
    inserted = connection.execute(
        "INSERT INTO networks (name, sha256, path, blocks, filters, run, positions, added, weights)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.name, new.sha256, None if path is None else _kept_path(path), new.blocks, new.filters, new.run,
            new.positions, now(), new.weights,
        ),
    )  # fmt: skip
    assert inserted.lastrowid is not None
    keep_numbers(connection, inserted.lastrowid, new.numbers_sha256)


def _kept_path(path: str) -> str | bytes:
    """A path as a pool keeps it: text, whatever the locale, or bytes where they are not UTF-8."""
    name = os.fsencode(path)
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name


def _path_of(kept: str | bytes | None) -> str | None:
    """A path as Python has it, from what `_kept_path` made of it."""
    return None if kept is None else os.fsdecode(kept if isinstance(kept, bytes) else kept.encode("utf-8"))


def kept_weights(connection: sqlite3.Connection, network: Network) -> bytes:
    """The weights file that is in the pool."""
    row = connection.execute("SELECT weights FROM networks WHERE id = ?", (network.id,)).fetchone()
    weights: bytes = row["weights"]
    return weights


def weights_file(network: Network, folder: Path, kept: Callable[[], bytes]) -> Path:
    """A file to play `network` from; weights that are in the pool, which `kept` reads, go to `folder` first, once.

    Raises UserError if there are none, or the file is not what it was.
    """
    if network.is_copied:
        target = folder / f"{network.sha256}.txt.gz"
        if not target.is_file() or sha_of(target) != network.sha256:
            weights = kept()
            folder.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(target, weights)
        return target
    if network.path is None:
        raise UserError(f"{network.name}: its games were imported without its weights; it cannot play")
    path = Path(network.path)
    _require_unchanged(network, path, sha_of)
    return path


def _require_unchanged(network: Network, path: Path, identity: Callable[[Path], str]) -> None:
    """Raise UserError where the file is not what it was."""
    if not path.is_file():
        raise UserError(f"{network.name}: {path} is gone; put it back, or play without this network")
    found = identity(path)
    if found != network.sha256:
        raise UserError(
            f"{network.name}: {path} has changed since it was added (sha256 was {network.sha256[:12]}, is"
            f" {found[:12]}); put the old file back, or add the new one under another name"
        )


def katago_candidate(found: KataGoArguments, name: str, **training: Any) -> Candidate:
    """A network of KataGo's as it comes into a pool. Raises UserError."""
    identity = katago_identity(sha256_of(Path(found.network)), found)
    return Candidate(name, identity, None, katago=player_text(found), **training)


def katago_identity(sha256: str, found: KataGoArguments) -> str:
    """The SHA-256 of the file's bytes, and behind it the options that change how it plays: `1f5b...,temperature=0`."""
    return ",".join(filter(None, (sha256, playing_options(found))))


def katago_player(network: Network) -> KataGoArguments:
    """How KataGo plays a member. Raises UserError if the file is not what it was."""
    assert network.path is not None
    found = parse_player_text(network.path.partition(":")[2])
    _require_unchanged(network, Path(found.network), lambda file: katago_identity(sha256_of(file), found))
    return found


def numbers_of(file: Path) -> str | None:
    """The SHA-256 of a weights file's numbers; None where it has none."""
    try:
        return read_weights(file).numbers_sha256
    except UserError:
        return None


def now() -> str:
    return datetime.datetime.now().isoformat(" ", "seconds")


def compressed(content: bytes) -> bytes:
    return content if content.startswith(b"\x1f\x8b") else gzip.compress(content, 6, mtime=0)


def sha_of(path: Path) -> str:
    """SHA-256 as by `text_sha256`; of a file that is no text at all, something that no network has."""
    try:
        return text_sha256(path)
    except UserError:
        return sha256(path.read_bytes()).hexdigest()
