"""The guard's own program: kills what its tournament leaves behind.

It is started as `python process_guard_program.py TOKEN`, is told of engines on its standard input, and acts when that
ends. It imports next to nothing, not even pathlib, as every tournament waits for it at its end.
"""

import os
import signal
import sys

MARK = "LZEVAL_TOURNAMENT"
"""Environment variable by which engines and what they start are known."""
SWEEPS = 20


def keep_watch(token: str) -> None:
    """The guard's whole life: until its input ends, which nothing but the tournament's end can cause."""
    if sys.platform == "win32":
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        change = groups.add if line[:1] == b"+" else groups.discard
        change(int(line[1:]))
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    end_marked(f"{token}-")


def end_marked(mark: str) -> None:
    """Kill every process whose mark begins with `mark`, wherever it has hidden; only Linux can tell them."""
    if not sys.platform.startswith("linux"):
        return
    for _ in range(SWEEPS):  # one that is just starting another is caught with the next sweep
        if not _sweep(f"{MARK}={mark}".encode("ascii")):
            return


def _sweep(mark: bytes) -> bool:
    """Kill those that are there now; returns whether there were any."""
    found = False
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        try:
            with open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123
                variables = file.read().split(b"\0")
            if any(variable.startswith(mark) for variable in variables):
                os.kill(int(name), signal.SIGKILL)
                found = True
        except OSError:
            continue
    return found


if __name__ == "__main__":
    keep_watch(sys.argv[1])
