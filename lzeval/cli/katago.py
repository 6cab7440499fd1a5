"""`lzeval katago`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from engines.katago.arguments import KataGoArguments
from lzeval.cli.engine_options import takes_options_of

if TYPE_CHECKING:
    from engines.gtp.engine import Engine


@takes_options_of(KataGoArguments, "A network file of KataGo's, such as NET.bin.gz.")
def katago(asked: KataGoArguments) -> None:
    """Serve a KataGo network as a GTP engine that plays as `katago:NET` does in matches.

    In matches and tournaments of lzeval all games ask one KataGo instead; elsewhere each game has its own.
    """
    from engines.gtp.server.server import serve_stdio
    from engines.katago.program import find_program, program_at

    asked.check()
    program = program_at(find_program(asked.program))

    with tempfile.TemporaryDirectory(prefix="lzeval-") as folder:

        def make_engine() -> Engine:
            from engines.katago.player import KataGoPlayer, describe
            from engines.katago.start import START_SILENCE_S, default_config_name, start_katago

            config = Path(folder) / default_config_name(asked)
            katago = start_katago(asked, config, 1, silence_s=START_SILENCE_S)
            return KataGoPlayer(
                katago.process,
                asked,
                describe(asked, katago.version, katago.sha256),
                None,
                os.environ.get("GOMILL_GAME_ID", ""),
                close=katago.process.close,
            )

        serve_stdio(make_engine, name=asked.title, version=program.version, tell_searches=not asked.quiet)
