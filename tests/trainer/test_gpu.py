"""Training's ways with a GPU, as far as they show without one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from engines.evaluator.base import EvaluatorInfo
from engines.evaluator.load import EvaluatorPlan
from tests.support.fakes.evaluators import fake_info
from trainer.data.batches import ShuffledBatches
from trainer.data.datamodule import GoData
from trainer.training.module import LOOK_EVERY, DivergedError, GoModule
from trainer.training.run import multiplies_bf16
from trainer.training.teacher import Teacher


class OnGpu(torch.Tensor):
    """A number that says it is on a GPU."""

    device = torch.device("cuda", 0)


def batches_until_told(losses: list[float], kind: type[torch.Tensor]) -> int | None:
    """How many losses a module has seen when it says that one was no number; None: it never does."""

    def diverged(what: str) -> DivergedError:
        assert what.startswith("the loss is ")
        return DivergedError(what)

    module: Any = SimpleNamespace(_unseen=0.0, diverged=diverged)
    for number, loss in enumerate(losses):
        try:
            GoModule._require_number(module, torch.tensor(loss).as_subclass(kind), number)
        except DivergedError:
            return number + 1
    return None


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_on_a_gpu_is_looked_at_every_now_and_then(loss: float) -> None:
    losses = [1.0] * 5 + [loss] + [1.0] * 3 * LOOK_EVERY
    assert batches_until_told(losses, torch.Tensor) == 6
    assert batches_until_told(losses, OnGpu) == LOOK_EVERY
    assert batches_until_told([1e30] * 3 * LOOK_EVERY, OnGpu) is None


@pytest.mark.parametrize(
    ("rank", "device"), [(None, "cuda:0"), ("0", "cuda:0"), ("3", "cuda:3"), ("5", "cuda:1")]
)
def test_each_process_has_its_teacher_on_its_own_gpu(
    rank: str | None, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    info: EvaluatorInfo = fake_info(5)
    plan = EvaluatorPlan(info, "cuda", "fp16", 8, None, "net.txt")
    monkeypatch.setattr("trainer.training.teacher.plan_evaluator", lambda *_, **__: plan)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    monkeypatch.setattr(EvaluatorPlan, "build", lambda plan, *_: plan.device)
    if rank is None:
        monkeypatch.delenv("LOCAL_RANK", raising=False)
    else:
        monkeypatch.setenv("LOCAL_RANK", rank)
    teacher: Any = Teacher("net.txt", 8, 5, 1)
    assert teacher._policy == device


@pytest.mark.parametrize(
    ("kind", "as_bits", "pinned"), [("cpu", False, False), ("cuda", True, True), ("mps", True, False)]
)
def test_batches_for_a_gpu_are_bits_in_page_locked_memory(kind: str, as_bits: bool, pinned: bool) -> None:
    trainer = SimpleNamespace(
        strategy=SimpleNamespace(root_device=torch.device(kind)),
        global_step=0,
        accumulate_grad_batches=1,
        global_rank=0,
        world_size=1,
    )
    made: dict[str, bool] = {}

    def batches(*_: int, as_bits: bool) -> ShuffledBatches:
        made["as_bits"] = as_bits
        return ShuffledBatches([], 4, 1, weights=[])

    data: Any = SimpleNamespace(trainer=trainer, batches=batches, config=SimpleNamespace(workers=0))
    loader: DataLoader[Any] = GoData.train_dataloader(data)
    assert (made["as_bits"], loader.pin_memory) == (as_bits, pinned)


def test_a_gpu_that_is_not_used_says_nothing_of_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    for probe in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, probe, lambda: False, raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (9, 0))
    assert multiplies_bf16()
    assert multiplies_bf16("gpu")
    assert not multiplies_bf16("cpu")
