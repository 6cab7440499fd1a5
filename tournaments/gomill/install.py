"""gomill itself, for those who want its own ringmaster: found, or put beside a Python 2.7.

gomill 0.8.3 runs under Python 2 only, and needs nothing but its own modules: its source distribution is fetched from
PyPI, compared with the checksum below, and its package unpacked into the user's data folder. Nothing is built.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
import shutil
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import platformdirs

from lzeval.errors import UserError

VERSION = "0.8.3"
URL = (
    "https://files.pythonhosted.org/packages/a8/4a/ac5176c80c0bb4427a01ae2ff0c2fa183b682fe7cd5b49a34b908e948893/"
    f"gomill-{VERSION}.tar.gz"
)
SHA256 = "01384dec1d72cf75d6415778b21a72cee83b30981290b4c0a5068951faf8fd28"
LARGEST_BYTES = 10 * 1024 * 1024
TIMEOUT_S = 60.0
RINGMASTER = "ringmaster"
"""The program in an installation's folder: a Python 2.7 script that needs no settings."""
_OPTION = "-E"
"""Environment variables such as PYTHONPATH are another Python's."""
_UNPACKED = ("gomill/", "README.txt")


@dataclass(frozen=True)
class Gomill:
    """gomill where it is installed."""

    folder: Path

    @property
    def ringmaster(self) -> Path:
        """The program."""
        return self.folder / RINGMASTER

    @property
    def python(self) -> Path:
        """The Python 2.7 that runs it."""
        first = self.ringmaster.read_text(encoding="utf-8").split("\n", 1)[0]
        return Path(first.removeprefix("#!").removesuffix(f" {_OPTION}"))

    def command(self) -> list[str]:
        return [str(self.python), _OPTION, str(self.ringmaster)]


def install_folder() -> Path:
    """The folder that `install` puts gomill into, in the user's data folder."""
    return Path(platformdirs.user_data_dir("lzeval", False)) / f"gomill-{VERSION}"


def find_gomill() -> Gomill:
    """The ringmaster that `install` has installed. Raises UserError if that is not there, or its Python is gone."""
    gomill = Gomill(install_folder())
    if not gomill.ringmaster.is_file():
        raise UserError("gomill is not installed here; run: lzeval gomill install")
    if not gomill.python.is_file():
        raise UserError(
            f"gomill's Python 2.7, {gomill.python}, is gone; run: lzeval gomill install --python PATH"
        )
    return gomill


def install(python: str | Path | None = None, archive: str | Path | None = None) -> Gomill:
    """Put gomill into the user's data folder, whole or not at all, in place of what is there.

    `python` is a Python 2.7; None: the one that `find_python2` finds. `archive` is gomill's source distribution if
    it is not to be fetched. Raises UserError.
    """
    python2 = _wanted_python(python)
    content = _fetch() if archive is None else _read(Path(archive))
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise UserError(
            f"{archive or URL} is not gomill {VERSION} as it was released: its SHA-256 is "
            f"{hashlib.sha256(content).hexdigest()}, not {SHA256}; nothing was installed"
        )
    target = install_folder()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _install(content, python2, target)
    except OSError as exc:
        raise UserError(f"cannot install gomill into {target}: {exc.strerror or exc}") from exc
    return Gomill(target)


def _install(content: bytes, python2: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        _unpack(content, temporary)
        program = temporary / RINGMASTER
        program.write_text(
            f"#!{python2} {_OPTION}\nfrom gomill.ringmaster_command_line import main\nmain()\n",
            encoding="utf-8",
        )
        program.chmod(0o755)
        _replace(target, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace(target: Path, folder: Path) -> None:
    """Give `folder` the name `target`; what had it before comes back if that fails."""
    old = folder.with_suffix(".old")
    if target.exists():
        target.rename(old)
    try:
        folder.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _unpack(content: bytes, folder: Path) -> None:
    """Write the package's own files; nothing else of the archive, and nothing elsewhere."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            inner = PurePosixPath(*name.parts[1:])
            if not member.isfile() or ".." in name.parts or not str(inner).startswith(_UNPACKED):
                continue
            file = archive.extractfile(member)
            assert file is not None
            (folder / inner).parent.mkdir(parents=True, exist_ok=True)
            (folder / inner).write_bytes(file.read())


def _fetch() -> bytes:
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT_S) as answer:  # noqa: S310  # always https
            content: bytes = answer.read(LARGEST_BYTES)
    except (urllib.error.URLError, OSError) as exc:
        reason = getattr(exc, "reason", exc)
        raise UserError(
            f"{URL} cannot be fetched ({reason}); fetch it elsewhere and give --archive FILE"
        ) from exc
    return content


def _read(archive: Path) -> bytes:
    try:
        with archive.open("rb") as file:
            return file.read(LARGEST_BYTES)
    except OSError as exc:
        raise UserError(f"{archive} cannot be read: {exc.strerror}") from exc


# Python 2.7


def find_python2() -> Path | None:
    """A Python 2.7 that runs: from PATH, or else from pyenv, whose newest is taken."""
    return next((path for path in _candidates() if is_python2(path)), None)


def _candidates() -> Iterator[Path]:
    for name in ("python2.7", "python2"):
        found = shutil.which(name)
        if found is not None:
            yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    yield from sorted(pyenv.glob("2.7*/bin/python2.7"), key=_version, reverse=True)


def _version(path: Path) -> list[int]:
    """The numbers of the version that pyenv's folder for the Python at `path` is named after."""
    return [int(digits) for digits in re.findall(r"\d+", path.parts[-3])]


def is_python2(path: Path) -> bool:
    """Tell whether it is a Python 2.7: pyenv puts stand-ins on PATH that may lead nowhere."""
    return _real_python2(path) is not None


def _real_python2(path: Path) -> Path | None:
    """The Python 2.7 itself that `path` starts."""
    script = "import sys; sys.version_info[:2] == (2, 7) and sys.stdout.write(sys.executable)"
    try:
        outcome = subprocess.run(
            [path, "-c", script], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return Path(outcome.stdout) if outcome.returncode == 0 and outcome.stdout else None


def _wanted_python(python: str | Path | None) -> Path:
    path = find_python2() if python is None else Path(python)
    if path is None:
        raise UserError("gomill needs a Python 2.7, and none is on PATH or in pyenv; give --python PATH")
    real = _real_python2(path)
    if real is None:
        raise UserError(f"{path} is no Python 2.7 that runs; give another with --python")
    return real
