"""`lzeval gtp`."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engines.player.arguments import EngineArguments, Option, options

if TYPE_CHECKING:
    from engines.gtp.engine import Engine


def _takes_engine_arguments(run: Callable[[EngineArguments], None]) -> Callable[..., None]:
    """The command that does `run`, with an option for each of an engine's."""

    def command(**values: Any) -> None:
        run(EngineArguments(**values))

    network = Annotated[str, typer.Argument(metavar="NET", help="Weights file, checkpoint, or bundled name.")]
    parameters = [
        inspect.Parameter("network", inspect.Parameter.KEYWORD_ONLY, annotation=network),
        *map(_parameter, options()),
    ]
    vars(command)["__signature__"] = inspect.Signature(parameters)  # which `inspect.signature` reads
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__doc__ = run.__doc__
    return command


def _parameter(option: Option) -> inspect.Parameter:
    declared = typer.Option(
        option.flag, min=option.least, max=option.most, help=option.help_text, rich_help_panel=option.panel
    )
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=option.default,
        annotation=Annotated[option.kind, declared],
    )


@_takes_engine_arguments
def gtp(asked: EngineArguments) -> None:
    """Serve a network as a GTP engine, for GUIs, gomill and everything else that speaks GTP.

    Where gomill says which game it is (GOMILL_GAME_ID), the random numbers and the opening are that game's.
    """
    from engines.gtp.server.server import serve_stdio

    asked.check()
    called = asked.title

    def make_engine() -> Engine:
        from engines.player.player import NetworkPlayer
        from engines.player.warm_up import warm_up
        from engines.search.single_tree import Lane

        plan = asked.plan()
        of_game = asked.for_game(plan.info.board_size, os.environ.get("GOMILL_GAME_ID", ""))
        wide = plan.with_batch(asked.batch) if asked.batch > 1 else None
        lanes = [Lane(plan.build(), wide.build() if wide is not None else None) for _ in range(asked.threads)]
        warm_up(lanes)
        return NetworkPlayer(lanes[0].single, of_game, lanes)

    serve_stdio(
        make_engine, name=called, version=asked.version, ponder=asked.ponder, tell_searches=not asked.quiet
    )
