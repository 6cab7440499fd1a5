"""`lzeval gtp`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

NETWORK, MOVE_POLICY, TIME, CLIENT = "Network", "Habits", "Time", "What clients are told"

if TYPE_CHECKING:
    from engines.gtp.engine import Engine


def gtp(
    network: Annotated[str, typer.Argument(metavar="NET", help="Weights file, checkpoint, or bundled name.")],
    visits: Annotated[
        int | None,
        typer.Option(
            min=0, help="Visits a move, reused ones included; 0: no limit. 1600 without a clock if not given."
        ),
    ] = None,
    playouts: Annotated[
        int | None, typer.Option(min=1, help="New playouts a move, as a limit besides.")
    ] = None,
    analysis_visits: Annotated[
        int | None, typer.Option(min=1, help="Visits at which an analysis rests; no limit if not given.")
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.", rich_help_panel=NETWORK)] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.", rich_help_panel=NETWORK)] = "auto",
    threads: Annotated[
        int,
        typer.Option(
            min=1, help="Threads that search one tree; more than 1: not repeatable.", rich_help_panel=NETWORK
        ),
    ] = 1,
    batch: Annotated[
        int,
        typer.Option(
            min=1,
            help="Positions at a time in larger searches; 1: never more than one.",
            rich_help_panel=NETWORK,
        ),
    ] = 16,
    resign: Annotated[
        float,
        typer.Option(help="Resign below this winrate, in percent; 0: never.", rich_help_panel=MOVE_POLICY),
    ] = 10.0,
    dumb_pass: Annotated[
        bool,
        typer.Option("--dumbpass", help="Pass whenever the search says so.", rich_help_panel=MOVE_POLICY),
    ] = False,
    random_moves: Annotated[
        int,
        typer.Option(
            min=0, help="Draw so many moves of a game by their visits.", rich_help_panel=MOVE_POLICY
        ),
    ] = 0,
    temperature: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=100,
            help="Of those draws: lower is nearer to the best.",
            rich_help_panel=MOVE_POLICY,
        ),
    ] = 1.0,
    noise: Annotated[
        bool,
        typer.Option(
            "--noise", help="Mix Dirichlet noise into the root's priors.", rich_help_panel=MOVE_POLICY
        ),
    ] = False,
    seed: Annotated[
        int, typer.Option(help="The same seed gives the same moves.", rich_help_panel=MOVE_POLICY)
    ] = 1,
    ponder: Annotated[
        bool, typer.Option("--ponder", help="Think on the opponent's time.", rich_help_panel=TIME)
    ] = False,
    lag: Annotated[
        float, typer.Option(min=0, help="Seconds a move takes on its way.", rich_help_panel=TIME)
    ] = 0.5,
    full_time: Annotated[
        bool,
        typer.Option(
            "--full-time", help="Use all the time even when the move is decided.", rich_help_panel=TIME
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", help="Do not tell on standard error what a search found.", rich_help_panel=CLIENT
        ),
    ] = False,
    openings: Annotated[
        str | None, typer.Option(help="Under gomill: begin each pair of games with an opening of this book.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="What to answer to `name`, for clients that look at it.", rich_help_panel=CLIENT),
    ] = None,
    version_string: Annotated[
        str | None,
        typer.Option(help="What to answer to `version`; Lizzie wants 0.17.", rich_help_panel=CLIENT),
    ] = None,
) -> None:
    """Serve a network as a GTP engine, for GUIs, gomill and everything else that speaks GTP.

    Where gomill says which game it is (GOMILL_GAME_ID), the random numbers and the opening are that game's.
    """
    import os

    from engines.gtp.server.server import serve_stdio
    from engines.player.arguments import EngineArguments

    asked = EngineArguments(
        network, visits, playouts, analysis_visits, precision, device, threads, batch, resign, dumb_pass, random_moves,
        temperature, noise, seed, ponder, lag, full_time, quiet, openings, name, version_string,
    )  # fmt: skip
    asked.check()
    called = asked.title

    def make_engine() -> Engine:
        from engines.player.player import NetworkPlayer
        from engines.player.warm_up import warm_up
        from engines.search.single_tree import Lane

        plan = asked.plan()
        options = asked.player_options(plan.info.board_size, os.environ.get("GOMILL_GAME_ID", ""))
        wide = plan.with_batch(batch) if batch > 1 else None
        lanes = [Lane(plan.build(), wide.build() if wide is not None else None) for _ in range(threads)]
        warm_up(lanes)
        return NetworkPlayer(lanes[0].single, options, lanes)

    serve_stdio(make_engine, name=called, version=asked.version, ponder=ponder, tell_searches=not quiet)
