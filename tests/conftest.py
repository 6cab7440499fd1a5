"""What tests share: where material and other people's engines are, and why a test was skipped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.support.paths import SHARED

pytest_plugins = ["tests.support.golden_files", "tests.support.ray_cluster"]

# Tests that run side by side have a core each, and threads of theirs would fight over cores.
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")

settings.register_profile("lzeval", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("lzeval")

GAMES_DIRECTORY = Path("/usr/games")
"""Debian puts engines here, and not on PATH."""
GOMILL = "gomill==0.8.3"


LONGEST = (
    "tournaments/match/test_match.py",
    "trainer/test_training_features.py",
    "cli/test_pool.py",
    "tournaments/runner/test_tournament.py",
    "engines/test_analysis_engine.py",
    "network/test_fused.py",
)
"""Files that are begun first: whichever is begun last would have all cores but one wait for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {Path(__file__).parent / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def pytest_configure() -> None:
    """Programs that the tests start hear Ctrl-C even where the tests themselves do not, as in the background."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real records and networks that lies beside the project."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real records and networks (../shared) are not here")
    return SHARED


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The games that tiny runs learn from, packed once; nobody changes them."""
    from tests.support.tiny_runs import write_records

    return write_records(tmp_path_factory.mktemp("records"))


def _engine(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(GAMES_DIRECTORY))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(scope="session")
def leelaz() -> str:
    return _engine("leelaz")


@pytest.fixture(scope="session")
def gnugo() -> str:
    return _engine("gnugo")


def _python2() -> str | None:
    """A Python 2.7 that runs, from pyenv or from PATH (where pyenv has a stand-in that may lead nowhere)."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [str(path) for path in sorted(pyenv.glob("2.7*/bin/python2.7"))]
    candidates += [found for found in [shutil.which("python2.7")] if found]
    for candidate in candidates:
        if subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def _once(factory: pytest.TempPathFactory, name: str, command: list[str]) -> Path | None:
    """The folder that `command`, whose last argument it is, fills; once for all tests that run side by side.

    None where it fails.
    """
    shared = factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not folder.is_dir():
            outcome = subprocess.run([*command, str(folder)], capture_output=True, check=False, timeout=120)
            if outcome.returncode != 0:
                shutil.rmtree(folder, ignore_errors=True)
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def gomill_archive(ringmaster: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gomill's source distribution, from wherever pip finds it; skips where there is none to be had."""
    download = [
        ringmaster[0],
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-binary",
        ":all:",
        GOMILL,
        "-d",
    ]
    folder = _once(tmp_path_factory, "archive", download)
    if folder is None:
        pytest.skip("gomill's source distribution cannot be downloaded")
    return folder / "gomill-0.8.3.tar.gz"


@pytest.fixture(scope="session")
def ringmaster(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command line of the real gomill 0.8.3, installed for the occasion."""
    python2 = _python2()
    if python2 is None:
        pytest.skip("gomill needs a Python 2.7, and there is none")
    target = _once(tmp_path_factory, "gomill", [python2, "-m", "pip", "install", "-q", GOMILL, "--target"])
    if target is None:
        pytest.skip("gomill 0.8.3 could not be installed under Python 2.7")
    start = "from gomill.ringmaster_command_line import main; main()"
    return [python2, "-c", f"import sys; sys.path.insert(0, {str(target)!r}); {start}"]
