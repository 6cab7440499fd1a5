"""The game of a GTP session as an SGF record, both ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engines.gtp.engine import Colour
from engines.gtp.rules import DEFAULT_RULES, Rules, as_recorded, recorded_suicide
from lzeval.core.errors import RecordError
from lzeval.core.points import LARGEST, SMALLEST, pass_index

Play = tuple[Colour, int]


@dataclass
class Position:
    """A game so far: all that is needed to play it again."""

    size: int
    komi: float | None
    """None where the record does not say."""
    setup: list[Play] = field(default_factory=list)
    """Stones of the starting position, handicap stones among them."""
    moves: list[Play] = field(default_factory=list)
    rules: Rules = DEFAULT_RULES

    @property
    def handicap(self) -> list[int]:
        """The set-up stones if all of them are Black's, else none."""
        points = [point for colour, point in self.setup if colour is Colour.BLACK]
        return points if len(points) == len(self.setup) else []


def read_sgf(path: Path, before_move: int | None = None, rules: Rules = DEFAULT_RULES) -> Position:
    """The main line of the record at `path`, up to and without move `before_move` (1 is the first).

    Its rules are `rules`, but for suicide where the record's own say something of that.

    Raises RecordError if it cannot be read. Whether the moves are legal is for the engine to say.
    """
    from sgfmill import sgf, sgf_moves  # not needed to start

    try:
        game = sgf.Sgf_game.from_bytes(path.read_bytes())
        if not SMALLEST <= game.get_size() <= LARGEST:
            raise ValueError(f"a {game.get_size()}x{game.get_size()} board cannot be played")
        board, plays = sgf_moves.get_setup_and_moves(game)
        komi = float(game.get_komi()) if game.get_root().has_property("KM") else None
        suicide = recorded_suicide(game.get_root().get("RU")) if game.get_root().has_property("RU") else None
    except OSError as error:
        raise RecordError(path, error.strerror or "cannot be opened") from error
    except (ValueError, LookupError) as error:
        raise RecordError(path, f"no readable game: {error}") from error
    size = int(game.get_size())
    setup = [(_colour(colour), row * size + column) for colour, (row, column) in board.list_occupied_points()]
    moves = [(_colour(colour), _index(point, size)) for colour, point in plays]
    kept = moves if before_move is None else moves[: before_move - 1]
    return Position(
        size,
        komi if komi is not None and math.isfinite(komi) else None,
        setup,
        kept,
        rules if suicide is None else replace(rules, suicide=suicide),
    )


def write_sgf(position: Position, application: str) -> str:
    """The record as text; `application` is the program's `name:version`."""
    from sgfmill import sgf

    game = sgf.Sgf_game(position.size)
    root = game.get_root()
    root.set("AP", tuple(application.rsplit(":", 1)))
    if position.komi is not None:
        root.set("KM", position.komi)
    played_by = as_recorded(position.rules)
    if played_by is not None:
        root.set("RU", played_by)
    if position.handicap:
        root.set("HA", len(position.setup))
    if position.setup:
        black, white = (_points(position, colour) for colour in Colour)
        root.set_setup_stones(black, white)
    for colour, move in position.moves:
        point = None if move == pass_index(position.size) else divmod(move, position.size)
        game.extend_main_sequence().set_move(colour.letter, point)
    text: str = game.serialise().decode("utf-8")
    return text


def _points(position: Position, colour: Colour) -> Sequence[tuple[int, int]]:
    return [divmod(point, position.size) for stone, point in position.setup if stone is colour]


def _colour(letter: str) -> Colour:
    return Colour.BLACK if letter == "b" else Colour.WHITE


def _index(point: Any, size: int) -> int:
    return pass_index(size) if point is None else int(point[0]) * size + int(point[1])
