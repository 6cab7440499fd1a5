"""What the machine has to offer."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path


def available_cores() -> int:
    """Cores that this process may use."""
    if sys.platform.startswith("linux"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory() -> int | None:
    """Bytes, also within a container's limit; None where the system does not say."""
    free = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with contextlib.suppress(OSError, ValueError):
        folder = Path("/sys/fs/cgroup")
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        free.append(limit - int((folder / "memory.current").read_text(encoding="ascii")))
    return min(free, default=None)
