"""`lzeval pool` and `lzeval gauntlet` with networks of KataGo's, which a stand-in plays."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.katago.program import program_at
from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.system.files import file_sha256
from lzeval.version import __version__
from tests.support.command_line import Outcome, environment, program, run_here
from tests.support.fakes.weights_files import lived_in_network
from tests.support.katago import FakeKataGo
from tournaments.pool.store import RatingPool

POSIX_ONLY = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kills processes as Linux does")
RULES = ["--visits", 4, "--size", 5, "--openings", "none", "--precision", "fp32"]
HERE = ["--device", "cpu"]
COLD = "katago:net.bin.gz,temperature=0"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKataGo]:
    monkeypatch.chdir(tmp_path)
    program_at.cache_clear()
    yield FakeKataGo(tmp_path, monkeypatch)
    program_at.cache_clear()


def lzeval(*arguments: object) -> Outcome:
    outcome = run_here(*arguments)
    assert "Traceback" not in outcome.stderr, outcome.stderr
    return outcome


def done(*arguments: object) -> str:
    outcome = lzeval(*arguments)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def refused(*arguments: object) -> str:
    """The line that is said of a mistake."""
    outcome = lzeval(*arguments)
    assert outcome.returncode == 2, outcome.stdout + outcome.stderr
    (line,) = [line for line in outcome.stderr.splitlines() if line.startswith("lzeval: ")]
    return line


def two_of_katagos(pool: str = "k.pool") -> RatingPool:
    """A pool of one file at two temperatures."""
    done("pool", "add", pool, "katago:net.bin.gz", *RULES)
    done("pool", "add", pool, COLD, "--name", "cold")
    return RatingPool.open(Path(pool))


def ours(*names: str) -> list[str]:
    for seed, name in enumerate(names, start=1):
        write_network(lived_in_network(seed, NetworkShape(1, 4, 5)), Path(f"{name}.txt"))
    return [f"{name}.txt" for name in names]


def moves(pool: Path | str) -> dict[int | None, object]:
    """Moves of a pool's games by seed."""
    with RatingPool.open(Path(pool)) as opened:
        return {game.seed: game.moves for game in opened.games()}


def test_a_file_with_other_options_is_another_member(fake: FakeKataGo) -> None:
    two_of_katagos().close()
    listed = json.loads(done("pool", "list", "k.pool", "--json"))["networks"]
    sha = file_sha256(fake.network)
    assert [(network["name"], network["sha256"]) for network in listed] == [
        ("net", sha),
        ("cold", f"{sha},temperature=0"),
    ]
    assert listed[1]["path"] == f"katago:{fake.network},temperature=0"
    assert sha[:12] in done("pool", "list", "k.pool")
    done("pool", "add", "k.pool", "katago:net.bin.gz,cpuctExploration=1.5", "--name", "bold")
    for same, name in (
        ("", "net"),
        (",temperature=0.1", "net"),
        (",homeDataDir=elsewhere", "net"),
        (f",program={fake.program}", "net"),
        (",logDir=here,cpuctExploration=1.5", "bold"),
    ):
        line = refused("pool", "add", "k.pool", f"katago:net.bin.gz{same}", "--name", "x")
        assert f"this network is here already, as {name}" in line


def test_the_options_of_a_member_are_those_it_was_added_with(fake: FakeKataGo) -> None:
    (fake.network.parent / "a,b.bin.gz").write_bytes(b"another network")
    text = "katago:a,b.bin.gz,early-temperature=0.25,threads=2,symmetry=fixed,homeDataDir=home"
    done("pool", "add", "k.pool", "katago:net.bin.gz", text, *RULES)
    done("pool", "play", "k.pool", "--games", 2)
    with RatingPool.open(Path("k.pool")) as pool:
        (member,) = [network for network in pool.networks() if network.name != "net"]
        game = pool.games()[0]
    assert member.name == "a_b"
    assert member.path == text.replace("katago:", f"katago:{fake.network.parent}{os.sep}").replace(
        "early-temperature=0.25,threads=2,symmetry=fixed", "early-temperature=0.25,symmetry=fixed,threads=2"
    )
    described = game.black_description if game.black == "a_b" else game.white_description
    assert "temperature 0.25 to 0.1, fixed symmetry, 2 search threads, homeDataDir=home" in described


