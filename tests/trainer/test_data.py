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
from torch.utils.data import DataLoader

from lzeval.errors import DataError, UserError
from lzeval.go.points import SYMMETRIES
from tests.support.make_games import random_game, sgf_text
from trainer.data.batches import FixedBatches, ShuffledBatches, TensorBatch
from trainer.data.datamodule import GoData
from trainer.data.device_planes import PlanesUnpacker
from trainer.data.pack import pack
from trainer.data.packed import PackedData, open_packed
from trainer.data.prepare import prepare, sampled_positions
from trainer.data.rows import Batch
from trainer.data.selection import Selection
from trainer.settings.config import DataConfig


class NumberedPositions(PackedData):
    """A data set whose move is the position's number (from its path's name on) and whose outcome is the symmetry."""

    def __init__(self, count: int, first: int = 0) -> None:
        rows = np.zeros((count, 1), np.uint8)
        super().__init__(Path(str(first)), 2, rows, np.zeros(0, np.void))

    def batch(
        self,
        chosen: npt.NDArray[np.int64],
        symmetries: npt.NDArray[np.int64],
        *,
        as_bits: bool = False,  # noqa: ARG002
    ) -> Batch:
        planes = np.zeros((len(chosen), 18, 2, 2), np.uint8)
        moves = chosen.astype(np.int64) + int(self.path.name)
        return Batch(planes, moves, symmetries.astype(np.float32), chosen)


def numbers(batches: list[TensorBatch]) -> list[int]:
    return torch.cat([batch.moves for batch in batches]).tolist()


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 1000))
def test_every_position_once_an_epoch(count: int, batch_size: int, seed: int) -> None:
    steps = -(-3 * count // batch_size)
    seen = numbers(list(islice(ShuffledBatches([NumberedPositions(count)], batch_size, seed), steps)))
    for epoch in range(3):
        assert sorted(seen[epoch * count : (epoch + 1) * count]) == list(range(count))


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=4),
    st.integers(1, 20),
    st.integers(0, 40),
    st.integers(1, 3),
)
def test_ranks_share_what_one_process_would_see(
    counts: list[int], batch_size: int, step: int, ranks: int
) -> None:
    data = [NumberedPositions(count, 1000 * part) for part, count in enumerate(counts)]
    whole = ShuffledBatches(data, batch_size * ranks, seed=1, first_step=step)
    expected = numbers(list(islice(whole, 3)))
    found: list[int] = []
    for batches in zip(
        *(
            islice(ShuffledBatches(data, batch_size, seed=1, first_step=step, rank=r, ranks=ranks), 3)
            for r in range(ranks)
        ),
        strict=True,
    ):
        found += numbers(list(batches))
    assert sorted(found) == sorted(expected)


def test_sources_are_drawn_as_often_as_their_weights_say() -> None:
    data = [NumberedPositions(count, 1000 * part) for part, count in enumerate((50, 500, 5))]
    batches = ShuffledBatches(data, 20, seed=1, weights=[6.0, 3.0, 1.0])
    owners = np.array(numbers(list(islice(batches, 200)))) // 1000
    for end in (400, 4000):  # evenly, over any stretch
        np.testing.assert_allclose(np.bincount(owners[:end]) / end, [0.6, 0.3, 0.1], atol=3 / end**0.5 / 5)
    first = [number for number in numbers(list(islice(batches, 40))) if 1000 <= number < 2000]
    assert len(set(first)) == len(first)  # no position again while others wait


@pytest.mark.filterwarnings(
    "ignore:This DataLoader will create"
)  # more processes than cores, on small machines
def test_loader_processes_make_the_batches_of_one_process() -> None:
    data = [NumberedPositions(30), NumberedPositions(70, 1000)]
    batches = ShuffledBatches(data, 8, seed=3, first_step=5)
    expected = numbers(list(islice(batches, 7)))
    found = numbers(list(islice(DataLoader(batches, batch_size=None, num_workers=2), 7)))
    assert found == expected


