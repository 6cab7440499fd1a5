"""The evaluator for CUDA on a CUDA that is simulated: streams do at once what they are told, graphs run again."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.evaluator import cuda_backend
from engines.evaluator.base import IN_FLIGHT, EvaluatorInfo
from engines.evaluator.batch_size import positions_a_second
from engines.evaluator.cuda_backend import CudaEvaluator, CudaNetwork
from engines.evaluator.in_thread import is_asynchronous
from engines.evaluator.torch_backend import TorchEvaluator
from lzeval.errors import UserError
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.weights import NetworkShape
from tests.support.fakes.evaluators import fake_info
from tests.support.fakes.weights_files import lived_in_network, random_planes

SHAPE, BATCH = NetworkShape(2, 8, 9), 6
INFO: EvaluatorInfo = fake_info(9, "net")
RUN: Any = TorchEvaluator.run


class Graph:
    """Runs the network again from the input that it was captured with, into the output of then."""

    def __init__(self) -> None:
        self.replays = 0
        self.network: Any = None
        self.given: Tensor | None = None
        self.output: tuple[Tensor, ...] = ()

    @torch.inference_mode()
    def replay(self) -> None:
        self.replays += 1
        for part, new in zip(self.output, RUN(self.network, self.given), strict=True):
            part.copy_(new)


class Stream:
    def __init__(self, device: object) -> None:
        assert str(device) == "cpu"

    def wait_stream(self, other: object) -> None:
        pass

    def synchronize(self) -> None:
        pass


class Event:
    def __init__(self, *, blocking: bool) -> None:
        assert blocking
        self.recorded = False

    def record(self, stream: Stream) -> None:
        self.recorded = isinstance(stream, Stream)

    def synchronize(self) -> None:
        assert self.recorded


class Cuda:
    """What is going on in the simulated library."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []
        self.capturing: Graph | None = None
        self.refusal: Exception | None = None
        """What a capture raises."""
        self.pinned = 0

    @contextmanager
    def capture(self, graph: Graph, *, stream: Stream, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        assert isinstance(stream, Stream)
        if self.refusal is not None:
            raise self.refusal
        self.capturing = graph
        yield
        self.capturing = None
        self.graphs.append(graph)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    library = Cuda()
    run = CudaNetwork.run

    def noted(network: CudaNetwork, planes: Tensor) -> tuple[Tensor, Tensor]:
        output = run(network, planes)
        if library.capturing is not None:
            graph = library.capturing
            graph.network, graph.given, graph.output = network, planes, output
        return output

    def unpinned(make: Any) -> Any:
        def made(*arguments: Any, pin_memory: bool = False, **options: Any) -> Tensor:
            library.pinned += pin_memory
            tensor: Tensor = make(*arguments, **options)
            return tensor

        return made

    for name in ("zeros", "zeros_like", "empty"):
        monkeypatch.setattr(torch, name, unpinned(getattr(torch, name)))
    for name, stand_in in {
        "Stream": Stream,
        "Event": Event,
        "CUDAGraph": Graph,
        "graph": library.capture,
        "stream": lambda _: nullcontext(),
        "device": lambda _: nullcontext(),
        "current_stream": lambda _: Stream("cpu"),
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(CudaNetwork, "run", noted)
    return library


def evaluator(lanes: int = 1) -> CudaEvaluator:
    return CudaEvaluator(network(), INFO, BATCH, "fp32", "cpu", lanes)


def network() -> LeelaNetwork:
    return lived_in_network(3, SHAPE)


def shown(seed: int) -> Any:
    return random_planes(BATCH, 9, seed).numpy().astype(np.uint8)


def expected(seed: int) -> bytes:
    answer = TorchEvaluator(network(), INFO, BATCH, "fp32", "torch").evaluate(shown(seed))
    return answer.policy.tobytes() + answer.value.tobytes()


def test_it_answers_like_torch(cuda: Cuda) -> None:
    found = evaluator()
    assert (found.info.device, found.info.precision, found.batch_size) == ("cpu", "fp32", BATCH)
    assert is_asynchronous(found)
    for seed in (1, 2, 1):
        answer = found.evaluate(shown(seed))
        assert answer.policy.tobytes() + answer.value.tobytes() == expected(seed)
    assert [graph.replays for graph in cuda.graphs] == [4]  # the first was the check


def test_each_lane_has_its_own_graph_and_answers_stay(cuda: Cuda) -> None:
    found = evaluator(IN_FLIGHT)
    planes = [found.make_planes() for _ in range(4)]
    for seed, given in enumerate(planes):
        given[:] = shown(seed)
    tickets = [found.submit(given) for given in planes]
    answers = [ticket.result() for ticket in tickets]
    for seed, answer in enumerate(answers):
        assert answer.policy.tobytes() + answer.value.tobytes() == expected(seed)
    assert [graph.replays for graph in cuda.graphs] == [3, 3]
    assert cuda.pinned == 1 + 4 + 2 * 4
    assert positions_a_second(found, 0.01) > 0


def test_without_a_graph_the_network_is_run(cuda: Cuda) -> None:
    cuda.refusal = RuntimeError("operation not permitted when stream is capturing")
    found = evaluator(IN_FLIGHT)
    for seed in range(3):
        answer = found.evaluate(shown(seed))
        assert answer.policy.tobytes() + answer.value.tobytes() == expected(seed)
    assert not cuda.graphs


def test_a_graph_that_says_something_else_is_not_used(cuda: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Graph, "replay", torch.inference_mode()(lambda graph: graph.output[0].zero_()))
    answer = evaluator().evaluate(shown(1))
    assert answer.policy.tobytes() + answer.value.tobytes() == expected(1)


@pytest.mark.parametrize("when", ["building", "capturing", "answering"])
def test_too_little_memory_is_one_line(when: str, cuda: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    found = evaluator() if when == "answering" else None
    if when == "building":
        monkeypatch.setattr(CudaNetwork, "__init__", exhausted)
    elif when == "capturing":
        cuda.refusal = torch.cuda.OutOfMemoryError("CUDA out of memory")
    else:
        monkeypatch.setattr(Graph, "replay", exhausted)
    with pytest.raises(UserError) as caught:
        evaluator() if found is None else found.evaluate(shown(1))
    assert str(caught.value) == (
        "cpu has too little free memory for net in batches of 6; end what else uses it, or take another --device"
    )


def test_kernels_are_not_chosen_by_a_race_and_fp32_is_not_tf32(
    cuda: Cuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()

    def noted(network: TorchEvaluator, planes: Tensor) -> tuple[Tensor, Tensor]:
        cudnn = torch.backends.cudnn
        seen.add((cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32))
        output: tuple[Tensor, Tensor] = RUN(network, planes)
        return output

    before = torch.backends.cudnn.allow_tf32
    monkeypatch.setattr(cuda_backend.TorchEvaluator, "run", noted)
    evaluator().evaluate(shown(1))
    assert seen == {(False, True, False)}
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.usefixtures("cuda")
def test_an_evaluator_that_is_dropped_is_gone_at_once() -> None:
    """Its memory is the GPU's: no collection of garbage is waited for."""
    found = evaluator(IN_FLIGHT)
    ticket = found.submit(found.make_planes())
    held = weakref.ref(found)
    lane = weakref.ref(found._lanes[0])
    del found
    assert held() is None
    assert lane() is not None  # as an answer is still under way
    ticket.result()
    del ticket
    assert lane() is None
