"""Records that are read, annotated and written back with all that was in them.

A comment of ours is one line that begins with `lzeval:`; when a record is reviewed again, it is replaced. Texts are
added as bytes. What is written back is UTF-8, whatever encoding or format the record was in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.review.assess import MoveReview
from engines.search.position_search import PositionAnalysis
from engines.search.settings import SearchSettings
from lzeval.errors import IllegalMoveError, RecordError
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.go.points import format_vertex
from lzeval.go.rules import Rules
from lzeval.records.input.one_game import game_texts
from lzeval.records.play import MOVES
from lzeval.records.reader import ReadGame, read_game

DEFAULT_KOMI = 7.5
_WITHOUT_CONTROLS = bytes(code if code >= 32 or code in b"\t\n\r\f\v" else 32 for code in range(256))
"""Blanks for the control characters that sgfmill takes for no blanks."""
OUR_LINE = re.compile(rb"(?:\A|\n\n)lzeval: [^\r\n]*")


@dataclass(frozen=True)
class Node:
    """A node of the main line."""

    tree_node: Any
    """sgfmill's."""
    before: int
    """Moves played before the node's own."""
    after: int
    """Moves played after it; a node may hold one of either colour."""


@dataclass(frozen=True)
class ReviewedRecord:
    """A record and the game in it."""

    path: Path
    tree: Any
    """sgfmill's Sgf_game."""
    game: Game
    """All moves of the main line played."""
    nodes: Sequence[Node]
    """The main line."""
    remarks: Sequence[str] = ()
    """Departures from what the record says, each in words."""

    @property
    def players(self) -> tuple[str, str]:
        """Black's and White's name, as far as they are known."""
        black, white = (self.tree.get_player_name(letter) for letter in "bw")
        return black or "Black", white or "White"


def read_record(path: Path) -> ReviewedRecord:
    """The game at `path`. Raises RecordError where there is none, or one that cannot be reviewed."""
    games = game_texts(path)
    try:
        text, problem = games[0]
        if problem:
            raise ValueError(problem)
        if len(games) > 1:
            raise ValueError(f"{len(games)} games in one file; a review is of one, so split it")
        read = read_game(text)
        game = played_game(read)
        if not game.moves:
            raise ValueError("it has no moves")
        tree = _tree(text, read.size)
        return ReviewedRecord(path, tree, game, _nodes(tree), read.remarks)
    except ValueError as error:
        raise RecordError(path, f"no game to review: {error}") from error


def played_game(read: ReadGame) -> Game:
    """A record's main line, played on a board. Raises ValueError for a move that is illegal."""
    komi = read.info.komi
    rules = Rules(suicide=bool(read.info.suicide))
    game = Game(read.size, DEFAULT_KOMI if komi is None else komi, rules)
    first = read.play.first_player or next((colour for colour, _ in read.play.moves), None)
    stones = [(colour, point) for point, colour in read.play.setup.items()]
    try:
        game.set_up(stones, first, _handicap(read, first))
    except IllegalMoveError as error:
        raise ValueError(error.reason) from error
    for colour, move in read.play.moves:
        _play_move(game, colour, move)
    return game


def _handicap(read: ReadGame, first: Colour | None) -> int:
    """Stones that Black was given, as HA says or as the position looks like."""
    black_alone = set(read.play.setup.values()) == {Colour.BLACK} and first is Colour.WHITE
    return read.info.handicap or (len(read.play.setup) if black_alone else 0)


def _tree(text: bytes, size: int) -> Any:
    """Sgfmill's tree of the record, to be written back in UTF-8. Raises ValueError."""
    from sgfmill import sgf, sgf_grammar

    try:
        coarse = sgf_grammar.parse_sgf_game(text.translate(_WITHOUT_CONTROLS))
    except ValueError as error:
        raise ValueError(f"its variations cannot be read ({error})") from error
    root = coarse.sequence[0]
    root["CA"], root["SZ"], root["GM"] = [b"UTF-8"], [str(size).encode("ascii")], [b"1"]
    return sgf.Sgf_game.from_coarse_game_tree(coarse)


def _nodes(tree: Any) -> list[Node]:
    nodes: list[Node] = []
    moves = 0
    for node in tree.get_main_sequence():
        before = moves
        moves += sum(node.has_property(name) for name in MOVES)
        nodes.append(Node(node, before, moves))
    return nodes


