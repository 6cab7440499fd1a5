from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engines.evaluator.base import Evaluator, NetworkAnswer, Planes
from engines.evaluator.load import EvaluatorPlan
from lzeval.errors import UserError
from lzeval.network.leela import write_network
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.text.plots import check_plot
from tests.support.command_line import run_here
from tests.support.make_games import random_game, sgf_text
from trainer.data.pack import pack
from trainer.data.packed import open_packed
from trainer.runs.evaluate import (
    BATCH,
    among_best,
    calibration,
    calibration_error,
    measure_network,
    print_measurements,
)

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
    results = ["B+R", "W+3.5", "?", "W+R", "0", "W+T"]
    texts = [sgf_text(SIZE, game.moves, result) for game, result in zip(games, results, strict=True)]
    path.write_text("".join(texts), encoding="utf-8")
    return path


@given(
    st.lists(st.integers(0, 3), min_size=2, max_size=6),
    st.integers(1, 5),
)
def test_moves_of_equal_probability_share_their_places(levels: list[int], count: int) -> None:
    """As often as a random order of the moves that are alike puts the first move among the best."""
    orders = list(itertools.permutations(range(len(levels))))
    ranked = [sorted(order, key=lambda move: -levels[move]) for order in orders]
    expected = sum(0 in order[:count] for order in ranked) / len(orders)
    better = np.array([sum(level > levels[0] for level in levels)])
    found = among_best(count, better, np.array([levels.count(levels[0])]))
    assert found[0] == pytest.approx(expected)


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
    decided = ~np.isnan(batch.outcomes)
    assert 0 < (batch.outcomes == 0).sum() < decided.sum() < len(data)
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
    tenths = [[] for _ in range(10)]  # type: list[list[tuple[float, float]]]
    for value, outcome in zip(values.tolist(), batch.outcomes.tolist(), strict=True):
        if outcome == outcome:  # not NaN
            tenths[min(9, int((value + 1) / 2 * 10))].append(
                ((value + 1) / 2, {1: 1, 0: 0.5, -1: 0}[outcome])
            )
    gaps = [abs(sum(p for p, _ in some) - sum(won for _, won in some)) for some in tenths]
    assert [row["count"] for row in found["calibration"]] == [len(some) for some in tenths]
    assert found["calibration_error"] == pytest.approx(sum(gaps) / decided.sum(), abs=1e-4)
    assert 0.01 < found["calibration_error"] < 0.9


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
    done = run_here("eval", network[1], tmp_path / "packed", "--sample", 50, "--json")
    found = json.loads(done.stdout)
    assert found["positions"] == 50
    assert {"top1", "top5", "policy_loss", "value_mse4"} <= set(found)


# Interruptions


class Interrupted:
    """An evaluator that Ctrl-C meets after so many calls, and that counts them."""

    def __init__(self, inner: Evaluator, calls: int) -> None:
        self.inner, self.left, self.made = inner, calls, 0
        self.info, self.batch_size = inner.info, inner.batch_size

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        if self.made == self.left:
            raise KeyboardInterrupt
        self.made += 1
        return self.inner.evaluate(planes)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LZEVAL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def measured(network: str, data: Path, calls: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, int]:
    """The figures, None if Ctrl-C came after `calls` batches, and how many batches were asked for."""
    made: list[Interrupted] = []
    build = EvaluatorPlan.build

    def interrupted(plan: EvaluatorPlan, threads: int = 1) -> Interrupted:
        made.append(Interrupted(build(plan, threads), calls))
        return made[-1]

    with monkeypatch.context() as patch:
        patch.setattr(EvaluatorPlan, "build", interrupted)
        try:
            found = measure_network(network, [str(data)], precision="fp32")
        except KeyboardInterrupt:
            found = None
    return found, made[0].made