def test_both_kinds_play_and_tell(fake: FakeKataGo) -> None:
    done("pool", "add", "k.pool", *ours("one", "two"), *RULES)
    done("pool", "add", "k.pool", "katago:net.bin.gz", "--positions", 5000, "--run", "other")
    fake.goes_wrong("once")
    table = json.loads(done("pool", "play", "k.pool", "--games", 12, *HERE, "--json"))
    assert fake.starts == 2, "one that told its version, and one that played"
    assert table["games"]["decided"] + table["games"]["void"] == 12
    assert {player["player"] for player in table["players"]} == {"one", "two", "net"}
    rows = sqlite3.connect("k.pool").execute("SELECT black, white, precision, device FROM games").fetchall()
    names = {1: "fp32", 2: "fp32", 3: "KataGo 1.18.1"}
    assert all(row[2] == f"{names[row[0]]}, {names[row[1]]}" for row in rows)
    assert {row[3] for row in rows} == {"cpu"}
    with RatingPool.open(Path("k.pool")) as pool:
        games = pool.games()
    assert {game.black_engine for game in games} == {
        "KataGo net:1.18.1", f"one:lzeval {__version__}", f"two:lzeval {__version__}"
    }  # fmt: skip
    assert len({game.seed for game in games}) == 12
    assert all(game.opening == "empty board" and game.pair is not None for game in games)
    assert "12 games written" in done("pool", "export", "k.pool", "records")
    rated = json.loads(done("rate", "records", "--json", "--anchor", "one=0"))
    elo = {player["player"]: player["elo"] for player in table["players"]}
    if table["zero"] is not None:
        assert {player["player"]: player["elo"] for player in rated["players"]} == pytest.approx(elo)
    points = json.loads(done("pool", "table", "k.pool", "--over-time", "--json"))["over_time"]
    assert [(point["network"], point["run"], point["positions"]) for point in points] == [
        ("net", "other", 5000)
    ]


def test_a_session_without_katago_batches_across_games_as_ever(fake: FakeKataGo) -> None:
    done("pool", "add", "k.pool", *ours("one", "two"), "katago:net.bin.gz", *RULES)
    fake.goes_wrong("refuses")
    done("pool", "play", "k.pool", "--games", 2, "--without", "net", *HERE, "--threads", 1)
    with RatingPool.open(Path("k.pool")) as pool:
        games = pool.games()
    assert {game.black_description.split(", ", 2)[2] for game in games} == {"4 visits, fp32"}
    assert all(len(game.black_winrates) in (len(game.moves), len(game.moves) + 1) for game in games)


def test_a_gauntlet_of_a_katago_network_goes_on(fake: FakeKataGo) -> None:
    done("pool", "add", "k.pool", *ours("one", "two"), *RULES)
    command = ("gauntlet", "katago:net.bin.gz", "--against", "k.pool", *HERE, "--json")
    first = json.loads(done(*command, "--games", 4))["gauntlet"]
    assert (first["network"], first["games"]) == ("net", 4)
    assert json.loads(done(*command, "--games", 6))["gauntlet"]["games"] == 6
    line = refused("gauntlet", "katago:net.bin.gz", "--against", "katago:net.bin.gz", "--pool", "s.pool")
    assert "is the same network as net" in line


def test_a_gauntlet_against_katago_networks_makes_a_pool(fake: FakeKataGo) -> None:
    fake.network.with_name("old.bin.gz").write_bytes(b"an older network")
    done("gauntlet", COLD, "--against", "katago:old.bin.gz", "--games", 2, *RULES)
    (pool,) = Path("pools").iterdir()
    assert pool.name.startswith("net-")
    assert json.loads(done("pool", "list", pool, "--json"))["games"] == 2


# Interrupted, and gone wrong


