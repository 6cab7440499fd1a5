"""The examples of docs/api.md, run one after the other as a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

ONE_CORE = """import os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
"""
"""A match starts a process a core, each of which takes seconds to prepare the networks."""


def test_the_guides_examples_run(tmp_path: Path) -> None:
    """As one script without a guard of `__main__`, which a match's processes must not run again."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) > 6
    script = tmp_path / "guide.py"
    script.write_text("\n".join([ONE_CORE, *examples, 'print("run once")']), encoding="utf-8")
    outcome = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / "game-reviewed.sgf").is_file()
    assert outcome.stdout.count("run once") == 1
    assert "over" in outcome.stdout
