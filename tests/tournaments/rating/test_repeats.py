from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from lzeval.go.colour import Colour
from lzeval.go.points import symmetry_tables
from lzeval.records.record import GameRecord
from lzeval.records.result import win
from tournaments.rating.repeats import canonical_key, distinct_counts, game_identity, without_repeats


def game(moves: list[int], size: int = 5, **facts: object) -> GameRecord:
    record = GameRecord(
        "g", "a", "b", win(Colour.BLACK), tuple(zip([*Colour] * 20, moves, strict=False)), size
    )
    return dataclasses.replace(record, **facts)  # type: ignore[arg-type]


def turned(record: GameRecord, symmetry: int) -> GameRecord:
    table = symmetry_tables(record.size)[symmetry]
    return dataclasses.replace(
        record,
        moves=tuple((colour, int(table[index])) for colour, index in record.moves),
        setup_black=tuple(int(table[index]) for index in reversed(record.setup_black)),
    )


MOVES = st.lists(st.integers(0, 25), max_size=12)
SETUPS = st.lists(st.integers(0, 24), max_size=3, unique=True).map(tuple)


@given(MOVES, SETUPS, st.integers(0, 7))
def test_a_turned_game_is_the_same_game(moves: list[int], setup: tuple[int, ...], symmetry: int) -> None:
    record = game(moves, setup_black=setup)
    assert canonical_key(turned(record, symmetry)) == canonical_key(record)


@given(MOVES, MOVES)
def test_equal_keys_mean_that_some_symmetry_joins_the_games(first: list[int], second: list[int]) -> None:
    views = [turned(game(first), symmetry).moves for symmetry in range(8)]
    assert (canonical_key(game(first)) == canonical_key(game(second))) == (game(second).moves in views)


def test_size_set_up_and_colours_make_a_difference() -> None:
    records = [
        game([3]),
        game([3], size=7),
        game([3], setup_black=(1,)),
        game([3], setup_white=(1,)),
        dataclasses.replace(game([3]), moves=((Colour.WHITE, 3),)),
    ]
    assert len({canonical_key(record) for record in records}) == len(records)


def test_counting_by_stage() -> None:
    # The 5x5 corners 0, 4 are one opening; the games part at the third move.
    games = [game([0, 12, 1]), game([4, 12, 3]), game([0, 12, 6]), game([7])]
    assert distinct_counts(games, at=(1, 2, None)) == {1: 2, 2: 2, None: 3}


def test_identity_asks_for_players_colours_and_outcome() -> None:
    record = game([3, 4])
    others = [
        dataclasses.replace(record, black="b", white="a"),
        dataclasses.replace(record, white="c"),
        dataclasses.replace(record, result=win(Colour.WHITE)),
    ]
    assert len({game_identity(r) for r in [record, *others]}) == 4
    assert game_identity(turned(record, 5)) == game_identity(record)


def test_records_without_moves_are_never_repeats() -> None:
    assert len(without_repeats([game([]), game([]), game([1]), turned(game([1]), 3)])) == 3
