from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engines.evaluator import cache, load, openvino_backend
from engines.evaluator.base import Evaluator, NetworkAnswer, Planes
from engines.evaluator.load import EvaluatorPlan, plan_evaluator, sample_planes
from lzeval.errors import UserError
from lzeval.network.checkpoint import load_network
from lzeval.network.leela import weights_from_network, write_network
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from lzeval.network.weights_file.weights import write_weights
from tests.support.fakes.weights_files import lived_in_network, random_planes

SHAPES = [NetworkShape(1, 4, 5), NetworkShape(2, 12, 9), NetworkShape(3, 16, 19)]
TOLERANCE = 1e-4
REPORTS_ARE_OFF_WITH = {"CI", "TF_BUILD", "JENKINS_URL"}
"""Variables at which OpenVINO sends its makers nothing."""


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture(autouse=True)
def own_cache(graphs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs of these networks are kept among themselves."""
    monkeypatch.setattr(cache, "graph_folder", lambda: graphs)


def write(path: Path, shape: NetworkShape = SHAPES[1], seed: int = 1) -> Path:
    write_network(lived_in_network(seed, shape), path)
    return path


def planes(count: int, size: int, seed: int = 0) -> Planes:
    return random_planes(count, size, seed).numpy().astype(np.uint8)


def expected(network: LeelaNetwork, shown: Planes) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Policy and the mover's value by the plain network in torch."""
    with torch.inference_mode():
        answer = network(torch.from_numpy(shown.astype(np.float32)))
    return answer.policy_logits.softmax(1).numpy(), answer.value.numpy()


def assert_answers_like(evaluator: Evaluator, network: LeelaNetwork, tolerance: float = TOLERANCE) -> None:
    for seed in range(3):
        shown = planes(evaluator.batch_size, network.shape.board_size, seed)
        answer = evaluator.evaluate(shown)
        policy, value = expected(network, shown)
        assert answer.policy.dtype == np.float32
        assert answer.value.dtype == np.float32
        np.testing.assert_allclose(answer.policy, policy, atol=tolerance, rtol=0)
        np.testing.assert_allclose(answer.value, value, atol=tolerance, rtol=0)
    assert np.ptp(value) > 10 * TOLERANCE


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("batch_size", [1, 5])
def test_openvino_answers_like_torch(shape: NetworkShape, batch_size: int, tmp_path: Path) -> None:
    file = write(tmp_path / "net.txt", shape, 3)
    plan = plan_evaluator(file, precision="fp32", device="cpu", batch_size=batch_size)
    network = load_network(file).network
    evaluator = plan.build()
    if batch_size > 1:
        assert_answers_like(evaluator, network)
    one = planes(batch_size, shape.board_size)
    np.testing.assert_allclose(evaluator.evaluate(one).policy, expected(network, one)[0], atol=TOLERANCE)
    assert evaluator.info.backend.startswith("openvino 20")
    assert (evaluator.info.precision, evaluator.info.network) == ("fp32", "net")


THE_FIRST_EVALUATOR = """
import atexit, signal, sys, threading
from pathlib import Path
suspicious = {"os.fork", "socket.connect", "socket.getaddrinfo"}
seen = set()
sys.addaudithook(lambda event, _: seen.add(event) if event in suspicious else None)
atexit.register(lambda: print(sorted(seen)))  # after the last thread has ended
from engines.evaluator.load import plan_evaluator
held = [plan_evaluator(Path(sys.argv[1])).build()]
last_holder = threading.Thread(target=held.clear)
last_holder.start()
last_holder.join()
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
signal.raise_signal(signal.SIGTERM)
"""


def test_an_evaluator_forks_nothing_sends_nothing_and_leaves_signals_alone(tmp_path: Path) -> None:
    """A fork while numpy multiplies matrices in threads would have it wait for ever."""
    home = tmp_path / "home"
    home.mkdir()
    arguments = [sys.executable, "-c", THE_FIRST_EVALUATOR, str(write(tmp_path / "net.txt"))]
    environment = {name: value for name, value in os.environ.items() if name not in REPORTS_ARE_OFF_WITH}
    environment |= {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(home), "USERPROFILE": str(home)}
    ran = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "handled\n[]\n"), ran.stderr
    assert not list(home.glob("intel"))


