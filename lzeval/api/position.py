"""Positions as the API takes and shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from lzeval.api.arguments import finite, whole
from lzeval.errors import IllegalMoveError, RecordError, UserError
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.records.record import GameRecord

PositionLike: TypeAlias = "Position | GameRecord | Path | str | Iterable[str]"
"""A position; a record, a record's file or its SGF text (the position after the last move); or moves, as `"D4 Q16"` or
`["D4", "Q16"]`, on an empty 19x19 board."""


class Position:
    """A position of a game, with the moves that led to it. It never changes: `play` returns another one.

    In a notebook it draws itself.
    """

    def __init__(self, moves: str | Iterable[str] = (), *, size: int = 19, komi: float = 7.5) -> None:
        """The position after `moves`, GTP vertices such as D4 or `pass`, Black first, on an empty board.

        `size` is 2 to 25. Raises UserError for a move that is no vertex of the board or that the rules forbid.
        """
        from lzeval.go.points import LARGEST, SMALLEST

        self._game = Game(whole("size", size, SMALLEST, LARGEST), finite("komi", komi))
        for vertex in moves.split() if isinstance(moves, str) else moves:
            _play(self._game, vertex)

    @classmethod
    def of(cls, position: PositionLike) -> Position:
        """The position that `position` means, in any of the forms of `PositionLike`. Raises UserError."""
        if isinstance(position, Position):
            return position
        if isinstance(position, GameRecord):
            return cls._of_record(position)
        if isinstance(position, Path) or (isinstance(position, str) and not _are_moves(position)):
            return cls.from_sgf(position)
        return cls(position)

    @classmethod
    def from_sgf(cls, record: str | Path, move: int | None = None) -> Position:
        """The position after `move` moves of a game's main line, after all of them where `move` is None.

        `record` is SGF text, or a file in any form that `lzeval review` reads. Raises RecordError, or UserError where
        the game has fewer moves.
        """
        from engines.review.record import played_game
        from lzeval.records.input.one_game import game_texts
        from lzeval.records.reader import read_game

        if isinstance(record, Path) or not record.lstrip().startswith("("):
            source, games = str(record), game_texts(Path(record))
        else:
            source, games = "SGF text", [(record.encode("utf-8", "replace"), "")]
        try:
            text, problem = games[0]
            if problem or len(games) > 1:
                raise ValueError(problem or f"{len(games)} games in one file; split it, or use read_records")
            game = played_game(read_game(text))
        except ValueError as exc:
            raise RecordError(source, str(exc)) from exc
        return cls._of_game(game).at(len(game.moves) if move is None else move)

    @classmethod
    def _of_record(cls, record: GameRecord) -> Position:
        game = Game(record.size, 7.5 if record.komi is None else record.komi)
        stones = [(Colour.BLACK, point) for point in record.setup_black]
        stones += [(Colour.WHITE, point) for point in record.setup_white]
        if stones:
            first = record.moves[0][0] if record.moves else None
            try:
                game.set_up(stones, first, record.handicap)
            except IllegalMoveError as exc:
                raise UserError(f"game {record.game_id}: {exc.reason}") from exc
        for colour, move in record.moves:
            _play_point(game, colour, move)
        return cls._of_game(game)

    @classmethod
    def _of_game(cls, game: Game) -> Position:
        position = cls.__new__(cls)
        position._game = game
        return position

    @property
    def size(self) -> int:
        """Lines of the board."""
        return self._game.size

    @property
    def komi(self) -> float:
        """Points that White gets."""
        return self._game.komi

    @property
    def to_move(self) -> Colour:
        """The side whose turn it is."""
        return self._game.to_move

    @property
    def moves(self) -> tuple[str, ...]:
        """GTP vertices of the moves so far."""
        from lzeval.go.points import format_vertex

        return tuple(format_vertex(move, self.size) for _, move in self._game.moves)

    def play(self, *vertices: str) -> Position:
        """The position after further moves of the players in turn. Raises UserError for an illegal one."""
        game = self._copy(len(self._game.moves))
        for vertex in vertices:
            _play(game, vertex)
        return self._of_game(game)

    def at(self, move: int) -> Position:
        """The position after the first `move` moves. Raises UserError where there are fewer."""
        if not 0 <= move <= len(self._game.moves):
            raise UserError(f"move {move}: the game has {len(self._game.moves)} moves")
        return self._of_game(self._copy(move))

    def _copy(self, move: int) -> Game:
        return self._game.at_turn(move)

    def legal_moves(self) -> tuple[str, ...]:
        """Vertices where the side to move may play, the pass last."""
        from lzeval.go.points import format_vertex

        return tuple(format_vertex(move, self.size) for move in self._game.legal_moves(self._game.to_move))

    def area_score(self) -> float:
        """Black's area minus White's minus komi (Tromp-Taylor), every stone taken for alive."""
        return self._game.area_score()

    def svg(self, labels: Mapping[str, str] | None = None) -> str:
        """The board as an SVG element, the last move ringed; `labels` are short texts by vertex.

        Raises UserError for a label beside the board.
        """
        from lzeval.go.points import parse_vertex
        from lzeval.go.svg import draw_svg

        try:
            points = {parse_vertex(vertex, self.size): text for vertex, text in (labels or {}).items()}
        except ValueError as exc:
            raise UserError(f"labels: {exc}") from exc
        last = self._game.moves[-1][1] if self._game.moves else None
        return draw_svg(self._game.stones, self.size, last, points)

    def _repr_html_(self) -> str:
        return self.svg()

    def __str__(self) -> str:
        return self._game.diagram()

    def __repr__(self) -> str:
        side = self.to_move.word
        return f"<Position {self.size}x{self.size}, {len(self._game.moves)} moves, {side} to move>"


def _are_moves(text: str) -> bool:
    """Tell whether a text is moves, not SGF and not the name of a file."""
    words = text.split()
    return not text.lstrip().startswith("(") and all(
        word.lower() == "pass" or (word[:1].isalpha() and word[1:].isdigit()) for word in words
    )


def _play(game: Game, vertex: str) -> None:
    from lzeval.go.points import parse_vertex

    if not isinstance(vertex, str):
        raise UserError(f"move {len(game.moves) + 1}: {vertex!r} is no vertex; give text such as D4 or pass")
    try:
        move = parse_vertex(vertex, game.size)
    except ValueError as exc:
        raise UserError(f"move {len(game.moves) + 1}: {exc}") from exc
    _play_point(game, game.to_move, move)


def _play_point(game: Game, colour: Colour, move: int) -> None:
    from lzeval.go.points import format_vertex

    try:
        game.play_recorded(colour, move)
    except IllegalMoveError as exc:
        vertex = format_vertex(move, game.size)
        raise UserError(f"move {len(game.moves) + 1}, {vertex}, is illegal ({exc.reason})") from exc
