from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lzeval.errors import UserError
from lzeval.network.leela import write_network
from lzeval.network.weights_file.layout import NetworkShape
from tests.support.fakes.weights_files import lived_in_network
from tests.support.paths import MISBEHAVING, ROOT
from tournaments.games.thinking import Thinking
from tournaments.match import equal_time
from tournaments.match.equal_time import (
    Costs,
    Pace,
    at_equal_time,
    costs_of,
    measure,
    midgame_jobs,
    pilot_of_networks,
    pilot_of_programs,
)
from tournaments.match.match import Match, check_options, plan_match
from tournaments.match.options import MatchOptions, player_options
from tournaments.match.terms import EqualTime, parse_equal_time

pytestmark = pytest.mark.usefixtures("own_cache")
REUSED = 20.0
"""Visits of a move that the players of `pilot_at` take over from the move before."""


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("nets")
    for name, filters in (("one", 4), ("two", 24)):
        write_network(lived_in_network(1, NetworkShape(1, filters, 9)), folder / f"{name}.txt")
    return str(folder / "one.txt"), str(folder / "two.txt")


def options(a: str, b: str, visits: Any = 50, **others: Any) -> MatchOptions:
    usual = {"games": 4, "size": 9, "openings": "none", "precision": "fp32", "device": "cpu", "out": "m"}
    return MatchOptions(player_options(a, b, visits), **{**usual, "equal_time": True, "threads": 1, **others})


@pytest.fixture
def planned(nets: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Match]:
    monkeypatch.chdir(tmp_path)
    return lambda visits=50, **others: plan_match(options(*nets, visits, **others))


def pilot_at(seconds_a: float, seconds_b: float, seen: list[int]) -> Callable[..., Iterator[Any]]:
    """A pilot whose players' answers take so long, and whose searches go on with REUSED visits."""

    def play(match: Match, _tell: object) -> Iterator[Any]:
        a, b = (player.visits or 1 for player in match.options.players)
        seen.append(b)

        def spent(visits: int, seconds: float) -> Thinking:
            answers = round(100 * max(1.0, visits - REUSED))
            return Thinking(answers * seconds, answers, 100, answers)

        while True:
            yield spent(a, seconds_a), spent(b, seconds_b)

    return play


def test_visits_are_chosen_by_what_moves_cost(planned: Callable[..., Match]) -> None:
    seen: list[int] = []
    found = at_equal_time(planned(), lambda _: None, pilot=pilot_at(0.004, 0.001, seen))
    assert seen == [50, 200], "first at A's visits, then at about those of the match"
    assert found.equal_time is not None
    a, b = found.equal_time.visits
    assert (a, b) == tuple(player.visits for player in found.options.players)
    assert abs((b - REUSED) * 0.001 - (a - REUSED) * 0.004) < 0.1 * (a - REUSED) * 0.004
    assert found.equal_time.seconds_a_move == pytest.approx((a - REUSED) * 0.004)
    assert found.terms == f"at equal time (50 (one) v {b} (two) visits, measured 120 ms a move)"


def test_equal_players_are_measured_once(planned: Callable[..., Match]) -> None:
    seen: list[int] = []
    found = at_equal_time(planned(), lambda _: None, pilot=pilot_at(0.001, 0.001, seen))
    assert found.equal_time is not None
    assert (seen, found.equal_time.visits) == ([50], (50, 50))


def test_what_is_measured_is_never_measured_again(planned: Callable[..., Match], tmp_path: Path) -> None:
    match = at_equal_time(planned(), lambda _: None, pilot=pilot_at(0.004, 0.001, []))
    match.folder.create()
    match.folder.write_description(match.description())
    again = planned()
    assert again.equal_time == match.equal_time
    assert again.settings() == match.settings()
    assert at_equal_time(again, lambda _: None, pilot=pilot_at(1.0, 1.0, [])) is again
    with pytest.raises(UserError, match="holds a match at equal time of 50 visits, not 60; choose another"):
        planned(60)
    with pytest.raises(UserError, match=r"holds a different match: players was one \(.*50 visits\) v two"):
        planned(equal_time=False)
    content = json.loads((tmp_path / "m" / "match.json").read_text())
    del content["equal_time"]
    match.folder.write_description(content)
    with pytest.raises(UserError, match="holds a match that is not at equal time; choose another --out"):
        planned()


def test_doubts_are_told(planned: Callable[..., Match]) -> None:
    match = replace(planned(), equal_time=EqualTime((50, 4), 0.1, 0.3, 5))
    found = " ".join(match.warnings())
    assert "visits of two: 4 a move; as they are whole numbers, its time may differ by 12%" in found
    assert "times of a move differed by 30% while they were measured" in found
    sure = replace(match, equal_time=EqualTime((50, 40), 0.1, 0.02, 5)).warnings()
    assert sure == [warning for warning in sure if "openings" in warning]


