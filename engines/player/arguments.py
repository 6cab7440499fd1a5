"""The options of an engine of ours, defined once.

From `EngineArguments` come the options of `lzeval gtp`, the command lines that tournaments write, the parsing of such a
command line, and the behaviour of a `NetworkPlayer`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, get_args, get_type_hints

from lzeval.errors import UserError
from lzeval.system.bundled import network_name, resolve_network
from lzeval.system.devices import DEVICE_HELP
from lzeval.text.decimals import parse_integer, parse_number
from lzeval.version import __version__

if TYPE_CHECKING:
    from engines.evaluator.load import EvaluatorPlan
    from engines.search.choice import MovePolicy
    from engines.search.searcher import Limits

USUAL_VISITS = 1600
NETWORK, MOVE_POLICY, TIME, CLIENT = "Network", "Choice of moves", "Time", "What clients are told"
"""Panels of the help text."""
_T = TypeVar("_T")


def _option(default: _T, help_text: str, panel: str | None = None, **more: Any) -> _T:
    """A field that is an option of the command line as well; see `Option`."""
    return field(default=default, metadata={"help_text": help_text, "panel": panel, **more})


@dataclass(frozen=True)
class EngineArguments:
    """The options of an engine of ours: how it plays, and what it says of itself."""

    network: str
    """A weights file, a checkpoint or a bundled name."""
    visits: int | None = _option(
        None, "Visits a move, reused ones included; 0: no limit. 1600 without a clock if not given.", least=0
    )
    playouts: int | None = _option(None, "New playouts a move, as a limit besides.", least=1)
    analysis_visits: int | None = _option(
        None, "Visits at which an analysis rests; no limit if not given.", least=1
    )
    precision: str = _option("auto", "auto, fp32 or bf16.", NETWORK)
    device: str = _option("auto", DEVICE_HELP, NETWORK)
    threads: int = _option(1, "Threads that search one tree; more than 1: not repeatable.", NETWORK, least=1)
    batch: int = _option(
        16, "Positions at a time in larger searches; 1: never more than one.", NETWORK, least=1
    )
    resign: float = _option(10.0, "Resign below this winrate, in percent; 0: never.", MOVE_POLICY)
    dumb_pass: bool = _option(False, "Pass whenever the search says so.", MOVE_POLICY, flag="--dumbpass")
    random_moves: int = _option(0, "Draw so many moves of a game by their visits.", MOVE_POLICY, least=0)
    temperature: float = _option(
        1.0, "Of those draws: lower is nearer to the best.", MOVE_POLICY, least=0.01, most=100
    )
    """Chances are visits to the power of 1 / temperature."""
    noise: bool = _option(False, "Mix Dirichlet noise into the root's priors.", MOVE_POLICY)
    seed: int = _option(1, "The same seed gives the same moves.", MOVE_POLICY)
    ponder: bool = _option(False, "Think on the opponent's time.", TIME)
    lag: float = _option(0.5, "Seconds a move takes on its way.", TIME, least=0)
    full_time: bool = _option(False, "Use all the time even when the move is decided.", TIME)
    quiet: bool = _option(False, "Do not tell on standard error what a search found.", CLIENT)
    openings: str | None = _option(
        None, "Under gomill: begin each pair of games with an opening of this book."
    )
    name: str | None = _option(None, "What to answer to `name`, for clients that look at it.", CLIENT)
    version_string: str | None = _option(None, "What to answer to `version`; Lizzie wants 0.17.", CLIENT)
    opening: tuple[int, ...] = ()
    """First moves of a game that both players make without thinking, as long as they do; not on the command line."""
    most_nodes: int = 400_000
    """The largest size of a tree, about 2 kB a node on 19x19; not on the command line."""

    def check(self) -> None:
        """Raise UserError for what is wrong beyond the bounds of single options."""
        if not 0 <= self.resign < 50:
            raise UserError(f"--resign {self.resign:g}: must be a percentage from 0 (never) to below 50")
        if self.visits == 0 and self.playouts is None:
            raise UserError("--visits 0 wants a limit besides: --playouts, or a clock and no --visits")

    @property
    def title(self) -> str:
        """The engine's name for itself. Raises UserError if there is no such network."""
        return self.name or f"lzeval {network_name(resolve_network(self.network))}"

    @property
    def version(self) -> str:
        return self.version_string or __version__

    def plan(self, batch_size: int | None = 1) -> EvaluatorPlan:
        """Plan how to run the network; None: in batches of the size that matches have. Raises UserError."""
        from engines.evaluator.load import plan_evaluator

        return plan_evaluator(
            self.network, precision=self.precision, device=self.device, batch_size=batch_size
        )

    @property
    def limits(self) -> Limits:
        """The end of a search for a move without a clock."""
        from engines.search.searcher import Limits

        usual = USUAL_VISITS if self.visits is None and self.playouts is None else self.visits or None
        return Limits(usual, self.playouts)

    @property
    def clock_limits(self) -> Limits:
        """The latest end of a search for a move with a clock."""
        from engines.search.searcher import Limits

        return Limits(self.visits or None, self.playouts)

    @property
    def move_policy(self) -> MovePolicy:
        from engines.search.choice import MovePolicy

        return MovePolicy(self.resign / 100, self.dumb_pass)

    def for_game(self, size: int, game_id: str = "") -> EngineArguments:
        """The same with the random numbers and the opening of a game on a board of `size`, where its id is known."""
        from lzeval.go.openings import game_of, game_seed, load_book

        book = load_book(self.openings, size) if self.openings is not None else None
        game = game_of(game_id)
        if game is None:
            return self
        opening = book.chosen(game // 2 + 1, self.seed)[game // 2].moves if book else ()
        return replace(self, seed=game_seed(self.seed, game), opening=opening)


@dataclass(frozen=True)
class Option:
    """One of the fields of EngineArguments as the command line has it."""

    name: str
    """The field's name."""
    kind: Any
    """The type of its values: bool for a flag, a type, or that `| None`."""
    default: Any
    flag: str
    """Its spelling, as `--visits`."""
    help_text: str
    panel: str | None
    """The part of the help text in which it stands; None: the general one."""
    least: float | None = None
    most: float | None = None


@cache
def options() -> tuple[Option, ...]:
    """All options, in the order of their fields."""
    kinds = get_type_hints(EngineArguments)
    return tuple(
        Option(
            each.name,
            kinds[each.name],
            each.default,
            **{"flag": f"--{each.name.replace('_', '-')}", **each.metadata},
        )
        for each in fields(EngineArguments)
        if each.metadata
    )


def engine_command(network: str, **values: Any) -> list[str]:
    """The command line that starts `lzeval gtp` with `values` for some fields of EngineArguments, in their order.

    What is None or False is left out.
    """
    EngineArguments(network, **values)
    flags = {option.name: option.flag for option in options()}
    words = [*our_command(), "gtp", network]
    for name, value in values.items():
        if value is True:
            words.append(flags[name])
        elif value is not None and value is not False:
            words += [flags[name], f"{value:g}" if isinstance(value, float) else str(value)]
    return words


def our_command() -> list[str]:
    """The words that start `lzeval`, for a control file: with this Python if PATH has another one's, or none."""
    found = shutil.which("lzeval") is not None and _is_our_script("lzeval")
    return ["lzeval"] if found else [sys.executable, "-m", "lzeval"]


def parse_command(command: Sequence[str], cwd: Path | None = None) -> EngineArguments | None:
    """The options in a command line that starts `lzeval gtp` of this installation; None for any other, or a wrong one.

    `cwd` is the folder that it is to be started in, None: this process's.
    """
    words = _arguments_of_gtp(command)
    if words is None:
        return None
    try:
        found = EngineArguments(**vars(_parser().parse_args(words)))
        found.check()
    except (_WrongError, UserError):
        return None
    return found if cwd is None else _seen_from(found, cwd)


def _seen_from(arguments: EngineArguments, cwd: Path) -> EngineArguments:
    """Replace the files that it names by where the program would find them."""

    def found(name: str) -> str:
        return str(cwd / name) if (cwd / name).is_file() else name

    openings = arguments.openings
    return replace(
        arguments,
        network=found(arguments.network),
        openings=openings if openings is None else found(openings),
    )


def _arguments_of_gtp(command: Sequence[str]) -> list[str] | None:
    """The words behind `lzeval gtp`, or behind `python -m lzeval gtp`."""
    program, *words = command
    if words[:1] == ["gtp"] and _is_our_script(program):
        return words[1:]
    if words[:3] == ["-m", "lzeval", "gtp"] and _is_our_python(program):
        return words[3:]
    return None


def _is_our_script(program: str) -> bool:
    """Tell whether it is the script of this installation, or would be, were it on PATH."""
    if Path(program).stem != "lzeval":
        return False
    found = shutil.which(program)
    if found is None:
        return program == "lzeval"
    scripts = (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent)
    return Path(found).resolve().parent in [folder.resolve() for folder in scripts] or _same(
        found, sys.argv[0]
    )


def _is_our_python(program: str) -> bool:
    """Tell by its path, and not by the file behind it, which environments share."""
    found = shutil.which(program)
    return found is not None and os.path.abspath(found) == os.path.abspath(sys.executable)  # noqa: PTH100


def _same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


class _WrongError(Exception):
    """The words are no arguments of `lzeval gtp`: the program itself will say so."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _WrongError(message)


_PARSERS: dict[type, Callable[[str], Any]] = {int: parse_integer, float: parse_number, str: str}


def _parser() -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("network")
    for option in options():
        if option.kind is bool:
            parser.add_argument(option.flag, dest=option.name, action="store_true")
        else:
            parser.add_argument(
                option.flag, dest=option.name, type=partial(_value, option), default=option.default
            )
    return parser


def _value(option: Option, text: str) -> Any:
    kind = next(kind for kind in (option.kind, *get_args(option.kind)) if kind in _PARSERS)
    value = _PARSERS[kind](text)
    if any(
        (option.least is not None and value < option.least, option.most is not None and value > option.most)
    ):
        raise ValueError(text)
    return value
