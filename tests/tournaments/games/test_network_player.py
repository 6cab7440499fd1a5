"""Networks of ours as players of a tournament, in its own process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from engines.evaluator.base import NetworkAnswer, Planes
from engines.evaluator.load import EvaluatorPlan
from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.records.record import GameRecord
from tests.support.fakes.weights_files import lived_in_network
from tests.support.paths import MISBEHAVING
from tests.support.waiting import wait_until
from tournaments.games.faults import Fault
from tournaments.games.network_player import in_process
from tournaments.games.process_guard import Guard
from tournaments.gomill.control_file import read_control_file
from tournaments.runner.capacity import measured_parallel
from tournaments.runner.engine_check import try_out
from tournaments.runner.progress import Progress
from tournaments.runner.tournament import RunOptions, run

GTP = [sys.executable, "-m", "lzeval", "gtp"]
HOW = ["--precision", "fp32", "--device", "cpu", "--resign", "0", "--quiet"]
PROGRAM = [sys.executable, str(MISBEHAVING), "--moves", "E5 C3 G7 C7 G3 D4 F6"]


pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nets")
    for name, seed in (("one", 1), ("two", 2)):
        write_network(lived_in_network(seed, NetworkShape(1, 4, 9)), folder / f"{name}.txt")
    return folder


def network(nets: Path, name: str, *flags: object, visits: int = 8) -> list[str]:
    return [*GTP, str(nets / f"{name}.txt"), "--visits", str(visits), *HOW, *map(str, flags)]


def control_file(
    folder: Path, players: dict[str, list[str]], games: int = 4, additions: str = "", player: str = ""
) -> Path:
    lines = [
        "competition_type = 'playoff'",
        "board_size, komi, scorer, move_limit = 9, 7.5, 'internal', 60",
        "players = {",
        *(f"    {code!r}: Player({command!r}, {player})," for code, command in players.items()),
        "}",
        f"matchups = [Matchup({', '.join(map(repr, players))}, alternating=True, number_of_games={games})]",
        f"lzeval = dict({additions})",
    ]
    path = folder / "nets.ctl"
    path.write_text("\n".join([*lines, ""]))
    return path


def both(nets: Path, **others: Any) -> dict[str, list[str]]:
    return {"one": network(nets, "one", **others), "two": network(nets, "two", **others)}


def play(path: Path, **options: Any) -> Progress:
    return run(read_control_file(path), RunOptions(**{"parallel": 1, **options}))


def moves(progress: Progress) -> dict[str, tuple[object, ...]]:
    return {game.game_id: (game.moves, str(game.result)) for game in progress.games}


def folder(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


@pytest.fixture(scope="module")
def whole(nets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[object, ...]]:
    """The games of an undisturbed run, one after the other."""
    return moves(play(control_file(tmp_path_factory.mktemp("whole"), both(nets))))


# Games


def test_a_game_does_not_depend_on_how_many_are_played(nets: Path, tmp_path: Path) -> None:
    found = []
    for parallel in (1, 3, 8):
        path = control_file(folder(tmp_path, str(parallel)), both(nets), games=6)
        found.append(moves(play(path, parallel=parallel)))
    assert found[0] == found[1] == found[2]
    assert len({game for game, _ in found[0].values()}) == 6


def test_a_run_that_goes_on_plays_the_same_games(
    nets: Path, tmp_path: Path, whole: dict[str, tuple[object, ...]]
) -> None:
    path = control_file(tmp_path, both(nets))
    assert play(path, most_games=1).played_now == 1
    assert moves(play(path, parallel=2)) == whole


@pytest.mark.slow
@pytest.mark.parametrize("visits", [8, 300])
def test_a_program_plays_the_same_games_where_batches_are_alike(
    nets: Path, tmp_path: Path, visits: int
) -> None:
    """Beside a program, networks are asked about single positions, and about 16 of a large search: as by `lzeval gtp`.

    `--fresh`, as a program takes its seed from the first game that it is started for.
    """
    found = []
    for setting in ("True", "False"):
        players = {"net": network(nets, "one", visits=visits), "other": PROGRAM}
        path = control_file(folder(tmp_path, setting), players, 2, f"in_process={setting}")
        progress = play(path, fresh=True)
        assert progress.is_clean
        found.append(moves(progress))
    assert found[0] == found[1]


def test_the_record_says_what_played_and_what_it_took(nets: Path, tmp_path: Path) -> None:
    record: GameRecord = play(control_file(tmp_path, both(nets), 2)).games[0]
    assert record.black_engine.startswith("lzeval one:")
    assert "network two (1 blocks x 4 filters" in record.white_description
    assert "8 visits" in record.white_description
    assert record.move_notes[0].startswith("winrate ")
    assert record.black_cpu_s is not None
    assert 0 < record.black_cpu_s < 60


def test_conversations_and_errors_are_kept_as_of_programs(nets: Path, tmp_path: Path) -> None:
    players = {
        "one": [word for word in network(nets, "one") if word != "--quiet"],
        "two": network(nets, "two"),
    }
    path = control_file(tmp_path, players, 2)
    play(path, log_gtp=True, parallel=2)
    said = (tmp_path / "nets.gtplogs" / "0_0.log").read_text().splitlines()
    assert "black >> genmove b" in said
    assert "white << = lzeval two" in said
    assert "8 visits" in (tmp_path / "nets.stderr" / "0_0.one.txt").read_text()
    assert not (tmp_path / "nets.stderr" / "0_0.two.txt").exists()


def test_no_program_is_started(nets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a program")

    monkeypatch.setattr("tournaments.games.gtp_player.GuardedPeer.__init__", refuse)
    assert play(control_file(tmp_path, both(nets), 2)).is_clean


# Who plays here


@pytest.mark.parametrize(
    ("flags", "additions", "player", "wanted"),
    [
        ([], "", "", True),
        (["--seed", "{seed}"], "", "", True),
        (["--openings", "none"], "", "", True),
        (["--playouts", "100", "--visits", "0"], "", "", True),
        ([], "", "startup_gtp_commands=['kata-set-rules chinese']", True),
        ([], "in_process=False", "", False),
        ([], "time_control='absolute 60'", "", False),
        ([], "", "startup_gtp_commands=['time_settings 0 5 1']", False),
        ([], "", "environ={'OMP_NUM_THREADS': '1'}", False),
        (["--threads", "2"], "", "", False),
        (["--ponder"], "", "", False),
        (["--visits", "1000000"], "", "", False),
        (["--no-such-option"], "", "", False),
    ],
)
def test_who_plays_in_this_process(
    nets: Path, tmp_path: Path, flags: list[str], additions: str, player: str, wanted: bool
) -> None:
    players = {"net": network(nets, "one", *flags), "other": PROGRAM}
    competition = read_control_file(control_file(tmp_path, players, 2, additions, player))
    assert (in_process(competition, competition.players["net"]) is not None) == wanted
    assert in_process(competition, competition.players["other"]) is None


def test_a_check_tells_who_plays_in_this_process(nets: Path, tmp_path: Path) -> None:
    players = {"net": network(nets, "one"), "other": PROGRAM}
    guard = Guard()
    try:
        found = {t.player: t for t in try_out(read_control_file(control_file(tmp_path, players)), guard)}
    finally:
        guard.close()
    assert found["net"].notes[0] == "in this process"
    assert "in this process" not in found["other"].notes
    assert not found["net"].problems


def test_room_for_networks(nets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tournaments.runner.capacity.available_cores", lambda: 3)
    monkeypatch.setattr("tournaments.runner.capacity.free_memory", lambda: 10**12)
    guard = Guard()
    try:
        many = read_control_file(control_file(tmp_path, both(nets), 1000))
        assert measured_parallel(many, guard, 4) == 2 * 4 * 3  # fp32: batches of 4
        few = read_control_file(control_file(tmp_path, both(nets), 5))
        assert measured_parallel(few, guard, 4) == 5
        monkeypatch.setattr("tournaments.runner.capacity.free_memory", lambda: 600_000)
        assert measured_parallel(many, guard, 4) == 5  # 48 kB an engine
    finally:
        guard.close()


# Faults


class Broken:
    """An evaluator that fails from its n-th answer on, as often as it is told."""

    def __init__(self, plan: EvaluatorPlan, after: int, problem: type[Exception], times: int) -> None:
        self._inner = build(plan)
        self.info, self.batch_size = self._inner.info, self._inner.batch_size
        self._after, self._problem, self._times = after, problem, times

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        self._after -= 1
        if self._after < 0 and self._times:
            self._times -= 1
            raise self._problem("broken")
        return self._inner.evaluate(planes)


build = EvaluatorPlan.build


def break_network(
    patch: pytest.MonkeyPatch, name: str, after: int, problem: type[Exception], times: int
) -> None:
    def built(plan: EvaluatorPlan, threads: int = 1) -> object:
        return Broken(plan, after, problem, times) if plan.info.network == name else build(plan, threads)

    patch.setattr(EvaluatorPlan, "build", built)


@pytest.mark.parametrize(("problem", "fault"), [(RuntimeError, Fault.CRASH), (MemoryError, Fault.MEMORY)])
def test_an_engine_that_fails_makes_its_game_void(
    nets: Path,
    tmp_path: Path,
    whole: dict[str, tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    problem: type[Exception],
    fault: Fault,
) -> None:
    break_network(monkeypatch, "one", 30, problem, 1)
    progress = play(control_file(tmp_path, both(nets)))
    assert [(incident.player, incident.fault) for incident in progress.incidents] == [("one", fault)]
    assert "broken" in progress.incidents[0].message
    assert moves(progress) == whole, "the void game has been played again, the same"


def test_one_that_fails_again_and_again_is_suspended(
    nets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_network(monkeypatch, "one", 0, RuntimeError, 1000)
    progress = play(control_file(tmp_path, both(nets)), parallel=2)
    assert list(progress.suspended) == ["one"]
    assert progress.games == []


def test_a_network_for_another_board_is_a_fault_of_its_player(nets: Path, tmp_path: Path) -> None:
    path = control_file(tmp_path, both(nets))
    path.write_text(path.read_text().replace("= 9,", "= 13,"))
    progress = play(path)
    assert {incident.fault for incident in progress.incidents} == {Fault.SETUP}


def test_a_missing_network_is_a_start_failure(nets: Path, tmp_path: Path) -> None:
    progress = play(control_file(tmp_path, {"one": network(nets, "one"), "gone": network(nets, "gone")}))
    assert {(incident.player, incident.fault) for incident in progress.incidents} == {("gone", Fault.START)}


def test_a_network_that_does_not_answer_hangs(
    nets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    class Silent(Broken):
        def evaluate(self, planes: Planes) -> NetworkAnswer:
            over.wait(20)
            return super().evaluate(planes)

    def built(plan: EvaluatorPlan, threads: int = 1) -> object:
        return Silent(plan, 0, RuntimeError, 0) if plan.info.network == "one" else build(plan, threads)

    monkeypatch.setattr(EvaluatorPlan, "build", built)
    threading.Timer(3.0, over.set).start()
    additions = "timeouts=dict(move=0.3), attempts=1, patience=1"
    progress = play(control_file(tmp_path, both(nets), 1, additions))
    assert progress.incidents[0].fault is Fault.HANG
    assert list(progress.suspended) == ["one"]


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.slow
def test_ctrl_c_keeps_everything(nets: Path, tmp_path: Path) -> None:
    path = control_file(tmp_path, both(nets, visits=40), 400)
    words = [sys.executable, "-m", "lzeval", "tournament", "run", str(path), "-j", "4"]
    process = subprocess.Popen(words, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    games = tmp_path / "nets.games"
    assert wait_until(lambda: games.is_dir() and len(list(games.iterdir())) > 2, 200)
    process.send_signal(signal.SIGINT)
    began_s = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - began_s < 30
    assert process.returncode == 130
    assert "interrupted; finished games are kept" in errors.decode()
    assert "Traceback" not in errors.decode()
    assert play(path, most_games=2).incidents == []
