"""What a node makes of a competition and of networks that were sent to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from engines.player.arguments import parse_command
from lzeval.cluster.nodes import NodeFacts, differences, why_refused
from lzeval.errors import UserError
from lzeval.go.colour import Colour
from lzeval.records.record import GameRecord
from lzeval.records.result import win
from tests.support.fakes.actors import facts, node
from tests.support.paths import FAKES
from tournaments.cluster.gtp_recipe import GtpRecipe, players_of
from tournaments.cluster.network_recipe import NetworkRecipe, playing_nodes
from tournaments.games.gtp_game import GameTask, PlayedGame
from tournaments.games.network_games import GameSettings
from tournaments.plan.competition import Additions, Competition, MatchupSpec, PlayerSpec

TOY = (sys.executable, str(FAKES / "toy_engine.py"), "x", "{seed}")


@dataclass(frozen=True)
class Placed:
    """A file that has been sent, and where it lies."""

    path: Path

    def place(self) -> Path:
        return self.path


def competition(tmp_path: Path, *players: PlayerSpec, **additions: Any) -> Competition:
    codes = [player.code for player in players]
    matchups = tuple(
        MatchupSpec(
            str(number), f"{codes[0]} v {code}", codes[0], code, 9, 7.5, number_of_games=2, scorer="internal"
        )
        for number, code in enumerate(codes[1:])
    )
    return Competition(
        code="cup",
        path=tmp_path / "cup.ctl",
        competition_type="playoff",
        players={player.code: player for player in players},
        matchups=matchups,
        description="",
        lzeval=Additions(**additions),
    )


def task(played: Competition, matchup: int = 0) -> GameTask:
    spec = played.matchups[matchup]
    black, white = (played.players[code] for code in spec.players)
    return GameTask(spec.game_id(0), spec, 0, black, white, seed=5)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def play(recipe: GtpRecipe, stack: ExitStack, job: GameTask) -> PlayedGame:
    opened = recipe.open(1, 0, stack)
    opened.backend.give([recipe.localised(job)])
    (played,) = opened.backend.finished(30)
    return recipe.finished(played, "Fast (fp32)")


def test_a_program_is_looked_for_by_its_name(
    tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver's path means nothing on another machine."""
    program = tmp_path / "bin" / "toy"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {TOY[0]} {TOY[1]} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    far = competition(tmp_path, PlayerSpec("far", ("/opt/elsewhere/toy", "x")), PlayerSpec("near", TOY))
    recipe = GtpRecipe(far, frozenset(), {}, parallel=1)
    played = play(recipe, stack, task(far))
    assert not played.is_void, played.record.result
    assert played.task == task(far)
    assert played.record.properties["PC"] == "Fast (fp32)"


def test_a_program_that_is_not_there_is_named_and_the_others_play(tmp_path: Path, stack: ExitStack) -> None:
    some = competition(
        tmp_path,
        PlayerSpec("one", TOY),
        PlayerSpec("lost", ("/opt/elsewhere/nowhere",)),
        PlayerSpec("two", TOY),
    )
    recipe = GtpRecipe(some, frozenset(), {}, parallel=1)
    opened = recipe.open(1, 0, stack)
    assert opened.unable == {"lost": "there is no /opt/elsewhere/nowhere"}
    opened.backend.give([recipe.localised(task(some, 1))])
    (played,) = opened.backend.finished(30)
    assert not played.is_void


def test_files_of_a_command_are_those_that_were_sent(tmp_path: Path, stack: ExitStack) -> None:
    """The driver's engine lies in a folder that this machine lacks."""
    word = "/home/driver/toy_engine.py"
    sent = competition(tmp_path, PlayerSpec("one", (sys.executable, word, "x")), PlayerSpec("two", TOY))
    files: Any = {word: Placed(FAKES / "toy_engine.py")}
    played = play(GtpRecipe(sent, frozenset(), files, parallel=1), stack, task(sent))
    assert not played.is_void