def test_a_measurement_goes_on_after_interruptions(
    network: tuple[LeelaNetwork, Path],
    records: Path,
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, batches = measured(str(network[1]), records, 1000, monkeypatch)
    assert batches > 7
    assert measured(str(network[1]), records, 3, monkeypatch) == (None, 3)
    assert measured(str(network[1]), records, 4, monkeypatch) == (None, 4)
    capsys.readouterr()
    assert measured(str(network[1]), records, 1000, monkeypatch) == (whole, batches - 7)
    told = capsys.readouterr().err
    assert f"going on: {7 * BATCH} of {whole['positions']} positions measured before" in told
    assert not list((cache / "measuring").iterdir())


def test_what_was_measured_of_others_is_not_taken_over(
    network: tuple[LeelaNetwork, Path],
    records: Path,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another network under the same name, and records with another winner."""
    file, changed = tmp_path / "net.txt", tmp_path / "changed.sgf"
    file.write_bytes(network[1].read_bytes())
    changed.write_text(records.read_text(encoding="utf-8").replace("W+3.5", "B+3.5"), encoding="utf-8")
    _, batches = measured(str(file), records, 1000, monkeypatch)
    assert measured(str(file), records, 3, monkeypatch) == (None, 3)
    assert measured(str(file), changed, 1000, monkeypatch)[1] == batches
    torch.manual_seed(4)
    write_network(LeelaNetwork(NetworkShape(1, 8, SIZE)).eval(), file)
    assert measured(str(file), records, 1000, monkeypatch)[1] == batches
    first_by_another_name = measured(str(network[1]), records, 1000, monkeypatch)
    assert first_by_another_name[1] == batches - 3


@pytest.mark.parametrize("damage", ["torn", "another's", "too long"])
def test_what_cannot_be_taken_over_is_measured_again(
    damage: str,
    network: tuple[LeelaNetwork, Path],
    records: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, batches = measured(str(network[1]), records, 1000, monkeypatch)
    measured(str(network[1]), records, 3, monkeypatch)
    [kept] = (cache / "measuring").iterdir()
    if damage == "torn":
        kept.write_bytes(kept.read_bytes()[:-20])
    elif damage == "another's":
        np.save(kept, np.zeros(10))
    else:
        np.save(kept, np.zeros(whole["positions"] + 1, np.load(kept).dtype))
    assert measured(str(network[1]), records, 1000, monkeypatch) == (whole, batches)


def test_where_nothing_can_be_kept_it_is_measured_all_the_same(
    network: tuple[LeelaNetwork, Path], records: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.runs.unfinished.SAVE_EVERY_S", 0.0)
    cache.mkdir()
    (cache / "measuring").write_text("a file where the folder should be", encoding="utf-8")
    whole, _ = measured(str(network[1]), records, 1000, monkeypatch)
    assert whole["positions"] == 420


# Calibration


def bins_of(*positions: tuple[float, float]) -> list[dict[str, object]]:
    """Of (winrate, won) pairs."""
    return calibration(*(np.array(column, float) for column in zip(*positions, strict=True)))


def test_calibration_by_hand() -> None:
    bins = bins_of((0.04, 0), (0.08, 1), (0.3, 1), (1.0, 1), (0.9, 0), (0.95, np.nan), (0.55, np.nan))
    assert [found["count"] for found in bins] == [2, 0, 0, 1, 0, 0, 0, 0, 0, 2]
    assert [found["predicted"] for found in bins if found["count"]] == pytest.approx([0.06, 0.3, 0.95])
    assert [found["won"] for found in bins if found["count"]] == [0.5, 1, 0.5]
    assert (bins[1]["predicted"], bins[1]["won"], bins[9]["high"]) == (None, None, 1)
    assert calibration_error(bins) == pytest.approx((2 * 0.44 + 0.7 + 2 * 0.45) / 5)


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0, np.nan])), min_size=1))
def test_every_decided_position_is_in_its_bin(positions: list[tuple[float, float]]) -> None:
    bins = bins_of(*positions)
    decided = sum(won == won for _, won in positions)
    assert sum(int(str(found["count"])) for found in bins) == decided
    for found in bins:
        if found["count"]:
            assert found["low"] <= found["predicted"] + 1e-9  # type: ignore[operator]
            assert found["predicted"] <= found["high"] + 1e-9  # type: ignore[operator]
    error = calibration_error(bins)
    assert error is None if not decided else 0 <= error <= 1  # type: ignore[operator]


def test_who_is_right_as_often_as_said_has_no_error() -> None:
    positions = [(0.25, float(number < 25)) for number in range(100)]
    positions += [(0.85, float(number < 85)) for number in range(100)]
    assert calibration_error(bins_of(*positions)) == pytest.approx(0)
    turned = [(p, 1 - won) for p, won in positions]
    assert calibration_error(bins_of(*turned)) == pytest.approx((0.5 + 0.7) / 2)


def test_the_caption_tells_the_error(
    network: tuple[LeelaNetwork, Path],
    records: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pack([records], tmp_path / "packed", SIZE)
    found = measure_network(str(network[1]), [str(tmp_path / "packed")], precision="fp32")
    print_measurements(found)
    caption = capsys.readouterr().out.splitlines()[-1]
    decided = sum(row["count"] for row in found["calibration"])
    assert f"{found['calibration_error']:.1%} ({decided} decided positions)." in caption
    assert 0 < decided < found["positions"]  # the game without a result does not count
    print_measurements(found | {"calibration": bins_of((0.5, np.nan)), "calibration_error": None})
    assert "no decided games" in capsys.readouterr().out


# Pictures


@pytest.mark.parametrize("name", ["plot.png", "plot.svg"])
def test_json_and_a_picture_at_once(
    network: tuple[LeelaNetwork, Path], records: Path, tmp_path: Path, name: str
) -> None:
    pack([records], tmp_path / "packed", SIZE)
    wanted = ["--sample", 60, "--json", "--plot", tmp_path / name]
    done = run_here("eval", network[1], tmp_path / "packed", *wanted)
    found = json.loads(done.stdout)
    content = (tmp_path / name).read_bytes()
    if name.endswith(".png"):
        assert content.startswith(b"\x89PNG")
    else:
        assert f"calibration error {found['calibration_error']:.1%}" in content.decode()
        assert all(f">{phase}<" in content.decode() for phase in found["phases"])


def test_pictures_that_cannot_be_are_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"to end in \.png or \.svg"):
        check_plot(tmp_path / "plot.gif")
    with pytest.raises(UserError, match="there is no folder"):
        check_plot(tmp_path / "nowhere" / "plot.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match=r"pip install 'lzeval\[plot\]'"):
        check_plot(tmp_path / "plot.png")


def test_without_matplotlib_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run_here("eval", "nothing", "nowhere", "--plot", tmp_path / "a.png")
    assert done.returncode == 2
    assert done.stderr == "lzeval: plots need matplotlib: pip install 'lzeval[plot]'\n"
