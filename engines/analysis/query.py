"""Queries of KataGo's JSON analysis protocol: one object in, what is to be searched out, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from engines.analysis.fields import (
    Fields,
    QueryError,
    either,
    integer,
    integers,
    player,
    plays,
    real_number,
    settings_of,
    switch,
    vertex,
)
from engines.gtp.engine import Restriction
from lzeval.errors import IllegalMoveError
from lzeval.go.board import BLACK, WHITE
from lzeval.go.game import Game
from lzeval.go.points import format_vertex, pass_index
from lzeval.go.rules import FIXED, NoSuchRulesError, Rules, words_of
from lzeval.records.scanner import LONGEST

USED_FIELDS = {
    "id",
    "moves",
    "initialStones",
    "initialPlayer",
    "rules",
    "whiteHandicapBonus",
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
BONUS = "whiteHandicapBonus"
SWITCHES = {
    "includePolicy",
    "includeOwnership",
    "includeOwnershipStdev",
    "includeMovesOwnership",
    "includeMovesOwnershipStdev",
    "includePVVisits",
}
"""All but the first ask for what these networks, or this search, do not say; they are accepted."""
RESTRICTIONS = {"avoidMoves": False, "allowMoves": True}
"""True for a list of the only moves that are looked at."""
LARGEST_DEPTH = 2**31 - 1
USED_SETTINGS = {"reportAnalysisWinratesAs", "maxTime", "maxVisits", "analysisPVLen"}
DEFAULT_KOMI = 7.5
DEFAULT_LINE = 15
"""Moves of a principal variation after its first."""


class Perspective(str, Enum):
    """The side whose chances winrates are."""

    BLACK = "BLACK"
    WHITE = "WHITE"
    SIDETOMOVE = "SIDETOMOVE"

    def colour(self, to_move: int) -> int:
        return {Perspective.BLACK: BLACK, Perspective.WHITE: WHITE, Perspective.SIDETOMOVE: to_move}[self]


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
    view: Perspective
    includes_policy: bool
    longest_line: int
    max_s: float | None
    report_every_s: float | None
    restrictions: tuple[Restriction, ...] = ()
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """Fields that are not followed to the letter, and how."""


def parse_query(fields: Fields, board_size: int, default_visits: int) -> Query:
    """Read the query `fields`, whose id is a string, for a network of one board size. Raises QueryError."""
    _check_board_size(fields, board_size)
    settings, rules = settings_of(fields), _rules(fields)
    switches = {name: switch(fields, name) for name in SWITCHES}
    warnings = [*_rules_warnings(rules), *_unused_warnings(fields, settings)]
    return Query(
        id=fields["id"],
        turns=_turns(fields, rules, board_size),
        visits=either(fields, settings, "maxVisits", 1, 2**50, default_visits),
        view=_view(settings),
        includes_policy=switches["includePolicy"],
        longest_line=1 + either(fields, settings, "analysisPVLen", 1, 1000, DEFAULT_LINE),
        max_s=real_number(settings, "maxTime", 0, 1e20, within="overrideSettings"),
        report_every_s=real_number(fields, "reportDuringSearchEvery", 0.001, 1e6),
        restrictions=_restrictions(fields, board_size),
        warnings=warnings,
    )


def _check_board_size(fields: Fields, board_size: int) -> None:
    for name in ("boardXSize", "boardYSize"):
        if integer(fields, name, 2, 25) != board_size:
            raise QueryError(name, f"This network plays on {board_size}x{board_size} alone")


def _view(settings: Fields) -> Perspective:
    value = settings.get("reportAnalysisWinratesAs", Perspective.BLACK.value)
    if not isinstance(value, str) or value.upper() not in Perspective.__members__:
        raise QueryError("overrideSettings", "reportAnalysisWinratesAs must be BLACK, WHITE or SIDETOMOVE")
    return Perspective[value.upper()]


def _rules(fields: Fields) -> Mapping[str, str]:
    """KataGo's words for the query's rules, its own `whiteHandicapBonus` among them."""
    rules = fields.get("rules")
    if not isinstance(rules, (str, dict)):
        raise QueryError("rules", 'Must be a name, such as "chinese" or "tromp-taylor", or an object')
    if isinstance(rules, dict):
        rules = {name: word for name, word in rules.items() if name != "komi"}
    return _read_words("rules", rules) | _read_words(BONUS, {k: fields[k] for k in (BONUS,) if k in fields})


def _read_words(name: str, rules: str | Fields) -> dict[str, str]:
    try:
        return dict(words_of(rules))
    except NoSuchRulesError as error:
        raise QueryError(name, f"Could not parse rules: {error}") from error


def _rules_warnings(words: Mapping[str, str]) -> list[tuple[str, str]]:
    warnings = []
    if any(words.get(key, str(word).upper()) != str(word).upper() for key, word in FIXED.items()):
        warnings.append(("rules", "This network knows area scoring alone, which is used instead"))
    if words.get(BONUS, "0") != "0":
        warnings.append((BONUS, "No points are given for handicap stones; komi can say them"))
    return warnings


def _unused_warnings(fields: Fields, settings: Fields) -> list[tuple[str, str]]:
    unknown = set(fields) - USED_FIELDS - SWITCHES - set(RESTRICTIONS)
    warnings = [(name, "Not used by this engine") for name in sorted(unknown)]
    unused = sorted(set(settings) - USED_SETTINGS)
    if unused:
        warnings.append(("overrideSettings", f"Not used by this engine: {', '.join(unused)}"))
    return warnings


def _turns(fields: Fields, rules: Mapping[str, str], size: int) -> list[Turn]:
    """The positions to be analysed, in the order of the game."""
    moves = plays(fields, "moves", size)
    if len(moves) > LONGEST:
        raise QueryError("moves", f"Must be at most {LONGEST} moves")
    priorities = _priorities(fields, len(moves))
    game = Game(size, _komi(fields), Rules(suicide=rules.get("suicide") == "TRUE"))
    _place_stones(game, fields)
    first = _first_player(fields, moves, game)
    _play(game, moves)
    turns = []
    for number, priority in sorted(priorities.items()):
        to_move = first if number == 0 else BLACK + WHITE - moves[number - 1][0]
        turns.append(Turn(number, game.at_turn(number), to_move, priority))
    return turns


def _restrictions(fields: Fields, size: int) -> tuple[Restriction, ...]:
    """Restrictions on the moves that are looked at, however deep in the search."""
    found = []
    for name, allowed in RESTRICTIONS.items():
        items = fields.get(name, [])
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise QueryError(name, "Must be an array of objects with player, moves and untilDepth")
        for item in items:
            colour, moves = player(name, item.get("player")), item.get("moves")
            until = integer(item, "untilDepth", 1, LARGEST_DEPTH, within=name)
            if not isinstance(moves, list) or until is None:
                raise QueryError(name, "Must have an array of moves, and an untilDepth, for each player")
            named_moves = frozenset(vertex(name, move, size) for move in moves)
            found.append(Restriction(colour, named_moves, allowed, until))
    return tuple(found)


def _komi(fields: Fields) -> float:
    rules = fields["rules"]
    komi = real_number(fields, "komi", -150, 150)
    komi_of_rules = real_number(rules, "komi", -150, 150, "rules") if isinstance(rules, dict) else None
    return next((found for found in (komi, komi_of_rules) if found is not None), DEFAULT_KOMI)


def _place_stones(game: Game, fields: Fields) -> None:
    stones = plays(fields, "initialStones", game.size) if "initialStones" in fields else []
    if any(point == pass_index(game.size) for _, point in stones):
        raise QueryError("initialStones", "Could not parse board location: pass")
    try:
        game.set_up(stones)
    except IllegalMoveError as error:
        raise QueryError("initialStones", f"Invalid position: {error}") from error


def _first_player(fields: Fields, moves: Sequence[tuple[int, int]], game: Game) -> int:
    if "initialPlayer" in fields:
        return player("initialPlayer", fields["initialPlayer"])
    return moves[0][0] if moves else game.to_move


def _play(game: Game, moves: Sequence[tuple[int, int]]) -> None:
    for number, (colour, move) in enumerate(moves):
        try:
            game.play_recorded(colour, move)
        except IllegalMoveError as error:
            vertex = format_vertex(move, game.size)
            raise QueryError("moves", f"Illegal move {number}: {vertex} ({error.reason})") from error


def _priorities(fields: Fields, last: int) -> dict[int, int]:
    """The priority of each turn that is to be analysed."""
    turns = integers(fields, "analyzeTurns", 0, last) if "analyzeTurns" in fields else [last]
    if "priorities" not in fields:
        priority = integer(fields, "priority", -(2**62), 2**62)
        return dict.fromkeys(turns, priority or 0)
    if "priority" in fields or "analyzeTurns" not in fields:
        raise QueryError("priorities", "Must come with analyzeTurns, and without priority")
    priorities = integers(fields, "priorities", -(2**62), 2**62)
    if len(priorities) != len(turns):
        raise QueryError("priorities", "Must be as many as analyzeTurns")
    return dict(zip(turns, priorities, strict=True))
