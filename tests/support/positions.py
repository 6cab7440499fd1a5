"""Games for searches: drawn, random, and with superko in them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lzeval.go.board import BLACK, WHITE
from lzeval.go.game import Game
from lzeval.go.points import parse_vertex


def from_diagram(diagram: str, *last: str, komi: float = 7.5) -> Game:
    """The position drawn (`#` Black, `o` White, top row first), and then the moves `last`, Black's first."""
    rows = [line.split() for line in diagram.strip().splitlines()][::-1]
    game = Game(len(rows), komi)
    for point, cell in enumerate(cell for row in rows for cell in row):
        if cell != ".":
            game.play(BLACK if cell == "#" else WHITE, point)
    for number, vertex in enumerate(last):
        game.play((BLACK, WHITE)[number % 2], parse_vertex(vertex, game.size))
    return game


def random_game(size: int, moves: int, seed: int, komi: float = 7.5, passing: float = 0.1) -> Game:
    """Legal moves at random, a pass with the probability `passing`, colours alternating."""
    random, game = np.random.default_rng(seed), Game(size, komi)
    for _ in range(moves):
        legal = game.legal_moves(game.to_move)
        choice = (
            int(random.choice(legal[:-1])) if len(legal) > 1 and random.random() >= passing else legal[-1]
        )
        if choice == game.pass_move and game.passes:
            break
        game.play(game.to_move, choice)
    return game


def games_with_superko(count: int) -> Iterator[tuple[Game, int]]:
    """Games on 3x3, each with a move that superko forbids the side to move."""
    for seed in range(1000):
        random, game = np.random.default_rng(seed), Game(3)
        while len(game.moves) < 60:
            reasons = {move: game.why_illegal(game.to_move, move) for move in range(9)}
            banned = [move for move, reason in reasons.items() if reason == "superko"]
            legal = [move for move, reason in reasons.items() if reason is None]
            if banned and legal:
                count -= 1
                yield game, banned[0]
                break
            game.play(game.to_move, int(random.choice(legal)) if legal else game.pass_move)
        if not count:
            return
    raise AssertionError("too few games with superko")
