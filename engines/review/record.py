"""Records that are read, annotated and written back with all that was in them.

A comment of ours is one line that begins with `lzeval:`; when a record is reviewed again, it is replaced. Texts are
added as bytes, so that comments in any encoding stay as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.positions import Analysis, play_recorded, set_up
from engines.review.assess import MoveReview
from engines.search.choice import LCB_SHARE_OF_MOST
from lzeval.core.board import BLACK, EMPTY, WHITE, Game
from lzeval.core.errors import IllegalMoveError, RecordError, UserError
from lzeval.core.points import LARGEST, SMALLEST, format_vertex

COLOURS = {"b": BLACK, "w": WHITE}
LETTERS = {BLACK: "b", WHITE: "w"}
NAMES = {BLACK: "Black", WHITE: "White"}
DEFAULT_KOMI = 7.5
OUR_LINE = re.compile(rb"(?:\A|\n\n)lzeval: [^\r\n]*")


@dataclass(frozen=True)
class Record:
    """A record and the game in it."""

    path: Path
    tree: Any
    """sgfmill's Sgf_game."""
    game: Game
    """All moves of the main line played."""
    nodes: Sequence[tuple[Any, int]]
    """The main line: sgfmill's nodes, and how many moves have been played at each."""

    @property
    def players(self) -> tuple[str, str]:
        """Black's and White's name, as far as they are known."""
        black, white = (self.tree.get_player_name(letter) for letter in "bw")
        return black or "Black", white or "White"


def read_record(path: Path) -> Record:
    """The game at `path`. Raises RecordError where there is none, or one that cannot be reviewed."""
    from sgfmill import sgf, sgf_grammar

    try:
        games = sgf_grammar.parse_sgf_collection(path.read_bytes())
        tree = sgf.Sgf_game.from_coarse_game_tree(games[0])
        nodes = tree.get_main_sequence()
        if len(games) > 1:
            raise ValueError(f"{len(games)} games in one file; a review is of one, so split it")
        return _play(path, tree, nodes)
    except OSError as error:
        raise RecordError(path, error.strerror or "cannot be opened") from error
    except (ValueError, LookupError, UserError) as error:
        raise RecordError(path, f"no game to review: {error}") from error


def _play(path: Path, tree: Any, nodes: Sequence[Any]) -> Record:
    game = _new_game(tree)
    stones: dict[int, int] = {}
    played: list[tuple[Any, int]] = []
    for node in nodes:
        if node.has_setup_stones():
            if game.moves:
                raise ValueError(f"stones are set up after move {len(game.moves)}")
            stones.update(_setup(node, game.size))
            set_up(game, [(colour, point) for point, colour in stones.items()])
        letter, point = node.get_move()
        if letter is not None:
            _play_move(game, COLOURS[letter], _index(point, game))
        played.append((node, len(game.moves)))
    if not game.moves:
        raise ValueError("it has no moves")
    return Record(path, tree, game, played)


def _new_game(tree: Any) -> Game:
    size = tree.get_size()
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(f"a {size}x{size} board cannot be played on")
    komi = tree.get_komi() if tree.get_root().has_property("KM") else DEFAULT_KOMI
    return Game(size, komi if math.isfinite(komi) else DEFAULT_KOMI)


def _setup(node: Any, size: int) -> dict[int, int]:
    """The colour, or EMPTY, of each point that the node sets."""
    points = zip((BLACK, WHITE, EMPTY), node.get_setup_stones(), strict=True)
    return {row * size + column: colour for colour, places in points for row, column in places}


def _index(point: tuple[int, int] | None, game: Game) -> int:
    return game.pass_move if point is None else point[0] * game.size + point[1]


def _play_move(game: Game, colour: int, move: int) -> None:
    try:
        play_recorded(game, colour, move)
    except IllegalMoveError as error:
        vertex = format_vertex(move, game.size)
        raise ValueError(
            f"move {len(game.moves) + 1}, {NAMES[colour]} {vertex}, is illegal ({error.reason})"
        ) from error


