"""`lzeval pool` and `lzeval gauntlet` from end to end, with tiny networks that really play."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from tests.support.command_line import Outcome, environment, program, run_here
from tests.support.fakes.weights_files import lived_in_network
from tests.support.tiny_runs import settings, write_records
from tournaments.pool.store import RatingPool
from tournaments.rating.rating_table import build_table

POSIX_ONLY = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kills processes as Linux does")
NAMES = ("one", "two", "three")
RULES = ["--visits", 4, "--size", 7, "--openings", "book.txt", "--precision", "fp32"]
HERE = ["--device", "cpu", "--threads", 1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four networks, a book, and a cache of its own."""
    folder = tmp_path_factory.mktemp("pool")
    for seed, name in enumerate((*NAMES, "new"), start=1):
        write_network(lived_in_network(seed, NetworkShape(1, 4, 7)), folder / f"{name}.txt")
    (folder / "book.txt").write_text("C3 E5\nD4\nC5 E3 C3\nB4 F4\n")
    return folder


def lzeval(place: Path, *arguments: object) -> Outcome:
    outcome = run_here(*arguments, cwd=place, XDG_CACHE_HOME=str(place / "cache"))
    assert "Traceback" not in outcome.stderr, outcome.stderr
    return outcome


def done(place: Path, *arguments: object) -> str:
    outcome = lzeval(place, *arguments)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def refused(place: Path, *arguments: object) -> str:
    """What is said of a mistake; it is found before any process is started."""
    outcome = lzeval(place, *arguments)
    assert outcome.returncode == 2, outcome.stdout + outcome.stderr
    (line,) = outcome.stderr.strip().splitlines()
    return line


@pytest.fixture(scope="module")
def played(place: Path) -> Path:
    """A pool of three networks with twelve games; the table that was printed lies beside it."""
    done(place, "pool", "create", "nets.pool", *RULES, "--resign", 0, "--move-limit", 120)
    done(place, "pool", "add", "nets.pool", *(f"{name}.txt" for name in NAMES), "--copy")
    (place / "table.json").write_text(
        done(place, "pool", "play", "nets.pool", "--games", 12, *HERE, "--json")
    )
    return place / "nets.pool"


def test_a_pool_plays_and_tells(place: Path, played: Path) -> None:
    table = json.loads((place / "table.json").read_text())
    assert table["games"]["decided"] + table["games"]["void"] == 12
    assert {player["player"] for player in table["players"]} <= set(NAMES)
    listed = json.loads(done(place, "pool", "list", "nets.pool", "--json"))
    assert listed["games"] == 12
    assert listed["settings"]["visits"] == 4
    assert [network["name"] for network in listed["networks"]] == list(NAMES)
    assert "4 visits a move" in done(place, "pool", "list", "nets.pool")
    with RatingPool.open(played) as pool:
        games = pool.games()
    assert {"4 visits, fp32"} == {g.black_description.split(", ", 2)[2] for g in games}
    for game in games:
        opening = len(game.opening.split())
        assert game.black_winrates[:opening] == (None,) * opening
        assert None not in game.black_winrates[opening : len(game.moves)]


def test_exported_games_give_the_same_table(place: Path, played: Path) -> None:
    assert "12 games written" in done(place, "pool", "export", "nets.pool", "records")
    assert " 0 games written" in done(place, "pool", "export", "nets.pool", "records")
    files = sorted((place / "records" / "nets.games").glob("*.sgf"))
    assert len(files) == 12
    assert all(file.stem.partition("_")[2].isdigit() for file in files)
    records = [game for game in read_games([place / "records"]) if isinstance(game, GameRecord)]
    with RatingPool.open(played) as pool:
        anchors = pool.anchors()
    ours = json.loads((place / "table.json").read_text())
    if ours["zero"] is None:
        anchors = {}
    theirs = json.loads(json.dumps(build_table(records, anchors).as_dict()))
    assert theirs["games"] == ours["games"]
    for mine, other in zip(ours["players"], theirs["players"], strict=True):
        assert mine == pytest.approx(other)
    spoilt = files[0].read_text().replace("KM[7.5]", "KM[6.5]")
    files[0].write_text(spoilt)
    assert "is no game of nets.pool" in refused(place, "pool", "export", "nets.pool", "records")


def test_files_of_a_table(place: Path, played: Path) -> None:
    done(place, "pool", "table", "nets.pool", "--csv", "t.csv", "--report", "t.html")
    with (place / "t.csv").open(newline="") as file:
        assert {row["player"] for row in csv.DictReader(file)} <= set(NAMES)
    assert "</html>" in (place / "t.html").read_text()
    assert "name it *.html" in refused(place, "pool", "table", "nets.pool", "--report", "t.txt")
    assert "give both" in refused(place, "pool", "table", "nets.pool", "--plot", "t.png")
    assert "no rated network whose positions" in refused(
        place, "pool", "table", "nets.pool", "--over-time", "--plot", "t.png"
    )


