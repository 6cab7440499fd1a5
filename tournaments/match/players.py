"""Players of a match: networks, and other programs as `gnugo:LEVEL`, `katago:NET` or `cmd:"COMMAND LINE"`."""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engines.evaluator.load import EvaluatorPlan, plan_evaluator
from engines.katago.arguments import (
    LARGEST_BOARD,
    RULES,
    KataGoArguments,
    katago_command,
    parse_player,
    text_values,
)
from engines.katago.program import Program, environment, find_program, program_at
from engines.player.options import our_command
from lzeval.errors import UserError
from lzeval.go.rules import Rules
from lzeval.network.weights_file.weights import is_checkpoint
from lzeval.system.bundled import network_name, resolve_network
from lzeval.system.cache import cache_folder
from lzeval.system.devices import ON_CORES
from lzeval.system.files import write_text_atomically
from lzeval.text.wording import command_line
from tournaments.match.options import LIMITS, USUAL_VISITS, MatchOptions, PlayerOptions
from tournaments.plan.competition import PlayerSpec
from tournaments.plan.settings_check import sha256_of

GAMES_FOLDER = "/usr/games"
"""The folder in which Debian puts both; it is not on everybody's PATH."""
HIGHEST_LEVEL = 10
"""GNU Go takes higher ones, and advises against them."""
MOST_KOMI = 150
"""KataGo takes no larger one."""
HELP_S = 30.0
"""Time for a program to print its options."""


Planner = Callable[..., EvaluatorPlan]


@dataclass(frozen=True)
class MatchPlayer:
    """A player of a match: a network or another program."""

    spec: PlayerSpec
    """Its entry in a control file; the code is the name that tables have."""
    facts: dict[str, Any]
    """Facts about the player that its games depend on."""
    plan: EvaluatorPlan | None = None
    """Evaluator plan of its network; None: it is another program."""
    counts_dead_stones: bool = False
    """True if it may be asked which stones are dead."""
    plays_on: bool = True
    """True if it passes only where every stone on the board may count as alive."""
    rules: Rules | None = None
    """Rules that it has been told to play by, which then are the game's; None: it cannot be told."""
    takes_visits: bool = True
    """True if visits and playouts end its search; False: it plays as it is."""


def match_players(
    options: MatchOptions, plan: Planner = plan_evaluator, *, over_gtp: bool = False
) -> tuple[MatchPlayer, MatchPlayer]:
    """Load and check both players of a match; their codes are such as gomill allows, and different.

    `plan` decides how networks are evaluated, with the arguments of `plan_evaluator`. Networks play as programs do
    where one of the players is a program, or with `over_gtp`.
    Raises UserError, with what to do.
    """
    with_programs = over_gtp or any(is_program(player.text) for player in options.players)
    one, other = (
        program_of(player, options)
        if is_program(player.text)
        else _network(player, options, with_programs, plan)
        for player in options.players
    )
    codes = [re.sub(r"[^-A-Za-z0-9.+_]", "_", player.spec.code) or "player" for player in (one, other)]
    if codes[0] == codes[1]:
        codes = [f"{codes[0]}.a", f"{codes[1]}.b"]
    apart = [limit for limit in LIMITS if not options.common(limit)]
    one, other = (
        replace(player, facts={**player.facts, **{limit: getattr(given, limit) for limit in apart}})
        for player, given in zip((one, other), options.players, strict=True)
    )
    return _called(one, codes[0]), _called(other, codes[1])


def _called(player: MatchPlayer, code: str) -> MatchPlayer:
    return replace(player, spec=replace(player.spec, code=code))


def _network(
    player: PlayerOptions, options: MatchOptions, with_programs: bool, planner: Planner
) -> MatchPlayer:
    """A network; where a program plays as well, it is asked about one position at a time."""
    plan = planner(
        player.text,
        precision=options.precision,
        device=options.device,
        batch_size=1 if with_programs else None,
        board_size=options.size,
    )
    facts: dict[str, Any] = {
        "sha256": plan.info.sha256,
        "blocks": plan.info.blocks,
        "filters": plan.info.filters,
        "precision": plan.precision,
        "batch_size": plan.batch_size,
        "device": plan.kind,
    }
    more = ("--openings", options.book_argument)
    if with_programs:  # what such a match has always kept of a network
        facts = {name: facts[name] for name in ("sha256", "precision", "device")}
        more = ("--device", options.device)
    changed = player.search.changed()
    is_file = Path(player.text).exists()
    network = str(resolve_network(player.text).resolve()) if is_file else player.text
    command = (
        *(*our_command(), "gtp", network, "--quiet", "--batch", "1", "--resign", f"{options.resign:g}"),
        *(*_limits(player), "--precision", options.precision, "--seed", str(options.seed), *more),
        *(word for name, value in changed.items() for word in (f"--{name.replace('_', '-')}", str(value))),
    )
    if changed:
        facts["search"] = changed
    return MatchPlayer(PlayerSpec(plan.info.network, command), facts, plan)


