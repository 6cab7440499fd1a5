"""What `lzeval gtp` can be told on its command line, for whoever starts it and for whoever plays in its place."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lzeval.errors import UserError
from lzeval.system.bundled import network_name, resolve_network
from lzeval.text.decimals import parse_integer, parse_number
from lzeval.version import __version__

if TYPE_CHECKING:
    from engines.evaluator.load import EvaluatorPlan
    from engines.player.player import PlayerOptions

USUAL_VISITS = 1600


@dataclass(frozen=True)
class EngineArguments:
    """The arguments of `lzeval gtp`, by the names and with the defaults that its options have."""

    network: str
    visits: int | None = None
    playouts: int | None = None
    analysis_visits: int | None = None
    precision: str = "auto"
    device: str = "auto"
    threads: int = 1
    batch: int = 16
    resign: float = 10.0
    dumb_pass: bool = False
    random_moves: int = 0
    temperature: float = 1.0
    noise: bool = False
    seed: int = 1
    ponder: bool = False
    lag: float = 0.5
    full_time: bool = False
    quiet: bool = False
    openings: str | None = None
    name: str | None = None
    version_string: str | None = None

    def check(self) -> None:
        """Raise UserError for what no engine can be told, and single options do not show."""
        if not 0 <= self.resign < 50:
            raise UserError(f"--resign {self.resign:g}: must be a percentage from 0 (never) to below 50")
        if self.visits == 0 and self.playouts is None:
            raise UserError("--visits 0 wants a limit besides: --playouts, or a clock and no --visits")

    @property
    def title(self) -> str:
        """What the engine calls itself. Raises UserError if there is no such network."""
        return self.name or f"lzeval {network_name(resolve_network(self.network))}"

    @property
    def version(self) -> str:
        return self.version_string or __version__

    def plan(self, batch_size: int | None = 1) -> EvaluatorPlan:
        """How the network is to be run; None: in batches of the size that matches have. Raises UserError."""
        from engines.evaluator.load import plan_evaluator

        return plan_evaluator(
            self.network, precision=self.precision, device=self.device, batch_size=batch_size
        )

    def player_options(self, size: int, game_id: str = "") -> PlayerOptions:
        """How it plays on a board of `size`; random numbers and opening are those of the game, where that is known."""
        from engines.player.player import PlayerOptions
        from engines.search.choice import MovePolicy
        from engines.search.searcher import Limits
        from lzeval.go.openings import game_of, game_seed, load_book

        book = load_book(self.openings, size) if self.openings is not None else None
        game = game_of(game_id)
        usual = USUAL_VISITS if self.visits is None and self.playouts is None else self.visits or None
        return PlayerOptions(
            limits=Limits(usual, self.playouts),
            move_policy=MovePolicy(self.resign / 100, self.dumb_pass),
            seed=self.seed if game is None else game_seed(self.seed, game),
            opening=(
                book.chosen(game // 2 + 1, self.seed)[game // 2].moves if book and game is not None else ()
            ),
            clock_limits=Limits(self.visits or None, self.playouts),
            analysis_visits=self.analysis_visits,
            random_moves=self.random_moves,
            temperature=self.temperature,
            noise=self.noise,
            stop_when_decided=not self.full_time,
            lag_s=self.lag,
        )


def our_command() -> list[str]:
    """How a control file names the program `lzeval`: by this installation's Python if PATH has none, or another's."""
    found = shutil.which("lzeval") is not None and _is_our_script("lzeval")
    return ["lzeval"] if found else [sys.executable, "-m", "lzeval"]


def parse_command(command: Sequence[str], cwd: Path | None = None) -> EngineArguments | None:
    """What the command line starts `lzeval gtp` of this installation with; None for any other one, or a wrong one.

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
    """With the files that it names where the program would find them."""
    from dataclasses import replace

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
    """Whether it is the script of this installation, or would be, were it on PATH."""
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
    """By its path and not by the file behind it: environments share that."""
    found = shutil.which(program)
    return found is not None and os.path.abspath(found) == os.path.abspath(sys.executable)  # noqa: PTH100


def _same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


class _WrongError(Exception):
    """The words are no arguments of `lzeval gtp`: the program itself will say so."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _WrongError(message)


_TYPES: dict[str, Callable[[str], int | float | str]] = {
    "int": parse_integer,
    "float": parse_number,
    "str": str,
}
LEAST: dict[str, float] = {
    "visits": 0, "playouts": 1, "analysis_visits": 1, "threads": 1, "batch": 1, "random_moves": 0, "temperature": 0.01,
    "lag": 0,
}  # fmt: skip
"""Of numbers that may not be smaller."""
MOST: dict[str, float] = {"temperature": 100}


def option_of(field: str) -> str:
    """How a field is spelt on the command line."""
    return "--dumbpass" if field == "dumb_pass" else f"--{field.replace('_', '-')}"


def _parser() -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("network")
    for field in fields(EngineArguments)[1:]:
        if field.default is False:
            parser.add_argument(option_of(field.name), dest=field.name, action="store_true")
            continue
        kind = _TYPES[str(field.type).removesuffix(" | None")]

        def value(
            text: str, name: str = field.name, kind: Callable[[str], int | float | str] = kind
        ) -> int | float | str:
            found = kind(text)
            if not isinstance(found, str) and not LEAST.get(name, found) <= found <= MOST.get(name, found):
                raise ValueError(text)
            return found

        parser.add_argument(option_of(field.name), dest=field.name, type=value, default=field.default)
    return parser