def test_what_is_refused(place: Path, played: Path) -> None:
    assert "visits a move 4, not 9" in refused(place, "pool", "play", "nets.pool", "--visits", 9)
    assert "must be an even number" in refused(place, "pool", "play", "nets.pool", "--games", 3)
    assert "no such network" in refused(place, "pool", "play", "nets.pool", "--without", "nobody")
    assert "here already, as one" in refused(place, "pool", "add", "nets.pool", "one.txt")
    assert "another network is called one" in refused(
        place, "pool", "add", "nets.pool", "new.txt", "--name", "one"
    )
    assert "without spaces" in refused(place, "pool", "add", "nets.pool", "new.txt", "--name", "a b")
    assert "7x7" in refused(place, "pool", "add", "nets.pool", "big")
    assert "one by one" in refused(place, "pool", "add", "nets.pool", "new.txt", "two.txt", "--name", "x")
    assert "no rating pool" in refused(place, "pool", "table", "one.txt")
    assert "exists already" in refused(place, "pool", "create", "nets.pool")
    assert "no such pool" in refused(place, "gauntlet", "new.txt", "--against", "absent.pool")
    assert "--anchor one" in refused(place, "pool", "anchor", "nets.pool", "one")
    assert "no network 'nobody'" in refused(place, "pool", "anchor", "nets.pool", "nobody=3")


def test_a_changed_file_is_refused_before_anything_is_played(place: Path) -> None:
    network = lived_in_network(11, NetworkShape(1, 4, 7))
    write_network(network, place / "changing.txt")
    done(place, "pool", "add", "few.pool", "changing.txt", "one.txt", *RULES)
    write_network(lived_in_network(12, NetworkShape(1, 4, 7)), place / "changing.txt")
    assert "changing.txt has changed since it was added" in refused(
        place, "pool", "play", "few.pool", "--games", 2, *HERE
    )
    assert "1 network to play with" in refused(
        place, "pool", "play", "few.pool", "--without", "changing", *HERE
    )
    assert "no decided games yet" in refused(place, "pool", "table", "few.pool")


def test_a_gauntlet_keeps_its_games_and_goes_on(place: Path, played: Path) -> None:
    command = ("gauntlet", "new.txt", "--against", "nets.pool", *HERE, "--json")
    first = json.loads(done(place, *command, "--games", 6))["gauntlet"]
    assert (first["network"], first["games"]) == ("new", 6)
    assert first["sentence"].startswith("new: ")
    again = done(place, *command, "--games", 6)  # nothing left to play
    assert json.loads(again)["gauntlet"] == first
    more = json.loads(done(place, "gauntlet", "new", *command[2:], "--games", 8))["gauntlet"]
    assert more["games"] == 8


def test_a_gauntlet_against_networks_makes_a_pool(place: Path) -> None:
    found = json.loads(
        done(
            place, "gauntlet", "new.txt", "--against", "one.txt", "--against", "two.txt", "--pool", "made.pool",
            "--games", 4, *RULES, *HERE, "--json",
        )
    )  # fmt: skip
    assert found["gauntlet"]["games"] == 4
    assert found["pool"] == "made.pool"
    assert found["settings"]["visits"] == 4
    line = refused(place, "gauntlet", "new.txt", "--against", "made.pool", "--against", "one.txt")
    assert "one pool, or networks" in line


def test_a_match_is_imported_once(place: Path, played: Path) -> None:
    done(place, "pool", "create", "match.pool", *RULES, "--resign", 0, "--move-limit", 120)
    (place / "uno.txt").write_bytes((place / "one.txt").read_bytes().replace(b"\n", b"\r\n"))
    done(place, "pool", "add", "match.pool", "uno.txt")  # the same network in another writing
    match = ["match", "one.txt", "two.txt", "--games", 4, *RULES, *HERE, "--resign", 0, "--move-limit", 120]
    done(place, *match, "--out", "match")
    assert "two not in match.pool" in refused(place, "pool", "import", "match.pool", "match")
    assert "4 games imported, 0 there" in done(place, "pool", "import", "match.pool", "match", "--players")
    assert "0 games imported, 4 there" in done(place, "pool", "import", "match.pool", "match/match.games")
    with RatingPool.open(place / "match.pool") as pool:
        games, networks = pool.games(), pool.networks()
    assert {game.black for game in games} == {"uno", "two"}
    assert [game.pair for game in games] == [0, 0, 1, 1]
    assert networks[1].path == str(place / "two.txt")  # so that it can play on
    description = (place / "match" / "match.json").read_text()
    (place / "match" / "match.json").write_text(description.replace('"visits": 4', '"visits": 5'))
    assert "visits a move 4, not 5" in refused(place, "pool", "import", "match.pool", "match")


