"""ONNX files of networks, for runtimes other than torch; made from weights by the `onnx` package, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lzeval.errors import UserError
from lzeval.network.weights_file.layout import INPUT_PLANES
from lzeval.network.weights_file.weights import LeelaWeights
from lzeval.system.files import write_bytes_atomically

OPSET = 13
"""ONNX operator set, the oldest with all that is needed here."""
EPSILON = 1e-5
"""Epsilon that Leela Zero adds to variances."""


class _Graph:
    """Nodes and tensors of a graph under construction."""

    def __init__(self, weights: LeelaWeights) -> None:
        self.tensors = weights.tensors
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        from onnx import helper

        output = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, values: Any) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolution(self, name: str, source: str, kernel: int) -> str:
        """A convolution with its normalisation folded in: w / s and (b - mean) / s, with s the deviation."""
        part = {
            key: self.tensors[f"{name}.{key}"].astype(np.float64)
            for key in ("weight", "bias", "mean", "variance")
        }
        deviation = np.sqrt(part["variance"] + EPSILON)
        weight = part["weight"] / deviation[:, None, None, None]
        bias = (part["bias"] - part["mean"]) / deviation
        return self.add(
            "Conv",
            source,
            self.constant(f"{name}.weight", weight.astype(np.float32)),
            self.constant(f"{name}.bias", bias.astype(np.float32)),
            pads=[kernel // 2] * 4,
        )

    def linear(self, name: str, source: str) -> str:
        weight, bias = (
            self.constant(f"{name}.{key}", self.tensors[f"{name}.{key}"]) for key in ("weight", "bias")
        )
        return self.add("Gemm", source, weight, bias, transB=1)


def write_onnx(weights: LeelaWeights, path: str | Path) -> None:
    """Write a network as ONNX: `planes` `[batch, 18, S, S]` to `policy` `[batch, S * S + 1]` and `value` `[batch]`.

    Policies are probabilities; values are -1 to 1, for the side to move. Raises UserError where the package `onnx` is
    not installed or the file cannot be written.
    """
    try:
        from onnx import TensorProto, helper
    except ImportError as exc:
        raise UserError(
            'ONNX files need the package onnx; install it with: pip install "lzeval[onnx]"'
        ) from exc
    graph, shape = _Graph(weights), weights.shape
    tower = graph.add("Relu", graph.convolution("input", "planes", 3))
    for block in range(1, shape.blocks + 1):
        inner = graph.add("Relu", graph.convolution(f"block{block}.conv1", tower, 3))
        outer = graph.convolution(f"block{block}.conv2", inner, 3)
        tower = graph.add("Relu", graph.add("Add", outer, tower))
    policy = graph.add("Flatten", graph.add("Relu", graph.convolution("policy.conv", tower, 1)))
    value = graph.add("Flatten", graph.add("Relu", graph.convolution("value.conv", tower, 1)))
    value = graph.add("Relu", graph.linear("value.fc1", value))
    value = graph.add("Tanh", graph.linear("value.fc2", value))
    if weights.version == 2:  # Black's value: turned round where White moves, by the planes that say who does
        corner = graph.add("ReduceMean", "planes", axes=[2, 3], keepdims=0)
        colour = graph.constant("colour", np.array([[0.0]] * 16 + [[1.0], [-1.0]], np.float32))
        value = graph.add("Mul", value, graph.add("MatMul", corner, colour))
    graph.nodes.append(helper.make_node("Softmax", [graph.linear("policy.fc", policy)], ["policy"], axis=1))
    axis = graph.constant("axis", np.array([1], np.int64))
    graph.nodes.append(helper.make_node("Squeeze", [value, axis], ["value"]))
    size = shape.board_size

    def info(name: str, *dimensions: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *dimensions])

    made = helper.make_graph(
        graph.nodes,
        "lzeval",
        [info("planes", INPUT_PLANES, size, size)],
        [info("policy", size * size + 1), info("value")],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="lzeval")
    write_bytes_atomically(Path(path), model.SerializeToString())
