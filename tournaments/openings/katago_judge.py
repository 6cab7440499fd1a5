"""KataGo as a judge of openings: it knows komi, small boards and points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from engines.katago.arguments import KataGoArguments
from engines.katago.choice import MalformedAnswerError, findings_of, shares_of
from engines.katago.player import query_of
from engines.katago.start import KataGo
from lzeval.errors import EngineError
from lzeval.go.colour import Colour
from tournaments.openings.judges import Judgement, Moves, played, policy_of

ANSWER_S = 600.0
"""Longest time for one answer, while others are under way."""


class KataGoJudge:
    """A running KataGo as a judge; `at_once` positions are searched side by side."""

    def __init__(
        self, katago: KataGo, arguments: KataGoArguments, size: int, komi: float, at_once: int
    ) -> None:
        self._process, self._size, self._komi, self._at_once = katago.process, size, komi, at_once
        self.title = f"KataGo {katago.version}, network {arguments.network_name}, sha256 {katago.sha256}"

    def judged(self, openings: Sequence[Moves], visits: int) -> Iterator[tuple[int, Judgement]]:
        """Raises EngineError where KataGo fails."""
        pool = ThreadPoolExecutor(self._at_once)
        try:
            waiting = {pool.submit(self._judge, moves, visits): n for n, moves in enumerate(openings)}
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _judge(self, moves: Moves, visits: int) -> Judgement:
        game = played(moves, self._size, self._komi)
        query = {**query_of(game, game.to_move, visits), "includePolicy": True}
        answer = self._process.ask(query, ANSWER_S)
        try:
            found, shares = findings_of(answer, self._size), shares_of(answer, self._size)
        except MalformedAnswerError as error:
            raise EngineError(self._process.name, str(error)) from error
        is_black = game.to_move is Colour.BLACK
        lead = None if found.lead is None else (found.lead if is_black else -found.lead)
        return Judgement(found.winrate if is_black else 1 - found.winrate, lead, policy_of(shares))
