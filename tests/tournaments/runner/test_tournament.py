from __future__ import annotations

import errno
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sgfmill.sgf import Sgf_game

from lzeval.errors import UserError
from lzeval.go.colour import COLOURS
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from lzeval.system.locks import locked
from tests.support.command_line import Outcome, environment, program, run_here
from tests.support.gomill_report import WITHOUT_CPU
from tests.support.limited import needs_limits, run_limited
from tests.support.paths import MISBEHAVING
from tests.support.waiting import is_alive, wait_until
from tournaments.games.process_guard import Guard
from tournaments.gomill.control_file import read_control_file
from tournaments.gomill.report import matchup_of, report_text
from tournaments.gomill.ringmaster import RingmasterRun
from tournaments.plan.competition import MatchupSpec
from tournaments.plan.schedule import Schedule
from tournaments.runner.capacity import EngineDemand, games_that_fit, measured_parallel
from tournaments.runner.progress import Event, Progress
from tournaments.runner.tournament import RunOptions, prepare, run
from tournaments.store.folder import ask_to_stop, counted_games, history, is_running, reset
from tournaments.store.game_log import history_of, read_log

DEADLINE_S = 120
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
ON_LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks at processes as Linux shows them"
)
PLAYS_BY_SEED = ["--moves", "C3 D4", "--resign-by-seed"]
SEEDED = "startup_gtp_commands=['set_random_seed {seed}']"


def player(*flags: object, more: str = "") -> str:
    """The text of a Player whose engine is the misbehaving fake."""
    command = [sys.executable, str(MISBEHAVING), *map(str, flags)]
    return f"Player({command!r}, {more})"


def control_file(
    folder: Path, players: dict[str, str], matchups: Sequence[str], additions: str = "", **settings: object
) -> Path:
    lines = [
        "competition_type = 'playoff'",
        *(f"{name} = {value!r}" for name, value in {"scorer": "internal", "komi": 7.5, **settings}.items()),
        f"board_size = {settings.get('board_size', 9)}",
        "players = {",
        *(f"  {code!r}: {text}," for code, text in players.items()),
        "}",
        f"matchups = [{', '.join(f'Matchup({text})' for text in matchups)}]",
        f"lzeval = dict({additions})",
    ]
    path = folder / "cup.ctl"
    path.write_text("\n".join([*lines, ""]))
    return path


def two_players(
    folder: Path, games: int = 6, additions: str = "", slow: float = 0.0, **settings: object
) -> Path:
    """A tournament whose results depend on the games' seeds and on nothing else."""
    players = {
        "one": player(*PLAYS_BY_SEED, "--slow", slow, "--write-to", folder / "one.said", more=SEEDED),
        "two": player("--moves", "E5", "--slow", slow, "--write-to", folder / "two.said"),
    }
    return control_file(
        folder, players, [f"'one', 'two', alternating=True, number_of_games={games}"], additions, **settings
    )


class Listener:
    """Keeps what happens."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["event"] == kind]


def play(path: Path, listen: Callable[[Event], None] | None = None, **options: Any) -> Progress:
    return run(read_control_file(path), RunOptions(**{"parallel": 1, **options}), listen)


def results(path: Path) -> dict[str, str]:
    competition = read_control_file(path)
    games = counted_games(competition, history(competition))
    return {game.record.game_id: str(game.record.result) for game in games}


def report(path: Path) -> str:
    competition = read_control_file(path)
    games = counted_games(competition, history(competition))
    records = sorted((game.record for game in games), key=lambda record: record.game_id)
    return WITHOUT_CPU.sub("", report_text(competition, records))


def pids_said(folder: Path) -> set[int]:
    """The processes of all engines that wrote down what they were told."""
    return {int(line.split()[0]) for file in folder.glob("*.said") for line in file.read_text().splitlines()}


def engines_left(folder: Path) -> list[int]:
    """Those of them that are still there; a number may have become some other process's."""
    return [pid for pid in pids_said(folder) if is_alive(pid) and _is_engine(pid, folder)]


def _is_engine(pid: int, folder: Path) -> bool:
    if not sys.platform.startswith("linux"):
        return True
    try:
        return str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def command(path: Path, action: str, *options: object) -> list[str]:
    return program("tournament", action, path, *options)


def lzeval(path: Path, action: str, *options: object) -> Outcome:
    return run_here("tournament", action, path, *options)


# A tournament as it should be


