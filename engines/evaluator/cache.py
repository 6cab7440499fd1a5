"""Facts found out about a network on this machine, kept so that a program that starts need not do it again.

A weights file's size and hash, known by the hash of its bytes; and how far its answers in a lower precision are from
those in float32, which depends on the processor and on OpenVINO as well.
"""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

from lzeval.errors import UserError
from lzeval.system.cache import cache_folder
from lzeval.system.files import write_text_atomically

CACHE_VERSION = 1
"""Counts changes of what is kept, or of how it was found out."""


def graph_folder() -> Path:
    """The folder of these facts, and of graphs for OpenVINO."""
    return cache_folder() / "graphs"


class EvaluatorCache:
    """One JSON file a subject, in `folder`. What cannot be read counts as unknown, what cannot be kept is not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, subject: str) -> dict[str, Any] | None:
        """The facts kept about `subject`; None if there are none."""
        try:
            kept = json.loads(self._file(subject).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return kept if isinstance(kept, dict) else None

    def keep(self, subject: str, facts: dict[str, Any]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_text_atomically(self._file(subject), json.dumps(facts) + "\n")
        except (OSError, UserError):
            return  # then it is found out again the next time

    def _file(self, subject: str) -> Path:
        return self._folder / f"{hashlib.sha256(f'{CACHE_VERSION}/{subject}'.encode()).hexdigest()[:32]}.json"


def facts() -> EvaluatorCache:
    """Those of this machine."""
    return EvaluatorCache(graph_folder())


def file_subject(file: Path) -> str:
    """The content of a file, whatever its name."""
    return f"file {hashlib.sha256(file.read_bytes()).hexdigest()}"


def processor() -> str:
    """The processor's name and abilities, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    named = [
        line.partition(":")[2].strip()
        for line in lines
        if line.startswith(("model name", "flags", "Features"))
    ]
    return " ".join(named[:2])
