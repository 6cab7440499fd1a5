"""Benchmark of memory: what the processes of a match need.

    python -m benchmarks.memory --networks big small --games 64 --moves 60

The match runs as a program of its own. On Linux every process of it is watched through /proc: the peak of each,
and the peak of all together with shared pages counted once. Elsewhere the system tells the largest process's
peak alone.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.report import available_cores, present, run
from lzeval.errors import UserError

PROC = Path("/proc")
WATCH_EVERY_S = 0.5
MEBIBYTE = 1 << 20


@dataclass
class Peaks:
    """Most memory seen so far, in bytes."""

    of_process: dict[int, int] = field(default_factory=dict)
    """Most memory that each process has held, by its id, pages shared with others included."""
    together: int = 0
    """The most that all held at one time, each shared page counted once."""

    def watch(self, root: int) -> None:
        """Look at the process `root` and all that it has started."""
        together = 0
        for process in descendants(root):
            peak, share = _peak(process), _share(process)
            self.of_process[process] = max(peak, self.of_process.get(process, 0))
            together += share
        self.together = max(self.together, together)


def descendants(root: int) -> list[int]:
    """`root` and the processes below it, parents first."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            parent = _parent(entry)
            if parent is not None:
                children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def _parent(entry: Path) -> int | None:
    """The parent of a process; None if it is gone."""
    try:
        after_name = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except OSError:
        return None
    return int(after_name.split()[1])


def _peak(process: int) -> int:
    return _kilobytes(PROC / str(process) / "status", "VmHWM:")


def _share(process: int) -> int:
    """The process's memory, a page that n processes share counted as 1/n of one."""
    return _kilobytes(PROC / str(process) / "smaps_rollup", "Pss:")


def _kilobytes(file: Path, label: str) -> int:
    """Bytes that a line `label  N kB` tells; 0 where the process is gone."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(label)), 0)


def largest_child() -> int:
    """The peak of the largest process that this one has started and waited for, in bytes."""
    if sys.platform == "win32":
        raise UserError("this system does not tell how much memory a program needed")
    import resource

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return int(peak if sys.platform == "darwin" else 1024 * peak)


def watch_match(command: list[str], folder: Path, games: int) -> Peaks:
    """Run a match to its end. Raises UserError if it did not play all its games."""
    peaks = Peaks()
    with (folder / "errors.txt").open("w+b") as errors:
        match = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        while match.poll() is None:
            if PROC.is_dir():
                peaks.watch(match.pid)
            time.sleep(WATCH_EVERY_S)
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace").strip()
    # games cut short are void and leave nothing to rate, which the program calls a mistake; here it is none
    if len(list(folder.glob("match/match.games/*.sgf"))) < games:
        raise UserError(f"the match did not finish: {said.splitlines()[-1] if said else 'it said nothing'}")
    return peaks


def main(
    networks: Annotated[tuple[str, str], typer.Option(metavar="A B", help="Names or weights files.")] = (
        "big",
        "small",
    ),
    games: Annotated[int, typer.Option(help="More of them than there are tables fill every tree.")] = 64,
    visits: Annotated[int, typer.Option(min=1, help="Visits a move.")] = 100,
    moves: Annotated[int, typer.Option(min=8, help="End games after so many moves.")] = 40,
    cores: Annotated[int | None, typer.Option(min=1, help="Processes; one a core if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Play a match and print the peak memory of its processes, in MiB."""
    cores = cores or available_cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "lzeval", "match", *networks, "--out", str(folder / "match")]
        command += ["--games", str(games), "--visits", str(visits), "--move-limit", str(moves)]
        peaks = watch_match([*command, "--threads", str(cores)], folder, games)
    rows = [
        {"process": f"{'match' if number == 0 else 'started by it'} ({process})", "peak_MiB": peak / MEBIBYTE}
        for number, (process, peak) in enumerate(peaks.of_process.items())
        if peak
    ]
    rows = rows or [{"process": "the largest", "peak_MiB": largest_child() / MEBIBYTE}]
    together = peaks.together / MEBIBYTE if peaks.together else None
    present(rows, {"games": games, "visits": visits, "all_together_MiB": together}, as_json=as_json)


if __name__ == "__main__":
    run(main)