def torch_plan(file: Path, device: str, precision: str = "fp32", batch_size: int = 8) -> EvaluatorPlan:
    plan = plan_evaluator(file, precision="fp32", device="torch", batch_size=batch_size)
    return replace(plan, device=device, precision=precision)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_torch_on_the_cpu_answers_like_torch(shape: NetworkShape, tmp_path: Path) -> None:
    file = write(tmp_path / "net.txt", shape, 4)
    evaluator = torch_plan(file, "torch").build()
    assert_answers_like(evaluator, load_network(file).network)
    assert evaluator.info.backend.startswith("torch ")


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 5e-3), ("fp16", 0.02), ("bf16", 0.1)])
def test_cuda_answers_like_torch(precision: str, tolerance: float, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    file = write(tmp_path / "net.txt", SHAPES[2], 5)
    evaluator = torch_plan(file, "cuda", precision, 64).build()
    assert_answers_like(evaluator, load_network(file).network, tolerance)
    assert_rows_are_independent(evaluator)


def assert_rows_are_independent(evaluator: Evaluator) -> None:
    """A position's answer is the same to the last bit in any company, and in any place of the batch."""
    batch, size = evaluator.batch_size, evaluator.info.board_size
    position = planes(1, size, 77)[0]
    answers = set()
    for place in range(batch):
        for company in range(3):
            shown = (
                planes(batch, size, 1000 * place + company) if company else np.zeros_like(planes(batch, size))
            )
            shown[place] = position
            answer = evaluator.evaluate(shown)
            answers.add((answer.policy[place].tobytes(), answer.value[place].tobytes()))
    assert len(answers) == 1


@pytest.mark.parametrize("shape", [*SHAPES, NetworkShape(2, 64, 19)], ids=str)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_rows_are_independent(shape: NetworkShape, precision: str, tmp_path: Path) -> None:
    plan = plan_evaluator(write(tmp_path / "net.txt", shape), precision="fp32", device="cpu")
    assert_rows_are_independent(replace(plan, precision=precision).build())


def test_a_version_2_value_is_blacks(tmp_path: Path) -> None:
    network = lived_in_network(6, SHAPES[1])
    weights = weights_from_network(network)
    write_weights(weights, tmp_path / "movers.txt")
    write_weights(replace(weights, version=2), tmp_path / "blacks.txt")
    shown = planes(8, 9)
    values = []
    for name in ("movers.txt", "blacks.txt"):
        plan = plan_evaluator(tmp_path / name, precision="fp32", device="cpu", batch_size=8)
        values.append(plan.build().evaluate(shown).value.copy())
    black_to_move = shown[:, 16, 0, 0] == 1
    assert 0 < black_to_move.sum() < 8
    np.testing.assert_allclose(values[1], np.where(black_to_move, values[0], -values[0]), atol=1e-6)
    evaluator = torch_plan(tmp_path / "blacks.txt", "torch").build()
    np.testing.assert_allclose(evaluator.evaluate(shown).value, values[1], atol=TOLERANCE)


class TestPrecision:
    @pytest.fixture(autouse=True)
    def nothing_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cache, "graph_folder", lambda: tmp_path / "graphs")

    def test_a_verdict_is_kept_and_the_network_not_read_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(openvino_backend, "multiplies_bf16", lambda: True)
        monkeypatch.setattr(load, "compare", lambda *_: (1.0, 0.01))
        first = plan_evaluator(write(tmp_path / "net.txt"))

        def refuse(*_: object) -> None:
            raise AssertionError("tried again")

        monkeypatch.setattr(load, "compare", refuse)
        monkeypatch.setattr("lzeval.network.checkpoint.load_network", refuse)
        assert plan_evaluator(tmp_path / "net.txt") == first
        (tmp_path / "net.txt").rename(tmp_path / "other.txt")
        assert plan_evaluator(tmp_path / "other.txt").info == replace(first.info, network="other")
        write(tmp_path / "net.txt", seed=2)
        with pytest.raises(AssertionError, match="tried again"):
            plan_evaluator(tmp_path / "net.txt")

    @pytest.mark.parametrize("content", ["", "{", "[]", "null"])
    def test_a_damaged_memo_is_as_good_as_none(self, content: str, tmp_path: Path) -> None:
        first = plan_evaluator(write(tmp_path / "net.txt"), precision="fp32")
        for file in (tmp_path / "graphs").glob("*.json"):
            file.write_text(content)
        assert plan_evaluator(tmp_path / "net.txt", precision="fp32") == first

    def test_without_bf16_arithmetic(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = write(tmp_path / "net.txt")
        monkeypatch.setattr(openvino_backend, "multiplies_bf16", lambda: False)
        silent = plan_evaluator(file, precision="auto", device="cpu")
        assert (silent.precision, silent.info.note) == ("fp32", "")
        asked = plan_evaluator(file, precision="bf16", device="cpu")
        assert (asked.precision, asked.info.note) == ("fp32", "this processor has no bf16 arithmetic")
        assert asked.build().info.precision == "fp32"

    @pytest.mark.parametrize("wanted", ["auto", "bf16"])
    @pytest.mark.parametrize(
        ("agreement", "shift", "accepted"), [(1.0, 0.0, True), (0.85, 0.0, False), (1.0, 0.04, False)]
    )
    def test_bf16_is_used_where_its_answers_stay_close(
        self,
        wanted: str,
        agreement: float,
        shift: float,
        accepted: bool,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(openvino_backend, "multiplies_bf16", lambda: True)
        monkeypatch.setattr(load, "compare", lambda *_: (agreement, shift))
        plan = plan_evaluator(write(tmp_path / "net.txt"), precision=wanted, device="cpu")
        assert plan.precision == ("bf16" if accepted else "fp32")
        assert plan.info.note.startswith("" if accepted else "bf16 refused: best move kept in ")
        assert bool(plan.info.note) is not accepted

    def test_what_is_compared(self, tmp_path: Path) -> None:
        plan = plan_evaluator(write(tmp_path / "a.txt"), precision="fp32", device="cpu")
        other = plan_evaluator(write(tmp_path / "b.txt", seed=2), precision="fp32", device="cpu")
        assert load.compare(plan, plan) == (1.0, 0.0)
        agreement, shift = load.compare(plan, other)
        assert agreement < 0.9
        assert shift > 0.03

    def test_near_ties_may_change_places(self) -> None:
        """An evaluator whose two best moves lie 5 % apart, and others that turn them round or say something else."""

        def plan(first: float, second: float, third: float) -> Any:
            policy = np.zeros((16, 82), np.float32)
            policy[:, :3] = first, second, third
            policy[:, 3:] = (1 - policy.sum(1, keepdims=True)) / 79
            answer = NetworkAnswer(policy, np.zeros(16, np.float32))
            evaluator = SimpleNamespace(batch_size=16, evaluate=lambda _: answer)
            return SimpleNamespace(info=SimpleNamespace(board_size=9), build=lambda *_: evaluator)

        assert load.compare(plan(0.4, 0.38, 0.1), plan(0.38, 0.4, 0.1))[0] == 1.0
        assert load.compare(plan(0.4, 0.30, 0.1), plan(0.30, 0.4, 0.1))[0] == 0.0
        assert load.compare(plan(0.4, 0.38, 0.1), plan(0.10, 0.1, 0.4))[0] == 0.0

    def test_a_network_meets_its_own_positions(self, tmp_path: Path) -> None:
        evaluator = plan_evaluator(
            write(tmp_path / "a.txt"), precision="fp32", device="cpu", batch_size=8
        ).build()
        first, again = (load.own_positions(evaluator, 9, 30) for _ in range(2))
        shown = np.concatenate(first)
        np.testing.assert_array_equal(shown, np.concatenate(again))
        assert shown.shape == (32, 18, 9, 9)
        assert not (shown[:, 0] & shown[:, 8]).any()
        assert len({planes.tobytes() for planes in shown}) == 32
        stones = shown[:, [0, 8]].sum((1, 2, 3))
        assert stones.min() >= 4
        assert stones.max() > 15

    def test_sample_positions_are_positions(self) -> None:
        shown = sample_planes(9, 40)
        assert shown.shape == (40, 18, 9, 9)
        assert not (shown[:, :8] & shown[:, 8:16]).any()
        assert ((shown[:, 16].all((1, 2))) ^ (shown[:, 17].all((1, 2)))).all()
        stones = shown[:, [0, 8]].sum((1, 2, 3))
        assert stones.min() < 6
        assert stones.max() > 20


def test_one_network_under_two_names(tmp_path: Path) -> None:
    one, copy, other = (
        plan_evaluator(write(tmp_path / f"{name}.txt", seed=seed), precision="fp32", device="cpu")
        for name, seed in (("one", 1), ("copy", 1), ("other", 2))
    )
    assert one.answers_like(copy)
    assert not one.answers_like(other)
    assert not one.answers_like(replace(copy, precision="bf16"))
    assert not one.answers_like(replace(copy, batch_size=3))


def test_a_graph_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "graph_folder", lambda: tmp_path / "graphs")
    file = write(tmp_path / "net.txt")
    first = plan_evaluator(file, precision="fp32", device="cpu")
    kept = sorted(path.suffix for path in (tmp_path / "graphs").iterdir())
    assert kept == [".bin", ".json", ".xml"]

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr("openvino.convert_model", refuse)
    assert plan_evaluator(file, precision="fp32", device="cpu") == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "fp8"}, "precision 'fp8' is not one of auto, fp32, bf16"),
        (
            {"device": "tpu"},
            "device 'tpu' is not one of auto, cpu, cuda, cuda:N, mps, xpu, openvino-gpu, torch",
        ),
        ({"board_size": 19}, "net.txt: a network for 9x9 boards cannot play on 19x19"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        plan_evaluator(write(tmp_path / "net.txt"), **options)
    assert str(caught.value).endswith(message)


def test_no_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="torch finds no CUDA device"):
        plan_evaluator(write(tmp_path / "net.txt"), device="cuda")


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(cache, "graph_folder", lambda: tmp_path / "file" / "graphs")
    with pytest.raises(UserError, match="graph cannot be kept in"):
        plan_evaluator(write(tmp_path / "net.txt"), precision="fp32", device="cpu")
