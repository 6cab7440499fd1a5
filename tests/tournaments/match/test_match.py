from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engines.evaluator.load import EvaluatorPlan, plan_evaluator
from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from lzeval.system.locks import locked
from tests.support.command_line import Outcome, environment, program, run_here
from tests.support.fakes.weights_files import lived_in_network
from tests.support.limited import needs_limits, run_limited
from tournaments.gomill.control_file import read_control_file
from tournaments.runner.machines import THIS_MACHINE

GAMES = 12
OPTIONS = ["--games", GAMES, "--visits", 4, "--size", 9, "--resign", 0, "--move-limit", 250]
OPTIONS += ["--openings", "book.txt", "--precision", "fp32", "--device", "cpu", "--threads", 1]
DEADLINE_S = 400
POSIX_ONLY = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kills processes as Linux does")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two networks, a book, and a cache of its own."""
    folder = tmp_path_factory.mktemp("match")
    for name, seed in (("one", 1), ("two", 2)):
        write_network(lived_in_network(seed, NetworkShape(1, 4, 9)), folder / f"{name}.txt")
    write_network(lived_in_network(3, NetworkShape(1, 4, 5)), folder / "five.txt")
    (folder / "book.txt").write_text("C3 G7\nE5\nC7 G3 C3\nD4 F6\n")
    return folder


def variables(place: Path) -> dict[str, str]:
    return environment(XDG_CACHE_HOME=str(place / "cache"))


def words(out: str, *others: object) -> list[object]:
    return ["match", "one.txt", "two.txt", *OPTIONS, "--out", out, *others]


def lzeval(place: Path, *arguments: object) -> Outcome:
    """In this process; the workers of a match are processes of their own all the same."""
    return run_here(*arguments, cwd=place, XDG_CACHE_HOME=str(place / "cache"))


def match(place: Path, out: str, *others: object) -> Outcome:
    return lzeval(place, *words(out, *others))


@pytest.fixture(scope="module")
def whole(place: Path) -> Path:
    """A match that nothing disturbed; what it printed is in `output.json`."""
    outcome = match(place, "whole", "--json", "--threads", 2)
    assert outcome.returncode == 0, outcome.stderr
    assert "Traceback" not in outcome.stderr
    (place / "whole-output.json").write_text(outcome.stdout)
    return place / "whole"


def games_in(folder: Path) -> dict[str, str]:
    """The text of every game in a match's folder without its date, by file name."""
    texts = {file.name: file.read_text("utf-8") for file in (folder / "match.games").glob("*.sgf")}
    return {name: re.sub(r"DT\[[^]]*\]|Date [-\d]+", "", text) for name, text in texts.items()}


def records_in(folder: Path) -> list[GameRecord]:
    return [game for game in read_games([folder / "match.games"]) if isinstance(game, GameRecord)]


def test_what_a_match_leaves_behind(whole: Path) -> None:
    names = {path.name for path in whole.iterdir()}
    assert names == {".lock", "match.json", "match.ctl", "match.games", "results.csv", "ratings.csv"}
    assert sorted(games_in(whole)) == [f"0_{n:02}.sgf" for n in range(GAMES)]
    with (whole / "results.csv").open(newline="") as file:
        assert [row["game_id"] for row in csv.DictReader(file)] == [f"0_{n:02}" for n in range(GAMES)]
    settings = json.loads((whole / "match.json").read_text())
    assert settings["games"] == GAMES
    assert [player["code"] for player in settings["settings"]["players"]] == ["one", "two"]


def test_the_control_file_says_what_was_played(whole: Path) -> None:
    (matchup,) = read_control_file(whole / "match.ctl").matchups
    assert (matchup.players, matchup.alternating, matchup.scorer) == (("one", "two"), True, "internal")
    assert (matchup.board_size, matchup.komi, matchup.move_limit) == (9, 7.5, 250)
    assert [f"{matchup.game_id(number)}.sgf" for number in range(GAMES)] == sorted(games_in(whole))


