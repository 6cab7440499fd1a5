from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from engines.evaluator.base import Evaluator
from engines.evaluator.load import plan_evaluator
from lzeval.errors import UserError
from lzeval.network.leela import write_network
from lzeval.network.weights_file.weights import NetworkShape
from lzeval.records.record import GameRecord
from tests.support.fakes.evaluators import HashEvaluator
from tests.support.fakes.slow_device import SlowDevice
from tests.support.fakes.weights_files import lived_in_network
from tests.support.network_games import SETTINGS, SIZE, job, play_all, player
from tournaments.games.network_games import GameJob, GameSettings, NetworkGames
from tournaments.games.pipelined_games import PipelinedGames

PLAYERS = (player("a"), player("b", 12))
JOBS = [job(n, *([] if n % 4 < 2 else ["B2", "D4"])) for n in range(12)]


def minds(batch: int = 4, salts: tuple[int, int] = (1, 2)) -> list[HashEvaluator]:
    return [HashEvaluator(SIZE, batch, salt) for salt in salts]


def play_in(games: PipelinedGames, jobs: Sequence[GameJob], at_once: int) -> dict[int, GameRecord]:
    """Warm up, play `jobs` in order, `at_once` of them at a time, and end the threads."""
    waiting, going, records = list(jobs), 0, {}
    try:
        games.warm_up()
        assert games.evaluations == 0
        while waiting or games.is_busy:
            while waiting and going < at_once:
                games.start(waiting.pop(0))
                going += 1
            for record in games.step():
                records[int(record.game_id.rpartition("_")[2])] = record
                going -= 1
    finally:
        games.close()
    return records


def undated(records: dict[int, GameRecord]) -> dict[int, str]:
    return {
        number: repr(record).replace(f"date='{record.date}'", "date=''") for number, record in records.items()
    }


@pytest.fixture(scope="module")
def plain() -> dict[int, str]:
    """The games as one loop plays them."""
    return undated(play_all(NetworkGames(PLAYERS, minds(), SETTINGS, 4), JOBS))


@pytest.mark.parametrize(
    ("threads", "batch", "slots"), [(1, 4, 4), (2, 4, 12), (3, 1, 7), (5, 8, 5), (2, 64, 12)]
)
def test_games_are_those_of_the_plain_loop(
    threads: int, batch: int, slots: int, plain: dict[int, str]
) -> None:
    devices = [SlowDevice(mind) for mind in minds(batch)]
    games = PipelinedGames(PLAYERS, devices, SETTINGS, slots, threads)
    assert undated(play_in(games, JOBS, slots)) == plain
    assert games.evaluations > 0
    assert games.playing == set()


def test_the_order_of_games_changes_none(plain: dict[int, str]) -> None:
    games = PipelinedGames(PLAYERS, minds(), SETTINGS, 6, 3)
    assert undated(play_in(games, JOBS[::-1], 6)) == plain


def test_one_evaluator_for_both() -> None:
    one = SlowDevice(HashEvaluator(SIZE, 4, 1))
    games = PipelinedGames(PLAYERS, [one, one], SETTINGS, 8, 2)
    together = undated(play_in(games, JOBS, 8))
    assert together == undated(play_all(NetworkGames(PLAYERS, minds(4, (1, 1)), SETTINGS, 8), JOBS))
    assert one.most_under_way == 2


def test_games_of_real_networks_are_the_same_to_the_byte(tmp_path: Path) -> None:
    evaluators: list[Evaluator] = []
    for seed in (1, 2):
        write_network(lived_in_network(seed, NetworkShape(2, 8, 9)), tmp_path / f"{seed}.txt")
        evaluators.append(plan_evaluator(tmp_path / f"{seed}.txt", precision="fp32", device="cpu").build())
    settings = GameSettings(9, 7.5, 40)
    jobs = [job(number, size=9) for number in range(8)]
    expected = undated(play_all(NetworkGames(PLAYERS, evaluators, settings, 8), jobs))
    games = PipelinedGames(PLAYERS, evaluators, settings, 8, 3)
    assert undated(play_in(games, jobs, 8)) == expected


def test_more_games_come_when_others_have_ended(plain: dict[int, str]) -> None:
    """As a pool gives them: none for a while, and then some."""
    games = PipelinedGames(PLAYERS, minds(), SETTINGS, 4, 2)
    games.warm_up()
    records: dict[int, GameRecord] = {}
    for number in (0, 4, 8):
        for each in JOBS[number : number + 4]:
            games.start(each)
        while games.is_busy:
            records |= {int(record.game_id.rpartition("_")[2]): record for record in games.step()}
        assert games.step() == []
    games.close()
    assert undated(records) == plain


@pytest.mark.parametrize("at", [0, 3, 40])
def test_what_goes_wrong_is_raised_once_and_ends_the_threads(at: int) -> None:
    problem = UserError("cuda:0 has too little free memory")

    def before(number: int) -> None:
        if number == at:
            raise problem

    threads = threading.active_count()
    devices = [SlowDevice(mind, before) for mind in minds()]
    games = PipelinedGames(PLAYERS, devices, SETTINGS, 6, 3)
    with pytest.raises(UserError) as caught:
        play_in(games, JOBS, 6)
    assert caught.value is problem
    assert sum(thread.name == "search" for thread in threading.enumerate()) == 0
    assert threading.active_count() <= threads + len(devices)  # the devices' own


def test_an_evaluator_that_cannot_be_built_is_told_by_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    mind = HashEvaluator(SIZE, 4)
    monkeypatch.setattr(mind, "evaluate", lambda _: pytest.fail("no memory"))
    games = PipelinedGames(PLAYERS, [mind, mind], SETTINGS, 6, 3)
    with pytest.raises(pytest.fail.Exception, match="no memory"):
        games.warm_up()
    games.close()


def test_closed_in_the_middle() -> None:
    games = PipelinedGames(PLAYERS, minds(), SETTINGS, 12, 3)
    games.warm_up()
    for each in JOBS:
        games.start(each)
    games.step()
    games.close()
    assert sum(thread.name == "search" for thread in threading.enumerate()) == 0
