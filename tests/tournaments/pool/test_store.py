from __future__ import annotations

import gzip
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import parse_result
from tests.support.fakes.weights_files import as_lines, tiny_weights, write_lines
from tests.support.limited import needs_limits, run_limited
from tests.support.make_games import RandomGame, random_games
from tests.support.paths import ROOT
from tests.support.pools import candidate, record, weights_file
from tournaments.pool import database, rows, sessions
from tournaments.pool.networks import Network, sha_of
from tournaments.pool.settings import PoolSettings, settings_from
from tournaments.pool.store import RatingPool

SETTINGS = settings_from({"visits": 3, "size": 5, "openings": "none"})


@pytest.fixture
def pool(tmp_path: Path) -> RatingPool:
    made = RatingPool.create(tmp_path / "nets.pool", SETTINGS)
    for seed in range(3):
        made.add_network(candidate(weights_file(tmp_path, seed)))
    return made


def members(pool: RatingPool) -> list[Network]:
    return pool.networks()


def test_what_was_kept_is_there_after_reopening(pool: RatingPool) -> None:
    session = pool.begin_session({"system": "test"})
    one, other, _ = members(pool)
    pair = pool.take_pair(session, other, one)
    assert (pair.one.name, pair.other.name, pair.number, pair.places) == ("net0", "net1", 0, (0, 1))
    assert pool.add_game(pair, 0, record("net0", "net1", opening="x", pair=0), session, "fp32, bf16", "cpu")
    pool.close()
    again = RatingPool.open(pool.path)
    assert again.settings == SETTINGS
    assert [(game.black, game.white, game.pair) for game in again.games()] == [("net0", "net1", 0)]
    row = (
        sqlite3.connect(pool.path)
        .execute(
            "SELECT visits, komi, size, precision, device, date, machine FROM games JOIN sittings"
            " ON sittings.id = games.sitting"
        )
        .fetchone()
    )
    assert row == (3, 7.5, 5, "fp32, bf16", "cpu", "2026-01-31", '{"system": "test"}')


def as_record(game: RandomGame, size: int, chances: list[float | None]) -> GameRecord:
    moves = tuple((Colour(colour), move) for colour, move in game.moves)
    return GameRecord("7", "a", "b", parse_result("W+3.5"), moves, size=size, black_winrates=tuple(chances))


@settings(max_examples=25, deadline=None)
@given(random_games(25, 40), st.data())
def test_a_record_comes_back_as_it_went_in(game: RandomGame, data: st.DataObject) -> None:
    chance = st.none() | st.integers(0, 10000).map(lambda n: n / 10000)
    count = len(game.moves)
    before = as_record(game, game.size, data.draw(st.lists(chance, min_size=count, max_size=count)))
    before = replace(
        before, komi=0.5, pair=3, seed=12, opening="D4 Q16", event="nets", handicap=2, setup_black=(0, 3),
        black_description="one\ntwo", move_notes={4: "ö"} if count > 4 else {}, properties={"RU": "Chinese"},
        black_cpu_s=1.25,
    )  # fmt: skip
    row = {
        "id": 7, "black_name": "a", "white_name": "b", "result": "W+3.5", "note": "", "size": game.size, "komi": 0.5,
        "moves": rows.write_moves(before), "winrates": rows.write_winrates(before), "date": "",
        "opening": "D4 Q16", "number": 3, "seed": 12, "further": rows.write_further(before),
    }  # fmt: skip
    assert rows.read_record(row, "nets") == before
    assert rows.read_record(row, "nets").move_notes == before.move_notes


def test_a_network_comes_in_once_and_under_one_name(pool: RatingPool, tmp_path: Path) -> None:
    same = weights_file(tmp_path, 0, "copy")
    (tmp_path / "copy.txt.gz").write_bytes(gzip.compress(same.read_bytes()))
    for path in (same, tmp_path / "copy.txt.gz"):
        with pytest.raises(UserError, match="this network is here already, as net0"):
            pool.add_network(candidate(path))
    with pytest.raises(UserError, match="another network is called net0; add --name"):
        pool.add_network(candidate(weights_file(tmp_path, 7), "net0"))
    assert len(members(pool)) == 3


