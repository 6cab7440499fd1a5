"""Identity of games: which are the same under the eight symmetries of the board."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from lzeval.go.colour import Colour
from lzeval.go.points import SYMMETRIES, symmetry_tables
from lzeval.records.record import GameRecord

CODE_BYTES = 2
"""Bytes of a move in a key."""


def canonical_key(game: GameRecord, moves: int | None = None) -> bytes:
    """The first `moves` moves (None: all), equal if and only if a symmetry turns one game into the other.

    Covers board size, set-up stones and the colour of each move; players, komi and result are no part of it.
    """
    start, line = _canonical(game)
    return start + (line if moves is None else line[: CODE_BYTES * moves])


def _canonical(game: GameRecord) -> tuple[bytes, bytes]:
    """Set-up and codes of moves, one a move, of that of the game's eight views which sorts first.

    What sorts first in the whole begins with what sorts first in any beginning of it, so both can be cut.
    """
    views, black, white = list(range(SYMMETRIES)), b"", b""
    if game.setup_black or game.setup_white:
        tables = symmetry_tables(game.size)
        stones = [(_sorted(table, game.setup_black), _sorted(table, game.setup_white)) for table in tables]
        black, white = min(stones)
        views = [view for view in views if stones[view] == (black, white)]
    codes = [2 * index + (colour is Colour.WHITE) for colour, index in game.moves]
    coded, as_lists = _coded(game.size)
    for code in codes:
        if len(views) == 1:
            break
        least = min(as_lists[view][code] for view in views)
        views = [view for view in views if as_lists[view][code] == least]
    header = np.array([game.size, len(game.setup_black), len(game.setup_white)], ">u2").tobytes()
    return header + black + white, coded[views[0]][np.array(codes, np.intp)].tobytes()


def _sorted(table: npt.NDArray[np.int16], stones: Sequence[int]) -> bytes:
    return np.sort(table[np.array(stones, np.intp)]).astype(">u2").tobytes()


@cache
def _coded(size: int) -> tuple[npt.NDArray[Any], list[list[int]]]:
    """`[8, 2 * (size * size + 1)]`: where a move, `2 * index` and 1 more for White, goes; big-endian, and as lists."""
    codes = 2 * symmetry_tables(size).astype(np.uint16)[:, :, None] + np.arange(2, dtype=np.uint16)
    flat = codes.reshape(SYMMETRIES, -1)
    return flat.astype(">u2"), [[int(code) for code in row] for row in flat]


def distinct_counts(
    games: Iterable[GameRecord], at: Sequence[int | None] = (10, 30, 60, None)
) -> dict[int | None, int]:
    """Numbers of different games by their first 10, 30, ... moves; None: by all moves.

    A game that ended earlier is judged by what there is of it.
    """
    seen: dict[int | None, set[bytes]] = {moves: set() for moves in at}
    for game in games:
        start, line = _canonical(game)
        for moves, keys in seen.items():
            keys.add(start + (line if moves is None else line[: CODE_BYTES * moves]))
    return {moves: len(keys) for moves, keys in seen.items()}


def game_identity(game: GameRecord) -> tuple[str, str, str, bytes] | None:
    """Equal for two games that carry the same evidence: same players and colours, same moves, same outcome.

    None for a record without moves: nothing is known that could tell it from another.
    """
    if not game.moves:
        return None
    return game.black, game.white, game.result.outcome.value, canonical_key(game)


def without_repeats(games: Iterable[GameRecord]) -> list[GameRecord]:
    """The first of each set of identical games, in order; records without moves are all kept."""
    seen: set[tuple[str, str, str, bytes]] = set()
    kept = []
    for game in games:
        identity = game_identity(game)
        if identity is None or identity not in seen:
            kept.append(game)
        if identity is not None:
            seen.add(identity)
    return kept
