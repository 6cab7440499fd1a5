"""The options of an engine that plays with a network of ours, defined once.

From `EngineArguments` come the options of `lzeval gtp`, the command lines that tournaments write, the parsing of such a
command line, and the behaviour of a `NetworkPlayer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.player.options import command_of, option, parse_command_line
from engines.search.settings import SearchSettings
from lzeval.errors import UserError
from lzeval.system.bundled import network_name, resolve_network
from lzeval.system.devices import DEVICE_HELP
from lzeval.version import __version__

if TYPE_CHECKING:
    from engines.evaluator.load import EvaluatorPlan
    from engines.search.choice import MovePolicy
    from engines.search.searcher import Limits

USUAL_VISITS = 1600
NETWORK, MOVE_POLICY, SEARCH, TIME, CLIENT = (
    "Network",
    "Choice of moves",
    "Search",
    "Time",
    "What clients are told",
)
"""Panels of the help text."""


def _search_option(name: str) -> Any:
    """A setting of the search as an option."""
    setting = SearchSettings.__dataclass_fields__[name]
    return option(setting.default, panel=SEARCH, **setting.metadata)


@dataclass(frozen=True)
class EngineArguments:
    """The options of an engine of ours: how it plays, and what it says of itself."""

    network: str
    """A weights file, a checkpoint or a bundled name."""
    visits: int | None = option(
        None, "Visits a move, reused ones included; 0: no limit. 1600 without a clock if not given.", least=0
    )
    playouts: int | None = option(None, "New playouts a move, as a limit besides.", least=1)
    analysis_visits: int | None = option(
        None, "Visits at which an analysis rests; no limit if not given.", least=1
    )
    precision: str = option("auto", "auto, fp32 or bf16.", NETWORK)
    device: str = option("auto", DEVICE_HELP, NETWORK)
    threads: int = option(1, "Threads that search one tree; more than 1: not repeatable.", NETWORK, least=1)
    batch: int = option(
        16, "Positions at a time in larger searches; 1: never more than one.", NETWORK, least=1
    )
    resign: float = option(10.0, "Resign below this winrate, in percent; 0: never.", MOVE_POLICY)
    dumb_pass: bool = option(False, "Pass whenever the search says so.", MOVE_POLICY, flag="--dumbpass")
    random_moves: int = option(0, "Draw so many moves of a game by their visits.", MOVE_POLICY, least=0)
    temperature: float = option(
        1.0, "Of those draws: lower is nearer to the best.", MOVE_POLICY, least=0.01, most=100
    )
    """Chances are visits to the power of 1 / temperature."""
    noise: bool = option(False, "Mix Dirichlet noise into the root's priors.", MOVE_POLICY)
    seed: int = option(1, "The same seed gives the same moves.", MOVE_POLICY)
    puct: float = _search_option("puct")
    log_puct: float = _search_option("log_puct")
    log_const: float = _search_option("log_const")
    fpu: float = _search_option("fpu")
    softmax_temp: float = _search_option("softmax_temp")
    virtual_loss: int = _search_option("virtual_loss")
    lcb_alpha: float = _search_option("lcb_alpha")
    lcb_share: float = _search_option("lcb_share")
    ponder: bool = option(False, "Think on the opponent's time.", TIME)
    lag: float = option(0.5, "Seconds a move takes on its way.", TIME, least=0)
    full_time: bool = option(False, "Use all the time even when the move is decided.", TIME)
    quiet: bool = option(False, "Do not tell on standard error what a search found.", CLIENT)
    openings: str | None = option(
        None, "Under gomill: begin each pair of games with an opening of this book."
    )
    name: str | None = option(None, "What to answer to `name`, for clients that look at it.", CLIENT)
    version_string: str | None = option(None, "What to answer to `version`; Lizzie wants 0.17.", CLIENT)
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

        return MovePolicy(self.resign / 100, self.dumb_pass, self.lcb_share)

    @property
    def search(self) -> SearchSettings:
        return SearchSettings(**{each.name: getattr(self, each.name) for each in fields(SearchSettings)})

    def for_game(self, size: int, game_id: str = "") -> EngineArguments:
        """The same with the random numbers and the opening of a game on a board of `size`, where its id is known."""
        from lzeval.go.openings import game_of, game_seed, load_book

        book = load_book(self.openings, size) if self.openings is not None else None
        game = game_of(game_id)
        if game is None:
            return self
        opening = book.chosen(game // 2 + 1, self.seed)[game // 2].moves if book else ()
        return replace(self, seed=game_seed(self.seed, game), opening=opening)


def engine_command(network: str, **values: Any) -> list[str]:
    """The command line that starts `lzeval gtp` with `values` for some fields of EngineArguments, in their order.

    What is None or False is left out.
    """
    return command_of(EngineArguments, "gtp", network, **values)


def parse_command(command: Sequence[str], cwd: Path | None = None) -> EngineArguments | None:
    """The options in a command line that starts `lzeval gtp` of this installation; None for any other, or a wrong one.

    `cwd` is the folder that it is to be started in, None: this process's.
    """
    found = parse_command_line(EngineArguments, "gtp", command, cwd)
    if found is None:
        return None
    try:
        found.check()
    except UserError:
        return None
    return found
