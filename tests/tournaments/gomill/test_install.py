"""Installing gomill: whole or not at all, what was released and nothing else, and one line for what goes wrong."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner

import tournaments.gomill.install
from lzeval.cli.main import application
from lzeval.errors import UserError
from tests.support.gomill_files import FAKE, SCRIPTED, written
from tournaments.gomill.files import GomillFiles
from tournaments.gomill.install import find_gomill, find_python2, install, install_folder, is_python2
from tournaments.gomill.report import report_text
from tournaments.gomill.ringmaster import run_ringmaster
from tournaments.gomill.takeover import games_of_gomill

PACKAGE = {
    "gomill-0.8.3/gomill/__init__.py": b"",
    "gomill-0.8.3/gomill/ringmaster_command_line.py": b"def main(): print('ringmaster runs')\n",
    "gomill-0.8.3/README.txt": b"read me\n",
    "gomill-0.8.3/setup.py": b"raise SystemExit('nobody runs this')\n",
    "gomill-0.8.3/gomill/../../../outside.py": b"",
    "/gomill-0.8.3/gomill/absolute.py": b"",
}


def archive_of(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("gomill-0.8.3/gomill/link.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return content.getvalue()


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, with its data folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(
        "platformdirs.user_data_dir", lambda name, _author=None: str(tmp_path / "data" / str(name))
    )
    return tmp_path / "data"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package that passes for gomill."""
    content = archive_of(PACKAGE)
    monkeypatch.setattr(tournaments.gomill.install, "SHA256", hashlib.sha256(content).hexdigest())
    path = tmp_path / "gomill.tar.gz"
    path.write_bytes(content)
    return path


@pytest.fixture
def python2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only Python 2.7 on PATH: a stand-in that says it is one, and runs whatever it is given with ours."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "python2.7"
    path.write_text(f'#!/bin/sh\ncase "$1" in -c) printf %s "$0";; *) exec {sys.executable} "$@";; esac\n')
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "nowhere"))
    return path


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_only_the_package_is_unpacked(archive: Path, python2: Path, data_folder: Path) -> None:
    gomill = install(archive=archive)
    assert gomill.folder == data_folder / "lzeval" / "gomill-0.8.3"
    assert files_in(data_folder.parent / "data") == {
        f"lzeval/gomill-0.8.3/{name}"
        for name in ("ringmaster", "README.txt", "gomill/__init__.py", "gomill/ringmaster_command_line.py")
    }
    assert gomill.python == python2
    assert find_gomill() == gomill
    outcome = subprocess.run(gomill.command(), capture_output=True, text=True, check=True)
    assert outcome.stdout == "ringmaster runs\n"
    assert subprocess.run([gomill.ringmaster], capture_output=True, check=True).stdout == b"ringmaster runs\n"


def test_installing_again_replaces_everything(archive: Path, python2: Path) -> None:
    folder = install(archive=archive).folder
    (folder / "gomill" / "old.py").touch()
    install(archive=archive)
    assert not (folder / "gomill" / "old.py").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["gomill-0.8.3"]


