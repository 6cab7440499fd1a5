"""Networks on a GPU, in torch: channels last, half precision, fixed shapes, replayed as a CUDA graph."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from engines.evaluator.base import EvaluatorInfo, NetworkAnswer, Planes
from engines.evaluator.graph import InferenceGraph

if TYPE_CHECKING:
    from lzeval.network.network import LeelaNetwork

WARM_UP_RUNS = 3
"""Before a graph is captured, so that cuDNN has chosen its kernels."""
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchEvaluator:
    """A network on one device."""

    def __init__(
        self, network: LeelaNetwork, info: EvaluatorInfo, batch_size: int, precision: str, device: str
    ) -> None:
        """`device`: `cuda`, `cuda:1`, `cpu`, ...; `precision`: fp32, bf16 or fp16."""
        self.info = replace(
            info, backend=f"torch {torch.__version__.split('+')[0]}", device=device, precision=precision
        )
        self.batch_size = batch_size
        self._device = torch.device(device)
        self._type = TYPES[precision]
        graph = InferenceGraph(network).eval().to(self._device, self._type)
        self._graph = graph.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        shape = (batch_size, 18, info.board_size, info.board_size)
        pinned = self._device.type == "cuda"
        self._host = torch.zeros(shape, dtype=torch.uint8, pin_memory=pinned)
        self._input = torch.zeros(shape, dtype=torch.uint8, device=self._device)
        self._cuda_graph: torch.cuda.CUDAGraph | None = None
        if self._device.type == "cuda":
            torch.backends.cudnn.benchmark = True
            self._capture()

    @torch.inference_mode()
    def _run(self) -> tuple[torch.Tensor, torch.Tensor]:
        planes = self._input.to(self._type, memory_format=torch.channels_last)
        policy, value = self._graph(planes)
        return policy.float(), value.float()

    def _capture(self) -> None:
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_RUNS):
                self._run()
        torch.cuda.current_stream(self._device).wait_stream(stream)
        self._cuda_graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._cuda_graph):
            self._output = self._run()

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        """As `Evaluator.evaluate`."""
        self._host.copy_(torch.from_numpy(planes))
        self._input.copy_(self._host, non_blocking=True)
        if self._cuda_graph is not None:
            self._cuda_graph.replay()
        else:
            self._output = self._run()
        policy, value = self._output
        return NetworkAnswer(policy.cpu().numpy(), value.cpu().numpy())
