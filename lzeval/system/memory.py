"""Memory that training asks for again and again stays with the process."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt."""
LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let glibc keep large blocks that are freed instead of giving them back; returns whether that was possible.

    A training step frees all its activations and asks for as many in the next one. Each time the kernel has to clear
    the pages that it hands out anew, which costs a fifth of a step on a CPU.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, LARGEST_INT))