@POSIX_ONLY
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_playing_that_is_cut_short_loses_nothing_and_goes_on_the_same(fake: FakeKataGo, number: int) -> None:
    two_of_katagos("whole.pool").close()
    done("pool", "play", "whole.pool", "--games", 16)
    path = Path("cut.pool")
    with two_of_katagos("cut.pool") as pool:
        process = subprocess.Popen(
            program("pool", "play", path, "--games", 16, "--threads", 2),
            env=environment(FAKE_KATAGO="paces=0.02"),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + 100
        while pool.count() < 3 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        os.kill(process.pid, number)
        _, told = process.communicate(timeout=60)
        kept = moves(path)
        assert 3 <= len(kept) < 16
        if number == signal.SIGINT:
            assert process.returncode == 130
            assert "to go on: lzeval pool play" in told
            assert "Traceback" not in told
        done("pool", "play", path, "--games", 16 - len(kept) + len(kept) % 2)
    assert moves(path).items() >= kept.items()
    assert moves(path).items() >= moves("whole.pool").items()


@pytest.mark.parametrize("how", ["dies=30", "maims=30", "error=30"])
def test_a_failure_costs_no_game_and_changes_none(fake: FakeKataGo, how: str) -> None:
    two_of_katagos("whole.pool").close()
    done("pool", "play", "whole.pool", "--games", 6)
    two_of_katagos("k.pool").close()
    fake.goes_wrong(how + ",once")
    outcome = lzeval("pool", "play", "k.pool", "--games", 6)
    assert outcome.returncode == 0
    assert moves("k.pool") == moves("whole.pool")


def test_a_katago_that_cannot_start_ends_it_with_one_line_and_it_goes_on(fake: FakeKataGo) -> None:
    two_of_katagos().close()
    fake.goes_wrong("refuses")
    line = refused("pool", "play", "k.pool", "--games", 4)
    assert "3 faults in a row, the last one a start failure: " in line
    assert "is it a neural net?" in line
    assert line.endswith(
        "mend that, and the same command goes on, or go on --without " + line.split()[1][:-1]
    )
    fake.goes_wrong("")
    done("pool", "play", "k.pool", "--games", 4)
    assert len(moves("k.pool")) == 4


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (["pool", "add", "k.pool", "katago:"], "katago: a network of KataGo's is wanted"),
        (["pool", "add", "k.pool", "katago:no.bin.gz"], "no.bin.gz: there is no such network of KataGo's"),
        (["pool", "add", "k.pool", "katago:net.bin.gz,visits=9"], "there is no option 'visits=9'"),
        (["pool", "add", "k.pool", "katago:net.bin.gz,temperature=x"], "one of these is no number"),
        (["pool", "add", "k.pool", "katago:net.bin.gz,threads=3"], "another network is called net; add --name"),
        (["pool", "add", "k.pool", "katago:net.bin.gz,threads=3", "--copy"], "--copy: a pool keeps no copy of"),
        (["pool", "add", "k.pool", "katago:net.bin.gz,program=no", "--name", "x"], "program=no: there is no program"),
        (["pool", "add", "big.pool", COLD, "--size", 25, "--openings", "none"], "up to 19x19; big.pool is of 25x25"),
        (["pool", "play", "k.pool", "--cluster", "localhost:1"], "--cluster: net is a network of KataGo's"),
        (["pool", "play", "k.pool", "--visits", 9], "visits a move 4, not 9"),
        (["gauntlet", "katago:no.bin.gz", "--against", "k.pool"], "there is no such network of KataGo's"),
        (["gauntlet", "net", "--against", "k.pool", "--cluster", "localhost:1"], "on this machine alone"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_one_line(
    fake: FakeKataGo, command: list[object], complaint: str
) -> None:
    two_of_katagos().close()
    assert complaint in refused(*command)
    assert not Path("big.pool").exists()


def test_a_network_that_is_gone_or_another_one_now(fake: FakeKataGo, monkeypatch: pytest.MonkeyPatch) -> None:
    two_of_katagos().close()
    play = ("pool", "play", "k.pool", "--games", 2)
    fake.network.write_bytes(b"another network")
    assert f"net: {fake.network} has changed since it was added (sha256 was 2f" in refused(*play)
    fake.network.unlink()
    assert f"net: {fake.network} is gone; put it back, or play without" in refused(*play)
    fake.network.write_bytes(b"a network")
    monkeypatch.setenv("KATAGO", "/nowhere/katago")
    assert "net: KATAGO=/nowhere/katago: there is no such program" in refused(*play)
    monkeypatch.delenv("KATAGO")
    monkeypatch.setenv("PATH", "")
    assert "net: KataGo is wanted, and there is no katago on PATH" in refused(*play)
    assert "net" in done("pool", "list", "k.pool")


# Matches


def test_a_match_of_katagos_is_imported_once(fake: FakeKataGo) -> None:
    Path("book.txt").write_text("C3\nB2 D4\n")
    rules = [*RULES, "--openings", "book.txt"]
    done("pool", "add", "k.pool", "katago:net.bin.gz", *rules)
    match = ("--games", 4, *rules, "--out", "m")
    done("match", "katago:net.bin.gz", COLD, *match)
    assert "net.b not in k.pool; add them first" in refused("pool", "import", "k.pool", "m")
    assert "4 games imported, 0 there" in done("pool", "import", "k.pool", "m", "--players")
    assert "0 games imported, 4 there" in done("pool", "import", "k.pool", "m")
    with RatingPool.open(Path("k.pool")) as pool:
        games, networks = pool.games(), pool.networks()
    assert {game.black for game in games} == {"net", "net.b"}
    assert networks[1].path == f"katago:{fake.network},temperature=0"
    done("pool", "play", "k.pool", "--games", 2)


def test_a_match_of_other_programs_is_none_of_networks(fake: FakeKataGo) -> None:
    two_of_katagos().close()
    Path("m").mkdir()
    players = [{"code": "gnugo-1", "command": ["gnugo"]}, {"code": "net", "sha256": "0"}]
    settings = {
        "players": players,
        "komi": 7.5,
        "size": 5,
        "visits": 4,
        "move_limit": 50,
        "resign_percent": 10,
    }
    Path("m/match.json").write_text(json.dumps({"settings": settings}))
    assert "m: gnugo-1 is a program, and a pool is of networks" in refused("pool", "import", "k.pool", "m")
