"""Does lzeval's network answer as the real leelaz does?

Positions come from real games; their planes are made here from sgfmill's boards, so that neither lzeval's
board nor its planes can hide a mistake that its network makes as well.
"""

from __future__ import annotations

import lzma
import random
import re
import subprocess
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sgfmill import boards, sgf

from lzeval.network.leela import read_network, write_network
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.system.bundled import resolve_network
from tests.support.fakes.weights_files import lived_in_network

pytestmark = pytest.mark.engine

SIZE = 19
POSITIONS = 50
HEATMAP = re.compile(r"((?:[ \d]+\n){19})pass:\s*(\d+)\s*winrate:\s*([\d.]+)")
POLICY_TOLERANCE = 0.001
"""leelaz cuts the policy down to thousandths."""
WINRATE_TOLERANCE = 0.0005


@dataclass(frozen=True)
class Sample:
    """A position of a game: how leelaz gets there, and what the network is shown."""

    moves: list[tuple[str, str]]
    """Colour and GTP vertex."""
    planes: npt.NDArray[np.float32]
    """[18, 19, 19]"""

    @property
    def occupied(self) -> npt.NDArray[np.bool_]:
        """[362]: where leelaz prints 0 whatever the network says."""
        return np.append(self.planes[[0, 8]].any(axis=0), False)


@dataclass(frozen=True)
class Heat:
    policy: npt.NDArray[np.float64]
    """[362], thousandths as probabilities."""
    winrate: float
    """Of the side to move."""


@pytest.fixture(scope="module")
def samples(shared: Path) -> list[Sample]:
    """One position each of fifty games, from the empty board to the endgame."""
    rng = random.Random(50)
    with lzma.open(shared / "data" / "holdout.sgf.xz", "rb") as records:
        plain = (line for line in records if b"AB[" not in line and b"HA[" not in line)
        return [
            make_sample(line, rng, first=number == 0) for number, line in enumerate(islice(plain, POSITIONS))
        ]


def make_sample(record: bytes, rng: random.Random, *, first: bool) -> Sample:
    nodes = sgf.Sgf_game.from_bytes(record).get_main_sequence()
    plays = [node.get_move() for node in nodes if node.get_move()[0] is not None]
    count = 0 if first else rng.randrange(1, len(plays))
    board = boards.Board(SIZE)
    history = [board.copy()]
    moves = []
    for colour, point in plays[:count]:
        if point is not None:
            board.play(*point, colour)
        history.append(board.copy())
        moves.append((colour, vertex(point)))
    to_move = "b" if count == 0 or plays[count - 1][0] == "w" else "w"
    return Sample(moves, make_planes(history, to_move))


def vertex(point: tuple[int, int] | None) -> str:
    return "pass" if point is None else f"{'ABCDEFGHJKLMNOPQRST'[point[1]]}{point[0] + 1}"


def make_planes(history: list[boards.Board], to_move: str) -> npt.NDArray[np.float32]:
    planes = np.zeros((18, SIZE, SIZE), np.float32)
    for age, board in enumerate(reversed(history[-8:])):
        for colour, (row, column) in board.list_occupied_points():
            planes[age + (0 if colour == to_move else 8), row, column] = 1
    planes[16 if to_move == "b" else 17] = 1
    return planes


def ask_leelaz(leelaz: str, weights: Path, samples: list[Sample]) -> list[Heat]:
    """Drive one leelaz through all positions; heatmaps come on its stderr."""
    commands = [f"boardsize {SIZE}"]
    for sample in samples:
        commands.append("clear_board")
        commands += [f"play {colour} {point}" for colour, point in sample.moves]
        commands.append("heatmap 0")
    commands.append("quit\n")
    arguments = [leelaz, "--cpu-only", "--gtp", "--noponder", "-t", "1", "-w", str(weights)]
    outcome = subprocess.run(
        arguments, input="\n".join(commands), capture_output=True, text=True, timeout=280, check=True
    )
    assert "\n?" not in outcome.stdout
    return [read_heat(*match.groups()) for match in HEATMAP.finditer(outcome.stderr)]


def read_heat(rows: str, passing: str, winrate: str) -> Heat:
    grid = np.array([row.split() for row in rows.splitlines()], np.float64)[::-1]
    return Heat(np.append(grid.ravel(), float(passing)) / 1000, float(winrate))


def assert_parity(leelaz: str, weights: Path, samples: list[Sample]) -> None:
    heats = ask_leelaz(leelaz, weights, samples)
    assert len(heats) == len(samples)
    with torch.inference_mode():
        answer = read_network(weights)(torch.from_numpy(np.stack([sample.planes for sample in samples])))
    policy, winrate = answer.policy_logits.softmax(1).numpy(), (1 + answer.value.numpy()) / 2
    heated = np.stack([heat.policy for heat in heats])
    occupied = np.stack([sample.occupied for sample in samples])
    assert not heated[occupied].any()
    assert heated.max(axis=1).mean() < 0.9
    assert winrate.std() > WINRATE_TOLERANCE * 10
    policy_error = np.abs(policy - heated)[~occupied].max()
    winrate_error = np.abs(winrate - [heat.winrate for heat in heats]).max()
    assert policy_error <= POLICY_TOLERANCE + 1e-5
    assert winrate_error <= WINRATE_TOLERANCE


def official_networks(shared: Path) -> list[Path]:
    networks = sorted((shared / "networks").glob("lz-5x64-*.gz"))
    assert len(networks) == 12
    return networks


def test_an_exported_network(leelaz: str, samples: list[Sample], tmp_path: Path) -> None:
    network = lived_in_network(4, NetworkShape(blocks=4, filters=16))
    with torch.no_grad():
        network.policy.fc.weight.mul_(3)  # opinions to be told apart in thousandths
    write_network(network, tmp_path / "net.txt.gz")
    assert_parity(leelaz, tmp_path / "net.txt.gz", samples)


@pytest.mark.parametrize("number", [0, -1], ids=["first", "last"])
def test_an_official_network(leelaz: str, shared: Path, samples: list[Sample], number: int) -> None:
    assert_parity(leelaz, official_networks(shared)[number], samples)


@pytest.mark.parametrize("name", ["small", "big"])
def test_a_bundled_network(leelaz: str, samples: list[Sample], name: str) -> None:
    assert_parity(leelaz, resolve_network(name), samples)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 11))
def test_the_other_official_networks(leelaz: str, shared: Path, samples: list[Sample], number: int) -> None:
    assert_parity(leelaz, official_networks(shared)[number], samples)
