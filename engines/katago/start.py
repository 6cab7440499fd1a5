"""A KataGo started for its players: configured, asked whether it is what they need, and described."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.gtp.client.transport import Peer, SubprocessPeer
from engines.gtp.errors import EngineRefused
from engines.katago.arguments import LARGEST_BOARD, KataGoArguments
from engines.katago.choice import VALUE
from engines.katago.player import query_of
from engines.katago.process import AnalysisProcess
from engines.katago.program import Program, environment, find_program, program_at
from lzeval.errors import EngineError
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.system.files import file_sha256, write_text_atomically

START_SILENCE_S = 300.0
"""Time without a word in which a KataGo that starts is waited for: one that tunes itself says little."""
PROBE_S = 120.0
"""Time for the first position."""
PROBE_BOARD, PROBE_VISITS = 5, 4
_UNUSED = re.compile(r"[Uu]nused key '([^']*)'")

OpenPeer = Callable[[Sequence[str], Mapping[str, str]], Peer]
"""Starts a command with additions to the environment. Raises UserError."""


@dataclass(frozen=True)
class KataGo:
    """A running KataGo."""

    process: AnalysisProcess
    version: str
    sha256: str
    """SHA-256 of its network's file."""


def start_katago(
    arguments: KataGoArguments,
    config: Path,
    games: int,
    *,
    largest_board: int = LARGEST_BOARD,
    silence_s: float,
    name: str = "katago",
    open_peer: OpenPeer | None = None,
    warn: Callable[[str], None] | None = None,
) -> KataGo:
    """Start a KataGo for `games` games at once, with `config` written for it, and see that it answers.

    `largest_board` is the largest that it is asked about. `silence_s` is the longest time without a word while it
    starts. Raises UserError for what the user can mend, and EngineError, with `name`, where KataGo fails; `warn` hears
    of its warnings, on another thread.
    """
    arguments.check()
    program = program_at(find_program(arguments.program))
    write_text_atomically(config, arguments.configuration(games, largest_board))
    command = [program.path, "analysis", "-config", str(config), "-model", arguments.network]
    open_peer = open_peer or _open_peer
    process = AnalysisProcess(open_peer(command, environment()), name, warn)
    try:
        process.start(silence_s)
        _check(process, arguments, program, min(largest_board, PROBE_BOARD))
    except BaseException:
        process.close()
        raise
    return KataGo(process, program.version, file_sha256(Path(arguments.network)))


def _open_peer(command: Sequence[str], variables: Mapping[str, str]) -> Peer:
    return SubprocessPeer(command, None, variables)


def _check(process: AnalysisProcess, arguments: KataGoArguments, program: Program, size: int) -> None:
    """Ask it about a board of `size`.

    Raises EngineError where it does not know a setting, or is too old to tell how it chooses.
    """
    unknown = [key for key in _UNUSED.findall(process.stderr_text()) if key in arguments.further]
    if unknown:
        raise EngineError(process.name, f"KataGo {program.version} knows no setting {unknown[0]}")
    answer = process.ask(query_of(Game(size, 7.0), Colour.BLACK, PROBE_VISITS), PROBE_S)
    told = answer.get("moveInfos") or [{}]
    if VALUE not in told[0]:
        raise EngineRefused(
            process.name,
            "analysis",
            f"KataGo {program.version} is too old: its answers have no {VALUE}; get 1.15 or a later one",
        )


def default_config_name(arguments: KataGoArguments) -> str:
    """A name for the configuration file of a network, such as all systems allow."""
    return re.sub(r"[^-A-Za-z0-9.+_]", "_", arguments.network_name) + ".cfg"