def annotate(
    record: Record,
    analyses: Sequence[Analysis],
    reviews: Sequence[MoveReview],
    *,
    network: str,
    variations: int = 3,
    longest: int = 10,
) -> None:
    """Write what was found into the record's nodes: Black's winrates, comments and up to `variations` best moves."""
    for node, turn in record.nodes:
        analysis = analyses[turn]
        _set_winrate(node, analysis.winrate_of(BLACK))
        if node.get_raw_move()[0] is not None:
            _comment(node, _verdict(reviews[turn - 1], record.game.size))
            if node.parent is not None:
                _add_variations(record, node.parent, analyses[turn - 1], variations, longest)
        elif node is record.tree.get_root():
            _comment(node, f"reviewed by {network}, {analysis.visits} visits a position")


def _verdict(review: MoveReview, size: int) -> str:
    preferred = (
        "the network's choice" if review.best == review.move else f"best {format_vertex(review.best, size)}"
    )
    answer = f" and {_percent(review.outcome)} after the answer" if review.is_refuted else ""
    return (
        f"winrate of {NAMES[review.colour]} {_percent(review.before)} before the move, "
        f"{_percent(review.after)} after it{answer}, loss {_percent(review.loss)}; {preferred}"
    )


def _percent(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:.1f} %"


def _add_variations(record: Record, parent: Any, analysis: Analysis, most: int, longest: int) -> None:
    """Add the best moves of the position at `parent` below it, but those that the game went on with."""
    enough = LCB_SHARE_OF_MOST * max((move.visits for move in analysis.moves), default=0)
    good = [
        (move, line)
        for move, line in zip(analysis.moves, analysis.lines, strict=True)
        if move.visits >= enough
    ][:most]
    played = parent[0].get_move()
    for move, line in good:
        if _sgf_move(record, analysis.to_move, move.move) != played:
            node = _variation(record, parent, analysis.to_move, line[:longest])
            is_black = analysis.to_move == BLACK
            _set_winrate(node, move.winrate if is_black else 1 - move.winrate)
            _comment(node, f"winrate {_percent(move.winrate)}, {move.visits} visits")


def _sgf_move(record: Record, colour: int, move: int) -> tuple[str, tuple[int, int] | None]:
    """A move as sgfmill has it."""
    is_pass = move == record.game.pass_move
    return LETTERS[colour], None if is_pass else divmod(move, record.game.size)


def _variation(record: Record, parent: Any, colour: int, line: Sequence[int]) -> Any:
    """The first node of a line below `parent`: one that is there already, else a new one with all that follows."""
    first = _sgf_move(record, colour, line[0])
    for child in parent:
        if child.get_move() == first:
            return child
    node, nodes = parent, []
    for move in line:
        node = node.new_child()
        node.set_move(*_sgf_move(record, colour, move))
        nodes.append(node)
        colour = BLACK + WHITE - colour
    return nodes[0]


def _set_winrate(node: Any, of_black: float) -> None:
    """Sabaki's property: Black's winrate at the node, in percent."""
    node.set_raw("SBKV", f"{100 * of_black:.2f}".encode())


def _comment(node: Any, text: str) -> None:
    """Add our line to the node's comment, in the place of an earlier one."""
    before = node.get_raw("C") if node.has_property("C") else b""
    kept = OUR_LINE.sub(b"", before)
    line = f"lzeval: {text}".encode("ascii", "replace").replace(b"\\", b"\\\\").replace(b"]", b"\\]")
    node.set_raw("C", kept + b"\n\n" + line if kept else line)


def serialise(record: Record) -> bytes:
    """The record as a file's content. Raises RecordError."""
    try:
        content: bytes = record.tree.serialise(wrap=None)
    except ValueError as error:
        raise RecordError(record.path, f"cannot be written back: {error}") from error
    return content