def test_what_a_tournament_leaves_behind(tmp_path: Path) -> None:
    path = two_players(tmp_path)
    listener = Listener()
    progress = play(path, listener)
    assert progress.is_clean
    assert {file.name for file in tmp_path.iterdir()} == {
        *("cup.ctl", ".cup.lock", "cup.played", "cup.games", "cup.hist", "cup.log", "cup.report"),
        *("one.said", "two.said"),
    }
    ids = [f"0_{number}" for number in range(6)]
    assert [event["game"] for event in listener.of("game")] == ids
    for game in progress.games:
        sgf = Sgf_game.from_bytes((tmp_path / "cup.games" / f"{game.game_id}.sgf").read_bytes())
        assert COLOURS.get(sgf.get_winner()) == game.result.winner
        assert sgf.get_player_name("b") == "Misbehaving:1"
    assert WITHOUT_CPU.sub("", (tmp_path / "cup.report").read_text()) == report(path)
    assert [line.split()[0] for line in (tmp_path / "cup.hist").read_text().splitlines()] == ids


def test_games_of_a_seed_are_the_same_at_any_parallelism(tmp_path: Path) -> None:
    found = []
    for name, options in {"a": {}, "b": {"parallel": 3}, "c": {"fresh": True}}.items():
        (tmp_path / name).mkdir()
        path = two_players(tmp_path / name, games=8)
        play(path, **options)
        found.append((results(path), report(path)))
    assert found[0] == found[1] == found[2]
    assert len(set(found[0][0].values())) > 2


def test_engines_are_kept_and_pooled(tmp_path: Path) -> None:
    processes = {}
    for name, options in {"kept": {}, "slots": {"parallel": 2}, "fresh": {"fresh": True}}.items():
        (tmp_path / name).mkdir()
        play(two_players(tmp_path / name, games=8, slow=0.01), **options)
        processes[name] = len(pids_said(tmp_path / name))
    assert processes == {"kept": 2, "slots": 4, "fresh": 16}


def test_a_command_that_names_the_game_gets_a_process_for_each(tmp_path: Path) -> None:
    players = {
        "one": player("--say", "{game_id}-{seed}", "--write-to", tmp_path / "one.said"),
        "two": player("--write-to", tmp_path / "two.said"),
    }
    play(control_file(tmp_path, players, ["'one', 'two', number_of_games=3"]))
    said = [(tmp_path / f"{code}.said").read_text().splitlines() for code in ("one", "two")]
    processes = [len({line.split()[0] for line in lines}) for lines in said]
    assert processes == [3, 1]


