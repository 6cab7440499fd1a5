"""KataGo's JSON analysis protocol: lines in, positions searched, answers out, and all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

from engines.analysis.fields import Fields, QueryError, integers
from engines.analysis.query import LARGEST_DEPTH, Query, Turn, parse_query
from engines.search.choice import RootMove
from engines.search.position_search import (
    PositionAnalysis,
    PositionSearch,
    SearchPosition,
    SearchReport,
    position_seed,
)
from lzeval.go.board import BLACK
from lzeval.go.points import format_vertex
from lzeval.text.json_text import parse_json
from lzeval.version import __version__

QueryAnswer: TypeAlias = dict[str, Any]
Writer: TypeAlias = Callable[[QueryAnswer], None]
DIGITS = 6
"""Decimal places of winrates and probabilities."""


class AnalysisEngine:
    """Turns lines into positions to search, and what is found into answers."""

    def __init__(
        self,
        search: PositionSearch,
        write: Writer,
        *,
        visits: int = 400,
        seed: int = 1,
        with_scores: bool = False,
    ) -> None:
        """`visits` are for queries that do not say; `with_scores` adds a scoreLead of 0 everywhere."""
        self._search = search
        self._write = write
        self._visits = visits
        self._seed = seed
        self._with_scores = with_scores
        self._size = search.info.board_size
        self._open: dict[int, tuple[Query, Turn]] = {}
        """Queries and turns that are searched or wait for it, by ticket."""
        self._actions: dict[str, Callable[[Fields], None]] = {
            "query_version": self._query_version,
            "query_models": self._query_models,
            "clear_cache": self._echo,
            "terminate": self._terminate,
            "terminate_all": self._terminate,
        }

    @property
    def is_busy(self) -> bool:
        return self._search.is_busy

    def work(self) -> None:
        """Search on for a batch, and answer what that finished."""
        for report in self._search.step():
            self._answer(report)

    def handle(self, line: bytes) -> None:
        """Take one line; whatever is wrong with it is said in an answer."""
        try:
            text = line.decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError:
            self._write({"error": "Could not parse input line: it is not UTF-8"})
            return
        if not text.strip():
            return
        try:
            fields = parse_json(text)
        except ValueError as error:
            self._write({"error": f"Could not parse input line as JSON: {error}"})
            return
        if not isinstance(fields, dict):
            self._write({"error": "A query must be a JSON object"})
        elif not isinstance(fields.get("id"), str):
            self._write({"error": 'A query must have a string "id" field'})
        else:
            self._handle_fields(fields)

    def _handle_fields(self, fields: Fields) -> None:
        try:
            if "action" in fields:
                self._act(fields)
            else:
                self._enqueue(parse_query(fields, self._size, self._visits))
        except QueryError as error:
            self._write({"error": error.message, "field": error.field, "id": fields["id"]})

    def _enqueue(self, query: Query) -> None:
        for name, message in query.warnings:
            self._write({"warning": message, "field": name, "id": query.id})
        if query.visits > self._search.most_visits:
            message = (
                f"Ends at {self._search.most_visits} visits; with fewer --positions there is room for more"
            )
            self._write({"warning": message, "field": "maxVisits", "id": query.id})
        for turn in query.turns:
            position = SearchPosition(
                turn.game,
                turn.to_move,
                query.visits,
                position_seed(self._seed, turn.game),
                turn.priority,
                query.max_s,
                query.report_every_s,
                query.restrictions,
            )
            self._open[self._search.add(position)] = (query, turn)

    def _act(self, fields: Fields) -> None:
        action = fields["action"]
        if not isinstance(action, str) or action not in self._actions:
            raise QueryError("action", f"Must be one of {', '.join(self._actions)}")
        self._actions[action](fields)

    def _echo(self, fields: Fields) -> None:
        """Say that it is done; there is no cache beyond a position's own tree."""
        self._write(dict(fields))

    def _query_version(self, fields: Fields) -> None:
        self._write({**fields, "version": __version__, "git_hash": "<omitted>"})

    def _query_models(self, fields: Fields) -> None:
        info = self._search.info
        model = {
            "name": info.network,
            "internalName": f"leela-zero {info.blocks}x{info.filters} {info.sha256[:16]}",
            "boardSize": info.board_size,
            "device": info.device,
            "precision": info.precision,
            "usesHumanSLProfile": False,
        }
        self._write({**fields, "models": [model]})

    def _terminate(self, fields: Fields) -> None:
        """End queries early, of one id or all; each still gets its last answer."""
        is_for_all = fields["action"] == "terminate_all"
        wanted = fields.get("terminateId")
        if not is_for_all and not isinstance(wanted, str):
            raise QueryError("terminateId", 'A terminate action must have a string "terminateId" field')
        numbers = _turn_numbers(fields)
        for ticket, (query, turn) in list(self._open.items()):
            if (is_for_all or query.id == wanted) and (numbers is None or turn.number in numbers):
                self._answer(self._search.remove(ticket))
        self._echo(fields)

    def _answer(self, report: SearchReport) -> None:
        query, turn = self._open[report.ticket]
        if report.is_final:
            del self._open[report.ticket]
        answer: QueryAnswer = {
            "id": query.id,
            "turnNumber": turn.number,
            "isDuringSearch": not report.is_final,
        }
        if report.analysis is None:
            answer["noResults"] = True
        else:
            answer |= describe(report.analysis, query, turn)
            if self._with_scores:
                for info in (answer["rootInfo"], *answer["moveInfos"]):
                    info["scoreLead"] = 0.0
        self._write(answer)


