"""Names of the devices that networks run on, as users give them."""

from __future__ import annotations

import re

DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps", "xpu", "openvino-gpu", "torch")
"""What one may ask for: `cpu` is OpenVINO on the CPU, `torch` is torch on the CPU; `cuda`, `mps` (Apple's) and `xpu`
(Intel's) are torch's names of GPUs, `cuda:N` is one of several; `openvino-gpu` is OpenVINO's plugin `GPU`, for Intel's.
"""
DEVICE_HELP = "auto, cpu, torch (on the CPU), cuda or cuda:N; not tried yet: mps, xpu, openvino-gpu."
ON_CORES = ("cpu", "torch")
"""Devices of which a machine has as many as cores."""
_NUMBERED = re.compile(r"cuda:(0|[1-9][0-9]{0,2})")


def is_device(name: str) -> bool:
    """Whether it is one of `DEVICES`."""
    return (name in DEVICES and name != "cuda:N") or _NUMBERED.fullmatch(name) is not None


def kind_of(device: str) -> str:
    """The device without its number: answers of two alike are the same."""
    return device.partition(":")[0]
