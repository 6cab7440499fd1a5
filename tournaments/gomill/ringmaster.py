"""gomill's own ringmaster, run on a control file as a process of its own."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from lzeval.errors import UserError
from tournaments.gomill.files import GomillFiles
from tournaments.gomill.install import Gomill, find_gomill

Action: TypeAlias = Literal["run", "show", "report", "reset", "check", "stop"]
_HALT = re.compile(r"^halting competition: (.*)$", re.MULTILINE)
_LIMIT_REACHED = "max-games reached for this run"


@dataclass(frozen=True)
class RingmasterRun:
    """The end of a run of the ringmaster."""

    exit_status: int
    halted: str | None = None
    """The reason why it started no more games before all were played; it ends with status 0 all the same."""


def run_ringmaster(
    control_file: str | Path,
    action: Action = "run",
    *,
    processes: int | None = None,
    max_games: int | None = None,
    quiet: bool = False,
    log_gtp: bool = False,
    gomill: Gomill | None = None,
) -> RingmasterRun:
    """Have the ringmaster do `action`; it reads from and writes to this process's terminal.

    Results are in the competition's files afterwards: `tournaments.gomill.takeover.games_of_gomill` reads them.
    `gomill` is None for what `lzeval gomill install` has installed. Raises UserError if that is missing; Ctrl-C
    ends the ringmaster in its own way and then raises KeyboardInterrupt.
    """
    path = Path(control_file)
    if not path.is_file():
        raise UserError(f"{path}: there is no such control file")
    command = [*(gomill or find_gomill()).command(), str(path), action]
    if processes is not None:
        command += ["--parallel", str(processes)]
    if max_games is not None:
        command += ["--max-games", str(max_games)]
    command += ["--quiet"] * quiet + ["--log-gtp"] * log_gtp
    log = GomillFiles(path).log
    before = log.stat().st_size if log.exists() else 0
    exit_status = _wait(command)
    return RingmasterRun(exit_status, _halted(log, before) if action == "run" else None)


def _wait(command: list[str]) -> int:
    try:
        process = subprocess.Popen(command)
    except OSError as exc:
        raise UserError(f"{command[0]} cannot be started: {exc.strerror}") from exc
    with process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()  # Ctrl-C has reached it, too
            raise


def _halted(log: Path, start: int) -> str | None:
    """The reason that the log gives from byte `start` on, unless the user asked for so many games only."""
    if not log.exists():
        return None
    with log.open("rb") as file:
        file.seek(start)
        reasons = _HALT.findall(file.read().decode("utf-8", "replace"))
    return reasons[-1] if reasons and reasons[-1] != _LIMIT_REACHED else None
