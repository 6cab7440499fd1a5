"""What the machine has to offer."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from lzeval.version import __version__

LISTED_LIBRARIES = ("numpy", "numba", "openvino", "torch")


def available_cores() -> int:
    """Cores that this process may use."""
    if sys.platform.startswith("linux"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def process_count(threads: int | None, device: str) -> int:
    """Processes that play networks: as many as `threads`, else one a core; one on a GPU."""
    if device != "cpu":
        return 1
    return available_cores() if threads is None else threads


def software() -> dict[str, str]:
    """Versions that games may depend on."""
    import importlib.metadata
    import platform

    libraries = {name: importlib.metadata.version(name) for name in LISTED_LIBRARIES}
    return {"lzeval": __version__, "python": platform.python_version(), **libraries}


def hardware() -> dict[str, str | int | None]:
    """What the machine is, in words."""
    import platform

    return {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        import platform

        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


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
