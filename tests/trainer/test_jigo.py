"""A drawn game from its record to what is learnt and measured; nobody may take it for a win, or for unknown."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from lzeval.go.board import BLACK, WHITE
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from tests.support.make_games import random_game, sgf_text
from trainer.data.batches import ShuffledBatches, tensors
from trainer.data.chunks.contents import check_winners
from trainer.data.chunks.rows import positions_from_rows, rows_from_chunks
from trainer.data.lint import check_records
from trainer.data.pack import pack
from trainer.data.packed import META, PackedData, fingerprint, open_packed
from trainer.data.rows import DRAWN, JIGO, WON_BY_BLACK, WON_BY_WHITE
from trainer.data.unpack import all_positions
from trainer.settings.config import TrainConfig
from trainer.training.metrics import as_log, measure
from trainer.training.module import GoModule

SIZE, MOVES = 9, 12
NAN = float("nan")

CASES = [
    # RE, flags of the rows, the winner in games.npy, outcome for Black, and how `data check` counts it
    ("B+R", WON_BY_BLACK, BLACK, 1.0, "Black won"),
    ("W+0.5", WON_BY_WHITE, WHITE, -1.0, "White won"),
    ("0", DRAWN, JIGO, 0.0, "jigo"),
    ("Draw", DRAWN, JIGO, 0.0, "jigo"),
    ("Jigo", DRAWN, JIGO, 0.0, "jigo"),
    ("和棋", DRAWN, JIGO, 0.0, "jigo"),
    ("持ち碁", DRAWN, JIGO, 0.0, "jigo"),
    ("무승부", DRAWN, JIGO, 0.0, "jigo"),
    ("B+0", 0, 0, NAN, "nobody, or unknown"),
    ("Void", 0, 0, NAN, "nobody, or unknown"),
    ("?", 0, 0, NAN, "nobody, or unknown"),
    ("", 0, 0, NAN, "nobody, or unknown"),
]
RESULTS = [case[0] for case in CASES]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("records") / "games.sgf"
    games = [random_game(SIZE, MOVES, Random(seed), passes=0).moves for seed in range(len(CASES))]
    texts = [sgf_text(SIZE, moves, result) for moves, result in zip(games, RESULTS, strict=True)]
    file.write_text("".join(texts), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def data(records: Path, tmp_path_factory: pytest.TempPathFactory) -> PackedData:
    folder = tmp_path_factory.mktemp("packed") / "packed"
    pack([records], folder, SIZE)
    return open_packed(folder)


@pytest.mark.parametrize(
    ("game", "flags", "winner", "outcome"),
    [(number, *case[1:4]) for number, case in enumerate(CASES)],
    ids=[result or "none" for result in RESULTS],
)
@pytest.mark.parametrize("as_bits", [False, True])
def test_rows_and_batches(
    data: PackedData, game: int, flags: int, winner: int, outcome: float, as_bits: bool
) -> None:
    positions = MOVES * game + np.arange(MOVES)
    assert (data.rows[positions, -2] & ~np.uint8(1) == flags).all()
    assert data.games["winner"][game] == winner
    batch = data.batch(positions, positions % 8, as_bits=as_bits)
    for_mover = np.where(data.rows[positions, -2] & 1, -outcome, outcome)
    np.testing.assert_array_equal(batch.outcomes, for_mover)


def test_the_check_counts_them(records: Path, data: PackedData) -> None:
    for source in (records, data.path):
        found = check_records([source], SIZE)
        assert found.results == {"Black won": 1, "White won": 1, "jigo": 6, "nobody, or unknown": 4}
    remarks = check_records([records], SIZE).report.remarks
    assert remarks == {"RE[B+0] is a win by nothing": 1}


@pytest.fixture
def earlier(records: Path, tmp_path: Path) -> PackedData:
    """The same data set as version 2 has packed it."""
    folder = tmp_path / "earlier"
    pack([records], folder, SIZE)
    now = open_packed(folder)
    rows, games = np.array(now.rows), np.array(now.games)
    rows[:, -2] &= ~np.uint8(DRAWN)
    games["winner"][games["winner"] == JIGO] = 0
    (folder / "positions.bin").write_bytes(rows.tobytes())
    np.save(folder / "games.npy", games)
    meta = json.loads((folder / META).read_text(encoding="utf-8"))
    (folder / META).write_text(json.dumps(meta | {"version": 2}), encoding="utf-8")
    return open_packed(folder)


def test_what_an_earlier_version_has_packed_is_read(earlier: PackedData, data: PackedData) -> None:
    batch = earlier.batch(np.arange(len(earlier)), np.zeros(len(earlier), np.int64))
    assert np.isnan(batch.outcomes).sum() == 10 * MOVES
    assert fingerprint(earlier) == fingerprint(data), "a run on the one goes on with the other"
    found = check_records([earlier.path], SIZE)
    assert found.results == {"Black won": 1, "White won": 1, "nobody, or unknown": 10}
    assert list(found.report.remarks) == ["packed by an earlier version, a jigo is unknown; pack it again"]


def test_chunks_cannot_say_it(data: PackedData) -> None:
    assert len(all_positions(data).winner) == 2 * MOVES
    every = positions_from_rows(data.rows, np.arange(len(data)), None, SIZE)
    assert every.winner[2 * MOVES] == JIGO
    with pytest.raises(ValueError, match=f"position {2 * MOVES + 1} has no winner"):
        check_winners(every)
    again = rows_from_chunks(every, SIZE)
    np.testing.assert_array_equal(again.rows[again.learn, -2], data.rows[:, -2])


def test_its_value_is_learnt_as_nought(data: PackedData) -> None:
    """The value's loss of a drawn game is its square; an unknown game has none."""
    module = GoModule(TrainConfig(), LeelaNetwork(NetworkShape(1, 8, SIZE)))
    logits = torch.zeros(MOVES, SIZE**2 + 1)
    losses = {}
    for game, result in enumerate(RESULTS):
        values = torch.full((MOVES,), 0.5, requires_grad=True)
        batch = tensors(data.batch(MOVES * game + np.arange(MOVES), np.zeros(MOVES, np.int64)))
        loss = module.losses(batch, logits, values)[1]
        loss.backward()  # type: ignore[no-untyped-call]
        assert values.grad is not None
        losses[result] = loss.item(), values.grad.sum().item()
    assert losses["0"] == pytest.approx((0.25, 1.0))
    assert losses["?"] == losses["Void"] == (0.0, 0.0)
    for decided in ("B+R", "W+0.5"):
        assert losses[decided] == pytest.approx((1.25, 1.0))


def test_a_measure_counts_it(data: PackedData) -> None:
    (batch,) = (next(iter(ShuffledBatches([data], len(data), seed=1))),)
    values = torch.full((len(data),), 0.5)
    sums = measure(torch.zeros(len(data), SIZE**2 + 1), values, batch.moves, batch.outcomes, batch.plies)
    assert sums[0, :2].tolist() == [12 * MOVES, 8 * MOVES]
    expected = (6 * 0.25 + 2 * 1.25) / 8 / 4
    assert as_log("train", sums)["train/value_mse4"] == pytest.approx(expected)