def test_our_networks_are_started_as_here_with_the_precision_of_all(tmp_path: Path, stack: ExitStack) -> None:
    far = ("/usr/bin/python9", "-m", "lzeval", "gtp", "net.txt", "--precision", "auto", "--visits", "7")
    ours = competition(tmp_path, PlayerSpec("net", far), PlayerSpec("toy", TOY), in_process=False)
    files: Any = {"net.txt": Placed(tmp_path / "cache" / "net.txt")}
    recipe = GtpRecipe(ours, frozenset({"net"}), files, parallel=1, precisions={"net": ("fp32", "cpu")})
    recipe.open(1, 0, stack)
    found = parse_command(recipe.localised(task(ours)).black.command)
    assert found is not None
    assert found.network == str(tmp_path / "cache" / "net.txt")
    assert (found.precision, found.device, found.visits) == ("fp32", "cpu", 7)


def test_conversations_come_back(tmp_path: Path, stack: ExitStack) -> None:
    toys = competition(tmp_path, PlayerSpec("one", TOY), PlayerSpec("two", TOY))
    played = play(GtpRecipe(toys, frozenset(), {}, parallel=1, logs=True), stack, task(toys))
    assert "genmove" in played.conversation


def test_a_referee_is_needed_too(tmp_path: Path) -> None:
    toys = competition(tmp_path, PlayerSpec("one", TOY), PlayerSpec("two", TOY), PlayerSpec("judge", TOY))
    judged = replace(toys, lzeval=Additions(referee="judge"))
    assert players_of(judged, task(judged)) == ("one", "two", "judge")


def test_games_of_networks_are_compared_by_moves_and_result() -> None:
    recipe = NetworkRecipe([], [], GameSettings())
    game = GameRecord("0_0", "a", "b", win(Colour.BLACK, "R"), ((Colour.BLACK, 3),), seed=1)
    there = recipe.finished(game, "Fast (fp32)")
    assert recipe.digest(there) == recipe.digest(game)
    assert recipe.digest(replace(game, moves=((Colour.BLACK, 4),))) != recipe.digest(game)
    assert recipe.digest(replace(game, result=win(Colour.WHITE, "R"))) != recipe.digest(game)


class Nodes:
    """A cluster of which only the nodes are asked."""

    def __init__(self, *gpus: int) -> None:
        self.found = [node(chr(ord("a") + number), cores=4, gpus=count) for number, count in enumerate(gpus)]

    def nodes(self) -> list[Any]:
        return self.found


def able(cluster: Any) -> dict[str, NodeFacts | str]:
    return {each.id: facts() for each in cluster.nodes()}


@pytest.mark.parametrize(
    ("gpus", "device", "expected"),
    [
        ((0, 0), "auto", [0, 1]),
        ((0, 2), "auto", [1]),
        ((0, 2), "cpu", [0, 1]),
        ((0, 2), "torch", [0, 1]),
        ((1, 2), "cuda", [0, 1]),
    ],
)
def test_gpus_play_alone(gpus: tuple[int, ...], device: str, expected: list[int]) -> None:
    cluster: Any = Nodes(*gpus)
    assert playing_nodes(cluster, able(cluster), device) == [cluster.found[number] for number in expected]


def test_a_device_that_no_node_has() -> None:
    cluster: Any = Nodes(0)
    with pytest.raises(UserError, match="no node of the cluster offers a GPU"):
        playing_nodes(cluster, able(cluster), "cuda")
    with pytest.raises(UserError, match="can play: is old"):
        playing_nodes(cluster, dict.fromkeys(able(cluster), "is old"), "auto")


def test_what_differs_between_nodes() -> None:
    one = facts(programs={"gnugo": "/usr/games/gnugo"})
    other = facts(processor="Slow", versions={**one.versions, "numpy": "2.0"})
    assert differences({"x": one, "y": one}) == []
    assert differences({"x": one, "y": other}) == [
        "processor differs: Fast on x; Slow on y",
        "numpy differs: not installed on x; 2.0 on y",
        "gnugo is not on y",
    ]
    assert why_refused(one) is None
    assert "has lzeval 0.0.1" in (why_refused(facts(versions={"lzeval": "0.0.1"})) or "")