def test_few_moves_are_waited_for_longer_and_not_for_ever(
    planned: Callable[..., Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(10_000))
    monkeypatch.setattr(equal_time.time, "monotonic", lambda: float(next(now)))

    def rounds_with(moves: int) -> int:
        a_round = Thinking(1.0, 10, moves, 10)
        pilot = lambda _match, _tell: iter([(a_round, a_round)] * 1000)  # noqa: E731
        return measure(planned(), pilot, Pace(3, 60, 30.0), print, lambda _: None).rounds

    assert [rounds_with(moves) for moves in (30, 1, 0)] == [3, 30, 150]


ROUNDS = [(Thinking(1.0, 10, 5, 10), Thinking(1.0, 100, 5, 50)) for _ in range(4)]


def test_costs_are_those_of_an_answer_times_the_answers_of_a_move() -> None:
    assert costs_of(ROUNDS, (9, 9)) == Costs((pytest.approx(0.2), pytest.approx(0.1)), 0.0, 4)  # type: ignore[arg-type]


def test_a_round_that_something_else_disturbed_does_not_count() -> None:
    disturbed = [*ROUNDS, (Thinking(30.0, 10, 5, 10), ROUNDS[0][1])]
    found = costs_of(disturbed, (9, 9))
    assert found.seconds == pytest.approx((0.2, 0.1))
    assert found.spread == pytest.approx(14.5)


def test_a_move_that_does_not_end_is_taken_to_ask_for_all_its_visits() -> None:
    slow = [(Thinking(1.0, 10, 0, 0), Thinking(1.0, 100, 50, 500))]
    assert costs_of(slow, (900, 9)).seconds == pytest.approx((90.0, 0.09))


@pytest.mark.parametrize("content", [None, {}, [1], {"visits": [1]}, {"visits": [0, 3]}, {"visits": "ab"}])
def test_what_is_no_measurement(content: Any) -> None:
    with pytest.raises((TypeError, ValueError, KeyError)):
        parse_equal_time(content)
    whole = EqualTime((50, 4), 0.1, 0.3, 5)
    assert parse_equal_time(json.loads(json.dumps(whole.as_dict()))) == whole


@pytest.mark.parametrize(
    ("b", "others", "message"),
    [
        ("cmd:ls", {}, "--equal-time: cmd:ls has no visits that could be chosen; networks, leelaz: and"),
        ("small", {"visits": (50, 60)}, "--equal-time chooses B's visits: give A's alone, as in --visits 50"),
        ("small", {"visits": None}, "a limit is needed"),
    ],
)
def test_what_cannot_be_at_equal_time(b: str, others: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_options(options("small", b, **others))


def test_playouts_are_not_chosen() -> None:
    players = player_options("small", "small", 50, 20)
    with pytest.raises(UserError, match="--equal-time chooses visits: leave --playouts out"):
        check_options(MatchOptions(players, equal_time=True))


def test_networks_are_measured_in_their_own_games(planned: Callable[..., Match]) -> None:
    match = planned(8, games=6)
    jobs = midgame_jobs(match, print)
    lengths = [len(job.opening.moves) for job in jobs]
    assert (lengths[0], sorted(lengths)) == (0, lengths)
    assert lengths[-1] > 20
    costs = measure(match, partial(pilot_of_networks, jobs=jobs), Pace(1, 1, 60.0), print, lambda _: None)
    assert min(costs.seconds) > 0


def test_programs_are_measured_through_their_moves(
    nets: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    random = f"cmd:{sys.executable} -m tests.support.fakes.random_engine"
    match = plan_match(options(nets[0], random, 4, equal_time=False))
    costs = measure(match, pilot_of_programs, Pace(1, 1, 60.0), print, lambda _: None)
    assert min(costs.seconds) > 0


def engine(flags: str) -> str:
    return f"cmd:{sys.executable} {MISBEHAVING} {flags}"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--crash-on genmove", "--equal-time cannot be measured: .*the program ended with status 3"),
        ("--answer genmove=resign", "--equal-time cannot be measured: no moves of both players for"),
    ],
)
def test_programs_that_cannot_be_measured(
    flags: str, message: str, nets: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(equal_time, "GIVE_UP_S", 1.0)
    match = plan_match(options(nets[0], engine(flags), 4, equal_time=False))
    with pytest.raises(UserError, match=message):
        measure(match, pilot_of_programs, Pace(1, 1, 60.0), print, lambda _: None)