@pytest.mark.parametrize("is_old", [False, True])
def test_a_network_in_another_writing_is_the_same(pool: RatingPool, tmp_path: Path, is_old: bool) -> None:
    """Also in a pool of a version that did not keep what tells so, which is then found out once."""
    if is_old:
        pool.close()
        with sqlite3.connect(pool.path) as connection:
            connection.execute("ALTER TABLE networks DROP COLUMN numbers_sha256")
        pool = RatingPool.open(pool.path)
    path = write_lines(tmp_path / "again.txt", as_lines(tiny_weights(1)), "\r\n")
    again = replace(candidate(path), numbers_sha256=tiny_weights(1).numbers_sha256)
    assert pool.same_network(candidate(path)) is None  # its numbers are not known
    for _ in range(2):
        with pytest.raises(UserError, match="this network is here already, as net1"):
            pool.add_network(again)
        (tmp_path / "net1.txt").unlink(missing_ok=True)
    new = replace(candidate(weights_file(tmp_path, 7)), numbers_sha256=tiny_weights(7).numbers_sha256)
    assert pool.same_network(new) is None
    assert pool.add_network(new).name == "net7"
    assert [network.name for network in members(pool)] == ["net0", "net1", "net2", "net7"]


def test_weights_in_the_pool_outlive_their_file(pool: RatingPool, tmp_path: Path) -> None:
    path = weights_file(tmp_path, 9)
    network, sha = pool.add_network(candidate(path, copy=True)), sha_of(path)
    path.unlink()
    for _ in range(2):
        file = pool.weights_file(network, tmp_path / "cache")
        assert sha_of(file) == sha
        file.write_bytes(b"spoilt")  # as by a full disk


def test_a_file_that_changed_or_went_is_refused(pool: RatingPool, tmp_path: Path) -> None:
    network = members(pool)[0]
    assert pool.weights_file(network, tmp_path / "cache") == tmp_path / "net0.txt"
    weights_file(tmp_path, 5, "net0")
    with pytest.raises(UserError, match=r"net0: .*net0\.txt has changed since it was added"):
        pool.weights_file(network, tmp_path / "cache")
    (tmp_path / "net0.txt").write_bytes(b"")
    with pytest.raises(UserError, match="has changed"):
        pool.weights_file(network, tmp_path / "cache")
    (tmp_path / "net0.txt").unlink()
    with pytest.raises(UserError, match=r"net0\.txt is gone"):
        pool.weights_file(network, tmp_path / "cache")


def test_settings_that_differ_are_refused(pool: RatingPool) -> None:
    pool.require({"visits": 3, "komi": None})
    with pytest.raises(UserError, match=r"visits a move 3, not 50; komi 7\.5, not 0\.5; .*make another pool"):
        pool.require({"visits": 50, "komi": 0.5})


