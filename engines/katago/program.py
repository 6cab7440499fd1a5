"""The KataGo of this machine: where it is, which version it is, and what it is started with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lzeval.errors import UserError

VARIABLE = "KATAGO"
"""The environment variable that names the program."""
VERSION_S = 60.0
_VERSION = re.compile(r"KataGo v([0-9][^\s]*)")


@dataclass(frozen=True)
class Program:
    """A KataGo that can be started."""

    path: str
    version: str


def find_program(named: str | None = None) -> str:
    """The path of the program `named`, or else of that in KATAGO, or else of `katago` on PATH. Raises UserError."""
    wanted = named or os.environ.get(VARIABLE) or "katago"
    found = shutil.which(os.path.expanduser(wanted))  # noqa: PTH111
    if found is not None:
        return os.path.abspath(found)  # noqa: PTH100
    if named:
        raise UserError(f"program={named}: there is no program that could be started")
    if os.environ.get(VARIABLE):
        raise UserError(f"{VARIABLE}={wanted}: there is no such program; set it to where KataGo is")
    raise UserError(
        "KataGo is wanted, and there is no katago on PATH; get it from github.com/lightvector/KataGo/releases,"
        f" and put it on PATH or its path into {VARIABLE}"
    )


@lru_cache
def program_at(path: str) -> Program:
    """The program with its version, which it is asked for. Raises UserError where it is no KataGo."""
    try:
        said = subprocess.run(
            [path, "version"],
            capture_output=True,
            timeout=VERSION_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment()},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{path}: cannot be asked for its version ({error})") from error
    text = (said.stdout + said.stderr).decode("utf-8", "replace")
    found = _VERSION.search(text)
    if found is None:
        last = text.strip().rpartition("\n")[2][:200] or f"nothing, status {said.returncode}"
        raise UserError(f"{path}: is no KataGo; asked for its version, it says {last!r}")
    return Program(path, found[1])


def environment() -> dict[str, str]:
    """Variables to start it with: its builds for Linux are AppImages, which need FUSE or this one."""
    lacks_fuse = sys.platform.startswith("linux") and not Path("/dev/fuse").exists()
    return {"APPIMAGE_EXTRACT_AND_RUN": "1"} if lacks_fuse else {}
