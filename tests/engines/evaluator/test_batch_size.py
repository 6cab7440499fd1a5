from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engines.evaluator import batch_size, cache, devices
from engines.evaluator.base import IN_FLIGHT
from engines.evaluator.batch_size import SIZES, measured_batch_size, positions_a_second
from engines.evaluator.load import EvaluatorPlan
from lzeval.errors import UserError
from tests.support.fakes.evaluators import HashEvaluator, fake_info
from tests.support.fakes.slow_device import SlowDevice


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes for which a plan has been built, in a device of which `speeds` tells the speed."""
    sizes: list[int] = []

    def build(plan: EvaluatorPlan, threads: int = 1, lanes: int = 1) -> SlowDevice:
        assert lanes == IN_FLIGHT
        sizes.append(plan.batch_size)
        return SlowDevice(HashEvaluator(5, plan.batch_size))

    monkeypatch.setattr(cache, "graph_folder", lambda: tmp_path)
    monkeypatch.setattr(devices, "identity", lambda device: f"pretended {device}")
    monkeypatch.setattr(EvaluatorPlan, "build", build)
    return sizes


PLAN = EvaluatorPlan(fake_info(5), "cuda", "fp16", 16, None, "net.txt")


def has_speeds(monkeypatch: pytest.MonkeyPatch, speeds: dict[int, float]) -> None:
    """Let the device have these speeds by size of batches, and no memory for other sizes."""

    def speed(evaluator: Any, _: float) -> float:
        if evaluator.batch_size not in speeds:
            raise UserError("too little memory")
        return speeds[evaluator.batch_size]

    monkeypatch.setattr(batch_size, "positions_a_second", speed)


@pytest.mark.parametrize(
    ("speeds", "chosen"),
    [((10, 20, 40, 80), 512), ((10, 20, 38, 40), 256), ((91, 95, 100, 99), 64), ((89, 95, 100, 60), 128)],
)
def test_the_smallest_that_is_nearly_fastest(
    speeds: tuple[float, ...], chosen: int, built: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    has_speeds(monkeypatch, dict(zip(SIZES, speeds, strict=True)))
    assert measured_batch_size(PLAN) == chosen
    assert built == list(SIZES)


def test_it_is_measured_once_for_a_shape(built: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    has_speeds(monkeypatch, dict.fromkeys(SIZES, 1.0))
    assert measured_batch_size(PLAN) == SIZES[0]
    has_speeds(monkeypatch, {size: float(size) for size in SIZES})
    assert measured_batch_size(PLAN.with_batch(1)) == SIZES[0]
    assert measured_batch_size(EvaluatorPlan(PLAN.info, "cuda", "fp32", 16, None, "net.txt")) == SIZES[-1]
    assert len(built) == 2 * len(SIZES)


def test_what_has_no_memory_is_not_chosen_and_measured_again(
    built: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program may have had it."""
    has_speeds(monkeypatch, {size: float(size) for size in SIZES[:2]})
    assert measured_batch_size(PLAN) == SIZES[1]
    has_speeds(monkeypatch, {size: float(size) for size in SIZES})
    assert measured_batch_size(PLAN) == SIZES[-1]
    assert built == [*SIZES[:3], *SIZES]


@pytest.mark.usefixtures("built")
def test_no_memory_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    has_speeds(monkeypatch, {})
    with pytest.raises(UserError, match="too little memory"):
        measured_batch_size(PLAN)


def test_the_measurement_keeps_two_batches_under_way() -> None:
    device = SlowDevice(HashEvaluator(5, 4))
    assert positions_a_second(device, 0.02) > 0
    assert device.most_under_way == IN_FLIGHT
    assert not device.under_way
