"""Types of arrays, by their numbers; shapes are said where an array is used."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
Ints8 = npt.NDArray[np.int8]
Ints16 = npt.NDArray[np.int16]
Ints32 = npt.NDArray[np.int32]
Ints64 = npt.NDArray[np.int64]
Unsigned8 = npt.NDArray[np.uint8]
Unsigned16 = npt.NDArray[np.uint16]
Unsigned64 = npt.NDArray[np.uint64]
Records = npt.NDArray[np.void]
"""Of a structured type."""