def _play_move(game: Game, colour: Colour, move: int) -> None:
    try:
        game.play_recorded(colour, move)
    except IllegalMoveError as error:
        vertex = format_vertex(move, game.size)
        raise ValueError(
            f"move {len(game.moves) + 1}, {colour.word.title()} {vertex}, is illegal ({error.reason})"
        ) from error


def annotate(
    record: ReviewedRecord,
    analyses: Sequence[PositionAnalysis],
    reviews: Sequence[MoveReview],
    *,
    network: str,
    variations: int = 3,
    longest: int = 10,
) -> None:
    """Write what was found into the record's nodes: Black's winrates, comments and up to `variations` best moves."""
    for node in record.nodes:
        tree_node, analysis = node.tree_node, analyses[node.after]
        _set_winrate(tree_node, analysis.winrate_of(Colour.BLACK))
        if node.after > node.before:
            verdicts = [_verdict(reviews[turn], record.game.size) for turn in range(node.before, node.after)]
            _comment(tree_node, "; then ".join(verdicts))
            if tree_node.parent is not None:
                _add_variations(record, node, analyses[node.before], variations, longest)
        elif tree_node is record.tree.get_root():
            _comment(tree_node, f"reviewed by {network}, {analysis.visits} visits a position")


def _verdict(review: MoveReview, size: int) -> str:
    preferred = (
        "the network's choice" if review.best == review.move else f"best {format_vertex(review.best, size)}"
    )
    answer = f" and {_percent(review.outcome)} after the answer" if review.is_refuted else ""
    return (
        f"winrate of {Colour(review.colour).word.title()} {_percent(review.before)} before the move, "
        f"{_percent(review.after)} after it{answer}, loss {_percent(review.loss)}; {preferred}"
    )


def _percent(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:.1f} %"


def _add_variations(
    record: ReviewedRecord, node: Node, analysis: PositionAnalysis, most: int, longest: int
) -> None:
    """Add the best moves of the position before `node` beside it, but the one that was played."""
    enough = SearchSettings.lcb_share * max((move.visits for move in analysis.moves), default=0)
    good = [
        (move, line)
        for move, line in zip(analysis.moves, analysis.lines, strict=True)
        if move.visits >= enough
    ][:most]
    for move, line in good:
        if (analysis.to_move, move.move) != record.game.moves[node.before]:
            variation = _variation(record, node.tree_node.parent, analysis.to_move, line[:longest])
            is_black = analysis.to_move == Colour.BLACK
            _set_winrate(variation, move.winrate if is_black else 1 - move.winrate)
            _comment(variation, f"winrate {_percent(move.winrate)}, {move.visits} visits")


def _sgf_move(record: ReviewedRecord, colour: int, move: int) -> tuple[str, tuple[int, int] | None]:
    """A move as sgfmill has it."""
    is_pass = move == record.game.pass_move
    return Colour(colour).letter, None if is_pass else divmod(move, record.game.size)


def _variation(record: ReviewedRecord, parent: Any, colour: int, line: Sequence[int]) -> Any:
    """The first node of a line below `parent`: one that is there already, else a new one with all that follows."""
    first = _sgf_move(record, colour, line[0])
    for child in parent:
        if _move_of(child) == first:
            return child
    node, nodes = parent, []
    for move in line:
        node = node.new_child()
        node.set_move(*_sgf_move(record, colour, move))
        nodes.append(node)
        colour = Colour(colour).opponent
    return nodes[0]


def _move_of(node: Any) -> object:
    """The node's move as sgfmill has it; None if it has none that can be read."""
    try:
        return node.get_move()
    except ValueError:
        return None


def _set_winrate(node: Any, of_black: float) -> None:
    """Sabaki's property: Black's winrate at the node, in percent."""
    node.set_raw("SBKV", f"{100 * of_black:.2f}".encode())


def _comment(node: Any, text: str) -> None:
    """Add our line to the node's comment, in the place of an earlier one."""
    before = node.get_raw("C") if node.has_property("C") else b""
    kept = OUR_LINE.sub(b"", before)
    line = f"lzeval: {text}".encode("ascii", "replace").replace(b"\\", b"\\\\").replace(b"]", b"\\]")
    node.set_raw("C", kept + b"\n\n" + line if kept else line)


def serialise(record: ReviewedRecord) -> bytes:
    """The record as a file's content. Raises RecordError."""
    try:
        content: bytes = record.tree.serialise(wrap=None)
    except ValueError as error:
        raise RecordError(record.path, f"cannot be written back: {error}") from error
    return content