def _limits(player: PlayerOptions) -> list[str]:
    limits = [] if player.visits is None else ["--visits", str(player.visits)]
    return limits if player.playouts is None else [*limits, "--playouts", str(player.playouts)]


# Programs


def is_program(text: str) -> bool:
    """Tell whether a player of a match is another program, and not a network."""
    return not Path(text).is_file() and text.partition(":")[0] in KINDS


def program_of(player: PlayerOptions, options: MatchOptions) -> MatchPlayer:
    """The program that is to be started for a player of a match. Raises UserError, with what to do."""
    kind, _, rest = player.text.partition(":")
    found = KINDS[kind](rest.strip(), player, options)
    if player.search.changed():
        raise UserError(
            f"{player.text}: {', '.join(player.search.words())}: search settings are for networks that lzeval plays"
        )
    if options.equal_time and not found.takes_visits:
        raise UserError(
            f"--equal-time: {player.text} has no visits that could be chosen; networks, leelaz: and katago: have"
        )
    if not found.takes_visits:
        for limit in (limit for limit in LIMITS if not options.common(limit)):
            raise UserError(
                f"--{limit}: {player.text} plays without; one number is wanted, for the other player"
            )
    return found


def _program(
    name: str,
    command: Sequence[str],
    *startup: str,
    counts_dead_stones: bool = False,
    plays_on: bool = False,
    takes_visits: bool = False,
) -> MatchPlayer:
    """A program as a player; `startup` are GTP commands."""
    files = {word: sha256_of(Path(word)) for word in command[1:] if Path(word).is_file()}
    spec = PlayerSpec(
        name,
        tuple(command),
        startup_gtp_commands=startup,
        is_reliable_scorer=not plays_on,  # one that plays on counts every stone as alive
    )
    facts = {"command": list(command), "files": files}
    return MatchPlayer(spec, facts, None, counts_dead_stones, plays_on, takes_visits=takes_visits)


def _gnugo(level: str, _player: PlayerOptions, options: MatchOptions) -> MatchPlayer:
    if not re.fullmatch("[0-9]+", level) or int(level) > HIGHEST_LEVEL:
        raise UserError(f"gnugo:{level}: its level is wanted, 0 to {HIGHEST_LEVEL}, as in gnugo:10")
    command = [_found("gnugo", "GNU Go", "gnugo"), "--mode", "gtp", "--level", str(int(level))]
    return _program(
        f"gnugo-{int(level)}",
        [*command, "--chinese-rules", *(["--positional-superko"] if _plays_katago(options) else [])],
        "set_random_seed {seed}",
        counts_dead_stones=True,
    )


def _plays_katago(options: MatchOptions) -> bool:
    """Tell whether one of the players is KataGo, whose rules are then those of the game."""
    return any(
        is_program(player.text) and player.text.startswith(("katago:", "katago-gtp:"))
        for player in options.players
    )


def _leelaz(file: str, player: PlayerOptions, options: MatchOptions) -> MatchPlayer:
    if not file:
        raise UserError("leelaz: its weights file is wanted, as in leelaz:NET.txt.gz")
    network = resolve_network(file).resolve()
    if is_checkpoint(network):
        export = command_line("lzeval", "export", network, "NET.txt.gz")
        raise UserError(f"{network} is a checkpoint; leelaz wants weights: {export}")
    program = _found("leelaz", "Leela Zero", "leela-zero")
    command = [program, "--gtp", "--noponder", "--timemanage", "off", *_on_cpu(program, options.device)]
    command += ["--threads", "1", "--seed", "{seed}", "--resignpct", f"{options.resign:g}", *_limits(player)]
    no_clock = "time_settings 0 1 0"
    return _program(
        f"leelaz-{network_name(network)}",
        [*command, "--weights", str(network)],
        no_clock,
        plays_on=True,
        takes_visits=True,
    )


