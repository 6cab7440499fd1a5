"""numba with this project's settings, and with types that mypy keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def jit(function: F) -> F:
    """Compile without Python objects, keep the result on disk, release the lock while it runs."""
    return cast("F", numba.njit(cache=True, nogil=True)(function))


def jit_parallel(function: F) -> F:
    """The same for loops over large arrays: `prange` on several threads, sums in any order."""
    return cast("F", numba.njit(cache=True, nogil=True, parallel=True, fastmath=True)(function))