def test_openings_are_shared_by_pairs(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("C3 G7\nE5\nC7 G3 C3\n")
    path = two_players(tmp_path, additions="openings='book.txt'")
    records = play(path).games
    for first, second in zip(records[::2], records[1::2], strict=True):
        assert first.opening == second.opening != ""
        assert first.pair == second.pair
        assert (first.black, first.white) == (second.white, second.black)
    assert len({record.opening for record in records}) == 3


def test_gtp_logs_and_standard_error(tmp_path: Path) -> None:
    complete = ("--complete", "--answer", "genmove=pass", "--stderr", "tuning done")
    players = {"one": player(*complete), "two": player(*complete, more="discard_stderr=True")}
    path = control_file(tmp_path, players, ["'one', 'two', number_of_games=2"])
    play(path, log_gtp=True)
    log = (tmp_path / "cup.gtplogs" / "0_0.log").read_text()
    assert "black >> genmove b\nblack << = pass\n" in log
    assert "white >> play b pass\n" in log
    assert {file.name for file in (tmp_path / "cup.stderr").iterdir()} == {"0_0.one.txt", "0_1.one.txt"}
    assert "tuning done" in (tmp_path / "cup.stderr" / "0_1.one.txt").read_text()


def test_a_limit_for_one_run(tmp_path: Path) -> None:
    path = two_players(tmp_path)
    assert [play(path, most_games=4).played_now, play(path).played_now, play(path).played_now] == [4, 2, 0]
    assert len(results(path)) == 6


def test_lost_records_are_written_again(tmp_path: Path) -> None:
    path = two_players(tmp_path)
    play(path)
    files = {file.name: file.read_bytes() for file in (tmp_path / "cup.games").iterdir()}
    (tmp_path / "cup.games" / "0_3.sgf").unlink()
    (tmp_path / "cup.report").unlink()
    assert play(path).played_now == 0
    assert {file.name: file.read_bytes() for file in (tmp_path / "cup.games").iterdir()} == files
    assert (tmp_path / "cup.report").exists()


def test_a_record_that_a_power_failure_has_spoilt_is_written_again(tmp_path: Path) -> None:
    """Empty, cut off, or zeros where its end should be; what somebody has added to one is his."""
    path = two_players(tmp_path)
    play(path)
    folder = tmp_path / "cup.games"
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    whole = files["0_1.sgf"]
    (folder / "0_0.sgf").write_bytes(b"")
    (folder / "0_1.sgf").write_bytes(whole[: len(whole) // 2])
    (folder / "0_2.sgf").write_bytes(files["0_2.sgf"][:40] + bytes(100))
    (folder / ".0_4.sgf.abc.tmp").write_bytes(whole)
    annotated = files["0_3.sgf"].rstrip().removesuffix(b")") + b"C[well played])"
    (folder / "0_3.sgf").write_bytes(annotated)
    assert play(path).played_now == 0
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {**files, "0_3.sgf": annotated}


def test_a_torn_end_costs_what_was_not_reported(tmp_path: Path) -> None:
    """A power failure may tear the last lines, all of games that nobody has heard of."""
    path = two_players(tmp_path)
    play(path)
    expected = results(path)
    log = tmp_path / "cup.played"
    lines = log.read_bytes().splitlines(keepends=True)
    assert b'"kind":"game"' in lines[-1]
    log.write_bytes(
        b"".join([*lines[:-3], bytes(len(lines[-3]) - 1), b"\n", lines[-2][:50], b"\n", lines[-1][:-9]])
    )
    listener = Listener()
    assert play(path, listener).played_now == 2
    assert listener.of("warning") == []
    assert results(path) == expected


def test_a_game_is_on_disk_before_anybody_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is slow, so that several games are put on it at once."""
    path = two_players(tmp_path, games=12)
    on_disk = b""
    flushes = 0

    def slow_flush(descriptor: int) -> None:
        nonlocal on_disk, flushes
        if os.fstat(descriptor).st_ino == (tmp_path / "cup.played").stat().st_ino:
            data = (tmp_path / "cup.played").read_bytes()
            time.sleep(0.1)
            on_disk, flushes = data, flushes + 1

    def check(event: Event) -> None:
        if event["event"] == "game":
            assert f'"game_id":"{event["game"]}"'.encode() in on_disk
            reported.append(event["game"])

    reported: list[str] = []
    monkeypatch.setattr(os, "fsync", slow_flush)
    play(path, check, parallel=3)
    assert sorted(reported) == sorted(results(path))
    assert len(reported) == 12
    assert flushes < 12, "one flush serves several games"


def test_a_disk_that_keeps_nothing_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = two_players(tmp_path, games=50)
    listener = Listener()
    flushed = 0

    def failing(_: int) -> None:
        nonlocal flushed
        flushed += 1
        if flushed > 5:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(UserError, match=r"cup\.played: cannot be written \(Input/output error\)"):
        play(path, listener)
    monkeypatch.undo()
    reported = {event["game"] for event in listener.of("game")}
    assert reported <= set(results(path))
    assert len(reported) < 50
    assert not engines_left(tmp_path)
    assert play(path).is_clean
    assert len(results(path)) == 50


# Engines that fail


def with_failing(folder: Path, *flags: object, additions: str = "") -> Path:
    players = {"good": player("--moves", "C3"), "fine": player("--moves", "E5"), "bad": player(*flags)}
    matchups = [
        f"'{a}', '{b}', number_of_games=5" for a, b in (("good", "bad"), ("good", "fine"), ("bad", "fine"))
    ]
    return control_file(folder, players, matchups, additions)


@pytest.mark.parametrize(
    "flags",
    [
        ("--crash-silently-at-start",),
        ("--half-a-line-on", "genmove", "--exit-then"),
        ("--hang-on", "genmove"),
        ("--refuse", "boardsize"),
        ("--not-gtp",),
    ],
    ids=lambda flags: flags[0] + flags[-1],
)
def test_who_keeps_failing_is_suspended_and_the_others_go_on(tmp_path: Path, flags: tuple[str, ...]) -> None:
    path = with_failing(tmp_path, *flags, additions="timeouts=dict(move=0.3, quit=0.3)")
    listener = Listener()
    progress = play(path, listener, parallel=2)
    assert set(progress.suspended) == {"bad"}
    assert not progress.is_clean
    assert Counter(map(matchup_of, progress.games)) == {"1": 5}
    assert 3 <= len(listener.of("void")) <= 4
    assert len(listener.of("suspended")) == 1
    assert history(read_control_file(path)).suspended.keys() == {"bad"}


def test_a_mended_engine_plays_what_it_missed(tmp_path: Path) -> None:
    play(with_failing(tmp_path, "--crash-on", "genmove"))
    progress = play(with_failing(tmp_path, "--moves", "G7"))
    assert progress.is_clean
    assert Counter(map(matchup_of, progress.games)) == {"0": 5, "1": 5, "2": 5}


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    players = {"good": player(), "fine": player(), "gone": "Player('no-such-engine --fast')"}
    path = control_file(
        tmp_path, players, ["'good', 'gone', number_of_games=4", "'good', 'fine', number_of_games=4"]
    )
    progress = play(path)
    assert set(progress.suspended) == {"gone"}
    assert "cannot start no-such-engine" in progress.suspended["gone"]
    assert len(progress.games) == 4


def test_a_game_that_is_void_again_and_again_is_left_out(tmp_path: Path) -> None:
    """One engine crashes at its second genmove, which only one of its opponents lets it come to."""
    players = {
        "quick": player("--move", "resign"),
        "long": player("--moves", "A1 A2 A3"),
        "bad": player("--moves", "C3 C4 C5", "--half-a-line-on", "genmove", "--exit-then", "--only-at", "2"),
    }
    matchups = ["'bad', 'long', number_of_games=2", "'bad', 'quick', number_of_games=4"]
    path = control_file(tmp_path, players, matchups, "attempts=2, patience=9")
    progress = play(path, fresh=True)
    assert progress.abandoned == ["0_0", "0_1"]
    assert not progress.suspended
    assert Counter(map(matchup_of, progress.games)) == {"1": 4}


def test_faults_as_losses(tmp_path: Path) -> None:
    path = with_failing(
        tmp_path, "--half-a-line-on", "genmove", "--exit-then", additions="faults='forfeit', patience=99"
    )
    progress = play(path)
    assert len(progress.games) == 15
    assert {g.result.detail for g in progress.games if "bad" in (g.black, g.white)} == {"F"}


def test_a_crash_does_not_change_what_is_played(tmp_path: Path) -> None:
    """A game that was void is played again under its id, by engines that start anew."""
    players = {
        "one": player(*PLAYS_BY_SEED, more=SEEDED),
        "two": player("--moves", "E5", "--half-a-line-on", "genmove", "--exit-then", "--only-at", "9"),
    }
    path = control_file(tmp_path, players, ["'one', 'two', number_of_games=12"])
    listener = Listener()
    play(path, listener)
    assert len(listener.of("void")) >= 2
    (tmp_path / "undisturbed").mkdir()
    other = control_file(
        tmp_path / "undisturbed",
        {"one": players["one"], "two": player("--moves", "E5")},
        ["'one', 'two', number_of_games=12"],
    )
    play(other)
    assert results(path) == results(other)


# What may change


def test_more_games_players_and_words(tmp_path: Path) -> None:
    first = {"one": player("--moves", "C3"), "two": player("--moves", "E5")}
    play(control_file(tmp_path, first, ["'one', 'two', number_of_games=4"]))
    more = {**first, "new": player("--moves", "G7")}
    path = control_file(
        tmp_path,
        more,
        ["'one', 'two', number_of_games=12, name='the old ones'", "'one', 'new', number_of_games=3"],
        description="Grown.",
    )
    progress = play(path)
    assert Counter(map(matchup_of, progress.games)) == {"0": 12, "1": 3}
    assert len({game.game_id for game in progress.games}) == 15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"komi": 6.5}, "matchup 0: komi was 7.5, is 6.5"),
        ({"board_size": 13}, "matchup 0: board_size was 9, is 13"),
        ({"scorer": "players"}, "matchup 0: scorer was 'internal', is 'players'"),
        ({"flags": ["--moves", "E6"]}, "player two: command was "),
        ({"additions": "rules='strict'"}, "ko was 'simple', is 'superko'"),
        ({"additions": "seed=2"}, "seed was 1, is 2"),
        ({"additions": "time_control='absolute 9'"}, "clock was None, is "),
    ],
    ids=str,
)
def test_other_changes_are_refused_with_the_difference(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    def written(flags: Sequence[str] = ("--moves", "E5"), additions: str = "", **settings: object) -> Path:
        players = {"one": player(), "two": player(*flags)}
        return control_file(tmp_path, players, ["'one', 'two', number_of_games=2"], additions, **settings)

    play(written())
    before = (tmp_path / "cup.played").read_bytes()
    with pytest.raises(UserError, match=re.escape(message)) as refused:
        play(written(**change))
    assert f"lzeval tournament reset {tmp_path / 'cup.ctl'}" in str(refused.value)
    assert (tmp_path / "cup.played").read_bytes() == before
    play(written())


def test_a_network_replaced_on_disk_is_another_player(tmp_path: Path) -> None:
    weights = tmp_path / "net.txt"
    weights.write_text("1 2 3")
    players = {"one": player("--say", weights), "two": player(f"--say={weights}")}
    path = control_file(tmp_path, players, ["'one', 'two', number_of_games=2"])
    play(path)
    weights.write_text("1 2 4")
    with pytest.raises(UserError, match=r"player one: .*net\.txt had sha256 [0-9a-f]{12}, has ") as refused:
        play(path)
    assert "player two: " in str(refused.value)
    reset(read_control_file(path))
    assert len(play(path).games) == 2


def test_what_engines_write_is_no_network(tmp_path: Path) -> None:
    """A log that a command names is new at first, and longer at each start."""
    players = {code: player("--write-to", tmp_path / f"{code}.said") for code in ("one", "two")}
    path = control_file(tmp_path, players, ["'one', 'two', number_of_games=3"])
    assert [play(path, most_games=1).played_now for _ in range(4)] == [1, 1, 1, 0]
    (tmp_path / "one.said").write_text("something else")
    with pytest.raises(UserError, match=r"one\.said had sha256"):
        play(path)


def test_a_player_without_games_may_change(tmp_path: Path) -> None:
    def written(*flags: str) -> Path:
        players = {"one": player(), "two": player(), "three": player(*flags)}
        matchups = ["'one', 'two', number_of_games=1", "'one', 'three', number_of_games=2"]
        return control_file(tmp_path, players, matchups)

    play(written("--crash-on", "genmove"))
    assert play(written("--moves", "C3")).is_clean
    with pytest.raises(UserError, match="player three: command"):
        play(written("--moves", "D3"))


# Kills


def kill_at_random_moments(folder: Path, kills: int, games: int, seed: int) -> None:
    """Kill -9 the runner again and again, let it finish, and compare with a run that nothing disturbed."""
    rng = random.Random(seed)
    (folder / "undisturbed").mkdir()
    expected = two_players(folder / "undisturbed", games=games)
    play(expected, parallel=2)
    path = two_players(folder, games=games, slow=0.004)
    reported: list[str] = []
    for number in range(kills):
        output = folder / f"out-{number}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                command(path, "run", "--json", "-j", 2),
                env=environment(),
                stdout=file,
                stderr=subprocess.PIPE,
            )
            sign = b'"run"' if number % 3 == 0 else b'"game",'  # soon after the start, or among games
            assert wait_until(lambda output=output, sign=sign: sign in output.read_bytes(), DEADLINE_S)
            time.sleep(rng.uniform(0, 0.25))
            process.kill()
            _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, errors.decode()
        lines = output.read_text().splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        reported += [event["game"] for event in events if event["event"] == "game"]
        there = results(path)
        assert set(reported) <= set(there), "a game that was reported is lost"
        assert wait_until(lambda: not engines_left(folder)), "an engine has outlived its runner"
    assert len(reported) >= kills // 2, "too few games were finished to mean anything"
    assert len(reported) < games, "the kills came too late to mean anything"
    assert play(path, parallel=2).is_clean
    log = read_log(folder / "cup.played")
    numbers = [(entry["matchup"], entry["number"]) for entry in log.entries if entry["kind"] == "game"]
    assert sorted(numbers) == [("0", number) for number in range(games)]
    assert log.damaged == []
    assert results(path) == results(expected)
    assert report(path) == report(expected)
    assert len(list((folder / "cup.games").glob("*.sgf"))) == games
    assert history_of(log.entries).voids == 0


@POSIX_ONLY
def test_four_kills_lose_nothing(tmp_path: Path) -> None:
    kill_at_random_moments(tmp_path, kills=4, games=120, seed=1)


@POSIX_ONLY
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    kill_at_random_moments(tmp_path, kills=200, games=2500, seed=2)


@POSIX_ONLY
@pytest.mark.parametrize("to", ["runner", "group"])
def test_ctrl_c_keeps_everything(tmp_path: Path, to: str) -> None:
    path = two_players(tmp_path, games=500, slow=0.01)
    process = subprocess.Popen(
        command(path, "run", "-j", 2),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert wait_until(lambda: len(results(path)) > 5, DEADLINE_S)
    (os.killpg if to == "group" else os.kill)(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; finished games are kept" in errors.decode()
    assert "Traceback" not in errors.decode()
    assert not engines_left(tmp_path)
    past = history(read_control_file(path))
    assert past.voids == 0, "what was broken off is nobody's fault"
    assert past.incidents == []
    assert 5 < len(past.games) < 500
    assert play(path, most_games=3).played_now == 3


@needs_limits
def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    path = two_players(tmp_path, games=60)
    outcome = run_limited(16_000, "tournament", "run", path, "--json", "-j", 2)
    assert outcome.returncode == 2
    assert "File too large" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    events = [json.loads(line) for line in outcome.stdout.splitlines()]
    reported = {event["game"] for event in events if event["event"] == "game"}
    assert 0 < len(reported) < 60
    assert reported <= set(results(path))
    assert not engines_left(tmp_path)
    for file in tmp_path.glob("*.said"):
        file.unlink()
    assert play(path).is_clean
    assert len(results(path)) == 60


def test_two_at_once(tmp_path: Path) -> None:
    path = two_players(tmp_path)
    assert not is_running(read_control_file(path))
    with locked(tmp_path / ".cup.lock"):
        assert is_running(read_control_file(path))
        outcome = lzeval(path, "run")
    assert outcome.returncode == 2
    assert outcome.stderr == f"lzeval: {path}: another process is running this tournament\n"


def test_stop_from_elsewhere(tmp_path: Path) -> None:
    path = two_players(tmp_path, games=500, slow=0.01)
    competition = read_control_file(path)
    planned = prepare(competition, RunOptions(parallel=2))
    thread = threading.Thread(target=planned.play)
    thread.start()
    assert wait_until(lambda: planned.progress.played_now > 3)
    ask_to_stop(competition)
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
    assert 3 < planned.progress.played_now < 500
    assert planned.progress.is_clean
    assert play(path, most_games=2).played_now == 2, "the order holds for one run"


# Room


@pytest.mark.parametrize(
    ("appetites", "cores", "memory", "games"),
    [
        ([EngineDemand(1, 100), EngineDemand(1, 100)], 8, 10_000, 8),
        ([EngineDemand(4, 100), EngineDemand(1, 100)], 8, 10_000, 2),
        ([EngineDemand(16, 100), EngineDemand(1, 100)], 8, 10_000, 1),
        ([EngineDemand(1, 1000), EngineDemand(1, 1000)], 8, 10_000, 4),
        ([EngineDemand(1, 9000), EngineDemand(1, 9000)], 8, 10_000, 1),
        ([EngineDemand(1, 1000)] * 9, 8, 10_000, 2),
        ([EngineDemand(1, 0), EngineDemand(1, 0)], 8, 10_000, 8),
    ],
)
def test_games_that_fit(appetites: list[EngineDemand], cores: int, memory: int, games: int) -> None:
    assert games_that_fit(appetites, 4, cores, memory) == games


@ON_LINUX
def test_measured_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that idle use one core; what they weigh is a Python process, of which few fit."""
    monkeypatch.setattr("tournaments.runner.capacity.available_cores", lambda: 6)
    monkeypatch.setattr("tournaments.runner.capacity.free_memory", lambda: 10**12)
    competition = read_control_file(two_players(tmp_path))
    guard = Guard()
    try:
        assert measured_parallel(competition, guard, 4) == 6
        monkeypatch.setattr("tournaments.runner.capacity.free_memory", lambda: 60_000_000)
        assert 1 <= measured_parallel(competition, guard, 4) < 5
    finally:
        guard.close()
    assert not engines_left(tmp_path)


# The order of games


def matchup(name: str, games: int | None, players: tuple[str, str] = ("a", "b")) -> MatchupSpec:
    return MatchupSpec(name, name, *players, board_size=9, komi=7.5, number_of_games=games)


def order(schedule: Schedule, most: int = 20, suspended: Sequence[str] = ()) -> list[str]:
    found: list[str] = []
    while len(found) < most and (place := schedule.next(suspended)) is not None:
        found.append(f"{place[0].id}{place[1]}")
    return found


def test_the_matchup_with_the_fewest_games_is_next() -> None:
    schedule = Schedule([matchup("x", 3), matchup("y", 2), matchup("z", 4)], [])
    assert order(schedule) == ["x0", "y0", "z0", "x1", "y1", "z1", "x2", "z2", "z3"]
    assert schedule.wanted == 9


def test_played_games_are_left_out_and_holes_filled() -> None:
    schedule = Schedule([matchup("x", 5), matchup("y", 2)], [("x", 0), ("x", 2), ("gone", 7)])
    assert order(schedule) == ["y0", "y1", "x1", "x3", "x4"]


def test_without_end() -> None:
    schedule = Schedule([matchup("x", None), matchup("y", 1)], [("x", 1)])
    assert order(schedule, 5) == ["y0", "x0", "x2", "x3", "x4"]
    assert schedule.wanted is None


def test_what_is_given_back_comes_first_again() -> None:
    spec = matchup("x", 4)
    schedule = Schedule([spec], [])
    assert order(schedule, 3) == ["x0", "x1", "x2"]
    schedule.give_back(spec, 1)
    assert order(schedule) == ["x1", "x3"]


def test_who_is_suspended_waits() -> None:
    schedule = Schedule([matchup("x", 2, ("a", "b")), matchup("y", 2, ("a", "c"))], [])
    assert order(schedule, suspended=["b"]) == ["y0", "y1"]
    assert order(schedule) == ["x0", "x1"]


# The command


def test_run_show_report_reset(tmp_path: Path) -> None:
    path = two_players(tmp_path)
    outcome = lzeval(path, "run", "-j", 1)
    assert outcome.returncode == 0, outcome.stderr
    assert "one v two (6/6 games)" in outcome.stdout
    assert "Elo" in outcome.stdout
    shown = lzeval(path, "show")
    assert shown.stdout == outcome.stdout
    as_json = json.loads(lzeval(path, "show", "--json").stdout)
    assert as_json["games"] == 6
    assert {row["player"] for row in as_json["standings"]["players"]} == {"one", "two"}
    (tmp_path / "cup.report").unlink()
    assert lzeval(path, "report").stdout == f"{tmp_path / 'cup.report'}\n"
    assert WITHOUT_CPU.sub("", (tmp_path / "cup.report").read_text()) == report(path)
    removed = lzeval(path, "reset")
    assert "cup.played" in removed.stdout
    assert {file.name for file in tmp_path.iterdir() if file.name.startswith("cup")} == {"cup.ctl"}


def test_exit_status_tells_of_faults(tmp_path: Path) -> None:
    path = with_failing(tmp_path, "--crash-silently-at-start")
    outcome = lzeval(path, "run", "--quiet", "-j", 1)
    assert outcome.returncode == 1
    assert outcome.stdout == ""
    assert "bad is suspended: 3 faults in a row, the last one a start failure" in outcome.stderr
    assert "suspended: bad" in lzeval(path, "show").stdout


def test_json_lines(tmp_path: Path) -> None:
    outcome = lzeval(two_players(tmp_path), "run", "--json", "-j", 1)
    events = [json.loads(line) for line in outcome.stdout.splitlines()]
    kinds = Counter(event["event"] for event in events)
    assert kinds == {"run": 1, "start": 6, "game": 6, "end": 1}
    assert events[-1]["games"] == 6


def test_check(tmp_path: Path) -> None:
    path = with_failing(tmp_path, "--crash-silently-at-start")
    outcome = lzeval(path, "check")
    assert outcome.returncode == 1
    assert "good: Misbehaving:1: ok" in outcome.stdout
    assert re.search("bad: start failure: .* status 4", outcome.stdout)
    assert not list(tmp_path.glob("*.played"))
    assert lzeval(two_players(tmp_path), "check").returncode == 0


@POSIX_ONLY
def test_watch_ends_with_the_run(tmp_path: Path) -> None:
    path = two_players(tmp_path, games=40, slow=0.01)
    running = subprocess.Popen(command(path, "run", "--quiet", "-j", 1), env=environment())
    assert wait_until(lambda: len(results(path)) > 2, DEADLINE_S)
    outcome = lzeval(path, "watch")
    assert running.wait(DEADLINE_S) == 0
    assert outcome.returncode == 0, outcome.stderr
    assert "one v two (40/40 games)" in outcome.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "no.ctl"], "no.ctl"),
        (["run", "cup.ctl", "--parallel", "0"], "--parallel 0: must be at least 1"),
        (["run", "cup.ctl", "--max-games", "0"], "--max-games 0: must be at least 1"),
        (["run", "cup.ctl", "--runner", "mine"], "--runner mine: must be own or ringmaster"),
        (["stop", "cup.ctl"], "cup.ctl: no run is going on"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    two_players(tmp_path)
    outcome = run_here("tournament", *arguments, cwd=tmp_path)
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("lzeval: ")
    assert outcome.stderr.count("\n") == 1
    assert message in outcome.stderr
    assert not list(tmp_path.glob("*.played"))


@pytest.mark.parametrize(
    ("ended", "status"),
    [(RingmasterRun(0), 0), (RingmasterRun(1), 1), (RingmasterRun(0, "too many void games"), 1)],
)
def test_the_real_ringmaster_as_runner(
    ended: RingmasterRun, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def pretend(path: Path, action: str, **options: object) -> RingmasterRun:
        asked.append(
            (path, action, options["processes"], options["max_games"], options["quiet"], options["log_gtp"])
        )
        return ended

    monkeypatch.setattr("tournaments.gomill.ringmaster.run_ringmaster", pretend)
    path = two_players(tmp_path)
    outcome = lzeval(path, "run", "--runner", "ringmaster", "-j", 2, "-g", 3, "-q", "--log-gtp")
    assert outcome.returncode == status
    assert asked == [(path, "run", 2, 3, True, True)]


# The other ringmaster


def deterministic(folder: Path) -> Path:
    """Wins, losses, resignations, illegal moves and unknown results, with colours swapped and not."""
    players = {
        "a": player("--moves", "C3 D4 E5", "--answer", "final_score=W+3.5"),
        "b": player("--moves", "G7 G6", "--answer", "final_score=W+3.5"),
        "c": player("--moves", "A1", "--answer", "final_score=B+1"),
        "d": player("--move", "RESIGN"),
        "e": player("--move", "Z99"),
        "f": player("--moves", "C3 C3"),
    }
    pairs = ["'a', 'b'", "'a', 'c'", "'b', 'd'", "'a', 'e'", "'b', 'f'"]
    matchups = [f"{pair}, alternating={n % 2 == 0}, number_of_games={2 + n}" for n, pair in enumerate(pairs)]
    return control_file(
        folder, players, [*matchups, "'a', 'b', scorer='internal', number_of_games=2"], scorer="players"
    )


@pytest.mark.engine
def test_the_real_ringmaster_finds_the_same(ringmaster: list[str], tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    path = deterministic(theirs)
    outcome = subprocess.run(
        [*ringmaster, "-q", path.name, "run"],
        cwd=theirs,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    ours = deterministic(tmp_path)
    play(ours, parallel=2)
    reports = [(folder / "cup.report").read_text() for folder in (tmp_path, theirs)]
    assert all(WITHOUT_CPU.search(text) for text in reports)
    assert WITHOUT_CPU.sub("", reports[0]) == WITHOUT_CPU.sub("", reports[1])
    results_only = re.compile(r" \(.*\)$", re.MULTILINE)
    histories = [results_only.sub("", (folder / "cup.hist").read_text()) for folder in (tmp_path, theirs)]
    assert sorted(histories[0].splitlines()) == sorted(histories[1].splitlines())


@pytest.mark.engine
def test_a_tournament_that_the_ringmaster_began_goes_on(ringmaster: list[str], tmp_path: Path) -> None:
    path = deterministic(tmp_path)
    arguments = [*ringmaster, "-q", "-g", "5", path.name, "run"]
    subprocess.run(arguments, cwd=tmp_path, capture_output=True, timeout=DEADLINE_S, check=True)
    assert len(results(path)) == 5, "they are shown before we have played any"
    listener = Listener()
    progress = play(path, listener)
    total = sum(spec.number_of_games or 0 for spec in read_control_file(path).matchups)
    assert (progress.played_now, len(progress.games)) == (total - 5, total)
    assert listener.of("warning")[0]["message"] == "went on from 5 games that gomill has played"


@pytest.mark.engine
def test_gnugo_plays_the_same_games_under_both(ringmaster: list[str], gnugo: str, tmp_path: Path) -> None:
    """Move by move, with engines started anew for every game, as the ringmaster does."""

    def written(folder: Path) -> Path:
        folder.mkdir()
        options = "--mode gtp --chinese-rules --capture-all-dead --level 0"
        players = {
            code: f"Player('{gnugo} {options} --seed {seed}')" for code, seed in (("one", 1), ("two", 2))
        }
        matchups = ["'one', 'two', alternating=True, number_of_games=2"]
        return control_file(folder, players, matchups, scorer="players")

    ours, theirs = written(tmp_path / "ours"), written(tmp_path / "theirs")
    arguments = [*ringmaster, "-q", theirs.name, "run"]
    subprocess.run(arguments, cwd=theirs.parent, capture_output=True, timeout=DEADLINE_S, check=True)
    play(ours, fresh=True)
    games = {}
    for path in (ours, theirs):
        records = [game for game in read_games([path.parent / "cup.games"]) if isinstance(game, GameRecord)]
        games[path] = [(game.game_id, game.moves, game.result, game.black_engine) for game in records]
    assert len(games[ours]) == 2
    assert games[ours] == games[theirs]
    reports = [WITHOUT_CPU.sub("", (path.parent / "cup.report").read_text()) for path in (ours, theirs)]
    assert reports[0] == reports[1]


def test_trust_says_what_it_means(tmp_path: Path) -> None:
    path = two_players(tmp_path, games=2)
    outcome = lzeval(path, "show", "--trust")
    assert outcome.returncode == 0, outcome.stderr
    assert f"--trust runs {path} as a program, with all that you may do" in outcome.stderr
    assert "--trust" not in lzeval(path, "show").stderr
