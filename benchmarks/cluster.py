"""Benchmark of a cluster: what a game costs the driver, and nodes against processes of this machine.

    python -m benchmarks.cluster --seconds 60

The driver's part is measured with nodes that answer at once, with games of 200 moves that travel as bytes: it takes,
checks and writes each, as a match does. From its speed follows how many cores one driver keeps busy. Then big plays
small at 100 visits, on the processes of this machine and on as many nodes of one core each, in turn.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.report import available_cores, present, run
from engines.search.searcher import Limits
from lzeval.cluster.nodes import Node, NodeFacts
from lzeval.go.game import Game
from lzeval.go.openings import game_seed, load_book
from lzeval.records.record import GameRecord
from lzeval.records.result import win
from lzeval.version import __version__
from tournaments.cluster.backend import ClusterBackend
from tournaments.cluster.machines import cluster_machines
from tournaments.cluster.network_recipe import NetworkRecipe
from tournaments.cluster.node_player import Ready, Report
from tournaments.games.network_games import GameJob, GameSettings
from tournaments.match.record_writer import RecordWriter
from tournaments.runner import runner
from tournaments.runner.backend import Backend
from tournaments.runner.machines import THIS_MACHINE, Machines, NetworkPlay
from tournaments.runner.network_backend import network_player
from tournaments.runner.progress import Progress

NETWORKS = ("big", "small")
MOVES = 200
SLOTS = 64
GAME_S = (10.0, 100.0)
"""Lengths of games on a core for which the driver's number of cores is told."""
OBJECT_STORE_BYTES = 10**9


class InstantNodes:
    """`Actors` of nodes that have played a game as soon as they are given it."""

    def __init__(self, nodes: int, game: GameRecord) -> None:
        self._game = game
        self._nodes = [Node(f"{number:08}", "instant", "", SLOTS, 0) for number in range(nodes)]
        self._waiting: dict[str, list[str]] = {node.id: [] for node in self._nodes}

    def nodes(self) -> list[Node]:
        return self._nodes

    def ask_facts(self, node: Node) -> Any:
        return (node.id, "facts")

    def start(self, node: Node, *_: object) -> str:
        return node.id

    def call(self, actor: str, method: str, *arguments: Any) -> Any:
        if method == "give":
            self._waiting[actor] += [job.game_id for job in pickle.loads(pickle.dumps(arguments[0]))]
        return (actor, method)

    def ready(self, calls: Sequence[Any], within_s: float) -> list[Any]:
        del within_s
        return [call for call in calls if call[1] != "report" or self._waiting[call[0]]]

    def answer(self, call: Any) -> Any:
        node, method = call
        if method == "facts":
            return NodeFacts("instant", "", "", "fp32", SLOTS, 0, (), {"lzeval": __version__})
        if method == "hello":
            return None
        if method == "open":
            return Ready(SLOTS, {})
        ended, self._waiting[node] = self._waiting[node], []
        report = Report([replace(self._game, game_id=game_id) for game_id in ended])
        return pickle.loads(pickle.dumps(report))

    def kill(self, actor: str) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """Nothing is watched."""


class InstantRecipe:
    """The driver's part of a recipe for games between networks."""

    def digest(self, played: GameRecord) -> str:
        return NetworkRecipe([], [], GameSettings()).digest(played)

    def unable_after(self, played: GameRecord) -> dict[str, str]:
        del played
        return {}


class Written:
    """Games to play, and a folder to keep them in."""

    def __init__(self, count: int, folder: Path, progress: Progress) -> None:
        self._jobs = [job(number) for number in reversed(range(count))]
        self._writer, self._progress = RecordWriter(folder), progress

    def next(self, free: int) -> list[GameJob]:
        return [self._jobs.pop()] if free and self._jobs else []

    def keep(self, played: GameRecord) -> None:
        self._writer.write(played)

    def tick(self) -> None:
        for record in self._writer.written():
            self._progress.add(record)

    def finish(self) -> None:
        self._writer.close()
        self.tick()


