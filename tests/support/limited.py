"""The command line as on a disk that takes no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

needs_limits = pytest.mark.skipif(not hasattr(os, "fork"), reason="no limit on the size of files here")

PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["lzeval", *sys.argv[2:]]
from lzeval.cli.main import main
main()
"""


def run_limited(largest: int, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """`lzeval` with `words`, while no file can grow beyond `largest` bytes."""
    command = [sys.executable, "-c", PROGRAM, str(largest), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