def _turn_numbers(fields: Fields) -> Collection[int] | None:
    return integers(fields, "turnNumbers", 0, LARGEST_DEPTH) if "turnNumbers" in fields else None


def describe(analysis: PositionAnalysis, query: Query, turn: Turn) -> QueryAnswer:
    """An analysis in the words of the protocol."""
    size, to_move = turn.game.size, analysis.to_move
    is_turned = query.view.colour(to_move) != to_move
    answer: QueryAnswer = {
        "moveInfos": [
            _move_info(move, line[: query.longest_line], order, size, is_turned=is_turned)
            for order, (move, line) in enumerate(zip(analysis.moves, analysis.lines, strict=True))
        ],
        "rootInfo": {
            "winrate": _seen(analysis.winrate, is_turned),
            "rawWinrate": _seen(analysis.raw_winrate, is_turned),
            "visits": analysis.visits,
            "currentPlayer": "B" if to_move == BLACK else "W",
        },
    }
    if query.includes_policy:
        answer["policy"] = _policy(analysis, turn)
    return answer


def _move_info(move: RootMove, line: Sequence[int], order: int, size: int, *, is_turned: bool) -> QueryAnswer:
    return {
        "move": format_vertex(move.move, size),
        "visits": move.visits,
        "winrate": _seen(move.winrate, is_turned),
        "lcb": _seen(max(0.0, move.lcb), is_turned),
        "prior": round(move.prior, DIGITS),
        "order": order,
        "playSelectionValue": float(move.visits),
        "pv": [format_vertex(point, size) for point in line],
    }


def _seen(winrate: float, is_turned: bool) -> float:
    """A winrate as the query wants to see it."""
    return round(1 - winrate if is_turned else winrate, DIGITS)


def _policy(analysis: PositionAnalysis, turn: Turn) -> list[float]:
    """Priors in rows from the top, the pass last; -1 for moves that are illegal or not searched."""
    game, size = turn.game, turn.game.size
    priors = [
        round(float(prior), DIGITS) if prior >= 0 and game.is_legal(analysis.to_move, move) else -1
        for move, prior in enumerate(analysis.priors)
    ]
    rows = [priors[row * size : (row + 1) * size] for row in reversed(range(size))]
    return [prior for row in rows for prior in row] + priors[-1:]
