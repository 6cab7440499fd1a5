"""numba with this project's settings, and with types that mypy keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])


def jit(function: F) -> F:
    """Compile without Python objects, keep the result on disk, release the lock while it runs."""
    compiled: F = numba.njit(cache=True, nogil=True)(function)
    return compiled


def jit_inline(function: F) -> F:
    """The same for a small helper on a hot path: copied into its callers before compilation."""
    compiled: F = numba.njit(cache=True, nogil=True, inline="always")(function)
    return compiled
