"""Which games are really different games: identity under the eight symmetries of the board."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lzeval.core.points import SYMMETRIES, symmetry_tables
from tournaments.results import GameRecord


def canonical_key(game: GameRecord, moves: int | None = None) -> bytes:
    """The first `moves` moves (None: all), equal if and only if a symmetry turns one game into the other.

    Covers board size, set-up stones and the colour of each move; players, komi and result are no part of it.
    """
    tables = symmetry_tables(game.size).astype(np.int32)
    played = game.moves[:moves]
    indices = np.array([index for _, index in played], np.intp)
    is_white = np.array([colour == "w" for colour, _ in played], np.int32)
    lines = (2 * tables[:, indices] + is_white).astype(">u2")
    black = np.sort(tables[:, np.array(game.setup_black, np.intp)], axis=1).astype(">u2")
    white = np.sort(tables[:, np.array(game.setup_white, np.intp)], axis=1).astype(">u2")
    header = np.array([game.size, black.shape[1], white.shape[1]], ">u2").tobytes()
    views = np.concatenate([black, white, lines], axis=1)
    least: bytes = min(views[symmetry].tobytes() for symmetry in range(SYMMETRIES))
    return header + least


def distinct_counts(
    games: Iterable[GameRecord], at: Sequence[int | None] = (10, 30, 60, None)
) -> dict[int | None, int]:
    """How many different games there are, judged by their first 10, 30, ... moves; None judges by all moves.

    A game that ended earlier is judged by what there is of it.
    """
    seen: dict[int | None, set[bytes]] = {moves: set() for moves in at}
    for game in games:
        for moves, keys in seen.items():
            keys.add(canonical_key(game, moves))
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
