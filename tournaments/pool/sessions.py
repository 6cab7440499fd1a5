"""Sessions of playing in a pool: each process takes pairs of games, and those of a dead process are taken over."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tournaments.pool.networks import Network, now

LOST_AFTER_S = 60.0
"""A process that has not reported for so long is taken for dead."""


@dataclass(frozen=True)
class Pair:
    """Two games that this process has taken."""

    id: int
    one: Network
    other: Network
    number: int
    """Number of the pair among those of these two."""
    seed: int
    places: tuple[int, ...]
    """Those of the two games that are missing; in game 0 `one` has Black."""


def begin(connection: sqlite3.Connection, machine: Mapping[str, object]) -> int:
    """Take note that this process plays; returns its number."""
    cursor = connection.execute(
        "INSERT INTO sittings (host, pid, begun, seen, machine) VALUES (?, ?, ?, ?, ?)",
        (platform.node(), os.getpid(), now(), time.time(), json.dumps(machine)),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def report(connection: sqlite3.Connection, session: int, *, ended: bool) -> None:
    connection.execute(
        "UPDATE sittings SET seen = ?, ended = ? WHERE id = ?", (time.time(), int(ended), session)
    )


def take_pair(
    connection: sqlite3.Connection, session: int, one: Network, other: Network, pool_seed: int
) -> Pair:
    """Take the next pair of games between two networks, of which `one` came first into the pool."""
    (number,) = connection.execute(
        "SELECT coalesce(max(number) + 1, 0) FROM pairs WHERE one = ? AND other = ?", (one.id, other.id)
    ).fetchone()
    seed = meeting_number(pool_seed, one, other, str(number))
    cursor = connection.execute(
        "INSERT INTO pairs (one, other, number, seed, sitting) VALUES (?, ?, ?, ?, ?)",
        (one.id, other.id, number, seed, session),
    )
    assert cursor.lastrowid is not None
    return Pair(cursor.lastrowid, one, other, number, seed, (0, 1))


def take_lost_pair(
    connection: sqlite3.Connection, session: int, networks: Sequence[Network], of: str | None
) -> Pair | None:
    """Take a pair between two of `networks` that its process has left unfinished; `of` demands one of the two."""
    by_id = {network.id: network for network in networks}
    rows = connection.execute(
        "SELECT pairs.*, sittings.host, sittings.pid, sittings.seen, sittings.ended,"
        " (SELECT group_concat(place) FROM games WHERE pair = pairs.id) AS played"
        " FROM pairs JOIN sittings ON sittings.id = pairs.sitting"
        " WHERE (SELECT count(*) FROM games WHERE pair = pairs.id) < 2 AND sitting != ? ORDER BY pairs.id",
        (session,),
    ).fetchall()
    for row in rows:
        if not {row["one"], row["other"]} <= by_id.keys() or _is_alive(row):
            continue
        one, other = by_id[row["one"]], by_id[row["other"]]
        if of is not None and of not in (one.name, other.name):
            continue
        connection.execute("UPDATE pairs SET sitting = ? WHERE id = ?", (session, row["id"]))
        played = {int(place) for place in (row["played"] or "").split(",") if place}
        missing = tuple(place for place in (0, 1) if place not in played)
        return Pair(row["id"], one, other, row["number"], row["seed"], missing)
    return None


def meeting_number(pool_seed: int, one: Network, other: Network, more: str = "") -> int:
    """A number below 2^53 that is the same wherever these two meet in a pool of this seed."""
    digest = sha256(f"{pool_seed}/{one.sha256}/{other.sha256}/{more}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 11


def _is_alive(session: Mapping[str, Any]) -> bool:
    """Tell whether the process of a session may still finish what it has taken."""
    if session["ended"] or time.time() - session["seen"] > LOST_AFTER_S:
        return False
    if session["host"] != platform.node() or sys.platform == "win32":
        return True  # where nothing can be known, time decides
    try:
        os.kill(session["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
