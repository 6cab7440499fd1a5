from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lzeval.core.errors import DataError
from lzeval.core.points import SYMMETRIES
from tests.make_games import random_game, sgf_text
from trainer.config import DataConfig
from trainer.data import FixedBatches, GoData, ShuffledBatches, TensorBatch, prepare, sampled_positions
from trainer.pack import PackedData, open_packed, pack
from trainer.positions import Batch


class NumberedPositions(PackedData):
    """A data set whose move is the position's number and whose outcome is the symmetry asked for."""

    def __init__(self, count: int) -> None:
        rows = np.zeros((count, 1), np.uint8)
        super().__init__(Path(), 2, rows, np.zeros(0, np.void))

    def batch(self, chosen: npt.NDArray[np.int64], symmetries: npt.NDArray[np.int64]) -> Batch:
        planes = np.zeros((len(chosen), 18, 2, 2), np.uint8)
        return Batch(
            planes, chosen.astype(np.int64), symmetries.astype(np.float32), planes[:, 0].astype(np.int8)
        )


def numbers(batches: list[TensorBatch]) -> list[int]:
    return torch.cat([batch.moves for batch in batches]).tolist()


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 1000))
def test_every_position_once_an_epoch(count: int, batch_size: int, seed: int) -> None:
    steps = max(1, count // batch_size)
    stream = iter(ShuffledBatches(NumberedPositions(count), batch_size, seed))
    for _ in range(3):
        seen = numbers(list(islice(stream, steps)))
        assert len(seen) == len(set(seen)) == min(count, steps * batch_size)
        assert count - len(seen) < batch_size


def test_epochs_and_seeds_differ_in_order() -> None:
    orders = {
        tuple(numbers(list(islice(ShuffledBatches(NumberedPositions(40), 10, seed), start, start + 4))))
        for seed in (1, 2)
        for start in (0, 4)
    }
    assert len(orders) == 4
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(40))}


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 30), st.integers(0, 1000))
def test_starting_at_a_step_is_going_on_from_it(count: int, batch_size: int, step: int, seed: int) -> None:
    data = NumberedPositions(count)
    whole = list(islice(ShuffledBatches(data, batch_size, seed), step, step + 5))
    again = list(islice(ShuffledBatches(data, batch_size, seed, first_step=step), 5))
    for expected, found in zip(whole, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_all_symmetries_are_used_evenly() -> None:
    batches = islice(ShuffledBatches(NumberedPositions(64), 64, seed=1), 100)
    counts = np.bincount(torch.cat([batch.outcomes for batch in batches]).int().numpy())
    assert len(counts) == SYMMETRIES
    assert counts.min() > 650
    assert counts.max() < 950


def test_batches_from_games(tmp_path: Path) -> None:
    data = random_data(tmp_path)
    planes, moves, outcomes, territory = next(iter(ShuffledBatches(data, 16, seed=1)))
    assert (planes.shape, planes.dtype) == ((16, 18, 5, 5), torch.uint8)
    assert (moves.shape, moves.dtype) == ((16,), torch.int64)
    assert (outcomes.shape, outcomes.dtype) == ((16,), torch.float32)
    assert (territory.shape, territory.dtype) == ((16, 5, 5), torch.int8)


def random_source(folder: Path) -> Path:
    file = folder / "games.sgf"
    texts = [sgf_text(5, random_game(5, 20, Random(seed)).moves) for seed in range(3)]
    file.write_text("".join(texts), encoding="utf-8")
    return file


def random_data(folder: Path) -> PackedData:
    pack([random_source(folder)], folder / "packed", 5)
    return open_packed(folder / "packed")


def test_fixed_batches_are_the_positions_as_they_stand(tmp_path: Path) -> None:
    data = random_data(tmp_path)
    chosen = np.array([3, 1, 59, 1, 7])
    batches = list(FixedBatches(data, chosen, 2))
    assert [len(batch.moves) for batch in batches] == [2, 2, 1]
    expected = data.batch(chosen, np.zeros(5, np.int64))
    assert numbers(batches) == expected.moves.tolist()
    np.testing.assert_array_equal(torch.cat([batch.planes for batch in batches]).numpy(), expected.planes)


def test_a_sample_is_the_same_each_time_and_never_repeats() -> None:
    data = NumberedPositions(100)
    first, second = sampled_positions(data, 30), sampled_positions(data, 30)
    assert first.tolist() == second.tolist() == sorted(set(first.tolist()))
    assert len(first) == 30
    assert sampled_positions(data, 30, seed=1).tolist() != first.tolist()
    assert sampled_positions(data, 100).tolist() == sampled_positions(data, 500).tolist() == list(range(100))


def test_records_are_packed_once_and_packed_folders_taken_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, cache = random_source(tmp_path), tmp_path / "cache"
    first = prepare([str(source)], cache, 5)
    assert "60 positions of 3 games" in " ".join(capsys.readouterr().err.split())
    again = prepare([str(source)], cache, 5)
    assert capsys.readouterr().err == ""
    assert first.path == again.path
    assert prepare([str(first.path)], cache, 5).path == first.path
    with pytest.raises(DataError, match="packed for board size 5, and 19 is wanted"):
        prepare([str(first.path)], cache, 19)


def test_without_a_holdout_nothing_is_measured(tmp_path: Path) -> None:
    config = DataConfig(train=str(random_source(tmp_path)), board_size=5)
    data = GoData(config, batch_size=8, seed=1, evaluate_on=10, cache=tmp_path / "cache")
    assert data.val_dataloader() == []
    config.holdout = config.train
    measured = GoData(config, 8, 1, 10, tmp_path / "cache").val_dataloader()
    assert sum(len(batch.moves) for batch in measured) == 10
