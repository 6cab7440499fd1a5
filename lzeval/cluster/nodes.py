"""Machines of a cluster: what each has, and in what they differ."""

from __future__ import annotations

import platform
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lzeval.system.machine import available_cores, free_memory, hardware, multiplies_bf16, software
from lzeval.version import __version__

PROGRAMS = ("leelaz", "gnugo", "katago")
"""Engines that are looked for on each node."""
GAMES_FOLDER = "/usr/games"
"""Debian's folder of GNU Go and Leela Zero, which is not on everybody's PATH."""


@dataclass(frozen=True)
class Node:
    """A machine of a cluster, as Ray knows it."""

    id: str
    host: str
    address: str
    cores: int
    """Cores that Ray may use there."""
    gpus: int
    is_head: bool = False

    @property
    def name(self) -> str:
        """A short name; several nodes may run on one machine."""
        return f"{self.host}-{self.id[:4]}"


@dataclass(frozen=True)
class NodeFacts:
    """Facts that a node tells about itself."""

    host: str
    system: str
    processor: str
    precision: str
    """`bf16` where the processor multiplies it, else `fp32`."""
    cores: int
    memory: int
    """Bytes that are free."""
    gpus: tuple[str, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    """Versions of lzeval, Python and libraries, by name."""
    programs: Mapping[str, str] = field(default_factory=dict)
    """Paths of engines, by name."""

    @property
    def kind(self) -> str:
        """The kind of machine, on which the last bits of a network's answers may depend."""
        return ", ".join([f"{self.processor or platform.machine()} ({self.precision})", *self.gpus])

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def facts_here() -> NodeFacts:
    """Facts of the machine that this process runs on."""
    machine = hardware()
    found = {name: find_program(name) for name in PROGRAMS}
    return NodeFacts(
        host=socket.gethostname(),
        system=f"{platform.system()} {platform.machine()}",
        processor=str(machine["processor"] or ""),
        precision="bf16" if multiplies_bf16() else "fp32",
        cores=available_cores(),
        memory=free_memory(),
        gpus=_gpus(),
        versions=software(),
        programs={name: path for name, path in found.items() if path is not None},
    )


def find_program(name: str) -> str | None:
    """The path of a program on PATH or in Debian's folder of games."""
    return shutil.which(name) or shutil.which(name, path=GAMES_FOLDER)


def _gpus() -> tuple[str, ...]:
    if sys.modules.get("torch") is None and not shutil.which("nvidia-smi"):
        return ()  # to import torch only in order to learn that there is none would take seconds
    import torch

    return tuple(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))


def why_refused(facts: NodeFacts) -> str | None:
    """The reason why a node with these facts may not work for this process; None: it may."""
    theirs = facts.versions.get("lzeval")
    if theirs != __version__:
        return f"has lzeval {theirs}, this machine {__version__}: install the same version on both"
    return None


def differences(facts: Mapping[str, NodeFacts]) -> list[str]:
    """Sentences about what is not the same on all nodes; `facts` are by the nodes' names."""
    found = []
    for what in ("processor", "precision", "system"):
        found += _by_value(what, {name: str(getattr(each, what)) for name, each in facts.items()})
    for library in sorted({name for each in facts.values() for name in each.versions}):
        versions = {name: each.versions.get(library, "not installed") for name, each in facts.items()}
        found += _by_value(library, versions)
    for program in PROGRAMS:
        without = [name for name, each in facts.items() if program not in each.programs]
        if without and len(without) < len(facts):
            found.append(f"{program} is not on {', '.join(without)}")
    return found


def _by_value(what: str, values: Mapping[str, str]) -> list[str]:
    """One sentence where not all values are equal."""
    by_value: dict[str, list[str]] = {}
    for name, value in values.items():
        by_value.setdefault(value, []).append(name)
    if len(by_value) < 2:
        return []
    parts = [f"{value or 'unknown'} on {', '.join(names)}" for value, names in by_value.items()]
    return [f"{what} differs: {'; '.join(parts)}"]
