"""KataGo as an engine of this process: one game, and a program that is asked about its positions and others'."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from engines.gtp.engine import (
    RESIGN,
    AnalysedMove,
    Analysis,
    Heatmap,
    Move,
    Reports,
    Restriction,
    Stop,
    Symmetry,
    TimeLeft,
    TimeSettings,
    never,
)
from engines.katago.arguments import LARGEST_BOARD, RULES_TOLD, KataGoArguments
from engines.katago.choice import Findings, MalformedAnswerError, SearchedMove, drawn, findings_of, shares_of
from engines.katago.process import AnalysisProcess
from engines.player.board_player import BoardPlayer
from engines.search.choice import resigns
from lzeval.errors import EngineError, UserError
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.go.points import format_vertex

POLL_S = 0.05


def query_of(game: Game, colour: Colour, visits: int) -> dict[str, object]:
    """The query about the position of `game` with `colour` to move.

    Where it is not that colour's turn, the position is asked about without its history.
    """
    size = game.size
    is_turn = colour is game.to_move
    moves = game.moves if is_turn else []
    start = game.boards[0] if is_turn else game.stones
    first = game.first_to_move if is_turn else colour
    stones = [
        [Colour(cell).letter.upper(), format_vertex(point, size)]
        for point, cell in enumerate(start[:-1])
        if cell in tuple(Colour)
    ]
    return {
        "moves": [[mover.letter.upper(), format_vertex(move, size)] for mover, move in moves],
        "initialStones": stones,
        "initialPlayer": first.letter.upper(),
        "rules": RULES_TOLD,
        "komi": game.komi,
        "boardXSize": size,
        "boardYSize": size,
        "maxVisits": visits,
    }


class KataGoPlayer(BoardPlayer):
    """An `engines.gtp.engine.Engine` that asks KataGo. Its methods raise EngineError where KataGo fails."""

    def __init__(
        self,
        process: AnalysisProcess,
        options: KataGoArguments,
        description: str,
        move_s: float | None,
        game_id: str = "",
        spend: Callable[[int], None] | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        """`move_s` is the longest time for an answer, as `AnalysisProcess.ask` has it.

        `spend` is told of visits when they have been made, and `close` is called at the end. Where `game_id` is known,
        the random numbers and the opening are that game's.
        """
        super().__init__(LARGEST_BOARD)
        self._process = process
        self._asked, self._options = options, options
        """Options as they were given, and as they are for the game on its board."""
        self._description = description
        self._move_s = move_s
        self._game_id = game_id
        self._spend, self._close = spend, close
        self._explanation = ""
        self._found: tuple[Colour, Findings] | None = None
        """The last search for a move."""
        self.clear()

    def set_board_size(self, size: int) -> None:
        if size > LARGEST_BOARD:
            raise UserError(f"KataGo plays on boards up to {LARGEST_BOARD}x{LARGEST_BOARD}")
        options = self._asked.for_game(size, self._game_id)
        self._options, self._game = options, Game(size, self.komi, self.rules)
        self.clear()

    def clear(self) -> None:
        super().clear()
        self._explanation, self._found = "", None
        self._random = np.random.default_rng(self._options.seed)

    def genmove(
        self,
        colour: Colour,
        stop: Stop = never,  # noqa: ARG002  (a search lasts a fixed number of visits)
        reports: Reports | None = None,
        restrictions: Sequence[Restriction] = (),
    ) -> Move:
        self._found = None
        opening_move = self.next_of(self._options.opening)
        if opening_move is not None and not restrictions:
            self._explanation = "opening"
            return opening_move
        began_s = time.monotonic()
        found = self._search(colour, restrictions)
        if reports is not None:
            reports.send(_analysis(colour, found))
        if not found.moves:
            self._explanation = "no move"
            return self._game.pass_move
        habits, best = self._options.move_choice, found.moves[0]
        chosen = drawn(
            found.moves, habits.temperature_at(len(self._game.moves), self._game.size), self._random
        )
        self._explanation = self._explain(chosen, found, time.monotonic() - began_s)
        self._found = colour, found
        gives_up = chosen.move != self._game.pass_move and resigns(
            best.winrate, self._game, colour, habits.resign
        )
        return RESIGN if gives_up else chosen.move

    def _search(self, colour: Colour, restrictions: Sequence[Restriction] = ()) -> Findings:
        query = query_of(self._game, colour, self._options.visits)
        query.update(self._restricted(restrictions))
        return self._findings(self._process.ask(query, self._move_s))

    def _findings(self, answer: Mapping[str, Any]) -> Findings:
        try:
            found = findings_of(answer, self._game.size)
        except MalformedAnswerError as error:
            raise EngineError(self._process.name, str(error)) from error
        if self._spend is not None:
            self._spend(found.visits)
        return found

    def _restricted(self, restrictions: Sequence[Restriction]) -> dict[str, object]:
        """The fields of a query for restrictions, in the protocol's words."""
        fields: dict[str, list[object]] = {}
        for each in restrictions:
            entry = {
                "player": Colour(each.colour).letter.upper(),
                "moves": [format_vertex(move, self._game.size) for move in sorted(each.moves)],
                "untilDepth": each.until,
            }
            fields.setdefault("allowMoves" if each.allowed else "avoidMoves", []).append(entry)
        return {**fields}

    def _explain(self, chosen: SearchedMove, found: Findings, seconds: float) -> str:
        line = " ".join(format_vertex(move, self._game.size) for move in chosen.line)
        lead = "" if found.lead is None else f", lead {found.lead:+.1f}"
        return f"winrate {chosen.winrate:.2%}{lead}, {found.visits} visits, {seconds:.1f} s, {line}"

    def last_analysis(self) -> Analysis | None:
        return None if self._found is None else _analysis(*self._found)

    def genmove_cleanup(self, colour: Colour, stop: Stop = never) -> Move:
        """KataGo plays on until nothing is left to take, by the rules that it is told."""
        move = self.genmove(colour, stop)
        return self._game.pass_move if move is RESIGN else move

    def analyse(
        self, colour: Colour, stop: Stop, reports: Reports, restrictions: Sequence[Restriction] = ()
    ) -> None:
        reports.send(_analysis(colour, self._search(colour, restrictions)))
        while not stop():
            time.sleep(POLL_S)

    def ponder(self, stop: Stop) -> None:
        """Searches begin anew for each move, and so nothing would be gained."""

    def heatmap(self, symmetry: Symmetry) -> Heatmap:  # noqa: ARG002  (KataGo turns the board as it likes)
        query = {**query_of(self._game, self._game.to_move, 1), "includePolicy": True}
        answer = self._process.ask(query, self._move_s)
        found = self._findings(answer)
        try:
            *points, of_pass = shares_of(answer, self._game.size)
        except MalformedAnswerError as error:
            raise EngineError(self._process.name, str(error)) from error
        return Heatmap([int(max(0.0, share) * 1000) for share in points], int(of_pass * 1000), found.winrate)

    def describe(self) -> str:
        return self._description

    def explain_last_move(self) -> str:
        return self._explanation

    def set_time_settings(self, settings: TimeSettings) -> None:
        """Clocks are left to KataGo's own GTP; here a move has its visits."""

    def restart_clocks(self) -> None:
        """See `set_time_settings`."""

    def set_time_left(self, colour: Colour, left: TimeLeft) -> None:
        """See `set_time_settings`."""

    def clear_cache(self) -> None:
        """The process has the cache, in which other games have their part."""

    def close(self) -> None:
        if self._close is not None:
            self._close()


def _analysis(colour: Colour, found: Findings) -> Analysis:
    moves = tuple(
        AnalysedMove(each.move, each.visits, each.winrate, each.lcb, each.prior, each.line)
        for each in found.moves
    )
    return Analysis(colour, found.visits, found.winrate, moves)


def describe(options: KataGoArguments, version: str, sha256: str) -> str:
    """The player in one line, for the record of a game."""
    further = "".join(f", {name}={value}" for name, value in options.further.items())
    return (
        f"KataGo {version}, network {options.network_name} (sha256 {sha256[:16]}), {options.visits} visits,"
        f" temperature {options.early_temperature:g} to {options.temperature:g}, {options.symmetry} symmetry,"
        f" {options.threads} search thread{'' if options.threads == 1 else 's'}{further}"
    )
