"""gomill itself as the judge of how we read its control files and count its results."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.paths import CLIENTS

SCRIPT = CLIENTS / "gomill_judge.py"
TUNING_SCRIPT = CLIENTS / "gomill_tuning_judge.py"


def prelude(ringmaster: Sequence[str]) -> str:
    """Python 2 that makes gomill's modules importable, out of the fixture `ringmaster`."""
    return ringmaster[2].partition("; from gomill")[0]


def ask_gomill(
    ringmaster: Sequence[str], cases: Sequence[dict[str, Any]], folder: Path, script: Path = SCRIPT
) -> list[dict[str, Any]]:
    """What `tests/support/clients/gomill_judge.py`, or another script of its kind, answers to the cases."""
    questions, answers = folder / "questions.json", folder / "answers.json"
    questions.write_text(json.dumps(list(cases)), encoding="utf-8")
    python2, option, _ = ringmaster
    program = f"{prelude(ringmaster)}; execfile({str(script)!r})"
    outcome = subprocess.run(
        [python2, option, program, str(questions), str(answers)],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr.decode("utf-8", "replace")
    found: list[dict[str, Any]] = json.loads(answers.read_text(encoding="utf-8"))
    return found
