"""numba with this project's settings, with types that mypy keeps, and a cache that notices what changed."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

import numba
import numpy as np

from lzeval.system.cache import cache_folder

F = TypeVar("F", bound=Callable[..., object])

ROOT = Path(__file__).resolve().parents[2]
_IMPORT = re.compile(
    rb"^from ((?:lzeval|trainer|engines|tournaments)[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE
)


def sources(file: Path, root: Path = ROOT) -> set[Path]:
    """`file` and the files below `root` that it imports at its top level, those that they import, and so on."""
    found: set[Path] = set()
    todo = [file]
    while todo:
        file = todo.pop()
        if file in found:
            continue
        found.add(file)
        for module, names in _IMPORT.findall(file.read_bytes()):
            stem = root.joinpath(*module.decode().split("."))
            inner = [stem / f"{name}.py" for name in re.findall(r"\w+", names.decode())]
            if not all(path.is_file() for path in inner):  # names of the module, not modules of the folder
                inner += [stem.with_suffix(".py"), stem / "__init__.py"]
            todo += [path for path in inner if path.is_file()]
    return found


@cache
def sources_digest(file: Path) -> str:
    """Hash of all of `sources(file)`."""
    digest = hashlib.sha256()
    for path in sorted(sources(file)):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _compiled(decorate: Callable[[F], object], function: F) -> F:
    """`function` compiled, its machine code on disk being used as long as nothing has changed that went into it.

    numba looks at the function's own file only, while functions and constants of others are compiled into it: after
    an update, new rules would be searched with old ones. It keeps the code beside the source or in the user's cache
    folder, and raises RuntimeError where it may write to neither.
    """
    try:
        compiled = decorate(function)
    except RuntimeError:
        os.environ["NUMBA_CACHE_DIR"] = str(cache_folder() / "compiled")
        numba.config.reload_config()  # type: ignore[no-untyped-call]
        compiled = decorate(function)
    if hasattr(compiled, "_cache"):  # not with NUMBA_DISABLE_JIT
        file = compiled._cache._cache_file
        file._source_stamp = (file._source_stamp, sources_digest(Path(function.__code__.co_filename)))
    return cast("F", compiled)


def jit(function: F) -> F:
    """Compile without Python objects, keep the result on disk, release the lock while it runs.

    Arithmetic is as written: numba would let it have `fastmath` if the first to call it had, and keep that on disk.
    """
    return _compiled(numba.njit(cache=True, nogil=True, fastmath=False), function)


def jit_parallel(function: F) -> F:
    """`jit` for loops over large arrays: `prange` on several threads, sums in any order."""
    return _compiled(numba.njit(cache=True, nogil=True, parallel=True, fastmath=True), function)


@jit
def int64(number: int) -> int:
    """`number` as the type of integer that compiled functions give each other.

    numba compiles a function anew for each type that it is called with, and takes a variable that begins with a
    constant for a type of its own: without this, twice to six times the functions, each to be waited for.
    """
    return int(np.int64(number))