def test_pairs_share_an_opening_and_swap_colours(whole: Path) -> None:
    records = records_in(whole)
    for first, second in zip(records[::2], records[1::2], strict=True):
        assert (first.black, first.white) == ("one", "two") == (second.white, second.black)
        assert first.opening == second.opening
        assert first.pair == second.pair
        length = len(first.opening.split())
        assert first.moves[:length] == second.moves[:length]
    assert len({record.opening for record in records[: GAMES * 2 // 3 : 2]}) == 4
    assert len({record.moves for record in records}) == GAMES


def test_the_printed_table_is_the_rated_games(whole: Path, place: Path) -> None:
    printed = json.loads((place / "whole-output.json").read_text())
    again = lzeval(place, "rate", "whole/match.games", "--json")
    assert again.returncode == 0, again.stderr
    rated = json.loads(again.stdout)
    assert [case["kind"] for case in rated.pop("skipped")] == ["void"] * printed["games"]["void"]
    taken_in = {key: rated.pop(key) for key in ("duplicates", "left_out", "warnings")}
    assert taken_in == {"duplicates": 0, "left_out": {}, "warnings": []}
    assert {key: printed[key] for key in rated} == rated
    assert set(printed) - set(rated) == {"match", "settings"}


def test_a_finished_match_is_not_played_again(whole: Path, place: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (whole / "match.games").iterdir()}
    outcome = match(place, "whole")
    assert outcome.returncode == 0, outcome.stderr
    assert {path: path.stat().st_mtime_ns for path in (whole / "match.games").iterdir()} == before


# Stopping


def test_a_test_stops_the_match_the_same_way_at_any_parallelism(whole: Path, place: Path) -> None:
    """Of networks that are equal: `--sprt 0,900` is soon rejected, and what counts is a part of the whole match."""
    options = ["--json", "--sprt", "0,900"]
    found = []
    for threads in (1, 3):
        outcome = match(place, f"sprt-{threads}", *options, "--threads", threads)
        assert outcome.returncode == 0, outcome.stderr
        assert "games to expect by true Elo: " in outcome.stderr
        found.append(json.loads(outcome.stdout))
    first, second = (printed["sprt"] for printed in found)
    assert {**first, "uncounted_games": 0} == {**second, "uncounted_games": 0}
    assert found[0]["head_to_head"] == found[1]["head_to_head"]
    assert first["verdict"] != "undecided"
    assert first["games"] < GAMES
    assert found[0]["head_to_head"]["difference"]["counts"] == first["counts"]
    everything = games_in(whole)
    assert all(text == everything[name] for name, text in games_in(place / "sprt-1").items())

    before = games_in(place / "sprt-1")
    again = match(place, "sprt-1", *options)
    assert {**json.loads(again.stdout)["sprt"], "uncounted_games": 0} == {**first, "uncounted_games": 0}
    assert games_in(place / "sprt-1") == before


def test_a_finished_match_is_judged_by_a_rule_without_another_game(whole: Path, place: Path) -> None:
    shutil.copytree(whole, place / "judged")
    outcome = match(place, "judged", "--until-decided", 0.55)
    assert outcome.returncode == 0, outcome.stderr
    assert re.search(r"^one (passed|failed): [\d.]+ points of \d+ decided games, 55 % wanted", outcome.stdout)
    assert "warning: the games in the folder were begun under another rule for stopping" in outcome.stderr
    assert games_in(place / "judged") == games_in(whole)


def test_a_match_that_can_tell_nothing_is_warned_of(place: Path) -> None:
    arguments = ["match", "one.txt", "one.txt", *OPTIONS, "--games", 2, "--openings", "none"]
    arguments += ["--visits", 2, "--out", "self", "--json"]
    outcome = lzeval(place, *arguments)
    assert outcome.returncode == 0, outcome.stderr
    warnings = json.loads(outcome.stdout)["warnings"]
    assert warnings[0].startswith("both players are the same network")
    assert warnings[1].startswith("without openings every game begins from the empty board")
    assert all(f"warning: {warning}" in outcome.stderr for warning in warnings)


# Interruptions


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < deadline
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.02)


def begin(place: Path, out: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        program(*words(out, "--threads", 2)),
        cwd=place,
        env=variables(place),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def children_of(parent: int) -> list[int]:
    """Processes that `parent` started, from Linux's own table."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if int(text.rpartition(")")[2].split()[1]) == parent:
            found.append(int(status.parent.name))
    return found


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_two_at_once_and_leftovers_of_a_kill(whole: Path, place: Path) -> None:
    """One process plays in a folder; what a killed one left half-written is swept away by the next."""
    folder = place / "shared"
    (folder / "match.games").mkdir(parents=True)
    with locked(folder / ".lock"):
        outcome = match(place, "shared")
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert "another process of lzeval is at work in this folder" in outcome.stderr
    (folder / "match.games" / ".0_01.sgf.0123456789ab.tmp").write_text("(;GM")
    outcome = match(place, "shared")
    assert outcome.returncode == 0, outcome.stderr
    assert not list((folder / "match.games").glob(".*"))
    assert games_in(folder) == games_in(whole)


@POSIX_ONLY
def test_killed_twice_and_played_to_the_end(whole: Path, place: Path) -> None:
    """The whole group at once, then the parent alone: the games are those of an undisturbed match."""
    folder = place / "killed"
    process = begin(place, "killed")
    wait_for(lambda: len(children_of(process.pid)) >= 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    process = begin(place, "killed")
    wait_for(lambda: any((folder / "match.games").glob("*.sgf")), process)
    workers = children_of(process.pid)
    assert len(workers) >= 2
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, workers))
    assert 0 < len(games_in(folder)) < GAMES

    outcome = match(place, "killed")
    assert outcome.returncode == 0, outcome.stderr
    assert games_in(folder) == games_in(whole)
    assert not list((folder / "match.games").glob(".*"))


@needs_limits
def test_a_full_disk_stops_the_match_and_loses_nothing(whole: Path, place: Path) -> None:
    """Games longer than what a file may hold cannot be written; the match says so, and goes on later."""
    sizes = sorted(file.stat().st_size for file in (whole / "match.games").glob("*.sgf"))
    limit = sizes[len(sizes) // 2] - 1
    assert (whole / "match.json").stat().st_size < limit
    outcome = run_limited(limit, *words("full"), cwd=place, XDG_CACHE_HOME=str(place / "cache"))
    assert outcome.returncode == 2, outcome.stderr
    assert "lzeval: the match has stopped: " in outcome.stderr
    assert "File too large" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    there = games_in(place / "full")
    assert len(there) < GAMES
    again = match(place, "full")
    assert again.returncode == 0, again.stderr
    assert games_in(place / "full") == games_in(whole)


@POSIX_ONLY
def test_a_worker_that_dies_is_no_traceback(whole: Path, place: Path) -> None:
    process = subprocess.Popen(
        program(*words("orphan", "--threads", 2)),
        cwd=place,
        env=variables(place),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    wait_for(
        lambda: len(children_of(process.pid)) >= 3, process
    )  # two workers, and multiprocessing's tracker
    os.kill(max(children_of(process.pid)), signal.SIGKILL)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2
    assert re.search(r"lzeval: worker \d: died \(exit status -9\); the same command goes on", errors.decode())
    assert b"Traceback" not in errors


# Devices


def test_torch_plays_where_openvino_has_no_wheel(place: Path) -> None:
    """The first match has no OpenVINO, in its workers neither; its games are those of --device torch."""
    stub = place / "without" / "openvino"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text("raise ImportError('there is no wheel')\n")
    paths = os.pathsep.join([str(stub.parent), variables(place)["PYTHONPATH"]])
    alone = subprocess.run(
        program(*words("alone", "--device", "auto", "--games", 2)),
        cwd=place,
        env={**variables(place), "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 0, alone.stderr
    assert "one: OpenVINO cannot be loaded here, so torch answers on the CPU, more slowly\n" in alone.stderr
    assert match(place, "torch", "--device", "torch", "--games", 2).returncode == 0
    assert games_in(place / "torch") == games_in(place / "alone") != {}
    players = json.loads((place / "torch" / "match.json").read_text())["settings"]["players"]
    assert {player["device"] for player in players} == {"torch"}


# Mistakes


def complain(place: Path, arguments: list[object]) -> str:
    """The one line that the command ends with."""
    outcome = lzeval(place, "match", *arguments)
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert outcome.stderr.count("\n") == 1
    assert outcome.stderr.startswith("lzeval: ")
    return outcome.stderr.removeprefix("lzeval: ").strip()


SMALL = ["--size", 9, "--openings", "none", "--precision", "fp32", "--device", "cpu"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["one.txt", "two.txt", *SMALL, "--games", 3], "--games 3: must be an even number"),
        (["one.txt", "two.txt", *SMALL, "--games", 0], "--games 0: must be an even number"),
        (["one.txt", "two.txt", *SMALL, "--games", -2], "--games -2: must be an even number"),
        (["one.txt", "two.txt", *SMALL, "--visits", 0], "a limit is needed"),
        (["one.txt", "two.txt", *SMALL, "--visits", -1], "--visits -1: must be at least 1"),
        (["one.txt", "two.txt", *SMALL, "--threads", 0], "--threads 0: must be at least 1"),
        (["one.txt", "two.txt", *SMALL, "--resign", 50], "--resign 50: must be a percentage"),
        (
            ["one.txt", "two.txt", *SMALL, "--komi", "nan"],
            "Invalid value for '--komi': 'nan' is not a decimal",
        ),
        (["one.txt", "two.txt", *SMALL, "--komi", 0.3], "--komi 0.3: must be whole or half"),
        (["one.txt", "two.txt", *SMALL, "--seed", -1], "--seed -1: must be 0 or more"),
        (["one.txt", "two.txt", *SMALL, "--sprt", "35"], "--sprt 35: must be two numbers with a comma"),
        (["one.txt", "two.txt", *SMALL, "--sprt", "35,0"], "the first must be less than the second"),
        (["one.txt", "two.txt", *SMALL, "--alpha", 0.1], "--alpha 0.1: says something only of --sprt"),
        (
            ["one.txt", "two.txt", *SMALL, "--until-decided", 55],
            "--until-decided 55: must be a share of wins",
        ),
        (
            ["one.txt", "two.txt", *SMALL, "--until-decided", 0.5, "--sprt", "0,35"],
            "--sprt and --until-decided: a match can have only one",
        ),
        (["one.txt", "two.txt", "--size", 30], "--size 30: must be from 2 to 25"),
        (["one.txt", "two.txt", "--size", 8], "the bundled openings are for 9x9, 13x13 and 19x19"),
        (["one.txt", "two.txt", *SMALL[:2], "--openings", "no.txt"], "openings 'no.txt' cannot be read"),
        (["one.txt", "two.txt", *SMALL[:2], "--openings", "one.txt"], "one.txt, line 1: '1' is not a vertex"),
        (["one.txt", "smal", *SMALL], "there is no network 'smal'"),
        (["one.txt", "book.txt", *SMALL], "book.txt"),
        (["one.txt", "five.txt", *SMALL], "five.txt: a network for 5x5 boards cannot play on 9x9"),
        (["one.txt", "two.txt"], "one.txt: a network for 9x9 boards cannot play on 19x19"),
        (["one.txt", "two.txt", *SMALL, "--precision", "half"], "precision 'half' is not one of"),
        (["one.txt", "two.txt", *SMALL, "--device", "gpu"], "device 'gpu' is not one of auto, cpu, cuda,"),
        (["one.txt", "two.txt", *SMALL, "--device", "cuda:64"], "device cuda:64 was asked for, and t"),
        (["one.txt", "two.txt", *SMALL, "--device", "xpu"], "device xpu was asked for, and torch finds no"),
        (
            ["one.txt", "two.txt", *SMALL, "--out", "book.txt"],
            "book.txt: cannot hold a match (Not a directory)",
        ),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_nothing_written(
    arguments: list[object], message: str, place: Path
) -> None:
    before = sorted(path for path in place.rglob("*") if "cache" not in path.parts)
    said = complain(place, arguments)
    assert message in said
    assert sorted(path for path in place.rglob("*") if "cache" not in path.parts) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--visits", 5], "visits was 4, is 5"),
        (["--komi", 6.5], "komi was 7.5, is 6.5"),
        (["--seed", 9], "seed was 1, is 9"),
        (["--openings", "none"], "openings was book.txt, is none"),
    ],
)
def test_another_match_in_the_folder(change: list[object], message: str, whole: Path, place: Path) -> None:
    before = (whole / "match.json").read_bytes()
    said = complain(place, ["one.txt", "two.txt", *OPTIONS, "--out", "whole", *change])
    assert said == f"whole: holds a different match: {message}; choose another --out"
    assert (whole / "match.json").read_bytes() == before


def test_another_number_of_games_plays_what_is_missing_and_no_game_twice(whole: Path, place: Path) -> None:
    """Ids have as many digits as the number of games needs."""

    def play(games: int) -> list[str]:
        wanted = [games if word == GAMES else word for word in words("grown")]
        outcome = lzeval(place, *wanted, "--json")
        assert outcome.returncode == 0, outcome.stderr
        return sorted(file.name for file in (place / "grown" / "match.games").glob("*.sgf"))

    assert play(8) == [f"0_{number}.sgf" for number in range(8)]
    assert len(play(GAMES)) == GAMES
    few = (place / "grown" / "match.games" / "0_3.sgf").read_text()
    assert re.findall(r"[BW]\[[a-z]*\]", few) == re.findall(
        r"[BW]\[[a-z]*\]", (whole / "match.games" / "0_03.sgf").read_text()
    )
    assert len(play(8)) == GAMES


def test_a_match_goes_on_with_the_precision_it_was_begun_with(
    whole: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun in fp32, perhaps on a cluster, it goes on in fp32 where bf16 would be taken otherwise."""
    taken: list[str] = []

    def plan(network: str, *, precision: str, **options: Any) -> EvaluatorPlan:
        found = plan_evaluator(network, precision="fp32", **options)
        taken.append(precision)
        return found if precision == "fp32" else replace(found, precision="bf16", batch_size=16)

    monkeypatch.setattr(THIS_MACHINE, "plan", plan, raising=False)
    options = [option for option in words("whole") if option not in ("--precision", "fp32")]
    assert lzeval(place, *options).returncode == 0
    assert taken == ["auto", "auto", "auto", "fp32", "auto", "fp32"]


def test_the_other_way_round_is_another_match(whole: Path, place: Path) -> None:
    said = complain(place, ["two.txt", "one.txt", *OPTIONS, "--out", "whole"])
    assert "holds a different match: players was one (" in said


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"notes.txt": "mine"}, "is not empty and holds no match"),
        ({"match.json": "{"}, "match.json: cannot be read"),
        ({"match.json": "[1]"}, "match.json: cannot be read"),
        ({"match.json": '{"settings": 3}'}, "match.json: cannot be read"),
        (
            {"match.json": None, "match.games/mine.sgf": "(;GM[1]SZ[9];B[aa])"},
            "mine.sgf: is not of this match",
        ),
        ({"match.json": None, "match.games/0_01.sgf": "(;GM[1]"}, "0_01.sgf: cannot be read; remove it"),
        (
            {"match.json": None, "match.games/0_01.sgf": "(;GM[1]SZ[9];B[aa])"},
            "0_01.sgf: is not of this match",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_what_else_may_be_in_the_folder(
    files: Mapping[str, str | None],
    message: str,
    whole: Path,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name without content is a copy of the undisturbed match's file."""
    for name, text in files.items():
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        target.write_text((whole / name).read_text() if text is None else text)
    monkeypatch.setattr("lzeval.cli.live_view.BarView", _NoBar)
    said = complain(place, ["one.txt", "two.txt", *OPTIONS, "--out", tmp_path])
    assert message in said
    assert all((tmp_path / name).read_text() == text for name, text in files.items() if text is not None)


class _NoBar:
    """Instead of a progress bar."""

    def __init__(self, *_: object) -> None:
        self.show = self.tell = None
        self.live = nullcontext()


@pytest.mark.engine
@pytest.mark.slow
def test_the_real_ringmaster_plays_our_control_file(
    ringmaster: list[str], whole: Path, place: Path, tmp_path: Path
) -> None:
    text = (whole / "match.ctl").read_text()
    (tmp_path / "match.ctl").write_text(text)
    wrapper = tmp_path / "bin" / "lzeval"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lzeval "$@"\n')
    wrapper.chmod(0o755)
    path = f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}"
    outcome = subprocess.run(
        [*ringmaster, "-g", "2", "-q", "match.ctl", "run"],
        cwd=tmp_path,
        env={**variables(place), "PATH": path},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert shutil.which("lzeval", path=path)
    games = records_in(tmp_path)
    assert [(game.black, game.white) for game in games] == [("one", "two"), ("two", "one")]
    assert "one v two (2/12 games)" in (tmp_path / "match.report").read_text()
