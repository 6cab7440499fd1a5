"""The folder of things that can be made again: compiled functions, networks' graphs, packed records."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import platformdirs

VARIABLE = "LZEVAL_CACHE_DIR"
"""The environment variable that names another folder than the user's cache folder."""


def cache_folder() -> Path:
    """The folder that LZEVAL_CACHE_DIR names, or else the user's cache folder, which may not be there yet.

    Where that cannot be written to, as in many a container, it is a temporary folder of this process and those that it
    starts, and a line on standard error says so.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    folder = Path(platformdirs.user_cache_dir("lzeval", False))
    return folder if _is_writable(folder) else _temporary(folder)


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _temporary(instead_of: Path) -> Path:
    folder = tempfile.mkdtemp(prefix="lzeval-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[VARIABLE] = folder
    sys.stderr.write(
        f"lzeval: {instead_of} cannot be written to, so that every start prepares everything anew;"
        f" set {VARIABLE} to a folder that can\n"
    )
    return Path(folder)