def job(number: int) -> GameJob:
    (opening,) = load_book("none", 19).chosen(1, 1)
    return GameJob(
        number, f"0_{number}", number // 2, opening, game_seed(1, number), number % 2, 1 - number % 2
    )


def random_record() -> GameRecord:
    """A game of random moves, with a winrate for each."""
    random, game = np.random.default_rng(1), Game(19)
    while len(game.moves) < MOVES:
        game.play(game.to_move, int(random.choice(game.legal_moves(game.to_move)[:-1])))
    winrates = tuple(random.random(MOVES))
    result = win(game.to_move, "R")
    return GameRecord("", "big", "small", result, tuple(game.moves), komi=7.5, black_winrates=winrates)


def driver_speed(games: int) -> float:
    """Games a second that a driver takes, checks and writes."""
    progress = Progress(games)
    recipe: Any = InstantRecipe()
    nodes = InstantNodes(16, random_record())
    backend: ClusterBackend[GameJob, GameRecord] = ClusterBackend(
        nodes, recipe, {}, lambda _: None, progress.nodes
    )
    backend.start()
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.perf_counter()
        written = Written(games, Path(folder), progress)
        runner.play(backend, written, progress)
        written.finish()
        assert len(progress.games) == games
        return games / (time.perf_counter() - began_s)


def evaluations_a_second(machines: Machines, seconds: float) -> tuple[float, float]:
    """Evaluations a second of a match, and the seconds that its start took."""
    plans = [machines.plan(name, precision="fp32", device="cpu") for name in NETWORKS]
    players = [
        network_player(name, plan, Limits(visits=100), 10) for name, plan in zip(NETWORKS, plans, strict=True)
    ]
    play = NetworkPlay(players, plans, NETWORKS, GameSettings(), 1000)
    began_s = time.perf_counter()
    backend = machines.open_networks(play, Progress(None), lambda _: None)
    start_s = time.perf_counter() - began_s
    try:
        numbers = iter(range(10_000))
        fill(backend, lambda: job(next(numbers)), until_s=time.perf_counter() + 5)
        before, began_s = backend.evaluations, time.perf_counter()
        fill(backend, lambda: job(next(numbers)), until_s=began_s + seconds)
        return (backend.evaluations - before) / (time.perf_counter() - began_s), start_s
    finally:
        backend.stop()


def fill(backend: Backend[GameJob, GameRecord], next_job: Callable[[], GameJob], *, until_s: float) -> None:
    """Keep the backend busy."""
    while time.perf_counter() < until_s:
        while backend.free:
            backend.give([next_job()])
        backend.finished(0.2)


def main(
    seconds: Annotated[float, typer.Option(min=1, help="Time to measure each way of playing for.")] = 60.0,
    rounds: Annotated[int, typer.Option(min=1, help="How often both take turns.")] = 2,
    games: Annotated[int, typer.Option(min=1, help="Games for the driver.")] = 5000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a driver's games a second, and the speed of nodes beside that of processes."""
    from ray.cluster_utils import Cluster

    speed = driver_speed(games)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(shutdown_at_exit=True)
    options = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    for _ in range(available_cores()):
        cluster.add_node(num_cpus=1, **options)
    rows = []
    try:
        for number in range(rounds):
            here, here_s = evaluations_a_second(THIS_MACHINE, seconds)
            with cluster_machines(cluster.address) as machines:
                there, there_s = evaluations_a_second(machines, seconds)
            rows.append(
                {
                    "round": str(number + 1),
                    "evals_a_second_of_processes": here,
                    "evals_a_second_of_nodes": there,
                    "percent": 100 * there / here,
                    "start_s_of_processes": here_s,
                    "start_s_of_nodes": there_s,
                }
            )
    finally:
        with suppress(Exception):
            cluster.shutdown()
    facts = {"driver_games_a_second": speed}
    facts |= {f"cores_of_a_driver_at_{game_s:.0f}_s_a_game": speed * game_s for game_s in GAME_S}
    present(rows, facts, as_json=as_json)


if __name__ == "__main__":
    run(main)
