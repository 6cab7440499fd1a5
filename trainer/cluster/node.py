"""A node's part in training: its processes, the data that they read, and files that go back to the driver.

This runs on the node, in an actor, and does not import Ray. Every call is short: processes train beside it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from lzeval.cluster.shipping import Shipped
from lzeval.errors import UserError
from lzeval.system.cache import cache_folder
from lzeval.system.machine import multiplies_bf16
from lzeval.version import __version__
from trainer.cluster.process import MARK, Job
from trainer.data.packed import META, damaged_files

KEPT_LINES = 40
"""Last lines that a process wrote, for whoever has to find out why it ended."""
END_WITHIN_S = 10.0
Stamp = tuple[int, int]
"""Time of the last change, in nanoseconds, and length of a file."""


@dataclass(frozen=True)
class PackedFolder:
    """A packed data set on the driver's machine."""

    path: str
    """Absolute."""
    meta: bytes
    """Content of its meta.json, in which all its files' hashes are."""
    lengths: Mapping[str, int]
    """Of its files, by name."""
    digest: str
    """Of `meta`: its name in caches."""


@dataclass
class Heard:
    """What a process has said since the last question, and whether it has ended."""

    told: list[str]
    """JSON for the driver, see `process.tell`."""
    status: int | None
    """Its exit status; None while it runs."""
    last_lines: list[str]
    """The last of what else it wrote."""


@dataclass
class _Process:
    popen: subprocess.Popen[str]
    told: deque[str] = field(default_factory=deque)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    reader: Thread | None = None

    def read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            if line.startswith(MARK):
                self.told.append(line[1:])
            else:
                self.lines.append(line.rstrip("\n"))


class TrainingNode:
    """A node that trains."""

    def __init__(self, version: str, address: str) -> None:
        """`address` is that of this node in the cluster. Raises UserError unless lzeval has this `version` here."""
        if version != __version__:
            raise UserError(
                f"{socket.gethostname()} has lzeval {__version__}, the driver {version}: install the same on both"
            )
        self._address = address
        self._processes: list[_Process] = []
        self._own_folder: Path | None = None

    def facts(self) -> tuple[str, int, bool]:
        """The host's name, a port that is free, and whether its processor multiplies bf16."""
        with closing(socket.socket()) as probe:
            probe.bind(("", 0))
            port = int(probe.getsockname()[1])
        return socket.gethostname(), port, multiplies_bf16()

    def sees(self, path: str, content: bytes) -> bool:
        """Whether the file `path` of the driver's is here as well, as on a shared drive or on the driver's machine."""
        try:
            return Path(path).read_bytes() == content
        except OSError:
            return False

    # What the run reads

    def place_of(self, data: PackedFolder) -> tuple[str, bool]:
        """Where the data set lies here, or will, and whether it is there already."""
        kept = cache_folder() / "packed" / f"sent-{data.digest}"
        for folder in (Path(data.path), kept):
            if self.sees(str(folder / META), data.meta) and _lengths(folder, data) == data.lengths:
                return str(folder), True
        return str(kept), False

    def receive(self, folder: str, name: str, start: int, content: bytes) -> None:
        """Write a piece of a file that is to lie in `folder`, `start` bytes from its beginning. Raises UserError."""
        file = _unfinished(folder) / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("r+b" if start else "wb") as stream:
                stream.truncate(start)
                stream.seek(start)
                stream.write(content)
        except OSError as exc:
            raise UserError(f"{socket.gethostname()}: {file} cannot be written ({exc.strerror})") from exc

    def received(self, folder: str) -> None:
        """All files of the data set have come: put it in its place. Raises UserError if a file is not what was sent."""
        unfinished = _unfinished(folder)
        damaged = damaged_files(unfinished)
        if damaged:
            shutil.rmtree(unfinished)
            raise UserError(
                f"{socket.gethostname()}: {', '.join(damaged)} came damaged; the same command tries again"
            )
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)

    def place_network(self, network: Shipped) -> str:
        """A network's file on this node."""
        return str(network.place())

    # The run's folder

    def own_folder(self, files: Mapping[str, bytes], folders: Sequence[str]) -> str:
        """A folder of this node's own for the run, with what the driver's folder holds that the run goes on from."""
        self._own_folder = cache_folder() / "runs" / secrets.token_hex(8)
        for name in folders:
            (self._own_folder / name).mkdir(parents=True, exist_ok=True)
        self._own_folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (self._own_folder / name).write_bytes(content)
        return str(self._own_folder)

    def changed_files(self, known: Mapping[str, Stamp]) -> dict[str, tuple[Stamp, bytes]]:
        """Files of this node's own folder that are not as `known`, by their names in it; those that are hidden stay."""
        found: dict[str, tuple[Stamp, bytes]] = {}
        assert self._own_folder is not None
        for file in self._own_folder.rglob("*"):
            name = file.relative_to(self._own_folder).as_posix()
            with suppress(OSError):  # replaced in this moment: it is read the next time
                status = file.stat()
                stamp = status.st_mtime_ns, status.st_size
                if file.is_file() and not file.name.startswith(".") and known.get(name) != stamp:
                    found[name] = stamp, file.read_bytes()
        return found

    # Processes

    def begin(self, job: Job, environments: Sequence[Mapping[str, str]]) -> None:
        """Start a process of the run for each of `environments`."""
        common = _network_variables(self._address) | dict(os.environ)
        common["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        for environment in environments:
            popen = subprocess.Popen(
                [sys.executable, "-c", "from trainer.cluster.process import main; main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=common | dict(environment),
            )
            assert popen.stdin is not None
            popen.stdin.write(job.as_line().decode("ascii"))
            popen.stdin.flush()
            process = _Process(popen)
            process.reader = Thread(target=process.read, daemon=True)
            process.reader.start()
            self._processes.append(process)

    def listen(self) -> list[Heard]:
        """One for each process, in order."""
        heard = []
        for process in self._processes:
            status = process.popen.poll()
            if status is not None and process.reader is not None:
                process.reader.join(END_WITHIN_S)
            told = [process.told.popleft() for _ in range(len(process.told))]
            heard.append(Heard(told, status, list(process.lines)))
        return heard

    def stop(self) -> None:
        """Ask the processes to save and to end."""
        for process in self._processes:
            assert process.popen.stdin is not None
            with suppress(OSError):  # it has ended
                process.popen.stdin.write("stop\n")
                process.popen.stdin.flush()

    def end(self) -> None:
        """End what still runs, and remove this node's own folder."""
        for process in self._processes:
            process.popen.kill()
            if process.reader is not None:
                process.reader.join(END_WITHIN_S)
            with suppress(OSError), process.popen:  # closes its pipes and waits for it
                pass
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)


def _lengths(folder: Path, data: PackedFolder) -> dict[str, int]:
    return {name: (folder / name).stat().st_size for name in data.lengths if (folder / name).is_file()}


def _unfinished(folder: str) -> Path:
    return Path(f"{folder}.partial")


def _network_variables(address: str) -> dict[str, str]:
    """The network interface that gloo and NCCL are to use: without, a host's own name may lead them to loopback."""
    import psutil

    for interface, addresses in psutil.net_if_addrs().items():
        if any(each.address == address for each in addresses):
            return {"GLOO_SOCKET_IFNAME": interface, "NCCL_SOCKET_IFNAME": interface}
    return {}
