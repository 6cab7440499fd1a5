"""Networks in OpenVINO, on the CPU or on Intel's GPU.

The graph is converted from the PyTorch module once and kept as a file beside others of its kind, so that further
processes start without torch.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openvino as ov

from engines.evaluator import cache
from engines.evaluator.base import EvaluatorInfo, NetworkAnswer, Planes
from lzeval.errors import UserError

if TYPE_CHECKING:
    from lzeval.network.checkpoint import LoadedNetwork

GRAPH_VERSION = 1
"""Counts changes of what a kept graph computes or how it is stored."""


@lru_cache(maxsize=1)
def core() -> ov.Core:
    """The one entry to OpenVINO, kept until the process ends.

    On processors with AMX it gives the thread that first uses it a larger stack for signal handlers, and takes
    that memory back when it is released. Released by another thread, the first one would be left with a stack
    that is no more, and its next signal would end the process.
    """
    return ov.Core()


def multiplies_bf16() -> bool:
    """Whether this processor multiplies bfloat16 itself (AMX or AVX512-BF16)."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def version() -> str:
    return str(ov.get_version()).split("-")[0]


HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
"""OpenVINO's words for precisions."""


def settings(precision: str, threads: int) -> dict[str, Any]:
    """OpenVINO's properties of compiled graphs: for one call at a time, on `threads` threads, on any cores."""
    return {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
        "PERFORMANCE_HINT": "LATENCY",
    }


def gpu_settings(precision: str) -> dict[str, Any]:
    """The same on a GPU."""
    return {"INFERENCE_PRECISION_HINT": HINTS[precision], "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}


def graph_file(sha256: str, folder: Path | None = None) -> Path:
    return (folder or cache.graph_folder()) / f"{sha256[:32]}-{GRAPH_VERSION}-{version()}.xml"


def is_whole(graph: Path) -> bool:
    """Whether a graph and its values are there."""
    return graph.exists() and graph.with_suffix(".bin").exists()


def convert(loaded: LoadedNetwork, folder: Path | None = None) -> Path:
    """Convert a network and keep its graph; returns the file. A graph that is already there is left alone."""
    import torch

    from engines.evaluator.graph import InferenceGraph

    file = graph_file(loaded.sha256, folder)
    if is_whole(file):
        return file
    size = loaded.network.shape.board_size
    example = torch.zeros(2, 18, size, size)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # OpenVINO traces in a way that newer versions of torch advise against
        model = ov.convert_model(InferenceGraph(loaded.network).eval(), example_input=example)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UserError(f"the network's graph cannot be kept in {file.parent}: {exc.strerror}") from exc
    temporary = file.with_name(f"{os.getpid()}-{file.name}")
    ov.save_model(model, temporary, compress_to_fp16=False)
    temporary.with_suffix(".bin").replace(file.with_suffix(".bin"))
    temporary.replace(file)
    return file


class OpenVinoEvaluator:
    """One compiled graph on `threads` CPU threads, or on Intel's GPU."""

    def __init__(
        self,
        graph: Path,
        info: EvaluatorInfo,
        batch_size: int,
        precision: str,
        threads: int = 1,
        device: str = "cpu",
    ) -> None:
        """Compile `graph` for batches of `batch_size`; `device`: `cpu` (fp32, bf16) or `openvino-gpu` (fp32, fp16)."""
        self.info = replace(info, backend=f"openvino {version()}", device=device, precision=precision)
        self.batch_size = batch_size
        model = core().read_model(graph)
        model.reshape([batch_size, 18, info.board_size, info.board_size])
        steps = ov.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_element_type(ov.Type.u8)
        on_cpu = device == "cpu"
        properties = settings(precision, threads) if on_cpu else gpu_settings(precision)
        compiled = core().compile_model(steps.build(), "CPU" if on_cpu else "GPU", properties)
        self._request = compiled.create_infer_request()
        shape = (batch_size, 18, info.board_size, info.board_size)
        self._input = ov.Tensor(ov.Type.u8, ov.Shape(shape))
        self._request.set_input_tensor(self._input)
        outputs = [ov.Tensor(ov.Type.f32, output.shape) for output in compiled.outputs]
        for number, output in enumerate(outputs):
            self._request.set_output_tensor(number, output)
        policy, value = (output.data for output in outputs)
        self._answer = NetworkAnswer(policy, value.reshape(-1))

    def evaluate(self, planes: Planes) -> NetworkAnswer:
        """Answer a batch of planes, see `Evaluator.evaluate`."""
        self._input.data[:] = planes
        self._request.infer()
        return self._answer
