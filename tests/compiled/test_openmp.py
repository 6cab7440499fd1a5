"""How threads wait is set before torch is loaded, and a user's own word on it is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from lzeval.compiled import openmp
from tests.support.paths import ROOT

NAMES = (openmp.POLICY, *openmp.WAITING, "OMP_NUM_THREADS")

AT_TORCH = """
import json, os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(json.dumps({name: os.environ.get(name) for name in os.environ["NAMES"].split()}), flush=True)
            os._exit(0)

sys.meta_path.insert(0, Watch())
"""
"""Tells what the environment says when torch is first asked for, and ends there."""

WAYS_TO_TORCH = {
    "command": """
from lzeval.cli.main import main
sys.argv = ["lzeval", "train", "data.train=README.md", "max_positions=1"]
main()
""",
    "run": "import trainer.training.run",
    "teacher": "import trainer.training.teacher",
    "network": "import lzeval.network.network",
    "checkpoint": "import lzeval.network.checkpoint",
    "worker": """
import subprocess, trainer
command = [sys.executable, "-c", os.environ["WATCH"] + "import torch"]
subprocess.run(command, check=True)
""",
}


def in_python(program: str, **environment: str) -> str:
    """What `program` prints, in a process whose environment says nothing else of threads."""
    others = {name: value for name, value in os.environ.items() if name not in NAMES}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=others | {"WATCH": AT_TORCH, "NAMES": " ".join(NAMES)} | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return ran.stdout


@pytest.mark.parametrize("way", WAYS_TO_TORCH)
def test_it_is_set_when_torch_is_loaded(way: str) -> None:
    found = json.loads(in_python(AT_TORCH + WAYS_TO_TORCH[way]))
    assert found == {openmp.POLICY: None, **openmp.WAITING, "OMP_NUM_THREADS": None}


@pytest.mark.parametrize(
    ("own", "added"),
    [
        ({}, openmp.WAITING),
        ({"OMP_NUM_THREADS": "1"}, openmp.WAITING),
        ({"GOMP_SPINCOUNT": "50000"}, {"KMP_BLOCKTIME": openmp.WAITING["KMP_BLOCKTIME"]}),
        ({"KMP_BLOCKTIME": "200"}, {"GOMP_SPINCOUNT": openmp.WAITING["GOMP_SPINCOUNT"]}),
        ({"GOMP_SPINCOUNT": "INFINITY", "KMP_BLOCKTIME": "infinite"}, {}),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, {}),
        ({"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "7"}, {}),
    ],
)
def test_a_users_own_setting_wins(own: dict[str, str], added: dict[str, str]) -> None:
    found = json.loads(in_python(AT_TORCH + WAYS_TO_TORCH["run"], **own))
    assert {name: value for name, value in found.items() if value is not None} == {**own, **added}
