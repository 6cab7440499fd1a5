from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from lzeval.net.leela import write_network
from lzeval.net.network import LeelaNetwork, NetworkShape
from tests.make_games import random_game, sgf_text
from trainer.evaluate import measure_network
from trainer.pack import open_packed, pack

SIZE = 9


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[LeelaNetwork, Path]:
    torch.manual_seed(3)
    made = LeelaNetwork(NetworkShape(1, 8, SIZE)).eval()
    path = tmp_path_factory.mktemp("net") / "net.txt"
    write_network(made, path)
    return made, path


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "games.sgf"
    games = [random_game(SIZE, 70, Random(seed)) for seed in range(6)]
    results = ["B+R", "W+3.5", "?", "W+R", "B+0.5", "W+T"]
    texts = [sgf_text(SIZE, game.moves, result) for game, result in zip(games, results, strict=True)]
    path.write_text("".join(texts), encoding="utf-8")
    return path


def test_figures_are_those_of_a_plain_loop(
    network: tuple[LeelaNetwork, Path], records: Path, tmp_path: Path
) -> None:
    made, path = network
    pack([records], tmp_path / "packed", SIZE)
    data = open_packed(tmp_path / "packed")
    batch = data.batch(np.arange(len(data)), np.zeros(len(data), np.int64))
    with torch.no_grad():
        output = made(torch.from_numpy(batch.planes).float())
    logits, values = output.policy_logits, output.value.numpy()
    moves = torch.from_numpy(batch.moves)
    decided = batch.outcomes != 0
    found = measure_network(str(path), [str(tmp_path / "packed")], precision="fp32")
    assert found["positions"] == len(data)
    assert found["policy_loss"] == pytest.approx(
        float(torch.nn.functional.cross_entropy(logits, moves)), abs=1e-4
    )
    assert found["top1"] == pytest.approx(float((logits.argmax(1) == moves).float().mean()), abs=1e-9)
    top5 = (logits.topk(5, 1).indices == moves[:, None]).any(1).float().mean()
    assert found["top5"] == pytest.approx(float(top5), abs=1e-9)
    expected = float((((values - batch.outcomes) ** 2)[decided]).mean()) / 4
    assert found["value_mse4"] == pytest.approx(expected, abs=1e-5)


def test_phases_add_up(network: tuple[LeelaNetwork, Path], records: Path, tmp_path: Path) -> None:
    pack([records], tmp_path / "packed", SIZE)
    found = measure_network(str(network[1]), [str(tmp_path / "packed")], precision="fp32")
    phases = found["phases"]
    assert list(phases) == ["0-49", "50-99"]
    assert sum(phase["count"] for phase in phases.values()) == found["positions"]
    weighted = sum(phase["count"] * phase["policy_loss"] for phase in phases.values())
    assert weighted / found["positions"] == pytest.approx(found["policy_loss"])


def test_the_command_prints_json(network: tuple[LeelaNetwork, Path], records: Path, tmp_path: Path) -> None:
    pack([records], tmp_path / "packed", SIZE)
    command = [sys.executable, "-m", "lzeval", "eval", str(network[1]), str(tmp_path / "packed")]
    done = subprocess.run([*command, "--sample", "50", "--json"], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["positions"] == 50
    assert {"top1", "top5", "policy_loss", "value_mse4"} <= set(found)
