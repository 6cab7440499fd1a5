"""The command line as on a disk that takes no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import environment

DEADLINE_S = 400
needs_limits = pytest.mark.skipif(not hasattr(os, "fork"), reason="no limit on the size of files here")

PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["lzeval", *sys.argv[2:]]
from lzeval.cli.main import main
main()
"""


def run_limited(
    largest: int, *words: object, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """`lzeval` with `words`, while no file can grow beyond `largest` bytes.

    -B: Python would cut its own bytecode as well, and stumble over it ever after.
    """
    return subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM, str(largest), *map(str, words)],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
