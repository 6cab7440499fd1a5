from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engines.evaluator import cache, devices, load
from engines.evaluator.base import NetworkAnswer
from engines.evaluator.load import EvaluatorPlan, own_positions, plan_evaluator
from lzeval.errors import UserError
from lzeval.network.leela import write_network
from lzeval.network.weights_file.weights import NetworkShape
from lzeval.system.devices import is_device
from lzeval.system.machine import available_cores
from tests.support.command_line import environment, program
from tests.support.fakes.evaluators import fake_info
from tests.support.fakes.weights_files import lived_in_network

UNTRIED = ("mps", "xpu", "openvino-gpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "graph_folder", lambda: tmp_path / "graphs")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    write_network(lived_in_network(1, NetworkShape(2, 12, 9)), tmp_path / "net.txt")
    return tmp_path / "net.txt"


@pytest.fixture
def has_every_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch and OpenVINO say that there is one of each, of Nvidia's two."""
    monkeypatch.setattr(devices, "_has_cuda_driver", lambda: True)
    for name in ("cuda", "xpu", "backends.mps"):
        monkeypatch.setattr(f"torch.{name}.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("openvino.Core.available_devices", property(lambda _: ["CPU", "GPU.0", "GPU.1"]))


@pytest.mark.parametrize(
    "name", ["", "gpu", "cuda:", "cuda:N", "cuda:-1", "cuda:01", "cuda:x", "mps:0", "CPU"]
)
def test_what_is_no_device(name: str) -> None:
    assert not is_device(name)
    with pytest.raises(
        UserError, match="is not one of auto, cpu, cuda, cuda:N, mps, xpu, openvino-gpu, torch"
    ):
        devices.chosen(name)


@pytest.mark.usefixtures("has_every_gpu")
@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:1", "torch", *UNTRIED])
def test_a_device_that_is_there_is_taken(name: str) -> None:
    assert devices.chosen(name) == name


@pytest.mark.usefixtures("has_every_gpu")
def test_auto_takes_no_device_that_nobody_has_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.chosen("auto") == "cuda"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert devices.chosen("auto") == "cpu"
    monkeypatch.setattr(devices, "has_openvino", lambda: False)
    assert devices.chosen("auto") == "torch"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cuda", "torch finds no CUDA device here"),
        ("cuda:1", "torch finds no CUDA device here"),
        ("mps", "torch finds no GPU of Apple's here"),
        ("xpu", "torch finds no GPU of Intel's here"),
        ("openvino-gpu", "OpenVINO finds no GPU of Intel's here"),
    ],
)
def test_a_device_that_is_not_there(name: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("cuda", "xpu", "backends.mps"):
        monkeypatch.setattr(f"torch.{each}.is_available", lambda: False)
    monkeypatch.setattr("openvino.Core.available_devices", property(lambda _: ["CPU"]))
    with pytest.raises(UserError) as caught:
        devices.chosen(name)
    assert str(caught.value) == f"device {name} was asked for, and {reason}"


@pytest.mark.usefixtures("has_every_gpu")
def test_a_number_beyond_the_last() -> None:
    with pytest.raises(UserError) as caught:
        devices.chosen("cuda:2")
    assert str(caught.value) == "device cuda:2 was asked for, and there are 2 here, from cuda:0"


@pytest.mark.usefixtures("has_every_gpu")
def test_processes_share_gpus() -> None:
    assert [devices.process_count(threads, "cuda") for threads in (None, 1, 2, 8)] == [
        min(2, available_cores()),
        1,
        2,
        2,
    ]
    assert [devices.process_count(8, device) for device in ("cuda:1", "mps", "cpu", "torch")] == [1, 1, 8, 8]
    assert devices.process_count(None, "cpu") == available_cores()
    assert [devices.count(device) for device in ("cuda", "cuda:1", "xpu", "torch")] == [2, 1, 1, 1]
    assert [devices.numbered("cuda", process) for process in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert [devices.numbered(device, 1) for device in ("cuda:0", "mps")] == ["cuda:0", "mps"]


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_torch_stands_in_for_openvino(device: str, network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "has_openvino", lambda: False)
    monkeypatch.setattr(devices, "_has_cuda_driver", lambda: False)
    plan = plan_evaluator(network, device=device)
    assert (plan.device, plan.precision, plan.graph) == ("torch", "fp32", None)
    assert plan.info.note == "OpenVINO cannot be loaded here, so torch answers on the CPU, more slowly"
    assert plan_evaluator(network, device="torch") == replace(plan, info=replace(plan.info, note=""))
    with pytest.raises(
        UserError, match="device openvino-gpu was asked for, and OpenVINO cannot be loaded here"
    ):
        plan_evaluator(network, device="openvino-gpu")


@pytest.mark.parametrize("shape", [NetworkShape(2, 12, 9), NetworkShape(3, 64, 19)], ids=str)
def test_torch_is_openvinos_judge(shape: NetworkShape, tmp_path: Path) -> None:
    write_network(lived_in_network(2, shape), tmp_path / "net.txt")
    judged, judge = (
        plan_evaluator(tmp_path / "net.txt", device=device, precision="fp32", batch_size=8)
        for device in ("cpu", "torch")
    )
    assert load.compare(judge, judged)[0] == 1.0
    one, other = judge.build(), judged.build()
    for shown in own_positions(one, shape.board_size, 24):
        expected = one.evaluate(shown)
        found = other.evaluate(shown)
        np.testing.assert_allclose(found.policy, expected.policy, atol=1e-4)
        np.testing.assert_allclose(found.value, expected.value, atol=1e-4)


def test_an_engine_plays_alike_on_both(network: Path) -> None:
    asked = "boardsize 9\n" + "genmove b\ngenmove w\n" * 3 + "quit\n"
    played = [
        subprocess.run(
            program("gtp", network, "--device", device, "--precision", "fp32", "--visits", 20, "--quiet"),
            env=environment(),
            input=asked,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for device in ("cpu", "torch")
    ]
    assert played[0] == played[1]
    assert len({move for move in played[0] if move != "="}) == 6


def test_bf16_on_torch_is_checked_and_never_unasked(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan_evaluator(network, device="torch", precision="bf16")
    assert found.build().info.precision == found.precision
    assert plan_evaluator(network, device="torch").precision == "fp32"
    monkeypatch.setattr(load, "_compared", lambda _: (0.5, 0.0))
    refused = plan_evaluator(network, device="torch", precision="bf16")
    assert refused.precision == "fp32"
    assert refused.info.note == "bf16 refused: best move kept in 50%, values 0.000 apart on average"


@pytest.mark.usefixtures("has_every_gpu")
class TestGpu:
    """Devices that are not here, built as torch on the CPU is."""

    @pytest.fixture(autouse=True)
    def pretended(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
        """How far values of a precision are off."""
        off: dict[str, float] = {}
        build = EvaluatorPlan.build

        def built(plan: EvaluatorPlan, threads: int = 1) -> Any:
            if plan.device in ("cpu", "torch"):
                return build(plan, threads)
            real = replace(plan, device="torch" if plan.graph is None else "cpu", precision="fp32")
            evaluator = build(real, threads)
            answer = evaluator.evaluate

            def shifted(planes: Any) -> NetworkAnswer:
                policy, value = answer(planes)
                return NetworkAnswer(policy, value + np.float32(off.get(plan.precision, 0.0)))

            monkeypatch.setattr(evaluator, "evaluate", shifted)
            return evaluator

        monkeypatch.setattr(EvaluatorPlan, "build", built)
        monkeypatch.setattr(load, "measured_batch_size", lambda _: 64)
        monkeypatch.setattr(devices, "identity", lambda device: f"pretended {device}")
        return off

    @pytest.mark.parametrize("device", ["cuda", "cuda:1", *UNTRIED])
    def test_half_precision_where_it_is_near_enough(self, device: str, network: Path) -> None:
        plan = plan_evaluator(network, device=device)
        assert (plan.device, plan.precision, plan.info.note) == (device, "fp16", "")
        assert plan_evaluator(network, device=device, precision="fp32").precision == "fp32"

    @pytest.mark.parametrize("device", ["cuda", *UNTRIED])
    def test_what_strays_is_refused(self, device: str, network: Path, pretended: dict[str, float]) -> None:
        pretended["fp16"] = 0.05
        plan = plan_evaluator(network, device=device)
        assert plan.precision == "fp32"
        assert plan.info.note == "fp16 refused: best move kept in 100%, values 0.050 apart on average"

    @pytest.mark.parametrize("off", [0.5, np.nan])
    @pytest.mark.parametrize("precision", ["auto", "fp32"])
    def test_a_device_that_is_wrong_in_fp32_is_not_used(
        self, off: float, precision: str, network: Path, pretended: dict[str, float]
    ) -> None:
        pretended.update(dict.fromkeys(("fp16", "fp32"), off))
        with pytest.raises(
            UserError, match="net: mps answers otherwise than the CPU, in fp32 as well"
        ) as caught:
            plan_evaluator(network, device="mps", precision=precision)
        assert "\n" not in str(caught.value)

    def test_a_verdict_is_kept(self, network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = plan_evaluator(network, device="xpu")
        monkeypatch.setattr(load, "compare", lambda *_: pytest.fail("tried again"))
        assert plan_evaluator(network, device="xpu") == first

    def test_openvino_has_no_bf16_on_a_gpu(self, network: Path) -> None:
        plan = plan_evaluator(network, device="openvino-gpu", precision="bf16")
        assert (plan.precision, plan.info.note) == ("fp32", "OpenVINO has no bf16 on a GPU")


def test_the_number_of_a_gpu_changes_no_answer() -> None:
    one = EvaluatorPlan(fake_info(9), "cuda:0", "fp16", 64, None, "net.txt")
    assert one.answers_like(replace(one, device="cuda:1"))
    assert not one.answers_like(replace(one, device="torch"))


def test_identities_of_what_is_here() -> None:
    assert devices.identity("cpu").startswith("openvino 20")
    assert devices.identity("torch").startswith(f"torch {torch.__version__} torch ")
