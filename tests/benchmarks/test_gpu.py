from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="is a script for sh")
PARTS = ["1-answers", "2-batches", "3-match", "4-training", "5-loading"]


def gpu_script(out: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "benchmarks" / "gpu.sh"],
        env={**os.environ, "PYTHON": sys.executable, "OUT": str(out), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@POSIX_ONLY
@pytest.mark.slow
def test_every_part_runs_on_a_cpu(tmp_path: Path) -> None:
    ran = gpu_script(tmp_path, DEVICE="torch", QUICK="1")
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert sorted(found["parts"]) == PARTS
    assert all(part["rows"] for part in found["parts"].values())
    assert {row["repeats"] for row in found["parts"]["1-answers"]["rows"]} == {"yes"}
    assert all(f"\n{part}\n" in ran.stdout for part in PARTS)


@POSIX_ONLY
def test_a_device_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    ran = gpu_script(tmp_path / "out", DEVICE="cuda:64")
    assert ran.returncode == 2
    assert ran.stderr.startswith("gpu.sh: device cuda:64 was asked for, and t")
    assert ran.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
