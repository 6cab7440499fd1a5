"""Whole training runs of a tiny network, on games whose next move can be read off the board."""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random
from typing import Any

import torch

from lzeval.go.board import BLACK, WHITE
from lzeval.go.game import Game
from tests.support.make_games import sgf_text
from trainer.settings.compose import stored
from trainer.settings.config import (
    DataConfig,
    NetworkConfig,
    ScheduleConfig,
    TrainConfig,
    TrainerConfig,
    WatchConfig,
)
from trainer.settings.overrides import flat
from trainer.training.run import Trained, train

SIZE, BATCH, STEPS = 5, 16, 20


def simple_games(count: int, seed: int, length: int = 12) -> str:
    """Both sides answer beside the last stone, in reading order; the first stone is random and tells who wins."""
    rng, texts = Random(seed), []
    for _ in range(count):
        game, colour = Game(SIZE), BLACK
        move = rng.randrange(SIZE * SIZE)
        first = move
        for _ in range(length):
            game.play(colour, move)
            colour = BLACK + WHITE - colour
            move = next(
                m for m in ((move + step) % SIZE**2 for step in range(1, SIZE**2)) if game.is_legal(colour, m)
            )
        texts.append(sgf_text(SIZE, game.moves, "B+1.5" if first % SIZE < SIZE // 2 else "W+1.5"))
    return "".join(texts)


def settings(records: Path, run: Path, steps: int = STEPS, **changes: Any) -> TrainConfig:
    config = TrainConfig(
        network=NetworkConfig("tiny", blocks=1, filters=8),
        schedule=ScheduleConfig("constant", warmup=4 * BATCH, hold=1.0),
        trainer=TrainerConfig(accelerator="cpu", devices=1, precision="fp32", threads=1),
        data=DataConfig(str(records / "train.sgf"), cache=str(records / "cache"), board_size=SIZE),
        watch=WatchConfig(log_every=1, evaluate_every=8 * BATCH, evaluate_on=64, save_every="1h"),
        run=str(run),
        batch_size=BATCH,
        max_positions=steps * BATCH,
    )
    for name, value in changes.items():
        setattr(config, name, value)
    return config


def resume(run: Path, *overrides: str) -> Trained:
    """`lzeval train --resume`."""
    return train(stored(str(run), overrides), resuming=True)


def as_overrides(config: TrainConfig) -> list[str]:
    """What to type for the settings of `config`."""
    return [f"{key}={_typed(value)}" for key, value in flat(config).items()]


def _typed(value: Any) -> str:
    if value is None:
        return "null"
    return f"[{','.join(map(_typed, value))}]" if isinstance(value, list) else str(value)


def logged(run: Path, name: str) -> list[float]:
    """The column `name` of the logs of all the run's sittings, in the order of steps."""
    found: list[float] = []
    for file in sorted(run.glob("csv*/metrics.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            found += [float(row[name]) for row in csv.DictReader(stream) if row.get(name)]
    return found


def state(checkpoint: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    return loaded


def assert_same_training(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Weights, normalisation and the optimiser's state, to the bit; and how far the run is."""
    assert first["lzeval"]["positions"] == second["lzeval"]["positions"]
    assert first["global_step"] == second["global_step"]
    for name, value in first["state_dict"].items():
        assert torch.equal(value, second["state_dict"][name]), name
    ours, theirs = (found["optimizer_states"][0]["state"] for found in (first, second))
    for number, memory in ours.items():
        for name, value in memory.items():
            assert torch.as_tensor(value).equal(torch.as_tensor(theirs[number][name])), (number, name)


def write_records(folder: Path) -> Path:
    (folder / "train.sgf").write_text(simple_games(40, seed=1), encoding="utf-8")
    (folder / "holdout.sgf").write_text(simple_games(6, seed=2, length=11), encoding="utf-8")
    return folder