def test_the_openings_of_a_pool_stay_what_they_were(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("corner: C3\nB2 D4\n")
    made = RatingPool.create(tmp_path / "p.pool", replace(SETTINGS, openings=str(book)))
    book.unlink()
    again = RatingPool.open(made.path)
    assert [opening.name for opening in again.book.openings] == ["corner", "B2 D4"]


def test_pairs_of_two_networks_take_each_opening_once_before_any_again(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("A1\nB2\nC3\n")
    made = RatingPool.create(tmp_path / "p.pool", replace(SETTINGS, openings=str(tmp_path / "book.txt")))
    for seed in range(2):
        made.add_network(candidate(weights_file(tmp_path, seed)))
    session = made.begin_session({})
    one, other = made.networks()
    pairs = [made.take_pair(session, one, other) for _ in range(6)]
    names = [made.opening(pair).name for pair in pairs]
    assert set(names[:3]) == set(names[3:]) == {"A1", "B2", "C3"}
    assert len({pair.seed for pair in pairs}) == 6


def test_a_pair_of_a_dead_process_is_taken_over(pool: RatingPool) -> None:
    one, other, third = members(pool)
    names = [network.name for network in members(pool)]
    first, second = pool.begin_session({}), pool.begin_session({})
    pair = pool.take_pair(first, one, other)
    pool.add_game(pair, 1, record("net1", "net0"), first, "", "cpu")
    assert pool.take_lost_pair(second, names) is None  # its process, this one, is alive
    pool.report(first, ended=True)
    assert pool.take_lost_pair(second, names, of=third.name) is None
    assert pool.take_lost_pair(second, [one.name, third.name]) is None
    taken = pool.take_lost_pair(second, names, of=one.name)
    assert taken is not None
    assert (taken.id, taken.seed, taken.places) == (pair.id, pair.seed, (0,))
    assert pool.add_game(taken, 0, record("net0", "net1", 1), second, "", "cpu")
    assert not pool.add_game(
        pair, 1, record("net1", "net0", 2), first, "", "cpu"
    )  # it was not dead after all
    assert pool.take_lost_pair(pool.begin_session({}), names) is None
    assert pool.count() == 2


def test_a_process_that_is_silent_for_long_counts_as_dead(
    pool: RatingPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, _ = members(pool)
    pair = pool.take_pair(pool.begin_session({}), one, other)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + sessions.LOST_AFTER_S + 1)
    taken = pool.take_lost_pair(pool.begin_session({}), ["net0", "net1"])
    assert taken is not None
    assert taken.id == pair.id


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_two_processes_at_once_and_kill_9(pool: RatingPool, tmp_path: Path) -> None:

    command = "import sys; from tests.support.pools import play_for_ever; play_for_ever(*{})"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", command.format((str(pool.path), 1000 * number))],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in (1, 2)
    ]
    told: list[str] = []
    for process in processes:
        assert process.stdout is not None
        told += [process.stdout.readline().strip() for _ in range(20)]
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
        assert process.stdout is not None
        told += process.stdout.read().split("\n")[:-1]
        process.wait()
        process.stdout.close()
    with sqlite3.connect(pool.path) as connection:
        kept = connection.execute(
            "SELECT number, place FROM games JOIN pairs ON pairs.id = games.pair"
        ).fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert {f"{number} {place}" for number, place in kept} >= set(told)
    assert len(set(kept)) == len(kept)
    again = RatingPool.open(pool.path)
    session, lost = again.begin_session({}), []
    while (pair := again.take_lost_pair(session, ["net0", "net1"])) is not None:
        lost.append(pair)
        for place in pair.places:
            again.add_game(pair, place, record("net0", "net1", place), session, "", "cpu")
    assert len(lost) <= 2
    assert again.count() % 2 == 0


# What is no pool


def write_sqlite(path: Path, owner: int, version: int) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute(f"PRAGMA application_id = {owner}")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    return path


def test_files_that_are_no_pools(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("hello")
    (tmp_path / "game").write_text("(;GM[1])")
    weights_file(tmp_path, 1, "weights")
    write_sqlite(tmp_path / "firefox", 0, 3)
    write_sqlite(tmp_path / "newer", database.APPLICATION_ID, database.VERSION + 1)
    write_sqlite(tmp_path / "hollow", database.APPLICATION_ID, database.VERSION)
    complaints = {
        "absent": "no such file; lzeval pool create",
        ".": "a folder, and a pool is a file",
        "empty": "no rating pool; it is an empty file",
        "text": "no rating pool; it is a file of another kind",
        "game": "no rating pool; it is a game record",
        "weights.txt": "no rating pool; it is a network",
        "firefox": "a SQLite file of another program",
        "hollow": "is damaged; go back to a copy",
        "newer": "written by a newer version of lzeval",
    }
    for name, complaint in complaints.items():
        with pytest.raises(UserError, match=complaint):
            RatingPool.open(tmp_path / name)
    with pytest.raises(UserError, match="exists already"):
        RatingPool.create(tmp_path / "text", SETTINGS)
    with pytest.raises(UserError, match="cannot be created; is its folder there"):
        RatingPool.create(tmp_path / "no" / "p.pool", SETTINGS)


@needs_limits
def test_a_pool_that_could_not_be_created_can_be_once_there_is_room(tmp_path: Path) -> None:
    done = run_limited(1000, "pool", "create", tmp_path / "n.pool")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"lzeval: {tmp_path / 'n.pool'}: the disk ")
    with RatingPool.create(tmp_path / "n.pool", SETTINGS) as pool:
        assert pool.settings == SETTINGS


def test_a_damaged_pool_is_one_line(pool: RatingPool) -> None:
    pool.close()
    content = bytearray(pool.path.read_bytes())
    content[200:] = os.urandom(len(content) - 200)
    pool.path.write_bytes(bytes(content))
    with pytest.raises(UserError, match="is damaged; go back to a copy"):
        RatingPool.open(pool.path)


def test_a_full_disk_keeps_what_was_there(pool: RatingPool) -> None:
    session = pool.begin_session({})
    one, other, _ = members(pool)
    pool._connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size, and has no more

    def play() -> None:
        for number in range(1000):
            pair = pool.take_pair(session, one, other)
            pool.add_game(pair, 0, record("net0", "net1", number), session, "", "cpu")

    with pytest.raises(UserError, match="the disk is full; all games before are kept"):
        play()
    count = pool.count()
    pool.close()
    assert RatingPool.open(pool.path).count() == count


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_pool_can_be_read(pool: RatingPool) -> None:
    pool.close()
    pool.path.chmod(stat.S_IRUSR)
    opened = RatingPool.open(pool.path)
    assert len(opened.networks()) == 3
    with pytest.raises(UserError, match="is read-only"):
        opened.begin_session({})


def test_a_pool_that_another_process_keeps_busy(pool: RatingPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE_S", 0.1)
    other = RatingPool.open(pool.path)
    with pool._writing(), pytest.raises(UserError, match="another process has kept it busy"):
        other.begin_session({})
    assert other.begin_session({})


def test_an_anchor_is_the_first_network_unless_another_is_named(pool: RatingPool) -> None:
    assert pool.anchors() == {"net0": 0.0}
    pool.set_anchor("net2", 1500)
    assert RatingPool.open(pool.path).anchors() == {"net2": 1500}
    with pytest.raises(UserError, match="no network 'net9' in it"):
        pool.set_anchor("net9", 0)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"visits": 0}, "--visits 0"),
        ({"komi": 7.3}, "--komi 7.3"),
        ({"size": 1}, "--size 1"),
        ({"resign": 50.0}, "--resign 50"),
        ({"precision": "int8"}, "--precision int8"),
        ({"seed": -1}, "--seed -1"),
    ],
)
def test_settings_that_make_no_sense(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        settings_from(given)


def test_settings_survive_json() -> None:
    from tournaments.pool.settings import parse_settings

    assert parse_settings(json.loads(json.dumps(SETTINGS.as_dict()))) == SETTINGS
    with pytest.raises(TypeError):
        parse_settings({"visits": 3})
    assert settings_from({"size": 9}) == replace(PoolSettings(), size=9, move_limit=162, komi=7.0)


def test_a_network_drive_is_refused(
    pool: RatingPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "network_kind", lambda path: "nfs4" if "nets" in path.name else None)
    with pytest.raises(UserError, match=r"nets\.pool: lies on a network drive \(nfs4\), .* --cluster"):
        RatingPool.open(tmp_path / "nets.pool")
    with pytest.raises(UserError, match=r"other-nets\.pool: lies on a network drive"):
        RatingPool.create(tmp_path / "other-nets.pool", SETTINGS)
    assert not (tmp_path / "other-nets.pool").exists()
    RatingPool.create(tmp_path / "here.pool", SETTINGS).close()
    monkeypatch.setenv("LZEVAL_POOL_ON_NETWORK", "0")
    with pytest.raises(UserError, match="network drive"):
        RatingPool.open(tmp_path / "nets.pool")
    monkeypatch.setenv("LZEVAL_POOL_ON_NETWORK", "1")
    assert len(RatingPool.open(tmp_path / "nets.pool").networks()) == 3