def test_epochs_and_seeds_differ_in_order() -> None:
    orders = {
        tuple(numbers(list(islice(ShuffledBatches([NumberedPositions(40)], 10, seed), start, start + 4))))
        for seed in (1, 2)
        for start in (0, 4)
    }
    assert len(orders) == 4
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(40))}


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 30), st.integers(0, 1000))
def test_starting_at_a_step_is_going_on_from_it(count: int, batch_size: int, step: int, seed: int) -> None:
    data = NumberedPositions(count)
    whole = list(islice(ShuffledBatches([data], batch_size, seed), step, step + 5))
    again = list(islice(ShuffledBatches([data], batch_size, seed, first_step=step), 5))
    for expected, found in zip(whole, again, strict=True):
        assert found.shares is expected.shares is None
        for a, b in zip(expected[:4], found[:4], strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_planes_unpacked_on_the_device_are_those_of_the_loader(device: str, tmp_path: Path) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    data = random_data(tmp_path)
    unpack = PlanesUnpacker(data.size).to(device)
    streams = (ShuffledBatches([data, data], 32, seed=3, as_bits=as_bits) for as_bits in (False, True))
    for expected, bits in islice(zip(*streams, strict=True), 8):
        assert bits.planes.shape == (32, 16, 4)
        on_device = TensorBatch(*(None if t is None else t.to(device) for t in bits))  # type: ignore[arg-type]
        found = unpack(on_device)
        assert found.turns is None
        assert found.planes.dtype == torch.uint8
        for mine, reference in zip(found[:4], expected[:4], strict=True):
            assert torch.equal(mine.cpu(), reference)
        assert unpack(expected) is expected


def test_all_symmetries_are_used_evenly() -> None:
    batches = islice(ShuffledBatches([NumberedPositions(64)], 64, seed=1), 100)
    counts = np.bincount(torch.cat([batch.outcomes for batch in batches]).int().numpy())
    assert len(counts) == SYMMETRIES
    assert counts.min() > 650
    assert counts.max() < 950


def test_batches_from_games(tmp_path: Path) -> None:
    data = random_data(tmp_path)
    planes, moves, outcomes, plies, shares, turns = next(iter(ShuffledBatches([data], 16, seed=1)))
    assert (planes.shape, planes.dtype) == ((16, 18, 5, 5), torch.uint8)
    assert (moves.shape, moves.dtype) == ((16,), torch.int64)
    assert (outcomes.shape, outcomes.dtype) == ((16,), torch.float32)
    assert (plies.shape, shares, turns) == ((16,), None, None)


def random_source(folder: Path, seed: int = 0, count: int = 3) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "games.sgf"
    texts = [sgf_text(5, random_game(5, 20, Random(seed + number)).moves) for number in range(count)]
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
    config.holdout = str(random_source(tmp_path / "other", seed=10))
    measured = GoData(config, 8, 1, 10, tmp_path / "cache").val_dataloader()
    assert sum(len(batch.moves) for batch in measured) == 10


def test_a_holdout_that_shares_games_with_the_training_set_is_refused(tmp_path: Path) -> None:
    train, other = random_source(tmp_path / "a"), random_source(tmp_path / "b", seed=2)
    config = DataConfig(train=str(train), holdout=str(other), board_size=5)
    with pytest.raises(UserError, match="1 of its 3 games are in the training set, too"):
        GoData(config, 8, 1, 10, tmp_path / "cache")


def test_a_data_set_that_was_split_brings_its_own_holdout(tmp_path: Path) -> None:
    pack([random_source(tmp_path, count=40)], tmp_path / "packed", 5, selection=Selection(holdout=0.3))
    data = GoData(DataConfig(train=str(tmp_path / "packed"), board_size=5), 8, 1, 10, tmp_path / "cache")
    assert [part.path.name for part in data.train_data] == ["train"]
    assert data.holdout_data is not None
    assert data.holdout_data.path.name == "holdout"


def test_packed_folders_are_not_packed_again(tmp_path: Path) -> None:
    source = random_source(tmp_path)
    pack([source], tmp_path / "packed", 5)
    with pytest.raises(UserError, match="give weights"):
        prepare([str(source), str(tmp_path / "packed")], tmp_path / "cache", 5)
    config = DataConfig(train=[str(source), str(tmp_path / "packed")], weights=[1.0, 2.0], board_size=5)
    assert len(GoData(config, 8, 1, 10, tmp_path / "cache").train_data) == 2
