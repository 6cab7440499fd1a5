"""Machine code on disk is used only as long as nothing has changed that went into it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lzeval.core.jit as subject
from tests.test_layers import FILES, imports

COMPILING = sorted(module for module in FILES if "lzeval.core.jit" in imports(module, top_only=True))

CALLER = """
from lzeval.core.jit import jit
from trainer.callee import TWO, one

@jit
def both():
    return 10 * one() + TWO

print(both(), sum(both.stats.cache_hits.values()))
"""
CALLEE = """
from lzeval.core.jit import jit

TWO = {two}

@jit
def one():
    return {one}
"""


def closure(module: str) -> set[str]:
    found = {module}
    while True:
        more = {name for known in found for name in imports(known, top_only=True) if name in FILES}
        if more <= found:
            return found
        found |= more


@pytest.mark.parametrize("module", COMPILING)
def test_what_goes_into_compiled_functions(module: str) -> None:
    """Judged by Python's own reading of the imports."""
    assert subject.sources(FILES[module]) == {FILES[name] for name in closure(module)}


def run(folder: Path) -> str:
    program = "import trainer.caller"
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_a_change_in_another_file_is_noticed(tmp_path: Path) -> None:
    for name in ("lzeval/__init__", "lzeval/core/__init__", "trainer/__init__", "trainer/unrelated"):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "lzeval/core/jit.py").write_text(Path(subject.__file__).read_text(encoding="utf-8"))
    (tmp_path / "trainer/caller.py").write_text(CALLER)
    callee = tmp_path / "trainer/callee.py"

    callee.write_text(CALLEE.format(one=1, two=2))
    assert run(tmp_path) == "12 0"
    (tmp_path / "trainer/unrelated.py").write_text("SOMETHING = 1")
    assert run(tmp_path) == "12 1"
    callee.write_text(CALLEE.format(one=3, two=2))
    assert run(tmp_path) == "32 0"
    callee.write_text(CALLEE.format(one=3, two=4))
    assert run(tmp_path) == "34 0"
    assert run(tmp_path) == "34 1"
