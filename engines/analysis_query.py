"""Queries of KataGo's JSON analysis protocol: one object in, what is to be searched out, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from engines.positions import at_turn, play_recorded, set_up
from lzeval.core.board import BLACK, WHITE, Game
from lzeval.core.errors import IllegalMoveError, UserError
from lzeval.core.points import format_vertex, parse_vertex, pass_index
from lzeval.core.sgf import LONGEST

Fields: TypeAlias = Mapping[str, Any]
"""A JSON object."""

AREA_RULES = (
    "tromp-taylor",
    "chinese",
    "chinese-ogs",
    "chinese-kgs",
    "aga",
    "bga",
    "french",
    "new-zealand",
)
OTHER_RULES = ("japanese", "korean", "stone-scoring", "ancient-area", "ancient-territory", "aga-button")
"""Known by name, and counted in another way than Leela Zero's networks have learnt."""
USED_FIELDS = {
    "id",
    "moves",
    "initialStones",
    "initialPlayer",
    "rules",
    "komi",
    "boardXSize",
    "boardYSize",
    "analyzeTurns",
    "maxVisits",
    "analysisPVLen",
    "overrideSettings",
    "priority",
    "priorities",
    "reportDuringSearchEvery",
}
SWITCHES = {
    "includePolicy",
    "includeOwnership",
    "includeOwnershipStdev",
    "includeMovesOwnership",
    "includeMovesOwnershipStdev",
    "includePVVisits",
}
"""All but the first ask for what these networks, or this search, do not say; they are accepted."""
REFUSED_FIELDS = ("avoidMoves", "allowMoves")
USED_SETTINGS = {"reportAnalysisWinratesAs", "maxTime", "maxVisits", "analysisPVLen"}
DEFAULT_KOMI = 7.5
DEFAULT_LINE = 15
"""Moves of a principal variation after its first."""


class QueryError(Exception):
    """A query that cannot be answered: which field, and why."""

    def __init__(self, name: str, message: str) -> None:
        self.field = name
        self.message = message
        super().__init__(f"{name}: {message}")


class View(str, Enum):
    """Whose chances winrates are."""

    BLACK = "BLACK"
    WHITE = "WHITE"
    SIDETOMOVE = "SIDETOMOVE"

    def colour(self, to_move: int) -> int:
        return {View.BLACK: BLACK, View.WHITE: WHITE, View.SIDETOMOVE: to_move}[self]


@dataclass(frozen=True)
class Turn:
    """One position of a query."""

    number: int
    game: Game
    to_move: int
    priority: int


@dataclass(frozen=True)
class Query:
    """All that a query asks for."""

    id: str
    turns: Sequence[Turn]
    visits: int
    view: View
    includes_policy: bool
    longest_line: int
    max_s: float | None
    report_every_s: float | None
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """Fields that are not followed to the letter, and how."""


def parse_query(fields: Fields, board_size: int, default_visits: int) -> Query:
    """What the query `fields`, whose id is a string, asks of a network for one board size. Raises QueryError."""
    for name in REFUSED_FIELDS:
        if fields.get(name):
            raise QueryError(name, "This engine cannot restrict the moves of a search")
    _check_board_size(fields, board_size)
    settings = fields.get("overrideSettings", {})
    if not isinstance(settings, dict):
        raise QueryError("overrideSettings", "Must be an object")
    switches = {name: _switch(fields, name) for name in SWITCHES}
    warnings = [*_rules_warnings(fields), *_unused_warnings(fields, settings)]
    return Query(
        id=fields["id"],
        turns=_turns(fields, board_size),
        visits=_either(fields, settings, "maxVisits", 1, 2**50, default_visits),
        view=_view(settings),
        includes_policy=switches["includePolicy"],
        longest_line=1 + _either(fields, settings, "analysisPVLen", 1, 1000, DEFAULT_LINE),
        max_s=_number(settings, "maxTime", 0, 1e20, within="overrideSettings"),
        report_every_s=_number(fields, "reportDuringSearchEvery", 0.001, 1e6),
        warnings=warnings,
    )


def _check_board_size(fields: Fields, board_size: int) -> None:
    for name in ("boardXSize", "boardYSize"):
        if _integer(fields, name, 2, 25) != board_size:
            raise QueryError(name, f"This network plays on {board_size}x{board_size} alone")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _integer(fields: Fields, name: str, low: int, high: int, within: str | None = None) -> int | None:
    """A whole number, None where it is not given."""
    if name not in fields:
        return None
    value = fields[name]
    if not (_is_integer(value) and low <= value <= high):
        raise QueryError(within or name, f"{name} must be an integer from {low} to {high}")
    return int(value)


def _either(fields: Fields, settings: Fields, name: str, low: int, high: int, default: int) -> int:
    """A whole number that may stand in the query or among its settings."""
    found = _integer(fields, name, low, high)
    if found is None:
        found = _integer(settings, name, low, high, within="overrideSettings")
    return default if found is None else found


def _number(fields: Fields, name: str, low: float, high: float, within: str | None = None) -> float | None:
    """A number, None where it is not given."""
    if name not in fields:
        return None
    value = fields[name]
    if not (_is_integer(value) or isinstance(value, float)) or not low <= value <= high:
        raise QueryError(within or name, f"{name} must be a number from {low:g} to {high:g}")
    return float(value)


