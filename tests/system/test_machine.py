"""What the machine has free, within a container's limit."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import psutil
import pytest

from lzeval.system import machine
from lzeval.system.machine import free_memory, software


@pytest.mark.parametrize(
    ("limit", "used", "free"),
    [
        ("3000000", "1000000", 2_000_000),
        ("max", "1000000", None),
        (str(1 << 60), "0", None),
        (None, None, None),
    ],
)
def test_free_memory_knows_a_containers_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, used: str | None, free: int | None
) -> None:
    """None: what psutil says is the lower."""
    if limit is not None and used is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")
    monkeypatch.setattr(machine, "CONTROL_GROUP", tmp_path)
    available = psutil.virtual_memory()._replace(available=7_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: available)
    assert free_memory() == (7_000_000 if free is None else free)


def test_software_that_is_not_there_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version

    def without_openvino(name: str) -> str:
        if name == "openvino":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    assert "openvino" in software()
    monkeypatch.setattr(importlib.metadata, "version", without_openvino)
    assert {"lzeval", "torch"} < software().keys()
    assert "openvino" not in software()
