"""numba with this project's settings, and with types that mypy keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., object])


def jit(function: F) -> F:
    """Compile without Python objects, keep the result on disk, release the lock while it runs."""
    return cast("F", numba.njit(cache=True, nogil=True)(function))


def jit_parallel(function: F) -> F:
    """The same for loops over large arrays: `prange` on several threads, sums in any order."""
    return cast("F", numba.njit(cache=True, nogil=True, parallel=True, fastmath=True)(function))


@jit
def int64(number: int) -> int:
    """`number` as the type of integer that compiled functions give each other.

    numba compiles a function anew for each type that it is called with, and takes a variable that begins with a
    constant for a type of its own: without this, twice to six times the functions, each to be waited for.
    """
    return int(np.int64(number))
