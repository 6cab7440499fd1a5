"""`lzeval gtp`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from engines.gtp.engine import Engine


def gtp(
    network: Annotated[str, typer.Argument(metavar="NET", help="Weights file, checkpoint, or bundled name.")],
    visits: Annotated[int, typer.Option(help="Visits a move, reused ones included; 0: no limit.")] = 1600,
    playouts: Annotated[int | None, typer.Option(help="New playouts a move, as a limit besides.")] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    resign: Annotated[float, typer.Option(help="Resign below this winrate, in percent; 0: never.")] = 10.0,
    dumb_pass: Annotated[bool, typer.Option("--dumbpass", help="Pass whenever the search says so.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same moves.")] = 1,
    openings: Annotated[
        str | None, typer.Option(help="Under gomill: begin each pair of games with an opening of this book.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads for the network.")] = 1,
) -> None:
    """Serve a network as a GTP engine, for GUIs, gomill and everything else that speaks GTP.

    Where gomill says which game it is (GOMILL_GAME_ID), the random numbers and the opening are that game's.
    """
    import os

    from engines.gtp.server import serve_stdio
    from lzeval.core.bundled import network_name, resolve_network
    from lzeval.core.errors import UserError
    from lzeval.version import __version__

    if not visits and not playouts:
        raise UserError("a limit is needed: --visits or --playouts")
    if visits < 0 or (playouts is not None and playouts < 1):
        raise UserError("--visits and --playouts must be at least 1")
    if not 0 <= resign < 50:
        raise UserError(f"--resign {resign:g}: must be a percentage from 0 (never) to below 50")
    name = network_name(resolve_network(network))

    def make_engine() -> Engine:
        from engines.evaluator.load import plan_evaluator
        from engines.player import NetworkPlayer, PlayerOptions
        from engines.search.choice import Habits
        from engines.search.searcher import Limits
        from tournaments.openings import Opening, game_of, game_seed, load_book

        plan = plan_evaluator(network, precision=precision, device=device, batch_size=1)
        book = load_book(openings, plan.info.board_size) if openings is not None else None
        game = game_of(os.environ.get("GOMILL_GAME_ID", ""))
        habits, limits = Habits(resign / 100, dumb_pass), Limits(visits or None, playouts)
        if game is None:
            options = PlayerOptions(limits, habits, seed)
        else:
            opening = book.chosen(game // 2 + 1, seed)[game // 2] if book else Opening("", ())
            options = PlayerOptions(limits, habits, game_seed(seed, game), opening.moves)
        return NetworkPlayer(plan.build(threads), options)

    serve_stdio(make_engine, name=f"lzeval {name}", version=__version__)
