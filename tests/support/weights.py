"""Comparing networks' weights."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, settings

from lzeval.network.weights_file.weights import (
    LeelaWeights,
)

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_same(found: LeelaWeights, expected: LeelaWeights) -> None:
    """Equal to the last bit, the sign of zero included."""
    assert (found.version, found.shape) == (expected.version, expected.shape)
    assert list(found.tensors) == list(expected.tensors)
    for name, tensor in expected.tensors.items():
        assert found.tensors[name].dtype == np.float32
        assert found.tensors[name].shape == tensor.shape
        assert found.tensors[name].tobytes() == tensor.tobytes(), name
