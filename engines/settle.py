"""What becomes of the stones when a position is played out: whose each point is, and which stones are dead.

Networks of Leela Zero know nothing of dead stones: in their world a game is played until nothing is left to take. So
both sides are played by the network, quickly and without search, several times over, until neither has a move that
fills no eye and puts no group of its own into atari; whoever holds a point in most of the ends, owns it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engines.evaluator.base import Evaluator
from lzeval.core.board import (
    BLACK,
    EMPTY,
    WHITE,
    Game,
    fills_own_eye,
    geometry,
    group_liberties,
    new_scratch,
    play_stone,
)
from lzeval.core.points import SYMMETRIES, symmetry_tables

PLAYOUTS = 8
MOVES_A_POINT = 3
"""A playout ends after so many moves for each point of the board, whatever is left."""
LARGEST_THROW_IN = 1
"""Stones that a move may put into atari."""
CLEAR_SHARE = 0.25
"""A stone is dead if its own side holds its point in less than this share of the ends."""


def owners(evaluator: Evaluator, game: Game, to_move: int, seed: int = 1) -> npt.NDArray[np.float64]:
    """`[P]`: of each point the share of ends in which Black holds it, from 0 (White's) to 1."""
    random = np.random.default_rng(seed)
    playouts = [_Playout(game, to_move) for _ in range(PLAYOUTS)]
    planes = np.zeros((evaluator.batch_size, 18, game.size, game.size), np.uint8)
    tables = symmetry_tables(game.size)
    while unfinished := [playout for playout in playouts if not playout.is_over()]:
        for first in range(0, len(unfinished), evaluator.batch_size):
            batch = unfinished[first : first + evaluator.batch_size]
            symmetries = random.integers(0, SYMMETRIES, len(batch))
            for row, playout, symmetry in zip(planes, batch, symmetries, strict=False):
                playout.write_planes(row, tables[symmetry])
            policies = evaluator.evaluate(planes).policy[: len(batch)].copy()
            for playout, policy, symmetry in zip(batch, policies, symmetries, strict=True):
                playout.play(policy[np.argsort(tables[symmetry])])
    shares: npt.NDArray[np.float64] = np.mean([_black_area(playout.game) for playout in playouts], axis=0)
    return shares


def dead_stones(shares: npt.NDArray[np.float64], stones: Sequence[int]) -> list[int]:
    """Points of the stones that lose their point, by what `owners` says."""
    kept = {BLACK: shares, WHITE: 1 - shares}
    return [
        point for point in range(len(shares)) if stones[point] and kept[stones[point]][point] < CLEAR_SHARE
    ]


class _Playout:
    def __init__(self, game: Game, to_move: int) -> None:
        self.game = Game(game.size, game.komi)
        self.game.boards = list(game.boards[-8:])
        self.game.hashes = list(game.hashes)
        self.game.kos = [game.ko if to_move == game.to_move else -1]
        self.game.captures = [(0, 0)]
        self.to_move = to_move
        self._geometry, self._scratch = geometry(game.size), new_scratch(game.size)

    def is_over(self) -> bool:
        return self.game.passes >= 2 or len(self.game.moves) > MOVES_A_POINT * self.game.pass_move

    def write_planes(self, row: npt.NDArray[np.uint8], table: npt.NDArray[np.int16]) -> None:
        """The network's input `[18, S, S]`, turned by `table`."""
        flat = row.reshape(18, -1)
        flat[:] = 0
        for back, board in enumerate(reversed(self.game.boards[-8:])):
            turned = board[table[:-1]]
            flat[back] = turned == self.to_move
            flat[8 + back] = turned == BLACK + WHITE - self.to_move
        flat[16 + (self.to_move == WHITE)] = 1

    def play(self, policy: npt.NDArray[np.float32]) -> None:
        """The likeliest sensible move, else a pass."""
        ranked = np.argsort(-policy[:-1], kind="stable")
        move = next((int(point) for point in ranked if self._is_sensible(int(point))), self.game.pass_move)
        self.game.play(self.to_move, move)
        self.to_move = BLACK + WHITE - self.to_move

    def _is_sensible(self, point: int) -> bool:
        game, colour = self.game, self.to_move
        if game.stones[point] != EMPTY or fills_own_eye(self._geometry, game.stones, point, colour):
            return False
        if not game.is_legal(colour, point):
            return False
        after = game.stones.copy()
        captured, _, _ = play_stone(self._geometry, self._scratch, after, point, colour)
        stones, liberties = group_liberties(self._geometry, self._scratch, after, point)
        return captured > 0 or liberties > 1 or stones <= LARGEST_THROW_IN


def _black_area(game: Game) -> npt.NDArray[np.float64]:
    """`[P]`: 1 where Black has a stone or an area that reaches no White stone, 0 where White has, else 0.5."""
    size, stones = game.size, game.stones[:-1].reshape(game.size, game.size)
    area = np.where(stones == BLACK, 1.0, np.where(stones == WHITE, 0.0, 0.5))
    seen = stones != EMPTY
    for start in zip(*np.nonzero(~seen), strict=True):
        if seen[start]:
            continue
        region, touched, border = [], set(), [(int(start[0]), int(start[1]))]
        seen[start] = True
        while border:
            row, column = border.pop()
            region.append((row, column))
            for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if not (0 <= r < size and 0 <= c < size):
                    continue
                if stones[r, c] != EMPTY:
                    touched.add(int(stones[r, c]))
                elif not seen[r, c]:
                    seen[r, c] = True
                    border.append((r, c))
        if len(touched) == 1:
            for place in region:
                area[place] = 1.0 if touched == {BLACK} else 0.0
    flat: npt.NDArray[np.float64] = area.reshape(-1)
    return flat
