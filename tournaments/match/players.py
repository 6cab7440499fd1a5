"""Other programs as players of a match: `gnugo:LEVEL`, `leelaz:FILE`, `cmd:"COMMAND LINE"`."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lzeval.errors import UserError
from lzeval.network.weights_file.weights import is_checkpoint
from lzeval.system.bundled import network_name, resolve_network
from lzeval.text.wording import command_line

GAMES_FOLDER = "/usr/games"
"""Where Debian puts both, and not on everybody's PATH."""
HIGHEST_LEVEL = 10
"""GNU Go takes higher ones, and advises against them."""
HELP_S = 30.0
"""For a program to print its options."""


@dataclass(frozen=True)
class Program:
    """A player that is no network of ours."""

    name: str
    """What tables call it, before it is made fit for a control file."""
    command: tuple[str, ...]
    startup_gtp_commands: tuple[str, ...] = ()
    counts_dead_stones: bool = False
    """Whether it may be asked which stones are dead, also by others."""
    plays_on: bool = False
    """Whether it passes only where every stone on the board may count as alive."""


@dataclass(frozen=True)
class Strength:
    """What a match tells all its players."""

    visits: int | None
    playouts: int | None
    resign_percent: float
    device: str = "auto"


def is_program(text: str) -> bool:
    """Whether a player of a match is another program, and not a network."""
    return not Path(text).is_file() and text.partition(":")[0] in KINDS


def program_of(text: str, strength: Strength) -> Program:
    """What is to be started for a player of a match. Raises UserError, with what to do."""
    kind, _, rest = text.partition(":")
    return KINDS[kind](rest.strip(), strength)


def _gnugo(level: str, _strength: Strength) -> Program:
    if not re.fullmatch("[0-9]+", level) or int(level) > HIGHEST_LEVEL:
        raise UserError(f"gnugo:{level}: its level is wanted, 0 to {HIGHEST_LEVEL}, as in gnugo:10")
    program = _found("gnugo", "GNU Go", "gnugo")
    return Program(
        name=f"gnugo-{int(level)}",
        command=(program, "--mode", "gtp", "--level", str(int(level)), "--chinese-rules"),
        startup_gtp_commands=("set_random_seed {seed}",),
        counts_dead_stones=True,
    )


def _leelaz(file: str, strength: Strength) -> Program:
    if not file:
        raise UserError("leelaz: its weights file is wanted, as in leelaz:NET.txt.gz")
    network = resolve_network(file).resolve()
    if is_checkpoint(network):
        export = command_line("lzeval", "export", network, "NET.txt.gz")
        raise UserError(f"{network} is a checkpoint; leelaz wants weights: {export}")
    limits = [] if strength.visits is None else ["--visits", str(strength.visits)]
    limits += [] if strength.playouts is None else ["--playouts", str(strength.playouts)]
    program = _found("leelaz", "Leela Zero", "leela-zero")
    command = [program, "--gtp", "--noponder", "--timemanage", "off", *_on_cpu(program, strength.device)]
    command += ["--threads", "1", "--seed", "{seed}", "--resignpct", f"{strength.resign_percent:g}", *limits]
    return Program(
        name=f"leelaz-{network_name(network)}",
        command=(*command, "--weights", str(network)),
        startup_gtp_commands=("time_settings 0 1 0",),  # no clock
        plays_on=True,
    )


def _on_cpu(program: str, device: str) -> list[str]:
    """What keeps a Leela Zero that was built for OpenCL off a GPU, where there is none, or it is not wanted."""
    try:
        said = subprocess.run([program, "--help"], capture_output=True, timeout=HELP_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []  # its first game will tell what is wrong with it
    knows = b"--cpu-only" in said.stdout + said.stderr
    return ["--cpu-only"] if knows and (device == "cpu" or not _has_opencl()) else []


def _has_opencl() -> bool:
    """Whether OpenCL knows of any hardware."""
    name = ctypes.util.find_library("OpenCL")
    if name is None:
        return False
    count = ctypes.c_uint(0)
    try:
        status = ctypes.CDLL(name).clGetPlatformIDs(0, None, ctypes.byref(count))
    except (OSError, AttributeError):
        return False
    return status == 0 and count.value > 0


def _command_line(text: str, _strength: Strength) -> Program:
    try:
        words = shlex.split(text, posix=sys.platform != "win32")
    except ValueError as error:
        raise UserError(f"cmd:{text}: {error}") from error
    if not words:
        raise UserError('cmd: a command line is wanted, as in cmd:"gnugo --mode gtp"')
    program = shutil.which(os.path.expanduser(words[0]))  # noqa: PTH111
    if program is None:
        raise UserError(f"cmd:{text}: there is no program {words[0]!r}")
    return Program(name=Path(words[0]).stem, command=(os.path.abspath(program), *words[1:]))  # noqa: PTH100


KINDS: dict[str, Callable[[str, Strength], Program]] = {
    "gnugo": _gnugo,
    "leelaz": _leelaz,
    "cmd": _command_line,
}
"""By the word before the colon: what makes a program of the text after it."""


def _found(program: str, called: str, package: str) -> str:
    path = shutil.which(program) or shutil.which(program, path=GAMES_FOLDER)
    if path is None:
        raise UserError(
            f"{called} is wanted, and there is no {program} on PATH; install it (Debian: apt install {package}),"
            ' or name it: cmd:"COMMAND LINE"'
        )
    return path
