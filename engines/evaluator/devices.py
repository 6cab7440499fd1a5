"""The device that is meant, if it is there."""

from __future__ import annotations

import ctypes
import gc
import sys

from engines.evaluator.cache import processor
from lzeval.errors import UserError
from lzeval.system.devices import DEVICES, ON_CORES, is_device, kind_of
from lzeval.system.machine import available_cores

BY_OPENVINO = ("cpu", "openvino-gpu")
WITHOUT_OPENVINO = "OpenVINO cannot be loaded here, so torch answers on the CPU, more slowly"


def chosen(device: str) -> str:
    """The device that runs a network where `device` is asked for: itself, or what auto finds.

    Without OpenVINO, `torch` stands in for `cpu`. auto takes no device that nobody has tried. Raises UserError for a
    name that is none, and for a device that is not here.
    """
    if not is_device(device):
        raise UserError(f"device {device!r} is not one of {', '.join(DEVICES)}")
    if device == "auto" and _has_cuda_driver():
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device in ("auto", "cpu"):
        return "cpu" if has_openvino() else "torch"
    problem = _problem(device)
    if problem is not None:
        raise UserError(f"device {device} was asked for, and {problem}")
    return device


def _has_cuda_driver() -> bool:
    """Whether it is worth importing torch to ask it for a GPU."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def has_openvino() -> bool:
    try:
        import openvino  # noqa: F401
    except ImportError:
        return False
    return True


def _problem(device: str) -> str | None:
    """Why networks cannot run on a device that was named; None if they can."""
    if device == "torch":
        return None
    if device == "openvino-gpu":
        if not has_openvino():
            return "OpenVINO cannot be loaded here"
        from engines.evaluator.openvino_backend import core

        found = any(name.startswith("GPU") for name in core().available_devices)
        return None if found else "OpenVINO finds no GPU of Intel's here"
    import torch

    if device == "mps":
        return None if torch.backends.mps.is_available() else "torch finds no GPU of Apple's here"
    if device == "xpu":
        return None if torch.xpu.is_available() else "torch finds no GPU of Intel's here"
    if not torch.cuda.is_available():
        return "torch finds no CUDA device here"
    count, number = torch.cuda.device_count(), device.partition(":")[2]
    return f"there are {count} here, from cuda:0" if number and int(number) >= count else None


def count(device: str) -> int:
    """How many processes may each have such a device of this machine to themselves."""
    if device != "cuda":
        return 1
    import torch

    return max(1, torch.cuda.device_count())


def process_count(threads: int | None, device: str) -> int:
    """Processes of this machine that play networks on `threads` cores, None: on all: one a core, or one a GPU."""
    cores = available_cores() if threads is None else threads
    return cores if device in ON_CORES else min(count(device), cores)


def numbered(device: str, process: int) -> str:
    """The device of a process, where several processes share those of a machine."""
    return f"cuda:{process % count(device)}" if device == "cuda" else device


def give_back_memory(device: str) -> None:
    """Leave the GPU's memory that nothing in this process uses any more to other processes."""
    if kind_of(device) == "cuda":
        import torch

        gc.collect()
        torch.cuda.empty_cache()


def identity(device: str) -> str:
    """What a network's answers and its speed depend on: hardware, and the library with its version."""
    if kind_of(device) in BY_OPENVINO:
        from engines.evaluator.openvino_backend import core, version

        name = processor() if device == "cpu" else core().get_property("GPU", "FULL_DEVICE_NAME")
        return f"openvino {version()} {name}"
    import torch

    name = processor()
    if kind_of(device) == "cuda":
        name = f"{torch.cuda.get_device_name(device)} cudnn {torch.backends.cudnn.version()}"  # type: ignore[no-untyped-call]
    elif device == "xpu":
        name = torch.xpu.get_device_name()
    return f"torch {torch.__version__} {kind_of(device)} {name}"
