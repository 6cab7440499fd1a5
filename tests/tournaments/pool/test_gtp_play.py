"""A pool's games as engines play them: what fails is played again, and not for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lzeval.errors import UserError
from lzeval.go.openings import Opening
from lzeval.records.record import GameRecord
from lzeval.records.result import VOID, Outcome, parse_result
from tests.support.pools import record
from tournaments.games.faults import Fault, Incident
from tournaments.games.gtp_game import GameTask, PlayedGame
from tournaments.games.network_games import GameJob
from tournaments.plan.competition import Competition, PlayerSpec, allplayall_matchups
from tournaments.pool.gtp_play import PoolGtpBackend

Failing = Callable[[GameTask], "Incident | None"]


class Engines:
    """As many games at a time as there are slots, each ended at the next look, well or by an incident."""

    evaluations = 0

    def __init__(self, slots: int, failing: Failing) -> None:
        self.begun: list[GameTask] = []
        self.stopped = False
        self._slots, self._failing = slots, failing
        self._under_way: list[GameTask] = []

    @property
    def free(self) -> int:
        return self._slots - len(self._under_way)

    def give(self, jobs: Sequence[GameTask]) -> None:
        assert len(jobs) <= self.free
        self.begun += jobs
        self._under_way += jobs

    def finished(self, timeout_s: float) -> list[PlayedGame]:
        assert self._under_way, f"waits {timeout_s} s for nothing"
        ended, self._under_way = self._under_way, []
        return [self._played(task) for task in ended]

    def _played(self, task: GameTask) -> PlayedGame:
        incident = self._failing(task)
        result = VOID if incident else parse_result("B+R")
        game = replace(record(task.black.code, task.white.code), game_id=task.game_id, result=result)
        return PlayedGame(task, game, incident is not None, () if incident is None else (incident,))

    def stop(self) -> None:
        self.stopped = True


def crash(task: GameTask, player: str = "", fault: Fault = Fault.CRASH) -> Incident:
    return Incident(player or task.black.code, fault, "it burns", "void")


def backend(engines: Engines, told: list[dict[str, Any]]) -> PoolGtpBackend:
    codes = ["a", "b", "c"]
    players = {code: PlayerSpec(code, ("engine", code)) for code in codes}
    matchups = allplayall_matchups(codes, None, board_size=5, komi=7.5)
    competition = Competition("nets", Path("nets.ctl"), "allplayall", players, matchups)
    return PoolGtpBackend(engines, competition, lambda event: told.append(dict(event)))


def job(pair: int, place: int, black: int = 0, white: int = 1) -> GameJob:
    return GameJob(place, f"{pair}_{place}", pair, Opening("corner", (3,)), 100 * pair + place, black, white)


def play_all(playing: PoolGtpBackend, jobs: list[GameJob]) -> list[GameRecord]:
    games: list[GameRecord] = []
    while len(games) < len(jobs):
        games += playing.finished(0.1)
    return games


def test_jobs_are_games_of_the_competition() -> None:
    engines = Engines(4, lambda _: None)
    playing = backend(engines, [])
    jobs = [job(1, 0), job(1, 1, 1, 0), job(2, 0, 2, 0)]
    playing.give(jobs)
    games = play_all(playing, jobs)
    assert [(game.black, game.white) for game in games] == [("a", "b"), ("b", "a"), ("c", "a")]
    assert [(game.game_id, game.pair, game.seed, game.opening) for game in games] == [
        ("1_0", 1, 100, "corner"),
        ("1_1", 1, 101, "corner"),
        ("2_0", 2, 200, "corner"),
    ]
    assert [task.seed for task in engines.begun] == [100, 101, 200]
    assert {*engines.begun[2].matchup.players} == {"a", "c"}


def test_the_second_game_of_a_pair_may_wait() -> None:
    engines = Engines(1, lambda _: None)
    playing = backend(engines, [])
    assert playing.free == 2
    jobs = [job(1, 0), job(1, 1)]
    playing.give(jobs)
    assert playing.free == 0
    assert [task.game_id for task in engines.begun] == ["1_0"]
    assert len(play_all(playing, jobs)) == 2


def test_a_game_that_fails_is_played_again_at_once() -> None:
    told: list[dict[str, Any]] = []
    engines = Engines(2, lambda task: crash(task) if task.game_id == "1_0" and task.attempt < 3 else None)
    playing = backend(engines, told)
    jobs = [job(1, 0), job(1, 1), job(2, 0)]
    playing.give(jobs)
    games = play_all(playing, jobs)
    assert [task.game_id for task in engines.begun] == ["1_0", "1_1", "1_0", "2_0", "1_0"]
    assert {game.game_id: game.result.outcome for game in games}["1_0"] is not Outcome.VOID
    assert [(event["event"], event["player"], event["message"]) for event in told] == [
        ("fault", "a", "crash: it burns; the game is void")
    ] * 2


def test_a_game_that_fails_for_ever_stays_void() -> None:
    """Its players do not: they end other games in between."""
    told: list[dict[str, Any]] = []
    engines = Engines(2, lambda task: crash(task) if task.game_id == "1_0" else None)
    playing = backend(engines, told)
    jobs = [job(1, 0), *(job(pair, 0) for pair in range(2, 5))]
    playing.give(jobs[:2])
    games = [*playing.finished(0.1)]
    for each in jobs[2:]:
        playing.give([each])
        games += playing.finished(0.1)
    (void,) = [game for game in games if game.result.outcome is Outcome.VOID]
    assert (void.game_id, void.seed) == ("1_0", 100)
    assert told[-1] == {"event": "warning", "message": "game 1_0 stays void after 3 attempts"}


def test_a_player_that_fails_in_a_row_ends_the_playing_and_no_game_is_lost() -> None:
    engines = Engines(4, lambda task: crash(task) if task.black.code == "a" else None)
    playing = backend(engines, [])
    playing.give([job(1, 0), job(2, 0), job(3, 0), job(4, 0, 1, 2)])
    assert [game.game_id for game in playing.finished(0.1)] == ["4_0"]
    assert playing.free == 0
    why = "a: 3 faults in a row, the last one a crash: it burns; mend that, and the same command goes on"
    with pytest.raises(UserError, match=why):
        playing.finished(0.1)


def test_games_that_are_lost_with_another_blame_nobody() -> None:
    lost = iter([True] * 8)
    engines = Engines(2, lambda task: crash(task, fault=Fault.TOGETHER) if next(lost, False) else None)
    playing = backend(engines, [])
    jobs = [job(1, 0), job(1, 1)]
    playing.give(jobs)
    assert len(play_all(playing, jobs)) == 2
    assert [task.attempt for task in engines.begun] == [1] * 10


def test_stopping_stops_the_engines() -> None:
    engines = Engines(1, lambda _: None)
    backend(engines, []).stop()
    assert engines.stopped
