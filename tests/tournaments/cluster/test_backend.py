"""Games on nodes that die, fall silent, lack engines, play differently, or come and go."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from lzeval.cluster.nodes import NodeFacts
from lzeval.errors import EngineError, UserError
from tests.support.fakes.actors import FakeActors, FakeNode, Job, Played, Recipe, facts, node
from tournaments.cluster.backend import ClusterBackend, Patience
from tournaments.runner.progress import NodeProgress

QUICK = Patience(ready_s=0.3, late_s=0.1, slow_s=0.05, silent_s=0.2, look_s=0.0)
GAMES = [f"{number:02}" for number in range(20)]


class Run:
    """A backend over fake nodes, and what it says."""

    def __init__(self, *nodes: FakeNode, each_time: Callable[[], None] = lambda: None) -> None:
        self.said: list[str] = []
        self.nodes: dict[str, NodeProgress] = {}
        self.actors = FakeActors(*nodes, each_time=each_time)
        known: dict[str, NodeFacts | str] = {
            fake.node.id: fake.facts for fake in nodes if isinstance(fake.facts, NodeFacts)
        }
        recipe: Any = Recipe()
        self.backend: ClusterBackend[Job, Played] = ClusterBackend(
            self.actors,
            recipe,
            known,
            self.said.append,
            self.nodes,
            players_of=lambda job: job.players,
            patience=QUICK,
        )

    def play(self, jobs: list[Job]) -> list[Played]:
        """Play `jobs` as the runner does."""
        self.backend.start()
        waiting, played = list(jobs), []
        in_flight: set[str] = set()
        for _ in range(100_000):
            while waiting and self.backend.free:
                job = waiting.pop(0)
                in_flight.add(job.game_id)
                self.backend.give([job])
            for game in self.backend.finished(0.01):
                in_flight.remove(game.game_id)
                played.append(game)
            if not in_flight and not waiting:
                self.backend.stop()
                return played
        raise AssertionError("the games do not end")

    def heard(self, *words: str) -> bool:
        return any(all(word in line for word in words) for line in self.said)


def played_ids(played: list[Played]) -> list[str]:
    return sorted(game.game_id for game in played)


def jobs(players: tuple[str, str] = ("a", "b")) -> list[Job]:
    return [Job(game_id, players) for game_id in GAMES]


def test_all_nodes_play() -> None:
    run = Run(FakeNode(node("x")), FakeNode(node("y")))
    assert played_ids(run.play(jobs())) == GAMES
    assert all(fake.played for fake in run.actors.fakes)
    assert sum(share.games for share in run.nodes.values()) == len(GAMES)
    assert run.backend.evaluations == len(GAMES)


def test_a_node_has_no_more_games_than_slots() -> None:
    most = 0

    def look() -> None:
        nonlocal most
        most = max(most, *(len(fake.jobs) for fake in run.actors.fakes))

    run = Run(FakeNode(node("x"), slots=3), FakeNode(node("y"), slots=1), each_time=look)
    run.play(jobs())
    assert most == 3


def test_games_of_a_node_that_leaves_are_played_elsewhere() -> None:
    leaver, stayer = FakeNode(node("x")), FakeNode(node("y"))

    def leave() -> None:
        leaver.is_gone = leaver.is_gone or len(leaver.played) >= 3

    run = Run(leaver, stayer, each_time=leave)
    assert played_ids(run.play(jobs())) == GAMES
    assert len(stayer.played) >= len(GAMES) - 3
    assert run.heard("xxxx", "played elsewhere")


def test_a_silent_node_is_lost_and_its_late_game_is_not_counted_twice() -> None:
    silent, other = FakeNode(node("x"), slots=1), FakeNode(node("y"), slots=1)

    def quieten() -> None:
        silent.is_silent = len(silent.played) >= 2 and len(other.played) < len(GAMES) - 3
        time.sleep(0.03 if silent.is_silent else 0)

    run = Run(silent, other, each_time=quieten)
    assert played_ids(run.play(jobs())) == GAMES
    assert run.heard("xxxx", "silent")
    assert not run.heard("differently")


def test_two_machines_that_play_a_game_differently_are_named() -> None:
    """The silent node reports after all, a game that was played elsewhere meanwhile."""
    silent, other = FakeNode(node("x"), slots=1, outcome="other"), FakeNode(node("y"), slots=1)
    silent.facts, other.facts = facts(processor="Old"), facts(processor="New")

    def quieten() -> None:
        silent.is_silent = len(silent.played) >= 2 and len(other.played) < len(GAMES) - 4
        time.sleep(0.03 if silent.is_silent else 0)

    run = Run(silent, other, each_time=quieten)
    assert played_ids(run.play(jobs())) == GAMES
    assert run.heard("differently", "Old (fp32)", "New (fp32)")


def test_an_actor_that_dies_comes_back_smaller_and_then_is_left_out() -> None:
    weak, other = FakeNode(node("x", cores=8), dies_after=1), FakeNode(node("y"))
    run = Run(weak, other)
    assert played_ids(run.play(jobs())) == GAMES
    assert weak.opened_with == [8, 4, 2]
    assert run.heard("xxxx", "starts again with 4 cores", "memory")
    assert run.heard("xxxx", "plays no more")


def test_a_node_that_lacks_a_program_plays_other_games() -> None:
    without, other = FakeNode(node("x"), unable={"gnugo": "there is no gnugo"}), FakeNode(node("y"))
    run = Run(without, other)
    mixed = [Job(game_id, ("a", "gnugo" if number % 2 else "b")) for number, game_id in enumerate(GAMES)]
    assert played_ids(run.play(mixed)) == GAMES
    assert without.played
    assert not set(without.played) & set(GAMES[1::2])
    assert run.heard("xxxx", "cannot start gnugo: there is no gnugo")


def test_a_program_that_fails_on_one_node_is_that_nodes_fault() -> None:
    broken, other = FakeNode(node("x"), cannot_start=frozenset({"b"})), FakeNode(node("y"))
    run = Run(broken, other)
    played = run.play(jobs())
    assert played_ids(played) == GAMES
    assert not [game for game in played if game.not_started]
    assert run.heard("xxxx", "cannot start b")


def test_a_program_that_fails_on_every_node_is_the_players_fault() -> None:
    nodes = [FakeNode(node(name), cannot_start=frozenset({"b"})) for name in "xy"]
    run = Run(*nodes)
    played = run.play(jobs())
    assert played_ids(played) == GAMES
    assert all(game.not_started == ("b",) for game in played)


def test_a_program_that_no_node_has_ends_the_run_with_its_name() -> None:
    run = Run(FakeNode(node("x"), unable={"b": "there is no gnugo"}))
    with pytest.raises(EngineError, match="no node can start b"):
        run.play(jobs())


def test_a_node_that_comes_later_plays_too() -> None:
    early, late = FakeNode(node("x")), FakeNode(node("y"), is_gone=True)

    def arrive() -> None:
        late.is_gone = len(early.played) < 5

    run = Run(early, late, each_time=arrive)
    assert played_ids(run.play(jobs())) == GAMES
    assert late.played
    assert run.heard("yyyy", "joins")


def test_a_node_with_another_version_is_left_out_and_named() -> None:
    old = FakeNode(node("x"), facts=facts(versions={"lzeval": "0.0.1"}))
    run = Run(old, FakeNode(node("y")))
    assert played_ids(run.play(jobs())) == GAMES
    assert not old.played
    assert run.heard("xxxx", "has lzeval 0.0.1")


def test_a_busy_node_is_waited_for_without_end() -> None:
    """It comes when the others have played for longer than a node may take to open."""
    busy, other = FakeNode(node("x"), is_busy=True), FakeNode(node("y"))

    def work() -> None:
        busy.is_busy = len(other.played) < 12
        time.sleep(0.05 if busy.is_busy else 0)

    run = Run(busy, other, each_time=work)
    assert played_ids(run.play(jobs())) == GAMES
    assert run.heard("xxxx", "busy with other work")
    assert busy.played
    assert not run.heard("silent")


def test_a_node_that_takes_long_to_open_is_mentioned() -> None:
    slow = FakeNode(node("x"))

    def work() -> None:
        slow.is_silent = bool(slow.opened_with) and not run.heard("xxxx", "prepares")

    run = Run(slow, FakeNode(node("y")), each_time=work)
    assert played_ids(run.play(jobs())) == GAMES


def test_without_any_node_that_can_play_the_reason_is_told() -> None:
    run = Run(FakeNode(node("x"), opening_fails=UserError("net.txt: is no network")))
    with pytest.raises(UserError, match=r"no node of the cluster can play .*is no network"):
        run.backend.start()
    with pytest.raises(UserError, match="none has a core"):
        Run(FakeNode(node("x", cores=0))).backend.start()


def test_when_the_last_node_is_lost_the_run_ends_in_one_line() -> None:
    only = FakeNode(node("x"))

    def leave() -> None:
        only.is_gone = len(only.played) >= 3

    run = Run(only, each_time=leave)
    with pytest.raises(EngineError, match=r"no node plays any more .*the same command goes on"):
        run.play(jobs())


def test_games_that_have_ended_are_handed_over_before_the_end_of_the_run_is_told() -> None:
    run = Run(only := FakeNode(node("x"), slots=4))
    run.backend.start()
    run.backend.give(jobs()[:4])
    games = run.backend.finished(0)
    only.is_gone = True

    def take() -> None:
        for _ in range(10):
            games.extend(run.backend.finished(0))

    with pytest.raises(EngineError, match="no node plays any more"):
        take()
    assert [game.game_id for game in games] == only.played


def test_a_late_answer_of_a_lost_node_is_no_report() -> None:
    """It hangs before it has told its facts, is given up, and tells them after all."""
    late, other = FakeNode(node("x"), is_silent=True), FakeNode(node("y"))

    def work() -> None:
        late.is_silent = not run.heard("xxxx", "silent")
        time.sleep(0.02 if late.is_silent else 0)

    run = Run(late, other, each_time=work)
    assert played_ids(run.play([Job(f"{number:03}") for number in range(60)])) == [
        f"{number:03}" for number in range(60)
    ]
    assert run.heard("xxxx", "silent")


def test_the_differences_of_nodes_are_named_before_the_first_game() -> None:
    one, other = FakeNode(node("x")), FakeNode(node("y"))
    one.facts, other.facts = facts(processor="Old"), facts(processor="New")
    run = Run(one, other)
    run.backend.start()
    assert run.heard("processor differs", "Old", "New")
