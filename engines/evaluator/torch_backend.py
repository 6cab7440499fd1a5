"""Networks in torch: channels last, at any precision; on the CPU, or on GPUs that have no backend of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engines.evaluator.base import EvaluatorInfo, NetworkAnswer, Planes
from engines.evaluator.graph import InferenceGraph

if TYPE_CHECKING:
    from lzeval.network.network import LeelaNetwork

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchEvaluator:
    """A network on one device."""

    def __init__(
        self,
        network: LeelaNetwork,
        info: EvaluatorInfo,
        batch_size: int,
        precision: str,
        device: str,
        threads: int = 1,
    ) -> None:
        """`device`: `torch`, that is `threads` threads of the CPU, or torch's name of a GPU; one of `TYPES`."""
        name = "cpu" if device == "torch" else device
        self.info = replace(
            info, backend=f"torch {torch.__version__.split('+')[0]}", device=name, precision=precision
        )
        self.batch_size = batch_size
        self.device = torch.device(name)
        self._type = TYPES[precision]
        if name == "cpu":
            torch.set_num_threads(threads)
        graph = InferenceGraph(network).eval().to(self.device, self._type)
        self._graph = graph.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def run(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Policy and value, float32, for `planes` `[batch_size, 18, S, S]` uint8; all on the device."""
        policy, value = self._graph(planes.to(self._type, memory_format=torch.channels_last))
        return policy.float(), value.float()

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        """Answer a batch of planes, see `Evaluator.evaluate`."""
        policy, value = self.run(torch.from_numpy(planes).to(self.device))
        return NetworkAnswer(policy.cpu().numpy(), value.cpu().numpy())
