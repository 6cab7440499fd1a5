"""The game of a GTP session as an SGF record, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lzeval.errors import RecordError
from lzeval.go.colour import Colour
from lzeval.go.rules import DEFAULT_RULES, Rules, as_recorded
from lzeval.records.input.one_game import game_texts
from lzeval.records.nodes import PropertyMap
from lzeval.records.reader import read_game
from lzeval.records.writer import point_value, real_value, serialise_nodes, text_value

ColouredMove = tuple[Colour, int]
FEWEST_STONES = 2
"""Stones of the smallest handicap; SGF knows none of one."""


@dataclass
class GameSoFar:
    """A game so far: all that is needed to play it again."""

    size: int
    komi: float | None
    """None where the record does not say."""
    setup: list[ColouredMove] = field(default_factory=list)
    """Stones of the starting position, handicap stones among them."""
    moves: list[ColouredMove] = field(default_factory=list)
    rules: Rules = DEFAULT_RULES
    handicap: int = 0
    """Stones that Black was given; 0 where the position is none of a handicap game."""
    first_player: Colour | None = None
    """The player said to move first (SGF's PL); None: as `first_to_move` has it."""
    player: Colour | None = None
    """The player said to move now; None: the one who did not move last."""
    remarks: Sequence[str] = ()
    """Departures from what a record says, each in words."""

    @property
    def first_to_move(self) -> Colour:
        """The colour whose turn it is before the first move."""
        if self.first_player is not None:
            return self.first_player
        is_given = len(self.setup) >= FEWEST_STONES and all(
            colour is Colour.BLACK for colour, _ in self.setup
        )
        return Colour.WHITE if self.handicap or is_given else Colour.BLACK

    @property
    def stones_given(self) -> int:
        """Stones that Black has more: the handicap, or a set-up of black stones after which White moves."""
        if self.handicap:
            return self.handicap
        black_alone = all(colour is Colour.BLACK for colour, _ in self.setup)
        return len(self.setup) if black_alone and self.first_to_move is Colour.WHITE else 0


def read_sgf(path: Path, before_move: int | None = None, rules: Rules = DEFAULT_RULES) -> GameSoFar:
    """The main line of the first game in the record at `path`, up to and without move `before_move` (1 is the first).

    Its rules are `rules`, but for suicide where the record's own say something of that. Raises RecordError if it
    cannot be read. Whether the moves are legal is for the engine to say.
    """
    text, problem = game_texts(path)[0]
    if problem:
        raise RecordError(path, problem)
    try:
        game = read_game(text)
    except ValueError as error:
        raise RecordError(path, str(error)) from error
    moves = list(game.play.moves)
    kept = moves if before_move is None else moves[: before_move - 1]
    return GameSoFar(
        game.size,
        game.info.komi,
        [(colour, point) for point, colour in game.play.setup.items()],
        kept,
        rules if game.info.suicide is None else replace(rules, suicide=game.info.suicide),
        game.info.handicap if game.info.handicap >= FEWEST_STONES else 0,
        game.play.first_player,
        game.play.player if len(kept) == len(moves) else None,
        game.remarks,
    )


def write_sgf(position: GameSoFar, application: str) -> str:
    """The record as text; `application` is the program's `name:version`."""
    size = position.size
    root: PropertyMap = {"FF": [b"4"], "GM": [b"1"], "CA": [b"UTF-8"], "SZ": [b"%d" % size]}
    root["AP"] = [text_value(application)]
    if position.komi is not None:
        root["KM"] = [real_value(position.komi)]
    played_by = as_recorded(position.rules)
    if played_by is not None:
        root["RU"] = [text_value(played_by)]
    if position.handicap:
        root["HA"] = [b"%d" % position.handicap]
    for name, colour in (("AB", Colour.BLACK), ("AW", Colour.WHITE)):
        stones = sorted(point_value(point, size) for stone, point in position.setup if stone is colour)
        if stones:
            root[name] = stones
    if position.first_player is not None:
        root["PL"] = [_letter(position.first_player)]
    nodes = [root, *({colour.letter.upper(): [point_value(move, size)]} for colour, move in position.moves)]
    if position.moves and position.player is not None:
        nodes.append({"PL": [_letter(position.player)]})
    return serialise_nodes(nodes).decode("utf-8")


def _letter(colour: Colour) -> bytes:
    return colour.letter.upper().encode("ascii")