def _on_cpu(program: str, device: str) -> list[str]:
    """Options that keep a Leela Zero built for OpenCL off a GPU, where there is none, or it is not wanted."""
    try:
        said = subprocess.run([program, "--help"], capture_output=True, timeout=HELP_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []  # its first game will tell what is wrong with it
    knows = b"--cpu-only" in said.stdout + said.stderr
    return ["--cpu-only"] if knows and (device in ON_CORES or not _has_opencl()) else []


def _has_opencl() -> bool:
    """Tell whether OpenCL knows of any hardware."""
    name = ctypes.util.find_library("OpenCL")
    if name is None:
        return False
    count = ctypes.c_uint(0)
    try:
        status = ctypes.CDLL(name).clGetPlatformIDs(0, None, ctypes.byref(count))
    except (OSError, AttributeError):
        return False
    return status == 0 and count.value > 0


def _katago(text: str, player: PlayerOptions, options: MatchOptions) -> MatchPlayer:
    """A KataGo network whose games all ask one KataGo."""
    found, program = _katago_network("katago", text, player, options)
    given = text_values(found)
    command = katago_command(
        str(Path(found.network).resolve()),
        visits=player.visits,
        **(given | {"program": program.path} if "program" in given else given),
        resign=options.resign,
        seed=options.seed,
        openings=options.book_argument,
        quiet=True,
    )
    return _by_superko(
        _program(found.network_name, command, plays_on=True, takes_visits=True), found, program
    )


def _katago_gtp(text: str, player: PlayerOptions, options: MatchOptions) -> MatchPlayer:
    """A KataGo network played by KataGo's own GTP, with a process in each slot."""
    found, program = _katago_network("katago-gtp", text, player, options)
    config = found.gtp_configuration(player.visits or USUAL_VISITS, options.resign)
    path = cache_folder() / "katago" / f"gtp-{hashlib.sha256(config.encode()).hexdigest()[:16]}.cfg"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(path, config)
    command = [program.path, "gtp", "-model", str(Path(found.network).resolve()), "-config", str(path)]
    name = f"{found.network_name}-gtp"
    made = _program(name, command, plays_on=True, takes_visits=True)
    made = replace(made, spec=replace(made.spec, environ=environment()))
    return _by_superko(made, found, program)


def _katago_network(
    kind: str, text: str, player: PlayerOptions, options: MatchOptions
) -> tuple[KataGoArguments, Program]:
    """The network and the program of a player that is KataGo. Raises UserError."""
    found = parse_player(text, kind)
    if player.visits is None or player.playouts is not None:
        raise UserError(f"{kind}:{text}: KataGo's searches are limited by --visits, and by nothing else")
    if options.size > LARGEST_BOARD:
        raise UserError(
            f"--size {options.size}: KataGo plays on boards up to {LARGEST_BOARD}x{LARGEST_BOARD}"
        )
    if options.komi is not None and abs(options.komi) > MOST_KOMI:
        raise UserError(f"--komi {options.komi:g}: KataGo plays with komi up to {MOST_KOMI}")
    return found, program_at(find_program(found.program))


def _by_superko(player: MatchPlayer, found: KataGoArguments, program: Program) -> MatchPlayer:
    facts = {"katago": program.version, "sha256": sha256_of(Path(found.network))}
    return replace(player, facts={**player.facts, **facts}, rules=RULES)


def _command_line(text: str, _player: PlayerOptions, _options: MatchOptions) -> MatchPlayer:
    try:
        words = shlex.split(text, posix=sys.platform != "win32")
    except ValueError as error:
        raise UserError(f"cmd:{text}: {error}") from error
    if not words:
        raise UserError('cmd: a command line is wanted, as in cmd:"gnugo --mode gtp"')
    program = shutil.which(os.path.expanduser(words[0]))  # noqa: PTH111
    if program is None:
        raise UserError(f"cmd:{text}: there is no program {words[0]!r}")
    return _program(Path(words[0]).stem, [os.path.abspath(program), *words[1:]])  # noqa: PTH100


KINDS: dict[str, Callable[[str, PlayerOptions, MatchOptions], MatchPlayer]] = {
    "gnugo": _gnugo,
    "leelaz": _leelaz,
    "katago": _katago,
    "katago-gtp": _katago_gtp,
    "cmd": _command_line,
}
"""Makers of players by the word before the colon; each takes the text after it, the player's options and all."""


def _found(program: str, called: str, package: str) -> str:
    path = shutil.which(program) or shutil.which(program, path=GAMES_FOLDER)
    if path is None:
        raise UserError(
            f"{called} is wanted, and there is no {program} on PATH; install it (Debian: apt install {package}),"
            ' or name it: cmd:"COMMAND LINE"'
        )
    return path
