"""Where things are kept that can be made again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lzeval.system.cache import VARIABLE, cache_folder


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")


def test_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name, _author: str(tmp_path / "new" / name))
    assert cache_folder() == tmp_path / "new" / "lzeval"
    assert not os.environ[VARIABLE]


def test_the_folder_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))
    assert cache_folder() == tmp_path / "named"


SHARED_WITH_CHILDREN = """
import os, subprocess, sys
from lzeval.system.cache import cache_folder
folder = cache_folder()
(folder / "graphs").mkdir()
assert cache_folder() == folder
child = "from lzeval.system.cache import cache_folder; print(sorted(cache_folder().iterdir()) != [])"
subprocess.run([sys.executable, "-c", child], check=True)
print(folder)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows' user folders are not told by the environment")
def test_a_temporary_folder_where_that_cannot_be_written_to(tmp_path: Path) -> None:
    """A file stands where the folder should be, which stops the super-user as well."""
    (tmp_path / "home").touch()
    environment = os.environ | {name: str(tmp_path / "home" / "x") for name in ("HOME", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", SHARED_WITH_CHILDREN],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    of_child, folder = done.stdout.split()
    assert of_child == "True"
    assert not Path(folder).exists(), "left behind"
    assert done.stderr.count(VARIABLE) == 1
