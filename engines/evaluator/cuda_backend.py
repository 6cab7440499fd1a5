"""Networks on Nvidia's GPUs: fixed shapes replayed as CUDA graphs, copies from and to page-locked memory.

Nobody has run this on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engines.evaluator.base import EvaluatorInfo, NetworkAnswer, Planes
from engines.evaluator.torch_backend import TorchEvaluator
from lzeval.errors import UserError

if TYPE_CHECKING:
    from lzeval.network.network import LeelaNetwork

WARM_UP_RUNS = 3
"""Before a graph is captured, so that libraries have chosen their kernels and taken their memory."""


class CudaNetwork(TorchEvaluator):
    """A network on one GPU, without graphs.

    cuDNN's kernels are chosen by its rules and not by a race: else two processes might round differently, and the same
    match be other games. fp32 means that, and not TF32.
    """

    @torch.inference_mode()
    def run(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network on planes, see `TorchEvaluator.run`."""
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            return super().run(planes)


class CudaEvaluator:
    """A network on one GPU, with a lane for each batch that may be under way."""

    def __init__(
        self,
        network: LeelaNetwork,
        info: EvaluatorInfo,
        batch_size: int,
        precision: str,
        device: str,
        lanes: int = 1,
    ) -> None:
        """`device`: `cuda` or `cuda:1` and so on. Raises UserError where its memory is too small."""
        self.batch_size = batch_size
        with torch.cuda.device(device), _memory_suffices(info, batch_size, device):
            own = CudaNetwork(network, info, batch_size, precision, device)
            shape = (batch_size, 18, info.board_size, info.board_size)
            self._pinned = torch.zeros(shape, dtype=torch.uint8, pin_memory=True)
            self._lanes = [_Lane(own, shape) for _ in range(lanes)]
        self.info = own.info
        self._turn = 0

    def make_planes(self) -> Planes:
        """Make room for a batch in page-locked memory, see `AsyncEvaluator.make_planes`."""
        planes: Planes = torch.zeros_like(self._pinned, pin_memory=True).numpy()
        return planes

    def submit(self, planes: Planes) -> CudaTicket:
        """Begin to answer a batch, see `AsyncEvaluator.submit`."""
        lane = self._lanes[self._turn]
        self._turn = (self._turn + 1) % len(self._lanes)
        with _memory_suffices(self.info, self.batch_size, self.info.device):
            return lane.submit(torch.from_numpy(planes))

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        """Answer a batch of planes, see `Evaluator.evaluate`."""
        self._pinned.copy_(torch.from_numpy(planes))
        return self.submit(self._pinned.numpy()).result()


class CudaTicket:
    """An answer on its way, and all that it needs until it is here."""

    def __init__(self, lane: _Lane, given: Tensor, answer: tuple[Tensor, Tensor]) -> None:
        self._kept = lane, given
        self._answer = answer
        self._done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call] # who waits sleeps
        self._done.record(lane.stream)

    def result(self) -> NetworkAnswer:
        """Wait for the answer, see `Ticket.result`."""
        self._done.synchronize()
        policy, value = (part.numpy() for part in self._answer)
        return NetworkAnswer(policy, value)


class _Lane:
    """A stream with an input and a graph of its own: while it computes, another lane's planes may be on their way.

    What is queued in it is done in order. So a next batch may be queued at any time: its planes overwrite the input
    when the batch before it has been computed and copied.
    """

    def __init__(self, network: CudaNetwork, shape: tuple[int, ...]) -> None:
        self.stream = torch.cuda.Stream(network.device)  # type: ignore[no-untyped-call]
        self._network = network
        self._input = torch.zeros(shape, dtype=torch.uint8, device=network.device)
        self.stream.wait_stream(torch.cuda.current_stream(network.device))
        with torch.cuda.stream(self.stream):
            for _ in range(WARM_UP_RUNS):
                self._output = network.run(self._input)
        self.stream.synchronize()
        self._graph = self._captured()

    def _captured(self) -> torch.cuda.CUDAGraph | None:
        """The network as one graph from the input to the output; None where that fails, or says something else."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                output = self._network.run(self._input)
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError:
            return None
        with torch.cuda.stream(self.stream):
            self._input.random_(0, 2)
            expected = self._network.run(self._input)
            graph.replay()
            same = all(bool(torch.equal(*pair)) for pair in zip(output, expected, strict=True))
        if not same:
            return None
        self._output = output
        return graph

    def submit(self, planes: Tensor) -> CudaTicket:
        with torch.cuda.stream(self.stream), torch.inference_mode():
            self._input.copy_(planes, non_blocking=True)
            if self._graph is None:
                self._output = self._network.run(self._input)
            else:
                self._graph.replay()
            policy, value = (
                torch.empty(part.shape, dtype=part.dtype, pin_memory=True).copy_(part, non_blocking=True)
                for part in self._output
            )
            return CudaTicket(self, planes, (policy, value))


@contextmanager
def _memory_suffices(info: EvaluatorInfo, batch_size: int, device: str) -> Iterator[None]:
    """Turn the lack of memory into a UserError."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as exc:
        raise UserError(
            f"{device} has too little free memory for {info.network} in batches of {batch_size}; end what else uses it,"
            " or take another --device"
        ) from exc
