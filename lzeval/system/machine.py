"""Cores, memory, processor and software of this machine."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from lzeval.version import __version__

CONTROL_GROUP = Path("/sys/fs/cgroup")
"""A container's own limits, as Linux shows them inside of it (cgroup v2)."""
LISTED_LIBRARIES = ("numpy", "numba", "openvino", "torch")


def available_cores() -> int:
    """Cores that this process may use."""
    if sys.platform.startswith("linux"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def one_thread_for_libraries() -> Iterator[None]:
    """Have libraries for matrices that are first imported in the block compute on one thread.

    Where engines have all cores, threads that wait for each other take far longer than one. Programs that are started
    later see the environment as it was.
    """
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def software() -> dict[str, str]:
    """Versions of what games may depend on, by name."""
    import importlib.metadata
    import platform

    libraries = {}
    for name in LISTED_LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # OpenVINO has no wheel everywhere
            libraries[name] = importlib.metadata.version(name)
    return {"lzeval": __version__, "python": platform.python_version(), **libraries}


def hardware() -> dict[str, str | int | None]:
    """System and processor in words, and all cores, as written into descriptions of matches."""
    import platform

    return {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()}


def _processor() -> str:
    import platform

    return _cpu_info("model name", platform.processor)


def multiplies_bf16() -> bool:
    """Whether Linux says that this processor multiplies bfloat16 itself (AMX or AVX512-BF16)."""
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(_cpu_info("flags").split())


def _cpu_info(name: str, otherwise: Callable[[], str] = str) -> str:
    """What Linux says of the first core; `otherwise` tells on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return otherwise()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def free_memory() -> int:
    """Bytes, also within a container's limit (cgroup v2), of which psutil knows nothing."""
    import psutil

    free = int(psutil.virtual_memory().available)
    with contextlib.suppress(OSError, ValueError):  # there is none, or it says `max`
        limit = int((CONTROL_GROUP / "memory.max").read_text(encoding="ascii"))
        free = min(free, limit - int((CONTROL_GROUP / "memory.current").read_text(encoding="ascii")))
    return free
