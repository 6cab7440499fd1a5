"""Does our search look at what the real leelaz looks at, visit by visit?

leelaz shows its network each position under a symmetry drawn at random. So the network here is one that answers
alike under all of them, and nothing is left to chance: with the same weights both searches have to build the same tree.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from engines.evaluator.base import Evaluator
from engines.evaluator.load import plan_evaluator
from engines.search.searcher import BatchInput, Searcher
from lzeval.go.board import BLACK
from lzeval.go.game import Game
from lzeval.go.points import format_vertex, symmetry_tables
from lzeval.network.leela import write_network
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from tests.support.fakes.weights_files import lived_in_network, random_planes
from tests.support.make_games import random_game

pytestmark = pytest.mark.engine

SIZE = 19
VISITS = 150
POSITIONS = 8
FEWEST_ALIKE = 7
"""Two moves may be worth the same but for the rounding of a sum; leelaz sums in another order."""
ROOT_MOVE = re.compile(r"^ *(\w+) -> +(\d+) \(V: ", re.MULTILINE)

Visits = dict[str, int]
"""Of the root's moves, by vertex; moves without any are left out."""


def symmetrical_network(seed: int) -> LeelaNetwork:
    """A network that says the same of a position however the board is turned."""
    network = lived_in_network(seed, NetworkShape(blocks=2, filters=8))
    tables = torch.from_numpy(symmetry_tables(SIZE).astype(np.int64))
    policy, value, points = network.policy.fc, network.value.fc1, SIZE * SIZE
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.copy_(evened(module.weight))
        maps = policy.weight.view(points + 1, -1, points)
        turned = under_all_symmetries(tables, lambda table: maps[table][:, :, table[:-1]])
        policy.weight.copy_(turned.flatten(1))
        policy.bias.copy_(under_all_symmetries(tables, lambda table: policy.bias[table]))
        value.weight.copy_(under_all_symmetries(tables, lambda table: value.weight[:, table[:-1]]))
        policy.weight.mul_(3)  # the means are small: opinions worth a search
        value.weight.mul_(2)
        network.value.fc2.bias.zero_()
    return network


def evened(kernels: torch.Tensor) -> torch.Tensor:
    """`[..., k, k]`: the mean of the kernels and their turned and mirrored likes."""
    turned = [kernels.rot90(turns, (-2, -1)) for turns in range(4)]
    return torch.stack([*turned, *(kernel.flip(-1) for kernel in turned)]).mean(0)


def under_all_symmetries(tables: torch.Tensor, take: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """The mean of what is taken under each of the symmetries `tables` `[8, P + 1]`."""
    return torch.stack([take(table) for table in tables]).mean(0)


def leelaz_visits(leelaz: str, weights: Path, games: list[Game]) -> list[Visits]:
    """What a search of each position counted, as leelaz tells it on standard error."""
    arguments = [leelaz, "--cpu-only", "--gtp", "--noponder", "-t", "1", "-r", "0", "-w", str(weights)]
    arguments += ["-v", str(VISITS), "--timemanage", "off"]
    commands = []
    for game in games:
        commands += ["clear_board", f"komi {game.komi}"]
        commands += [f"play {colour_name(c)} {format_vertex(move, SIZE)}" for c, move in game.moves]
        commands.append(f"genmove {colour_name(game.to_move)}")
    outcome = subprocess.run(
        arguments,
        input="\n".join([*commands, "quit\n"]),
        capture_output=True,
        text=True,
        timeout=280,
        check=True,
    )
    searches = outcome.stderr.split("NN eval=")[1:]
    return [
        {vertex: int(count) for vertex, count in ROOT_MOVE.findall(told) if int(count)} for told in searches
    ]


def colour_name(colour: int) -> str:
    return "b" if colour == BLACK else "w"


def our_visits(evaluator: Evaluator, game: Game) -> Visits:
    searcher, waiting = Searcher(1, SIZE, VISITS), BatchInput.of_size(1, SIZE)
    searcher.seed(0, 1)
    searcher.follow(0, game, game.to_move)
    tree, limit = np.zeros(1, np.int32), np.array([VISITS], np.int32)
    while (leaves := searcher.gather(tree, limit))[0] >= 0:
        searcher.write_planes(tree, leaves, waiting)
        answer = evaluator.evaluate(waiting.planes)
        searcher.apply(tree, leaves, waiting, answer.policy, answer.value)
    return {
        format_vertex(move.move, SIZE): move.visits
        for move in searcher.root_moves(0, untried=False)
        if move.visits
    }


def positions() -> list[Game]:
    """From the opening to a crowded board."""
    games = []
    for number in range(POSITIONS):
        game = Game(SIZE, komi=7.5)
        for colour, move in random_game(SIZE, 12 + 35 * number, Random(number)).moves:
            if game.is_legal(colour, move):  # random moves may repeat a position
                game.play(colour, move)
        games.append(game)
    return games


def test_a_network_that_symmetries_do_not_change() -> None:
    network, tables = symmetrical_network(3), symmetry_tables(SIZE).astype(np.int64)
    planes = random_planes(4, SIZE)
    with torch.no_grad():
        plain = network(planes)
        for table in tables:
            turned = network(planes.flatten(2)[:, :, table[:-1]].reshape(planes.shape))
            assert torch.allclose(turned.policy_logits, plain.policy_logits[:, table], atol=1e-4)
            assert torch.allclose(turned.value, plain.value, atol=1e-5)


def test_the_same_visits(leelaz: str, tmp_path: Path) -> None:
    weights = tmp_path / "even.txt"
    write_network(symmetrical_network(3), weights)
    evaluator = plan_evaluator(str(weights), precision="fp32", batch_size=1).build(1)
    games = positions()
    theirs = leelaz_visits(leelaz, weights, games)
    ours = [our_visits(evaluator, game) for game in games]
    assert min(len(visits) for visits in ours) > 3
    alike = [one == other for one, other in zip(ours, theirs, strict=True)]
    assert sum(alike) >= FEWEST_ALIKE, [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