def _switch(fields: Fields, name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise QueryError(name, "Must be a boolean")
    return value


def _view(settings: Fields) -> View:
    value = settings.get("reportAnalysisWinratesAs", View.BLACK.value)
    if not isinstance(value, str) or value.upper() not in View.__members__:
        raise QueryError("overrideSettings", "reportAnalysisWinratesAs must be BLACK, WHITE or SIDETOMOVE")
    return View[value.upper()]


def _rules_warnings(fields: Fields) -> list[tuple[str, str]]:
    rules = fields.get("rules")
    if not isinstance(rules, (str, dict)):
        raise QueryError("rules", 'Must be a name, such as "chinese" or "tromp-taylor", or an object')
    if _is_area_scoring(rules):
        return []
    return [("rules", "This network knows area scoring alone, which is used instead")]


def _is_area_scoring(rules: str | Fields) -> bool:
    if isinstance(rules, str):
        name = rules.strip().lower().replace("_", "-").replace(" ", "-")
        if name not in AREA_RULES + OTHER_RULES:
            raise QueryError("rules", f"Could not parse rules: {rules}")
        return name in AREA_RULES
    scoring = rules.get("scoring", rules.get("scoringRule", "AREA"))
    tax = rules.get("tax", rules.get("taxRule", "NONE"))
    if scoring not in ("AREA", "TERRITORY") or tax not in ("NONE", "SEKI", "ALL"):
        raise QueryError("rules", f"Could not parse rules: scoring {scoring}, tax {tax}")
    return scoring == "AREA" and tax == "NONE" and not rules.get("hasButton")


def _unused_warnings(fields: Fields, settings: Fields) -> list[tuple[str, str]]:
    unknown = set(fields) - USED_FIELDS - SWITCHES - set(REFUSED_FIELDS)
    warnings = [(name, "Not used by this engine") for name in sorted(unknown)]
    unused = sorted(set(settings) - USED_SETTINGS)
    if unused:
        warnings.append(("overrideSettings", f"Not used by this engine: {', '.join(unused)}"))
    return warnings


def _turns(fields: Fields, size: int) -> list[Turn]:
    """The positions to be analysed, in the order of the game."""
    moves = _plays(fields, "moves", size)
    if len(moves) > LONGEST:
        raise QueryError("moves", f"Must be at most {LONGEST} moves")
    priorities = _priorities(fields, len(moves))
    game = Game(size, _komi(fields))
    _place_stones(game, fields)
    first = _first_player(fields, moves, game)
    _play(game, moves)
    turns = []
    for number, priority in sorted(priorities.items()):
        to_move = first if number == 0 else BLACK + WHITE - moves[number - 1][0]
        turns.append(Turn(number, at_turn(game, number), to_move, priority))
    return turns


def _komi(fields: Fields) -> float:
    komi = _number(fields, "komi", -150, 150)
    return DEFAULT_KOMI if komi is None else komi


def _place_stones(game: Game, fields: Fields) -> None:
    stones = _plays(fields, "initialStones", game.size) if "initialStones" in fields else []
    if any(point == pass_index(game.size) for _, point in stones):
        raise QueryError("initialStones", "Could not parse board location: pass")
    try:
        set_up(game, stones)
    except UserError as error:
        raise QueryError("initialStones", f"Invalid position: {error}") from error


def _first_player(fields: Fields, moves: Sequence[tuple[int, int]], game: Game) -> int:
    if "initialPlayer" in fields:
        return _player("initialPlayer", fields["initialPlayer"])
    return moves[0][0] if moves else game.to_move


def _play(game: Game, moves: Sequence[tuple[int, int]]) -> None:
    for number, (colour, move) in enumerate(moves):
        try:
            play_recorded(game, colour, move)
        except IllegalMoveError as error:
            vertex = format_vertex(move, game.size)
            raise QueryError("moves", f"Illegal move {number}: {vertex} ({error.reason})") from error


def _plays(fields: Fields, name: str, size: int) -> list[tuple[int, int]]:
    """Colours and points."""
    pairs = fields.get(name)
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise QueryError(name, 'Must be an array of pairs of the form: ["b" or "w", GTP vertex]')
    return [(_player(name, player), _vertex(name, vertex, size)) for player, vertex in pairs]


def _player(name: str, value: object) -> int:
    colour = {"b": BLACK, "black": BLACK, "w": WHITE, "white": WHITE}.get(str(value).lower())
    if colour is None:
        raise QueryError(name, f'Could not parse player: {value} (must be "b" or "w")')
    return colour


def _vertex(name: str, value: object, size: int) -> int:
    try:
        return parse_vertex(str(value), size)
    except ValueError as error:
        raise QueryError(name, f"Could not parse board location: {value}") from error


def _priorities(fields: Fields, last: int) -> dict[int, int]:
    """The priority of each turn that is to be analysed."""
    turns = _integers(fields, "analyzeTurns", 0, last) if "analyzeTurns" in fields else [last]
    if "priorities" not in fields:
        priority = _integer(fields, "priority", -(2**62), 2**62)
        return dict.fromkeys(turns, priority or 0)
    if "priority" in fields or "analyzeTurns" not in fields:
        raise QueryError("priorities", "Must come with analyzeTurns, and without priority")
    priorities = _integers(fields, "priorities", -(2**62), 2**62)
    if len(priorities) != len(turns):
        raise QueryError("priorities", "Must be as many as analyzeTurns")
    return dict(zip(turns, priorities, strict=True))


def _integers(fields: Fields, name: str, low: int, high: int) -> list[int]:
    values = fields[name]
    if not isinstance(values, list) or not all(
        _is_integer(value) and low <= value <= high for value in values
    ):
        raise QueryError(name, f"Must be an array of integers from {low} to {high}")
    return values
