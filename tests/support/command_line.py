"""`lzeval` command lines, run in the tests' own process or in one of their own."""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from lzeval.cli.main import main
from tests.support.paths import ROOT

COLUMNS = "100"


@dataclass(frozen=True)
class Outcome:
    returncode: int
    stdout: str
    stderr: str


def program(*words: object) -> list[str]:
    """What starts `lzeval WORDS` as a process of its own, for tests of signals, limits, and of several at once."""
    return [sys.executable, "-m", "lzeval", *map(str, words)]


def environment(**variables: str) -> dict[str, str]:
    """What `program` needs to find this checkout from any folder, and a terminal's width."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": COLUMNS, **variables}


def run_here(*words: object, cwd: Path | None = None, **variables: str) -> Outcome:
    """Run `lzeval WORDS` in this process: a process of its own prints the same, but takes seconds to start.

    What is no mistake of the user, a traceback elsewhere, is raised.
    """
    out, err, status = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        if cwd is not None:
            patch.chdir(cwd)
        for name, value in environment(**variables).items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["lzeval", *map(str, words)])
        try:
            main()
        except SystemExit as exc:
            status = int(exc.code or 0)
    return Outcome(status, out.getvalue(), err.getvalue())
