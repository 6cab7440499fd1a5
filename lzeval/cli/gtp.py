"""`lzeval gtp`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from engines.player.arguments import EngineArguments
from lzeval.cli.engine_options import takes_options_of

if TYPE_CHECKING:
    from engines.gtp.engine import Engine


@takes_options_of(EngineArguments, "Weights file, checkpoint, or bundled name.")
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