def test_records_are_imported_if_they_can_be_compared(place: Path, played: Path) -> None:
    done(place, "pool", "create", "sgf.pool", *RULES)
    done(place, "pool", "add", "sgf.pool", "one.txt")
    text = "(;GM[1]SZ[7]KM[7.5]PB[one]PW[gnugo]RE[B+R];B[cc];W[dd])"
    (place / "game.sgf").write_text(text)
    imported = ("pool", "import", "sgf.pool", "game.sgf")
    assert "does not say how many visits" in refused(place, *imported)
    assert "gnugo not in sgf.pool" in refused(place, *imported, "--trust")
    assert "1 game imported" in done(place, *imported, "--trust", "--players")
    for change, complaint in (("KM[7.5]", "komi 7.5, not 6.5"), ("SZ[7]", "board size 7, not 9")):
        wrong = text.replace(change, change.replace("7.5", "6.5").replace("Z[7", "Z[9"))
        (place / "wrong.sgf").write_text(wrong)
        assert complaint in refused(place, "pool", "import", "sgf.pool", "wrong.sgf", "--trust", "--players")
    (place / "notes.sgf").write_text("komi is 7.5")
    assert "notes.sgf: no games to import (no game record in it)" in refused(
        place, "pool", "import", "sgf.pool", "notes.sgf"
    )
    outcome = lzeval(place, "pool", "play", "sgf.pool")
    assert outcome.returncode == 2
    assert "not playing: gnugo" in outcome.stderr
    assert "1 network to play with" in outcome.stderr


def test_checkpoints_bring_their_positions_and_are_drawn_over_time(
    place: Path, tmp_path: Path, played: Path
) -> None:
    from trainer.training.run import train

    records = write_records(tmp_path)
    config = settings(records, tmp_path / "tiny", steps=4)
    config.network.blocks, config.network.filters = 1, 4
    train(config)
    pool = tmp_path / "five.pool"
    rules = ["--visits", 2, "--size", 5, "--openings", "none", "--precision", "fp32"]
    done(place, "pool", "add", pool, tmp_path / "tiny" / "latest.ckpt", *rules)
    for seed, positions in ((3, 1000), (4, 2000)):
        write_network(lived_in_network(seed, NetworkShape(1, 4, 5)), tmp_path / f"n{seed}.txt")
        done(place, "pool", "add", pool, tmp_path / f"n{seed}.txt", "--positions", positions, "--run", "tiny")
    (tmp_path / "tiny" / "latest.ckpt").unlink()  # the pool has its weights
    done(place, "pool", "play", pool, "--games", 12, *HERE)
    table = done(place, "pool", "table", pool, "--over-time", "--plot", tmp_path / "t.svg", "--json")
    points = json.loads(table)["over_time"]
    assert [point["positions"] for point in points] == [64, 1000, 2000]
    assert {point["run"] for point in points} == {"tiny"}
    assert points[0]["network"] == "tiny-64"
    assert (tmp_path / "t.svg").read_text().startswith("<?xml")
    assert "1,000" in done(place, "pool", "table", pool, "--over-time")


@POSIX_ONLY
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_playing_that_is_cut_short_loses_nothing(place: Path, played: Path, number: int) -> None:
    path = place / f"cut{number}.pool"
    done(place, "pool", "create", path, *RULES, "--visits", 8, "--resign", 0)
    done(place, "pool", "add", path, *(f"{name}.txt" for name in NAMES))
    process = subprocess.Popen(
        program("pool", "play", path, "--games", 40, *HERE),
        cwd=place,
        env=environment(XDG_CACHE_HOME=str(place / "cache")),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 200
    with RatingPool.open(path) as pool:
        while pool.count() < 3 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        os.kill(process.pid, number)
        _, told = process.communicate(timeout=60)
        kept = {(game.seed, game.moves) for game in pool.games()}
        assert 3 <= len(kept) < 40
        if number == signal.SIGINT:
            assert process.returncode == 130
            assert "to go on: lzeval pool play" in told
            assert "Traceback" not in told
        done(place, "pool", "play", path, "--games", 4 + len(kept) % 2 * 2, *HERE)
        games = pool.games()
        assert kept <= {(game.seed, game.moves) for game in games}
        assert len({game.seed for game in games}) == len(games)