@pytest.mark.parametrize("step", ["_unpack", "_replace"])
def test_what_fails_leaves_what_was_there(
    step: str, archive: Path, python2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(archive=archive).folder
    before = files_in(folder)

    def fail(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tournaments.gomill.install, step, fail)
    with pytest.raises(UserError, match=r"cannot install gomill into .*: No space left on device"):
        install(archive=archive)
    assert files_in(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["gomill-0.8.3"]


def test_an_installation_comes_back_if_it_cannot_be_replaced(
    archive: Path, python2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install(archive=archive).folder
    before, rename = files_in(folder), Path.rename

    def fail_once(path: Path, target: Path) -> Path:
        if path.name.endswith(".tmp"):
            raise OSError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(UserError, match="Permission denied"):
        install(archive=archive)
    assert files_in(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["gomill-0.8.3"]


def test_another_archive_is_refused(tmp_path: Path, python2: Path) -> None:
    path = tmp_path / "other.tar.gz"
    path.write_bytes(archive_of(PACKAGE))
    with pytest.raises(
        UserError, match=r"other\.tar\.gz is not gomill 0\.8\.3 as it was released: its SHA-256 is"
    ):
        install(archive=path)
    assert not install_folder().exists()
    with pytest.raises(UserError, match=r"none\.tar\.gz cannot be read: No such file"):
        install(archive=tmp_path / "none.tar.gz")


def test_what_is_fetched_is_compared(archive: Path, python2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def serve(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(archive.read_bytes())

    monkeypatch.setattr("urllib.request.urlopen", serve)
    assert install().ringmaster.is_file()
    assert asked == [tournaments.gomill.install.URL]
    assert asked[0].startswith("https://files.pythonhosted.org/")
    monkeypatch.setattr(tournaments.gomill.install, "SHA256", "0" * 64)
    with pytest.raises(UserError, match=r"https://.* is not gomill 0\.8\.3 as it was released"):
        install()


def test_without_a_network(python2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr("urllib.request.urlopen", fail)
    with pytest.raises(
        UserError, match=r"cannot be fetched \(Name or service not known\); .* give --archive FILE"
    ):
        install()


def test_without_a_python_2(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_python2() is None
    with pytest.raises(UserError, match=r"gomill needs a Python 2\.7, and none is on PATH or in pyenv"):
        install(archive=archive)
    with pytest.raises(UserError, match=r"python.* is no Python 2\.7 that runs"):
        install(sys.executable, archive)
    with pytest.raises(UserError, match=r"nowhere is no Python 2\.7 that runs"):
        install(tmp_path / "nowhere", archive)


def test_pyenvs_newest_is_taken_and_stand_ins_are_not(
    python2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("2.7.9", "2.7.18"):
        path = tmp_path / "pyenv" / "versions" / version / "bin" / "python2.7"
        path.parent.mkdir(parents=True)
        path.write_bytes(python2.read_bytes())
        path.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert find_python2() == python2
    python2.write_text("#!/bin/sh\necho 'pyenv: python2.7: command not found' >&2; exit 127\n")
    assert not is_python2(python2)
    assert find_python2() == tmp_path / "pyenv/versions/2.7.18/bin/python2.7"


def test_what_is_gone_is_told(archive: Path, python2: Path) -> None:
    with pytest.raises(UserError, match="gomill is not installed here; run: lzeval gomill install"):
        find_gomill()
    install(archive=archive)
    python2.unlink()
    with pytest.raises(UserError, match=r"gomill's Python 2\.7, .*python2\.7, is gone"):
        find_gomill()


def test_the_commands(archive: Path, python2: Path) -> None:
    runner = CliRunner()
    outcome = runner.invoke(application(), ["gomill", "path"])
    assert isinstance(outcome.exception, UserError)
    outcome = runner.invoke(
        application(), ["gomill", "install", "--python", str(python2), "--archive", str(archive)]
    )
    assert outcome.exit_code == 0, outcome.output
    program = str(install_folder() / "ringmaster")
    assert outcome.output.splitlines() == [f"gomill 0.8.3: {install_folder()}", f"its ringmaster: {program}"]
    outcome = runner.invoke(application(), ["gomill", "path"])
    assert (outcome.exit_code, outcome.output) == (0, f"{program}\n")


@pytest.mark.engine
def test_the_real_gomill_is_installed_and_run(
    ringmaster: list[str], gomill_archive: Path, tmp_path: Path
) -> None:
    gomill = install(ringmaster[0], gomill_archive)
    assert is_python2(gomill.python)
    text = SCRIPTED.format(python=sys.executable, fake=str(FAKE), folder=str(tmp_path))
    competition = written(tmp_path, text)
    assert run_ringmaster(competition.path, "check", quiet=True).exit_status == 0
    found = run_ringmaster(competition.path, "run", quiet=True, processes=2, max_games=4)
    assert (found.exit_status, found.halted) == (0, None)
    taken = games_of_gomill(competition)
    assert len(taken) == 4
    files = GomillFiles(competition.path)
    assert report_text(competition, taken) == files.report.read_text(encoding="utf-8")
    (tmp_path / "broken.ctl").write_text("competition_type = 'playoff'\n")
    assert run_ringmaster(tmp_path / "broken.ctl", "show").exit_status == 1
