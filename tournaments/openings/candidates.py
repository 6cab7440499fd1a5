"""Candidates for a book: openings that a judge's policy finds plausible, or that records begin with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from lzeval.go.colour import Colour
from lzeval.go.points import symmetry_tables
from lzeval.records.record import GameRecord
from tournaments.openings.judges import Judgement, Moves, played

LENGTHS = range(2, 7)
"""Moves of an opening."""
LOST = 0.2
"""Openings that give a colour a smaller winrate, unsearched, are not looked at further."""
MOST_REPLIES = 8
"""Moves that are tried in a position, the likeliest."""
FEWEST_GAMES = 8
PRIOR_GAMES = 40
"""Number of imagined games, half of them won, that steady the share of Black's points."""
LARGEST_LEAN = 0.08
"""Largest distance of that share from one half."""

Ask = Callable[[str, Sequence[Moves]], Sequence[Judgement]]
"""Judgements of openings without a search; the text says what for."""


def position_key(moves: Moves, size: int) -> bytes:
    """The stones after `moves` and whose turn it is, the same for all symmetries and orders."""
    game = played(moves, size)
    stones = np.frombuffer(game.stones, np.int8)
    boards: list[bytes] = [stones[table[:-1]].tobytes() for table in symmetry_tables(size)]
    return min(boards) + bytes([game.to_move])


def plausible_openings(size: int, width: int, ask: Ask) -> list[Moves]:
    """Openings whose moves the judge finds plausible, none twice under symmetries and orders.

    They grow by a move at a time, `width` of each length at most: in turn those that begin alike, and of these first
    the best reply to each position, then the second ones. What looks lost to either colour grows no further.
    """
    found: list[Moves] = []
    level: list[Moves] = [()]
    for length in range(1, LENGTHS[-1] + 1):
        judgements = ask(f"openings of {length} moves" if length > 1 else "first moves", level)
        grown: dict[bytes, tuple[int, float, Moves]] = {}
        for moves, judgement in zip(level, judgements, strict=True):
            if length > 1 and not LOST <= judgement.winrate <= 1 - LOST:
                continue
            for rank, (key, share, longer) in enumerate(_replies(moves, judgement, size)):
                reached = rank, -share, longer
                grown[key] = min(reached, grown.get(key, reached))
        level = in_turns([moves for *_, moves in sorted(grown.values())])[:width]
        found += level if length in LENGTHS else []
    return found


def _replies(moves: Moves, judgement: Judgement, size: int) -> list[tuple[bytes, float, Moves]]:
    """The likeliest moves that lead to different positions: key, share, and the opening with that move."""
    found: dict[bytes, tuple[bytes, float, Moves]] = {}
    for move, share in judgement.policy:
        key = position_key((*moves, move), size)
        found.setdefault(key, (key, share, (*moves, move)))
        if len(found) == MOST_REPLIES:
            break
    return list(found.values())


def in_turns(openings: Iterable[Moves]) -> list[Moves]:
    """Openings by turns of their lengths and first moves: the first of each, then the second of each, and so on."""
    groups: dict[tuple[int, int], list[Moves]] = defaultdict(list)
    for moves in openings:
        groups[len(moves), moves[0]].append(moves)
    ranked = [(place, first, moves) for first, group in groups.items() for place, moves in enumerate(group)]
    return [moves for *_, moves in sorted(ranked)]


# From records


def count_openings(games: Iterable[GameRecord], size: int) -> dict[Moves, tuple[int, float]]:
    """Canonical opening: how many games began with it, and Black's points in them, half a point for a jigo."""
    counts: dict[Moves, tuple[int, float]] = {}
    tables = symmetry_tables(size)
    for game in games:
        if game.size != size or game.handicap or game.setup_black or not game.result.is_decided:
            continue
        if any(colour != n % 2 + 1 for n, (colour, _) in enumerate(game.moves[: LENGTHS[-1]])):
            continue
        moves = np.array([move for _, move in game.moves[: LENGTHS[-1]]], np.int64)
        turned = tables[:, moves]
        for length in LENGTHS:
            if len(moves) >= length and size * size not in moves[:length]:
                key = min(tuple(int(m) for m in row[:length]) for row in turned)
                played_before, points = counts.get(key, (0, 0.0))
                counts[key] = played_before + 1, points + game.result.score(Colour.BLACK)
    return counts


def frequent_openings(games: Iterable[GameRecord], size: int) -> list[Moves]:
    """Openings that many records begin with and that Black won about half of, the most frequent first.

    Of those that are the same under symmetries, or lead to the same position in another order, the first stays.
    """
    fair: dict[bytes, Moves] = {}
    counts = count_openings(games, size)
    for moves, (number, points) in sorted(counts.items(), key=lambda item: (-item[1][0], item[0])):
        share = (points + PRIOR_GAMES / 2) / (number + PRIOR_GAMES)
        if number >= FEWEST_GAMES and abs(share - 0.5) <= LARGEST_LEAN:
            fair.setdefault(position_key(moves, size), moves)
    return list(fair.values())


# The choice


def choose(
    candidates: Sequence[Moves],
    judged: Mapping[Moves, Judgement],
    size: int,
    count: int,
    lean: float,
    apart: int,
) -> list[Moves]:
    """The openings that are taken, at most `count`: earlier ones first, as far as they are even and new.

    Even: the winrate is at most `lean` from one half. New: the board differs in `apart` points or more from each
    that is taken, however either is turned.
    """
    taken: list[Moves] = []
    boards = np.empty((0, size * size), np.int8)
    tables = symmetry_tables(size)[:, :-1]
    for moves in candidates:
        if len(taken) == count:
            break
        board = np.frombuffer(played(moves, size).stones, np.int8)[: size * size]
        is_new = (boards != board).sum(1).min(initial=size * size) >= apart
        if is_new and abs(judged[moves].winrate - 0.5) <= lean:
            taken.append(moves)
            boards = np.concatenate([boards, board[tables]])
    return taken
