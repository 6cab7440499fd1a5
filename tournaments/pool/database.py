"""The file of a pool as SQLite sees it: tables, transactions, and a user's line for all that can go wrong.

The journal is SQLite's classic one, not the write-ahead log: between two transactions the file is all there is, so
that it can be copied, moved and mailed while nobody plays, also after a `kill -9`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lzeval.errors import UserError
from lzeval.system.drives import network_kind

APPLICATION_ID = 0x6C7A6570
"""Mark that tells a pool from other programs' SQLite files: `lzep`."""
VERSION = 1
ON_NETWORK = "LZEVAL_POOL_ON_NETWORK"
"""The environment variable that, set to 1, allows a pool on a network drive."""
MAGIC = b"SQLite format 3\0"
PATIENCE_S = 60.0
"""Longest wait for another process's transaction."""

TABLES = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE networks (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL UNIQUE,  -- of the weights file's uncompressed text; of KataGo's: of its bytes, and options
    path TEXT,                    -- where it was found, absolute, or katago:PATH; null: the bytes are here, or nowhere
    blocks INTEGER, filters INTEGER,
    run TEXT, positions INTEGER,  -- of training: which run, and how far it was
    added TEXT NOT NULL,
    numbers_sha256 TEXT,          -- of the numbers as float32; older pools lack the column until it is needed
    weights BLOB                  -- a weights file, compressed with gzip
);
CREATE TABLE sittings (           -- one a process that plays
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL, pid INTEGER NOT NULL,
    begun TEXT NOT NULL, seen REAL NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0,
    machine TEXT NOT NULL         -- JSON: system, processor, cores, versions
);
CREATE TABLE pairs (              -- two games from one opening, colours swapped; taken before they are played
    id INTEGER PRIMARY KEY,
    one INTEGER NOT NULL REFERENCES networks, other INTEGER NOT NULL REFERENCES networks,
    number INTEGER NOT NULL,
    seed INTEGER,                 -- null: played elsewhere
    sitting INTEGER REFERENCES sittings,
    CHECK (one < other),
    UNIQUE (one, other, number)
);
CREATE TABLE games (
    id INTEGER PRIMARY KEY,
    pair INTEGER REFERENCES pairs,
    place INTEGER,                -- 0 or 1: which game of its pair
    black INTEGER NOT NULL REFERENCES networks, white INTEGER NOT NULL REFERENCES networks,
    result TEXT NOT NULL,         -- as SGF's RE
    note TEXT NOT NULL,
    moves TEXT NOT NULL,          -- bpd wdp ...: colour and SGF point, nothing for a pass
    winrates TEXT NOT NULL,       -- Black's, 0 to 1, after each move; - where there is none
    opening TEXT NOT NULL,
    seed INTEGER,
    date TEXT NOT NULL,
    visits INTEGER NOT NULL, komi REAL NOT NULL, size INTEGER NOT NULL, rules TEXT NOT NULL,
    precision TEXT,               -- of Black, and of White
    device TEXT,
    sitting INTEGER REFERENCES sittings,
    source TEXT,                  -- where it was imported from; null: played here
    fingerprint TEXT NOT NULL,    -- equal for copies of one game
    further TEXT NOT NULL,        -- JSON: whatever else a record holds
    UNIQUE (pair, place)
);
CREATE INDEX copies ON games (fingerprint);
"""


def create(path: Path) -> sqlite3.Connection:
    """A new file with empty tables, in a transaction that is still open. Raises UserError."""
    if is_taken(path):
        raise UserError(f"{path}: exists already; give another name to the new pool")
    _require_own_disk(path)
    with complaints(path):
        try:
            connection = _connect(path, "rwc")
        except sqlite3.OperationalError as exc:
            raise UserError(
                f"{path}: cannot be created; is its folder there, and may you write to it?"
            ) from exc
        connection.execute("BEGIN IMMEDIATE")
        _require_ours(path, connection, empty=True)
        for statement in TABLES.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return connection


def is_taken(path: Path) -> bool:
    """Tell whether something is at `path`, but for the empty file that is left where a pool could not be created."""
    return path.exists() and not (path.is_file() and path.stat().st_size == 0)


def connect(path: Path) -> sqlite3.Connection:
    """Open a pool. Raises UserError where `path` is none that this version can work with."""
    if not path.is_file():
        kind = (
            "a folder, and a pool is a file"
            if path.is_dir()
            else "no such file; lzeval pool create makes a pool"
        )
        raise UserError(f"{path}: {kind}")
    try:
        with path.open("rb") as file:
            head = file.read(len(MAGIC))
    except OSError as exc:
        raise UserError(f"{path}: cannot be read ({exc.strerror})") from exc
    if head != MAGIC:
        raise UserError(f"{path}: no rating pool; it is {_kind(head)}")
    _require_own_disk(path)
    with complaints(path):
        connection = _connect(path, "rw")
        _require_ours(path, connection)
        return connection


def _require_own_disk(path: Path) -> None:
    """Raise UserError for a network drive: SQLite needs locks that hold, see https://sqlite.org/howtocorrupt.html."""
    kind = network_kind(path)
    if kind is not None and os.environ.get(ON_NETWORK, "0") in ("", "0"):
        raise UserError(
            f"{path}: lies on a network drive ({kind}), where locks may fail and a pool be damaged; keep it on a disk"
            " of the machine that plays, which other machines can help with --cluster, or set"
            f" {ON_NETWORK}=1 if never more than one process opens it"
        )


def is_pool(path: Path) -> bool:
    """Tell whether `path` is a SQLite file, and so meant as a pool."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _kind(head: bytes) -> str:
    if not head:
        return "an empty file"
    if head.startswith((b"\x1f\x8b", b"1\n", b"2\n", b"PK")):
        return "a network, or an archive"
    return "a game record" if head.lstrip().startswith(b"(;") else "a file of another kind"


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=PATIENCE_S, isolation_level=None
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def _require_ours(path: Path, connection: sqlite3.Connection, *, empty: bool = False) -> None:
    """Raise UserError for other programs' files, and newer ones of ours; `empty`: for all that hold something."""
    try:
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if empty:
            if tables:
                raise UserError(f"{path}: another process has just created it")
        elif owner != APPLICATION_ID:
            raise UserError(f"{path}: no rating pool; it is a SQLite file of another program")
        elif version > VERSION:
            raise UserError(f"{path}: written by a newer version of lzeval; a newer one is needed to read it")
    except (UserError, sqlite3.Error):
        connection.close()
        raise


_ADVICE = {
    "full": "the disk is full; all games before are kept",
    "readonly": "is read-only, or its folder is; copy it to where you may write",
    "locked": f"another process has kept it busy for {PATIENCE_S:.0f} s; try again",
    "busy": f"another process has kept it busy for {PATIENCE_S:.0f} s; try again",
    "malformed": "is damaged; go back to a copy",
    "no such table": "is damaged; go back to a copy",
    "not a database": "is damaged; go back to a copy",
    "unable to open": "cannot be opened; may you write to its folder?",
    "disk I/O": "the disk does not read or write; all games before are kept",
}


@contextmanager
def complaints(path: Path) -> Iterator[None]:
    """SQLite's errors that no program can help, as UserError."""
    try:
        yield
    except sqlite3.DatabaseError as exc:
        advice = next((advice for word, advice in _ADVICE.items() if word in str(exc)), None)
        if advice is None:
            raise
        raise UserError(f"{path}: {advice}") from exc
