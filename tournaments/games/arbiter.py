"""An arbiter: a third engine that says which stones are dead where the players do not agree."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from engines.gtp.errors import EngineRefused
from lzeval.errors import EngineError
from lzeval.go.colour import EMPTY, Colour
from lzeval.go.game import Game
from lzeval.go.points import format_vertex, parse_vertex
from tournaments.games.gtp_player import GameContext, GtpPlayer


class Arbiter:
    """One process for all games, started when it is first needed; games wait for each other."""

    def __init__(self, code: str, start: Callable[[], GtpPlayer]) -> None:
        self.code = code
        self._start = start
        self._engine: GtpPlayer | None = None
        self._lock = threading.Lock()

    def dead_stones(self, game: Game) -> set[int]:
        """The points of dead stones. Raises EngineError if the arbiter cannot say."""
        with self._lock:
            engine = self._running()
            engine.begin(game.size, game.komi, GameContext())
            for point, colour in enumerate(game.stones[:-1]):
                if colour != EMPTY:
                    engine.ask("play", Colour(colour).letter, format_vertex(point, game.size))
            return self._read(engine.ask("final_status_list", "dead"), game)

    def _running(self) -> GtpPlayer:
        if self._engine is None or not self._engine.is_alive:
            self.close()
            self._engine = self._start()
        return self._engine

    def _read(self, text: str, game: Game) -> set[int]:
        try:
            points = {parse_vertex(vertex, game.size) for vertex in text.split()}
        except ValueError as error:
            raise EngineRefused(self.code, "final_status_list dead", str(error)) from error
        if any(point == game.pass_move or game.stones[point] == EMPTY for point in points):
            raise EngineRefused(self.code, "final_status_list dead", f"no stone at one of {text.split()}")
        return points

    def close(self) -> None:
        with contextlib.suppress(EngineError):
            if self._engine is not None:
                self._engine.close()
        self._engine = None
