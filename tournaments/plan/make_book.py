"""Program that chose the bundled openings; run it to choose others.

    python -m tournaments.plan.make_book RECORDS.sgf.xz --judge NETWORK --out BOOK.txt

An opening is the first two to six moves of a game record. It is taken if it was played often, if Black won about
half of those games, and if a network finds it even. Of openings that are the same under the symmetries of the board,
or lead to the same position in another order, the most frequent stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from engines.evaluator.base import Evaluator
from engines.evaluator.load import plan_evaluator
from lzeval.go.colour import Colour
from lzeval.go.game import Game
from lzeval.go.openings import spelt
from lzeval.go.planes import planes_of
from lzeval.go.points import symmetry_tables
from lzeval.records.record import GameRecord
from lzeval.records.record_folder import read_games
from lzeval.system.files import write_text_atomically
from lzeval.text.terminal import say

SIZE = 19
LENGTHS = range(2, 7)
FEWEST_GAMES = 8
PRIOR_GAMES = 40
"""Number of imagined games, half of them won, that steady the share of Black's wins."""
LARGEST_LEAN = 0.08
"""Largest distance of that share from one half."""
EVEN_WINRATES = 0.42, 0.58
"""Winrates that the judge may give Black."""

BookOpening = tuple[int, ...]


def count_openings(games: Iterable[GameRecord]) -> dict[BookOpening, tuple[int, int]]:
    """Canonical opening: how many games began with it, and how many of them Black won."""
    counts: dict[BookOpening, tuple[int, int]] = {}
    tables = symmetry_tables(SIZE)
    for game in games:
        if game.size != SIZE or game.handicap or game.setup_black or game.result.winner is None:
            continue
        if any(colour != n % 2 + 1 for n, (colour, _) in enumerate(game.moves[: LENGTHS[-1]])):
            continue
        moves = np.array([move for _, move in game.moves[: LENGTHS[-1]]])
        turned = tables[:, moves]
        for length in LENGTHS:
            if len(moves) >= length and SIZE * SIZE not in moves[:length]:
                key = min(tuple(int(m) for m in row[:length]) for row in turned)
                played, won = counts.get(key, (0, 0))
                counts[key] = played + 1, won + (game.result.winner is Colour.BLACK)
    return counts


def position_key(moves: BookOpening) -> bytes:
    """The stones after `moves`, the same for all symmetries and orders."""
    game = _played(moves)
    stones = np.frombuffer(game.stones, np.int8)
    boards: list[bytes] = [stones[table[:-1]].tobytes() for table in symmetry_tables(SIZE)]
    return min(boards) + bytes([game.to_move])


def _played(moves: BookOpening) -> Game:
    game = Game(SIZE)
    for move in moves:
        game.play(game.to_move, move)
    return game


def black_winrates(openings: list[BookOpening], evaluator: Evaluator) -> npt.NDArray[np.float64]:
    """`[N]`: what the network gives Black after each opening."""
    planes = np.zeros((evaluator.batch_size, 18, SIZE, SIZE), np.uint8)
    winrates = []
    for start in range(0, len(openings), evaluator.batch_size):
        part = openings[start : start + evaluator.batch_size]
        for row, moves in enumerate(part):
            planes[row] = planes_of(_played(moves))
        values = (1 + evaluator.evaluate(planes).value[: len(part)]) / 2
        winrates += [float(v if len(m) % 2 == 0 else 1 - v) for v, m in zip(values, part, strict=True)]
    return np.array(winrates)


def choose_openings(
    counts: dict[BookOpening, tuple[int, int]], evaluator: Evaluator, most: int
) -> list[BookOpening]:
    """The most frequent fair openings, in order of length and then of moves."""
    fair: dict[bytes, BookOpening] = {}
    for moves, (played, won) in sorted(counts.items(), key=lambda item: (-item[1][0], item[0])):
        share = (won + PRIOR_GAMES / 2) / (played + PRIOR_GAMES)
        if played >= FEWEST_GAMES and abs(share - 0.5) <= LARGEST_LEAN:
            fair.setdefault(position_key(moves), moves)
    candidates = list(fair.values())
    winrates = black_winrates(candidates, evaluator)
    low, high = EVEN_WINRATES
    even = [m for m, w in zip(candidates, winrates, strict=True) if low <= w <= high]
    return sorted(even[:most], key=lambda moves: (len(moves), moves))


def main(
    records: list[Path],
    judge: Annotated[str, typer.Option(help="A network that finds openings even or not.")],
    out: Annotated[Path, typer.Option()],
    most: Annotated[int, typer.Option()] = 1000,
) -> None:
    counts = count_openings(game for game in read_games(records) if isinstance(game, GameRecord))
    chosen = choose_openings(counts, plan_evaluator(judge).build(), most)
    lines = [
        "# Even openings, from records of human games; see tournaments/plan/make_book.py. One a line, Black first."
    ]
    write_text_atomically(out, "\n".join([*lines, *(spelt(moves, SIZE) for moves in chosen), ""]))
    say(f"{len(chosen)} openings of {len(counts)}")


if __name__ == "__main__":
    typer.run(main)
