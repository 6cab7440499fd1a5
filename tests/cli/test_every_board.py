"""From records to a rated network on 9x9 and 13x13, command by command, with drawn games among the records."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from tests.support.command_line import environment, program, run_here
from tests.support.fakes.weights_files import lived_in_network
from tests.support.make_games import random_game, sgf_text
from tournaments.match.match import plan_match
from tournaments.match.options import MatchOptions, player_options

RESULTS = ("B+R", "W+2", "0", "?")
HERE = ("--device", "cpu", "--precision", "fp32", "--threads", 1)


class Place:
    """A folder with records for one board, and the commands run there."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size
        texts = [
            sgf_text(size, random_game(size, 30, Random(seed), passes=0).moves, RESULTS[seed % 4])
            for seed in range(16)
        ]
        (folder / "games.sgf").write_text("".join(texts), encoding="utf-8")
        write_network(lived_in_network(1, NetworkShape(1, 4, size)), folder / "other.txt")

    def done(self, *words: object) -> str:
        outcome = run_here(*words, cwd=self.folder, XDG_CACHE_HOME=str(self.folder / "cache"))
        assert outcome.returncode == 0, outcome.stderr
        return outcome.stdout

    def found(self, *words: object) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.done(*words, "--json"))
        return content


@pytest.fixture(scope="module", params=[9, 13])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """With a network that has been trained on the records: `run/latest.ckpt` and `net.txt`."""
    made = Place(tmp_path_factory.mktemp("board"), request.param)
    made.done("data", "pack", "games.sgf", "--size", made.size, "--out", "packed")
    settings = ["network.blocks=1", "network.filters=8", "batch_size=16", "max_positions=64", "trainer=cpu"]
    settings += ["data.train=packed", f"data.board_size={made.size}", "logger=csv", "trainer.precision=fp32"]
    made.done("train", *settings, "run=run")
    made.done("export", "run/latest.ckpt", "net.txt")
    return made


def test_records_and_chunks(place: Place) -> None:
    found = place.found("data", "check", "packed", "--size", place.size)
    assert found["results"] == {"Black won": 4, "White won": 4, "jigo": 4, "nobody, or unknown": 4}
    told = place.done("data", "chunks", "packed", "--size", place.size, "--out", "chunks")
    assert "wrote 240 positions" in told
    assert "left out 240 positions without a winner, 120 of them of drawn games" in told


def test_a_network_is_measured(place: Place) -> None:
    found = place.found("eval", "net.txt", "packed", "--precision", "fp32")
    assert found["positions"] == 480
    assert sum(each["count"] for each in found["calibration"]) == 360
    assert 0 < found["value_mse4"] < 1
    assert place.found("weights", "info", "net.txt")["board_size"] == place.size


def test_a_match_from_the_default_openings_at_their_komi(place: Place) -> None:
    found = place.found(
        *(
            "match",
            "net.txt",
            "other.txt",
            "--size",
            place.size,
            "--games",
            4,
            "--visits",
            2,
            "--resign",
            0,
            *HERE,
        ),
        *("--move-limit", 6 * place.size**2, "--out", "match"),
    )
    settings = found["settings"]
    assert (settings["komi"], settings["openings"]["name"]) == (7.0, "default")
    assert "warnings" not in found
    games = [
        game for game in read_games([place.folder / "match/match.games"]) if isinstance(game, GameRecord)
    ]
    assert [(game.komi, game.size) for game in games] == [(7, place.size)] * 4
    for game in games:
        assert game.result.margin is None or game.result.margin == int(game.result.margin)
    assert "komi = 7" in (place.folder / "match/match.ctl").read_text("utf-8")


def test_a_pool(place: Place) -> None:
    place.done("pool", "add", "nets.pool", "net.txt", "other.txt", "--size", place.size, "--visits", 2)
    listed = place.found("pool", "list", "nets.pool")
    assert (listed["settings"]["komi"], listed["settings"]["openings"]) == (7.0, "default")
    place.done("pool", "play", "nets.pool", "--games", 2, *HERE[:2], *HERE[4:])
    assert place.found("pool", "list", "nets.pool")["games"] == 2


def test_another_komi_than_that_of_the_openings_is_warned_of(place: Place) -> None:
    said = "warning: the openings (default) are even for komi 7; with 5.5 they favour a colour\n"
    options = ("--size", place.size, "--komi", 5.5)
    for words in (
        ("pool", "create", "uneven.pool"),
        ("tournament", "new", "uneven.ctl", "net.txt", "other.txt"),
    ):
        outcome = run_here(*words, *options, cwd=place.folder)
        assert (outcome.returncode, outcome.stderr) == (0, said), words
    files = [str(place.folder / name) for name in ("net.txt", "other.txt")]
    planned = plan_match(MatchOptions(player_options(*files), size=place.size, komi=5.5))
    assert (planned.komi, [f"warning: {warning}\n" for warning in planned.warnings()]) == (5.5, [said])


def test_a_review(place: Place) -> None:
    (place.folder / "game.sgf").write_text(
        sgf_text(place.size, random_game(place.size, 20, Random(5), passes=0).moves, "0", "KM[7]"), "utf-8"
    )
    found = place.found("review", "game.sgf", "--net", "net.txt", "--visits", 4, "--precision", "fp32")
    assert len(found["moves"]) == 20


def test_gtp(place: Place) -> None:
    commands = f"boardsize {place.size}\nkomi 7\ngenmove b\ngenmove w\nfinal_score\nboardsize 19\nquit\n"
    done = subprocess.run(
        program("gtp", "net.txt", "--visits", 4, "--precision", "fp32", "--quiet"),
        input=commands, capture_output=True, text=True, cwd=place.folder, check=True, timeout=300,
        env=environment(XDG_CACHE_HOME=str(place.folder / "cache")),
    )  # fmt: skip
    answers = done.stdout.split("\n\n")
    assert answers[:2] == ["= ", "= "]
    assert all(answer.startswith("= ") for answer in answers[2:5])
    assert answers[5].startswith("? ")
