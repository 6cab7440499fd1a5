"""Machine code on disk is used only as long as nothing has changed that went into it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lzeval.compiled.jit as subject
from tests.support.imports import FILES, imports

COMPILING = sorted(module for module in FILES if "lzeval.compiled.jit" in imports(module, top_only=True))

CALLER = """
from lzeval.compiled.jit import jit
from trainer.callee import TWO, one

@jit
def both():
    return 10 * one() + TWO

print(both(), sum(both.stats.cache_hits.values()))
"""
CALLEE = """
from lzeval.compiled.jit import jit

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


def project(folder: Path) -> None:
    """The package with nothing in it but what compiles, and a caller to be compiled."""
    for source in subject.sources(Path(subject.__file__)):
        copy = folder / source.relative_to(subject.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "trainer").mkdir()
    for name in (
        "lzeval/__init__.py",
        "lzeval/compiled/__init__.py",
        "lzeval/system/__init__.py",
        "trainer/__init__.py",
        "trainer/unrelated.py",
    ):
        (folder / name).touch()
    (folder / "trainer/caller.py").write_text(CALLER)
    (folder / "trainer/callee.py").write_text(CALLEE.format(one=1, two=2))


def run(folder: Path, **variables: str) -> tuple[str, str]:
    """What a process says on standard output and standard error.

    -B: Python knows its own bytecode by the source's size and second, and tests edit faster than that.
    """
    environment = {name: value for name, value in os.environ.items() if "CACHE" not in name}
    environment |= {"PYTHONPATH": str(folder), **variables}
    done = subprocess.run(
        [sys.executable, "-B", "-c", "import trainer.caller"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), done.stderr


def test_a_change_in_another_file_is_noticed(tmp_path: Path) -> None:
    project(tmp_path)
    callee = tmp_path / "trainer/callee.py"
    said = [run(tmp_path)]
    (tmp_path / "trainer/unrelated.py").write_text("SOMETHING = 1")
    said.append(run(tmp_path))
    callee.write_text(CALLEE.format(one=3, two=4))  # 32 or 14 would be a change that went unnoticed
    said += [run(tmp_path), run(tmp_path)]
    assert said == [("12 0", ""), ("12 1", ""), ("34 0", ""), ("34 1", "")]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows' user folders are not told by the environment")
def test_where_nothing_can_be_kept(tmp_path: Path) -> None:
    """Files stand where the folders should be, which stops the super-user as well."""
    project(tmp_path)
    (tmp_path / "file").touch()
    for package in ("lzeval/compiled", "trainer"):
        (tmp_path / package / "__pycache__").touch()
    nowhere = {name: str(tmp_path / "file" / "home") for name in ("HOME", "XDG_CACHE_HOME")}
    (tmp_path / "temporary").mkdir()
    nowhere["TMPDIR"] = str(tmp_path / "temporary")
    said, complaint = run(tmp_path, **nowhere)
    assert said == "12 0"
    assert complaint.startswith(f"lzeval: {tmp_path / 'file' / 'home'}")
    assert complaint.endswith("set LZEVAL_CACHE_DIR to a folder that can\n")
    assert not list((tmp_path / "temporary").iterdir())
    kept = nowhere | {"LZEVAL_CACHE_DIR": str(tmp_path / "kept")}
    assert [run(tmp_path, **kept), run(tmp_path, **kept)] == [("12 0", ""), ("12 1", "")]


LAX_CALLER = """
import numpy as np
from lzeval.compiled.jit import jit, jit_parallel

@jit
def strict(a, b, c):
    return a * b - c

@jit_parallel
def lax(a):
    for n in range(a.shape[0]):
        a[n] = strict(a[n], a[n], a[n])

lax(np.ones(3))
print(any("fast" in code for code in strict.inspect_llvm().values()))
"""


def test_arithmetic_is_as_written_whoever_calls_first(tmp_path: Path) -> None:
    """Else the same search would differ in a last digit after training, until the code on disk is made anew."""
    (tmp_path / "lax.py").write_text(LAX_CALLER, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(subject.ROOT), "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "lax.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
